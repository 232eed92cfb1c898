//! What a plugin can reach: what was granted, and an empty world.

use super::*;

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
    let fault = broken(started);
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
async fn f91_bundled_plugins_need_no_more_than_they_ask_for() {
    let runtime = runtime();
    for bundled in usher_bundle::plugins() {
        let plugin = runtime.load(bundled.wasm).await.unwrap();
        assert_eq!(plugin.id(), bundled.id);
        plugin.admit(&Grant { interfaces: plugin.asks() }).unwrap();
    }
}
