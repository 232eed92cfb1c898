//! The time of day, as an argument: nothing reads the system's clock but [`SystemClock`].

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use usher_runtime::BoxFuture;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in whole milliseconds.
    fn now(&self) -> Timestamp;

    /// Whether it tells the time of day, as other machines do: then it can be held against theirs. One that was set tells what it was set to.
    fn is_of_the_day(&self) -> bool {
        true
    }

    /// How to wait by it.
    fn pauses(&self) -> Arc<dyn Pauses> {
        Arc::new(RealPauses)
    }
}

/// Makes pauses. Time and chance are arguments, so that tests need neither.
pub trait Pauses: Send + Sync {
    /// Returns after this time.
    fn pause(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// A number from 0 to below 1, another one each time: hosts that fail together don't come back together.
    fn chance(&self) -> f64;
}

/// Real time and real chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealPauses;

impl Pauses for RealPauses {
    fn pause(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn chance(&self) -> f64 {
        let mut bytes = [0_u8; 4];
        // Without randomness the pause is the longest of its kind, which is right as well.
        if aws_lc_rs::rand::fill(&mut bytes).is_err() {
            return 1.0 - f64::EPSILON;
        }
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Under a clock that stands still nobody waits.
#[derive(Clone, Copy, Debug, Default)]
struct NoPauses;

impl Pauses for NoPauses {
    fn pause(&self, _: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::task::yield_now())
    }

    fn chance(&self) -> f64 {
        0.5
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

    fn pauses(&self) -> Arc<dyn Pauses> {
        Arc::new(NoPauses)
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

    #[test]
    fn chance_is_a_fraction() {
        let chances: Vec<f64> = (0..64).map(|_| RealPauses.chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(chances.windows(2).any(|pair| (pair[0] - pair[1]).abs() > f64::EPSILON));
    }
}
