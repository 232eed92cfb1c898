//! What a test gets from its script.

use crate::{
    Answer, Change, Counts, Fault, Group, GroupKind, MemberSlice, Membership, Player, Read, ResumeLost,
    Script, Seal,
};
use crate::{Unreadable, User, t1};
use std::collections::BTreeSet;
use usher_plugin as contract;
use usher_plugin::{Coverage, GroupQuery, Next, ObjectRef, Page, Position, Presence};

const EXAMPLE: &str = include_str!("../example.json");

fn users(count: usize) -> Vec<Change> {
    (1..=count).map(|n| User::new(n.to_string()).named(format!("user{n}@acme.example")).into()).collect()
}

/// Reads to the end, each page by a fresh instance if wanted.
fn read_all(
    script: &Script,
    at: Position,
    fresh_instances: bool,
) -> Result<(Vec<Page>, contract::Seal), contract::Fault> {
    let mut player = Player::new(script.clone(), None);
    let mut pages = Vec::new();
    let mut at = at;
    loop {
        let page = player.read(&at)?;
        let next = page.next.clone();
        pages.push(page);
        match next {
            Next::End(seal) => return Ok((pages, seal)),
            Next::More(token) => at = Position::Resume(token),
        }
        if fresh_instances {
            player = Player::new(script.clone(), None);
        }
    }
}

fn counts(users: u32, groups: u32, memberships: u32) -> Coverage {
    Coverage::Everything(contract::Counts { users, groups, memberships })
}

fn everybody(search: Option<&str>, after: Option<&str>) -> GroupQuery {
    GroupQuery { search: search.map(str::to_owned), after: after.map(str::to_owned) }
}

#[test]
fn the_example_has_every_part_and_survives_writing() {
    let script = Script::parse(EXAMPLE).unwrap();
    assert_eq!(Script::parse(&script.to_json().unwrap()).unwrap(), script);
    let kinds: BTreeSet<_> = script
        .fresh
        .changes
        .iter()
        .chain(&script.since["c1"].changes)
        .map(|change| {
            serde_json::to_value(change).unwrap().as_object().unwrap().keys().next().unwrap().clone()
        })
        .collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    assert_eq!(
        serde_json::to_value(&script).unwrap(),
        serde_json::from_str::<serde_json::Value>(EXAMPLE).map(with_kinds).unwrap()
    );
}

/// The example with the short spellings written out.
fn with_kinds(mut example: serde_json::Value) -> serde_json::Value {
    let changes = example["fresh"]["changes"].as_array_mut().unwrap();
    changes[7]["member"] = serde_json::json!(["h", "1", "user"]);
    changes[8]["members"]["members"] = serde_json::json!([["1", "user"], ["2", "user"]]);
    let since = &mut example["since"];
    since["c1"]["changes"][3]["member-gone"] = serde_json::json!(["h", "1", "user"]);
    since["c2"]["changes"] = serde_json::json!([]);
    example
}

#[test]
fn a_misspelt_script_is_refused_with_the_line() {
    let error = Script::parse("{\n  \"fresh\": { \"chnages\": [] }\n}").unwrap_err();
    assert_eq!(error.line(), 2);
}

#[test]
fn an_empty_script_is_an_empty_source() {
    let (pages, seal) = read_all(&Script::parse("{}").unwrap(), Position::Fresh, false).unwrap();
    assert_eq!(pages.len(), 1);
    assert!(pages[0].changes.is_empty());
    assert_eq!(seal, contract::Seal { covers: counts(0, 0, 0), cursor: None });
}

#[test]
fn pages_are_split_and_sealed_with_the_counts() {
    let mut changes = users(5);
    changes.extend(users(2));
    changes.push(Group::new("g").kind(GroupKind::Security).into());
    changes.push(Membership::user("g", "1").into());
    changes.push(MemberSlice::users("g", ["1", "2"], true).into());
    changes.push(Change::Unreadable(Unreadable {
        what: Some(crate::ObjectRef::User("9".into())),
        place: "line 9".into(),
        why: "cut".into(),
    }));
    let script = Script { fresh: Read::of(changes).paged(3).cursor("c1"), ..Script::default() };
    for fresh_instances in [false, true] {
        let (pages, seal) = read_all(&script, Position::Fresh, fresh_instances).unwrap();
        assert_eq!(pages.iter().map(|page| page.changes.len()).collect::<Vec<_>>(), [3, 3, 3, 2]);
        assert!(pages.iter().all(|page| page.expected == Some(11)));
        assert_eq!(seal, contract::Seal { covers: counts(6, 1, 2), cursor: Some("c1".into()) });
    }
    let first = Player::new(script, Some(100)).read(&Position::Fresh).unwrap();
    assert_eq!(first.changes.len(), 11);
}

#[test]
fn counts_can_be_stated_wrongly_and_coverage_chosen() {
    let covers = |seal: Seal| {
        let script = Script { fresh: Read::of(users(2)).sealed(seal), ..Script::default() };
        read_all(&script, Position::Fresh, false).unwrap().1.covers
    };
    assert_eq!(covers(Seal::Everything(Counts { users: Some(9), ..Counts::default() })), counts(9, 0, 0));
    assert_eq!(covers(Seal::Changes), Coverage::Changes);
    let since = Script::default().since("c1", Read::of([Change::UserGone("1".into())]).cursor("c2"));
    let (pages, seal) = read_all(&since, Position::Since("c1".into()), false).unwrap();
    assert_eq!(pages[0].changes, [contract::Change::UserGone("1".into())]);
    assert_eq!(seal, contract::Seal { covers: Coverage::Changes, cursor: Some("c2".into()) });
    let whole = Script::default().since("c1", Read::of(users(2)).sealed(Seal::Everything(Counts::default())));
    assert_eq!(read_all(&whole, Position::Since("c1".into()), false).unwrap().1.covers, counts(2, 0, 0));
}

#[test]
fn every_fault_strikes_at_its_page() {
    let problem = crate::Problem { place: "script".into(), why: "x".into() };
    let faults = [
        (Fault::Throttled(Some(5)), contract::Fault::Throttled(Some(5))),
        (Fault::Throttled(None), contract::Fault::Throttled(None)),
        (Fault::Auth("a".into()), contract::Fault::Auth("a".into())),
        (Fault::Permission("p".into()), contract::Fault::Permission("p".into())),
        (
            Fault::Settings(problem),
            contract::Fault::Settings(contract::Problem { place: "script".into(), why: "x".into() }),
        ),
        (Fault::CursorExpired, contract::Fault::CursorExpired),
        (Fault::ResumeLost, contract::Fault::ResumeLost),
        (Fault::Network("n".into()), contract::Fault::Network("n".into())),
        (Fault::Source("s".into()), contract::Fault::Source("s".into())),
        (Fault::Bug("b".into()), contract::Fault::Bug("b".into())),
    ];
    for (scripted, expected) in faults {
        for page in 1..=3 {
            let read = Read::of(users(5)).paged(2).fault(page, scripted.clone());
            let script = Script { fresh: read, ..Script::default() };
            let script = Script::parse(&script.to_json().unwrap()).unwrap();
            let mut player = Player::new(script, None);
            let mut at = Position::Fresh;
            for _ in 1..page {
                let Next::More(token) = player.read(&at).unwrap().next else { panic!("ended early") };
                at = Position::Resume(token);
            }
            assert_eq!(player.read(&at), Err(expected.clone()), "{page}");
        }
    }
}

#[test]
fn a_read_goes_on_once_its_fault_is_mended() {
    let broken =
        Script { fresh: Read::of(users(5)).paged(2).fault(2, Fault::Throttled(None)), ..Script::default() };
    let mended = Script { fresh: Read::of(users(5)).paged(2), ..Script::default() };
    let Next::More(token) = Player::new(broken.clone(), None).read(&Position::Fresh).unwrap().next else {
        panic!()
    };
    assert!(Player::new(broken, None).read(&Position::Resume(token.clone())).is_err());
    let (pages, seal) = read_all(&mended, Position::Resume(token), true).unwrap();
    assert_eq!(pages.iter().map(|page| page.changes.len()).sum::<usize>(), 3);
    assert_eq!(seal.covers, counts(5, 0, 0));
}

#[test]
fn unknown_cursors_expire_and_unknown_tokens_are_lost() {
    let mut player = Player::new(Script::full(users(2)), None);
    let mut read = |at: Position| player.read(&at).unwrap_err();
    assert_eq!(read(Position::Since("c1".into())), contract::Fault::CursorExpired);
    for token in ["", "fresh", "fresh@x", "fresh@9", "other@0", "since:c1@0"] {
        assert_eq!(read(Position::Resume(token.into())), contract::Fault::ResumeLost, "{token}");
    }
}

#[test]
fn a_lost_token_is_lost_to_other_instances_only() {
    for lost in [ResumeLost::Every(true), ResumeLost::Tokens(vec!["fresh@2".into()])] {
        let script = Script { fresh: Read::of(users(6)).paged(2), resume_lost: lost, ..Script::default() };
        assert!(read_all(&script, Position::Fresh, false).is_ok());
        assert_eq!(read_all(&script, Position::Fresh, true).unwrap_err(), contract::Fault::ResumeLost);
    }
    let elsewhere = ResumeLost::Tokens(vec!["fresh@4".into()]);
    let script = Script { fresh: Read::of(users(6)).paged(2), resume_lost: elsewhere, ..Script::default() };
    assert!(Player::new(script.clone(), None).read(&Position::Resume("fresh@2".into())).is_ok());
    assert!(Player::new(script, None).read(&Position::Resume("fresh@4".into())).is_err());
}

#[test]
fn lookup_gives_what_is_scripted_or_follows_the_full_read() {
    let mut changes = users(3);
    changes.push(Group::new("g").into());
    changes.push(Membership::user("g", "1").into());
    changes.push(Change::Unreadable(Unreadable {
        what: Some(crate::ObjectRef::User("7".into())),
        place: "line 7".into(),
        why: "torn".into(),
    }));
    let here = vec![User::new("9").into()];
    let script = Script::full(changes)
        .lookup_user("2", Answer::Gone)
        .lookup_user("3", Answer::Unknown("timeout".into()))
        .lookup_user("9", Answer::Here(here));
    let refs = ["1", "2", "3", "7", "8", "9"].map(|id| ObjectRef::User(id.into()));
    let refs: Vec<_> = refs.into_iter().chain(["g", "h"].map(|id| ObjectRef::Group(id.into()))).collect();
    let presences = Player::new(script, None).lookup(&refs).unwrap();
    let membership = contract::Change::Member(Membership::user("g", "1").into());
    let user = User::new("1").named("user1@acme.example");
    assert_eq!(
        presences,
        [
            Presence::Here(vec![contract::Change::User(user.into()), membership.clone()]),
            Presence::Gone,
            Presence::Unknown("timeout".into()),
            Presence::Unknown("torn".into()),
            Presence::Gone,
            Presence::Here(vec![contract::Change::User(User::new("9").into())]),
            Presence::Here(vec![contract::Change::Group(Group::new("g").into()), membership]),
            Presence::Gone,
        ]
    );
}

#[test]
fn other_calls_fail_when_told_to() {
    let mut example = Player::new(Script::parse(EXAMPLE).unwrap(), None);
    assert_eq!(example.members("g", None), Err(contract::Fault::Network("no route".into())));
    assert_eq!(example.lookup(&[]), Err(contract::Fault::Throttled(None)));
    let report = example.check().unwrap();
    assert_eq!(report.verified_domains, ["acme.example"]);
    assert_eq!(report.findings[0].standing, contract::Standing::Warning);
    assert_eq!(report.counts, Some(contract::Estimate { users: 2, groups: 2, memberships: Some(4) }));
}

#[test]
fn patches_and_tombstones_show_in_what_is_left() {
    let example = Script::parse(EXAMPLE).unwrap();
    let groups = Player::new(example.clone(), None).groups(&everybody(None, None)).unwrap().groups;
    assert_eq!(groups[1].group.display_name.as_deref(), Some("A few"));
    let changes = example.fresh.changes.into_iter().chain(example.since["c1"].changes.clone());
    let mut later = Player::new(Script::full(changes), None);
    let refs = ["1", "2", "3"].map(|id| ObjectRef::User(id.into()));
    let presences = later.lookup(&refs).unwrap();
    assert!(matches!(&presences[0], Presence::Here(changes) if changes.len() == 2), "{presences:?}");
    assert_eq!(presences[1], Presence::Gone);
    assert!(matches!(presences[2], Presence::Here(_)));
}

#[test]
fn f15_f16_groups_are_searched_and_looked_into_page_by_page() {
    let player = Player::new(t1::script(), Some(2));
    let first = player.groups(&everybody(Some("g-"), None)).unwrap();
    let second = player.groups(&everybody(Some("g-"), first.next.as_deref())).unwrap();
    let found = first.groups.iter().chain(&second.groups);
    let found: Vec<_> = found.map(|summary| (summary.group.id.as_str(), summary.members)).collect();
    assert_eq!(found, [("G-eng", Some(2)), ("G-eng-be", Some(1)), ("G-root", Some(2)), ("G-sales", Some(3))]);
    assert_eq!(second.next, None);

    let first = player.members("G-sales", None).unwrap();
    let second = player.members("G-sales", first.next.as_deref()).unwrap();
    assert_eq!((first.users.len(), second.users.len(), second.next), (2, 1, None));
    let root = player.members("G-root", None).unwrap();
    assert_eq!(root.groups.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["G-eng", "G-sales"]);
    assert!(player.members("G-none", None).is_err());
}

#[test]
fn t1_is_the_tenant_of_the_feature_list() {
    let report = Player::new(t1::script(), None).check().unwrap();
    assert_eq!(report.counts, Some(contract::Estimate { users: 7, groups: 7, memberships: Some(9) }));
    assert_eq!(report.verified_domains, t1::VERIFIED_DOMAINS);
    assert_eq!(Script::parse(&t1::script().to_json().unwrap()).unwrap(), t1::script());
}
