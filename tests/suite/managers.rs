//! Managers: planned after all users, so that order in the source never matters.

use crate::harness::Installation;
use crate::t1::{connect, notes, people, sync};

async fn manager(inst: &Installation, user: &str) -> Option<String> {
    inst.user(user).await["manager"]["displayName"].as_str().map(str::to_owned)
}

fn file(rows: &[&str]) -> String {
    format!("id,userName,manager\n{}\n", rows.join("\n"))
}

async fn with(rows: &[&str], settings: &[&str]) -> Installation {
    let inst = people(&file(rows), settings).await;
    sync(&inst, 0).await;
    inst
}

#[tokio::test]
async fn f22_managers_are_found_by_id_and_by_user_name_whatever_the_order() {
    let inst = with(&["1,ann@a.x,2", "2,bob@a.x,CEO@a.x", "9,ceo@a.x,"], &[]).await;
    assert_eq!(manager(&inst, "ann@a.x").await.as_deref(), Some("bob@a.x"));
    assert_eq!(manager(&inst, "bob@a.x").await.as_deref(), Some("ceo@a.x"));
    assert_eq!(manager(&inst, "ceo@a.x").await, None);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f22_two_may_manage_each_other() {
    let inst = with(&["1,ann@a.x,2", "2,bob@a.x,1"], &[]).await;
    assert_eq!(manager(&inst, "ann@a.x").await.as_deref(), Some("bob@a.x"));
    assert_eq!(manager(&inst, "bob@a.x").await.as_deref(), Some("ann@a.x"));
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f22_a_manager_who_is_not_in_is_left_empty_with_a_note_until_he_comes() {
    let inst = people(&file(&["1,ann@a.x,2", "2,bob@a.x,", "3,cat@a.x,77"]), &[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=bob@a.x"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert!(notes(&report).contains("2 users name a manager who isn't in"), "{report:#}");
    assert!(notes(&report).contains("\"2\", \"77\""), "{report:#}");
    assert_eq!(manager(&inst, "ann@a.x").await, None);
    let again = sync(&inst, 0).await;
    assert!(notes(&again).contains("2 users name a manager"), "it is still told: {again:#}");

    inst.usher(&["policy", "remove", "deny-list"]).await.ended(0);
    sync(&inst, 0).await;
    assert_eq!(manager(&inst, "ann@a.x").await.as_deref(), Some("bob@a.x"));
    inst.file("users.csv", file(&["1,ann@a.x,2", "2,bob@a.x,", "3,cat@a.x,77", "77,dora@a.x,"]));
    sync(&inst, 0).await;
    assert_eq!(manager(&inst, "cat@a.x").await.as_deref(), Some("dora@a.x"));
}

#[tokio::test]
async fn f22_a_manager_who_leaves_is_taken_away_and_back_again_he_returns() {
    let inst = with(&["1,ann@a.x,2", "2,bob@a.x,", "3,cat@a.x,2"], &[]).await;
    inst.file("users.csv", file(&["1,ann@a.x,2", "3,cat@a.x,2"]));
    sync(&inst, 0).await;
    assert_eq!(manager(&inst, "ann@a.x").await, None);
    inst.file("users.csv", file(&["1,ann@a.x,2", "2,bob@a.x,", "3,cat@a.x,2"]));
    sync(&inst, 0).await;
    assert_eq!(manager(&inst, "ann@a.x").await.as_deref(), Some("bob@a.x"));
    assert_eq!(manager(&inst, "cat@a.x").await.as_deref(), Some("bob@a.x"));
}

#[tokio::test]
async fn f22_cleared_at_the_source_is_cleared_here() {
    let inst = with(&["1,ann@a.x,2", "2,bob@a.x,"], &[]).await;
    inst.file("users.csv", file(&["1,ann@a.x,", "2,bob@a.x,"]));
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["updated"], 1);
    assert_eq!(manager(&inst, "ann@a.x").await, None);
    let shown = inst.json(0, &["users", "show", "ann@a.x"]).await;
    assert_eq!(shown["history"][0]["line"]["changes"]["manager"], serde_json::json!(["bob@a.x", null]));
}

#[tokio::test]
async fn f22_off_leaves_the_field_untouched() {
    let inst = with(&["1,ann@a.x,2", "2,bob@a.x,", "3,cat@a.x,"], &[]).await;
    let users = format!("users={}", inst.path().join("users.csv").display());
    inst.connect_csv(&[&users, "managers=false"]).await;
    inst.file("users.csv", file(&["1,ann@a.x,", "2,bob@a.x,3", "3,cat@a.x,"]));
    sync(&inst, 0).await;
    assert_eq!(manager(&inst, "ann@a.x").await.as_deref(), Some("bob@a.x"));
    assert_eq!(manager(&inst, "bob@a.x").await, None);
    inst.connect_csv(&[&users, "managers=true"]).await;
    sync(&inst, 0).await;
    assert_eq!(manager(&inst, "ann@a.x").await, None);
    assert_eq!(manager(&inst, "bob@a.x").await.as_deref(), Some("cat@a.x"));
}

#[tokio::test]
async fn f22_a_manager_out_of_scope_is_left_empty() {
    let inst = crate::t1::connected(&["scope=groups", "chosen=g-eng-be"]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(manager(&inst, "ann@acme.example").await, None);
    assert!(notes(&report).contains("1 user names a manager who isn't in"), "{report:#}");
    connect(&inst, &["chosen=g-eng"]).await;
    sync(&inst, 0).await;
    assert_eq!(manager(&inst, "ann@acme.example").await.as_deref(), Some("bob@acme.example"));
}
