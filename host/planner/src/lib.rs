//! Decides what a run would change: pure functions of what is stored and what came in, one record at a time.
//!
//! No I/O, no clock, no randomness: the day is an argument, ids are made elsewhere. The same input gives the same lines in
//! the same order, whatever the size of the source's pages, and a plan of an applied state is empty.

mod decide;
mod graph;
mod guard;
mod line;
mod paths;
mod scope;

pub use decide::{
    Bond, Departure, Incoming, LEAVING, LINKED, Origin, PATH, Rules, StoredGroup, StoredUser, Target,
    differs, group, user,
};
pub use graph::{GroupGraph, GroupNode};
pub use guard::{Count, GuardRules, Hold, judge};
pub use line::{Action, Change, Changes, Line, Loss, PlanHash, PlanHasher, RecordKind};
pub use paths::{MAX_PATHS, Paths};
pub use scope::{GroupTypes, InScope, Outside, Scope};
