//! How a read begins, goes on and ends: cursors, marks, seals.

use crate::directory::{Directory, member, person, removals};
use usher_sync::{Class, RunResult};
use usher_test_scripted::{
    Change, Counts, Fault, Group, MemberKind, MemberSlice, Membership, ObjectRef, Read, ResumeLost, Script,
    Seal, Unreadable,
};

fn titled(id: &str, title: &str) -> Change {
    person(id).with("title", title).into()
}

/// Four people of the same title, two a page.
fn four(title: &str) -> Read {
    Read::of(["ann", "bob", "cat", "dan"].map(|id| titled(id, title))).paged(2)
}

fn full(read: Read) -> Script {
    Script { fresh: read, ..Script::default() }
}

fn lost() -> Fault {
    Fault::Network("the line went dead".into())
}

#[tokio::test]
async fn an_incremental_read_goes_on_from_cursor_to_cursor() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &full(four("x").cursor("1"))).await;
    source.sync().await;
    assert_eq!(source.cursor().await.as_deref(), Some("1"));
    // What is in the full read from now on is never seen.
    let script = full(four("unseen").cursor("unseen"))
        .since("1", Read::of([titled("ann", "y")]).cursor("2"))
        .since("2", Read::of([]).cursor("3"));
    let report = source.takes(&script).await;
    assert_eq!((report.users.updated, report.users.found), (1, 4), "{report:#?}");
    assert_eq!(source.sync().await.result, RunResult::Unchanged);
    assert_eq!(source.cursor().await.as_deref(), Some("3"));
    assert_eq!(source.attribute("ann", "title").await, r#""y""#);
    assert_eq!(source.attribute("bob", "title").await, r#""x""#);
}

#[tokio::test]
async fn a_test_run_moves_no_cursor() {
    let directory = Directory::new().await;
    let script = full(four("x").cursor("1")).since("1", Read::of([titled("ann", "y")]).cursor("2"));
    let source = directory.scripted("acme", &script).await;
    let before = source.dump().await;
    assert_eq!(source.plan().await.users.created, 4);
    assert_eq!(source.dump().await, before);
    source.sync().await;
    let before = source.dump().await;
    let seen = source.plan().await;
    assert_eq!((seen.users.updated, source.dump().await), (1, before));
    let done = source.sync().await;
    assert_eq!((done.plan, done.users), (seen.plan, seen.users));
}

#[tokio::test]
async fn f34_a_read_that_broke_off_goes_on_where_it_was() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &full(four("first").fault(2, lost()))).await;
    source.fails(Class::Network).await;
    // The first page isn't read again: what it says now is not taken.
    source.takes(&full(four("second"))).await;
    for (who, title) in [("ann", "first"), ("bob", "first"), ("cat", "second"), ("dan", "second")] {
        assert_eq!(source.attribute(who, "title").await, format!("{title:?}"), "{who}");
    }
    // The read after that is a whole one again.
    source.takes(&full(four("third"))).await;
    assert_eq!(source.attribute("ann", "title").await, r#""third""#);
}

#[tokio::test]
async fn f34_so_does_an_incremental_one() {
    let directory = Directory::new().await;
    let base = || full(four("x").cursor("1"));
    let source = directory.scripted("acme", &base()).await;
    source.sync().await;
    source.refuses(&base().since("1", four("first").fault(2, lost())), Class::Network).await;
    source.takes(&base().since("1", four("second").cursor("2"))).await;
    assert_eq!(source.attribute("bob", "title").await, r#""first""#);
    assert_eq!(source.attribute("cat", "title").await, r#""second""#);
    assert_eq!(source.cursor().await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_read_whose_mark_is_worth_nothing_any_more_begins_again() {
    let directory = Directory::new().await;
    for (name, lost_marks) in
        [("every", ResumeLost::Every(true)), ("this", ResumeLost::Tokens(vec!["fresh@2".into()]))]
    {
        let source = directory.scripted(name, &full(four("first").fault(2, lost()))).await;
        source.fails(Class::Network).await;
        source.takes(&Script { resume_lost: lost_marks, ..full(four("second")) }).await;
        assert_eq!(source.attribute("ann", "title").await, r#""second""#);
        assert_eq!(source.people().await, ["ann", "bob", "cat", "dan"]);
    }
}

#[tokio::test]
async fn f34_an_expired_cursor_means_a_full_read_and_no_removal_before_its_seal() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &full(four("x").cursor("1"))).await;
    source.sync().await;
    let three = |title| Read::of(["ann", "bob", "cat"].map(|id| titled(id, title))).paged(2).cursor("9");
    source.refuses(&full(three("y").fault(2, lost())), Class::Network).await;
    assert_eq!(source.people().await, ["ann", "bob", "cat", "dan"]);
    // It goes on where it was, and doesn't ask for the expired cursor first.
    let report = source.takes(&full(three("z")).since("1", Read::of([]).cursor("2"))).await;
    assert_eq!((report.users.updated, report.users.deactivated), (3, 1), "{report:#?}");
    assert_eq!(source.people().await, ["ann", "bob", "cat"]);
    assert_eq!(source.attribute("bob", "title").await, r#""y""#);
    assert_eq!(source.attribute("cat", "title").await, r#""z""#);
    assert_eq!(source.cursor().await.as_deref(), Some("9"));
}

#[tokio::test]
async fn a_cursor_that_expires_midway_means_the_same() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &full(four("x").cursor("1"))).await;
    source.sync().await;
    let script = full(four("y").cursor("9")).since("1", four("never").fault(2, Fault::CursorExpired));
    source.takes(&script).await;
    assert_eq!(source.attribute("ann", "title").await, r#""y""#);
    assert_eq!(source.cursor().await.as_deref(), Some("9"));
}

#[tokio::test]
async fn a_full_read_beside_a_record_that_cant_be_told_leaves_no_cursor() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &full(four("x").cursor("1"))).await;
    source.sync().await;
    // The cursor is expired; the full read lacks dan, which may not count.
    let mut read = Read::of(["ann", "bob", "cat"].map(|id| titled(id, "x"))).cursor("9");
    let unreadable = Unreadable { what: None, place: "line 4".into(), why: "cut short".into() };
    read.changes.push(Change::Unreadable(unreadable));
    assert_eq!(removals(&source.takes(&full(read.clone())).await), 0);
    // Going on from either cursor would never show that dan is gone.
    assert_eq!(source.cursor().await, None);
    read.changes.pop();
    assert_eq!(source.takes(&full(read)).await.users.deactivated, 1);
    assert_eq!(source.cursor().await.as_deref(), Some("9"));
}

#[tokio::test]
async fn a_seal_must_cover_what_was_asked_for() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &full(four("x").cursor("1"))).await;
    source.sync().await;
    let everything = Read::of([titled("ann", "y")]).sealed(Seal::Everything(Counts::default()));
    let said = source.refuses(&full(four("x")).since("1", everything), Class::Plugin).await;
    assert_eq!(said, "plugin scripted: a read from a cursor was sealed as everything");
    let said = source.refuses(&full(four("x").sealed(Seal::Changes)), Class::Plugin).await;
    assert_eq!(said, "plugin scripted: a read from nothing was sealed as changes only");
    // Neither is gone on with.
    assert_eq!(source.takes(&full(four("z").cursor("2"))).await.users.updated, 4);
}

#[tokio::test]
async fn a_full_read_may_not_say_that_something_is_gone() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &full(four("x"))).await;
    source.sync().await;
    for gone in [
        Change::UserGone("ann".into()),
        Change::GroupGone("g".into()),
        Change::MemberGone(Membership::user("g", "ann")),
    ] {
        let mut read = four("x").paged(5);
        read.changes.push(gone);
        let said = source.refuses(&full(read), Class::Plugin).await;
        assert!(said.contains("a full read said that something is gone"), "{said}");
    }
    assert_eq!(source.takes(&full(four("y"))).await.users.updated, 4);
}

#[tokio::test]
async fn a_list_of_members_that_never_ends_is_refused() {
    let directory = Directory::new().await;
    let base = || {
        let mut read = four("x").cursor("1");
        read.changes.extend([Group::new("g").named("G").into(), member("g", "ann"), member("g", "bob")]);
        read
    };
    let source = directory.scripted("acme", &full(base())).await;
    source.sync().await;
    let begun: Change = MemberSlice::users("g", ["ann"], false).into();
    let said = source.refuses(&full(base()).since("1", Read::of([begun.clone()])), Class::Plugin).await;
    assert_eq!(said, "plugin scripted: the list of members of group g was begun and never ended");
    // Nor when another list of the same group had ended before.
    let ended = MemberSlice::users("g", ["bob"], true).into();
    source.refuses(&full(base()).since("1", Read::of([ended, begun.clone()]).paged(1)), Class::Plugin).await;
    // Nor in a full read, whatever its counts say.
    let mut read = four("x");
    read.changes.extend([Group::new("g").named("G").into(), begun]);
    let said = source.refuses(&full(read), Class::Plugin).await;
    assert!(said.contains("begun and never ended"), "{said}");
    assert_eq!(source.members("G").await, ["ann", "bob"]);
}

#[tokio::test]
async fn f34_a_seal_with_wrong_counts_removes_nobody() {
    let directory = Directory::new().await;
    let mut all = four("x");
    all.changes.extend([Group::new("g").named("G").into(), member("g", "ann"), member("g", "dan")]);
    let source = directory.scripted("acme", &full(all.clone())).await;
    source.sync().await;
    // Dan was not handed over, and the plugin counted him.
    let mut cut = all.clone();
    cut.changes.retain(|change| !matches!(change, Change::User(user) if user.id == "dan"));
    for (counts, what) in [
        (Counts { users: Some(4), ..Counts::default() }, "4 users, but 3"),
        (Counts { groups: Some(2), ..Counts::default() }, "2 groups, but 1"),
        (Counts { groups: Some(0), ..Counts::default() }, "0 groups, but 1"),
        (Counts { memberships: Some(3), ..Counts::default() }, "3 memberships, but 2"),
    ] {
        let read = cut.clone().sealed(Seal::Everything(counts));
        let said = source.refuses(&full(read), Class::Plugin).await;
        assert!(said.contains(what), "{said}");
    }
    let report = source.takes(&full(all)).await;
    assert_eq!(report.result, RunResult::Unchanged);
}

#[tokio::test]
async fn counts_are_of_distinct_ids_with_unreadable_ones_among_them() {
    let directory = Directory::new().await;
    let bad = |id: &str| {
        let what = Some(ObjectRef::User(id.into()));
        Change::Unreadable(Unreadable { what, place: format!("row {id}"), why: "no".into() })
    };
    let slice = MemberSlice {
        group: "g".into(),
        members: ["ann", "ann", "bad"]
            .map(|id| usher_test_scripted::Member { id: id.into(), kind: MemberKind::User })
            .to_vec(),
        last: true,
    };
    let read = Read::of([
        titled("ann", "x"),
        titled("ann", "y"),
        bad("bad"),
        Group::new("g").named("G").into(),
        slice.into(),
        member("g", "ann"),
    ]);
    let stated = Seal::Everything(Counts { users: Some(2), groups: Some(1), memberships: Some(2) });
    for page in 1..=6 {
        let source = directory
            .scripted(&format!("by {page}"), &full(read.clone().paged(page).sealed(stated.clone())))
            .await;
        let report = source.sync().await;
        assert_eq!((report.users.created, report.users.quarantined), (1, 1), "{report:#?}");
        assert_eq!(source.members("G").await, ["ann"]);
    }
}

#[tokio::test]
async fn thousands_of_records_make_one_plan_by_any_page_size() {
    let directory = Directory::new().await;
    let read = |title: &str, page: u32| {
        let people = (0..2_100).flat_map(|number| {
            let id = format!("p{number}");
            [titled(&id, title), member("g", &id)]
        });
        Read::of(std::iter::once(Group::new("g").named("G").into()).chain(people)).paged(page)
    };
    let source = directory.scripted("acme", &full(read("x", 1_000))).await;
    assert_eq!(source.sync().await.users.created, 2_100);
    let mut plans = Vec::new();
    for page in [9, 500, 1_001, 5_000] {
        source.says(&full(read("y", page)));
        let report = source.plan().await;
        assert_eq!(report.users.updated, 2_100, "{report:#?}");
        plans.push(report.plan);
    }
    assert!(plans.windows(2).all(|pair| pair[0] == pair[1]), "{plans:#?}");
}
