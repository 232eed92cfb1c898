//! Named points of a run at which a test makes the program die or stand still: `USHER_FAILPOINT=apply.users:2=kill` is the second time that
//! users are applied. And how long locks are waited for, where a test can't: `USHER_LOCK_WAIT=200`, in milliseconds; from how many
//! rows on a table is filled in bulk: `USHER_MANY_ROWS=100`. Only builds with debug assertions have any of this.

use std::time::Duration;

/// A point of a run is reached.
#[inline]
pub fn failpoint(name: &str) {
    #[cfg(debug_assertions)]
    armed::reached(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// How long a lock is waited for: so long, unless a test says otherwise.
pub(crate) fn lock_wait(usual: Duration) -> Duration {
    #[cfg(debug_assertions)]
    let usual = std::env::var("USHER_LOCK_WAIT")
        .ok()
        .and_then(|wait| wait.parse().ok())
        .map_or(usual, Duration::from_millis);
    usual
}

/// How many rows are many: so many, unless a test says otherwise.
pub(crate) fn many_rows(usual: i64) -> i64 {
    #[cfg(debug_assertions)]
    let usual = std::env::var("USHER_MANY_ROWS").ok().and_then(|many| many.parse().ok()).unwrap_or(usual);
    usual
}

#[cfg(debug_assertions)]
mod armed {
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        time: u64,
        signal: Signal,
    }

    fn armed() -> Option<&'static Armed> {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let read = || {
            let text = std::env::var("USHER_FAILPOINT").ok()?;
            let (point, action) = text.split_once('=')?;
            let (name, time) = match point.split_once(':') {
                Some((name, time)) => (name, time.parse().ok()?),
                None => (point, 1),
            };
            let signal = if action == "stop" { Signal::STOP } else { Signal::KILL };
            Some(Armed { name: name.to_owned(), time, signal })
        };
        ARMED.get_or_init(read).as_ref()
    }

    pub(super) fn reached(name: &str) {
        static TIMES: AtomicU64 = AtomicU64::new(0);
        let Some(armed) = armed().filter(|armed| armed.name == name) else { return };
        if TIMES.fetch_add(1, Ordering::SeqCst) + 1 == armed.time {
            // It can't be caught, so nothing is tidied up; stopped, it goes on from here.
            let _ = kill_process(getpid(), armed.signal);
        }
    }
}
