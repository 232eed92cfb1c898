//! What a guest may use. Every number has its reason here, and an operator can override each by name.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// How often the ticker advances the epoch, and so how finely processor time is measured: short enough that a busy guest gives the
/// thread back before a neighbour notices, long enough that a hundred wake-ups a second cost nothing.
pub const TICK_MS: u64 = 10;

/// A policy's processor time a batch: a batch of 1,000 users takes a compiled hook 2 ms, an interpreted one about 15 ms; the rest is
/// for long lists, and for a machine that is slower or busy.
pub const POLICY_CPU_MS: u64 = 250;
/// A method's processor time a page: an interpreted method makes a page of 1,000 users in about 15 ms; the rest is for
/// methods that must index a whole file before their first page.
pub const METHOD_CPU_MS: u64 = 5_000;

/// A policy has nothing to wait for; this catches one that sleeps.
pub const POLICY_WALL_MS: u64 = 5_000;
/// A page of a slow source over a slow line takes seconds; after a minute it won't come. Waiting for a throttled source isn't
/// charged to it.
pub const METHOD_WALL_MS: u64 = 60_000;

/// A batch of 1,000 users with groups and managers takes a few MiB; the rest is for lists in settings and for an interpreter.
pub const POLICY_MEMORY_BYTES: u64 = 64 << 20;
/// Room for an index over a file of a million rows.
pub const METHOD_MEMORY_BYTES: u64 = 256 << 20;

/// A table has an entry for each function that is called through a pointer: hundreds in a plugin in Rust, thousands in an interpreter.
pub const TABLE_ELEMENTS: u64 = 100_000;
/// Core instances in one component: a handful in a plugin in Rust, dozens where an interpreter is linked from parts.
pub const INSTANCES: u64 = 200;
/// Open WASI handles: there is nothing to open but standard streams and timers.
pub const HANDLES: u64 = 256;

/// What one call may hand over at once, either way out of the sandbox: a page of 10,000 users with 20 attributes each.
pub const TRANSFER_BYTES: u64 = 16 << 20;
/// Calls to the host while one page is made: far above a page of log lines and chunks, far below what would keep the host busy.
pub const HOST_CALLS: u64 = 10_000;
/// What passes between guest and host in such calls while one page is made: as much as fits the guest's memory.
pub const HOST_BYTES: u64 = 256 << 20;
/// Log text a call: an operator won't read more.
pub const LOG_BYTES: u64 = 64 << 10;

/// Changes a page: ten times what the contract recommends.
pub const CHANGES: u64 = 10_000;
/// The longest single text: longer than any attribute of a person, an image in a data URL aside.
pub const TEXT_BYTES: u64 = 64 << 10;
/// The longest token or cursor: what a walk through some 25,000 groups still has before it.
pub const TOKEN_BYTES: u64 = 1 << 20;
/// Attributes of one record, and values of one attribute.
pub const ATTRIBUTES: u64 = 1_000;

/// Longest source id (`wit/model.wit`): part of the contract, so not a limit that can be raised.
pub const ID_BYTES: usize = 512;
/// Longest sentence for the operator; what is longer is cut.
pub const SENTENCE_BYTES: usize = 2_000;

/// The limits of one instance. Times are in milliseconds, sizes in bytes; "a call" is one call of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Processor time a call.
    pub cpu_ms: u64,
    /// Time a call by the clock on the wall, waiting included.
    pub wall_ms: u64,
    /// All linear memory of the instance together.
    pub memory_bytes: u64,
    /// All table elements of the instance together.
    pub table_elements: u64,
    /// Core instances.
    pub instances: u64,
    /// Open handles.
    pub handles: u64,
    /// What a single answer, or a single call to the host, may carry out of the sandbox.
    pub transfer_bytes: u64,
    /// Calls to the host, a call.
    pub host_calls: u64,
    /// What passes in calls to the host both ways, a call.
    pub host_bytes: u64,
    /// Text handed to the log, a call.
    pub log_bytes: u64,
    /// Changes a page; entries of any other list in an answer.
    pub changes: u64,
    /// The longest single text in an answer.
    pub text_bytes: u64,
    /// The longest token or cursor.
    pub token_bytes: u64,
    /// Attributes of a record; values of an attribute.
    pub attributes: u64,
}

/// An override that isn't one.
#[derive(Debug, thiserror::Error)]
#[error("limits: {0}")]
pub struct BadLimits(String);

impl Limits {
    /// For methods.
    pub fn method() -> Self {
        Self {
            cpu_ms: METHOD_CPU_MS,
            wall_ms: METHOD_WALL_MS,
            memory_bytes: METHOD_MEMORY_BYTES,
            table_elements: TABLE_ELEMENTS,
            instances: INSTANCES,
            handles: HANDLES,
            transfer_bytes: TRANSFER_BYTES,
            host_calls: HOST_CALLS,
            host_bytes: HOST_BYTES,
            log_bytes: LOG_BYTES,
            changes: CHANGES,
            text_bytes: TEXT_BYTES,
            token_bytes: TOKEN_BYTES,
            attributes: ATTRIBUTES,
        }
    }

    /// For policies.
    pub fn policy() -> Self {
        Self {
            cpu_ms: POLICY_CPU_MS,
            wall_ms: POLICY_WALL_MS,
            memory_bytes: POLICY_MEMORY_BYTES,
            ..Self::method()
        }
    }

    /// These limits with some replaced: an object of the fields' names and numbers.
    pub fn overridden(&self, with: &Json) -> Result<Self, BadLimits> {
        let bad = |error: serde_json::Error| BadLimits(error.to_string());
        let mut all = serde_json::to_value(self).map_err(bad)?;
        match (all.as_object_mut(), with.as_object()) {
            (Some(all), Some(with)) => all.extend(with.clone()),
            _ => return Err(BadLimits("must be a table of names and numbers".into())),
        }
        serde_json::from_value(all).map_err(bad)
    }

    /// Ticks of processor time a call.
    pub(crate) fn ticks(&self) -> u64 {
        self.cpu_ms.div_ceil(TICK_MS).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operator_overrides_single_limits() {
        let raised = Limits::policy().overridden(&json!({ "cpu_ms": 900 })).unwrap();
        assert_eq!(raised, Limits { cpu_ms: 900, ..Limits::policy() });
    }

    #[test]
    fn a_misspelt_limit_is_named() {
        let error = Limits::policy().overridden(&json!({ "cpu": 900 })).unwrap_err();
        assert!(error.to_string().starts_with("limits: unknown field `cpu`"), "{error}");
    }
}
