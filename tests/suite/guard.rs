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

/// A users file of so many people with a title and whether they are active; `header` names the columns.
fn staff(header: &str, people: usize, row: impl Fn(usize) -> String) -> String {
    let rows: String = (0..people).map(|n| format!("{n},user{n:03}@acme.example,{}\n", row(n))).collect();
    format!("{header}\n{rows}")
}

#[tokio::test]
async fn f41b_a_lost_column_is_held_and_enables_nobody() {
    let row = |n: usize| format!("Engineer,{}", !n.is_multiple_of(4));
    let inst = people(&staff("id,userName,title,active", 12, row), &[]).await;
    sync(&inst, 0).await;
    assert_eq!(inst.active().await.len(), 9);
    // The title's column has another name.
    inst.file("users.csv", staff("id,userName,Funktion,active", 12, row));
    let report = sync(&inst, 3).await;
    assert_eq!(holds(&report), "12 of 12 values of title of users would go, counting the last 24 hours");
    assert_eq!(inst.user("user001@acme.example").await["title"], "Engineer");
    // What says who is active has another name, or says nothing.
    inst.file("users.csv", staff("id,userName,title,active", 12, |_| "Engineer,".to_owned()));
    sync(&inst, 0).await;
    inst.file("users.csv", staff("id,userName,title,Anstellung", 12, row));
    sync(&inst, 0).await;
    assert_eq!(inst.active().await.len(), 9);
    // A plan that was seen can be meant.
    inst.file("users.csv", staff("id,userName", 12, |_| String::new()).replace(",\n", "\n"));
    let report = sync(&inst, 3).await;
    accept(&inst, &report).await.ended(0);
    assert_eq!(inst.user("user001@acme.example").await["title"], serde_json::Value::Null);
    assert_eq!(inst.active().await.len(), 9);
}

#[tokio::test]
async fn f41b_a_plan_accepted_without_being_held_counts_for_a_day() {
    let inst = hundred().await;
    for (from, status) in [(9, 0), (18, 3)] {
        inst.file("users.csv", many(from, 100, NONE));
        let plan = inst.json(status, &["plan"]).await;
        assert_eq!(plan["holds"].as_array().unwrap().is_empty(), status == 0, "{plan:#}");
        if status == 0 {
            accept(&inst, &plan).await.ended(0);
        }
    }
    assert_eq!(inst.active().await.len(), 91);
}

#[tokio::test]
async fn f41b_who_was_disabled_before_is_no_more_of_them() {
    let file = |off: usize| staff("id,userName,active", 100, |n| (n >= off).to_string());
    let inst = people(&file(0), &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", file(10));
    sync(&inst, 0).await;
    inst.file("users.csv", file(11));
    let report = sync(&inst, 3).await;
    assert_eq!(holds(&report), "11 of 100 users would go, counting the last 24 hours");
}

#[tokio::test]
async fn f41b_deletions_at_the_end_of_a_grace_are_held_where_the_source_is_another() {
    let inst = hundred().await;
    inst.file("users.csv", many(10, 100, NONE));
    sync(&inst, 0).await;
    inst.pass_days(2);
    let other = format!("users={}", inst.file("other/users.csv", many(10, 100, NONE)));
    inst.connect_csv(&[&other, "grace_days=0"]).await;
    let report = sync(&inst, 3).await;
    assert_eq!(report["users"]["deleted"], 10);
    assert!(holds(&report).contains("settings"), "{report:#}");
    assert_eq!(names(&inst).await.len(), 100);
}

#[tokio::test]
async fn f40_who_was_seen_disabled_was_not_seen_leaving() {
    let file = |off: usize| staff("id,userName,active", 100, |n| (n >= off).to_string());
    let inst = people(&file(0), &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", file(20));
    let plan = inst.json(3, &["plan"]).await;
    // They are gone by the time that somebody accepts.
    inst.file(
        "users.csv",
        file(20)
            .lines()
            .filter(|line| !line.ends_with("false"))
            .fold(String::new(), |text, line| text + line + "\n"),
    );
    let late = accept(&inst, &plan).await.ended(3).json();
    assert!(holds(&late).contains("20 more"), "{late:#}");
    assert_eq!(inst.active().await.len(), 100);
}

#[tokio::test]
async fn f34_a_source_of_which_nothing_can_be_read_is_held() {
    let row = |_: usize| "employed".to_owned();
    let inst = people(&staff("id,userName,active", 12, |_| "true".to_owned()), &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", staff("id,userName,active", 12, row));
    let report = sync(&inst, 3).await;
    assert_eq!(report["users"]["quarantined"], 12);
    assert_eq!(holds(&report), "12 of 12 users at the source can't be read");
    // A few of them hold up nobody, and are spoken of.
    inst.file(
        "users.csv",
        staff("id,userName,active", 12, |n| if n < 3 { row(n) } else { "true".to_owned() }),
    );
    let ran = inst.usher(&["sync", "--yes"]).await.ended(0);
    assert!(ran.out.contains("nothing to do, but for 3 quarantined"), "{}", ran.out);
    let status = inst.usher(&["status"]).await.ended(0);
    assert!(status.out.contains("3 quarantined"), "{}", status.out);
}
