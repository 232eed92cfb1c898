//! What the exports promise.

use crate::chance::Chance;
use crate::names::{CULTURES, name};
use crate::structure::Structure;
use crate::{
    Cut, DENIED_DOMAIN, GROUPS_FILE, MEMBERSHIPS_FILE, MemberKind, Organisation, Person, USERS_FILE,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

const SEED: u64 = 2026;

fn sample() -> Organisation {
    Organisation::sample(SEED, 400)
}

fn text(dir: &Path, file: &str) -> String {
    std::fs::read_to_string(dir.join(file)).unwrap()
}

/// Rows by their first column.
fn rows(dir: &Path, file: &str) -> BTreeMap<String, Vec<String>> {
    let mut reader = csv::Reader::from_path(dir.join(file)).unwrap();
    let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>());
    rows.map(|row| (row[0].clone(), row)).collect()
}

fn memberships(dir: &Path) -> BTreeSet<(String, String, String)> {
    let mut reader = csv::Reader::from_path(dir.join(MEMBERSHIPS_FILE)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

fn written(write: impl FnOnce(&Path)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    dir
}

#[test]
fn names_come_from_many_scripts_and_have_plain_user_names() {
    assert!(CULTURES.len() >= 20);
    let mut families = HashMap::new();
    for (number, culture) in CULTURES.iter().enumerate() {
        let distinct =
            |names: &[(String, &str)]| names.iter().map(|(_, ascii)| *ascii).collect::<HashSet<_>>().len();
        assert_eq!((distinct(&culture.given), distinct(&culture.family)), (12, 12), "culture {number}");
        for (native, ascii) in culture.given.iter().chain(&culture.family) {
            assert!(!native.is_empty() && !native.contains(['_', '=']), "{native}");
            assert!(ascii.bytes().all(|byte| byte.is_ascii_lowercase()), "{ascii}");
        }
        for (native, ascii) in &culture.family {
            assert_eq!(families.insert(*ascii, native.as_str()), None, "{ascii} is in two cultures");
        }
    }
    let written: String = sample().people().map(|person| person.display_name).collect();
    for (script, block) in [
        ("Hangul", '가'..='힣'),
        ("Cyrillic", 'Ѐ'..='ӿ'),
        ("Greek", 'Ͱ'..='Ͽ'),
        ("Arabic", '\u{600}'..='\u{6ff}'),
        ("Hebrew", '\u{5d0}'..='\u{5ea}'),
        ("Devanagari", '\u{900}'..='\u{97f}'),
        ("Thai", '\u{e00}'..='\u{e7f}'),
        ("Georgian", 'ა'..='ჰ'),
        ("Han", '一'..='龥'),
        ("Hiragana", 'ぁ'..='ゖ'),
        ("Latin with diacritics", 'À'..='ſ'),
    ] {
        assert!(written.contains(|c| block.contains(&c)), "{script}");
    }
}

#[test]
fn nobody_shares_an_id_or_a_user_name() {
    for (seed, size) in [(SEED, 400), (1, 41), (7, 60_000)] {
        let organisation = Organisation::sample(seed, size);
        let story = organisation.story();
        let people = organisation.people().chain([story.newcomer, story.denied, story.renamed.after.clone()]);
        let mut names = HashSet::new();
        let mut ids = HashSet::new();
        for person in people {
            assert!(names.insert(person.user_name.clone()), "{}", person.user_name);
            assert!(ids.insert(person.id.clone()) || person.id == story.renamed.before.id, "{}", person.id);
        }
    }
    assert!(sample().people().all(|person| !person.user_name.contains(|c: char| c.is_ascii_digit())));
}

#[test]
fn a_name_comes_again_only_when_all_were_given() {
    let pairs = u32::try_from(CULTURES.len()).unwrap() * 144;
    let distinct = |range: std::ops::Range<u32>| {
        range.map(|number| name(Chance(SEED), number).display).collect::<HashSet<_>>().len()
    };
    assert_eq!(distinct(0..pairs), pairs as usize);
    assert_eq!(distinct(0..2 * pairs), pairs as usize);
    assert!(name(Chance(SEED), pairs).user_name.ends_with('2'));
}

#[test]
fn four_hundred_people_are_five_divisions_of_two_departments_of_four_teams() {
    let Structure { divisions, departments, teams, .. } = Structure::of(400);
    assert_eq!((divisions, departments, teams), (5, 10, 40));
    let groups: Vec<_> = sample().groups().collect();
    assert_eq!(groups.len(), 1 + 5 + 10 + 40 + 8);
    let kinds: BTreeSet<_> = groups.iter().map(|group| group.kind).collect();
    assert_eq!(kinds.len(), 4);
}

#[test]
fn groups_have_names_of_their_own_and_memberships_lead_somewhere() {
    for size in [40, 41, 99, 400, 1_234, 30_000] {
        let organisation = Organisation::sample(SEED, size);
        let groups: HashSet<String> = organisation.groups().map(|group| group.id).collect();
        let names: HashSet<String> = organisation.groups().map(|group| group.display_name).collect();
        assert_eq!(groups.len(), names.len(), "{size}");
        let people: HashSet<String> = organisation.people().map(|person| person.id).collect();
        assert_eq!(people.len(), size as usize);
        let mut parents = HashMap::new();
        for membership in
            organisation.nested().chain(organisation.people().flat_map(|person| person.memberships()))
        {
            assert!(groups.contains(&membership.group), "{membership:?}");
            match membership.kind {
                MemberKind::User => assert!(people.contains(&membership.member), "{membership:?}"),
                MemberKind::Group => {
                    assert!(groups.contains(&membership.member), "{membership:?}");
                    assert_eq!(parents.insert(membership.member, membership.group), None);
                }
            }
        }
        assert!(people.iter().all(|id| id.len() >= 7));
        for team in groups.iter().filter(|id| id.starts_with("team-")) {
            assert!(parents[&parents[team]].starts_with("division-"), "{size} {team}");
        }
    }
}

#[test]
fn everybody_but_the_chief_has_a_manager_and_chains_end() {
    for size in [40, 57, 400, 5_000] {
        let people: HashMap<String, Person> =
            Organisation::sample(SEED, size).people().map(|person| (person.id.clone(), person)).collect();
        let chiefs = people.values().filter(|person| person.manager.is_none());
        assert_eq!(chiefs.map(|person| person.title.as_str()).collect::<Vec<_>>(), ["Chief Executive"]);
        for person in people.values() {
            let chain = std::iter::successors(Some(person), |person| Some(&people[person.manager.as_ref()?]));
            assert!(chain.take(6).count() <= 5, "{size} {}", person.id);
            assert!(person.manager.as_ref().is_none_or(|manager| people[manager].active));
        }
    }
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let first = written(|dir| drop(sample().write_first(dir).unwrap()));
    let again = written(|dir| drop(sample().write_first(dir).unwrap()));
    let other = written(|dir| drop(Organisation::sample(SEED + 1, 400).write_first(dir).unwrap()));
    for file in [USERS_FILE, GROUPS_FILE, MEMBERSHIPS_FILE] {
        assert_eq!(text(first.path(), file), text(again.path(), file));
    }
    assert_ne!(text(first.path(), USERS_FILE), text(other.path(), USERS_FILE));
}

#[test]
fn the_first_export_has_everybody() {
    let dir = written(|dir| drop(sample().write_first(dir).unwrap()));
    let users = rows(dir.path(), USERS_FILE);
    assert_eq!(users.len(), 400);
    assert!(users.values().all(|row| row.len() == 10 && row[5] == format!("{}@acme.example", row[1])));
    assert!(users.values().any(|row| row[6].contains(',')), "a title needs quotes");
    let inactive = users.values().filter(|row| row[9] == "false").count();
    assert!((1..=20).contains(&inactive), "{inactive}");
    assert_eq!(memberships(dir.path()).len(), 800 + 10 + 40 + 5);
}

#[test]
fn the_second_export_tells_the_story_and_nothing_else() {
    for (seed, size) in [(SEED, 400), (1, 40), (2, 45), (3, 41), (4, 49), (99, 2_000)] {
        let organisation = Organisation::sample(seed, size);
        let first = written(|dir| drop(organisation.write_first(dir).unwrap()));
        let second = written(|dir| drop(organisation.write_second(dir).unwrap()));
        let story = organisation.story();
        let (before, after) = (rows(first.path(), USERS_FILE), rows(second.path(), USERS_FILE));

        let ids = |rows: &BTreeMap<String, Vec<String>>| rows.keys().cloned().collect::<BTreeSet<_>>();
        let gone: Vec<String> = ids(&before).difference(&ids(&after)).cloned().collect();
        let new: BTreeSet<String> = ids(&after).difference(&ids(&before)).cloned().collect();
        let changed: BTreeSet<String> = before
            .iter()
            .filter(|(id, row)| after.get(*id).is_some_and(|now| now != *row))
            .map(|(id, _)| id.clone())
            .collect();
        assert_eq!(gone, [story.leaver.id.as_str()]);
        assert_eq!(new, BTreeSet::from([story.newcomer.id.clone(), story.denied.id.clone()]));
        let ids = [&story.mover.after.id, &story.renamed.after.id, &story.bad_row.person.id];
        assert_eq!(changed, ids.into_iter().cloned().collect());

        assert!(
            [&story.newcomer, &story.denied].iter().all(|person| person.active && person.manager.is_some())
        );

        assert_ne!(story.mover.before.department, story.mover.after.department);
        assert_ne!(story.mover.before.manager, story.mover.after.manager);
        assert_eq!(after[&story.mover.after.id][7], story.mover.after.department);
        assert_ne!(story.renamed.before.user_name, story.renamed.after.user_name);
        assert_eq!(after[&story.renamed.after.id][5], story.renamed.after.email);
        assert!(after[&story.denied.id][5].ends_with(&format!("@{DENIED_DOMAIN}")));
        assert_eq!(after[&story.bad_row.person.id][9], "on leave");
        let line =
            text(second.path(), USERS_FILE).lines().nth(story.bad_row.line as usize - 1).unwrap().to_owned();
        assert!(line.starts_with(&format!("{},", story.bad_row.person.id)), "{line}");
        assert!(before.values().all(|row| row[8] != story.leaver.id), "somebody's manager left");

        let (was, is) = (memberships(first.path()), memberships(second.path()));
        let member = |group: &str, person: &Person| (group.to_owned(), person.id.clone(), "user".to_owned());
        let lost: BTreeSet<_> = was.difference(&is).cloned().collect();
        let mover = &story.mover;
        let expected = [
            member(&story.leaver.team, &story.leaver),
            member(&story.leaver.site, &story.leaver),
            member(&mover.before.team, &mover.before),
        ];
        assert_eq!(lost, expected.into_iter().collect());
        assert!(is.contains(&member(&mover.after.team, &mover.after)));
        assert_eq!(is.difference(&was).count(), 5);
        assert_eq!(text(first.path(), GROUPS_FILE), text(second.path(), GROUPS_FILE));
    }
}

#[test]
fn the_story_names_everybody_concerned() {
    let acts = sample().story().acts();
    assert_eq!(acts.iter().map(|act| &act.id).collect::<HashSet<_>>().len(), acts.len());
    assert!(acts.iter().all(|act| !act.user_name.is_empty() && !act.what.is_empty()));
}

#[test]
fn f85_a_cut_file_ends_in_a_row_or_behind_one() {
    for size in [40, 400, 3_000] {
        let organisation = Organisation::sample(SEED, size);
        let whole = written(|dir| drop(organisation.write_second(dir).unwrap()));
        let whole = text(whole.path(), USERS_FILE);
        for (cut, torn) in [(Cut::MidRow, true), (Cut::BetweenRows, false)] {
            let dir = written(|dir| drop(organisation.write_cut(dir, cut).unwrap()));
            let half = text(dir.path(), USERS_FILE);
            assert!(whole.starts_with(&half));
            assert!(half.len() * 10 > whole.len() * 4 && half.len() * 10 < whole.len() * 6, "{size} {cut:?}");
            assert_eq!(half.ends_with('\n'), !torn);
            let last = half.lines().last().unwrap();
            assert_eq!(last.matches(',').count() < 9, torn, "{last}");
            assert_eq!(
                memberships(dir.path()).len(),
                (size as usize + 1) * 2 + organisation.nested().count()
            );
        }
    }
}

#[test]
fn a_drifted_export_changes_one_in_so_many() {
    let first = written(|dir| drop(sample().write_first(dir).unwrap()));
    let drifted = tempfile::tempdir().unwrap();
    assert_eq!(sample().write_drifted(drifted.path(), 100).unwrap(), 4);
    let (before, after) = (rows(first.path(), USERS_FILE), rows(drifted.path(), USERS_FILE));
    assert_eq!(before.iter().filter(|(id, row)| after[*id] != **row).count(), 4);
    assert_eq!(text(first.path(), MEMBERSHIPS_FILE), text(drifted.path(), MEMBERSHIPS_FILE));
}

#[test]
fn errors_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(USERS_FILE)).unwrap();
    let error = sample().write_first(dir.path()).unwrap_err();
    assert_eq!(error.path, dir.path().join(USERS_FILE));
    assert!(error.to_string().ends_with("users.csv"));
}
