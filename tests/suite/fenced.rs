//! F91: a plugin can only hurt itself. Plugins that misbehave on purpose are ended as their own fault, within their limits; neighbours
//! and fresh instances work on.

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use usher_runtime::contract::hook::Candidate;
use usher_runtime::contract::model::{Fault, ObjectRef, User, Value};
use usher_runtime::contract::source::{Change, Coverage, Next, Page, Position};
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

#[tokio::test]
async fn f91_a_method_that_never_ends_is_stopped() {
    let runtime = runtime();
    let fault = misdeed(&runtime, "spin", &small()).await;
    assert_eq!(fault.kind, FaultKind::CpuBudget);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `read` used more than 100 ms of processor time and was stopped; tell its author, or raise its limit `cpu_ms`");
}

#[tokio::test]
async fn f91_memory_is_bounded() {
    let runtime = runtime();
    for act in ["grow", "huge-page"] {
        let limits = Limits { cpu_ms: 60_000, ..small() };
        let fault = misdeed(&runtime, act, &limits).await;
        assert_eq!(fault.kind, FaultKind::Memory);
        assert_eq!(
            fault.to_string(),
            "plugin hostile-method: `read` wanted more than 33554432 bytes of memory; tell its author, or raise its \
             limit `memory_bytes`"
        );
    }
}

#[tokio::test]
async fn f91_endless_recursion_ends_at_the_stack() {
    let fault = misdeed(&runtime(), "recurse", &Limits::method()).await;
    assert_eq!(fault.kind, FaultKind::StackOverflow);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `read` called itself too deep; this is a bug, tell its author");
}

#[tokio::test]
async fn f91_a_panic_is_told_in_its_own_words_but_cant_forge_lines() {
    let fault = misdeed(&runtime(), "panic", &small()).await;
    assert_eq!(fault.kind, FaultKind::Trap);
    insta::assert_snapshot!(fault, @r"plugin hostile-method: `read` panicked (at tests/plugins/hostile/src/acts.rs:22:20: the ledger doesn't \u{1b}[31mbalance); this is a bug, tell its author");
}

#[tokio::test]
async fn f91_only_the_last_words_of_a_mutterer_are_kept() {
    let fault = misdeed(&runtime(), "mutter", &Limits::method()).await;
    insta::assert_snapshot!(fault, @"plugin hostile-method: `read` panicked (at tests/plugins/hostile/src/acts.rs:29:13: muttered enough); this is a bug, tell its author");
}

#[tokio::test]
async fn f91_an_exit_is_a_fault() {
    let fault = misdeed(&runtime(), "exit", &small()).await;
    assert_eq!(fault.kind, FaultKind::Trap);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `read` ended itself with exit status 1; this is a bug, tell its author");
}

#[tokio::test]
async fn f91_a_panic_midway_leaves_the_first_page_whole() {
    let runtime = runtime();
    let mut method = method(&runtime, "panic-midway", &small(), &services()).await;
    let first = method.read(&Position::Fresh).await.unwrap();
    assert_eq!((ids(&first), &first.next), (vec!["first"], &Next::More("on".into())));
    let fault = broken(method.read(&Position::Resume("on".into())).await);
    assert_eq!(fault.kind, FaultKind::Trap);
    assert!(fault.to_string().contains("lost the second page"), "{fault}");
    behaves(&runtime).await;
}

#[tokio::test]
async fn f91_a_sleeper_is_woken_by_its_timeout() {
    let limits = Limits { wall_ms: 200, ..small() };
    let fault = misdeed(&runtime(), "sleep", &limits).await;
    assert_eq!(fault.kind, FaultKind::Timeout);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `read` took longer than 200 ms and was stopped; look whether its source answers, or raise its limit `wall_ms`");
}

#[tokio::test]
async fn f91_the_host_isnt_called_a_million_times() {
    let fault = misdeed(&runtime(), "host-calls", &small()).await;
    assert_eq!(fault.kind, FaultKind::TooManyHostCalls);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `read` called the host more than 1000 times; tell its author, or raise its limit `host_calls`");
}

#[tokio::test]
async fn f91_the_log_isnt_flooded() {
    let runtime = runtime();
    let services = services();
    let mut method = method(&runtime, "flood", &small(), &services).await;
    let fault = broken(method.read(&Position::Fresh).await);
    assert_eq!(fault.kind, FaultKind::TooMuchData);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `read` wrote more than 65536 bytes to the log; tell its author, or raise its limit `log_bytes`");
    let kept: usize = services.lines().iter().map(|line| line.text.len()).sum();
    assert!(kept <= 64 << 10, "{kept}");
}

#[tokio::test]
async fn f91_log_lines_cant_be_forged() {
    let runtime = runtime();
    let services = services();
    let mut method = method(&runtime, "whisper", &small(), &services).await;
    method.read(&Position::Fresh).await.unwrap();
    let lines = services.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].level, lines[0].text.as_str()), (Level::Info, r"one line\nand another\u{7}"));
}

#[tokio::test]
async fn f91_answers_are_bounded() {
    let runtime = runtime();
    let roomy = Limits { cpu_ms: 60_000, memory_bytes: 256 << 20, ..small() };
    let mut said = Vec::new();
    for act in ["wide-page", "long-page"] {
        let fault = misdeed(&runtime, act, &roomy).await;
        assert_eq!(fault.kind, FaultKind::TooMuchData, "{fault}");
        said.push(fault.to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    plugin hostile-method: `read` handed over more than 16777216 bytes at once; tell its author, or raise its limit `transfer_bytes`
    plugin hostile-method: `read` gave 10001 changes at once; 10000 fit; tell its author, or raise its limit `changes`
    ");
}

#[tokio::test]
async fn f91_text_that_isnt_text_is_a_bad_answer() {
    let runtime = runtime();
    let mut said = Vec::new();
    for act in ["not-utf8", "absurd-length"] {
        let fault = misdeed(&runtime, act, &small()).await;
        assert_eq!(fault.kind, FaultKind::BadAnswer, "{fault}");
        said.push(fault.to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    plugin hostile-method: `read` handed over text that isn't UTF-8; this is a bug, tell its author
    plugin hostile-method: `read` broke the contract: string pointer/length out of bounds of memory; this is a bug, tell its author
    ");
}

#[tokio::test]
async fn f91_a_record_with_a_bad_id_doesnt_stop_the_others() {
    let mut method = method(&runtime(), "bad-ids", &small(), &services()).await;
    let page = method.read(&Position::Fresh).await.unwrap();
    let read: Vec<_> = page
        .changes
        .iter()
        .map(|change| match change {
            Change::User(user) => user.id.clone(),
            Change::Unreadable(record) => format!("{}: {}", record.place, record.why),
            other => panic!("{other:?}"),
        })
        .collect();
    insta::assert_snapshot!(read.join("\n"), @r"
    change 1: an id has 0 bytes; 1 to 512 are allowed
    good
    change 3: an id has 600 bytes; 1 to 512 are allowed
    ");
}

#[tokio::test]
async fn f91_lies_about_a_read_reach_the_host_as_they_are() {
    let runtime = runtime();
    let mut endless = method(&runtime, "never-seal", &small(), &services()).await;
    for _ in 0..3 {
        assert_eq!(endless.read(&Position::Resume("on".into())).await.unwrap().next, Next::More("on".into()));
    }
    let mut wrong = method(&runtime, "wrong-count", &small(), &services()).await;
    let page = wrong.read(&Position::Fresh).await.unwrap();
    assert!(
        matches!(&page.next, Next::End(seal) if matches!(seal.covers, Coverage::Everything(counts) if counts.users == 99))
    );
    let mut twice = method(&runtime, "repeat-ids", &small(), &services()).await;
    assert_eq!(ids(&twice.read(&Position::Fresh).await.unwrap()), ["same", "same"]);
}

#[tokio::test]
async fn f91_every_reference_is_answered() {
    let mut method = method(&runtime(), "fewer-answers", &small(), &services()).await;
    let refs = [ObjectRef::User("a".into()), ObjectRef::User("b".into())];
    let fault = broken(method.lookup(&refs).await);
    assert_eq!(fault.kind, FaultKind::BadAnswer);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `lookup` answered 2 references with 0 answers; this is a bug, tell its author");
}

#[tokio::test]
async fn f91_a_fault_of_the_contract_breaks_nothing() {
    let runtime = runtime();
    let mut method = method(&runtime, "fault", &small(), &services()).await;
    for _ in 0..2 {
        let Err(CallError::Fault(fault)) = method.read(&Position::Fresh).await else { panic!() };
        assert_eq!(fault, Fault::Source(r"broken\nin two".into()));
    }
    let problems = method.configure(r#"{"act":"refuse"}"#).await.unwrap().unwrap_err();
    assert_eq!(problems[0].why, r"no\nthanks");
}

#[tokio::test]
async fn f91_policies_are_fenced_too() {
    let runtime = runtime();
    let limits = Limits { cpu_ms: 100, wall_ms: 20_000, memory_bytes: 16 << 20, ..Limits::policy() };
    let mut said = Vec::new();
    for (act, kind) in [
        ("spin", FaultKind::CpuBudget),
        ("grow", FaultKind::Memory),
        ("panic-midway", FaultKind::Trap),
        ("fewer-verdicts", FaultKind::BadAnswer),
        ("more-verdicts", FaultKind::BadAnswer),
        ("long-edit", FaultKind::BadAnswer),
    ] {
        let mut policy = policy(&runtime, act, &limits).await;
        let fault = broken(policy.review_users(&candidates(5), None).await);
        assert_eq!(fault.kind, kind, "{fault}");
        said.push(fault.to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    plugin hostile-policy: `review-users` used more than 100 ms of processor time and was stopped; tell its author, or raise its limit `cpu_ms`
    plugin hostile-policy: `review-users` wanted more than 16777216 bytes of memory; tell its author, or raise its limit `memory_bytes`
    plugin hostile-policy: `review-users` panicked (at tests/plugins/hostile/src/policy.rs:34:60: can't judge u3); this is a bug, tell its author
    plugin hostile-policy: `review-users` gave 1 verdicts on 5 records; this is a bug, tell its author
    plugin hostile-policy: `review-users` gave 6 verdicts on 5 records; this is a bug, tell its author
    plugin hostile-policy: `review-users` gave an edit whose attribute title has 1048576 bytes; 65536 fit; this is a bug, tell its author
    ");
    let mut fresh = policy(&runtime, "behave", &Limits::policy()).await;
    assert_eq!(fresh.review_users(&candidates(5), None).await.unwrap().len(), 5);
}

/// One thread for all: whoever doesn't give it away stops the others.
#[tokio::test(flavor = "current_thread")]
async fn f91_neighbours_finish_beside_one_that_spins() {
    let runtime = runtime();
    let patient = Limits { cpu_ms: 600_000, wall_ms: 600_000, ..Limits::method() };
    let mut spinner = method(&runtime, "spin", &patient, &services()).await;
    let spinning = tokio::spawn(async move { spinner.read(&Position::Fresh).await });

    let mut neighbour = method(&runtime, "behave", &Limits::method(), &services()).await;
    for _ in 0..20 {
        neighbour.read(&Position::Fresh).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(!spinning.is_finished());
    spinning.abort();
    assert!(spinning.await.unwrap_err().is_cancelled());
}

/// Two that work hard at once take twice as long by the clock; neither is charged for the other.
#[tokio::test(flavor = "current_thread")]
async fn f91_time_spent_by_neighbours_isnt_charged() {
    let runtime = runtime();
    let services = services();
    let mut alone = method(&runtime, "burn", &Limits::method(), &services).await;
    alone.read(&Position::Fresh).await.unwrap();
    let ticks = alone.spent().ticks;

    let mut together = Vec::new();
    for _ in 0..6 {
        let limits = Limits { cpu_ms: (ticks + 2) * 10 * 3, ..Limits::method() };
        let mut busy = method(&runtime, "burn", &limits, &services).await;
        together.push(tokio::spawn(async move { busy.read(&Position::Fresh).await.map(|_| ()) }));
    }
    for busy in together {
        busy.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn f91_there_is_nothing_to_see_from_inside() {
    let runtime = runtime();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut method = method(&runtime, "look-around", &small(), &services()).await;
        let page = method.read(&Position::Fresh).await.unwrap();
        let Change::User(user) = &page.changes[0] else { panic!() };
        let attributes: BTreeMap<String, Value> = user.attributes.iter().cloned().collect();
        seen.push(attributes);
    }
    assert_eq!(seen[0], seen[1], "a run can be repeated");
    seen[0].remove("random");
    insta::assert_debug_snapshot!(seen[0], @r#"
    {
        "arguments": Value::Text(
            "0",
        ),
        "environment": Value::Text(
            "0",
        ),
        "input": Value::Text(
            "Some(0)",
        ),
        "moves": Value::Text(
            "true",
        ),
        "now": Value::Text(
            "1795334400",
        ),
        "passwd": Value::Text(
            "false",
        ),
        "root": Value::Text(
            "false",
        ),
        "write": Value::Text(
            "false",
        ),
    }
    "#);
}

#[tokio::test]
async fn f91_a_fresh_instance_sees_what_the_run_stored() {
    let runtime = runtime();
    let services = services().storage(BTreeMap::from([("count".into(), "41".into())]));
    for count in [42, 43] {
        let mut method = method(&runtime, "store", &small(), &services).await;
        let page = method.read(&Position::Fresh).await.unwrap();
        let Change::User(user) = &page.changes[0] else { panic!() };
        assert_eq!(user.attributes, [("count".to_owned(), Value::Whole(count))]);
    }
    assert_eq!(services.changes(), BTreeMap::from([("count".to_owned(), Some("43".to_owned()))]));
    assert_eq!(services.wake().unwrap().to_string(), "2026-11-23T00:00:00Z");
}

#[tokio::test]
async fn f91_what_isnt_granted_isnt_linked() {
    let runtime = runtime();
    let services = services();
    let hostile = plugin(&runtime, env!("HOSTILE_METHOD")).await;
    let refusal = hostile.admit(&Grant::of(["files"])).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "plugin hostile-method imports schedule, storage, which it wasn't granted"
    );
    let started = runtime
        .method(&hostile, &Grant::of(["files"]), services.offer(), &small(), services.environment(7))
        .await;
    let fault = broken(started.map(|_| ()));
    assert_eq!(fault.kind, FaultKind::Ungranted);
    insta::assert_snapshot!(fault, @"plugin hostile-method imports schedule, storage, which it wasn't granted; grant it when adding the plugin, if you trust it with this");
}

#[tokio::test]
async fn f91_what_isnt_asked_for_is_refused_even_if_granted() {
    let runtime = runtime();
    let grabbing = plugin(&runtime, env!("HOSTILE_GRABBING")).await;
    assert_eq!(grabbing.asks(), BTreeSet::new());
    insta::assert_snapshot!(grabbing.admit(&everything()).unwrap_err(), @"plugin hostile-grabbing imports files, which it doesn't ask for");
}

#[tokio::test]
async fn f91_sockets_are_never_given() {
    let runtime = runtime();
    let calling = plugin(&runtime, env!("HOSTILE_SOCKETS")).await;
    let refusal = calling.admit(&everything()).unwrap_err();
    assert!(refusal.foreign.iter().all(|import| import.starts_with("wasi:sockets/")), "{refusal}");
    assert!(refusal.to_string().contains("wasi:sockets/tcp@0.2."), "{refusal}");
}

#[tokio::test]
async fn f91_one_that_spins_while_it_describes_itself_isnt_loaded() {
    let error = runtime().load(std::fs::read(env!("HOSTILE_ENDLESS")).unwrap()).await.unwrap_err();
    insta::assert_snapshot!(error, @"can't describe itself: `about.describe` used more than 250 ms of processor time and was stopped");
}

#[tokio::test]
async fn f91_what_isnt_a_plugin_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        RuntimeOptions { component_bytes: 1_000, ..RuntimeOptions::new(folder.path().join("compiled")) };
    let runtime = Runtime::new(options).unwrap();
    let error = runtime.load(vec![0; 1_001]).await.unwrap_err();
    assert_eq!(error.to_string(), "has 1001 bytes; a plugin may have 1000");
    let error = runtime.load(&b"MZ\x90\0"[..]).await.unwrap_err();
    assert!(matches!(error, LoadError::Compile(_)), "{error}");
    let empty = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    let error = runtime.load(&empty[..]).await.unwrap_err();
    insta::assert_snapshot!(error, @"doesn't export usher:plugin/about@0.1.0, as every plugin must");
}

#[tokio::test]
async fn f91_a_plugin_runs_without_a_pool_too() {
    let folder = tempfile::tempdir().unwrap();
    let options = RuntimeOptions { pooling: false, ..RuntimeOptions::new(folder.path().join("compiled")) };
    let runtime = Runtime::new(options).unwrap();
    behaves(&runtime).await;
    let fault = misdeed(&runtime, "grow", &Limits { cpu_ms: 60_000, ..small() }).await;
    assert_eq!(fault.kind, FaultKind::Memory);
}
