//! The command line itself: help, exit statuses, JSON, and what it says where there is nothing to say.

use crate::harness::Installation;
use crate::t1::{USERS, connected, names, people, sync, synced};
use serde_json::{Value, json};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn help() {
    let inst = Installation::new();
    insta::assert_snapshot!("help", inst.usher(&["--help"]).await.ended(0).out);
    insta::assert_snapshot!("help_sync", inst.usher(&["sync", "--help"]).await.ended(0).out);
    insta::assert_snapshot!("help_connect", inst.usher(&["connect", "--help"]).await.ended(0).out);
    for command in ["plan", "policy add", "users add", "groups add", "plugin add", "runs", "why", "demo"] {
        let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
        assert!(inst.usher(&words).await.ended(0).out.contains("Usage: usher"), "{command}");
    }
    assert!(!inst.database().exists(), "help touches nothing");
}

#[tokio::test]
async fn exit_statuses() {
    let inst = connected(&[]).await;
    inst.usher(&["plan"]).await.ended(0);
    inst.usher(&["sync"]).await.ended(3);
    inst.usher(&["sync", "--yes"]).await.ended(0);
    inst.usher(&["sync"]).await.ended(0);
    inst.file("users.csv", "");
    inst.usher(&["sync", "--yes"]).await.ended(1);
    for words in
        [&["synk"][..], &["sync", "--yes", "--accept", "abcdefgh"], &["users", "list", "--limit", "x"], &[]]
    {
        inst.usher(words).await.ended(2);
    }
    let version = inst.usher(&["--version"]).await.ended(0).out;
    assert!(version.starts_with("usher "), "{version}");
}

#[tokio::test]
async fn the_shape_of_a_plan_for_programs() {
    let inst = people("id,userName,active\n1,ann@a.x,yes\n2,bob@a.x,perhaps\n3,cat@b.x,yes\n", &[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=@b.x"]).await.ended(0);
    let report = inst.json(0, &["plan"]).await;
    for key in ["run", "plan", "result", "users", "groups", "memberships", "skipped", "quarantined", "fault"]
    {
        assert!(keys(&report).contains(&key), "{key}");
    }
    assert_eq!(report["run"], 1);
    assert_eq!(report["result"], "success");
    assert_eq!(report["fault"], Value::Null);
    for kind in [
        "found",
        "created",
        "adopted",
        "updated",
        "deactivated",
        "reactivated",
        "deleted",
        "unchanged",
        "orphaned",
        "skipped",
        "quarantined",
    ] {
        assert!(report["users"][kind].is_u64(), "{kind}");
    }
    for kind in ["found", "created", "updated", "deleted", "unchanged", "skipped", "quarantined"] {
        assert!(report["groups"][kind].is_u64(), "{kind}");
    }
    assert_eq!(report["memberships"], json!({ "added": 0, "adopted": 0, "removed": 0 }));
    let skipped = &report["skipped"][0];
    assert_eq!((&skipped["id"], &skipped["name"]), (&"3".into(), &"cat@b.x".into()));
    assert_eq!(skipped["reason"], "deny-list: @b.x matches cat@b.x");
    let bad = &report["quarantined"][0];
    assert_eq!((&bad["id"], &bad["where"]), (&"2".into(), &"users.csv line 3".into()));
    assert!(bad["reason"].as_str().unwrap().contains("perhaps"));

    let unconfirmed = inst.json(3, &["sync"]).await;
    assert_eq!((&unconfirmed["result"], &unconfirmed["applied"]), (&"held".into(), &false.into()));
    assert_eq!(inst.json(0, &["sync", "--yes"]).await["result"], "success");
    assert_eq!(inst.json(0, &["sync", "--yes"]).await["result"], "unchanged");
    inst.file("users.csv", "");
    let failed = inst.json(1, &["sync", "--yes"]).await;
    assert_eq!((&failed["result"], &failed["plan"]), (&"failed".into(), &Value::Null));
    assert_eq!(keys(&failed["fault"]), ["advice", "class", "message"]);
}

#[tokio::test]
async fn the_shape_of_users_for_programs() {
    let inst = synced(&[]).await;
    inst.usher(&["users", "add", "man@acme.example", "title=Boss"]).await.ended(0);
    let ann = inst.user("ann@acme.example").await;
    for key in [
        "id",
        "externalId",
        "userName",
        "displayName",
        "name",
        "emails",
        "active",
        "title",
        "department",
        "manager",
        "groups",
        "path",
        "origin",
        "connection",
    ] {
        assert!(keys(&ann).contains(&key), "{key}");
    }
    assert_eq!(ann["emails"], json!([{ "value": "ann@acme.example", "primary": true }]));
    assert_eq!(ann["manager"]["displayName"], "bob@acme.example");
    assert_eq!(ann["groups"][0]["display"], "G-eng-be");
    assert_eq!((&ann["origin"], &ann["connection"]), (&"connection".into(), &"csv".into()));
    let man = inst.user("man@acme.example").await;
    assert_eq!(
        (&man["origin"], &man["connection"], &man["title"]),
        (&"manual".into(), &Value::Null, &"Boss".into())
    );
}

#[tokio::test]
async fn users_are_searched_and_filtered() {
    let inst = synced(&[]).await;
    inst.usher(&["users", "add", "man@acme.example", "displayName=Männlich"]).await.ended(0);
    let list = async |words: &[&str]| -> Vec<String> {
        let line: Vec<_> = ["users", "list"].iter().chain(words).copied().collect();
        let found = inst.json(0, &line).await;
        found.as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list(&["--search", "ALT.ex"]).await, ["cat@alt.example"]);
    assert_eq!(list(&["--search", "Männ"]).await, ["man@acme.example"]);
    assert_eq!(
        list(&["--group", "G-sales"]).await,
        ["cat@alt.example", "fay@acme.example", "shared@acme.example"]
    );
    assert_eq!(list(&["--inactive"]).await, ["fay@acme.example"]);
    assert_eq!(list(&["--manual"]).await, ["man@acme.example"]);
    assert_eq!(list(&["--active", "--limit", "2"]).await, ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(list(&["--search", "nobody"]).await, Vec::<String>::new());
    assert!(
        inst.usher(&["users", "list", "--group", "Nowhere"]).await.ended(2).err.contains("no group Nowhere")
    );
}

#[tokio::test]
async fn empty_states_say_how_to_go_on() {
    let inst = Installation::new();
    for (words, told) in [
        (&["users", "list"][..], "usher sync"),
        (&["groups", "list"], "usher sync"),
        (&["runs", "list"], "usher plan"),
        (&["policy", "list"], "usher policy add"),
        (&["status"], "usher connect"),
    ] {
        let text = inst.usher(words).await.ended(0).out;
        assert!(text.contains(told), "{words:?}: {text}");
    }
    for words in [&["users", "list"][..], &["groups", "list"], &["runs", "list"], &["policy", "list"]] {
        assert_eq!(inst.json(0, words).await, json!([]), "{words:?}");
    }
    for words in [&["plan"][..], &["sync"], &["check"], &["why", "ann"], &["groups", "list", "--source"]] {
        let ran = inst.usher(words).await.ended(2);
        assert!(
            ran.err.contains("nothing is connected yet") && ran.err.contains("usher connect"),
            "{words:?}: {}",
            ran.err
        );
    }
    for (words, told) in [
        (&["users", "show", "ann"][..], "nobody in the directory is ann"),
        (&["groups", "show", "G"], "there is no group G"),
        (&["runs", "show", "7"], "no run"),
    ] {
        let ran = inst.usher(words).await.ended(2);
        assert!(ran.err.contains(told), "{words:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn completion_scripts() {
    let inst = Installation::new();
    for (shell, words) in [("bash", "complete"), ("zsh", "#compdef usher"), ("fish", "complete -c usher")] {
        let script = inst.usher(&["completion", shell]).await.ended(0).out;
        assert!(script.contains(words) && script.contains("sync"), "{shell}");
    }
    inst.usher(&["completion", "cobol"]).await.ended(2);
}

#[tokio::test]
async fn the_plan_as_a_person_reads_it() {
    let inst = connected(&[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=@alt.example"]).await.ended(0);
    inst.file("users.csv", USERS.replace("eve@acme.example,true", "eve@acme.example,perhaps"));
    let plan = |text: String| -> String {
        text.lines().map(|line| line.replace(hash(line), "HASH")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("plan_first", plan(inst.usher(&["plan"]).await.ended(0).out));
    sync(&inst, 0).await;
    inst.file(
        "users.csv",
        USERS
            .replace("4,dan@acme.example,Dan,dan", "4,dan@acme.example,Daniel,dan")
            .replace("7,fay", "8,fae"),
    );
    insta::assert_snapshot!("plan_later", plan(inst.usher(&["plan"]).await.ended(0).out));
    insta::assert_snapshot!("sync_later", plan(inst.usher(&["sync", "--yes"]).await.ended(0).out));
    insta::assert_snapshot!("sync_nothing", plan(inst.usher(&["sync", "--yes"]).await.ended(0).out));
}

/// The twelve digits of a plan's hash in a line; a text that isn't in it where there is none.
fn hash(line: &str) -> &str {
    let is_hash = |word: &&str| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    line.split([' ', '`', '.']).find(is_hash).unwrap_or("\u{0}")
}

#[tokio::test]
async fn the_directory_by_hand() {
    let inst = Installation::new();
    inst.usher(&["users", "add", "man@a.x", "displayName=Man", "emails=man@a.x,m@a.x"]).await.ended(0);
    let taken = inst.usher(&["users", "add", "MAN@a.x"]).await.ended(2);
    assert!(taken.err.contains("MAN@a.x"), "{}", taken.err);
    inst.usher(&["users", "add", "off@a.x", "active=false"]).await.ended(0);
    inst.usher(&["users", "set", "m@a.x", "title=Boss", "displayName="]).await.ended(0);
    let man = inst.user("man@a.x").await;
    assert_eq!((&man["title"], &man["displayName"]), (&"Boss".into(), &Value::Null));
    assert_eq!(inst.user("off@a.x").await["active"], false);
    inst.usher(&["users", "set", "man@a.x", "userName=off@a.x"]).await.ended(2);
    inst.usher(&["users", "set", "man@a.x", "active=perhaps"]).await.ended(2);
    inst.usher(&["users", "set", "man@a.x", "title"]).await.ended(2);
    for wrong in ["userName=", "active=", "manager=off@a.x", "groups=Team", "path=Top", "id=7"] {
        inst.usher(&["users", "set", "man@a.x", wrong]).await.ended(2);
    }
    inst.usher(&["groups", "add", "Team", "note=ours"]).await.ended(0);
    inst.usher(&["groups", "add", "Team", "--member", "man@a.x"]).await.ended(0);
    assert_eq!(inst.members("Team").await, ["man@a.x"]);
    inst.usher(&["users", "remove", "man@a.x"]).await.ended(3);
    inst.usher(&["groups", "remove", "Team", "--member", "man@a.x"]).await.ended(0);
    inst.usher(&["groups", "remove", "Team", "--member", "man@a.x"]).await.ended(2);
    inst.usher(&["groups", "remove", "Team", "--yes"]).await.ended(0);
    inst.usher(&["users", "remove", "man@a.x", "--yes"]).await.ended(0);
    assert_eq!(names(&inst).await, ["off@a.x"]);
}

#[tokio::test]
async fn f26_a_name_cant_draw_lines_of_a_plan() {
    let inst = crate::t1::people("id,userName,displayName\n1,ann@acme.example,Ann\n", &[]).await;
    inst.usher(&["sync", "--yes"]).await.ended(0);
    inst.file(
        "users.csv",
        "id,userName,displayName\n1,ann@acme.example,\"A\n  + user   zoe  new\u{1b}[2J\tat\u{202e} the \u{fdd0}source\"\n",
    );
    for words in
        [&["plan"][..], &["sync", "--yes"], &["users", "list"], &["users", "show", "ann@acme.example"]]
    {
        let ran = inst.usher(words).await.ended(0);
        let text = ran.text();
        assert!(!text.lines().any(|line| line.starts_with("  + user   zoe")), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
        assert!(text.contains(r"A\n  + user   zoe  new\u{1b}[2J\tat\u{202e} the \u{fdd0}source"), "{text}");
    }
}

#[tokio::test]
async fn f10_what_is_kept_is_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let inst = crate::t1::synced(&[]).await;
    let data = inst.path().join("data");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in std::fs::read_dir(&data).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
}

#[tokio::test]
async fn f34_a_file_that_is_no_database_is_said_at_once() {
    if !crate::database::on_files() {
        return;
    }
    let inst = Installation::new();
    inst.file(
        "data/usher.db",
        "this is a letter to my aunt, and it is long enough to be read as a header of something",
    );
    let ran = inst.usher(&["status"]).await.ended(1);
    assert!(ran.err.contains("usher.db can't be opened"), "{}", ran.err);
    assert!(ran.err.contains("file is not a database"), "{}", ran.err);
}

#[tokio::test]
async fn f23_an_empty_file_is_no_deny_list() {
    let inst = crate::t1::connected(&[]).await;
    let empty = inst.file("deny.csv", "");
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=ann@acme.example"]).await.ended(0);
    let ran = inst.usher(&["policy", "set", "deny-list", "--csv", &empty]).await.ended(2);
    assert!(ran.err.contains("no usable entry"), "{}", ran.err);
    let chain = inst.json(0, &["policy", "list"]).await;
    assert!(chain[0]["settings"]["entries"].to_string().contains("ann@acme.example"), "{chain:#}");
}

#[tokio::test]
async fn names_that_cant_be_seen_or_typed_are_refused() {
    let inst = crate::t1::connected(&[]).await;
    let users = format!("users={}", inst.path().join("users.csv").display());
    for name in ["", " ", "a\nb", "a\u{1b}[31mb", "a\u{202e}b", &"x".repeat(65)] {
        inst.usher(&["tenant", "add", name]).await.ended(2);
        inst.usher(&["connect", "csv", "--name", name, "--yes", "--set", &users]).await.ended(2);
        inst.usher(&["policy", "add", "deny-list", "--name", name, "--set", "entries=a@b.example"])
            .await
            .ended(2);
    }
}

#[tokio::test]
async fn f84_folders_are_those_of_the_files_that_are_named() {
    let inst = Installation::new();
    let one = inst.file("one/users.csv", crate::t1::USERS);
    let two = inst.file("two/users.csv", crate::t1::USERS);
    inst.connect_csv(&[&format!("users={one}")]).await;
    inst.connect_csv(&[&format!("users={two}")]).await;
    std::fs::remove_file(&two).unwrap();
    std::os::unix::fs::symlink(&one, &two).unwrap();
    let ran = inst.usher(&["check"]).await.ended(1);
    assert!(ran.out.contains("outside the folders"), "{}", ran.out);
    let root = inst.usher(&["connect", "csv", "--yes", "--set", "folders=/"]).await.ended(2);
    assert!(root.err.contains("every file of this machine"), "{}", root.err);
}

#[tokio::test]
async fn f91_a_plugin_that_takes_a_bundled_ones_place_says_so_and_can_go_again() {
    let inst = crate::t1::synced(&[]).await;
    let bundled = usher_bundle::plugins().iter().find(|plugin| plugin.id == "csv").unwrap();
    let file = inst.file("mine.wasm", bundled.wasm);
    let ran = inst.usher(&["plugin", "add", &file, "--yes"]).await.ended(0);
    assert!(ran.text().contains("takes the place of the bundled csv, used by: csv"), "{}", ran.text());
    inst.usher(&["plugin", "remove", "csv"]).await.ended(0);
    assert_eq!(inst.json(0, &["sync", "--yes"]).await["result"], "unchanged");
}

#[tokio::test]
async fn f91_limits_are_the_operators() {
    let inst = connected(&[]).await;
    let shown = inst.json(0, &["plugin", "limits", "csv"]).await;
    assert_eq!((&shown["limits"]["cpu_ms"], &shown["set"]), (&5_000.into(), &json!({})));
    inst.usher(&["plugin", "limits", "csv", "--set", "transfer_bytes=100"]).await.ended(0);
    let report = sync(&inst, 1).await;
    assert_eq!(report["fault"]["class"], "plugin", "{report:#}");
    let text = inst.usher(&["plugin", "limits", "csv"]).await.ended(0).out;
    assert!(text.contains("transfer_bytes\t100\tthe host's own: 16777216"), "{text}");
    inst.usher(&["plugin", "limits", "csv", "--set", "transfer_bytes="]).await.ended(0);
    sync(&inst, 0).await;
    for wrong in ["cpu=1", "cpu_ms=fast", "cpu_ms"] {
        inst.usher(&["plugin", "limits", "csv", "--set", wrong]).await.ended(2);
    }
}

#[tokio::test]
async fn f23_a_policy_can_be_tried_before_it_is_in_the_chain() {
    let inst = synced(&[]).await;
    let tried = async |words: &[&str], status| {
        inst.usher(&[&["policy", "try"][..], words].concat()).await.ended(status)
    };
    let denied = tried(&["deny-list", "cat@acme.example", "--set", "entries=@alt.example"], 0).await;
    assert!(denied.out.contains("leaves out: @alt.example matches cat@alt.example"), "{}", denied.out);
    let kept = tried(&["deny-list", "ann@acme.example", "--set", "entries=@alt.example"], 0).await;
    assert!(kept.out.contains("keeps"), "{}", kept.out);
    assert_eq!(inst.json(0, &["policy", "list"]).await, json!([]));
    // In the chain it is tried with its settings, or with others over them.
    inst.usher(&["policy", "add", "deny-list", "--name", "mine", "--set", "entries=ann@acme.example"])
        .await
        .ended(0);
    assert!(tried(&["mine", "ann@acme.example"], 0).await.out.contains("leaves out"));
    assert!(
        tried(&["mine", "ann@acme.example", "--set", "entries=bob@acme.example"], 0)
            .await
            .out
            .contains("keeps")
    );
    tried(&["mine", "nobody@acme.example"], 2).await;
    tried(&["no-such", "ann@acme.example"], 2).await;
    assert_eq!(inst.users().await.len(), 7);
}
