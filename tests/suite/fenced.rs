//! F91: a plugin can only hurt itself. Plugins that misbehave on purpose are ended as their own fault, within their limits; neighbours
//! and fresh instances work on.

#![allow(clippy::panic, clippy::unwrap_used)]

mod answers;
mod budgets;
mod grants;
mod neighbours;

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use usher_runtime::contract::hook::Candidate;
use usher_runtime::contract::model::{Fault, ObjectRef, User, Value};
use usher_runtime::contract::source::{Change, Coverage, Next, Page, Position};
use usher_runtime::limits::TICK_MS;
use usher_runtime::{
    CallError, FaultKind, Grant, Limits, LoadError, Method, Plugin, PluginFault, Policy, Runtime,
    RuntimeOptions,
};
use usher_services::{Level, Services};

const NOW: &str = "2026-11-22T08:00:00Z";

fn runtime() -> Runtime {
    Runtime::new(RuntimeOptions::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/compiled"))).unwrap()
}

async fn plugin(runtime: &Runtime, path: &str) -> Plugin {
    runtime.load(std::fs::read(path).unwrap()).await.unwrap()
}

fn services() -> Services {
    Services::new(NOW.parse().unwrap())
}

fn everything() -> Grant {
    Grant::of(["files", "schedule", "storage"])
}

/// Small enough that every misdeed ends at once.
fn small() -> Limits {
    Limits { cpu_ms: 100, wall_ms: 20_000, memory_bytes: 32 << 20, host_calls: 1_000, ..Limits::method() }
}

/// The hostile method, about to do `act`.
async fn method(runtime: &Runtime, act: &str, limits: &Limits, services: &Services) -> Method {
    let plugin = plugin(runtime, env!("HOSTILE_METHOD")).await;
    let mut method = runtime
        .method(&plugin, &everything(), services.offer(), limits, services.environment(7))
        .await
        .unwrap();
    method.configure(&json!({ "act": act }).to_string()).await.unwrap().unwrap();
    method
}

/// The hostile policy, about to do `act`.
async fn policy(runtime: &Runtime, act: &str, limits: &Limits) -> Policy {
    let plugin = plugin(runtime, env!("HOSTILE_POLICY")).await;
    let services = services();
    let mut policy = runtime
        .policy(&plugin, &Grant::none(), services.offer(), limits, services.environment(7))
        .await
        .unwrap();
    policy.configure(&json!({ "act": act }).to_string()).await.unwrap().unwrap();
    policy
}

fn broken<T: std::fmt::Debug>(answer: Result<T, CallError>) -> PluginFault {
    match answer {
        Err(CallError::Broken(fault)) => fault,
        other => panic!("not broken: {other:?}"),
    }
}

/// How a page of a hostile read ends, and that a fresh instance reads on.
async fn misdeed(runtime: &Runtime, act: &str, limits: &Limits) -> PluginFault {
    let services = services();
    let mut method = method(runtime, act, limits, &services).await;
    let fault = broken(method.read(&Position::Fresh).await);
    assert_eq!(broken(method.read(&Position::Fresh).await).kind, FaultKind::Gone, "{act}");
    behaves(runtime).await;
    fault
}

async fn behaves(runtime: &Runtime) {
    let mut fresh = method(runtime, "behave", &Limits::method(), &services()).await;
    assert_eq!(fresh.read(&Position::Fresh).await.unwrap().changes.len(), 1);
}

/// Without the line in the hostile source, which moves.
pub(crate) fn placeless(said: &impl ToString) -> String {
    let said = said.to_string();
    let mut parts = said.split(".rs:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
        format!("{text}.rs:LINE:{rest}")
    })
}

fn candidates(number: usize) -> Vec<Candidate> {
    let user = |n| User { id: format!("u{n}"), user_name: None, active: None, attributes: Vec::new() };
    (0..number).map(|n| Candidate { user: user(n), groups: Vec::new(), manager: None }).collect()
}

fn ids(page: &Page) -> Vec<&str> {
    page.changes
        .iter()
        .map(|change| match change {
            Change::User(user) => user.id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}
