//! Asking the source for single records: before anybody leaves, and for whom a read named without describing.

use crate::directory::{Directory, member, person, removals};
use usher_sync::{Class, RunResult};
use usher_test_scripted::{Answer, CallFaults, Change, Fault, Group, Membership, Read, Script, User};

fn trio() -> Vec<Change> {
    let mut changes = vec![Group::new("g").named("G").into(), Group::new("h").named("H").into()];
    for id in ["ann", "bob", "cat"] {
        changes.extend([person(id).into(), member("g", id)]);
    }
    changes.extend([member("h", "ann"), Membership::group("h", "g").into()]);
    changes
}

/// All of it but for some users and groups, and their memberships.
fn without(gone: &[&str]) -> Vec<Change> {
    trio()
        .into_iter()
        .filter(|change| match change {
            Change::User(user) => !gone.contains(&user.id.as_str()),
            Change::Group(group) => !gone.contains(&group.id.as_str()),
            Change::Member(pair) => {
                !gone.contains(&pair.group.as_str()) && !gone.contains(&pair.member.as_str())
            }
            _ => true,
        })
        .collect()
}

#[tokio::test]
async fn who_is_missing_leaves_only_when_the_source_says_that_he_is_gone() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &Script::full(trio())).await;
    source.sync().await;
    let script = Script::full(without(&["ann", "bob", "cat"]))
        .lookup_user("ann", Answer::Gone)
        .lookup_user("bob", Answer::Unknown("the directory service is busy".into()))
        .lookup_user(
            "cat",
            Answer::Here(vec![person("cat").with("title", "Lead").into(), member("g", "cat")]),
        );
    let report = source.takes(&script).await;
    assert_eq!((report.users.deactivated, report.users.updated), (1, 1), "{report:#?}");
    assert!(report.notes.iter().any(|note| note.starts_with("1 record")), "{:?}", report.notes);
    assert_eq!(source.people().await, ["bob", "cat"]);
    assert_eq!(source.attribute("cat", "title").await, r#""Lead""#);
    // Of bob nothing is known: he stays where he was.
    assert_eq!(source.members("G").await, ["bob", "cat"]);
}

#[tokio::test]
async fn so_does_a_group() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &Script::full(trio())).await;
    source.sync().await;
    let missing = || Script::full(without(&["g", "h"]));
    let unknown = Answer::Unknown("busy".into());
    let report =
        source.takes(&missing().lookup_group("g", unknown.clone()).lookup_group("h", unknown.clone())).await;
    assert_eq!((removals(&report), report.groups.quarantined), (0, 2), "{report:#?}");
    assert_eq!(source.members("G").await, ["ann", "bob", "cat"]);
    assert_eq!(source.members("H").await, ["G", "ann"]);
    let report = source.takes(&missing().lookup_group("g", Answer::Gone).lookup_group("h", unknown)).await;
    assert_eq!((report.groups.deleted, report.users.deactivated), (1, 0), "{report:#?}");
    assert_eq!(source.groups().await, ["H"]);
    assert_eq!(source.members("H").await, ["ann"]);
}

#[tokio::test]
async fn who_could_not_be_confirmed_is_asked_for_again() {
    let directory = Directory::new().await;
    let mut script = Script::full(trio());
    script.fresh.cursor = Some("1".into());
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    // The cursor is expired, so this is a full read; bob's state is unknown when it ends with a new cursor.
    let mut script = Script::full(without(&["bob"])).lookup_user("bob", Answer::Unknown("busy".into()));
    script.fresh.cursor = Some("2".into());
    assert_eq!(removals(&source.takes(&script).await), 0);
    assert_eq!(source.cursor().await.as_deref(), Some("2"));
    let script = script.since("2", Read::of([]).cursor("3")).since("3", Read::of([]).cursor("4"));
    assert_eq!(removals(&source.takes(&script).await), 0);
    assert_eq!(source.people().await, ["ann", "bob", "cat"]);
    let report = source.takes(&script.lookup_user("bob", Answer::Gone)).await;
    assert_eq!((report.users.deactivated, report.memberships.removed), (1, 1), "{report:#?}");
    assert_eq!(source.sync().await.users.quarantined, 0);
}

#[tokio::test]
async fn a_patch_of_a_record_that_was_never_described_is_looked_up() {
    let directory = Directory::new().await;
    let mut script = Script::full(trio());
    script.fresh.cursor = Some("1".into());
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    let patch = |id: &str| Change::UserPatch(User::new(id).with("title", "Lead"));
    let script = script
        .since(
            "1",
            Read::of([
                patch("dan"),
                patch("eve"),
                patch("fay"),
                Change::GroupPatch(Group::new("k").with("description", "new")),
            ])
            .cursor("2"),
        )
        .lookup_user(
            "dan",
            Answer::Here(vec![person("dan").with("title", "Lead").into(), member("g", "dan")]),
        )
        .lookup_user("eve", Answer::Gone)
        .lookup_user("fay", Answer::Unknown("busy".into()))
        .lookup_group("k", Answer::Here(vec![Group::new("k").named("K").into()]));
    let report = source.takes(&script).await;
    assert_eq!(
        (report.users.created, report.users.quarantined, report.groups.created),
        (1, 2, 1),
        "of whom the source speaks and doesn't find, it is asked once more: {report:#?}"
    );
    assert_eq!(source.people().await, ["ann", "bob", "cat", "dan"]);
    assert_eq!(source.members("G").await, ["ann", "bob", "cat", "dan"]);
    assert_eq!(source.groups().await, ["G", "H", "K"]);
    let script = script
        .since("2", Read::of([]).cursor("3"))
        .lookup_user("fay", Answer::Here(vec![person("fay").into()]));
    let report = source.takes(&script).await;
    assert_eq!((report.users.created, report.users.quarantined), (1, 0), "{report:#?}");
    assert_eq!(source.people().await, ["ann", "bob", "cat", "dan", "fay"]);
}

#[tokio::test]
async fn a_member_whom_nobody_described_is_looked_up() {
    let directory = Directory::new().await;
    let mut script = Script::full(trio());
    script.fresh.changes.push(member("g", "early"));
    script.fresh.cursor = Some("1".into());
    let script = script.lookup_user("early", Answer::Here(vec![person("early").into()]));
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    assert_eq!(source.members("G").await, ["ann", "bob", "cat", "early"]);
    let read = Read::of([
        member("g", "dan"),
        member("g", "nobody"),
        Change::Members(usher_test_scripted::MemberSlice::users("h", ["eve"], true)),
        Membership::group("h", "k").into(),
    ]);
    let script = script
        .since("1", read.cursor("2"))
        .since("2", Read::of([]).cursor("3"))
        .since("3", Read::of([]).cursor("3"))
        .lookup_user("dan", Answer::Here(vec![person("dan").into()]))
        .lookup_user("eve", Answer::Unknown("busy".into()))
        .lookup_group("k", Answer::Here(vec![Group::new("k").named("K").into(), member("k", "fay")]))
        .lookup_user("fay", Answer::Here(vec![person("fay").into()]));
    let report = source.takes(&script).await;
    assert_eq!((report.users.created, report.users.quarantined), (2, 2), "{report:#?}");
    assert_eq!(source.members("G").await, ["ann", "bob", "cat", "dan", "early"]);
    assert_eq!(source.members("K").await, ["fay"]);
    let script = script.lookup_user("eve", Answer::Here(vec![person("eve").into()]));
    assert_eq!(source.takes(&script).await.users.created, 1);
    assert_eq!(source.members("H").await, ["K", "eve"]);
    assert_eq!(source.sync().await.result, RunResult::Unchanged);
}

#[tokio::test]
async fn f34_a_lookup_that_fails_removes_nobody() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &Script::full(trio())).await;
    source.sync().await;
    let gone = || Script::full(without(&["bob", "h"]));
    for (fault, class) in [
        (Fault::Network("the line went dead".into()), Class::Network),
        (Fault::Permission("User.Read.All is missing".into()), Class::Permission),
        (Fault::Throttled(Some(900)), Class::Throttled),
        (Fault::Bug("lost count".into()), Class::Plugin),
    ] {
        let faults = CallFaults { lookup: Some(fault), ..CallFaults::default() };
        source.refuses(&Script { faults, ..gone() }, class).await;
    }
    let report = source.takes(&gone()).await;
    assert_eq!((report.users.deactivated, report.groups.deleted), (1, 1), "{report:#?}");
    assert_eq!(source.people().await, ["ann", "cat"]);
}

#[tokio::test]
async fn more_records_than_one_question_holds_are_all_asked_for() {
    let directory = Directory::new().await;
    let many = |from: u32| {
        let mut changes: Vec<Change> = (from..450).map(|n| person(&format!("p{n:03}")).into()).collect();
        changes.push(person("zoe").into());
        changes
    };
    let source = directory.scripted("acme", &Script::full(many(0))).await;
    source.sync().await;
    let unknown = Answer::Unknown("busy".into());
    let script = Script::full(many(430)).lookup_user("p007", unknown.clone()).lookup_user("p299", unknown);
    let report = source.takes(&script).await;
    assert_eq!((report.users.deactivated, report.users.quarantined), (428, 2), "{report:#?}");
}

#[tokio::test]
async fn f34_a_source_that_asks_for_patience_is_asked_again() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &Script::full(trio())).await;
    source.sync().await;
    let mut script = Script::full(without(&["cat"])).lookup_user("cat", Answer::Gone);
    script.faults = CallFaults {
        lookup: Some(Fault::Throttled(Some(0))),
        lookup_times: Some(3),
        ..CallFaults::default()
    };
    let report = source.takes(&script).await;
    assert_eq!(report.users.deactivated, 1, "{report:#?}");
    // Longer than a host waits: the run ends, and the next one asks again.
    let mut script = Script::full(without(&["bob", "cat"])).lookup_user("bob", Answer::Gone);
    script.faults = CallFaults { lookup: Some(Fault::Throttled(Some(600))), ..CallFaults::default() };
    source.refuses(&script, Class::Throttled).await;
}

#[tokio::test]
async fn what_a_full_read_takes_back_is_asked_for_as_if_it_had_been_passed_over() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &Script::full(trio())).await;
    source.sync().await;
    let read = |changes: Vec<Change>| Script { fresh: Read::of(changes).paged(3), ..Script::default() };
    let back = [Change::UserTakenBack("bob".into()), Change::UserTakenBack("cat".into())];
    let changes: Vec<_> = trio().into_iter().chain(back).collect();
    let script = read(changes)
        .lookup_user("bob", Answer::Gone)
        .lookup_user("cat", Answer::Here(vec![person("cat").with("title", "Lead").into()]));
    let report = source.takes(&script).await;
    assert_eq!((report.users.deactivated, report.users.updated), (1, 1), "{report:#?}");
    assert_eq!(source.people().await, ["ann", "cat"]);
    assert_eq!(source.attribute("cat", "title").await, r#""Lead""#);
    // Taken back and handed over once more, he is there; and a group is taken back like a person.
    let mut changes = trio();
    changes.extend([Change::UserTakenBack("cat".into()), person("cat").with("title", "Boss").into()]);
    changes.push(Change::GroupTakenBack("h".into()));
    source.takes(&read(changes).lookup_group("h", Answer::Gone).lookup_user("bob", Answer::Gone)).await;
    assert_eq!(source.attribute("cat", "title").await, r#""Boss""#);
    assert_eq!(source.groups().await, ["G"]);
}

#[tokio::test]
async fn a_membership_that_is_taken_back_ends_with_its_group_s_list() {
    let directory = Directory::new().await;
    let source = directory.scripted("acme", &Script::full(trio())).await;
    source.sync().await;
    let back = Membership::user("g", "cat");
    let mut changes = trio();
    changes.extend([Change::MemberTakenBack(back), Change::ListsEnd(vec![])]);
    source.takes(&Script { fresh: Read::of(changes).paged(2), ..Script::default() }).await;
    assert_eq!(source.members("G").await, ["ann", "bob"]);
    // Without the lists' end nobody leaves a group for being passed over, nor where its own list isn't among them.
    for end in [None, Some(Change::ListsEnd(vec!["g".into()]))] {
        let changes = trio().into_iter().filter(|change| *change != member("g", "bob")).chain(end);
        source.takes(&Script::full(changes)).await;
        assert_eq!(source.members("G").await, ["ann", "bob", "cat"]);
    }
}

#[tokio::test]
async fn only_a_full_read_can_take_back() {
    let directory = Directory::new().await;
    let base = || Script { fresh: Read::of(trio()).cursor("1"), ..Script::default() };
    let source = directory.scripted("acme", &base()).await;
    source.sync().await;
    for change in [
        Change::UserTakenBack("ann".into()),
        Change::GroupTakenBack("g".into()),
        Change::MemberTakenBack(Membership::user("g", "ann")),
        Change::ListsEnd(vec![]),
    ] {
        let said = source.refuses(&base().since("1", Read::of([change])), Class::Plugin).await;
        assert!(said.contains("only a full read can"), "{said:?}");
    }
    assert_eq!(source.people().await, ["ann", "bob", "cat"]);
}

/// Whom a group lists, and whom the source doesn't find however often it is asked, is a member the day that he is described.
#[tokio::test]
async fn f34_who_is_found_late_is_in_the_groups_that_listed_him() {
    let directory = Directory::new().await;
    let group = |cursor: &str| {
        let mut script = Script::full(vec![
            Group::new("g").named("G").into(),
            Group::new("h").named("H").into(),
            person("ann").into(),
            member("g", "ann"),
            member("g", "bob"),
            Membership::group("g", "i").into(),
        ]);
        script.fresh.cursor = Some(cursor.into());
        script
    };
    let found = Read::of(vec![person("bob").into(), Group::new("i").named("I").into()]).cursor("9");
    for asked_in_full in [true, false] {
        let source = directory.scripted(&format!("t{asked_in_full}"), &group("1")).await;
        let report = source.sync().await;
        assert_eq!((report.users.quarantined, report.groups.quarantined), (1, 1), "{report:#?}");
        let again =
            if asked_in_full { group("2") } else { group("1").since("1", Read::of(vec![]).cursor("2")) };
        let report = source.takes(&again).await;
        assert_eq!((report.users.quarantined, removals(&report)), (0, 0), "asked again: {report:#?}");
        let report = source
            .takes(&group("9").since("2", found.clone()).since("9", Read::of(vec![]).cursor("9")))
            .await;
        assert_eq!(
            (report.users.created, report.groups.created, report.memberships.added),
            (1, 1, 2),
            "{report:#?}"
        );
        assert_eq!(source.members("G").await, ["I", "ann", "bob"]);
        assert_eq!(source.plan().await.result, RunResult::Unchanged);
    }
}
