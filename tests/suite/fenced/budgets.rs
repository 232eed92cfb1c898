//! Time, memory, stack and calls run out for the plugin alone.

use super::*;

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
    insta::assert_snapshot!(placeless(&fault), @r"plugin hostile-method: `read` panicked (at tests/plugins/hostile/src/acts.rs:LINE: the ledger doesn't \u{1b}[31mbalance); this is a bug, tell its author");
}

#[tokio::test]
async fn f91_only_the_last_words_of_a_mutterer_are_kept() {
    let fault = misdeed(&runtime(), "mutter", &Limits::method()).await;
    insta::assert_snapshot!(placeless(&fault), @"plugin hostile-method: `read` panicked (at tests/plugins/hostile/src/acts.rs:LINE: muttered enough); this is a bug, tell its author");
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
    insta::assert_snapshot!(placeless(&said.join("\n")), @r"
    plugin hostile-policy: `review-users` used more than 100 ms of processor time and was stopped; tell its author, or raise its limit `cpu_ms`
    plugin hostile-policy: `review-users` wanted more than 16777216 bytes of memory; tell its author, or raise its limit `memory_bytes`
    plugin hostile-policy: `review-users` panicked (at tests/plugins/hostile/src/policy.rs:LINE: can't judge u3); this is a bug, tell its author
    plugin hostile-policy: `review-users` gave 1 verdicts on 5 records; this is a bug, tell its author
    plugin hostile-policy: `review-users` gave 6 verdicts on 5 records; this is a bug, tell its author
    plugin hostile-policy: `review-users` gave an edit whose attribute title has 1048576 bytes; 65536 fit; this is a bug, tell its author
    ");
    let mut fresh = policy(&runtime, "behave", &Limits::policy()).await;
    assert_eq!(fresh.review_users(&candidates(5), None).await.unwrap().len(), 5);
}
