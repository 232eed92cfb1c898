//! `schedule`: the run's clock, and when to run again.

use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use usher_runtime::contract::model::Fault;
use usher_runtime::{Functions, LinkError, Service, one_line};

/// The run's moment, and the earliest moment at which a plugin asked to be run again.
#[derive(Clone, Debug)]
pub struct Schedule {
    now: Timestamp,
    wake: Arc<Mutex<Option<Timestamp>>>,
}

impl Schedule {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, wake: Arc::default() }
    }

    /// The earliest moment asked for, if any. Never before the run's own moment.
    pub fn wake(&self) -> Option<Timestamp> {
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_at(&self, moment: &str) -> Result<(), Fault> {
        let moment: Timestamp = moment.parse().map_err(|_| {
            Fault::Bug(format!("asked to be woken at `{}`, which isn't RFC 3339", one_line(moment, 64)))
        })?;
        let moment = moment.max(self.now);
        let mut wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        *wake = Some(wake.map_or(moment, |earlier| earlier.min(moment)));
        Ok(())
    }
}

impl Service for Schedule {
    const INTERFACE: &'static str = "schedule";

    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError> {
        functions
            .quick("now", |schedule: &mut Schedule, ()| (schedule.now.to_string(),))?
            .quick("wake-at", |schedule: &mut Schedule, (moment,): (String,)| (schedule.wake_at(&moment),))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_wish_counts_and_never_lies_in_the_past() {
        let schedule = Schedule::new("2026-11-22T08:00:00Z".parse().unwrap());
        schedule.wake_at("2026-11-25T00:00:00+01:00").unwrap();
        schedule.wake_at("2026-11-26T00:00:00Z").unwrap();
        assert_eq!(schedule.wake().unwrap().to_string(), "2026-11-24T23:00:00Z");
        schedule.wake_at("1999-01-01T00:00:00Z").unwrap();
        assert_eq!(schedule.wake().unwrap().to_string(), "2026-11-22T08:00:00Z");
    }

    #[test]
    fn a_moment_that_is_none_is_the_plugins_bug() {
        let schedule = Schedule::new(Timestamp::UNIX_EPOCH);
        assert!(matches!(schedule.wake_at("soon"), Err(Fault::Bug(why)) if why.contains("`soon`")));
        assert_eq!(schedule.wake(), None);
    }
}
