//! Others work on beside a plugin that misbehaves, and after it.

use super::*;

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

/// Twenty that work hard at once take twenty times as long by the clock; none is charged for the others.
#[tokio::test(flavor = "current_thread")]
async fn f91_time_spent_by_neighbours_isnt_charged() {
    let runtime = runtime();
    let services = services();
    let mut alone = method(&runtime, "burn", &Limits::method(), &services).await;
    alone.read(&Position::Fresh).await.unwrap();
    let ticks = alone.spent().ticks;

    let limits = Limits { cpu_ms: (ticks + 2) * TICK_MS * 10, ..Limits::method() };
    let mut together = Vec::new();
    for _ in 0..20 {
        let mut busy = method(&runtime, "burn", &limits, &services).await;
        together.push(tokio::spawn(async move { busy.read(&Position::Fresh).await.map(|_| ()) }));
    }
    for busy in together {
        busy.await.unwrap().unwrap();
    }
}

/// The first run's copy counts, whatever happens to the file meanwhile.
#[tokio::test]
async fn f91_a_fresh_instance_reads_the_same_copy() {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.csv");
    std::fs::write(&file, "x".repeat(600_000)).unwrap();
    let paths = BTreeMap::from([("users".to_owned(), file.clone())]);
    let services = services().files(vec![folder.path().to_owned()], paths, None);
    let mut read = Vec::new();
    for _ in 0..2 {
        let mut method = method(&runtime, "open", &Limits::method(), &services).await;
        let page = method.read(&Position::Fresh).await.unwrap();
        let Change::User(user) = page.changes[0].clone() else { panic!() };
        assert_eq!(user.attributes[0], ("size".to_owned(), Value::Whole(600_000)));
        read.push(user);
        std::fs::write(&file, "other").unwrap();
    }
    assert_eq!(read[0], read[1]);
    assert_eq!(services.opened().await["users"].size, 600_000);
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
async fn f91_a_plugin_runs_without_a_pool_too() {
    let folder = tempfile::tempdir().unwrap();
    let options = RuntimeOptions { instances: 0, ..RuntimeOptions::new(folder.path().join("compiled")) };
    let runtime = Runtime::new(options).unwrap();
    behaves(&runtime).await;
    let fault = misdeed(&runtime, "grow", &Limits { cpu_ms: 60_000, ..small() }).await;
    assert_eq!(fault.kind, FaultKind::Memory);
}

#[tokio::test]
async fn f91_a_full_host_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let options = RuntimeOptions { instances: 1, ..RuntimeOptions::new(folder.path().join("compiled")) };
    let runtime = Runtime::new(options).unwrap();
    let services = services();
    let first = method(&runtime, "behave", &Limits::method(), &services).await;
    let plugin = plugin(&runtime, env!("HOSTILE_METHOD")).await;
    let second = runtime
        .method(&plugin, &everything(), services.offer(), &Limits::method(), services.environment(7))
        .await;
    let fault = broken(second);
    assert_eq!(fault.kind, FaultKind::Busy);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `start` found no room: the host runs as many plugins as it can; try again in a while");
    drop(first);
    behaves(&runtime).await;
}

/// A caller that gives up leaves no half-used instance behind.
#[tokio::test]
async fn f91_a_call_that_is_given_up_ends_the_instance() {
    let runtime = runtime();
    let patient = Limits { wall_ms: 600_000, ..Limits::method() };
    let mut sleeper = method(&runtime, "sleep", &patient, &services()).await;
    let waited = tokio::time::timeout(Duration::from_millis(50), sleeper.read(&Position::Fresh)).await;
    assert!(waited.is_err());
    assert_eq!(broken(sleeper.read(&Position::Fresh).await).kind, FaultKind::Gone);
}
