//! WASI, linked empty: the interfaces that compilers' standard libraries import are there, and there is nothing behind them.
//!
//! No file, no argument, no variable of the environment; standard input is at its end, standard output goes nowhere, and of
//! standard error the last lines are kept for the fault. Sockets aren't linked at all. Clocks and randomness come from the run,
//! so that a run can be repeated from its record.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiView};

/// Standard error that is kept: enough for a panic's message.
const STDERR_BYTES: usize = 4 << 10;

/// Random bytes given at once: they are made on the host's time and outside the guest's memory, and a hash map's seed takes 16.
const RANDOM_BYTES: u64 = 64 << 10;

/// Where a run's clock and randomness start.
#[derive(Clone, Copy, Debug)]
pub struct RunEnvironment {
    /// The wall clock, which doesn't move while the run goes on.
    pub now: SystemTime,
    /// What random numbers are made from.
    pub seed: u64,
}

/// The interfaces of WASI 0.2 that are linked.
const LINKED: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Whether an import is part of the empty WASI.
pub(crate) fn is_linked(import: &str) -> bool {
    import
        .split_once('@')
        .is_some_and(|(name, version)| LINKED.contains(&name) && version.starts_with("0.2."))
}

/// Links [`LINKED`].
pub(crate) fn link<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    cli::environment::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::exit::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_input::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_output::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stdin::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stdout::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    cli::terminal_stderr::add_to_linker::<T, WasiCli>(linker, T::cli)?;
    filesystem::preopens::add_to_linker::<T, WasiFilesystem>(linker, T::filesystem)?;
    filesystem::types::add_to_linker::<T, WasiFilesystem>(linker, T::filesystem)?;
    random::insecure::add_to_linker::<T, WasiRandom>(linker, T::random)?;
    random::insecure_seed::add_to_linker::<T, WasiRandom>(linker, T::random)?;
    Ok(())
}

/// The context of one instance.
pub(crate) fn context(run: &RunEnvironment, stderr: &Tail) -> WasiCtx {
    WasiCtx::builder()
        .wall_clock(Still(run.now))
        .monotonic_clock(Steps::default())
        .secure_random(ChaCha8Rng::seed_from_u64(run.seed))
        .insecure_random(ChaCha8Rng::seed_from_u64(run.seed.wrapping_add(1)))
        .insecure_random_seed(u128::from(run.seed))
        .max_random_size(RANDOM_BYTES)
        .stderr(stderr.clone())
        .build()
}

/// A wall clock that stands still.
struct Still(SystemTime);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

/// A monotonic clock that advances a microsecond each time it is read: it satisfies whoever waits for it to move, and tells the same
/// in every repetition. Real time would make runs differ and let a guest measure its neighbours.
#[derive(Default)]
struct Steps(AtomicU64);

impl HostMonotonicClock for Steps {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// The end of what a guest writes to its standard error; the beginning is forgotten.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes.iter().skip(bytes.len().saturating_sub(STDERR_BYTES)));
        let surplus = kept.len().saturating_sub(STDERR_BYTES);
        kept.drain(..surplus);
    }

    /// The last line, or the whole message where it is a Rust panic's.
    pub(crate) fn last_words(&self) -> Option<String> {
        let bytes: Vec<u8> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE"))
            .collect();
        let panic = lines.iter().rposition(|line| line.contains("panicked at ")).unwrap_or(lines.len());
        let words = match lines.get(panic..) {
            Some([place, message @ ..]) => {
                let place = place.split_once("panicked at ").map_or(*place, |(_, place)| place);
                format!("at {place} {}", message.join(" "))
            }
            _ => (*lines.last()?).to_owned(),
        };
        Some(crate::escape::one_line(&words, crate::limits::SENTENCE_BYTES))
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Tail {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_one_line() {
        let tail = Tail::default();
        tail.push(b"starting\n\nthread '<unnamed>' (1) panicked at src/lib.rs:7:9:\nno such row\nnote: run with `RUST_BACKTRACE=1`\n");
        assert_eq!(tail.last_words().unwrap(), "at src/lib.rs:7:9: no such row");
    }

    #[test]
    fn only_the_end_of_a_flood_is_kept() {
        let tail = Tail::default();
        for line in 0..10_000 {
            tail.push(format!("line {line}\n").as_bytes());
        }
        assert_eq!(tail.last_words().unwrap(), "line 9999");
        assert!(tail.0.lock().unwrap().len() <= STDERR_BYTES);
    }
}
