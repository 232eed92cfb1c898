//! The guard: how much goes before somebody must have seen it.

use crate::harness::Installation;
use crate::t1::{accept, holds, many, names, people, sync};

const NONE: fn(usize) -> &'static str = |_| "";

async fn hundred() -> Installation {
    let inst = people(&many(0, 100, NONE), &[]).await;
    sync(&inst, 0).await;
    inst
}

#[tokio::test]
async fn f41b_an_empty_source_is_held() {
    for users in [3, 100] {
        let inst = people(&many(0, users, NONE), &[]).await;
        sync(&inst, 0).await;
        inst.file("users.csv", "id,userName,groups\n");
        let report = sync(&inst, 3).await;
        assert_eq!(report["result"], "held");
        assert_eq!(inst.active().await.len(), users);
        assert!(holds(&report).contains("the source is empty, and was not before"), "{report:#}");
        // It stays held, however often.
        sync(&inst, 3).await;
        assert_eq!(inst.active().await.len(), users);
        // Whoever has seen it can mean it.
        accept(&inst, &report).await.ended(0);
        assert!(inst.active().await.is_empty());
    }
}

#[tokio::test]
async fn f41b_eleven_of_a_hundred_are_held_and_ten_are_not() {
    let inst = hundred().await;
    inst.file("users.csv", many(11, 100, NONE));
    let report = sync(&inst, 3).await;
    assert_eq!(holds(&report), "11 of 100 users would go, counting the last 24 hours");
    assert_eq!(report["users"]["deactivated"], 11);
    assert_eq!(inst.active().await.len(), 100);
    inst.file("users.csv", many(10, 100, NONE));
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 10);
    assert_eq!(inst.active().await.len(), 90);
}

#[tokio::test]
async fn f41b_a_plan_says_that_it_would_be_held_and_how_to_go_on() {
    let inst = hundred().await;
    inst.file("users.csv", many(11, 100, NONE));
    let plan = inst.usher(&["plan"]).await.ended(3);
    assert!(plan.out.contains("held: 11 of 100 users would go"), "{}", plan.out);
    assert!(plan.out.contains("usher sync --accept "), "{}", plan.out);
    let hash = plan.out.split("--accept ").nth(1).unwrap().trim_end_matches(['\n', '`']).to_owned();
    inst.usher(&["sync", "--accept", &hash]).await.ended(0);
    assert_eq!(inst.active().await.len(), 89);
}

#[tokio::test]
async fn f41b_more_than_half_of_four_is_held() {
    for (from, status) in [(2, 0), (3, 3)] {
        let inst = people(&many(0, 4, NONE), &[]).await;
        sync(&inst, 0).await;
        inst.file("users.csv", many(from, 4, NONE));
        sync(&inst, status).await;
    }
    let inst = people(&many(0, 3, NONE), &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", many(2, 3, NONE));
    sync(&inst, 0).await;
    assert_eq!(inst.active().await.len(), 1);
}

#[tokio::test]
async fn f41b_more_than_half_of_a_groups_members_are_held() {
    let team = |n: usize| match n {
        0..6 => "Team",
        _ => "All",
    };
    let inst = people(&many(0, 100, team), &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", many(0, 100, |n| if n < 2 { "Team" } else { "All" }));
    let report = sync(&inst, 3).await;
    assert_eq!(holds(&report), "4 of 6 members of Team would go, counting the last 24 hours");
    assert_eq!(report["memberships"]["removed"], 4);
    assert_eq!(inst.members("Team").await.len(), 6);
    inst.file("users.csv", many(0, 100, |n| if n < 3 { "Team" } else { "All" }));
    sync(&inst, 0).await;
    assert_eq!(inst.members("Team").await.len(), 3);
}

#[tokio::test]
async fn f41b_groups_are_counted() {
    let inst = Installation::new();
    let users = format!("users={}", inst.file("users.csv", "id,userName\n1,ann@a.x\n"));
    let of = |names: &[&str]| -> String { names.iter().map(|name| format!("{name},{name}\n")).collect() };
    let groups = format!(
        "groups={}",
        inst.file("groups.csv", format!("id,displayName\n{}", of(&["A", "B", "C", "D", "E"])))
    );
    inst.connect_csv(&[&users, &groups]).await;
    sync(&inst, 0).await;
    inst.file("groups.csv", format!("id,displayName\n{}", of(&["D", "E"])));
    assert_eq!(holds(&sync(&inst, 3).await), "3 of 5 groups would go, counting the last 24 hours");
    inst.file("groups.csv", format!("id,displayName\n{}", of(&["C", "D", "E"])));
    assert_eq!(sync(&inst, 0).await["groups"]["deleted"], 2);
}

#[tokio::test]
async fn f41b_a_group_that_goes_is_not_also_counted_by_its_members() {
    let team = |n: usize| if n < 6 { "Team" } else { "" };
    let inst = people(&many(0, 100, team), &["guard_percent=50", "guard_half_from=6"]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", many(0, 100, NONE));
    let report = sync(&inst, 3).await;
    assert_eq!(holds(&report), "6 of 6 memberships would go, counting the last 24 hours");
}

#[tokio::test]
async fn f41b_what_went_within_a_day_adds_up() {
    let inst = hundred().await;
    inst.file("users.csv", many(6, 100, NONE));
    sync(&inst, 0).await;
    inst.file("users.csv", many(11, 100, NONE));
    let report = sync(&inst, 3).await;
    assert_eq!(holds(&report), "11 of 100 users would go, counting the last 24 hours");
    inst.file("users.csv", many(10, 100, NONE));
    sync(&inst, 0).await;
    inst.pass_days(2);
    inst.file("users.csv", many(16, 100, NONE));
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 6);
}

#[tokio::test]
async fn f41b_what_was_accepted_does_not_add_up() {
    let inst = hundred().await;
    inst.file("users.csv", many(20, 100, NONE));
    let report = sync(&inst, 3).await;
    accept(&inst, &report).await.ended(0);
    inst.file("users.csv", many(22, 100, NONE));
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 2);
}

#[tokio::test]
async fn f41b_a_deletion_after_its_grace_is_not_counted_twice() {
    let inst = hundred().await;
    inst.file("users.csv", many(60, 100, NONE));
    let report = sync(&inst, 3).await;
    accept(&inst, &report).await.ended(0);
    inst.pass_days(30);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["deleted"], 60);
    assert_eq!(names(&inst).await.len(), 40);
}

#[tokio::test]
async fn f41b_the_disabled_are_counted_too() {
    let inst = people("id,userName,active\n1,a@x.y,yes\n2,b@x.y,yes\n3,c@x.y,yes\n4,d@x.y,yes\n", &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName,active\n1,a@x.y,no\n2,b@x.y,no\n3,c@x.y,no\n4,d@x.y,yes\n");
    let report = sync(&inst, 3).await;
    assert_eq!(holds(&report), "3 of 4 users would go, counting the last 24 hours");
    assert_eq!(inst.active().await.len(), 4);
}

#[tokio::test]
async fn f41b_its_limits_can_be_set() {
    let inst = people(&many(0, 100, NONE), &["guard_percent=1", "guard_floor=1"]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", many(2, 100, NONE));
    sync(&inst, 3).await;
    inst.file("users.csv", many(1, 100, NONE));
    sync(&inst, 0).await;
}
