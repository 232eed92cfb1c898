//! The directory as it was, and what a run did taken back.

use crate::harness::Installation;
use crate::t1;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Everything that a person can see of a directory.
#[derive(Clone, Debug, PartialEq)]
struct Snapshot {
    users: BTreeMap<String, Value>,
    groups: BTreeMap<String, Value>,
    members: BTreeMap<String, Value>,
}

fn by_id(list: &Value) -> BTreeMap<String, Value> {
    list.as_array().unwrap().iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one.clone())).collect()
}

impl Snapshot {
    async fn of(inst: &Installation, as_of: Option<&str>) -> Self {
        let shown = async |words: &[&str]| {
            let mut words = words.to_vec();
            words.extend(as_of.iter().flat_map(|moment| ["--as-of", moment]));
            inst.json(0, &words).await
        };
        let users = by_id(&shown(&["users", "list"]).await);
        let groups = by_id(&shown(&["groups", "list"]).await);
        let mut members = BTreeMap::new();
        for id in groups.keys() {
            members.insert(id.clone(), shown(&["groups", "members", id, "--direct"]).await);
        }
        // Whether a connection is idle isn't part of the directory: it is told of today only.
        let mut snapshot = Self { users, groups, members };
        for record in snapshot.users.values_mut().chain(snapshot.groups.values_mut()) {
            record.as_object_mut().unwrap().remove("orphaned");
        }
        snapshot
    }

    fn user(&self, user_name: &str) -> Option<&Value> {
        self.users.values().find(|user| user["userName"] == user_name)
    }
}

/// What stands between them, for people who read a failed test.
#[track_caller]
fn same(one: &Snapshot, other: &Snapshot, when: &str) {
    let differing = |one: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>| {
        let mut said = String::new();
        for key in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
            if one.get(key) != other.get(key) {
                writeln!(said, "- {:?}\n+ {:?}", one.get(key), other.get(key)).unwrap();
            }
        }
        said
    };
    let said = differing(&one.users, &other.users)
        + &differing(&one.groups, &other.groups)
        + &differing(&one.members, &other.members);
    assert!(one == other, "{when}:\n{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f87_the_directory_is_shown_as_it_was() {
    let inst = t1::synced(&[]).await;
    let first = Snapshot::of(&inst, None).await;
    inst.pass_days(1);
    inst.usher(&["users", "set", "ann@acme.example", "title=Queen"]).await.ended(0);
    inst.usher(&["users", "add", "man@acme.example"]).await.ended(0);
    inst.usher(&["groups", "add", "Chess"]).await.ended(0);
    inst.usher(&["groups", "add", "Chess", "--member", "man@acme.example"]).await.ended(0);
    let second = Snapshot::of(&inst, None).await;
    inst.pass_days(1);
    inst.usher(&["users", "remove", "man@acme.example", "--yes"]).await.ended(0);
    inst.usher(&["groups", "remove", "Chess", "--yes"]).await.ended(0);
    t1::sync(&inst, 0).await;

    same(&first, &Snapshot::of(&inst, Some("2026-03-02T23:00:00Z")).await, "after the first run");
    same(&second, &Snapshot::of(&inst, Some("2026-03-03T23:00:00Z")).await, "a day later");
    let now = Snapshot::of(&inst, None).await;
    same(&now, &Snapshot::of(&inst, Some("2026-03-05T00:00:00Z")).await, "now");
    assert!(second.user("man@acme.example").is_some() && now.user("man@acme.example").is_none());
    let early = Snapshot::of(&inst, Some("2026-03-01T00:00:00Z")).await;
    assert!(early.users.is_empty() && early.groups.is_empty());

    let shown = inst.json(0, &["users", "show", "man@acme.example", "--as-of", "2026-03-03T23:00:00Z"]).await;
    assert_eq!(shown["userName"], "man@acme.example");
    let people = inst.usher(&["users", "list", "--as-of", "2026-03-01"]).await.ended(0);
    assert!(people.out.contains("Nobody, at that time."), "{}", people.out);
    let wrong = inst.usher(&["users", "list", "--as-of", "yesterday"]).await.ended(2);
    assert!(wrong.err.contains("2026-03-01T08:00:00Z"), "{}", wrong.err);
}

/// Edits by hand are in the history like a run's changes, and are exported with them.
#[tokio::test(flavor = "multi_thread")]
async fn f87_changes_by_hand_are_history() {
    let inst = Installation::new();
    inst.usher(&["users", "add", "man@acme.example", "title=Clerk"]).await.ended(0);
    inst.usher(&["users", "set", "man@acme.example", "title=Boss", "active=false"]).await.ended(0);
    inst.usher(&["groups", "add", "Chess"]).await.ended(0);
    inst.usher(&["groups", "add", "Chess", "--member", "man@acme.example"]).await.ended(0);
    inst.usher(&["groups", "remove", "Chess", "--member", "man@acme.example"]).await.ended(0);
    inst.usher(&["users", "remove", "man@acme.example", "--yes"]).await.ended(0);
    let changes = inst.json(0, &["runs", "changes"]).await;
    let changes: Vec<_> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (change["kind"].as_str().unwrap(), change["action"].as_str().unwrap(), change["changes"].clone())
        })
        .collect();
    assert_eq!(
        changes,
        [
            (
                "user",
                "create",
                json!({ "userName": [null, "man@acme.example"], "active": [null, true], "title": [null, "Clerk"] })
            ),
            ("user", "deactivate", json!({ "title": ["Clerk", "Boss"], "active": [true, false] })),
            ("group", "create", json!({ "displayName": [null, "Chess"] })),
            ("membership", "add", json!({})),
            ("membership", "remove", json!({})),
            ("user", "delete", json!({})),
        ]
    );
    let runs = inst.json(0, &["runs", "list"]).await;
    assert_eq!(runs.as_array().unwrap().len(), 6);
    assert_eq!((&runs[0]["intent"], &runs[0]["started_by"]), (&json!("edit"), &json!("command line")));
    let shown = inst.usher(&["runs", "show", "1"]).await.ended(0);
    assert!(shown.out.starts_with("Run 1: edit by hand, success, started 2026-03-02"), "{}", shown.out);
}

/// A source that is exported in two ways, and hands that do anything, by chance.
struct Model {
    random: rand::rngs::ChaCha8Rng,
    inst: Installation,
    people: BTreeMap<usize, Vec<String>>,
    groups: BTreeMap<usize, String>,
    members: std::collections::BTreeSet<(usize, char, usize)>,
}

const PEOPLE: usize = 9;
const GROUPS: usize = 4;
const HANDS: usize = 3;

impl Model {
    async fn new(seed: u64) -> Self {
        let mut model = Self {
            random: rand::rngs::ChaCha8Rng::seed_from_u64(seed),
            inst: Installation::new(),
            people: BTreeMap::new(),
            groups: BTreeMap::new(),
            members: std::collections::BTreeSet::new(),
        };
        for _ in 0..30 {
            model.source_moves();
        }
        model.export();
        t1::connect(&model.inst, &["grace_days=2"]).await;
        let files = ["users", "groups", "memberships"];
        let files = files
            .map(|file| format!("{file}={}", model.inst.path().join(format!("hr-{file}.csv")).display()));
        let mut line = vec!["connect", "csv", "--name", "hr", "--yes", "--set", "grace_days=2"];
        line.extend(files.iter().flat_map(|file| ["--set", file]));
        model.inst.usher(&line).await.ended(0);
        // From here on one of the two is the active one.
        model.inst.usher(&["sync", "--yes", "--connection", "csv"]).await.ended(0);
        model
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end)
    }

    fn source_moves(&mut self) {
        let (person, group, other) = (self.below(PEOPLE), self.below(GROUPS), self.below(GROUPS));
        match self.below(10) {
            0..4 => {
                let manager = self.below(PEOPLE + 2);
                let row = vec![
                    format!("p{person}"),
                    // Two who want one name now and then.
                    format!("p{}@acme.example", if self.below(8) == 0 { self.below(PEOPLE) } else { person }),
                    format!("Title {}", self.below(3)),
                    (self.below(4) > 0).to_string(),
                    if manager < PEOPLE { format!("p{manager}") } else { String::new() },
                ];
                self.people.insert(person, row);
            }
            4 => {
                self.people.remove(&person);
            }
            5 => {
                let name = format!("Group {group}{}", self.below(2));
                self.groups.insert(group, name);
            }
            6 if self.below(3) == 0 => {
                self.groups.remove(&group);
            }
            6..9 => {
                self.members.insert((group, 'u', person));
            }
            _ => {
                if group != other && self.below(2) == 0 {
                    self.members.insert((group, 'g', other));
                } else {
                    self.members.retain(|(of, _, who)| (*of, *who) != (group, person));
                }
            }
        }
    }

    fn export(&self) {
        let mut users = "id,userName,title,active,manager\n".to_owned();
        for row in self.people.values() {
            writeln!(users, "{}", row.join(",")).unwrap();
        }
        let mut groups = "id,displayName\n".to_owned();
        for (id, name) in &self.groups {
            writeln!(groups, "g{id},{name}").unwrap();
        }
        let mut members = "group,member,kind\n".to_owned();
        for (group, kind, member) in &self.members {
            let known = if *kind == 'u' {
                self.people.contains_key(member)
            } else {
                self.groups.contains_key(member)
            };
            if known && self.groups.contains_key(group) {
                let (prefix, kind) = if *kind == 'u' { ("p", "user") } else { ("g", "group") };
                writeln!(members, "g{group},{prefix}{member},{kind}").unwrap();
            }
        }
        t1::write(&self.inst, &users, &groups, &members);
        // The second export has keys of its own, some of the people, and names some of them otherwise.
        let (mut users, mut groups, mut members) = (
            "id,userName,displayName,mail,active\n".to_owned(),
            "id,displayName\n".to_owned(),
            "group,member,kind\n".to_owned(),
        );
        let there = |person: &usize| self.people.contains_key(person) && person % 4 != 3;
        for (person, row) in self.people.iter().filter(|(person, _)| there(person)) {
            let name = if person % 3 == 2 { format!("x{person}@other.example") } else { row[1].clone() };
            writeln!(users, "k{person},{name},Person {person},{},{}", row[1], row[3]).unwrap();
        }
        for (id, name) in self.groups.iter().filter(|(id, _)| **id != 3) {
            writeln!(groups, "h{id},{name}").unwrap();
        }
        for (group, kind, member) in
            self.members.iter().filter(|(group, _, _)| *group != 3 && self.groups.contains_key(group))
        {
            if *kind == 'u' && there(member) && (group + member) % 5 != 0 {
                writeln!(members, "h{group},k{member},user").unwrap();
            }
            if *kind == 'g' && *member != 3 && self.groups.contains_key(member) {
                writeln!(members, "h{group},h{member},group").unwrap();
            }
        }
        for (name, content) in [("users", users), ("groups", groups), ("memberships", members)] {
            self.inst.file(&format!("hr-{name}.csv"), content);
        }
    }

    async fn ran(&self, words: &[&str]) -> u8 {
        let ran = self.inst.usher(words).await;
        assert!(
            [0, 2, 3].contains(&ran.status),
            "`{}` ended with {}\n{}",
            ran.command,
            ran.status,
            ran.text()
        );
        ran.status
    }

    /// Plans something and agrees to it, whatever the guard says.
    async fn agreed(&self, words: &[&str]) -> String {
        let mut line = vec!["--json"];
        line.extend(words);
        let shown = self.inst.usher(&line).await;
        assert!([0, 2, 3].contains(&shown.status), "{}", shown.text());
        if shown.status == 3 {
            let plan = shown.json()["plan"].as_str().unwrap().to_owned();
            line.extend(["--accept", &plan]);
            self.inst.usher(&line).await.ended(0);
        }
        format!("{} → {}", words.join(" "), shown.status)
    }

    /// Does something; gives what it was.
    async fn step(&mut self) -> String {
        let hand = format!("hand{}@acme.example", self.below(HANDS));
        let group = format!("Hands {}", self.below(2));
        let person = format!("p{}@acme.example", self.below(PEOPLE));
        let title = format!("title=By hand {}", self.below(3));
        let words: Vec<&str> = match self.below(20) {
            0..5 => {
                for _ in 0..self.below(6) {
                    self.source_moves();
                }
                self.export();
                let done = self.agreed(&["sync"]).await;
                assert!(!done.ends_with('2'), "{done}");
                return done;
            }
            5 => vec!["users", "add", &hand, &title],
            6 => vec!["users", "set", &hand, &title],
            7 => vec!["users", "set", &person, &title, "nickName=Here"],
            8 => vec!["users", "remove", &hand, "--yes"],
            9 => vec!["groups", "add", &group],
            10 => vec!["groups", "add", &group, "--member", &person],
            11 => vec!["groups", "add", &group, "--member", &hand],
            12 => vec!["groups", "remove", &group, "--yes"],
            13 => vec!["users", "set", &person, "active=false"],
            14..16 => {
                return self.agreed(&["orphans", "remove"]).await;
            }
            _ => {
                for _ in 0..self.below(3) {
                    self.source_moves();
                }
                self.export();
                let card = self.inst.json(0, &["status"]).await;
                let to = if card["connections"][0]["state"] == "disabled" { "csv" } else { "hr" };
                return self.agreed(&["switch", to]).await;
            }
        };
        format!("{} → {}", words.join(" "), self.ran(&words).await)
    }
}

/// The number of the latest change of an installation, if it has one.
async fn latest(inst: &Installation) -> Option<i64> {
    let runs = inst.json(0, &["runs", "list", "--limit", "1000"]).await;
    let applied: Vec<_> = runs.as_array().unwrap().iter().filter(|run| run["applied"] == true).collect();
    applied.iter().map(|run| run["run"].as_i64().unwrap()).max()
}

/// Takes back a run, whatever the guard says of it.
async fn undo(inst: &Installation, run: i64) -> Value {
    let run = run.to_string();
    let shown = inst.usher(&["--json", "runs", "undo", &run]).await;
    assert!([0, 3].contains(&shown.status), "{}", shown.text());
    let report = shown.json();
    if shown.status == 0 {
        assert_eq!(report["result"], "unchanged", "{report:#}");
        return report;
    }
    let done = inst.json(0, &["runs", "undo", &run, "--accept", report["plan"].as_str().unwrap()]).await;
    assert_eq!(done["applied"], true, "{done:#}");
    done
}

/// Any sequence of runs, edits, undos, switches and orphans let go: what is kept is sound after every step, the directory as of every step is what it was, undo gives
/// the snapshot, and undoing that gives the other one.
async fn any_sequence(seed: u64, steps: usize) -> Vec<String> {
    let mut model = Model::new(seed).await;
    let mut done = Vec::new();
    let mut was = vec![Snapshot::of(&model.inst, None).await];
    for step in 0..steps {
        let before = latest(&model.inst).await;
        done.push(model.step().await);
        let mut now = Snapshot::of(&model.inst, None).await;
        let said = format!("seed {seed}, after {done:#?}");
        let run = latest(&model.inst).await;
        if let Some(run) = run.filter(|_| run != before) {
            match model.below(5) {
                0 => {
                    let report = undo(&model.inst, run).await;
                    same(
                        was.last().unwrap(),
                        &Snapshot::of(&model.inst, None).await,
                        &format!("undone: {said}\n{report:#}"),
                    );
                    let undoing = report["run"].as_i64().unwrap();
                    if report["applied"] == true && model.below(2) == 0 {
                        undo(&model.inst, undoing).await;
                        same(&now, &Snapshot::of(&model.inst, None).await, &format!("undo undone: {said}"));
                    }
                    model.inst.usher(&["resume", "--yes"]).await.ended(0);
                    done.push(format!("undo {run}"));
                }
                1 if run > 3 => {
                    let earlier = 1 + i64::try_from(model.below(usize::try_from(run).unwrap())).unwrap();
                    let undone = model.inst.usher(&["--json", "runs", "undo", &earlier.to_string()]).await;
                    if undone.status == 3 {
                        undo(&model.inst, earlier).await;
                    }
                    model.inst.usher(&["resume", "--yes"]).await.ended(0);
                    done.push(format!("undo of the earlier {earlier} → {}", undone.status));
                }
                _ => {}
            }
            now = Snapshot::of(&model.inst, None).await;
        }
        let said = format!("seed {seed}, after {done:#?}");
        let sound = model.inst.usher(&["--json", "database", "check"]).await;
        assert_eq!(sound.status, 0, "{}\n{said}", sound.text());
        was.push(now);
        model.inst.pass_days(1);
        // Not only the latest: what comes later must not change what was.
        let earlier = model.below(step + 1);
        let then = moment(earlier);
        same(
            &was[earlier + 1],
            &Snapshot::of(&model.inst, Some(&then)).await,
            &format!("as of step {earlier}, {said}"),
        );
    }
    done
}

/// An hour after a step.
fn moment(step: usize) -> String {
    let began: jiff::Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    (began + jiff::Span::new().hours(24 * i64::try_from(step).unwrap())).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn f37_f87_any_sequence_of_runs_edits_undos_and_switches_is_sound_and_remembered() {
    let only = std::env::var("USHER_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
    let mut done = Vec::new();
    for seed in only.map_or(0..4, |seed: u64| seed..seed + 1) {
        done.extend(any_sequence(seed, 24).await);
    }
    // What chance brought was something of everything.
    for what in ["switch hr → 3", "switch csv → 3", "orphans remove → 3", "sync → 3"] {
        assert!(only.is_some() || done.iter().any(|done| done == what), "no {what} among {done:#?}");
    }
}

/// Settings of the connection that let in only people of one group.
const ONLY_ENGINEERING: [&str; 2] = ["scope=groups", "chosen=g-eng"];

#[tokio::test(flavor = "multi_thread")]
async fn f87_undo_of_a_change_of_scope_gives_the_snapshot_and_the_scope() {
    let inst = t1::synced(&[]).await;
    let before = Snapshot::of(&inst, None).await;
    t1::connect(&inst, &ONLY_ENGINEERING).await;
    inst.pass_days(1);
    let held = t1::sync(&inst, 3).await;
    t1::accept(&inst, &held).await.ended(0);
    let narrowed = Snapshot::of(&inst, None).await;
    assert_ne!(before, narrowed);
    let run = latest(&inst).await.unwrap();

    inst.pass_days(1);
    let report = undo(&inst, run).await;
    same(&before, &Snapshot::of(&inst, None).await, "undone");
    assert!(t1::notes(&report).contains("settings and scope of csv return"), "{report:#}");
    let card = inst.json(0, &["status"]).await;
    assert_eq!(
        (&card["connections"][0]["state"], &card["connections"][0]["scope"]),
        (&json!("paused"), &json!("full"))
    );

    // Paused: nothing is done before somebody says so, but it is shown.
    let paused = t1::sync(&inst, 3).await;
    assert!(t1::holds(&paused).contains("paused"), "{paused:#}");
    let hash = paused["plan"].as_str().unwrap();
    inst.usher(&["sync", "--accept", hash]).await.ended(3);
    inst.usher(&["plan"]).await.ended(0);
    inst.usher(&["resume"]).await.ended(3);
    inst.usher(&["resume", "--yes"]).await.ended(0);
    assert_eq!(t1::sync(&inst, 0).await["result"], "unchanged");
    same(&before, &Snapshot::of(&inst, None).await, "run again");

    // The undo is a run like others, and is undone like them: the narrow scope is back.
    let undoing = report["run"].as_i64().unwrap();
    let shown = inst.json(0, &["runs", "show", &undoing.to_string(), "--lines"]).await;
    assert_eq!((&shown["intent"], &shown["applied"]), (&json!("undo"), &json!(true)), "{shown:#}");
    let again = undo(&inst, undoing).await;
    assert_eq!(again["applied"], true, "{again:#}");
    same(&narrowed, &Snapshot::of(&inst, None).await, "undo undone");
    let card = inst.json(0, &["status"]).await;
    assert_ne!(card["connections"][0]["scope"], "full", "{card:#}");
    inst.usher(&["resume", "--yes"]).await.ended(0);
    assert_eq!(t1::sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn f87_a_field_returns_only_if_it_still_holds_what_the_run_made_of_it() {
    let inst = t1::people(
        "id,userName,title,department\n1,ann@acme.example,Clerk,Sales\n2,bob@acme.example,Clerk,Sales\n",
        &[],
    )
    .await;
    t1::sync(&inst, 0).await;
    inst.file("users.csv", "id,userName,title,department\n1,ann@acme.example,Boss,Engineering\n2,bob@acme.example,Boss,Sales\n3,cat@acme.example,Clerk,Sales\n");
    t1::sync(&inst, 0).await;
    let run = latest(&inst).await.unwrap();
    inst.usher(&["users", "set", "ann@acme.example", "title=Queen"]).await.ended(0);
    inst.usher(&["users", "set", "cat@acme.example", "nickName=Kit"]).await.ended(0);
    let report = undo(&inst, run).await;
    let ann = inst.user("ann@acme.example").await;
    assert_eq!((&ann["title"], &ann["department"]), (&json!("Queen"), &json!("Sales")), "{ann:#}");
    assert_eq!(inst.user("bob@acme.example").await["title"], "Clerk");
    // She came by that run, and somebody has changed her since: she stays.
    assert_eq!(inst.user("cat@acme.example").await["attributes"]["nickName"], "Kit");
    let held: Vec<_> = report["kept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|held| (held["name"].as_str().unwrap(), held["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        held,
        [
            ("ann@acme.example", "title was changed again since: it stays"),
            ("cat@acme.example", "changed since it came: it stays"),
        ]
    );
    // What the source says comes again as soon as it may.
    inst.usher(&["resume", "--yes"]).await.ended(0);
    t1::sync(&inst, 0).await;
    let ann = inst.user("ann@acme.example").await;
    assert_eq!(
        (&ann["title"], &inst.user("bob@acme.example").await["title"]),
        (&json!("Boss"), &json!("Boss")),
        "{ann:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f87_somebody_who_was_removed_comes_back_the_same() {
    let inst = t1::synced(&[]).await;
    inst.usher(&["users", "add", "man@acme.example", "emails=man@home.example"]).await.ended(0);
    inst.usher(&["groups", "add", "G-eng", "--member", "man@acme.example"]).await.ended(0);
    let before = Snapshot::of(&inst, None).await;
    inst.usher(&["users", "remove", "man@acme.example", "--yes"]).await.ended(0);
    let run = latest(&inst).await.unwrap();
    // By hand means nobody's source: there is nothing to pause.
    undo(&inst, run).await;
    same(&before, &Snapshot::of(&inst, None).await, "undone");
    assert_eq!(inst.json(0, &["status"]).await["connections"][0]["state"], "active");
    // Matching finds him by his address again.
    assert_eq!(inst.json(0, &["users", "show", "man@home.example"]).await["userName"], "man@acme.example");
    // Where the name is another's by now, he stays away.
    inst.usher(&["users", "remove", "man@acme.example", "--yes"]).await.ended(0);
    let run = latest(&inst).await.unwrap();
    inst.usher(&["users", "add", "Man@acme.example"]).await.ended(0);
    let report = undo(&inst, run).await;
    assert!(report.to_string().contains("the name man@acme.example is another's by now"), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f87_what_can_not_be_undone_is_told() {
    let inst = t1::synced(&[]).await;
    inst.usher(&["runs", "undo", "99"]).await.ended(2);
    let plan = inst.json(0, &["plan"]).await["run"].to_string();
    let refused = inst.usher(&["runs", "undo", &plan]).await.ended(2);
    assert!(refused.err.contains("it changed nothing"), "{}", refused.err);
    // Everybody would go: that is shown and waits, even for one who says yes.
    let held = inst.json(3, &["runs", "undo", "1", "--yes"]).await;
    assert!(t1::holds(&held).contains("users would go"), "{held:#}");
    assert_eq!(inst.users().await.len(), t1::EVERYBODY.len());
    inst.usher(&["runs", "undo", "1", "--accept", "0123456789abcdef"]).await.ended(3);
    inst.usher(&["disconnect", "csv", "--confirm", "csv"]).await.ended(0);
    let gone = latest(&inst).await.unwrap().to_string();
    let refused = inst.usher(&["runs", "undo", &gone]).await.ended(2);
    assert!(refused.err.contains("connected again"), "{}", refused.err);
}

/// A directory of these people in two groups, guarded by nothing.
async fn small(users: &str, memberships: &str) -> Installation {
    let inst = Installation::new();
    rewritten(&inst, users, memberships);
    t1::connect(&inst, &["guard_percent=100", "guard_half_from=1000", "grace_days=0"]).await;
    t1::sync(&inst, 0).await;
    inst
}

fn rewritten(inst: &Installation, users: &str, memberships: &str) {
    t1::write(
        inst,
        &format!("id,userName,title,manager\n{users}"),
        "id,displayName\ng1,G1\ng2,G2\n",
        &format!("group,member,kind\n{memberships}"),
    );
}

fn kept(report: &Value) -> String {
    report["kept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kept| format!("{}: {}\n", kept["name"], kept["reason"]))
        .collect()
}

/// What stands in the way of an undo is told, and what is written is what was shown.
#[tokio::test(flavor = "multi_thread")]
async fn f87_whoever_came_back_under_a_key_in_use_is_made_by_hand_and_so_is_what_he_had() {
    let inst = small("1,ann@a.x,,\n5,eve@a.x,,\n", "g2,5,user\ng2,1,user\n").await;
    rewritten(&inst, "1,ann@a.x,,\n", "g2,1,user\n");
    t1::sync(&inst, 0).await;
    let gone = latest(&inst).await.unwrap();
    rewritten(&inst, "1,ann@a.x,,\n5,zoe@a.x,,\n", "g2,1,user\n");
    t1::sync(&inst, 0).await;
    let report = undo(&inst, gone).await;
    assert!(kept(&report).contains("comes back as made by hand"), "{report:#}");
    let eve = inst.user("eve@a.x").await;
    assert_eq!((&eve["origin"], &eve["connection"]), (&json!("manual"), &Value::Null), "{eve:#}");
    // Her membership is nobody's source's either, so it can be taken away.
    inst.usher(&["groups", "remove", "G2", "--member", "eve@a.x"]).await.ended(0);
    assert_eq!(inst.members("G2").await, ["ann@a.x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f87_a_link_that_was_changed_again_stays_and_is_told() {
    let inst = small("5,eve@a.x,,\n", "").await;
    t1::connect(&inst, &["guard_percent=100", "guard_half_from=1000", "grace_days=30"]).await;
    rewritten(&inst, "50,eve@a.x,,\n", "");
    let held = inst.usher(&["--json", "sync", "--yes"]).await;
    if held.status == 3 {
        t1::accept(&inst, &held.json()).await.ended(0);
    }
    inst.usher(&["users", "link", "eve@a.x", "50"]).await.ended(0);
    let link = latest(&inst).await.unwrap();
    t1::sync(&inst, 0).await;
    let report = undo(&inst, link).await;
    assert!(kept(&report).contains("was changed since, or is in use"), "{report:#}");
    assert_eq!(inst.user("eve@a.x").await["externalId"], "50");
    assert_eq!(report["result"], "unchanged", "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f87_nobody_goes_who_manages_somebody_who_stays() {
    let inst = small("1,ann@a.x,,\n2,dan@a.x,,1\n", "").await;
    rewritten(&inst, "1,ann@a.x,,\n2,dan@a.x,,1\n3,fay@a.x,,\n", "");
    t1::sync(&inst, 0).await;
    let came = latest(&inst).await.unwrap();
    rewritten(&inst, "1,ann@a.x,,\n2,dan@a.x,,3\n3,fay@a.x,,\n", "");
    t1::sync(&inst, 0).await;
    let report = undo(&inst, came).await;
    assert!(kept(&report).contains("manages dan@a.x, who stays"), "{report:#}");
    let dan = inst.user("dan@a.x").await;
    assert!(dan["manager"].to_string().contains("fay@a.x"), "{dan:#}");
}

/// The manager whom somebody had is gone for good: the one he has stays.
#[tokio::test(flavor = "multi_thread")]
async fn f87_a_manager_who_is_gone_does_not_return() {
    let inst = small("1,ann@a.x,,\n2,dan@a.x,,1\n3,cat@a.x,,\n", "").await;
    rewritten(&inst, "1,ann@a.x,,\n2,dan@a.x,,3\n3,cat@a.x,,\n", "");
    t1::sync(&inst, 0).await;
    let moved = latest(&inst).await.unwrap();
    rewritten(&inst, "2,dan@a.x,,3\n3,cat@a.x,,\n", "");
    t1::sync(&inst, 0).await;
    let report = undo(&inst, moved).await;
    assert!(kept(&report).contains("the manager it had is gone"), "{report:#}");
    let dan = inst.user("dan@a.x").await;
    assert!(dan["manager"].to_string().contains("cat@a.x"), "{dan:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f41b_an_undo_is_guarded_by_group_and_by_value() {
    let people = |title: &str| (1..=30).map(|n| format!("{n},u{n}@a.x,{title},\n")).collect::<String>();
    let members = |to: usize| (1..=to).map(|n| format!("g1,{n},user\n")).collect::<String>();
    let inst = Installation::new();
    rewritten(&inst, &people(""), "");
    t1::connect(&inst, &[]).await;
    t1::sync(&inst, 0).await;
    rewritten(&inst, &people("Clerk"), &members(6));
    t1::sync(&inst, 0).await;
    let run = latest(&inst).await.unwrap().to_string();
    let held = inst.json(3, &["runs", "undo", &run, "--yes"]).await;
    let holds = t1::holds(&held);
    assert!(
        holds.contains("6 of 6 members of G1 would go")
            && holds.contains("30 of 30 values of title of users would go"),
        "{holds}"
    );
    undo(&inst, latest(&inst).await.unwrap()).await;
    // What was taken back and agreed to doesn't hold the runs that come.
    inst.usher(&["resume", "--yes"]).await.ended(0);
    t1::sync(&inst, 0).await;
    rewritten(&inst, &people("Clerk").replace("30,u30@a.x,Clerk,\n", ""), &members(6));
    t1::sync(&inst, 0).await;
}

/// An edit changes what it names, whatever else has changed since somebody looked.
#[tokio::test(flavor = "multi_thread")]
async fn f88_a_change_by_hand_touches_only_what_it_names() {
    let inst = Installation::new();
    inst.usher(&["users", "add", "joe@a.x", "displayName=Joe"]).await.ended(0);
    let store = usher_store::Store::connect(&inst.url().await).await.unwrap();
    let tenant = store.tenant("default").await.unwrap().unwrap().id;
    let looked_at = store.find_users(tenant, usher_store::View::NOW, "joe@a.x").await.unwrap().pop().unwrap();
    inst.usher(&["users", "set", "joe@a.x", "displayName=Joseph", "active=false"]).await.ended(0);
    let by = usher_store::By { tenant, who: "test", now: 0 };
    let title = BTreeMap::from([("title".to_owned(), Some(usher_model::Value::Text("Boss".to_owned())))]);
    let passed =
        store.edit_users(by, &[usher_store::UserEdit::Set(&looked_at, &title)], |_| ()).await.unwrap();
    assert!(passed.is_empty());
    let joe = inst.user("joe@a.x").await;
    assert_eq!(
        (&joe["title"], &joe["displayName"], &joe["active"]),
        (&json!("Boss"), &json!("Joseph"), &json!(false))
    );
    // Gone meanwhile: passed over, and nothing is in the history.
    inst.usher(&["users", "remove", "joe@a.x", "--yes"]).await.ended(0);
    let before = latest(&inst).await;
    let passed =
        store.edit_users(by, &[usher_store::UserEdit::Set(&looked_at, &title)], |_| ()).await.unwrap();
    assert_eq!((passed.len(), latest(&inst).await), (1, before));
    store.close().await;
}
