//! Leaving: inactive now, deleted after a grace, and back within it as if nothing had been.

use crate::t1::{
    GROUPS, MEMBERSHIPS, USERS, accept, connect, connected, holds, names, people, sync, synced, write,
};

const CAT: &str = "3,cat@alt.example,Cat,cat@acme.example,true,\n";

#[tokio::test]
async fn f41_disabled_at_the_source_is_inactive_and_not_leaving() {
    let inst = synced(&[]).await;
    assert_eq!(inst.user("fay@acme.example").await["active"], false);
    write(&inst, &USERS.replace("cat@acme.example,true", "cat@acme.example,false"), GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 1);
    inst.pass_days(365);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    assert_eq!(inst.user("cat@alt.example").await["active"], false);
    assert!(inst.members("G-sales").await.contains(&"cat@alt.example".to_owned()));
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["reactivated"], 1);
    assert_eq!(inst.user("cat@alt.example").await["active"], true);
}

#[tokio::test]
async fn f41_gone_is_inactive_now_and_deleted_after_thirty_days() {
    let inst = synced(&[]).await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["deactivated"], 1);
    assert_eq!(report["memberships"]["removed"], 1);
    let cat = inst.user("cat@alt.example").await;
    assert_eq!(cat["active"], false);
    assert_eq!(cat["groups"], serde_json::json!([]));

    inst.pass_days(29);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    assert_eq!(names(&inst).await.len(), 7);
    inst.pass_days(1);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["result"], &report["users"]["deleted"]), (&"success".into(), &1.into()));
    assert_eq!(names(&inst).await.len(), 6);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f41_grace_ends_only_in_a_run_whose_read_succeeded() {
    let inst = synced(&[]).await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    inst.pass_days(60);
    // The file is cut: no deletion.
    write(&inst, "id,userName,mail\n1,ann@acme.example,ann@acme", GROUPS, MEMBERSHIPS);
    std::fs::remove_file(inst.path().join("users.csv")).unwrap();
    assert_eq!(sync(&inst, 1).await["result"], "failed");
    assert_eq!(names(&inst).await.len(), 7);
    // A row without a key: it may be hers.
    write(&inst, &USERS.replace("3,cat@", ",cat@"), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await.len(), 7);
    // A good file that still lacks her.
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
}

#[tokio::test]
async fn f41_back_within_the_grace_is_the_same_record() {
    let inst = synced(&[]).await;
    let before = inst.user("cat@alt.example").await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    inst.pass_days(20);
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["reactivated"], 1);
    assert_eq!(report["memberships"]["added"], 1);
    assert_eq!(inst.user("cat@alt.example").await, before);
    inst.pass_days(20);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    assert_eq!(inst.user("cat@alt.example").await, before);
}

#[tokio::test]
async fn f41_grace_begins_anew_with_each_leaving() {
    let inst = people("id,userName\n1,ann@a.x\n2,bob@a.x\n", &[]).await;
    sync(&inst, 0).await;
    let without = "id,userName\n1,ann@a.x\n";
    for _ in 0..2 {
        inst.file("users.csv", without);
        sync(&inst, 0).await;
        inst.pass_days(25);
        inst.file("users.csv", "id,userName\n1,ann@a.x\n2,bob@a.x\n");
        sync(&inst, 0).await;
        assert_eq!(inst.user("bob@a.x").await["active"], true);
    }
    inst.file("users.csv", without);
    sync(&inst, 0).await;
    inst.pass_days(29);
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await.len(), 2);
}

#[tokio::test]
async fn f41_no_grace_deletes_at_once() {
    let inst = synced(&["grace_days=0"]).await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["deleted"], &report["users"]["deactivated"]), (&1.into(), &0.into()));
    assert_eq!(names(&inst).await.len(), 6);
    // Back again she is somebody new.
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["created"], 1);
}

#[tokio::test]
async fn f41_out_of_scope_leaves_by_the_same_grace() {
    let inst = synced(&["scope=groups", "chosen=g-eng,g-sales"]).await;
    connect(&inst, &["chosen=g-sales"]).await;
    let held = sync(&inst, 3).await;
    accept(&inst, &held).await.ended(0);
    assert_eq!(inst.user("ann@acme.example").await["active"], false);
    inst.pass_days(30);
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 2);
    assert_eq!(names(&inst).await, ["cat@alt.example", "fay@acme.example", "shared@acme.example"]);
    // Chosen again they come in as new people, from the mirror: the file didn't change.
    connect(&inst, &["chosen=g-eng,g-sales"]).await;
    assert_eq!(sync(&inst, 0).await["users"]["created"], 2);
}

#[tokio::test]
async fn f41_changing_the_grace_counts_for_those_who_are_leaving() {
    let inst = synced(&["grace_days=90"]).await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    inst.pass_days(31);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    connect(&inst, &["grace_days=30"]).await;
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
}

#[tokio::test]
async fn f41_quarantined_and_held_records_count_as_present() {
    let inst = synced(&["grace_days=0"]).await;
    // Cat's row is broken, dan is held by a policy that can't make an address of him.
    let users = USERS
        .replace("cat@acme.example,true,\n", "cat@acme.example,perhaps,\n")
        .replace("4,dan@acme.example", "4,d an");
    write(&inst, &users, GROUPS, MEMBERSHIPS);
    inst.usher(&["policy", "add", "domain", "--set", "domain=acme.example"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["deleted"], 0);
    assert_eq!((&report["users"]["quarantined"], &report["users"]["held"]), (&1.into(), &1.into()));
    assert_eq!(names(&inst).await.len(), 7);
    assert_eq!(inst.user("dan@acme.example").await["active"], true);
    assert!(inst.members("G-sales").await.contains(&"cat@alt.example".to_owned()));
}

#[tokio::test]
async fn f41_a_plan_that_takes_away_says_so_before() {
    let inst = connected(&[]).await;
    sync(&inst, 0).await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    let plan = inst.usher(&["plan"]).await.ended(0);
    assert!(
        plan.out.contains(
            "cat@alt.example  no longer at the source: inactive now, deleted after the grace period"
        ),
        "{}",
        plan.out
    );
    let report = inst.json(0, &["plan"]).await;
    assert_eq!(holds(&report), "");
}
