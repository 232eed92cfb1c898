//! Every change that a source can hand over, from the page to the directory.

use crate::directory::{Directory, member, person, removals};
use crate::harness::Installation;
use usher_sync::RunResult;
use usher_test_scripted::{
    Answer, Change, Group, GroupKind, MemberKind, MemberSlice, Membership, ObjectRef, Read, Script,
    Unreadable, Value, t1,
};

/// Ann and bob in Staff, which is in All; and then what happened since.
fn staff_then(changes: impl IntoIterator<Item = Change>) -> Script {
    let mut script = Script::full([
        Group::new("g-all").named("All").into(),
        Group::new("g-staff").named("Staff").kind(GroupKind::Security).into(),
        Membership::group("g-all", "g-staff").into(),
        person("ann").with("title", "Engineer").with("department", "R&D").into(),
        person("bob").with("title", "Lead").into(),
        member("g-staff", "ann"),
        member("g-staff", "bob"),
    ]);
    script.fresh.cursor = Some("1".into());
    script.since("1", Read::of(changes).cursor("2"))
}

fn staff() -> Script {
    staff_then([])
}

fn unreadable(what: Option<ObjectRef>) -> Change {
    Change::Unreadable(Unreadable { what, place: "line 7".into(), why: "no name".into() })
}

fn slice(group: &str, users: &[&str], last: bool) -> Change {
    let members =
        users.iter().map(|user| usher_test_scripted::Member { id: (*user).into(), kind: MemberKind::User });
    MemberSlice { group: group.into(), members: members.collect(), last }.into()
}

#[tokio::test]
async fn f12_a_scripted_source_comes_in_through_the_command_line() {
    let usher = Installation::new();
    let script = usher.file("in/t1.json", t1::script().to_json().unwrap());
    usher.usher(&["plugin", "add", env!("USHER_TEST_SCRIPTED"), "--yes"]).await.ended(0);
    usher.usher(&["connect", "scripted", "--yes", "--set", &format!("script={script}")]).await.ended(0);
    let report = usher.json(0, &["sync", "--yes"]).await;
    assert_eq!(report["users"]["created"], 7, "{report:#}");
    assert_eq!(report["memberships"]["added"], 9, "{report:#}");
    assert_eq!(
        usher.members("G-sales").await,
        ["cat@alt.example", "fay@acme.example", "shared@acme.example"]
    );
    let ann = usher.user("ann@acme.example").await;
    assert_eq!(ann["path"], "G-root/G-eng/G-eng-be");
    assert_eq!(ann["manager"]["displayName"], "bob@acme.example");
    assert_eq!(usher.json(0, &["sync", "--yes"]).await["result"], "unchanged");
}

#[tokio::test]
async fn a_whole_record_replaces_what_was_there() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let report = source
        .takes(&staff_then([
            person("ann").with("floor", 3_i64).into(),
            Group::new("g-staff").named("Crew").into(),
            person("cat").into(),
        ]))
        .await;
    // Bob is one of the updated: his path has the group's new name.
    assert_eq!((report.users.created, report.users.updated, report.groups.updated), (1, 2, 1));
    assert_eq!(removals(&report), 0);
    assert_eq!(source.attribute("ann", "title").await, "null");
    assert_eq!(source.attribute("ann", "floor").await, "3");
    assert_eq!(source.groups().await, ["All", "Crew"]);
    assert_eq!(source.people().await, ["ann", "bob", "cat"]);
    assert_eq!(source.members("Crew").await, ["ann", "bob"]);
}

#[tokio::test]
async fn a_patch_changes_only_what_it_names() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let mut ann = usher_test_scripted::User::new("ann").with("title", "Architect").active(false);
    ann.attributes.insert("department".into(), Value::Cleared);
    let again = usher_test_scripted::User::new("ann").with("floor", 2_i64);
    let report = source
        .takes(&staff_then([
            Change::UserPatch(ann),
            Change::GroupPatch(Group::new("g-staff").with("description", "everybody")),
            Change::UserPatch(again),
        ]))
        .await;
    assert_eq!((report.users.deactivated, report.users.updated, report.groups.updated), (1, 0, 1));
    assert_eq!(source.people().await, ["bob"]);
    assert_eq!(source.attribute("ann", "title").await, r#""Architect""#);
    assert_eq!(source.attribute("ann", "department").await, "null");
    assert_eq!(source.attribute("ann", "floor").await, "2");
    assert_eq!(source.members("Staff").await, ["ann", "bob"]);
}

#[tokio::test]
async fn members_come_and_go_one_by_one() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let report = source
        .takes(&staff_then([
            person("cat").into(),
            member("g-staff", "cat"),
            Change::MemberGone(Membership::user("g-staff", "bob")),
            Change::MemberGone(Membership::group("g-all", "g-staff")),
            Change::MemberGone(Membership::user("g-staff", "nobody")),
        ]))
        .await;
    assert_eq!((report.memberships.added, report.memberships.removed), (1, 2));
    assert_eq!(source.members("Staff").await, ["ann", "cat"]);
    assert!(source.members("All").await.is_empty());
    assert_eq!(source.people().await, ["ann", "bob", "cat"]);
}

#[tokio::test]
async fn who_isnt_in_a_groups_whole_list_has_left_it() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let mut script = staff_then([
        person("cat").into(),
        person("dan").into(),
        slice("g-staff", &["ann"], false),
        slice("g-staff", &["cat"], false),
        slice("g-staff", &["dan"], true),
    ]);
    let since = script.since.get_mut("1").unwrap();
    *since = since.clone().paged(1).fault(5, usher_test_scripted::Fault::Network("gone quiet".into()));
    source.refuses(&script, usher_sync::Class::Network).await;
    assert_eq!(source.members("Staff").await, ["ann", "bob"]);
    script.since.get_mut("1").unwrap().faults.clear();
    let report = source.takes(&script).await;
    assert_eq!((report.memberships.added, report.memberships.removed), (2, 1));
    assert_eq!(source.members("Staff").await, ["ann", "cat", "dan"]);
}

#[tokio::test]
async fn a_list_that_is_given_again_counts_as_it_was_given_last() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let mut script = staff_then([
        person("cat").into(),
        slice("g-staff", &["ann", "bob", "cat"], true),
        slice("g-staff", &["cat"], false),
        slice("g-staff", &["bob"], true),
    ]);
    for page in [1, 2, 100] {
        script.since.get_mut("1").unwrap().page = Some(page);
        source.says(&script);
        let report = source.plan().await;
        assert_eq!(
            (report.memberships.added, report.memberships.removed),
            (1, 1),
            "{page} a page: {report:#?}"
        );
    }
    source.sync().await;
    assert_eq!(source.members("Staff").await, ["bob", "cat"]);
}

#[tokio::test]
async fn f41_a_tombstone_takes_the_record_and_its_memberships() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let report =
        source.takes(&staff_then([Change::UserGone("bob".into()), Change::UserGone("nobody".into())])).await;
    assert_eq!((report.users.deactivated, report.users.deleted), (1, 0));
    assert_eq!(source.people().await, ["ann"]);
    assert_eq!(source.members("Staff").await, ["ann"]);
    source.says(&staff_then([]).since("2", Read::of([Change::GroupGone("g-staff".into())]).cursor("3")));
    let report = source.sync().await;
    assert_eq!(report.groups.deleted, 1, "{report:#?}");
    assert_eq!(source.groups().await, ["All"]);
    assert_eq!(source.people().await, ["ann"]);
    assert!(source.members("All").await.is_empty());
}

#[tokio::test]
async fn a_record_that_cant_be_read_stays_and_the_others_go_on() {
    let directory = Directory::new().await;
    let mut script = staff();
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    // A full read in which ann's row and the group's are broken, and their memberships with them.
    script.fresh = Read::of([
        Group::new("g-all").named("All").into(),
        unreadable(Some(ObjectRef::Group("g-staff".into()))),
        unreadable(Some(ObjectRef::User("ann".into()))),
        person("bob").with("title", "Head").into(),
    ]);
    script.since.clear();
    let report = source.takes(&script).await;
    assert_eq!((report.users.quarantined, report.groups.quarantined, report.users.updated), (1, 1, 1));
    assert_eq!(removals(&report), 0, "{report:#?}");
    assert_eq!(source.people().await, ["ann", "bob"]);
    assert_eq!(source.attribute("ann", "title").await, r#""Engineer""#);
    assert_eq!(source.attribute("bob", "title").await, r#""Head""#);
    assert_eq!(source.members("Staff").await, ["ann", "bob"]);
    assert_eq!(source.members("All").await, ["Staff"]);
    let healed = source.takes(&staff()).await;
    assert_eq!((healed.users.quarantined, healed.groups.quarantined), (0, 0), "{healed:#?}");
    assert_eq!(source.attribute("bob", "title").await, r#""Lead""#);
}

#[tokio::test]
async fn a_newcomer_who_cant_be_read_is_tried_again() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let mut script = staff_then([unreadable(Some(ObjectRef::User("cat".into()))), member("g-staff", "cat")]);
    let report = source.takes(&script).await;
    assert_eq!((report.users.quarantined, report.users.created), (1, 0), "{report:#?}");
    // The cursor has moved on: only asking for the record can bring it.
    script.fresh.changes.push(person("cat").into());
    script = script.since("2", Read::of([]).cursor("3"));
    let report = source.takes(&script).await;
    assert_eq!((report.users.quarantined, report.users.created), (0, 1), "{report:#?}");
    assert_eq!(source.members("Staff").await, ["ann", "bob", "cat"]);
}

#[tokio::test]
async fn beside_a_record_that_cant_be_told_nobody_is_removed() {
    let directory = Directory::new().await;
    let mut script = staff();
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    script.since.clear();
    script.fresh = Read::of([
        Group::new("g-all").named("All").into(),
        Group::new("g-staff").named("Staff").kind(GroupKind::Security).into(),
        slice("g-all", &[], true),
        slice("g-staff", &[], true),
        person("ann").with("title", "Architect").into(),
        unreadable(None),
    ]);
    let report = source.takes(&script).await;
    assert_eq!((report.users.updated, report.users.quarantined), (1, 1), "{report:#?}");
    assert_eq!(removals(&report), 0, "{report:#?}");
    assert!(report.notes.iter().any(|note| note.contains("line 7: no name")), "{:?}", report.notes);
    assert_eq!(source.people().await, ["ann", "bob"]);
    assert_eq!(source.members("Staff").await, ["ann", "bob"]);
    // As soon as it is gone, absence is proven.
    script.fresh.changes.pop();
    let report = source.takes(&script).await;
    assert_eq!((report.users.deactivated, report.memberships.removed), (1, 3), "{report:#?}");
    assert_eq!(source.people().await, ["ann"]);
}

/// From now on the source is read as a whole, and these are missing.
fn read_again_without(script: &mut Script, missing: impl Fn(&Change) -> bool) {
    script.since.clear();
    script.fresh.cursor = None;
    script.fresh.changes.retain(|change| !missing(change));
}

#[tokio::test]
async fn f34_a_membership_that_a_live_source_passes_over_stays() {
    let directory = Directory::new().await;
    let mut script = staff();
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    // Its pages shifted while it was read: Staff is missing, and its members. It is still there.
    script.since.clear();
    script.fresh.cursor = None;
    script.fresh.changes.retain(|change| {
        !matches!(change, Change::Group(group) if group.id == "g-staff")
            && !matches!(change, Change::Member(_))
    });
    let group = Group::new("g-staff").named("Staff").kind(GroupKind::Security);
    script.lookup.insert("group:g-staff".into(), Answer::Here(vec![group.into()]));
    let report = source.takes(&script).await;
    assert_eq!(removals(&report), 0, "{report:#?}");
    assert_eq!(source.members("Staff").await, ["ann", "bob"]);
    // A whole list is proof.
    script.fresh.changes.push(slice("g-staff", &["ann"], true));
    let report = source.takes(&script).await;
    assert_eq!(report.memberships.removed, 1, "{report:#?}");
    assert_eq!(source.members("Staff").await, ["ann"]);
}

#[tokio::test]
async fn an_answer_that_cant_be_told_keeps_everybody() {
    let directory = Directory::new().await;
    let mut script = staff();
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    read_again_without(&mut script, |change| matches!(change, Change::User(_)));
    // Ann is there, with a record beside her of which nobody can tell whose it is.
    script.lookup.insert("user:ann".into(), Answer::Here(vec![person("ann").into(), unreadable(None)]));
    let report = source.takes(&script).await;
    assert_eq!(removals(&report), 0, "{report:#?}");
    assert_eq!(source.people().await, ["ann", "bob"]);
    assert!(report.notes.iter().any(|note| note.contains("line 7: no name")), "{:?}", report.notes);
}

#[tokio::test]
async fn an_incremental_read_with_such_a_record_loses_no_leaver() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &staff()).await;
    source.sync().await;
    let since = [
        person("cat").into(),
        Change::UserGone("bob".into()),
        Change::MemberGone(Membership::user("g-staff", "ann")),
        unreadable(None),
    ];
    let report = source.takes(&staff_then(since.clone())).await;
    assert_eq!((removals(&report), report.users.created), (0, 1), "{report:#?}");
    assert_eq!(source.people().await, ["ann", "bob", "cat"]);
    assert_eq!(source.members("Staff").await, ["ann", "bob"]);
    assert_eq!(source.cursor().await.as_deref(), Some("1"), "the cursor may not pass what was not taken");
    let report = source.takes(&staff_then(since.into_iter().take(3))).await;
    assert_eq!((report.users.deactivated, report.memberships.removed), (1, 2), "{report:#?}");
    assert_eq!(source.people().await, ["ann", "cat"]);
    assert_eq!(source.cursor().await.as_deref(), Some("2"));
}

#[tokio::test]
async fn repeats_and_older_versions_converge_on_what_came_last() {
    let since = [
        Change::UserGone("bob".into()),
        person("cat").with("title", "old").into(),
        member("g-staff", "cat"),
        person("bob").with("title", "Head").into(),
        Change::MemberGone(Membership::user("g-staff", "cat")),
        member("g-staff", "bob"),
        person("cat").with("title", "old").into(),
        person("cat").with("title", "new").into(),
        Change::UserGone("dan".into()),
        person("dan").into(),
        Change::UserGone("dan".into()),
        member("g-staff", "cat"),
        member("g-staff", "cat"),
        Change::GroupGone("g-all".into()),
        Group::new("g-all").named("Everybody").into(),
        Membership::group("g-all", "g-staff").into(),
    ];
    let directory = Directory::new().await;
    let mut essences = Vec::new();
    for page in [1, 3, 50] {
        let mut script = staff_then(since.clone());
        let source = directory.scripted(&format!("by {page}"), &script).await;
        source.sync().await;
        script.since.get_mut("1").unwrap().page = Some(page);
        // The same again as if the answer had been lost: replayed, nothing is new.
        script.since.get_mut("1").unwrap().cursor = Some("1".into());
        source.takes(&script).await;
        assert_eq!(source.people().await, ["ann", "bob", "cat"]);
        assert_eq!(source.members("Staff").await, ["ann", "bob", "cat"]);
        assert_eq!(source.members("Everybody").await, ["Staff"]);
        assert_eq!(source.attribute("cat", "title").await, r#""new""#);
        assert_eq!(source.sync().await.result, RunResult::Unchanged);
        essences.push(source.essence().await);
    }
    assert!(essences.windows(2).all(|pair| pair[0] == pair[1]), "{essences:#?}");
}

#[tokio::test]
async fn a_patch_behind_a_tombstone_revives_no_old_fields() {
    let directory = Directory::new().await;
    for page in [1, 2] {
        let source = directory.scripted(&format!("by {page}"), &staff()).await;
        source.sync().await;
        let patch = usher_test_scripted::User::new("bob").with("floor", 1_i64);
        let mut script = staff_then([Change::UserGone("bob".into()), Change::UserPatch(patch)]);
        script.since.get_mut("1").unwrap().page = Some(page);
        script.fresh.changes.retain(|change| !matches!(change, Change::User(user) if user.id == "bob"));
        script.fresh.changes.push(person("bob").with("floor", 1_i64).into());
        let report = source.takes(&script).await;
        assert_eq!((report.users.updated, removals(&report)), (1, 0), "{report:#?}");
        assert_eq!(source.attribute("bob", "title").await, "null");
        assert_eq!(source.attribute("bob", "floor").await, "1");
    }
}
