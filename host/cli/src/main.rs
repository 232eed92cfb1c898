//! The `usher` command.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use usher_cli::{Console, usher};
use usher_services::SystemClock;

/// Every thread of its own takes from a heap of its own in glibc, and gives nothing back from there: of 240 MB that a first sync of 100,000 people and a
/// million memberships had at the most, 80 were lying in such heaps. One heap costs no time here, since hardly two threads work at once.
#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn one_heap() {
    // SAFETY: mallopt(3) only sets a number of the allocator's, here before there is a second thread. Where it is refused, all stays as it was.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(not(target_env = "gnu"))]
fn one_heap() {}

fn main() -> ExitCode {
    one_heap();
    let filter = tracing_subscriber::EnvFilter::try_from_env("USHER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,sqlx=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .init();
    let console = Console::new(
        Box::new(stdout()),
        Box::new(stderr()),
        stdin().is_terminal() && stdout().is_terminal(),
        stderr().is_terminal(),
    );
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads to run on: {error}");
            return ExitCode::from(1);
        }
    };
    ExitCode::from(runtime.block_on(usher(std::env::args_os(), console, Arc::new(SystemClock))))
}
