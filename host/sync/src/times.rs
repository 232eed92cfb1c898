//! Which time a run goes by, where the host's clock may be wrong now or may have been wrong before.
//!
//! What ends by the clock ends by the clock alone, and nobody is deleted over a leap of it before somebody has seen that. Where the database has a
//! clock of its own, no run begins while the two tell different days. For the rest, what a run keeps is told by a clock that never goes back a
//! little: somebody who leaves while it is behind would else have had a part of his grace already when it is right again.

use crate::host::Host;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use usher_store::{LEAP_DAYS, StoreError};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What the times were when a run began.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    began: i64,
    /// What the tenant's last run carries.
    last: Option<i64>,
}

impl Times {
    /// Holds the host's clock against the database's, and looks up the tenant's past.
    pub async fn of(host: &Host, tenant: i64) -> Result<Self, StoreError> {
        let began = host.now();
        if host.clock.is_of_the_day() {
            host.store.agrees_on_time(began).await?;
        }
        Ok(Self { began, last: host.store.last_time(tenant).await? })
    }

    /// The time for what is kept now: the clock's, or the last run's where the clock is a little behind it. No run takes a day, so a clock that
    /// says so, or that it ended before it began, is not believed.
    pub fn stamp(&self, host: &Host) -> i64 {
        let now = host.now();
        let now = if (self.began..=self.began + DAY_MS).contains(&now) { now } else { self.began };
        // Behind by more, either of the two may be years off: that one isn't handed on, and what it did to anybody's grace is a leap.
        self.last.filter(|last| *last > now && last - now <= LEAP_DAYS * DAY_MS).unwrap_or(now)
    }

    /// What is to be said of a clock that is behind. Clocks that nobody keeps in step differ by minutes.
    pub fn note(&self) -> Option<String> {
        let last = self.last.filter(|last| last - self.began > HOUR_MS)?;
        let moment = |at: i64| {
            let at = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(TimeZone::UTC);
            at.strftime("%Y-%m-%d %H:%M UTC").to_string()
        };
        Some(format!(
            "this host's clock says {}, but the last run carries {}: one of the two is wrong. Grace periods are counted by the clock: look whether \
             it is right",
            moment(self.began),
            moment(last)
        ))
    }
}
