//! F91 through whole runs: whatever a plugin does, its run fails as its own fault, the directory stays as it was, others run on beside
//! it, and the next good run is fine.

use crate::directory::{Directory, Source, person};
use serde_json::json;
use usher_runtime::Limits;
use usher_store::Intent;
use usher_sync::{Class, Consent, Host, HostOptions, RunResult};
use usher_test_scripted::{Script, t1};

/// Small enough that every misdeed ends soon, and room enough for honest plugins on a busy machine.
fn small() -> HostOptions {
    let limits =
        Limits { cpu_ms: 500, wall_ms: 4_000, memory_bytes: 32 << 20, host_calls: 1_000, ..Limits::method() };
    HostOptions { method_limits: limits.clone(), policy_limits: limits, pages: 50, ..HostOptions::default() }
}

/// A tenant with T1 in it by one connection, and a hostile method that took its turn and behaved once.
async fn invaded<'a>(directory: &'a Directory, tenant: &str) -> (Source<'a>, Source<'a>) {
    let honest = directory.scripted(tenant, &t1::script()).await;
    honest.takes(&t1::script()).await;
    let method = directory.add_plugin(honest.tenant, env!("HOSTILE_METHOD")).await;
    let hostile = directory.connect(honest.tenant, "hostile", &method, json!({ "act": "look-around" })).await;
    assert!(hostile.run(Intent::Switch, Consent::Given).await.applied);
    (honest, hostile)
}

/// Each act in a run of its own, beside a run of another tenant. Gives what the runs said.
async fn misdeeds(acts: &[&str]) -> Vec<String> {
    let directory = Directory::with(small()).await;
    let (honest, hostile) = invaded(&directory, "acme").await;
    let neighbour = directory.scripted("neighbour", &Script::full([person("zoe").into()])).await;
    let method = hostile.connection().await.method;
    let people = honest.people().await;
    let mut said = Vec::new();
    for (round, act) in (0_i64..).zip(acts) {
        hostile.set(&method, json!({ "act": act }), crate::directory::unguarded()).await;
        neighbour.says(&Script::full([person("zoe").with("round", round).into()]));
        let (fails, beside) = tokio::join!(hostile.fails(Class::Plugin), neighbour.sync());
        assert_eq!(beside.result, RunResult::Success, "{act}: {beside:#?}");
        assert_eq!(neighbour.attribute("zoe", "round").await, round.to_string(), "{act}");
        said.push(format!("{act}: {fails}"));
        // The same connection with a plugin that behaves; who came by the tenant's other connection stays.
        hostile.set(&method, json!({ "act": "behave" }), crate::directory::unguarded()).await;
        let good = hostile.sync().await;
        assert!(good.applied && good.fault.is_none(), "{act}: {good:#?}");
        assert_eq!(honest.people().await, people, "{act}");
    }
    said
}

#[tokio::test]
async fn f91_a_method_that_takes_more_than_it_may_have() {
    let said = misdeeds(&["spin", "grow", "recurse", "sleep", "host-calls", "huge-page"]).await;
    insta::assert_snapshot!(said.join("\n"), @r"
    spin: plugin hostile-method: `read` used more than 500 ms of processor time and was stopped; tell its author, or raise its limit `cpu_ms`
    grow: plugin hostile-method: `read` wanted more than 33554432 bytes of memory; tell its author, or raise its limit `memory_bytes`
    recurse: plugin hostile-method: `read` called itself too deep; this is a bug, tell its author
    sleep: plugin hostile-method: `read` took longer than 4000 ms and was stopped; look whether its source answers, or raise its limit `wall_ms`
    host-calls: plugin hostile-method: `read` called the host more than 1000 times; tell its author, or raise its limit `host_calls`
    huge-page: plugin hostile-method: `read` wanted more than 33554432 bytes of memory; tell its author, or raise its limit `memory_bytes`
    ");
}

#[tokio::test]
async fn f91_a_method_that_breaks() {
    let said: Vec<_> =
        misdeeds(&["panic", "exit", "panic-midway"]).await.iter().map(crate::fenced::placeless).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    panic: plugin hostile-method: `read` panicked (at tests/plugins/hostile/src/acts.rs:LINE: the ledger doesn't \u{1b}[31mbalance); this is a bug, tell its author
    exit: plugin hostile-method: `read` ended itself with exit status 1; this is a bug, tell its author
    panic-midway: plugin hostile-method: `read` panicked (at tests/plugins/hostile/src/method.rs:LINE: lost the second page); this is a bug, tell its author
    ");
}

#[tokio::test]
async fn f91_a_method_whose_pages_cant_be_taken() {
    let said = misdeeds(&["wide-page", "long-page", "not-utf8", "absurd-length", "flood"]).await;
    insta::assert_snapshot!(said.join("\n"), @r"
    wide-page: plugin hostile-method: `read` handed over more than 16777216 bytes at once; tell its author, or raise its limit `transfer_bytes`
    long-page: plugin hostile-method: `read` gave 10001 changes at once; 10000 fit; tell its author, or raise its limit `changes`
    not-utf8: plugin hostile-method: `read` handed over text that isn't UTF-8; this is a bug, tell its author
    absurd-length: plugin hostile-method: `read` broke the contract: string pointer/length out of bounds of memory; this is a bug, tell its author
    flood: plugin hostile-method: `read` wrote more than 65536 bytes to the log; tell its author, or raise its limit `log_bytes`
    ");
}

#[tokio::test]
async fn f91_a_method_that_lies_about_its_read() {
    let said = misdeeds(&["never-seal", "wrong-count", "repeat-ids"]).await;
    insta::assert_snapshot!(said.join("\n"), @r"
    never-seal: plugin hostile-method: the read goes in a circle: a page leads to itself
    wrong-count: plugin hostile-method: the read is sealed with 99 users, but 2 distinct ones were handed over
    repeat-ids: plugin hostile-method: the read is sealed with 2 users, but 1 distinct ones were handed over
    ");
}

#[tokio::test]
async fn f91_a_method_that_never_comes_to_an_end() {
    // Each page leads to a new one: only their number gives it away.
    let directory = Directory::with(small()).await;
    let people = (0..60).map(|number| person(&format!("p{number}")).into());
    let mut script = Script::full(people);
    let source = directory.scripted("acme", &script).await;
    script.fresh.page = Some(1);
    let said = source.refuses(&script, Class::Plugin).await;
    assert_eq!(said, "plugin scripted: the read has no end: 51 pages, the last 0 of them empty");
    script.fresh.page = Some(2);
    assert_eq!(source.takes(&script).await.users.created, 60);
}

#[tokio::test]
async fn f91_a_method_that_answers_only_some_questions() {
    let directory = Directory::with(small()).await;
    let (_, hostile) = invaded(&directory, "acme").await;
    let method = hostile.connection().await.method;
    // What it showed before is missing now, so it is asked after it.
    hostile.set(&method, json!({ "act": "fewer-answers" }), crate::directory::unguarded()).await;
    let said = hostile.fails(Class::Plugin).await;
    assert!(said.contains("`lookup` answered 1 references with 0 answers"), "{said}");
    hostile.set(&method, json!({ "act": "behave" }), crate::directory::unguarded()).await;
    assert!(hostile.sync().await.applied);
}

#[tokio::test]
async fn f91_a_bad_id_is_quarantined_and_stops_nobody() {
    let directory = Directory::with(small()).await;
    let (_, hostile) = invaded(&directory, "acme").await;
    let method = hostile.connection().await.method;
    hostile.set(&method, json!({ "act": "bad-ids" }), crate::directory::unguarded()).await;
    let report = hostile.sync().await;
    assert!(report.applied, "{report:#?}");
    assert!(report.notes.iter().any(|note| note.contains("an id has 600 bytes; 1 to 512 are allowed")));
    let mirrored = "SELECT source_id FROM mirror_users WHERE connection = 2 ORDER BY 1";
    assert_eq!(directory.column(mirrored).await, ["good", "seen"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f91_a_text_that_no_database_keeps_is_quarantined_and_stops_nobody() {
    let directory = Directory::new().await;
    let script = Script::full([
        person("ann").into(),
        person("bob").with("title", "Bo\0ss").into(),
        person("c\0t").into(),
    ]);
    let source = directory.scripted("acme", &script).await;
    let report = source.sync().await;
    assert_eq!((report.users.created, report.users.quarantined), (1, 2), "{report:#?}");
    assert_eq!(source.people().await, ["ann"]);
}

#[tokio::test]
async fn f91_a_method_that_spins_holds_up_no_other_tenant() {
    let directory = Directory::with(small()).await;
    let (_, hostile) = invaded(&directory, "acme").await;
    let method = hostile.connection().await.method;
    hostile.set(&method, json!({ "act": "spin" }), crate::directory::unguarded()).await;
    let [a, b, c] = [
        directory.scripted("a", &t1::script()).await,
        directory.scripted("b", &t1::script()).await,
        directory.scripted("c", &t1::script()).await,
    ];
    let (_, a, b, c) = tokio::join!(hostile.fails(Class::Plugin), a.sync(), b.sync(), c.sync());
    for report in [a, b, c] {
        assert_eq!((report.result, report.users.created), (RunResult::Success, 7), "{report:#?}");
    }
}

/// Each act as the policy of a tenant's chain. Gives what the runs said.
async fn verdicts(acts: &[&str]) -> Vec<String> {
    let directory = Directory::with(small()).await;
    let source = directory.scripted("acme", &t1::script()).await;
    source.sync().await;
    let neighbour = directory.scripted("neighbour", &Script::full([person("zoe").into()])).await;
    let policy = directory.add_plugin(source.tenant, env!("HOSTILE_POLICY")).await;
    let mut said = Vec::new();
    for (round, act) in (0_i64..).zip(acts) {
        directory.policy(source.tenant, Some((&policy, json!({ "act": act })))).await;
        // Somebody is new and somebody has left: neither may be taken over without verdicts.
        let mut script = t1::script();
        script.fresh.changes.push(person("u3").with("round", round).into());
        script
            .fresh
            .changes
            .retain(|change| !matches!(change, usher_test_scripted::Change::User(user) if user.id == "eve"));
        neighbour.says(&Script::full([person("zoe").with("round", round).into()]));
        let (fails, beside) = tokio::join!(source.refuses(&script, Class::Plugin), neighbour.sync());
        assert_eq!(beside.result, RunResult::Success, "{act}: {beside:#?}");
        said.push(format!("{act}: {fails}"));
        // The chain mended, the same source comes in.
        directory.policy(source.tenant, Some((&policy, json!({ "act": "behave" })))).await;
        let good = source.sync().await;
        assert!(good.applied, "{act}: {good:#?}");
        assert_eq!(source.attribute("u3", "round").await, round.to_string(), "{act}");
    }
    said
}

#[tokio::test]
async fn f91_a_policy_that_takes_more_than_it_may_have() {
    let said = verdicts(&["spin", "grow", "recurse", "sleep"]).await;
    insta::assert_snapshot!(said.join("\n"), @r"
    spin: plugin hostile-policy: `review-groups` used more than 500 ms of processor time and was stopped; tell its author, or raise its limit `cpu_ms`
    grow: plugin hostile-policy: `review-groups` wanted more than 33554432 bytes of memory; tell its author, or raise its limit `memory_bytes`
    recurse: plugin hostile-policy: `review-groups` called itself too deep; this is a bug, tell its author
    sleep: plugin hostile-policy: `review-groups` took longer than 4000 ms and was stopped; look whether its source answers, or raise its limit `wall_ms`
    ");
}

#[tokio::test]
async fn f91_a_policy_that_breaks_fails_closed() {
    let said: Vec<_> =
        verdicts(&["panic", "panic-midway", "exit"]).await.iter().map(crate::fenced::placeless).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    panic: plugin hostile-policy: `review-groups` panicked (at tests/plugins/hostile/src/acts.rs:LINE: the ledger doesn't \u{1b}[31mbalance); this is a bug, tell its author
    panic-midway: plugin hostile-policy: `review-users` panicked (at tests/plugins/hostile/src/policy.rs:LINE: can't judge u3); this is a bug, tell its author
    exit: plugin hostile-policy: `review-groups` ended itself with exit status 1; this is a bug, tell its author
    ");
}

#[tokio::test]
async fn f91_a_policy_with_unusable_verdicts() {
    let said = verdicts(&["fewer-verdicts", "more-verdicts", "long-edit"]).await;
    insta::assert_snapshot!(said.join("\n"), @r"
    fewer-verdicts: plugin hostile-policy: `review-users` gave 1 verdicts on 7 records; this is a bug, tell its author
    more-verdicts: plugin hostile-policy: `review-users` gave 8 verdicts on 7 records; this is a bug, tell its author
    long-edit: plugin hostile-policy: `review-users` gave an edit whose attribute title has 1048576 bytes; 65536 fit; this is a bug, tell its author
    ");
}

#[tokio::test]
async fn f91_a_plugin_is_no_further_than_its_tenant() {
    let directory = Directory::with(small()).await;
    let (_, hostile) = invaded(&directory, "acme").await;
    let other = directory.tenant("other").await;
    let method = hostile.connection().await.method;
    let elsewhere = directory.connect(other, "borrowed", &method, json!({ "act": "behave" })).await;
    let said = elsewhere.fails(Class::Plugin).await;
    assert_eq!(said, "there is no plugin hostile-method; `usher plugin list` shows what there is");
    let host: &Host = &directory.host;
    assert_eq!(host.store().runs(other, None, 5).await.unwrap().len(), 1);
}
