//! A program as a child of this one: how long it took, how much of a processor, and the most memory it had.

use crate::error::{Error, system};
use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the kernel is asked for the high-water mark. It never falls, so only what grows in the last moment is missed.
const WATCH_EVERY: Duration = Duration::from_millis(5);
/// In what the kernel counts processor time: `USER_HZ`, which is 100 a second wherever Usher runs.
const TICK: Duration = Duration::from_millis(10);

/// How a program ran.
#[derive(Debug)]
pub struct Ran {
    /// From its start to its end.
    pub wall: Duration,
    /// The processor time of all its threads, in the kernel's ticks of 10 ms; nothing where the kernel has no `/proc`.
    pub cpu: Duration,
    /// The most memory it had resident at once, in bytes; 0 where the kernel has no `/proc`.
    pub peak: u64,
    /// What it printed on standard output.
    pub out: String,
}

/// Runs a program that must end with 0.
pub fn run(command: &mut Command) -> Result<Ran, Error> {
    let typed = typed(command);
    let failed = |source| Error::System { what: format!("run `{typed}`"), source };
    // Files, not pipes: nobody has to empty them while the clock runs.
    let (mut out, mut err) = (tempfile::tempfile().map_err(failed)?, tempfile::tempfile().map_err(failed)?);
    command
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(failed)?)
        .stderr(err.try_clone().map_err(failed)?);
    let before = ticks().unwrap_or(0);
    let started = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let (id, ended) = (child.id(), AtomicBool::new(false));
    let (status, wall, peak) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(id, &ended));
        let status = child.wait();
        let wall = started.elapsed();
        ended.store(true, Ordering::Relaxed);
        (status, wall, watching.join().unwrap_or(0))
    });
    let status = status.map_err(failed)?;
    let out = text(&mut out)?;
    if !status.success() {
        let status = status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        return Err(Error::Program { command: typed, status, said: format!("{out}{}", text(&mut err)?) });
    }
    let cpu = TICK.saturating_mul(ticks().unwrap_or(0).saturating_sub(before));
    Ok(Ran { wall, cpu, peak, out })
}

fn watch(id: u32, ended: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !ended.load(Ordering::Relaxed) {
        peak = high_water(id).unwrap_or(0).max(peak);
        std::thread::sleep(WATCH_EVERY);
    }
    peak
}

/// What ended children have used: `cutime` and `cstime` of proc_pid_stat(5), counted behind the name in brackets, which can hold anything.
fn ticks() -> Option<u32> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut children = fields.split_whitespace().skip(13).map(str::parse::<u32>);
    children.next()?.ok()?.checked_add(children.next()?.ok()?)
}

/// `VmHWM` of proc_pid_status(5), in bytes.
fn high_water(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn text(file: &mut File) -> Result<String, Error> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(system("read what was printed"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn typed(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_timed_and_heard() {
        let ran = run(Command::new("sh").args(["-c", "echo heard; sleep 0.05"])).unwrap();
        assert_eq!(ran.out, "heard\n");
        assert!(ran.wall >= Duration::from_millis(50));
    }

    #[test]
    fn one_that_fails_is_no_measurement() {
        let error = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c echo why >&2; exit 3` ended with 3:\nwhy\n");
    }
}
