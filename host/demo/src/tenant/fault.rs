//! Faults on order: which request fails, and how.

use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error in Graph's envelope.
    Status {
        /// The HTTP status.
        code: u16,
        /// `error.code`.
        error: String,
        /// `Retry-After`, if there is to be one.
        retry_after: Option<String>,
    },
    /// A refusal in Entra's envelope: OAuth's word, and the number behind `AADSTS`.
    Entra {
        /// `error`.
        error: &'static str,
        /// The first of `error_codes`.
        number: u32,
    },
    /// The true answer, of which so many bytes arrive before the connection closes.
    CutBody(usize),
    /// The connection closes without an answer.
    Drop,
    /// The true answer, after so much real time.
    Slow(Duration),
    /// 200 with something that isn't JSON.
    WrongJson,
    /// 200 with JSON of another shape.
    WrongShape,
    /// The true answer, with its next and delta links at another host: `https://graph.elsewhere.example`.
    ForeignLink(String),
    /// A redirection to another address.
    Redirect(String),
    /// 200 with a JSON body of so many bytes.
    Huge(u64),
}

/// Which requests a rule concerns, counted from when it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    All,
    PathHas(String),
}

/// A fault and when it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    scope: Scope,
    nth: u64,
    times: u64,
    in_batches: bool,
    fault: Fault,
    seen: u64,
}

impl Rule {
    /// Strikes the n-th request from now on, counted from 1.
    pub fn nth(nth: u64, fault: Fault) -> Self {
        Self { scope: Scope::All, nth: nth.max(1), times: 1, in_batches: false, fault, seen: 0 }
    }

    /// Strikes the n-th request from now on whose path with its query has a text, counted from 1.
    pub fn nth_with(nth: u64, text: &str, fault: Fault) -> Self {
        Self { scope: Scope::PathHas(text.to_owned()), ..Self::nth(nth, fault) }
    }

    /// Strikes so many requests in a row.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// Strikes every request from the n-th on.
    #[must_use]
    pub fn for_ever(self) -> Self {
        Self { times: u64::MAX, ..self }
    }

    /// Counts and strikes requests inside of batches too. Those have no connection of their own: only statuses and wrong bodies
    /// strike them.
    #[must_use]
    pub fn in_batches(self) -> Self {
        Self { in_batches: true, ..self }
    }
}

/// The rules in force.
#[derive(Clone, Debug, Default)]
pub struct Script(Vec<Rule>);

impl Script {
    /// One rule more.
    pub fn add(&mut self, rule: Rule) {
        self.0.push(rule);
    }

    /// No rules any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What strikes a request. Every rule counts it; the first one that is due strikes.
    pub fn strike(&mut self, path: &str, in_batch: bool) -> Option<Fault> {
        let plain = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let mut struck = None;
        for rule in &mut self.0 {
            let concerned = match &rule.scope {
                Scope::All => true,
                Scope::PathHas(text) => path.contains(text) || plain.contains(text.as_str()),
            };
            if !concerned || (in_batch && !rule.in_batches) {
                continue;
            }
            rule.seen += 1;
            let due = rule.seen >= rule.nth && rule.seen - rule.nth < rule.times;
            if due && struck.is_none() {
                struck = Some(rule.fault.clone());
            }
        }
        struck
    }
}
