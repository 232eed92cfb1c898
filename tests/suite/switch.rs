//! One connection of a tenant is the active one: switching, whom it takes over, and who stays behind.

use crate::directory::{Directory, person, unguarded};
use crate::harness::Installation;
use crate::t1::{self, connected, holds, names, notes, people, reason, sync, write};
use serde_json::{Value, json};
use usher_store::{By, Intent, State};
use usher_sync::{Consent, RunRequest, RunResult, Silent};
use usher_test_scripted::{Change, Read, Script, User};

/// A second export of mostly the same people, with keys of its own.
const HR_USERS: &str = "id,userName,displayName,mail,title,manager
A-1,ann@acme.example,Ann Anders,ann@acme.example,Engineer,B-2
B-2,robert@acme.example,Bob,bob@acme.example,Lead,
C-3,cat@acme.example,Cat,cat@acme.example,,
N-9,new@acme.example,New,new@acme.example,,
";
const HR_GROUPS: &str = "id,displayName\nx1,G-eng\nx2,New team\n";
const HR_MEMBERSHIPS: &str = "group,member,kind\nx1,A-1,user\nx1,N-9,user\nx2,B-2,user\n";

/// Connects a second export, named `hr`.
async fn connect_hr(inst: &Installation, users: &str, groups: &str, memberships: &str, settings: &[&str]) {
    let files = [("users", users), ("groups", groups), ("memberships", memberships)];
    let mut line = vec!["connect".to_owned(), "csv".into(), "--name".into(), "hr".into(), "--yes".into()];
    for (name, content) in files.into_iter().filter(|(_, content)| !content.is_empty()) {
        let path = inst.file(&format!("hr-{name}.csv"), content);
        line.extend(["--set".to_owned(), format!("{name}={path}")]);
    }
    line.extend(settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]));
    let line: Vec<_> = line.iter().map(String::as_str).collect();
    inst.usher(&line).await.ended(0);
}

/// Switches, agreeing to whatever the guard holds.
async fn switch(inst: &Installation, to: &str) -> Value {
    let shown = inst.usher(&["--json", "switch", to]).await.ended(3).json();
    inst.json(0, &["switch", to, "--accept", shown["plan"].as_str().unwrap()]).await
}

/// Takes back a run, agreeing to whatever the guard holds.
async fn undo(inst: &Installation, run: &Value) -> Value {
    let run = run.to_string();
    let shown = inst.json(3, &["runs", "undo", &run]).await;
    inst.json(0, &["runs", "undo", &run, "--accept", shown["plan"].as_str().unwrap()]).await
}

/// How many users were taken over, and how many came anew.
fn came(report: &Value) -> [u64; 2] {
    ["adopted", "created"].map(|how| report["users"][how].as_u64().unwrap())
}

async fn both() -> Installation {
    let inst = connected(&[]).await;
    sync(&inst, 0).await;
    connect_hr(&inst, HR_USERS, HR_GROUPS, HR_MEMBERSHIPS, &[]).await;
    inst
}

async fn states(inst: &Installation) -> Vec<(String, String)> {
    let card = inst.json(0, &["status"]).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    card["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["connection"]), text(&one["state"])))
        .collect()
}

fn pairs(states: &[(&str, &str)]) -> Vec<(String, String)> {
    states.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f36_one_connection_is_active_and_another_is_only_switched_to() {
    let inst = both().await;
    let before = inst.users().await;
    let refused = inst.usher(&["sync", "--yes", "--connection", "hr"]).await.ended(2);
    assert!(refused.text().contains("csv is the active connection"), "{}", refused.text());
    assert!(refused.text().contains("`usher switch hr`"), "{}", refused.text());
    assert_eq!(inst.users().await, before);
    assert_eq!(states(&inst).await, pairs(&[("csv", "active"), ("hr", "configured")]));

    // Its plan is that of the switch, and changes nothing.
    let plan = inst.usher(&["plan", "--connection", "hr"]).await.ended(0);
    assert!(plan.out.contains("to switch to hr") && plan.out.contains("`usher switch hr`"), "{}", plan.out);
    assert!(plan.out.contains("csv gives way to hr"), "{}", plan.out);
    assert_eq!(inst.users().await, before);
    // Nobody agreed: held.
    inst.usher(&["switch", "hr"]).await.ended(3);
    inst.usher(&["switch", "csv", "--yes"]).await.ended(2);
    inst.usher(&["switch", "nobody", "--yes"]).await.ended(2);
    assert_eq!(states(&inst).await, pairs(&[("csv", "active"), ("hr", "configured")]));

    let settings = inst.json(0, &["connect", "csv"]).await;
    let report = switch(&inst, "hr").await;
    assert_eq!((&report["result"], &report["applied"]), (&json!("success"), &json!(true)), "{report:#}");
    assert_eq!(states(&inst).await, pairs(&[("csv", "disabled"), ("hr", "active")]));
    let mut kept = inst.json(0, &["connect", "csv"]).await;
    kept["state"] = settings["state"].clone();
    assert_eq!(kept, settings, "its settings are kept");
    // Where nothing is said, the active one is meant; the idle one waits.
    assert_eq!(sync(&inst, 0).await["connection"], "hr");
    inst.usher(&["sync", "--yes", "--connection", "csv"]).await.ended(2);
    let runs = inst.json(0, &["runs", "list", "--limit", "100"]).await;
    assert!(runs.as_array().unwrap().iter().any(|run| run["intent"] == "switch" && run["applied"] == true));
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_who_matches_is_taken_over_with_the_same_id_and_the_rest_stays_orphaned() {
    let inst = both().await;
    let (ann, bob, cat) = (
        inst.user("ann@acme.example").await,
        inst.user("bob@acme.example").await,
        inst.user("cat@alt.example").await,
    );
    let plan = inst.json(0, &["plan", "--connection", "hr"]).await;
    let report = switch(&inst, "hr").await;
    for report in [&plan, &report] {
        // Ann by userName, Bob and Cat by their addresses.
        assert_eq!(came(report), [3, 1], "{report:#}");
        assert_eq!((&report["users"]["orphaned"], &report["users"]["deactivated"]), (&4.into(), &0.into()));
        assert_eq!((&report["groups"]["adopted"], &report["groups"]["created"]), (&1.into(), &1.into()));
        assert_eq!(report["groups"]["orphaned"], 6);
        let behind: Vec<_> =
            report["orphaned"].as_array().unwrap().iter().filter(|one| one["kind"] == "user").collect();
        assert_eq!(behind.len(), 4, "{report:#}");
        assert_eq!(
            (&behind[0]["name"], &behind[0]["reason"]),
            (&json!("dan@acme.example"), &json!("only csv has it"))
        );
    }
    let after = inst.user("ann@acme.example").await;
    assert_eq!(
        (&after["id"], &after["connection"], &after["externalId"]),
        (&ann["id"], &json!("hr"), &json!("A-1"))
    );
    assert_eq!((&after["displayName"], &after["title"]), (&json!("Ann Anders"), &json!("Engineer")));
    assert_eq!(after["orphaned"], false);
    let after = inst.user("robert@acme.example").await;
    assert_eq!((&after["id"], &after["displayName"]), (&bob["id"], &json!("Bob")));
    let after = inst.user("cat@acme.example").await;
    assert_eq!((&after["id"], &after["connection"]), (&cat["id"], &json!("hr")));
    let dan = inst.user("dan@acme.example").await;
    assert_eq!(
        (&dan["active"], &dan["connection"], &dan["orphaned"]),
        (&true.into(), &json!("csv"), &true.into())
    );
    assert_eq!(inst.user("ann@acme.example").await["manager"]["value"], bob["id"]);

    // Memberships: Ann stays where both have her, Bob leaves G-eng since hr doesn't have him there; what hangs on an orphan stays.
    assert_eq!(inst.members("G-eng").await, ["G-eng-be", "ann@acme.example", "new@acme.example"]);
    assert_eq!(inst.members("U-proj").await, ["eve@acme.example"]);

    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    inst.pass_days(40);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged", "time takes no orphan away");
    assert_eq!(inst.user("dan@acme.example").await["active"], true);
    inst.usher(&["database", "check"]).await.ended(0);

    let listed = inst.json(0, &["users", "list", "--orphaned"]).await;
    let listed: Vec<_> =
        listed.as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap()).collect();
    assert_eq!(listed, ["dan@acme.example", "eve@acme.example", "fay@acme.example", "shared@acme.example"]);
    let orphans = inst.json(0, &["orphans", "list"]).await;
    assert_eq!(
        (orphans["users"].as_array().unwrap().len(), orphans["groups"].as_array().unwrap().len()),
        (4, 6)
    );
    let card = inst.usher(&["status"]).await.ended(0);
    assert!(
        card.out.contains("idle: `usher switch csv`; 4 users and 6 groups of it are orphaned"),
        "{}",
        card.out
    );
    let why = inst.usher(&["why", "dan@acme.example"]).await.ended(0);
    assert!(why.out.contains("csv, which is idle"), "{}", why.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_orphans_leave_only_by_a_plan_that_somebody_agreed_to() {
    let inst = both().await;
    inst.usher(&["orphans", "list"]).await.ended(0);
    let none = inst.usher(&["orphans", "remove", "--yes"]).await.ended(0);
    assert!(none.out.contains("nothing to do"), "{}", none.out);
    switch(&inst, "hr").await;
    let before = (inst.users().await, t1::groups(&inst).await);
    let refused = inst.usher(&["users", "remove", "dan@acme.example", "--yes"]).await.ended(2);
    assert!(refused.err.contains("`usher orphans remove dan@acme.example`"), "{}", refused.err);
    inst.usher(&["orphans", "remove", "ann@acme.example", "--yes"]).await.ended(2);
    inst.usher(&["orphans", "remove", "--connection", "hr", "--yes"]).await.ended(2);

    // Only one of them.
    let one = inst.json(0, &["orphans", "remove", "dan@acme.example", "--yes"]).await;
    assert_eq!((&one["users"]["deleted"], &one["groups"]["deleted"]), (&1.into(), &0.into()), "{one:#}");
    assert!(!names(&inst).await.contains(&"dan@acme.example".to_owned()));
    // More than half of the groups: a yes alone isn't enough.
    let held = inst.json(3, &["orphans", "remove", "--yes"]).await;
    assert!(holds(&held).contains("6 of 8 groups would go"), "{held:#}");
    inst.usher(&["orphans", "remove", "--accept", "0123456789ab"]).await.ended(3);
    let done = inst.json(0, &["orphans", "remove", "--accept", held["plan"].as_str().unwrap()]).await;
    assert_eq!((&done["users"]["deleted"], &done["groups"]["deleted"]), (&3.into(), &6.into()), "{done:#}");
    assert_eq!(
        names(&inst).await,
        ["ann@acme.example", "cat@acme.example", "new@acme.example", "robert@acme.example"]
    );
    assert_eq!(t1::groups(&inst).await, ["G-eng", "New team"]);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    inst.json(0, &["database", "check"]).await;

    // It is a change like others: taken back, everybody is there again.
    for run in [&done["run"], &one["run"]] {
        undo(&inst, run).await;
    }
    assert_eq!((inst.users().await, t1::groups(&inst).await), before);
    assert_eq!(states(&inst).await, pairs(&[("csv", "disabled"), ("hr", "active")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_a_protected_orphan_stays() {
    let inst = both().await;
    switch(&inst, "hr").await;
    inst.usher(&["users", "protect", "dan@acme.example"]).await.ended(0);
    let one = inst.json(0, &["orphans", "remove", "dan@acme.example", "--yes"]).await;
    assert_eq!((&one["result"], &one["users"]["deleted"]), (&"unchanged".into(), &0.into()), "{one:#}");
    assert!(t1::notes(&one).contains("dan@acme.example is protected, and stays"), "{one:#}");
    let held = inst.json(3, &["orphans", "remove", "--yes"]).await;
    let all = ["orphans", "remove", "--accept", held["plan"].as_str().unwrap()];
    assert_eq!(inst.json(0, &all).await["users"]["deleted"], 3);
    assert_eq!(inst.user("dan@acme.example").await["active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_the_way_back_finds_everybody_again() {
    let inst = both().await;
    let before = inst.users().await;
    let members = inst.members("G-eng").await;
    switch(&inst, "hr").await;
    inst.pass_days(1);
    let report = switch(&inst, "csv").await;
    assert_eq!(came(&report), [3, 0], "{report:#}");
    assert_eq!(report["users"]["orphaned"], 1, "only hr has the new one");
    assert_eq!(states(&inst).await, pairs(&[("csv", "active"), ("hr", "disabled")]));
    for was in &before {
        let now = inst.user(was["userName"].as_str().unwrap()).await;
        for field in ["id", "userName", "displayName", "emails", "active", "connection", "externalId"] {
            assert_eq!(now[field], was[field], "{field} of {was:#}");
        }
    }
    // What only hr had said of Ann stays, as hers.
    assert_eq!(inst.user("ann@acme.example").await["title"], "Engineer");
    let now = inst.members("G-eng").await;
    assert!(members.iter().all(|member| now.contains(member)), "{now:?}");
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    inst.json(0, &["database", "check"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f36_a_switch_that_is_taken_back_gives_the_turn_back() {
    let inst = both().await;
    let before = (inst.users().await, inst.members("G-eng").await, inst.members("G-root").await);
    let report = switch(&inst, "hr").await;
    let switched = inst.users().await;
    let undone = undo(&inst, &report["run"]).await;
    assert!(notes(&undone).contains("csv is the active connection again, instead of hr"), "{undone:#}");
    assert_eq!((inst.users().await, inst.members("G-eng").await, inst.members("G-root").await), before);
    assert_eq!(states(&inst).await, pairs(&[("csv", "paused"), ("hr", "disabled")]));
    inst.usher(&["resume", "--yes"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    assert_eq!(inst.members("G-eng").await, before.1);
    // And the undo undone: hr has its turn again.
    undo(&inst, &undone["run"]).await;
    assert_eq!(states(&inst).await, pairs(&[("csv", "disabled"), ("hr", "paused")]));
    assert_eq!(inst.users().await, switched);
    inst.usher(&["resume", "--yes"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    inst.json(0, &["database", "check"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_a_key_alone_proves_nothing_but_with_the_same_name_it_does() {
    let inst = people("id,userName,displayName\n1,ann@old.example,Ann\n2,bob@old.example,Bob\n", &[]).await;
    sync(&inst, 0).await;
    let ann = inst.user("ann@old.example").await["id"].clone();
    connect_hr(&inst, "id,userName,displayName\n1,ann@new.example,ANN\n2,zoe@new.example,Zoe\n", "", "", &[])
        .await;
    let report = switch(&inst, "hr").await;
    assert_eq!(came(&report), [1, 1], "{report:#}");
    assert_eq!(inst.user("ann@new.example").await["id"], ann);
    assert_eq!(inst.user("bob@old.example").await["orphaned"], true);
    assert_eq!(inst.user("zoe@new.example").await["connection"], "hr");
}

/// The same key and the same name at two connections that are idle: nobody is guessed.
#[tokio::test(flavor = "multi_thread")]
async fn f37_a_key_that_two_idle_connections_have_is_held() {
    let inst = people("id,userName,displayName\n7,ann@old.example,Ann\n", &[]).await;
    sync(&inst, 0).await;
    connect_hr(&inst, "id,userName,displayName\n7,ann@hr.example,Anna\n", "", "", &[]).await;
    switch(&inst, "hr").await;
    connect_hr(&inst, "id,userName,displayName\n7,ann@hr.example,Ann\n", "", "", &[]).await;
    sync(&inst, 0).await;
    let third =
        format!("users={}", inst.file("third.csv", "id,userName,displayName\n7,ann@new.example,Ann\n"));
    inst.usher(&["connect", "csv", "--name", "third", "--set", &third, "--yes"]).await.ended(0);
    let plan = inst.json(0, &["plan", "--connection", "third"]).await;
    assert!(reason(&plan, "held", "7").contains("may be any of ann@hr.example, ann@old.example"), "{plan:#}");
    assert_eq!(came(&plan), [0, 0], "{plan:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_whoever_may_be_several_is_held_and_a_guest_is_never_matched_by_an_address() {
    let inst = people(
        "id,userName,mail\n1,ann@a.example,team@a.example\n2,bob@a.example,team@a.example\n3,gus@a.example,gus@out.example\n",
        &[],
    )
    .await;
    sync(&inst, 0).await;
    connect_hr(
        &inst,
        "id,userName,mail,userType\nk1,either@a.example,team@a.example,Member\nk2,gus_out.example#EXT#@a.example,gus@out.example,Guest\n",
        "",
        "",
        &[],
    )
    .await;
    let plan = inst.json(0, &["plan", "--connection", "hr"]).await;
    assert!(reason(&plan, "held", "k1").contains("may be any of ann@a.example, bob@a.example"), "{plan:#}");
    assert!(reason(&plan, "held", "k2").contains("a guest is never matched"), "{plan:#}");
    assert_eq!(plan["users"]["created"], 0);
    // Somebody says so: then he is taken over.
    switch(&inst, "hr").await;
    let gus = inst.user("gus@a.example").await["id"].clone();
    inst.usher(&["users", "link", "gus@a.example", "k2", "--connection", "hr"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["adopted"], 1, "{report:#}");
    assert_eq!(inst.user("gus_out.example#EXT#@a.example").await["id"], gus);
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_an_orphan_is_taken_over_when_the_active_source_has_him_later() {
    let inst = both().await;
    switch(&inst, "hr").await;
    let eve = inst.user("eve@acme.example").await["id"].clone();
    connect_hr(
        &inst,
        &format!("{HR_USERS}E-5,eve@acme.example,Eve,,,\n"),
        HR_GROUPS,
        &format!("{HR_MEMBERSHIPS}x1,E-5,user\n"),
        &[],
    )
    .await;
    let report = sync(&inst, 0).await;
    assert_eq!(came(&report), [1, 0], "{report:#}");
    let after = inst.user("eve@acme.example").await;
    assert_eq!((&after["id"], &after["connection"]), (&eve, &json!("hr")));
    // Leaving is hers to suffer from then on, and csv holds nobody back.
    connect_hr(&inst, HR_USERS, HR_GROUPS, HR_MEMBERSHIPS, &[]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(
        (&report["users"]["deactivated"], &report["users"]["unlinked"]),
        (&1.into(), &0.into()),
        "{report:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f41b_a_switch_that_disables_many_is_held() {
    let rows = |active: &str| (1..=20).map(|n| format!("{n},u{n}@a.example,{active}\n")).collect::<String>();
    let inst = people(&format!("id,userName,active\n{}", rows("true")), &[]).await;
    sync(&inst, 0).await;
    connect_hr(&inst, &format!("id,userName,active\n{}", rows("false")), "", "", &[]).await;
    let held = inst.json(3, &["switch", "hr", "--yes"]).await;
    assert!(holds(&held).contains("20 of 20 users would go"), "{held:#}");
    assert_eq!(inst.active().await.len(), 20);
    assert_eq!(states(&inst).await, pairs(&[("csv", "active"), ("hr", "configured")]));
    // Nor is it covered by a plan that took them over as they are.
    let harmless = format!("id,userName,active\n{}", rows("true"));
    inst.file("hr-users.csv", harmless);
    let plan = inst.json(0, &["plan", "--connection", "hr"]).await["plan"].as_str().unwrap().to_owned();
    inst.file("hr-users.csv", format!("id,userName,active\n{}", rows("false")));
    let held = inst.json(3, &["switch", "hr", "--accept", &plan]).await;
    assert!(holds(&held).contains("20 more"), "{held:#}");
    assert_eq!(inst.active().await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn f41b_a_switch_to_an_empty_source_is_held() {
    let inst = both().await;
    connect_hr(&inst, "id,userName\n", "", "", &[]).await;
    let held = inst.json(3, &["switch", "hr", "--yes"]).await;
    assert!(holds(&held).contains("the source is empty"), "{held:#}");
    assert_eq!(states(&inst).await, pairs(&[("csv", "active"), ("hr", "configured")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_a_second_account_with_the_same_mail_takes_nobody_from_whose_name_it_is() {
    let inst = people("id,userName\n1,ann@a.example\n2,gus@out.example\n", &[]).await;
    sync(&inst, 0).await;
    let ann = inst.user("ann@a.example").await["id"].clone();
    connect_hr(
        &inst,
        "id,userName,mail,userType\nk1,ann@a.example,ann@a.example,Member\nk2,adm-ann@a.example,ann@a.example,Member\n\
         k3,gus#EXT#@a.example,gus@out.example,Guest\n",
        "",
        "",
        &[],
    )
    .await;
    let report = switch(&inst, "hr").await;
    assert_eq!(came(&report), [1, 1], "{report:#}");
    assert_eq!(inst.user("ann@a.example").await["id"], ann);
    assert_eq!(inst.user("adm-ann@a.example").await["connection"], "hr");
    assert!(reason(&report, "held", "k3").contains("a guest is never matched"), "{report:#}");
    // Who may be somebody that waits isn't let go meanwhile.
    assert!(report["orphaned"][0]["reason"].as_str().unwrap().contains("waits for a decision"), "{report:#}");
    assert_eq!(inst.json(0, &["orphans", "remove"]).await["result"], "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_the_plan_of_a_switch_changes_no_answer() {
    let inst = people("id,userName,mail\n1,ann@a.example,office@a.example\n2,bob@a.example,\n", &[]).await;
    sync(&inst, 0).await;
    connect_hr(&inst, "id,userName,mail\nk9,new@a.example,\n", "", "", &[]).await;
    inst.json(0, &["plan", "--connection", "hr"]).await;
    inst.file("users.csv", "id,userName,mail\n1,ann@a.example,\n2,bob@a.example,office@a.example\n");
    sync(&inst, 0).await;
    let who = async || inst.json(0, &["users", "show", "office@a.example"]).await["userName"].clone();
    assert_eq!(who().await, "bob@a.example");
    inst.usher(&["disconnect", "csv", "--confirm", "csv"]).await.ended(0);
    assert_eq!(who().await, "bob@a.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn f36_the_turn_goes_back_step_by_step_and_to_nobody_who_had_no_part() {
    let inst = both().await;
    let first = inst.users().await;
    let there = switch(&inst, "hr").await;
    let second = inst.users().await;
    let back = switch(&inst, "csv").await;
    undo(&inst, &back["run"]).await;
    assert_eq!(states(&inst).await, pairs(&[("csv", "disabled"), ("hr", "paused")]));
    assert_eq!(inst.users().await, second);
    undo(&inst, &there["run"]).await;
    assert_eq!(states(&inst).await, pairs(&[("csv", "paused"), ("hr", "disabled")]));
    assert_eq!(inst.users().await, first);
    inst.json(0, &["database", "check"]).await;

    // A third one took its turn when nobody was active: it keeps it.
    inst.usher(&["resume", "--yes"]).await.ended(0);
    let there = switch(&inst, "hr").await;
    inst.usher(&["disconnect", "hr", "--confirm", "hr"]).await.ended(0);
    let third = format!("users={}", inst.file("third.csv", "id,userName\nt1,third@acme.example\n"));
    inst.usher(&["connect", "csv", "--name", "third", "--set", &third, "--yes"]).await.ended(0);
    inst.usher(&["sync", "--yes", "--connection", "third"]).await.ended(0);
    let undone = undo(&inst, &there["run"]).await;
    assert!(!notes(&undone).contains("active connection again"), "{undone:#}");
    assert_eq!(states(&inst).await, pairs(&[("csv", "disabled"), ("third", "paused")]));
    inst.json(0, &["database", "check"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_what_the_new_source_doesnt_speak_of_stays() {
    let inst = people(
        "id,userName,title,manager\n1,ann@a.example,Engineer,2\n2,bob@a.example,Lead,\n3,cat@a.example,,2\n",
        &[],
    )
    .await;
    sync(&inst, 0).await;
    connect_hr(&inst, "id,userName\nk1,ann@a.example\nk2,bob@a.example\nk3,cat@a.example\n", "", "", &[])
        .await;
    let plan = inst.json(0, &["plan", "--connection", "hr"]).await;
    let accepted = inst.json(0, &["switch", "hr", "--yes"]).await;
    assert_eq!(accepted["plan"], plan["plan"], "nothing holds it");
    let ann = inst.user("ann@a.example").await;
    assert_eq!(
        (&ann["title"], &ann["manager"]["displayName"]),
        (&json!("Engineer"), &json!("bob@a.example"))
    );
    // From then on it is local: hers to be changed by hand.
    inst.usher(&["users", "set", "ann@a.example", "title=Queen"]).await.ended(0);
    sync(&inst, 0).await;
    assert_eq!(inst.user("ann@a.example").await["title"], "Queen");
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_one_orphaned_group_is_let_go_by_its_name() {
    let inst = both().await;
    switch(&inst, "hr").await;
    let refused = inst.usher(&["groups", "remove", "U-proj", "--yes"]).await.ended(2);
    assert!(refused.err.contains("`usher orphans remove \"U-proj\"`"), "{}", refused.err);
    let gone = inst.json(0, &["orphans", "remove", "U-proj", "--yes"]).await;
    assert_eq!((&gone["groups"]["deleted"], &gone["users"]["deleted"]), (&1.into(), &0.into()), "{gone:#}");
    assert_eq!(gone["memberships"]["removed"], 1);
    assert!(!t1::groups(&inst).await.contains(&"U-proj".to_owned()));
    assert!(inst.user("eve@acme.example").await["groups"].as_array().unwrap().is_empty());
}

/// An incremental source goes on from where it was when it gave way, and everybody is looked at all the same.
#[tokio::test]
async fn f37_an_incremental_source_that_comes_back_goes_on_from_its_cursor() {
    let directory = Directory::new().await;
    let titled = |id: &str, title: &str| person(id).with("title", title).into();
    let everybody = Read::of([titled("ann", "a"), titled("bob", "a"), titled("cat", "a")]).cursor("1");
    let one = directory.scripted("acme", &Script { fresh: everybody, ..Script::default() }).await;
    assert!(one.sync().await.applied);
    let method = one.connection().await.method;
    let other = directory.connect(one.tenant, "other", &method, json!({})).await;
    let theirs = |id: &str, title: &str| {
        User::new(format!("x-{id}")).named(format!("{id}@acme.example")).with("title", title)
    };
    other.says(&Script::full([theirs("ann", "b").into(), theirs("bob", "b").into()]));
    other.set(&method, json!({ "script": other.script() }), unguarded()).await;
    let report = other.run(Intent::Switch, Consent::Given).await;
    assert_eq!((report.users.adopted, report.users.orphaned), (2, 1), "{report:#?}");
    assert_eq!(one.attribute("ann", "title").await, "\"b\"");

    // Meanwhile bob has left the first one, and dan has come to it.
    let since = Read::of([Change::UserGone("bob".into()), titled("dan", "a")]).cursor("2");
    one.says(&Script::full([titled("unread", "x")]).since("1", since));
    let report = one.run(Intent::Switch, Consent::Given).await;
    assert!(report.applied, "{report:#?}");
    assert_eq!(one.cursor().await.as_deref(), Some("2"));
    assert_eq!((report.users.adopted, report.users.created, report.users.unlinked), (1, 1, 1), "{report:#?}");
    // Ann wasn't spoken of and is the first one's again, as its mirror has her; Bob is an orphan of the other one.
    assert_eq!(one.attribute("ann", "title").await, "\"a\"");
    assert_eq!(one.attribute("bob", "title").await, "\"b\"");
    assert_eq!(one.people().await, ["ann", "bob", "cat", "dan"]);
    assert_eq!(report.users.orphaned, 1);
    one.says(&Script::full([]).since("2", Read::of([]).cursor("3")));
    assert_eq!(one.sync().await.result, RunResult::Unchanged);
}

#[tokio::test(flavor = "multi_thread")]
async fn f36_people_of_an_idle_connection_stay_when_it_is_disconnected() {
    let inst = both().await;
    switch(&inst, "hr").await;
    inst.usher(&["disconnect", "csv", "--confirm", "csv"]).await.ended(0);
    let dan = inst.user("dan@acme.example").await;
    assert_eq!((&dan["origin"], &dan["orphaned"]), (&json!("manual"), &false.into()));
    assert_eq!(inst.user("ann@acme.example").await["connection"], "hr");
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    inst.json(0, &["database", "check"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f36_an_active_connection_that_is_disconnected_leaves_its_people_by_hand() {
    let inst = both().await;
    switch(&inst, "hr").await;
    inst.usher(&["disconnect", "hr", "--confirm", "hr"]).await.ended(0);
    // Not csv's again, although csv knows her: nobody brings her now.
    let ann = inst.user("ann@acme.example").await;
    assert_eq!((&ann["origin"], &ann["orphaned"]), (&json!("manual"), &false.into()));
    // And csv may run again, since nobody else is active.
    write(&inst, t1::USERS, t1::GROUPS, t1::MEMBERSHIPS);
    sync(&inst, 0).await;
    assert_eq!(states(&inst).await, pairs(&[("csv", "active")]));
    assert_eq!(inst.user("dan@acme.example").await["orphaned"], false);
    inst.json(0, &["database", "check"]).await;
}

/// A run may wait for another one's end, and what it knew of its connection is old by then.
#[tokio::test]
async fn f87_a_run_goes_by_the_connection_as_it_is_once_it_has_the_lock() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &usher_test_scripted::t1::script()).await;
    source.takes(&usher_test_scripted::t1::script()).await;
    let old = source.connection().await;
    let run = async |intent| {
        let request = RunRequest {
            connection: &old,
            intent,
            consent: Consent::Given,
            started_by: "a test",
            progress: &Silent,
        };
        directory.host.run(request).await.unwrap()
    };
    // Undone meanwhile: it waits for somebody's word.
    directory.host.store().set_connection_state(&old, State::Paused).await.unwrap();
    let report = run(Intent::Sync).await;
    assert_eq!((report.result, report.applied), (RunResult::Held, false), "{report:#?}");
    assert_eq!(source.connection().await.state, State::Paused);
    // Disconnected meanwhile.
    let by = By { tenant: old.tenant, who: "a test", now: 0 };
    directory.host.store().remove_connection(by, &old).await.unwrap();
    let fault = run(Intent::Sync).await.fault.unwrap();
    assert_eq!(fault.message, format!("{} was disconnected", old.name));
}
