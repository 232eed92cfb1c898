//! Paths: where a user stands in the tree of groups.

use crate::t1::{GROUPS, MEMBERSHIPS, USERS, connect, notes, path, sync, synced, write};

#[tokio::test]
async fn f42_the_path_leads_from_the_top_to_the_users_group() {
    let inst = synced(&[]).await;
    assert_eq!(path(&inst, "ann@acme.example").await, "G-root/G-eng/G-eng-be");
    assert_eq!(path(&inst, "bob@acme.example").await, "G-root/G-eng");
    assert_eq!(path(&inst, "eve@acme.example").await, "U-proj");
    assert_eq!(path(&inst, "dan@acme.example").await, "");
}

#[tokio::test]
async fn f42_in_the_designated_scope_the_chosen_groups_are_the_roots() {
    let inst = synced(&["scope=groups", "chosen=g-eng,u-proj"]).await;
    assert_eq!(path(&inst, "ann@acme.example").await, "G-eng/G-eng-be");
    assert_eq!(path(&inst, "eve@acme.example").await, "U-proj");
}

#[tokio::test]
async fn f42_of_several_paths_the_shortest_is_primary() {
    let inst = synced(&[]).await;
    write(&inst, USERS, GROUPS, &format!("{MEMBERSHIPS}u-proj,1,user\nm-all,1,user\n"));
    sync(&inst, 0).await;
    let ann = inst.user("ann@acme.example").await;
    assert_eq!(ann["path"], "M-all");
    assert_eq!(ann["paths"], serde_json::json!(["M-all", "U-proj", "G-root/G-eng/G-eng-be"]));
}

#[tokio::test]
async fn f42_a_moved_or_renamed_group_moves_everybodys_path() {
    let inst = synced(&[]).await;
    let moved = MEMBERSHIPS.replace("g-root,g-eng,group", "g-sales,g-eng,group");
    write(&inst, USERS, &GROUPS.replace("G-root", "Root"), &moved);
    sync(&inst, 0).await;
    assert_eq!(path(&inst, "ann@acme.example").await, "Root/G-sales/G-eng/G-eng-be");
    assert_eq!(path(&inst, "cat@alt.example").await, "Root/G-sales");
}

#[tokio::test]
async fn f43_users_outside_the_root_have_an_empty_path_and_are_counted() {
    let inst = crate::t1::connected(&["root=g-eng"]).await;
    let report = sync(&inst, 0).await;
    assert!(
        notes(&report).contains("5 users are outside the root group and have an empty path"),
        "{report:#}"
    );
    assert_eq!(path(&inst, "ann@acme.example").await, "G-eng/G-eng-be");
    assert_eq!(path(&inst, "bob@acme.example").await, "G-eng");
    for outside in ["cat@alt.example", "dan@acme.example", "eve@acme.example"] {
        assert_eq!(path(&inst, outside).await, "");
    }
    // They are still told when nothing changed.
    let again = sync(&inst, 0).await;
    assert_eq!(again["result"], "unchanged");
    assert!(notes(&again).contains("5 users are outside the root group"), "{again:#}");
}

#[tokio::test]
async fn f43_a_root_that_is_not_at_the_source_is_named() {
    let inst = synced(&["root=g-eng"]).await;
    connect(&inst, &["root=nowhere"]).await;
    let report = inst.json(0, &["plan"]).await;
    assert!(notes(&report).contains("not at the source any more: nowhere"), "{report:#}");
    connect(&inst, &["root="]).await;
    sync(&inst, 0).await;
    assert_eq!(path(&inst, "eve@acme.example").await, "U-proj");
}
