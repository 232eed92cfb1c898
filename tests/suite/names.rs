//! userNames are unique: who holds one keeps it, and nobody is bent to make room.

use crate::t1::{names, people, reason, sync};

fn file(rows: &[&str]) -> String {
    format!("id,userName,displayName\n{}\n", rows.join("\n"))
}

#[tokio::test]
async fn f25_two_newcomers_with_one_user_name_are_both_quarantined_naming_each_other() {
    let inst = people(&file(&["1,ann@a.x,Ann", "2,Ann@A.x,Other", "3,bob@a.x,Bob"]), &[]).await;
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["quarantined"], &report["users"]["created"]), (&2.into(), &1.into()));
    assert!(reason(&report, "quarantined", "1").contains("record 2"), "{report:#}");
    assert!(reason(&report, "quarantined", "2").contains("record 1"), "{report:#}");
    assert_eq!(names(&inst).await, ["bob@a.x"]);

    // When the conflict ends, the other comes in although his own row didn't change.
    inst.file("users.csv", file(&["1,ann@a.x,Ann", "2,anton@a.x,Other", "3,bob@a.x,Bob"]));
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["quarantined"], &report["users"]["created"]), (&0.into(), &2.into()));
    assert_eq!(names(&inst).await, ["ann@a.x", "anton@a.x", "bob@a.x"]);
}

#[tokio::test]
async fn f25_who_holds_a_user_name_keeps_it() {
    let inst = people(&file(&["1,ann@a.x,Ann", "3,bob@a.x,Bob"]), &[]).await;
    sync(&inst, 0).await;
    let ann = inst.user("ann@a.x").await;
    inst.file("users.csv", file(&["1,ann@a.x,Ann", "2,ann@a.x,Newcomer", "3,ann@a.x,Bob renamed"]));
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["quarantined"], 2);
    assert!(reason(&report, "quarantined", "2").contains("record 1"), "{report:#}");
    assert!(reason(&report, "quarantined", "3").contains("record 1"), "{report:#}");
    assert_eq!(inst.user("ann@a.x").await, ann);
    assert_eq!(inst.user("bob@a.x").await["displayName"], "Bob", "a quarantined record stays as it is");
    assert_eq!(sync(&inst, 0).await["users"]["quarantined"], 2);

    inst.file("users.csv", file(&["1,anna@a.x,Ann", "2,ann@a.x,Newcomer", "3,bob@a.x,Bob"]));
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["quarantined"], &report["users"]["created"]), (&0.into(), &1.into()));
    assert_eq!(inst.user("ann@a.x").await["displayName"], "Newcomer");
    assert_eq!(inst.user("anna@a.x").await["id"], ann["id"]);
}

#[tokio::test]
async fn f25_two_can_swap_their_user_names_in_one_run() {
    let inst = people(&file(&["1,ann@a.x,Ann", "2,bob@a.x,Bob", "3,cat@a.x,Cat"]), &[]).await;
    sync(&inst, 0).await;
    let ids = [inst.user("ann@a.x").await["id"].clone(), inst.user("bob@a.x").await["id"].clone()];
    inst.file("users.csv", file(&["1,bob@a.x,Ann", "2,cat@a.x,Bob", "3,ann@a.x,Cat"]));
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["updated"], &report["users"]["quarantined"]), (&3.into(), &0.into()));
    assert_eq!(inst.user("bob@a.x").await["id"], ids[0]);
    assert_eq!(inst.user("cat@a.x").await["id"], ids[1]);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f25_a_chain_of_renames_that_ends_at_a_holder_is_quarantined_as_a_whole() {
    let inst = people(&file(&["1,ann@a.x,Ann", "2,bob@a.x,Bob", "3,cat@a.x,Cat"]), &[]).await;
    sync(&inst, 0).await;
    // Ann wants bob's name, bob wants cat's, cat keeps hers.
    inst.file("users.csv", file(&["1,bob@a.x,Ann", "2,cat@a.x,Bob", "3,cat@a.x,Cat"]));
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["quarantined"], 2);
    assert_eq!(names(&inst).await, ["ann@a.x", "bob@a.x", "cat@a.x"]);
    assert_eq!(inst.user("ann@a.x").await["displayName"], "Ann");
}

#[tokio::test]
async fn f25_a_leaver_keeps_his_name_until_his_grace_is_over() {
    let inst = people(&file(&["1,ann@a.x,Ann", "2,bob@a.x,Bob"]), &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", file(&["2,bob@a.x,Bob", "9,ann@a.x,Another Ann"]));
    let report = sync(&inst, 0).await;
    assert!(reason(&report, "quarantined", "9").contains("record 1"), "{report:#}");
    inst.pass_days(31);
    sync(&inst, 0).await;
    sync(&inst, 0).await;
    let ann = inst.user("ann@a.x").await;
    assert_eq!((&ann["displayName"], &ann["active"]), (&"Another Ann".into(), &true.into()));
}

#[tokio::test]
async fn f25_a_rename_onto_a_manual_user_is_quarantined() {
    let inst = people(&file(&["1,ann@a.x,Ann", "2,bob@a.x,Bob"]), &[]).await;
    sync(&inst, 0).await;
    inst.usher(&["users", "add", "man@a.x"]).await.ended(0);
    inst.file("users.csv", file(&["1,man@a.x,Ann", "2,bob@a.x,Bobby"]));
    let report = sync(&inst, 0).await;
    assert!(reason(&report, "quarantined", "1").contains("a user made by hand"), "{report:#}");
    assert_eq!(report["users"]["updated"], 1);
    assert_eq!(names(&inst).await, ["ann@a.x", "bob@a.x", "man@a.x"]);
}

#[tokio::test]
async fn f25_a_conflict_that_a_policy_makes_is_judged_after_the_chain() {
    let inst = people(&file(&["1,ann,Ann", "2,ann@acme.example,Other"]), &[]).await;
    inst.usher(&["policy", "add", "domain", "--set", "domain=acme.example"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["quarantined"], 2);
    inst.usher(&["policy", "set", "domain", "--set", "domain=beta.example"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["created"], 2);
    assert_eq!(names(&inst).await, ["ann@acme.example", "ann@beta.example"]);
}
