//! One run: read → admit → match → plan → guard → apply → report.
//!
//! A test run, a preview and a real run are this one code path; they part only at the end, where a real run may apply the plan that
//! everybody has seen.

mod absence;
mod admit;
mod authorisation;
mod catalogue;
mod chain;
mod convert;
mod correlate;
mod fault;
mod host;
mod mirror;
mod offer;
mod orphans;
mod plan;
mod plan_managers;
mod plan_records;
mod progress;
mod read;
mod report;
mod run;
mod sign_in;
mod stage;
mod switch;
mod times;
mod undo;
mod why;

pub use authorisation::{Authorisation, Blocked, GRANT};
pub use catalogue::{Catalogue, Entry, PluginError};
pub use fault::{Class, Fault};
pub use host::{Host, HostOptions};
pub use offer::serves;
pub use orphans::OrphansRequest;
pub use progress::{Phase, Progress, Silent};
pub use report::{GroupCounts, MembershipCounts, Report, RunResult, UserCounts};
pub use run::{Consent, RunRequest};
pub use sign_in::{Secrets, TOKENS};
pub use undo::UndoRequest;
pub use why::{Origin, Step, Why};
