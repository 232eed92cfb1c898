//! The time of day, as an argument: nothing reads the system's clock but [`SystemClock`].

use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in whole milliseconds.
    fn now(&self) -> Timestamp;

    /// Whether it tells the time of day, as other machines do: then it can be held against theirs. One that was set tells what it was set to.
    fn is_of_the_day(&self) -> bool {
        true
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        whole_milliseconds(Timestamp::now().as_millisecond())
    }
}

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// Stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millisecond()))
    }

    /// Sets it.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millisecond(), Ordering::Relaxed);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        whole_milliseconds(self.0.load(Ordering::Relaxed))
    }

    fn is_of_the_day(&self) -> bool {
        false
    }
}

/// What a timestamp gave as milliseconds is one again.
fn whole_milliseconds(since_epoch: i64) -> Timestamp {
    Timestamp::from_millisecond(since_epoch).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_set() {
        let clock = FixedClock::new("2026-11-22T08:00:00Z".parse().unwrap());
        assert_eq!(clock.now().to_string(), "2026-11-22T08:00:00Z");
        clock.set("2026-12-24T18:00:00Z".parse().unwrap());
        assert_eq!(clock.now().to_string(), "2026-12-24T18:00:00Z");
    }
}
