//! What was asked, for tests and the curious; and what throttling counts.

use super::settings::{Budget, RetryAfter};
use super::state::Moment;
use std::collections::VecDeque;

/// How many requests are remembered.
const REMEMBERED: usize = 100_000;

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// From 1, in the order of arrival.
    pub number: u64,
    /// `GET`.
    pub method: String,
    /// With the query, as it was sent.
    pub path: String,
    /// The status of the answer; 0 where the connection was closed instead.
    pub status: u16,
    /// Method, path and status of the items of a batch.
    pub items: Vec<BatchItem>,
}

/// A request inside of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchItem {
    /// `GET`.
    pub method: String,
    /// With the query, as it was sent.
    pub path: String,
    /// The status of its answer.
    pub status: u16,
}

/// The last requests.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    number: u64,
    log: VecDeque<Logged>,
}

impl Requests {
    /// A new request's number.
    pub fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Remembers an answered request.
    pub fn push(&mut self, logged: Logged) {
        if self.log.len() == REMEMBERED {
            self.log.pop_front();
        }
        self.log.push_back(logged);
    }

    /// Those remembered.
    pub fn all(&self) -> Vec<Logged> {
        self.log.iter().cloned().collect()
    }

    /// Forgets them. Numbers go on.
    pub fn clear(&mut self) {
        self.log.clear();
    }
}

/// What is left of a budget.
#[derive(Clone, Debug)]
pub struct Throttle {
    budget: Budget,
    began: Moment,
    spent: u32,
}

impl Throttle {
    /// Nothing spent.
    pub fn new(budget: Budget, now: Moment) -> Self {
        Self { budget, began: now, spent: 0 }
    }

    /// Spends one request. `Err` is what `Retry-After` says.
    pub fn spend(&mut self, now: Moment) -> Result<(), Option<String>> {
        let window = self.budget.window.as_secs_f64();
        let past = now.duration_since(self.began).as_secs_f64();
        if past >= window || past < 0.0 {
            (self.began, self.spent) = (now, 0);
        }
        if self.spent < self.budget.requests {
            self.spent += 1;
            return Ok(());
        }
        Err(match &self.budget.retry_after {
            RetryAfter::Remaining => Some(format!("{:.0}", (window - past.max(0.0)).ceil().max(1.0))),
            RetryAfter::Text(text) => Some(text.clone()),
            RetryAfter::Missing => None,
        })
    }
}
