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

#[tokio::test]
async fn f8_whom_another_connection_holds_too_is_let_go_and_never_suspended() {
    let inst = people("id,userName,title\n1,ann@a.x,Engineer\n2,bob@a.x,\n", &[]).await;
    sync(&inst, 0).await;
    let more =
        format!("users={}", inst.file("more.csv", "id,userName,title\n77,ann@a.x,Lead\n78,cat@a.x,\n"));
    inst.usher(&["connect", "csv", "--name", "more", "--set", &more, "--yes"]).await.ended(0);
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
}
