//! Who and what comes in: the full scope, chosen groups, kinds, and users only.

use crate::t1::{
    EVERYBODY, GROUPS, MEMBERSHIPS, USERS, accept, connect, connected, groups, holds, names, notes, reason,
    sync, synced, write,
};

#[tokio::test]
async fn f12_a_run_against_an_unchanged_source_changes_nothing() {
    let inst = connected(&[]).await;
    let first = sync(&inst, 0).await;
    assert_eq!(first["result"], "success");
    assert_eq!(first["users"]["created"], 7);
    assert_eq!(first["groups"]["created"], 7);
    assert_eq!(first["memberships"]["added"], 9);
    let before = inst.users().await;

    let second = sync(&inst, 0).await;
    assert_eq!(second["result"], "unchanged");
    for kind in ["created", "updated", "deactivated", "deleted"] {
        assert_eq!(second["users"][kind], 0, "{kind}");
    }
    assert_eq!(second["users"]["unchanged"], 7);
    assert_eq!(inst.users().await, before);

    // Written anew with the same content, and with the rows in another order.
    let mut rows: Vec<_> = USERS.lines().skip(1).collect();
    rows.reverse();
    let turned = format!("{}\n{}\n", USERS.lines().next().unwrap(), rows.join("\n"));
    write(&inst, &turned, GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    assert_eq!(inst.users().await, before);
}

#[tokio::test]
async fn f12_who_is_renamed_keeps_his_id_and_groups() {
    let inst = synced(&[]).await;
    let before = inst.user("ann@acme.example").await;
    let renamed = USERS.replace("1,ann@acme.example,Ann,", "1,anna@acme.example,Anna,");
    write(&inst, &renamed, &GROUPS.replace("G-eng-be", "G-backend"), MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["updated"], 1);
    assert_eq!(report["groups"]["updated"], 1);
    assert_eq!(report["memberships"]["added"], 0);
    assert_eq!(report["memberships"]["removed"], 0);
    let after = inst.user("anna@acme.example").await;
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["displayName"], "Anna");
    assert_eq!(after["externalId"], "1");
    assert_eq!(after["groups"][0]["value"], before["groups"][0]["value"]);
    assert_eq!(after["path"], "G-root/G-eng/G-backend");
    assert!(!names(&inst).await.contains(&"ann@acme.example".to_owned()));
}

#[tokio::test]
async fn f12_newcomers_come_and_leavers_go() {
    let inst = synced(&[]).await;
    let users =
        USERS.replace("4,dan@acme.example,Dan,dan@acme.example,true,\n", "8,gus@acme.example,Gus,,true,\n");
    write(&inst, &users, GROUPS, &MEMBERSHIPS.replace("g-eng,2,user", "g-eng,2,user\ng-eng,8,user"));
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 1);
    assert_eq!(report["users"]["deactivated"], 1);
    assert_eq!(report["memberships"]["added"], 1);
    assert_eq!(
        inst.members("G-eng").await,
        ["G-eng-be", "ann@acme.example", "bob@acme.example", "gus@acme.example"]
    );
    assert_eq!(inst.user("dan@acme.example").await["active"], false);
}

#[tokio::test]
async fn f13_the_full_scope_is_everybody_and_every_group() {
    let inst = synced(&[]).await;
    assert_eq!(names(&inst).await, EVERYBODY);
    assert_eq!(groups(&inst).await, ["G-eng", "G-eng-be", "G-root", "G-sales", "M-all", "U-proj", "US-sec"]);
    let dan = inst.user("dan@acme.example").await;
    assert_eq!(dan["path"], "");
    assert_eq!(dan["groups"], serde_json::json!([]));
    assert_eq!(inst.members("G-sales").await, ["cat@alt.example", "fay@acme.example", "shared@acme.example"]);
    // A person in nested groups is in the upper one once.
    assert_eq!(
        inst.members("G-root").await,
        [
            "G-eng",
            "G-eng-be",
            "G-sales",
            "ann@acme.example",
            "bob@acme.example",
            "cat@alt.example",
            "fay@acme.example",
            "shared@acme.example"
        ]
    );
}

#[tokio::test]
async fn f14_the_full_scope_shows_its_counts_and_asks() {
    let inst = crate::harness::Installation::new();
    let file = format!("users={}", inst.file("users.csv", USERS));
    let asked = inst.usher(&["connect", "csv", "--set", &file]).await.ended(3);
    assert!(asked.out.contains("7 users"), "{}", asked.out);
    assert!(asked.text().contains("nothing was saved") && asked.text().contains("--yes"), "{}", asked.text());
    assert!(inst.usher(&["sync", "--yes"]).await.ended(2).err.contains("nothing is connected yet"));

    let saved = inst.usher(&["connect", "csv", "--set", &file, "--yes"]).await.ended(0);
    assert!(saved.out.contains("7 users"), "{}", saved.out);
    assert!(names(&inst).await.is_empty(), "nothing is imported by saving");
}

#[tokio::test]
async fn f15_chosen_groups_bring_what_is_nested_in_them() {
    let inst = synced(&["scope=groups", "chosen=g-eng"]).await;
    assert_eq!(groups(&inst).await, ["G-eng", "G-eng-be"]);
    assert_eq!(names(&inst).await, ["ann@acme.example", "bob@acme.example"]);
    let report = inst.json(0, &["plan"]).await;
    assert_eq!(reason(&report, "skipped", "cat@alt.example"), "scope: in none of the chosen groups");
    assert_eq!(report["users"]["skipped"], 5);
}

#[tokio::test]
async fn f15_renaming_a_chosen_group_keeps_the_choice() {
    let inst = synced(&["scope=groups", "chosen=g-eng"]).await;
    write(&inst, USERS, &GROUPS.replace("g-eng,G-eng,", "g-eng,Engineers,"), MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!(report["result"], "success");
    assert_eq!(groups(&inst).await, ["Engineers", "G-eng-be"]);
    assert_eq!(names(&inst).await, ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(inst.user("ann@acme.example").await["path"], "Engineers/G-eng-be");
}

#[tokio::test]
async fn f15_a_chosen_group_deleted_at_the_source_is_reported_and_held() {
    let inst = synced(&["scope=groups", "chosen=g-eng"]).await;
    let before = inst.users().await;
    let without = MEMBERSHIPS
        .replace("g-root,g-eng,group\n", "")
        .replace("g-eng,g-eng-be,group\n", "")
        .replace("g-eng,2,user\n", "");
    write(&inst, USERS, &GROUPS.replace("g-eng,G-eng,security\n", ""), &without);
    let report = sync(&inst, 3).await;
    assert_eq!(report["result"], "held");
    assert!(holds(&report).contains("chosen groups are no longer at the source: g-eng"), "{report:#}");
    assert!(notes(&report).contains("g-eng"), "{report:#}");
    assert_eq!(inst.users().await, before);
    // Back again: nothing happened.
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    assert_eq!(inst.users().await, before);
}

#[tokio::test]
async fn f15_choosing_no_group_or_an_unknown_one_is_told() {
    let inst = crate::harness::Installation::new();
    let file = format!("users={}", inst.file("users.csv", USERS));
    let ran =
        inst.usher(&["connect", "csv", "--set", &file, "--set", "scope=groups", "--yes"]).await.ended(2);
    assert!(ran.err.contains("at least one chosen group"), "{}", ran.err);
    let inst = connected(&["scope=groups", "chosen=nowhere"]).await;
    let report = inst.json(0, &["plan"]).await;
    assert!(notes(&report).contains("nowhere"), "{report:#}");
    assert_eq!(report["users"]["created"], 0);
}

#[tokio::test]
async fn f16_nested_members_are_seen_before_saving() {
    let inst = connected(&[]).await;
    let before = crate::database::dump(&inst).await;
    let list = inst.json(0, &["groups", "list", "--source"]).await;
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .any(|group| group["id"] == "g-root" && group["displayName"] == "G-root")
    );
    let members = inst.json(0, &["groups", "members", "g-root", "--source"]).await;
    let mut found: Vec<_> = members
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["display"].as_str().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "G-eng",
            "G-eng-be",
            "G-sales",
            "ann@acme.example",
            "bob@acme.example",
            "cat@alt.example",
            "fay@acme.example",
            "shared@acme.example"
        ]
    );
    let direct = inst.json(0, &["groups", "members", "g-root", "--source", "--direct"]).await;
    assert_eq!(direct.as_array().unwrap().len(), 2);
    let search = inst.json(0, &["groups", "list", "--source", "--search", "sales"]).await;
    assert_eq!(search.as_array().unwrap().len(), 1);
    assert_eq!(crate::database::dump(&inst).await, before);
}

#[tokio::test]
async fn f17_a_cycle_ends_and_who_is_reached_twice_comes_in_once() {
    let inst = connected(&["scope=groups", "chosen=g-eng"]).await;
    let cycle = format!("{MEMBERSHIPS}g-eng-be,g-eng,group\ng-eng,1,user\n");
    write(&inst, USERS, GROUPS, &cycle);
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await, ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(inst.members("G-eng").await, ["G-eng-be", "ann@acme.example", "bob@acme.example"]);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f17_a_subgroup_of_an_excluded_type_cuts_its_branch() {
    let inst = connected(&["scope=groups", "chosen=g-root", "group_types=security"]).await;
    let groups_file = GROUPS.replace("g-eng,G-eng,security", "g-eng,G-eng,distribution");
    write(&inst, USERS, &groups_file, MEMBERSHIPS);
    let report = sync(&inst, 0).await;
    assert_eq!(groups(&inst).await, ["G-root", "G-sales"]);
    assert_eq!(names(&inst).await, ["cat@alt.example", "fay@acme.example", "shared@acme.example"]);
    assert_eq!(reason(&report, "skipped", "G-eng"), "groups of type distribution are not in scope");
}

#[tokio::test]
async fn f18_presets_name_the_kinds_and_skipped_groups_carry_the_reason() {
    let inst = synced(&["group_types=security365"]).await;
    assert_eq!(groups(&inst).await, ["G-eng", "G-eng-be", "G-root", "G-sales", "M-all"]);
    let report = inst.json(0, &["plan"]).await;
    assert_eq!(report["groups"]["skipped"], 2);
    assert_eq!(reason(&report, "skipped", "U-proj"), "groups of type microsoft365 are not in scope");

    let inst = synced(&["group_types=usecure"]).await;
    assert_eq!(groups(&inst).await, ["G-eng", "G-eng-be", "G-root", "G-sales", "U-proj", "US-sec"]);
    assert_eq!(names(&inst).await, EVERYBODY, "in the full scope everybody comes in all the same");
}

#[tokio::test]
async fn f19_users_only() {
    let inst = synced(&["include_groups=false"]).await;
    assert!(groups(&inst).await.is_empty());
    assert_eq!(names(&inst).await, EVERYBODY);
    assert_eq!(inst.user("ann@acme.example").await["path"], "");
}

#[tokio::test]
async fn f19_turning_groups_off_removes_memberships_only_through_an_accepted_plan() {
    let inst = synced(&[]).await;
    let before = inst.users().await;
    connect(&inst, &["include_groups=false"]).await;
    let held = sync(&inst, 3).await;
    assert_eq!(held["memberships"]["removed"], 9);
    assert_eq!(held["groups"]["deleted"], 7);
    assert_eq!(held["users"]["deactivated"], 0);
    assert_eq!(inst.users().await, before);
    accept(&inst, &held).await.ended(0);
    assert!(groups(&inst).await.is_empty());
    let ann = inst.user("ann@acme.example").await;
    assert_eq!((&ann["active"], &ann["path"]), (&true.into(), &"".into()));
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    connect(&inst, &["include_groups=true"]).await;
    sync(&inst, 0).await;
    assert_eq!(inst.members("G-eng").await, ["G-eng-be", "ann@acme.example", "bob@acme.example"]);
    assert_eq!(inst.user("ann@acme.example").await["path"], "G-root/G-eng/G-eng-be");
}
