//! What a sync may touch: its own records, and of others nothing.

use crate::harness::Installation;
use crate::t1::{GROUPS, MEMBERSHIPS, USERS, connect, names, people, reason, sync, synced, write};
use serde_json::Value;

const MAN: [&str; 4] = ["users", "add", "man@acme.example", "displayName=Manual Man"];

async fn with_man(users: &str, settings: &[&str]) -> Installation {
    let inst = people(users, settings).await;
    inst.usher(&MAN).await.ended(0);
    inst
}

/// The fields that a sync of him may not change.
fn own(user: &Value) -> Vec<&Value> {
    ["id", "userName", "displayName", "emails", "active", "title", "origin"]
        .map(|field| &user[field])
        .to_vec()
}

#[tokio::test]
async fn f38_a_manual_user_is_never_changed_or_removed() {
    let inst = synced(&[]).await;
    inst.usher(&MAN).await.ended(0);
    inst.usher(&["groups", "add", "Engineering"]).await.ended(0);
    inst.usher(&["groups", "add", "Engineering", "--member", "man@acme.example"]).await.ended(0);
    let man = inst.user("man@acme.example").await;
    assert_eq!(man["origin"], "manual");
    // Everybody else goes, and the rest of the groups.
    write(
        &inst,
        "id,userName\n1,ann@acme.example\n",
        "id,displayName,type\ng-eng,G-eng,security\n",
        "group,member,kind\n",
    );
    let held = sync(&inst, 3).await;
    crate::t1::accept(&inst, &held).await.ended(0);
    inst.pass_days(31);
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await, ["ann@acme.example", "man@acme.example"]);
    assert_eq!(inst.user("man@acme.example").await, man);
    assert_eq!(inst.members("Engineering").await, ["man@acme.example"]);
}

#[tokio::test]
async fn f38_who_may_be_a_manual_user_is_held_until_somebody_links_him() {
    for users in [
        "id,userName,displayName,groups\n7,man@acme.example,Somebody,Team\n8,ann@acme.example,Ann,Team\n",
        "id,userName,mail,groups\n7,m.man@hr.example,MAN@acme.example,Team\n8,ann@acme.example,,Team\n",
    ] {
        let inst = with_man(users, &[]).await;
        inst.usher(&["users", "set", "man@acme.example", "emails=man@acme.example"]).await.ended(0);
        let before = inst.user("man@acme.example").await;
        let report = sync(&inst, 0).await;
        assert_eq!((&report["users"]["held"], &report["users"]["created"]), (&1.into(), &1.into()));
        assert!(reason(&report, "held", "7").contains("usher users link"), "{report:#}");
        assert_eq!(inst.user("man@acme.example").await, before);
        assert_eq!(sync(&inst, 0).await["users"]["held"], 1, "it stays held");

        inst.usher(&["users", "link", "man@acme.example", "7"]).await.ended(0);
        let report = sync(&inst, 0).await;
        assert_eq!(report["users"]["held"], 0);
        let after = inst.user("man@acme.example").await;
        assert_eq!(own(&after), own(&before));
        assert_eq!(after["externalId"], "7");
        assert_eq!(inst.members("Team").await, ["ann@acme.example", "man@acme.example"]);
        assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    }
}

#[tokio::test]
async fn f38_leaving_only_unlinks_a_manual_user() {
    let inst = with_man(
        "id,userName,groups\n7,man@acme.example,Team\n8,ann@acme.example,Team\n",
        &["matching=link"],
    )
    .await;
    let before = inst.user("man@acme.example").await;
    assert_eq!(sync(&inst, 0).await["users"]["linked"], 1);
    let linked = inst.user("man@acme.example").await;
    assert_eq!(own(&linked), own(&before));
    assert_eq!(inst.members("Team").await, ["ann@acme.example", "man@acme.example"]);
    inst.file("users.csv", "id,userName,groups\n8,ann@acme.example,Team\n");
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["unlinked"], &report["users"]["deactivated"]), (&1.into(), &0.into()));
    assert_eq!(inst.user("man@acme.example").await, before);
    assert_eq!(inst.members("Team").await, ["ann@acme.example"]);
    inst.pass_days(31);
    sync(&inst, 0).await;
    assert_eq!(inst.user("man@acme.example").await, before);
}

#[tokio::test]
async fn f38_what_a_doubtful_match_does_is_a_setting() {
    let users = "id,userName\n7,man@acme.example\n8,ann@acme.example\n";
    for (matching, linked, skipped, held) in [("link", 1, 0, 0), ("skip", 0, 1, 0), ("ask", 0, 0, 1)] {
        let inst = with_man(users, &[&format!("matching={matching}")]).await;
        let report = sync(&inst, 0).await;
        assert_eq!(report["users"]["linked"], linked, "{matching}");
        assert_eq!(report["users"]["skipped"], skipped, "{matching}");
        assert_eq!(report["users"]["held"], held, "{matching}");
        assert_eq!(report["users"]["created"], 1, "{matching}");
        assert_eq!(inst.user("man@acme.example").await["displayName"], "Manual Man");
    }
    let inst = with_man(users, &["matching=fail"]).await;
    let report = sync(&inst, 1).await;
    assert!(report["fault"]["message"].as_str().unwrap().contains("man@acme.example"), "{report:#}");
    assert_eq!(names(&inst).await, ["man@acme.example"]);
}

#[tokio::test]
async fn f38_a_domain_declared_authoritative_links_by_itself_but_never_guests() {
    let users = "id,userName,userType\n7,man@acme.example,Member\n8,guest@acme.example,Guest\n9,o@other.example,Member\n";
    let inst = with_man(users, &["authoritative=acme.example"]).await;
    inst.usher(&["users", "add", "guest@acme.example"]).await.ended(0);
    inst.usher(&["users", "add", "o@other.example"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["linked"], &report["users"]["held"]), (&1.into(), &2.into()));
    reason(&report, "held", "guest@acme.example");
    reason(&report, "held", "o@other.example");
    assert_eq!(inst.user("man@acme.example").await["externalId"], "7");
    assert_eq!(inst.user("man@acme.example").await["origin"], "manual");
}

#[tokio::test]
async fn f38_no_policy_makes_a_member_of_a_guest() {
    let users = "id,userName,userType\n8,man@acme.example,Guest\n";
    let inst = with_man(users, &["authoritative=acme.example"]).await;
    inst.usher(&["policy", "add", "attributes", "--set", r#"drop=["userType"]"#]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["linked"], &report["users"]["held"]), (&0.into(), &1.into()), "{report:#}");
}

#[tokio::test]
async fn f38_a_manual_user_who_is_removed_makes_room_for_the_sources() {
    let inst = with_man("id,userName\n7,man@acme.example\n8,ann@acme.example\n", &["matching=link"]).await;
    sync(&inst, 0).await;
    inst.usher(&["users", "remove", "man@acme.example", "--yes"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["users"]["created"], 1);
    assert_eq!(inst.user("man@acme.example").await["origin"], "connection");
    // And what a connection owns isn't removed by hand.
    let ran = inst.usher(&["users", "remove", "man@acme.example", "--yes"]).await.ended(2);
    assert!(ran.err.contains("csv"), "{}", ran.err);
}

#[tokio::test]
async fn f39_an_edited_field_returns_and_is_journalled_old_to_new() {
    let inst = synced(&[]).await;
    inst.usher(&["users", "set", "ann@acme.example", "displayName=Queen Ann", "nickName=Annie"])
        .await
        .ended(0);
    assert_eq!(inst.user("ann@acme.example").await["displayName"], "Queen Ann");
    let report = sync(&inst, 0).await;
    assert_eq!((&report["result"], &report["users"]["updated"]), (&"success".into(), &1.into()));
    let ann = inst.json(0, &["users", "show", "ann@acme.example"]).await;
    assert_eq!(ann["displayName"], "Ann");
    assert_eq!(ann["attributes"]["nickName"], "Annie", "what is only here stays");
    assert_eq!(ann["history"][0]["line"]["changes"]["displayName"], serde_json::json!(["Queen Ann", "Ann"]));
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f39_edits_of_every_kind_of_field_return() {
    let inst = synced(&[]).await;
    let before = inst.user("ann@acme.example").await;
    inst.usher(&[
        "users",
        "set",
        "ann@acme.example",
        "userName=queen@acme.example",
        "active=false",
        "emails=queen@acme.example",
        "displayName=",
    ])
    .await
    .ended(0);
    inst.usher(&["groups", "set", "G-eng", "displayName=Mine", "note=here"]).await.ended(0);
    sync(&inst, 0).await;
    assert_eq!(inst.user("ann@acme.example").await, before);
    let group = inst.json(0, &["groups", "show", "G-eng"]).await;
    assert_eq!(group["attributes"]["note"], "here");
}

#[tokio::test]
async fn f39_a_field_that_the_source_gives_later_is_the_sources_from_then_on() {
    let inst = people("id,userName\n1,ann@a.x\n", &[]).await;
    sync(&inst, 0).await;
    inst.usher(&["users", "set", "ann@a.x", "title=Queen"]).await.ended(0);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    inst.file("users.csv", "id,userName,title\n1,ann@a.x,Engineer\n");
    sync(&inst, 0).await;
    assert_eq!(inst.user("ann@a.x").await["title"], "Engineer");
    inst.file("users.csv", "id,userName,title\n1,ann@a.x,\n");
    sync(&inst, 0).await;
    assert_eq!(inst.user("ann@a.x").await["title"], Value::Null);
}

#[tokio::test]
async fn f38_a_member_added_by_hand_to_a_synced_group_stays() {
    let inst = synced(&[]).await;
    inst.usher(&MAN).await.ended(0);
    inst.usher(&["groups", "add", "G-eng", "--member", "man@acme.example"]).await.ended(0);
    inst.usher(&["groups", "add", "G-eng", "--member", "bob@acme.example"]).await.ended(0);
    write(&inst, USERS, GROUPS, &MEMBERSHIPS.replace("g-eng,2,user\n", ""));
    sync(&inst, 0).await;
    assert_eq!(
        inst.members("G-eng").await,
        ["G-eng-be", "ann@acme.example", "bob@acme.example", "man@acme.example"]
    );
    connect(&inst, &["grace_days=30"]).await;
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f38_a_link_needs_a_record_that_is_free() {
    let inst = with_man("id,userName\n7,man@acme.example\n8,ann@acme.example\n", &[]).await;
    sync(&inst, 0).await;
    for (record, told) in [("999", "no record at the source"), ("8", "8")] {
        let ran = inst.usher(&["users", "link", "man@acme.example", record]).await.ended(2);
        assert!(ran.err.contains(told), "{}", ran.err);
    }
    let ran = inst.usher(&["users", "link", "nobody@acme.example", "7"]).await.ended(2);
    assert!(ran.err.contains("nobody in the directory is nobody@acme.example"), "{}", ran.err);
    assert_eq!(sync(&inst, 0).await["users"]["held"], 1);
}

/// Two live connections in one tenant, as installations may have from before there was only one at a time.
async fn both_live(inst: &Installation) {
    crate::database::execute(inst, "UPDATE connections SET state = 'active'").await;
}

#[tokio::test]
async fn f8_whom_another_connection_holds_too_is_let_go_and_never_suspended() {
    let inst = people("id,userName,title\n1,ann@a.x,Engineer\n2,bob@a.x,\n", &[]).await;
    sync(&inst, 0).await;
    let more =
        format!("users={}", inst.file("more.csv", "id,userName,title\n77,ann@a.x,Lead\n78,cat@a.x,\n"));
    inst.usher(&["connect", "csv", "--name", "more", "--set", &more, "--yes"]).await.ended(0);
    both_live(&inst).await;
    let theirs = async || inst.json(0, &["sync", "--yes", "--connection", "more"]).await;
    assert_eq!(theirs().await["users"]["quarantined"], 1);
    inst.usher(&["users", "link", "ann@a.x", "77", "--connection", "more"]).await.ended(0);
    theirs().await;
    let before = inst.user("ann@a.x").await;
    assert_eq!((&before["connection"], &before["title"]), (&"csv".into(), &"Engineer".into()));

    inst.file("users.csv", "id,userName,title\n2,bob@a.x,\n");
    let report = inst.json(0, &["sync", "--yes", "--connection", "csv"]).await;
    assert_eq!((&report["users"]["unlinked"], &report["users"]["deactivated"]), (&1.into(), &0.into()));
    let after = inst.user("ann@a.x").await;
    assert_eq!(
        (&after["id"], &after["active"], &after["connection"]),
        (&before["id"], &true.into(), &"more".into())
    );
    // From now on the other one's word counts.
    theirs().await;
    assert_eq!(inst.user("ann@a.x").await["title"], "Lead");
    assert_eq!(theirs().await["result"], "unchanged");

    // A switch makes one of the two the only one.
    let report = inst.json(0, &["switch", "more", "--yes"]).await;
    assert_eq!(
        (&report["users"]["orphaned"], &report["users"]["adopted"]),
        (&1.into(), &0.into()),
        "{report:#}"
    );
    let card = inst.json(0, &["status"]).await;
    let states = [0, 1].map(|at| card["connections"][at]["state"].clone());
    assert_eq!(states, ["disabled", "active"]);
    assert_eq!(inst.user("bob@a.x").await["orphaned"], true);
}

#[tokio::test]
async fn f38_a_person_with_a_new_key_is_linked_to_it_and_stays() {
    let users = "id,userName,groups\n1,ann@acme.example,Team;Old\n2,bob@acme.example,Team\n";
    let inst = people(users, &["grace_days=0"]).await;
    sync(&inst, 0).await;
    let ann = inst.user("ann@acme.example").await["id"].clone();
    inst.file(
        "users.csv",
        "id,userName,groups\n1,ann@acme.example,Team;Old\n9,ann@acme.example,Team;New\n2,bob@acme.example,Team\n",
    );
    let report = sync(&inst, 0).await;
    assert!(reason(&report, "quarantined", "9").contains("record 1 of the source"), "{report:#}");
    inst.usher(&["users", "link", "ann@acme.example", "9"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert!(reason(&report, "quarantined", "1").contains("record 9 of the source"), "{report:#}");
    assert_eq!(inst.members("New").await, ["ann@acme.example"]);
    assert!(inst.members("Old").await.is_empty());
    // The old key goes, and nobody with it.
    inst.file("users.csv", "id,userName,groups\n9,ann@acme.example,Team;New\n2,bob@acme.example,Team\n");
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["deleted"], 0, "{report:#}");
    inst.file(
        "users.csv",
        "id,userName,title,groups\n9,ann@acme.example,Lead,Team;New\n2,bob@acme.example,,Team\n",
    );
    sync(&inst, 0).await;
    let user = inst.user("ann@acme.example").await;
    assert_eq!((&user["id"], &user["active"], &user["title"]), (&ann, &true.into(), &"Lead".into()));
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f41_a_leaver_under_a_new_key_comes_back_as_the_same_person() {
    let inst = people("id,userName\n1,ann@acme.example\n2,bob@acme.example\n", &[]).await;
    sync(&inst, 0).await;
    let ann = inst.user("ann@acme.example").await["id"].clone();
    inst.file("users.csv", "id,userName\n9,ann@acme.example\n2,bob@acme.example\n");
    let report = sync(&inst, 0).await;
    let why = reason(&report, "quarantined", "9");
    assert!(why.contains("`usher users link ann@acme.example 9`"), "{why}");
    assert_eq!(inst.active().await, ["bob@acme.example"]);
    inst.usher(&["users", "link", "ann@acme.example", "9"]).await.ended(0);
    sync(&inst, 0).await;
    let user = inst.user("ann@acme.example").await;
    assert_eq!((&user["id"], &user["active"]), (&ann, &true.into()));
    inst.pass_days(40);
    sync(&inst, 0).await;
    assert_eq!(inst.active().await.len(), 2);
}

#[tokio::test]
async fn f38_two_who_may_be_the_same_person_are_held() {
    let users = "id,userName,mail,groups\n7,boss@hr.example,man@acme.example,Admins\n8,temp@hr.example,man@acme.example,Kitchen\n";
    let inst = with_man(users, &["authoritative=acme.example"]).await;
    inst.usher(&["users", "set", "man@acme.example", "emails=man@acme.example"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["held"], 2, "{report:#}");
    assert!(reason(&report, "held", "8").contains("man@acme.example"), "{report:#}");
    // Somebody says which; the other one waits.
    inst.usher(&["users", "link", "man@acme.example", "7"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert!(reason(&report, "held", "8").contains("record 7 of the source is linked to"), "{report:#}");
    assert_eq!(inst.members("Admins").await, ["man@acme.example"]);
    inst.file("users.csv", users.replace("Kitchen", "Admins"));
    sync(&inst, 0).await;
    assert_eq!(inst.members("Admins").await, ["man@acme.example"]);
}

#[tokio::test]
async fn f38_a_name_that_a_manual_user_keeps_is_nobody_elses() {
    let users = "id,userName,groups\n7,man@acme.example,Team\n8,ann@acme.example,Team\n";
    let inst = with_man(users, &["authoritative=acme.example"]).await;
    sync(&inst, 0).await;
    // The source calls him otherwise, but he isn't the source's; and somebody of the source's wants his name.
    inst.file("users.csv", "id,userName,groups\n7,manuel@acme.example,Other\n8,man@acme.example,Team\n");
    let report = sync(&inst, 0).await;
    assert!(reason(&report, "quarantined", "8").contains("is held by record 7"), "{report:#}");
    assert_eq!(names(&inst).await, ["ann@acme.example", "man@acme.example"]);
    assert_eq!(inst.members("Other").await, ["man@acme.example"]);
}

#[tokio::test]
async fn f38_which_record_a_link_is_made_to_is_part_of_the_plan() {
    let inst =
        people("id,userName,mail\n7,x@hr.example,shared@acme.example\n", &["authoritative=acme.example"])
            .await;
    let add = async |name: &str| {
        inst.usher(&["users", "add", name, "emails=shared@acme.example"]).await.ended(0);
    };
    add("one@acme.example").await;
    let plan = inst.json(0, &["plan"]).await;
    assert_eq!(plan["users"]["linked"], 1, "{plan:#}");
    inst.usher(&["users", "remove", "one@acme.example", "--yes"]).await.ended(0);
    add("two@acme.example").await;
    assert_ne!(inst.json(0, &["plan"]).await["plan"], plan["plan"]);
}

#[tokio::test]
async fn f22_who_is_linked_gets_no_manager_and_none_is_claimed() {
    let users = "id,userName,manager\n7,man@acme.example,8\n8,ann@acme.example,\n";
    let inst = with_man(users, &["authoritative=acme.example"]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["linked"], 1, "{report:#}");
    let shown = inst.json(0, &["runs", "show", &report["run"].to_string(), "--lines"]).await;
    let lines = shown["lines"].as_array().unwrap();
    let link = lines.iter().find(|line| line["action"] == "link").unwrap();
    assert_eq!(link["changes"], serde_json::json!({ "linked": [null, "man@acme.example"] }));
    assert_eq!(inst.user("man@acme.example").await["manager"], Value::Null);
}

#[tokio::test]
async fn f12_group_attributes_are_whatever_they_are_called() {
    let inst = Installation::new();
    write(&inst, USERS, "id,displayName,manager,active\ng-root,G-root,ann,yes\n", "group,member,kind\n");
    connect(&inst, &[]).await;
    sync(&inst, 0).await;
    let groups = inst.json(0, &["groups", "list"]).await;
    assert_eq!(groups[0]["attributes"]["manager"], "ann", "{groups:#}");
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f39_a_leaver_who_is_enabled_by_hand_leaves_again() {
    let inst = people("id,userName\n1,ann@acme.example\n2,bob@acme.example\n", &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName\n2,bob@acme.example\n");
    sync(&inst, 0).await;
    inst.pass_days(10);
    inst.usher(&["users", "set", "ann@acme.example", "active=true"]).await.ended(0);
    assert_eq!(inst.active().await.len(), 2);
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["deactivated"], &report["users"]["unchanged"]), (&1.into(), &1.into()));
    assert_eq!(inst.active().await, ["bob@acme.example"]);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    // His grace didn't begin anew.
    inst.pass_days(21);
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
}

#[tokio::test]
async fn f09_people_whom_another_connection_holds_become_its_own() {
    let inst = people("id,userName,active\n1,ann@acme.example,true\n", &[]).await;
    sync(&inst, 0).await;
    let other =
        format!("users={}", inst.file("b/users.csv", "id,userName,active\nb1,ann@acme.example,true\n"));
    inst.usher(&["connect", "csv", "--name", "b", "--yes", "--set", &other]).await.ended(0);
    both_live(&inst).await;
    inst.usher(&["sync", "--connection", "b", "--yes"]).await.ended(0);
    inst.usher(&["users", "link", "ann@acme.example", "b1", "--connection", "b"]).await.ended(0);
    inst.usher(&["sync", "--connection", "b", "--yes"]).await.ended(0);
    inst.usher(&["disconnect", "csv", "--confirm", "csv"]).await.ended(0);
    assert_eq!(inst.user("ann@acme.example").await["connection"], "b");
    inst.file("b/users.csv", "id,userName,active\nb1,ann@acme.example,false\n");
    inst.usher(&["sync", "--yes"]).await.ended(0);
    assert!(inst.active().await.is_empty());
}
