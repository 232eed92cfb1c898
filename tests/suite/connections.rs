//! Connections, tenants and the catalogue of plugins, from the command line.

use crate::harness::Installation;
use crate::t1::{USERS, connected, names, people, sync, synced};
use serde_json::{Value, json};
use usher_test_scripted::{Script, User};

/// The component of the scripted method.
const SCRIPTED: &str = env!("USHER_TEST_SCRIPTED");

#[tokio::test]
async fn settings_from_a_file_are_those_of_the_command_line() {
    let inst = Installation::new();
    inst.file("hr/people.csv", "Nr,userName,team\n1,ann@a.x,Eng\n2,bob@a.x,Sales\n");
    let settings = inst.file(
        "hr/hr.toml",
        "users = \"people.csv\"\nscope = \"groups\"\nchosen = [\"Eng\"]\ngrace_days = 14\n\n[mapping]\nid = \"Nr\"\ngroups = \"team\"\n",
    );
    inst.usher(&["connect", "csv", "--name", "hr", "--settings", &settings, "--yes"]).await.ended(0);
    let saved = inst.json(0, &["connect", "csv", "--name", "hr"]).await;
    assert_eq!(saved["settings"]["mapping"], json!({ "id": "Nr", "groups": "team" }));
    assert_eq!((&saved["rules"]["grace_days"], &saved["scope"]["chosen"]), (&14.into(), &json!(["Eng"])));
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await, ["ann@a.x"]);
    // A flag goes before the file.
    inst.usher(&[
        "connect",
        "csv",
        "--name",
        "hr",
        "--settings",
        &settings,
        "--set",
        "chosen=Sales",
        "--yes",
    ])
    .await
    .ended(0);
    let saved = inst.json(0, &["connect", "csv", "--name", "hr"]).await;
    assert_eq!(saved["scope"]["chosen"], json!(["Sales"]));
}

#[tokio::test]
async fn wrong_settings_are_refused_with_the_place() {
    let inst = Installation::new();
    let users = format!("users={}", inst.file("users.csv", USERS));
    let bad = inst.file("bad.toml", "users = \"x.csv\"\nusers = 7\n[");
    for (words, told) in [
        (vec!["--set", "colour=red"], "colour"),
        (vec!["--set", &users, "--set", "delimiter=comet"], "delimiter"),
        (vec!["--set", &users, "--set", "rows=many"], "rows"),
        (vec!["--set", &users, "--set", "grace_days=soon"], "grace_days"),
        (vec!["--set", &users, "--set", "matching=perhaps"], "matching"),
        (vec!["--set", &users, "--set", "scope=half"], "scope"),
        (vec!["--set", &users, "--set", "group_types=nonsense"], "nonsense"),
        (vec!["--set", "users"], "no `=`"),
        (vec!["--settings", &bad], "bad.toml"),
        (vec!["--settings", "/nowhere/at/all.toml"], "all.toml"),
        (vec!["--set", &users, "--secret", "password=env:X"], "no secret setting password"),
        (vec!["--set", "encoding=utf-8"], "users"),
        (vec![], "csv needs settings"),
    ] {
        let line: Vec<_> = ["connect", "csv", "--yes"].into_iter().chain(words.iter().copied()).collect();
        let ran = inst.usher(&line).await.ended(2);
        assert!(ran.err.contains(told), "{words:?}: {}", ran.err);
        assert!(ran.err.contains("what to do: "), "{words:?}: {}", ran.err);
    }
    inst.usher(&["connect", "ldapp", "--set", "a=b"]).await.ended(2);
    inst.usher(&["connect", "domain", "--set", "domain=a.x"]).await.ended(2);
    assert_eq!(inst.json(0, &["status"]).await["connections"], json!([]));
}

#[tokio::test]
async fn f78_a_connection_is_tested() {
    let inst = connected(&[]).await;
    let check = inst.json(0, &["check"]).await;
    assert_eq!((&check["ok"], &check["connection"]), (&true.into(), &"csv".into()));
    assert_eq!((&check["counts"]["users"], &check["counts"]["groups"]), (&7.into(), &7.into()));
    inst.file("users.csv", "colour\nred\n");
    let ran = inst.usher(&["check"]).await.ended(1);
    assert!(ran.text().contains("no column for the key"), "{}", ran.text());
    // Saving after a failed test is allowed, with a warning.
    let users = format!("users={}", inst.path().join("users.csv").display());
    let ran = inst.usher(&["connect", "csv", "--set", &users, "--yes"]).await.ended(0);
    assert!(ran.out.contains("The test failed"), "{}", ran.out);
}

#[tokio::test]
async fn f9_disconnecting_leaves_the_people_as_if_made_by_hand() {
    let inst = synced(&[]).await;
    let before = inst.user("ann@acme.example").await;
    inst.usher(&["disconnect", "csv"]).await.ended(3);
    inst.usher(&["disconnect", "csv", "--confirm", "cvs"]).await.ended(3);
    inst.usher(&["disconnect", "nothing", "--confirm", "nothing"]).await.ended(2);
    assert_eq!(inst.user("ann@acme.example").await, before);
    inst.usher(&["disconnect", "csv", "--confirm", "csv"]).await.ended(0);
    let after = inst.user("ann@acme.example").await;
    for kept in ["id", "userName", "displayName", "emails", "active", "groups", "manager", "path"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_eq!((&after["origin"], &after["connection"]), (&"manual".into(), &Value::Null));
    assert_eq!(inst.members("G-eng").await, ["G-eng-be", "ann@acme.example", "bob@acme.example"]);
    assert_eq!(inst.json(0, &["status"]).await["connections"], json!([]));

    // Connected again it knows nobody: those who may be the same wait for a word.
    crate::t1::connect(&inst, &[]).await;
    assert_eq!(inst.json(0, &["status"]).await["connections"][0]["last_run"], Value::Null);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["held"], &report["users"]["created"]), (&7.into(), &0.into()));
    assert_eq!(inst.user("ann@acme.example").await["origin"], "manual");
}

#[tokio::test]
async fn f9_an_address_of_somebody_who_was_synced_is_known_afterwards() {
    let inst = people("id,userName,mail\n1,ann,ann@a.x\n", &[]).await;
    sync(&inst, 0).await;
    inst.usher(&["disconnect", "csv", "--confirm", "csv"]).await.ended(0);
    let users = format!("users={}", inst.file("other.csv", "id,userName,mail\n77,a.example@a.x,ann@a.x\n"));
    inst.connect_csv(&[&users]).await;
    assert_eq!(sync(&inst, 0).await["users"]["held"], 1);
}

#[tokio::test]
async fn f11_tenants_are_apart() {
    let inst = connected(&[]).await;
    inst.usher(&["tenant", "add", "other"]).await.ended(0);
    inst.usher(&["tenant", "add", "other"]).await.ended(2);
    let users = format!("users={}", inst.path().join("users.csv").display());
    inst.usher(&["--tenant", "other", "connect", "csv", "--set", &users, "--yes"]).await.ended(0);
    sync(&inst, 0).await;
    inst.usher(&["--tenant", "other", "sync", "--yes"]).await.ended(0);
    let theirs = async || inst.json(0, &["--tenant", "other", "users", "list"]).await;
    let (ours, others) = (inst.users().await, theirs().await);
    assert_eq!((ours.len(), others.as_array().unwrap().len()), (7, 7));
    assert_ne!(ours[0]["id"], others[0]["id"]);
    assert_eq!(others[0]["path"], "", "the other one has no groups");

    inst.usher(&["policy", "add", "deny-list", "--set", "entries=cat@alt.example"]).await.ended(0);
    inst.usher(&["users", "set", "dan@acme.example", "nickName=Danny"]).await.ended(0);
    inst.usher(&["--tenant", "other", "users", "add", "man@acme.example"]).await.ended(0);
    sync(&inst, 0).await;
    let report = inst.json(0, &["--tenant", "other", "sync", "--yes"]).await;
    assert_eq!(report["result"], "unchanged");
    assert_eq!(inst.json(0, &["--tenant", "other", "why", "cat@alt.example"]).await["standing"], "in");
    assert_eq!(inst.users().await.len(), 7);
    assert_eq!(theirs().await.as_array().unwrap().len(), 8);
    let id = others[0]["id"].as_str().unwrap();
    inst.usher(&["users", "show", id]).await.ended(2);

    // One of them runs while the other does.
    crate::database::seem_running(&inst, 30).await;
    inst.usher(&["tenant", "remove", "other"]).await.ended(3);
    inst.usher(&["tenant", "remove", "other", "--confirm", "other"]).await.ended(4);
    inst.usher(&["disconnect", "csv", "--confirm", "csv"]).await.ended(4);
    crate::database::seem_running(&inst, -1).await;
    inst.usher(&["tenant", "remove", "other", "--confirm", "other"]).await.ended(0);
    inst.usher(&["--tenant", "other", "status"]).await.ended(2);
    let list = inst.json(0, &["tenant", "list"]).await;
    assert_eq!(list, json!([{ "name": "default" }]));
    assert_eq!(inst.users().await.len(), 7);
}

#[tokio::test]
async fn of_several_connections_one_is_named() {
    let inst = people("id,userName\n1,ann@a.x\n", &[]).await;
    let more = format!("users={}", inst.file("more.csv", "id,userName\n1,bob@a.x\n2,ann@a.x\n"));
    inst.usher(&["connect", "csv", "--name", "more", "--set", &more, "--yes"]).await.ended(0);
    let ran = inst.usher(&["sync", "--yes"]).await.ended(2);
    assert!(ran.err.contains("csv, more") && ran.err.contains("--connection"), "{}", ran.err);
    inst.usher(&["sync", "--yes", "--connection", "csv"]).await.ended(0);
    // From then on it is the active one, and the one that is meant.
    assert_eq!(inst.json(0, &["sync", "--yes"]).await["connection"], "csv");
    assert_eq!(inst.json(0, &["plan"]).await["connection"], "csv");
    let told = inst.usher(&["connect", "csv", "--name", "more", "--set", &more, "--yes"]).await.ended(0);
    assert!(told.out.contains("csv stays the active connection"), "{}", told.out);
    assert_eq!(inst.user("ann@a.x").await["connection"], "csv");
}

#[tokio::test]
async fn f91_a_plugin_is_added_with_what_it_is_granted() {
    let inst = Installation::new();
    let list = inst.json(0, &["plugin", "list"]).await;
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|plugin| plugin["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["attributes", "csv", "deny-list", "domain", "email-method", "licence", "m365"]);
    assert!(list.as_array().unwrap().iter().all(|plugin| plugin["from"] == "bundled"));

    let check = inst.json(0, &["plugin", "check", SCRIPTED]).await;
    assert_eq!(
        (&check["id"], &check["kind"], &check["ok"]),
        (&"scripted".into(), &"method".into(), &true.into())
    );
    let asked = inst.usher(&["plugin", "add", SCRIPTED]).await.ended(3);
    assert!(asked.out.contains("asks for") && asked.out.contains("files"), "{}", asked.out);
    assert_eq!(inst.json(0, &["plugin", "list"]).await.as_array().unwrap().len(), ids.len());
    inst.usher(&["plugin", "add", SCRIPTED, "--yes"]).await.ended(0);
    let list = inst.json(0, &["plugin", "list"]).await;
    let added = list.as_array().unwrap().iter().find(|plugin| plugin["id"] == "scripted").unwrap();
    assert_eq!((&added["from"], &added["hash"]), (&"added".into(), &check["hash"]));
    let show = inst.usher(&["plugin", "show", "scripted"]).await.ended(0).out;
    assert!(show.contains("script") && show.contains("required"), "{show}");

    let script = Script::full([User::new("1").named("ann@a.x").into()]).to_json().unwrap();
    let setting = format!("script={}", inst.file("script.json", script));
    inst.usher(&["connect", "scripted", "--set", &setting, "--yes"]).await.ended(0);
    sync(&inst, 0).await;
    assert_eq!(inst.user("ann@a.x").await["connection"], "scripted");
    let used = inst.usher(&["plugin", "remove", "scripted"]).await.ended(2);
    assert!(used.err.contains("scripted is used by scripted"), "{}", used.err);
    inst.usher(&["disconnect", "scripted", "--confirm", "scripted"]).await.ended(0);
    inst.usher(&["plugin", "remove", "scripted"]).await.ended(0);
    inst.usher(&["plugin", "show", "scripted"]).await.ended(2);
}

#[tokio::test]
async fn what_is_no_plugin_is_not_added() {
    let inst = Installation::new();
    for (name, bytes) in
        [("empty.wasm", &b""[..]), ("text.wasm", b"hello"), ("module.wasm", b"\0asm\x01\0\0\0")]
    {
        let file = inst.file(name, bytes);
        for command in ["check", "add"] {
            let ran = inst.usher(&["plugin", command, &file]).await.ended(2);
            assert!(ran.err.contains(name), "{}", ran.err);
        }
    }
    inst.usher(&["plugin", "add", "/nowhere/at/all.wasm"]).await.ended(2);
    inst.usher(&["plugin", "show", "nothing"]).await.ended(2);
    let csv = inst.usher(&["plugin", "show", "csv"]).await.ended(0).out;
    assert!(csv.contains("users") && csv.contains("delimiter") && csv.contains("asks for"), "{csv}");
}

#[tokio::test]
async fn f10_a_secret_is_sealed_and_never_a_setting() {
    let inst = Installation::new();
    inst.usher(&["plugin", "add", SCRIPTED, "--yes"]).await.ended(0);
    let script = Script::full([User::new("1").named("ann@a.x").into()]);
    let script = format!("script={}", inst.file("script.json", script.to_json().unwrap()));
    let refused = inst
        .usher(&["connect", "scripted", "--set", &script, "--set", "token=hunter2", "--yes"])
        .await
        .ended(2);
    assert!(refused.err.contains("--secret token="), "{}", refused.err);
    let secret = format!("token=@{}", inst.file("token", "hunter2\n"));
    let connected =
        inst.usher(&["connect", "scripted", "--set", &script, "--secret", &secret, "--yes"]).await.ended(0);
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await, ["ann@a.x"]);
    assert!(!connected.text().contains("hunter2"));
    for (table, rows) in crate::database::dump(&inst).await {
        assert!(!rows.iter().any(|row| row.contains("hunter2")), "{table} holds the secret");
    }
    for file in ["usher.db", "usher.db-wal"] {
        let bytes = std::fs::read(inst.path().join("data").join(file)).unwrap_or_default();
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"), "{file} holds the secret");
    }
}
