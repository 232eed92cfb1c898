//! How the tenant answers: sizes of pages, hard behaviour, what an expired token gets, throttling.

use std::time::Duration;

/// How much a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Users in a page of `/users/delta`.
    pub users: usize,
    /// Groups in a page of `/groups/delta`.
    pub groups: usize,
    /// Members of a group in one go; the group comes again with the next ones.
    pub members_a_slice: usize,
    /// Objects in a page of a list without `$top`.
    pub list: usize,
}

impl Default for Pages {
    fn default() -> Self {
        Self { users: 200, groups: 100, members_a_slice: 1_000, list: 100 }
    }
}

/// Hard behaviour that Microsoft documents for delta queries and that rarely shows. Each is a switch of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unruly {
    /// Pages without objects, with a next link.
    pub empty_pages: bool,
    /// Objects come more than once: older states first, the newest last.
    pub replays: bool,
    /// Objects come in any order.
    pub shuffled: bool,
    /// The slices of a group lie apart, other groups between them.
    pub interleaved: bool,
    /// The first round also tells what was deleted lately.
    pub removed_first: bool,
    /// Ids change their case from one place to the next.
    pub changing_case: bool,
}

impl Unruly {
    /// All of it at once.
    pub fn all() -> Self {
        Self {
            empty_pages: true,
            replays: true,
            shuffled: true,
            interleaved: true,
            removed_first: true,
            changing_case: true,
        }
    }
}

/// What somebody gets who comes with a delta token that isn't known any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpiredToken {
    /// 400 with an error code.
    BadRequest(String),
    /// 410 with an error code and where to begin anew.
    Gone(String),
}

impl Default for ExpiredToken {
    fn default() -> Self {
        Self::BadRequest("syncStateNotFound".to_owned())
    }
}

/// So many requests in so much of the tenant's time; more get 429.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many are answered. Each item of a batch is one.
    pub requests: u32,
    /// How long until as many are answered again.
    pub window: Duration,
    /// What `Retry-After` says.
    pub retry_after: RetryAfter,
}

/// What `Retry-After` of a throttled request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// The whole seconds until the window ends.
    Remaining,
    /// This, which may be fractional.
    Text(String),
    /// It isn't there.
    Missing,
}
