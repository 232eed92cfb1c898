//! How a call is tried again: how often, after which pauses, and when it is enough.

use crate::clock::{Pauses, RealPauses};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How failed requests are tried again within one call.
#[derive(Clone)]
pub struct Pace {
    /// The first pause, where the server doesn't say how long; each further one is twice as long.
    pub base: Duration,
    /// The longest such pause.
    pub cap: Duration,
    /// Requests in all, the first among them.
    pub tries: u32,
    /// What all pauses of one call may take together. Who must wait longer is told so, and isn't held up.
    pub patience: Duration,
    /// How pauses are made.
    pub pauses: Arc<dyn Pauses>,
}

impl Default for Pace {
    /// 1 s doubling to 30 s, 5 tries, at most 30 s: half of what a plugin's call may take by the clock on the wall.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
            tries: 5,
            patience: Duration::from_secs(30),
            pauses: Arc::new(RealPauses),
        }
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, cap, tries, patience, pauses: _ } = self;
        write!(out, "Pace({base:?} to {cap:?}, {tries} tries, {patience:?})")
    }
}

/// Why a call isn't tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GaveUp {
    /// The server asks for a longer pause than there is patience left.
    TooLong(Duration),
    /// It was tried often enough, or waited for long enough.
    Tried(u32),
}

/// The tries of one call.
pub(crate) struct Tries<'a> {
    pace: &'a Pace,
    made: u32,
    waited: Duration,
}

impl Pace {
    pub(crate) fn begin(&self) -> Tries<'_> {
        Tries { pace: self, made: 0, waited: Duration::ZERO }
    }
}

impl Tries<'_> {
    /// A try came to nothing after having taken this long in waiting for an answer; pauses before the next one.
    /// `asked` is the pause that the server wants.
    pub(crate) async fn again(&mut self, asked: Option<Duration>, spent: Duration) -> Result<(), GaveUp> {
        self.made += 1;
        self.waited = self.waited.saturating_add(spent);
        let left = self.pace.patience.saturating_sub(self.waited);
        if let Some(asked) = asked.filter(|asked| *asked > left) {
            return Err(GaveUp::TooLong(asked));
        }
        let pause = asked.unwrap_or_else(|| self.backoff());
        if self.made >= self.pace.tries || pause > left || (left.is_zero() && !spent.is_zero()) {
            return Err(GaveUp::Tried(self.made));
        }
        self.waited += pause;
        self.pace.pauses.pause(pause).await;
        Ok(())
    }

    /// Doubles with each try; half of it is left to chance.
    fn backoff(&self) -> Duration {
        let doubled = 2_u32.checked_pow(self.made.saturating_sub(1)).unwrap_or(u32::MAX);
        let longest = self.pace.base.saturating_mul(doubled).min(self.pace.cap);
        longest.mul_f64(0.5 + self.pace.pauses.chance().clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
pub(crate) mod still {
    //! Pauses that take no time and are written down.

    use super::*;
    use crate::clock::Pauses;
    use std::sync::Mutex;
    use usher_runtime::BoxFuture;

    #[derive(Default)]
    pub(crate) struct StillPauses(Mutex<Vec<Duration>>);

    impl StillPauses {
        pub(crate) fn made(&self) -> Vec<Duration> {
            self.0.lock().unwrap().clone()
        }
    }

    impl Pauses for StillPauses {
        fn pause(&self, time: Duration) -> BoxFuture<'_, ()> {
            self.0.lock().unwrap().push(time);
            Box::pin(tokio::task::yield_now())
        }

        fn chance(&self) -> f64 {
            1.0
        }
    }

    /// The production pace, without the waiting.
    pub(crate) fn still() -> (Pace, Arc<StillPauses>) {
        let pauses = Arc::new(StillPauses::default());
        (Pace { pauses: pauses.clone(), ..Pace::default() }, pauses)
    }
}

#[cfg(test)]
mod tests {
    use super::still::still;
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn seconds(pauses: &still::StillPauses) -> Vec<u64> {
        pauses.made().iter().map(Duration::as_secs).collect()
    }

    #[tokio::test]
    async fn pauses_double_until_it_was_tried_often_enough() {
        let (pace, pauses) = still();
        let mut tries = pace.begin();
        for _ in 0..4 {
            tries.again(None, NONE).await.unwrap();
        }
        assert_eq!(tries.again(None, NONE).await, Err(GaveUp::Tried(5)));
        assert_eq!(seconds(&pauses), [1, 2, 4, 8]);
    }

    #[tokio::test]
    async fn what_the_server_asks_for_counts_until_patience_ends() {
        let (pace, pauses) = still();
        let mut tries = pace.begin();
        tries.again(Some(Duration::from_secs(20)), NONE).await.unwrap();
        let twenty = Some(Duration::from_secs(20));
        assert_eq!(tries.again(twenty, NONE).await, Err(GaveUp::TooLong(Duration::from_secs(20))));
        assert_eq!(seconds(&pauses), [20]);
        let at_once = pace.begin().again(Some(Duration::from_secs(31)), NONE).await;
        assert_eq!(at_once, Err(GaveUp::TooLong(Duration::from_secs(31))));
    }

    #[tokio::test]
    async fn a_try_that_took_all_patience_was_the_last() {
        let (pace, _) = still();
        assert_eq!(pace.begin().again(None, Duration::from_secs(60)).await, Err(GaveUp::Tried(1)));
        assert_eq!(pace.begin().again(None, Duration::from_secs(10)).await, Ok(()));
    }
}
