//! Where and when figures were taken, and how busy it was there: without that they say nothing.

use std::fs::read_to_string;

/// The date, the processor, its cores, the memory, the system, and how many threads wanted to run.
pub fn line() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor =
        field("/proc/cpuinfo", "model name", ':').unwrap_or_else(|| "an unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal", ':')
        .and_then(|text| text.strip_suffix("kB")?.trim().parse::<u64>().ok())
        .map_or_else(|| "unknown memory".to_owned(), |kib| format!("{} GiB", (kib + (1 << 19)) >> 20));
    let system = field("/etc/os-release", "PRETTY_NAME", '=')
        .map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let day = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().nth(2).unwrap_or("unknown").to_owned();
    format!(
        "Measured {day} on {processor}, {cores} cores, {memory}, {system}, Linux {}; load of the last quarter of an hour {load}.",
        kernel.trim()
    )
}

/// The first value of a name in a file of names and values.
fn field(path: &str, name: &str, between: char) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let value =
        text.lines().find_map(|line| line.split_once(between).filter(|(key, _)| key.trim() == name))?.1;
    Some(value.trim().to_owned())
}
