//! The host's side of the contract in `wit/`, as `bindgen!` writes it.
//!
//! Both worlds share one set of types, re-exported here by interface. Host functions are not bound here: they are linked one by
//! one through [`crate::Functions`], so that none can get past the door.

#[allow(missing_docs, unsafe_code, clippy::all, clippy::indexing_slicing, clippy::unwrap_used)]
mod method_world {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "method",
        imports: { default: async | trappable },
        exports: { default: async },
        additional_derives: [Clone, PartialEq],
    });
}

#[allow(missing_docs, unsafe_code, clippy::all, clippy::indexing_slicing, clippy::unwrap_used)]
mod policy_world {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "policy",
        imports: { default: async | trappable },
        exports: { default: async },
        additional_derives: [Clone, PartialEq],
        with: {
            "usher:plugin/model": super::method_world::usher::plugin::model,
            "usher:plugin/log": super::method_world::usher::plugin::log,
        },
    });
}

pub(crate) use method_world::Method as MethodWorld;
pub(crate) use policy_world::Policy as PolicyWorld;

/// Users, groups, memberships, and what can go wrong.
pub mod model {
    pub use super::method_world::usher::plugin::model::{
        BadRecord, Counts, Fault, Group, GroupKind, MemberKind, MemberSlice, Membership, ObjectRef, Problem,
        SourceId, User, Value,
    };
}

/// What a method exports.
pub mod source {
    pub use super::method_world::exports::usher::plugin::source::{
        Change, Coverage, Estimate, Finding, GroupPage, GroupQuery, GroupSummary, MemberPage, Next, Page,
        Position, Presence, Report, Seal, Standing,
    };
}

/// What a policy exports.
pub mod hook {
    pub use super::policy_world::exports::usher::plugin::hook::{
        Candidate, Decision, Edit, GroupName, GroupRef, Verdict,
    };
}

/// The connection's files.
pub mod files {
    pub use super::method_world::usher::plugin::files::File;
}

/// Microsoft Graph.
pub mod graph {
    pub use super::method_world::usher::plugin::graph::{Failure, Link, Page, Place, Refusal, Request};
}

/// Lines for the operator.
pub mod log {
    pub use super::method_world::usher::plugin::log::Level;
}
