//! Why somebody is in, out, or as they are: as a person reads it.

use crate::harness::Installation;
use crate::t1::{GROUPS, MEMBERSHIPS, USERS, connected, sync, synced, write};

/// What `why` prints, with the directory's ids taken out.
async fn why(inst: &Installation, who: &str) -> String {
    let mut text = inst.usher(&["why", who]).await.ended(0).out;
    for user in inst.users().await {
        text = text.replace(user["id"].as_str().unwrap(), "ID");
    }
    text
}

#[tokio::test]
async fn f27_somebody_who_is_in() {
    let inst = synced(&[]).await;
    inst.usher(&["users", "set", "ann@acme.example", "nickName=Annie"]).await.ended(0);
    write(&inst, &USERS.replace(",Ann,", ",Anne,"), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    inst.usher(&["users", "set", "ann@acme.example", "displayName=Queen Ann"]).await.ended(0);
    insta::assert_snapshot!(why(&inst, "ann@acme.example").await);
    // By source id and by the directory's id too.
    let id = inst.user("ann@acme.example").await["id"].as_str().unwrap().to_owned();
    for who in ["1", "ANN@acme.example", id.as_str()] {
        assert_eq!(inst.json(0, &["why", who]).await["standing"], "in", "{who}");
    }
}

#[tokio::test]
async fn f27_somebody_without_a_group() {
    let inst = synced(&[]).await;
    insta::assert_snapshot!(why(&inst, "dan@acme.example").await);
}

#[tokio::test]
async fn f27_somebody_out_of_scope() {
    let inst = synced(&["scope=groups", "chosen=g-eng"]).await;
    insta::assert_snapshot!(why(&inst, "cat@alt.example").await);
    insta::assert_snapshot!(why(&inst, "bob@acme.example").await);
}

#[tokio::test]
async fn f27_somebody_whom_a_policy_leaves_out() {
    let inst = connected(&[]).await;
    inst.usher(&["policy", "add", "domain", "--set", "domain=acme.example"]).await.ended(0);
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=@alt.example"]).await.ended(0);
    sync(&inst, 0).await;
    // By the address that only the source knows.
    insta::assert_snapshot!(why(&inst, "cat@acme.example").await);
}

#[tokio::test]
async fn f27_somebody_whose_row_cannot_be_read() {
    let inst = connected(&[]).await;
    write(&inst, &USERS.replace("eve@acme.example,true", "eve@acme.example,perhaps"), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    insta::assert_snapshot!(why(&inst, "5").await);
    // And somebody who was in before.
    write(&inst, &USERS.replace("bob@acme.example,true", "bob@acme.example,perhaps"), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    insta::assert_snapshot!(why(&inst, "bob@acme.example").await);
}

#[tokio::test]
async fn f27_somebody_who_is_leaving() {
    let inst = synced(&[]).await;
    write(&inst, &USERS.replace("3,cat@alt.example,Cat,cat@acme.example,true,\n", ""), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    insta::assert_snapshot!(why(&inst, "cat@alt.example").await);
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=dan@acme.example"]).await.ended(0);
    sync(&inst, 0).await;
    insta::assert_snapshot!(why(&inst, "dan@acme.example").await);
}

#[tokio::test]
async fn f27_somebody_made_by_hand() {
    let inst = synced(&[]).await;
    inst.usher(&["users", "add", "man@acme.example"]).await.ended(0);
    insta::assert_snapshot!(why(&inst, "man@acme.example").await);
    // And one who may be the same as somebody at the source.
    write(&inst, &format!("{USERS}8,man@acme.example,Somebody,,true,\n"), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    insta::assert_snapshot!(why(&inst, "8").await);
}

#[tokio::test]
async fn f27_nobody() {
    let inst = synced(&[]).await;
    insta::assert_snapshot!(why(&inst, "nobody@acme.example").await);
    assert_eq!(inst.json(0, &["why", "nobody@acme.example"]).await["standing"], "unknown");
}

#[tokio::test]
async fn f27_somebody_who_would_come_in_by_the_next_run() {
    let inst = connected(&[]).await;
    inst.usher(&["plan"]).await.ended(0);
    insta::assert_snapshot!(why(&inst, "ann@acme.example").await);
}
