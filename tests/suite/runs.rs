//! Runs: test runs, manual runs, one at a time, the card, failures, and sources that didn't change.

use crate::database::{dump, execute, seem_running};
use crate::harness::Installation;
use crate::t1::{GROUPS, MEMBERSHIPS, USERS, connect, connected, many, names, people, sync, synced, write};
use serde_json::Value;

fn counts(report: &Value) -> [&Value; 5] {
    ["users", "groups", "memberships", "skipped", "quarantined"].map(|part| &report[part])
}

#[tokio::test]
async fn f26_a_test_run_changes_nothing_and_counts_as_the_next_sync_does() {
    let inst = connected(&[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=cat@alt.example"]).await.ended(0);
    let before = dump(&inst).await;
    let plan = inst.json(0, &["plan"]).await;
    assert_eq!(dump(&inst).await, before);
    let real = sync(&inst, 0).await;
    assert_eq!(counts(&plan), counts(&real));
    assert_eq!(plan["plan"], real["plan"]);
    assert_eq!((&plan["applied"], &real["applied"]), (&false.into(), &true.into()));

    // A second one, with newcomers, leavers, renames, a bad row and a change of policy.
    inst.usher(&["users", "set", "bob@acme.example", "displayName=Robert"]).await.ended(0);
    inst.usher(&["policy", "set", "deny-list", "--set", "entries=eve@acme.example"]).await.ended(0);
    let users = USERS.replace(
        "4,dan@acme.example,Dan,dan@acme.example,true,\n",
        "8,gus@acme.example,Gus,,maybe,\n9,hal@acme.example,Hal,,yes,\n",
    );
    write(&inst, &users, &GROUPS.replace("M-all", "Everybody"), &MEMBERSHIPS.replace("g-eng,2", "g-eng,9"));
    let before = dump(&inst).await;
    let plan = inst.json(0, &["plan"]).await;
    let second = inst.json(0, &["plan"]).await;
    assert_eq!(dump(&inst).await, before);
    assert_eq!(plan["plan"], second["plan"]);
    let real = sync(&inst, 0).await;
    assert_eq!(counts(&plan), counts(&real));
    assert_eq!(plan["plan"], real["plan"]);
    assert_eq!(plan["users"]["quarantined"], 1);
    assert_eq!((&plan["users"]["created"], &plan["users"]["deactivated"]), (&2.into(), &2.into()));
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f26_counts_are_of_what_is_written() {
    let inst = connected(&[]).await;
    let report = sync(&inst, 0).await;
    let status = inst.json(0, &["status"]).await;
    assert_eq!(status["directory"]["users"], report["users"]["created"]);
    assert_eq!(status["directory"]["groups"], report["groups"]["created"]);
    assert_eq!(status["directory"]["memberships"], report["memberships"]["added"]);
    let run = report["run"].to_string();
    let shown = inst.json(0, &["runs", "show", &run, "--lines"]).await;
    assert_eq!(shown["lines"].as_array().unwrap().len(), 7 + 7 + 9);
    assert_eq!(counts(&shown), counts(&report));
}

#[tokio::test]
async fn f31_a_sync_by_hand_goes_at_any_time() {
    let inst = connected(&[]).await;
    for _ in 0..3 {
        sync(&inst, 0).await;
        inst.pass_days(1);
    }
    let runs = inst.json(0, &["runs", "list"]).await;
    let runs = runs.as_array().unwrap();
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run["started_by"] == "command line" && run["intent"] == "sync"));
    assert_eq!(runs[0]["run"], 3);
    assert_eq!(runs[0]["started_at"], "2026-03-04T08:00:00Z");
}

#[tokio::test]
async fn f32_a_second_run_is_told_which_one_is_going_on() {
    let inst = synced(&[]).await;
    inst.file("users.csv", format!("{USERS}8,gus@acme.example,Gus,,true,\n"));
    seem_running(&inst, 30).await;
    for words in [["sync", "--yes"], ["plan", "--all"]] {
        let ran = inst.usher(&words).await.ended(4);
        assert!(ran.err.contains("run 1"), "{}", ran.err);
    }
    let fault = inst.json(4, &["sync", "--yes"]).await;
    assert_eq!(fault["fault"]["class"], "already_running");
    assert!(fault["fault"]["message"].as_str().unwrap().contains("run 1"), "{fault}");
    assert_eq!(names(&inst).await.len(), 7);
    // Looking is still possible.
    inst.usher(&["status"]).await.ended(0);
    inst.usher(&["why", "ann@acme.example"]).await.ended(0);
}

#[tokio::test]
async fn f32_a_dead_runs_lease_is_taken_over_when_it_ends() {
    let inst = synced(&[]).await;
    inst.file("users.csv", format!("{USERS}8,gus@acme.example,Gus,,true,\n"));
    seem_running(&inst, -1).await;
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 1);
    let runs = inst.json(0, &["runs", "list"]).await;
    assert_eq!((&runs[0]["result"], &runs[1]["result"]), (&"success".into(), &"failed".into()));
    let dead = inst.json(0, &["runs", "show", "1"]).await;
    assert!(dead["fault"]["message"].as_str().unwrap().contains("interrupted"), "{dead:#}");
}

#[tokio::test]
async fn f32_of_two_at_once_one_runs() {
    let inst = people(&many(0, 2000, |_| "Team"), &[]).await;
    let (one, two) = tokio::join!(inst.usher(&["sync", "--yes"]), inst.usher(&["sync", "--yes"]));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 4], "{one:#?}\n{two:#?}");
    let refused = if one.status == 4 { one } else { two };
    assert!(refused.err.contains("run 1"), "{}", refused.err);
    assert_eq!(inst.json(0, &["status"]).await["directory"]["users"], 2000);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f33_the_card_before_and_after_set_up() {
    let inst = Installation::new();
    let card = inst.usher(&["status"]).await.ended(0);
    assert!(card.out.contains("Available after set-up"), "{}", card.out);
    assert!(card.out.contains("usher connect csv"), "{}", card.out);
    let json = inst.json(0, &["status"]).await;
    assert_eq!((&json["state"], &json["connections"]), (&"not_configured".into(), &serde_json::json!([])));

    let inst = connected(&["scope=groups", "chosen=g-eng"]).await;
    let card = inst.json(0, &["status"]).await["connections"][0].clone();
    assert_eq!(card["method"], "csv");
    assert_eq!(card["state"], "configured");
    assert_eq!(card["scope"], "groups");
    assert_eq!(card["schedule"], "manual");
    assert_eq!((&card["last_run"], &card["next_run"]), (&Value::Null, &Value::Null));
    let text = inst.usher(&["status"]).await.ended(0).out;
    assert!(text.contains("1 chosen group\n") && text.contains("none yet"), "{text}");
}

#[tokio::test]
async fn f33_the_card_after_success_hold_and_failure() {
    let inst = synced(&[]).await;
    let card = |json: &Value| json["connections"][0].clone();
    let status = card(&inst.json(0, &["status"]).await);
    assert_eq!(status["state"], "active");
    assert_eq!(status["last_run"]["result"], "success");
    assert_eq!(status["last_run"]["started_by"], "command line");
    assert_eq!(status["last_run"]["finished_at"], "2026-03-02T08:00:00Z");
    let text = inst.usher(&["status"]).await.ended(0).out;
    assert!(text.contains("7 users (6 active), 7 groups, 9 memberships"), "{text}");

    inst.file("users.csv", "id,userName\n");
    sync(&inst, 3).await;
    assert_eq!(card(&inst.json(0, &["status"]).await)["last_run"]["result"], "held");
    let text = inst.usher(&["status"]).await.ended(0).out;
    assert!(text.contains("held: the source is empty"), "{text}");
    assert!(text.contains("usher sync --accept "), "{text}");

    inst.file("users.csv", "id,userName\n1,\"ann");
    sync(&inst, 1).await;
    assert_eq!(card(&inst.json(0, &["status"]).await)["last_run"]["result"], "failed");
    let text = inst.usher(&["status"]).await.ended(0).out;
    assert!(text.contains("failed: ") && text.contains("ends inside quotes"), "{text}");
}

#[tokio::test]
async fn f34_a_failure_has_a_class_and_advice_and_removes_nothing() {
    let inst = synced(&["grace_days=0"]).await;
    let before = dump(&inst).await;
    for (bytes, words) in [
        ("id,userName\n1,\"ann", "ends inside quotes"),
        ("id,userName,displayName\n1,ann@acme.example,Ann\n2,bo", "the file is cut"),
        ("", "is empty"),
        ("<!DOCTYPE html><html></html>", "a web page"),
        ("colour,size\nred,7\n", "no column for the key"),
    ] {
        inst.file("users.csv", bytes);
        let report = sync(&inst, 1).await;
        assert_eq!(report["result"], "failed");
        assert_eq!(report["fault"]["class"], "source", "{report:#}");
        assert!(report["fault"]["message"].as_str().unwrap().contains(words), "{report:#}");
        assert!(!report["fault"]["advice"].as_str().unwrap().is_empty());
        let text = inst.usher(&["sync", "--yes"]).await.ended(1).text();
        assert!(text.contains(words) && text.contains("(source)"), "{text}");
        assert_eq!(dump(&inst).await, before, "{words}");
    }
    std::fs::remove_file(inst.path().join("users.csv")).unwrap();
    let report = sync(&inst, 1).await;
    assert!(report["fault"]["message"].as_str().unwrap().contains("users.csv"), "{report:#}");
    // The next good file heals it.
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    let after = dump(&inst).await;
    for table in ["users", "groups", "memberships", "user_links", "mirror_users"] {
        assert_eq!(after[table], before[table], "{table}");
    }
}

#[tokio::test]
async fn f34_a_setting_that_the_source_refuses_is_a_settings_failure() {
    let inst = people("id,userName\n1,ann@a.x\n", &["rows=5"]).await;
    let report = sync(&inst, 1).await;
    let fault = &report["fault"];
    assert!(fault["message"].as_str().unwrap().contains("`rows` asks for 5"), "{fault:#}");
    assert!(names(&inst).await.is_empty());
}

#[tokio::test]
async fn f84_an_unchanged_file_ends_as_unchanged() {
    let inst = synced(&[]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(report["result"], "unchanged");
    assert_eq!((&report["users"]["found"], &report["users"]["unchanged"]), (&7.into(), &7.into()));
    let text = inst.usher(&["sync", "--yes"]).await.ended(0).out;
    assert!(text.contains("unchanged: there is nothing to do"), "{text}");
}

#[tokio::test]
async fn f84_it_is_not_unchanged_when_something_else_is_due() {
    // A grace that ends.
    let inst = people("id,userName\n1,ann@a.x\n2,bob@a.x\n", &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName\n1,ann@a.x\n");
    sync(&inst, 0).await;
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    inst.pass_days(30);
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);

    // An owned field edited here.
    inst.usher(&["users", "set", "ann@a.x", "userName=queen@a.x"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["updated"], 1);

    // A retry that has become possible.
    inst.file("users.csv", "id,userName\n1,ann@a.x\n2,bob@a.x\n");
    inst.usher(&["users", "add", "bob@a.x"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["held"], 1);
    inst.usher(&["users", "remove", "bob@a.x", "--yes"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["created"], 1);

    // Another chain.
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=bob@a.x"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 1);
    inst.usher(&["policy", "set", "deny-list", "--set", "entries=nobody@a.x"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["reactivated"], 1);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f84_after_a_failed_or_held_run_the_file_is_read_again() {
    let inst = people("id,userName\n1,ann@a.x\n2,bob@a.x\n3,cat@a.x\n4,dan@a.x\n", &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName\n1,ann@a.x\n9,gus@a.x\n");
    sync(&inst, 3).await;
    let held = sync(&inst, 3).await;
    assert_eq!((&held["users"]["created"], &held["users"]["deactivated"]), (&1.into(), &3.into()));
    inst.usher(&["plan"]).await.ended(3);

    inst.usher(&["policy", "add", "deny-list", "--set", "entries=nobody@a.x"]).await.ended(0);
    execute(&inst, "UPDATE policies SET settings = '{\"entries\":[\"@@\"]}'").await;
    assert_eq!(sync(&inst, 2).await["fault"]["class"], "settings");
    execute(&inst, "UPDATE policies SET settings = '{}'").await;
    assert_eq!(sync(&inst, 3).await["plan"].as_str().unwrap().len(), 64);
    inst.file("users.csv", "id,userName\n1,ann@a.x\n2,bob@a.x\n3,cat@a.x\n4,dan@a.x\n9,gus@a.x\n");
    assert_eq!(sync(&inst, 0).await["users"]["created"], 1);
}

#[tokio::test]
async fn f84_changed_settings_read_the_file_again() {
    let inst = people("id,userName,nick\n1,ann@a.x,Annie\n", &[]).await;
    sync(&inst, 0).await;
    let users = format!("users={}", inst.path().join("users.csv").display());
    inst.connect_csv(&[&users, "mapping.displayName=nick"]).await;
    assert_eq!(sync(&inst, 0).await["users"]["updated"], 1);
    assert_eq!(inst.user("ann@a.x").await["displayName"], "Annie");
    connect_rules(&inst, &users).await;
}

/// What is the host's own business needs no new read.
async fn connect_rules(inst: &Installation, users: &str) {
    inst.connect_csv(&[users, "grace_days=7"]).await;
    assert_eq!(sync(inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f31_settings_are_shown_again_and_changed_one_by_one() {
    let inst = connected(&["scope=groups", "chosen=g-eng"]).await;
    let saved = inst.json(0, &["connect", "csv"]).await;
    assert_eq!(saved["scope"]["chosen"], serde_json::json!(["g-eng"]));
    connect(&inst, &["grace_days=3"]).await;
    let saved = inst.json(0, &["connect", "csv"]).await;
    assert_eq!((&saved["rules"]["grace_days"], &saved["scope"]["chosen"][0]), (&3.into(), &"g-eng".into()));
}

#[tokio::test]
async fn f87_every_change_is_kept_and_can_be_filtered_and_taken_away() {
    let inst = connected(&[]).await;
    sync(&inst, 0).await;
    inst.pass_days(1);
    inst.file(
        "users.csv",
        USERS
            .replace("Bob,bob@", "Robert,bob@")
            .replace("4,dan@acme.example,Dan,dan@acme.example,true,\n", ""),
    );
    sync(&inst, 0).await;
    inst.pass_days(31);
    sync(&inst, 0).await;
    let changes = async |words: &[&str]| {
        let all = inst.json(0, &[&["runs", "changes"][..], words].concat()).await;
        all.as_array().unwrap().clone()
    };
    assert_eq!(changes(&[]).await.len(), 7 + 7 + 9 + 2 + 1);
    assert_eq!(changes(&["--run", "2"]).await.len(), 2);
    let bob = changes(&["--who", "bob@acme.example", "--kind", "user"]).await;
    assert_eq!(bob.len(), 2);
    assert_eq!(bob[1]["changes"]["displayName"], serde_json::json!(["Bob", "Robert"]));
    assert_eq!(
        (&bob[1]["run"], &bob[1]["connection"], &bob[1]["by"]),
        (&2.into(), &"csv".into(), &"command line".into())
    );
    assert_eq!(bob[1]["at"], "2026-03-03T08:00:00Z");
    // Who is gone is still there in what happened to him.
    let dan: Vec<_> =
        changes(&["--who", "dan@acme.example"]).await.iter().map(|change| change["action"].clone()).collect();
    assert_eq!(dan, ["create", "deactivate", "delete"]);
    assert_eq!(
        changes(&["--since", "2026-03-03T00:00:00Z", "--until", "2026-03-04T00:00:00Z"]).await.len(),
        2
    );
    assert_eq!(changes(&["--field", "displayName", "--action", "update"]).await.len(), 1);
    assert_eq!(changes(&["--group", "G-sales", "--kind", "membership"]).await.len(), 4);

    let csv = inst.usher(&["runs", "changes", "--run", "2", "--format", "csv"]).await.ended(0).out;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "at,run,connection,by,kind,action,name,id,member,field,before,after");
    assert!(
        lines
            .iter()
            .any(|line| line.contains(",update,bob@acme.example,")
                && line.ends_with(",displayName,Bob,Robert")),
        "{csv}"
    );
    let jsonl = inst.usher(&["runs", "changes", "--run", "2", "--format", "jsonl"]).await.ended(0).out;
    let objects: Vec<Value> = jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    let read = inst.usher(&["runs", "changes", "--run", "2"]).await.ended(0).out;
    assert!(read.contains("displayName: Bob → Robert"), "{read}");
    let none = inst.usher(&["runs", "changes", "--action", "unlink"]).await.ended(0).out;
    assert!(none.contains("Nothing was changed like that"), "{none}");
    inst.usher(&["runs", "changes", "--since", "yesterday"]).await.ended(2);
    inst.usher(&["runs", "changes", "--run", "99"]).await.ended(2);
}
