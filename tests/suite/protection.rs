//! Protected people: no plan deactivates, deletes or renames them, whatever a source, a policy or an undo says.

use crate::harness::Installation;
use crate::t1::{GROUPS, MEMBERSHIPS, USERS, connected, names, people, reason, sync, synced, write};
use serde_json::{Value, json};

const CAT: &str = "3,cat@alt.example,Cat,cat@acme.example,true,\n";

async fn protect(inst: &Installation, who: &str) -> Value {
    inst.json(0, &["users", "protect", who]).await
}

/// What a protected cat has: the record, its name and whether it may act.
async fn cat(inst: &Installation) -> (Value, bool) {
    let cat = inst.user("cat@alt.example").await;
    (cat["id"].clone(), cat["active"] == true)
}

#[tokio::test]
async fn a_protected_user_is_not_deactivated_and_why_says_so() {
    let inst = synced(&[]).await;
    let before = cat(&inst).await;
    protect(&inst, "cat@alt.example").await;

    // Disabled at the source, beside a change that goes through.
    let users = USERS.replace("cat@acme.example,true", "cat@acme.example,false").replace(",Dan,", ",Daniel,");
    write(&inst, &users, GROUPS, MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["held"], &report["users"]["updated"]), (&json!(1), &json!(1)), "{report:#}");
    assert_eq!(
        reason(&report, "held", "cat@alt.example"),
        "is protected: isn't deactivated, although disabled at the source"
    );
    assert_eq!(cat(&inst).await, before);
    // It is told in every run.
    reason(&sync(&inst, 0).await, "held", "cat@alt.example");
    let why = inst.json(0, &["why", "cat@alt.example"]).await;
    assert!(why["steps"].to_string().contains("is protected: no plan deactivates, deletes or renames him"));

    // Denied by a policy.
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["held"], 0);
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=cat@alt.example"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert!(
        reason(&report, "held", "cat@alt.example").contains("is protected: isn't deactivated"),
        "{report:#}"
    );
    assert_eq!(cat(&inst).await, before);

    // Once nobody protects her, the next run does what there is to do.
    inst.usher(&["users", "unprotect", "cat@alt.example"]).await.ended(3);
    inst.usher(&["users", "unprotect", "cat@alt.example", "--yes"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 1);
    assert!(!cat(&inst).await.1);
}

#[tokio::test]
async fn a_protected_user_who_is_gone_from_the_source_stays_until_nobody_protects_her() {
    let inst = synced(&[]).await;
    let before = cat(&inst).await;
    protect(&inst, "cat@alt.example").await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert!(
        reason(&report, "held", "cat@alt.example").starts_with("is protected: isn't deactivated"),
        "{report:#}"
    );
    inst.pass_days(60);
    sync(&inst, 0).await;
    assert_eq!(cat(&inst).await, before);
    inst.usher(&["users", "unprotect", "cat@alt.example", "--yes"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 1);
    // Protected again before her grace is over, she isn't deleted, and told of.
    protect(&inst, "cat@alt.example").await;
    inst.pass_days(31);
    let report = sync(&inst, 0).await;
    assert!(
        reason(&report, "held", "cat@alt.example").starts_with("is protected: isn't deleted"),
        "{report:#}"
    );
    assert_eq!(names(&inst).await.len(), 7);
    inst.usher(&["users", "unprotect", "cat@alt.example", "--yes"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
    assert_eq!(names(&inst).await.len(), 6);
}

#[tokio::test]
async fn a_protected_user_keeps_the_name_that_another_claims() {
    let inst = synced(&[]).await;
    let before = cat(&inst).await;
    protect(&inst, "cat@alt.example").await;
    // She is renamed, and somebody new is given her name.
    let users = USERS.replace("3,cat@alt.example", "3,kitty@alt.example")
        + "9,cat@alt.example,Other,o@acme.example,true,\n";
    write(&inst, &users, GROUPS, MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 0, "{report:#}");
    assert_eq!(reason(&report, "held", "3"), "is protected: the userName stays cat@alt.example");
    assert!(reason(&report, "quarantined", "9").contains("is held by record 3"), "{report:#}");
    assert_eq!(cat(&inst).await, before);
    inst.usher(&["users", "unprotect", "cat@alt.example", "--yes"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!(
        (&report["users"]["created"], &report["users"]["updated"]),
        (&json!(1), &json!(1)),
        "{report:#}"
    );
    assert_eq!(inst.user("kitty@alt.example").await["id"], before.0);
}

#[tokio::test]
async fn nobody_does_it_by_hand_either_before_the_protection_is_taken_away() {
    let inst = synced(&[]).await;
    inst.usher(&["users", "add", "emergency@acme.example"]).await.ended(0);
    protect(&inst, "emergency@acme.example").await;
    for words in [
        &["users", "set", "emergency@acme.example", "active=false"][..],
        &["users", "set", "emergency@acme.example", "userName=e2@acme.example"],
        &["users", "remove", "emergency@acme.example", "--yes"],
        &["users", "erase", "emergency@acme.example", "--yes"],
    ] {
        let refused = inst.usher(words).await.ended(2);
        assert!(refused.err.contains("emergency@acme.example is protected"), "{words:?}: {}", refused.err);
        assert!(refused.err.contains("usher users unprotect emergency@acme.example"), "{}", refused.err);
    }
    inst.usher(&["users", "set", "emergency@acme.example", "title=Break glass"]).await.ended(0);
    assert_eq!(inst.user("emergency@acme.example").await["active"], true);

    // Nor does taking back the change that made somebody.
    protect(&inst, "ann@acme.example").await;
    let runs = inst.json(0, &["runs", "list"]).await;
    let first =
        runs.as_array().unwrap().iter().find(|run| run["intent"] == "sync").unwrap()["run"].to_string();
    let shown = inst.usher(&["--json", "runs", "undo", &first]).await;
    let undo: Value = serde_json::from_str(&shown.out).unwrap();
    assert!(undo.to_string().contains("is protected: stays as it is"), "{undo:#}");
    let accepted = ["runs", "undo", &first, "--accept", undo["plan"].as_str().unwrap()];
    inst.usher(&accepted).await.ended(0);
    let left = ["ann@acme.example", "bob@acme.example", "emergency@acme.example"];
    assert_eq!(names(&inst).await, left, "and her manager with her");
}

#[tokio::test]
async fn whoever_comes_in_with_a_protected_address_is_protected() {
    let inst = connected(&[]).await;
    let put = protect(&inst, "Cat@ALT.example").await;
    assert_eq!(
        (&put["entry"], &put["userName"], &put["new"]),
        (&json!("cat@alt.example"), &Value::Null, &json!(true))
    );
    assert_eq!(protect(&inst, "cat@alt.example").await["new"], false);
    inst.usher(&["users", "protect", "nobody"]).await.ended(2);
    let none = inst.usher(&["users", "protected"]).await.ended(0);
    assert!(none.out.contains("nobody yet"), "{}", none.out);
    sync(&inst, 0).await;
    let list = inst.json(0, &["users", "protected"]).await;
    assert_eq!((list.as_array().unwrap().len(), &list[0]["users"]), (1, &json!(["cat@alt.example"])));
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    reason(&sync(&inst, 0).await, "held", "cat@alt.example");
    assert!(cat(&inst).await.1);
    inst.usher(&["users", "unprotect", "dan@acme.example", "--yes"]).await.ended(2);
    inst.usher(&["users", "unprotect", "cat@alt.example", "--yes"]).await.ended(0);
    let empty = inst.usher(&["users", "protected"]).await.ended(0);
    assert!(empty.out.contains("Nobody is protected"), "{}", empty.out);
}

#[tokio::test]
async fn f38_a_protected_user_is_never_linked_by_itself() {
    let users = "id,userName\n7,man@acme.example\n8,ann@acme.example\n";
    let inst = people(users, &["authoritative=acme.example", "matching=link"]).await;
    inst.usher(&["users", "add", "man@acme.example"]).await.ended(0);
    protect(&inst, "man@acme.example").await;
    let report = sync(&inst, 0).await;
    assert_eq!(
        (&report["users"]["linked"], &report["users"]["created"]),
        (&json!(0), &json!(1)),
        "{report:#}"
    );
    let why = reason(&report, "held", "man@acme.example");
    assert_eq!(why, "may be man@acme.example, who is protected; say so with `usher users link`");
    inst.usher(&["users", "link", "man@acme.example", "7"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["held"], 0);
    assert_eq!(inst.user("man@acme.example").await["origin"], "manual");
}
