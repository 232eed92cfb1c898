//! What the author of a plugin depends on: implement [`Method`] or [`Policy`] for a type and register it.
//!
//! The bindings of the contract lie hidden behind these two traits; its types are re-exported under their own names.
//! Settings are a Rust struct: its JSON Schema is what the operator sees.

mod about;
mod contract;
pub mod host;
mod method;
mod policy;
mod schema;
mod values;

pub use about::{About, Absence, Capabilities, Reads};
pub use contract::model::{
    BadRecord, Counts, Fault, Group, GroupKind, MemberKind, MemberSlice, Membership, ObjectRef, Problem,
    User, Value,
};
pub use contract::policy::{Candidate, Decision, Edit, GroupName, Verdict};
pub use contract::source::{
    Change, Coverage, Estimate, Finding, GroupPage, GroupQuery, GroupSummary, MemberPage, Next, Page,
    Position, Presence, Report, Seal, Standing,
};
pub use method::{Method, Scope};
pub use policy::Policy;
pub use schema::one_line_each;
pub use {schemars, serde, serde_json};

/// What the registering macros expand to; not for use by hand.
#[doc(hidden)]
pub mod registered {
    pub use crate::contract::{
        about_world, export_about, export_hook, export_source, hook_world, source_world,
    };
    pub use crate::method::configure_method;
    pub use crate::policy::configure_policy;
}
