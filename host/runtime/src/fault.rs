//! How a call can fail: the plugin answered with a fault of the contract, or it broke and was thrown away.
//!
//! Numbers and trap codes are turned into a [`FaultKind`] here, once; from then on only kinds and sentences are seen.

use crate::contract::model::Fault;
use crate::escape::one_line;
use crate::limits::{Limits, SENTENCE_BYTES};
use std::fmt;
use std::str::Utf8Error;
use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::{I32Exit, ResourceTableError};

/// Why a call gave nothing.
#[derive(Clone, Debug)]
pub enum CallError {
    /// The plugin answered so; it goes on working.
    Fault(Fault),
    /// The plugin broke; the instance is gone.
    Broken(PluginFault),
}

impl fmt::Display for CallError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(out),
            Self::Fault(fault) => match fault {
                Fault::Throttled(None) => out.write_str("the source asks to wait"),
                Fault::Throttled(Some(seconds)) => write!(out, "the source asks to wait {seconds} s"),
                Fault::Auth(why) => write!(out, "sign-in is needed: {why}"),
                Fault::Permission(why) => write!(out, "a right is missing: {why}"),
                Fault::Settings(problem) => write!(out, "setting {}: {}", problem.place, problem.why),
                Fault::CursorExpired => out.write_str("the source can't go on from where the last run ended"),
                Fault::ResumeLost => out.write_str("the source can't go on with this read"),
                Fault::Network(why) => write!(out, "network: {why}"),
                Fault::Source(why) => write!(out, "source: {why}"),
                Fault::Bug(why) => write!(out, "a bug in the plugin: {why}"),
            },
        }
    }
}

impl std::error::Error for CallError {}

impl From<PluginFault> for CallError {
    fn from(broken: PluginFault) -> Self {
        Self::Broken(broken)
    }
}

/// What a plugin broke on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// Its processor time was spent.
    CpuBudget,
    /// It took too long by the clock on the wall.
    Timeout,
    /// It wanted more memory, tables, instances or handles than it may have.
    Memory,
    /// It called itself too deep.
    StackOverflow,
    /// It trapped: a panic, a division by zero, an exit.
    Trap,
    /// It handed over more than fits.
    TooMuchData,
    /// It called the host too often.
    TooManyHostCalls,
    /// It answered with what the contract doesn't allow.
    BadAnswer,
    /// It needs an interface that it didn't ask for, wasn't granted, or that isn't offered here.
    Ungranted,
    /// An earlier call broke this instance.
    Gone,
    /// Not the plugin's doing: the host runs as many as it can.
    Busy,
}

/// A plugin that broke, in words a person can act on.
#[derive(Clone, Debug)]
pub struct PluginFault {
    /// The plugin's id.
    pub plugin: String,
    /// The export that was called; empty where none was.
    pub call: &'static str,
    /// What kind of break.
    pub kind: FaultKind,
    /// What happened, to follow the name of the call: "used more than 250 ms of processor time".
    pub what: String,
    /// The limit that it ran into, by its name in [`Limits`].
    pub limit: Option<&'static str>,
    /// What it wrote to its standard error last, usually a panic's message; one bounded line.
    pub said: Option<String>,
}

impl fmt::Display for PluginFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.call {
            "" => write!(out, "plugin {} {}", self.plugin, self.what)?,
            call => write!(out, "plugin {}: `{call}` {}", self.plugin, self.what)?,
        }
        if let Some(said) = &self.said {
            write!(out, " ({said})")?;
        }
        match (self.kind, self.limit) {
            (FaultKind::Timeout, Some(limit)) => {
                write!(out, "; look whether its source answers, or raise its limit `{limit}`")
            }
            (_, Some(limit)) => write!(out, "; tell its author, or raise its limit `{limit}`"),
            (FaultKind::Ungranted, None) => {
                out.write_str("; grant it when adding the plugin, if you trust it with this")
            }
            (FaultKind::Gone, None) => out.write_str("; start a fresh instance"),
            (FaultKind::Busy, None) => out.write_str("; try again in a while"),
            _ => out.write_str("; this is a bug, tell its author"),
        }
    }
}

impl std::error::Error for PluginFault {}

/// What the fences raise inside a guest, to be told apart from its own traps.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("used more than {0} ms of processor time and was stopped")]
    Cpu(u64),
    #[error("wanted more than {0} bytes of memory")]
    Memory(u64),
    #[error("wanted more than {0} table elements")]
    Table(u64),
    #[error("called the host more than {0} times")]
    HostCalls(u64),
    #[error("exchanged more than {0} bytes with the host")]
    HostBytes(u64),
    #[error("wrote more than {0} bytes to the log")]
    LogBytes(u64),
    #[error("called {0}, which isn't there")]
    Absent(String),
}

impl Stop {
    fn ended(&self) -> Ended {
        let (kind, limit) = match self {
            Self::Cpu(_) => (FaultKind::CpuBudget, Some("cpu_ms")),
            Self::Memory(_) => (FaultKind::Memory, Some("memory_bytes")),
            Self::Table(_) => (FaultKind::Memory, Some("table_elements")),
            Self::HostCalls(_) => (FaultKind::TooManyHostCalls, Some("host_calls")),
            Self::HostBytes(_) => (FaultKind::TooMuchData, Some("host_bytes")),
            Self::LogBytes(_) => (FaultKind::TooMuchData, Some("log_bytes")),
            Self::Absent(_) => (FaultKind::Ungranted, None),
        };
        Ended { kind, what: self.to_string(), limit }
    }
}

/// How a call ended without a usable answer.
pub(crate) struct Ended {
    pub(crate) kind: FaultKind,
    /// To follow the name of the call.
    pub(crate) what: String,
    pub(crate) limit: Option<&'static str>,
}

impl Ended {
    /// For reasons that no limit can be raised for.
    pub(crate) fn by(kind: FaultKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), limit: None }
    }

    /// It ran into a limit.
    pub(crate) fn at(limit: &'static str, kind: FaultKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), limit: Some(limit) }
    }

    /// What an error of Wasmtime means.
    pub(crate) fn with(error: &wasmtime::Error, limits: &Limits) -> Self {
        if let Some(stop) = error.downcast_ref::<Stop>() {
            return stop.ended();
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return match trap {
                Trap::StackOverflow => Self::by(FaultKind::StackOverflow, "called itself too deep"),
                Trap::UnreachableCodeReached => Self::by(FaultKind::Trap, "panicked"),
                other => {
                    let what = other.to_string();
                    Self::by(FaultKind::Trap, format!("trapped: {}", what.trim_start_matches("wasm trap: ")))
                }
            };
        }
        if let Some(I32Exit(status)) = error.downcast_ref::<I32Exit>() {
            return Self::by(FaultKind::Trap, format!("ended itself with exit status {status}"));
        }
        if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
            let what = format!("opened more than {} handles", limits.handles);
            return Self::at("handles", FaultKind::Memory, what);
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::by(FaultKind::Busy, "found no room: the host runs as many plugins as it can");
        }
        if error.is::<Utf8Error>() {
            return Self::by(FaultKind::BadAnswer, "handed over text that isn't UTF-8");
        }
        let cause = error.root_cause().to_string();
        // Wasmtime keeps the types of these two to itself.
        if cause.contains("fuel allocated for hostcalls") {
            let what = format!("handed over more than {} bytes at once", limits.transfer_bytes);
            return Self::at("transfer_bytes", FaultKind::TooMuchData, what);
        }
        if cause.contains("resource limit exceeded") {
            return Self::at("instances", FaultKind::Memory, one_line(&cause, SENTENCE_BYTES));
        }
        Self::by(FaultKind::BadAnswer, format!("broke the contract: {}", one_line(&cause, SENTENCE_BYTES)))
    }
}
