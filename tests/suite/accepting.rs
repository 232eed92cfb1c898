//! Changing the scope, and accepting a plan: never more goes than was seen.

use crate::harness::Installation;
use crate::t1::{
    GROUPS, MEMBERSHIPS, USERS, accept, connect, connected, holds, notes, reason, sync, synced, write,
};

async fn narrowed() -> Installation {
    let inst = synced(&[]).await;
    connect(&inst, &["scope=groups", "chosen=g-eng"]).await;
    inst
}

#[tokio::test]
async fn f40_a_scope_change_shows_who_would_go_and_waits() {
    let inst = narrowed().await;
    let before = inst.users().await;
    let plan = inst.json(3, &["plan"]).await;
    assert_eq!(plan["users"]["deactivated"], 5);
    assert_eq!(plan["groups"]["deleted"], 5);
    assert_eq!(reason(&plan, "skipped", "cat@alt.example"), "scope: in none of the chosen groups");
    let text = inst.usher(&["plan", "--all"]).await.ended(3).out;
    for gone in ["cat@alt.example", "dan@acme.example", "eve@acme.example", "G-sales", "U-proj"] {
        assert!(text.contains(gone), "{gone} is missing from\n{text}");
    }
    let held = sync(&inst, 3).await;
    assert!(holds(&held).contains("scope"), "{held:#}");
    assert_eq!(inst.users().await, before);

    let done = accept(&inst, &held).await.ended(0).json();
    assert_eq!(done["result"], "success");
    assert_eq!(done["plan"], held["plan"]);
    assert_eq!(inst.active().await, ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f40_a_scope_change_that_takes_nothing_away_needs_no_acceptance() {
    let inst = synced(&["scope=groups", "chosen=g-eng"]).await;
    connect(&inst, &["scope=full"]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 5);
}

#[tokio::test]
async fn f40_the_same_plan_has_the_same_hash() {
    let inst = narrowed().await;
    let one = inst.json(3, &["plan"]).await;
    inst.pass_days(1);
    let two = sync(&inst, 3).await;
    assert_eq!(one["plan"], two["plan"]);
    assert_ne!(one["run"], two["run"]);
    // Another installation, the same source: the same plan.
    let other = connected(&[]).await.json(0, &["plan"]).await;
    let third = connected(&[]).await.json(0, &["plan"]).await;
    assert_ne!(other["plan"], one["plan"]);
    assert_eq!(other["users"], third["users"]);
}

#[tokio::test]
async fn f40_accepted_but_the_source_changed_taking_away_nothing_more() {
    let inst = narrowed().await;
    let seen = sync(&inst, 3).await;
    // Dan came into G-eng meanwhile, and gus is new.
    let users = format!("{USERS}8,gus@acme.example,Gus,,true,\n");
    write(&inst, &users, GROUPS, &format!("{MEMBERSHIPS}g-eng,4,user\ng-eng,8,user\n"));
    let done = accept(&inst, &seen).await.ended(0).json();
    assert_ne!(done["plan"], seen["plan"]);
    assert_eq!((&done["users"]["deactivated"], &done["users"]["created"]), (&4.into(), &1.into()));
    assert!(notes(&done).contains("takes away nothing beyond it"), "{done:#}");
    assert_eq!(
        inst.active().await,
        ["ann@acme.example", "bob@acme.example", "dan@acme.example", "gus@acme.example"]
    );
}

#[tokio::test]
async fn f40_accepted_but_more_would_go_is_held_again() {
    let inst = narrowed().await;
    let before = inst.users().await;
    let seen = sync(&inst, 3).await;
    write(&inst, USERS, GROUPS, &MEMBERSHIPS.replace("g-eng,2,user\n", ""));
    let held = accept(&inst, &seen).await.ended(3).json();
    assert!(holds(&held).contains("it takes away more than the accepted plan"), "{held:#}");
    assert_eq!(inst.users().await, before);
    // Seen and accepted, it goes.
    accept(&inst, &held).await.ended(0);
    assert_eq!(inst.active().await, ["ann@acme.example"]);
}

#[tokio::test]
async fn f40_a_hash_that_no_plan_has_is_refused() {
    let inst = narrowed().await;
    for (hash, words) in
        [("0123456789ab", "no plan of this connection has this hash"), ("xyz", "not the hash of a plan")]
    {
        let ran = inst.usher(&["sync", "--accept", hash]).await;
        assert_ne!(ran.status, 0);
        assert!(ran.text().contains(words), "{}", ran.text());
    }
    assert_eq!(inst.active().await.len(), 6);
}

#[tokio::test]
async fn f40_half_a_hash_is_enough_and_a_plan_run_counts_as_seen() {
    let inst = narrowed().await;
    let plan = inst.json(3, &["plan"]).await;
    let short = &plan["plan"].as_str().unwrap()[..12];
    inst.usher(&["sync", "--accept", short]).await.ended(0);
    assert_eq!(inst.active().await.len(), 2);
}

#[tokio::test]
async fn f40_accepted_but_nothing_is_left_to_do() {
    let inst = synced(&[]).await;
    let before = inst.users().await;
    write(&inst, "id,userName\n1,ann@acme.example\n", GROUPS, MEMBERSHIPS);
    let seen = sync(&inst, 3).await;
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    let done = accept(&inst, &seen).await.ended(0).json();
    assert_eq!(done["result"], "unchanged");
    assert_eq!(inst.users().await, before);
}

#[tokio::test]
async fn f15_nothing_changes_until_the_choice_is_saved() {
    let inst = synced(&[]).await;
    let before = crate::database::dump(&inst).await;
    let ran =
        inst.usher(&["connect", "csv", "--set", "scope=groups", "--set", "chosen=g-eng"]).await.ended(3);
    assert!(ran.out.contains("Only the chosen groups and their people come in"), "{}", ran.out);
    assert_eq!(crate::database::dump(&inst).await, before);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}
