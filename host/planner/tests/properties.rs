//! What holds for any input: what was applied needs nothing more, nothing depends on the order in which a source lists things, and a plan
//! takes away no more than its rules allow.

// A test fails by panicking, and so do the helpers around it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity
)]

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;
use usher_model::{ACTIVE, Attributes, DISPLAY_NAME, GroupKind, USER_NAME, Value};
use usher_planner::{
    Action, Bond, Change, Count, Departure, GroupGraph, GroupNode, GroupTypes, GuardRules, Incoming, LEAVING,
    LINKED, Line, Loss, Origin, Paths, PlanHasher, RecordKind, Rules, Scope, StoredGroup, StoredUser, Target,
    judge,
};

fn attributes() -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![
        "[a-c]{1,2}".prop_map(Value::Text),
        any::<bool>().prop_map(Value::Truth),
        (0..3_i64).prop_map(Value::Whole),
        vec("[a-c]", 1..3).prop_map(Value::Many),
    ];
    // Some of them are named as what isn't an attribute.
    let name = prop_oneof![
        3 => prop_oneof!["title", "floor", "displayName", "emails"],
        1 => prop_oneof!["userName", "active", "path", "manager", "leaving"],
    ];
    btree_map(name, value, 0..4)
}

fn target() -> impl Strategy<Value = Target> {
    ("[a-c]", option::of(any::<bool>()), attributes(), vec("[A-C]", 0..3))
        .prop_map(|(name, active, attributes, paths)| Target { name, active, attributes, paths })
}

fn incoming() -> impl Strategy<Value = Incoming<Target>> {
    prop_oneof![
        4 => target().prop_map(Incoming::Present),
        1 => "[a-z ]{1,8}".prop_map(Incoming::LeftOut),
        1 => Just(Incoming::Untouched),
        1 => Just(Incoming::Absent),
    ]
}

fn rules() -> impl Strategy<Value = Rules> {
    (prop_oneof![Just(0_u32), Just(30)], any::<bool>())
        .prop_map(|(grace_days, removals)| Rules { grace_days, removals })
}

/// A record of somebody whom the connection doesn't know yet.
fn stranger() -> impl Strategy<Value = StoredUser> {
    let origin = prop_oneof![Just(Origin::Manual), Just(Origin::Theirs)];
    (origin, target()).prop_map(|(origin, target)| StoredUser {
        held_elsewhere: origin == Origin::Theirs,
        leaving: false,
        origin,
        user_name: target.name,
        active: target.active.unwrap_or(true),
        attributes: target.attributes,
        paths: target.paths,
    })
}

#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    stored: Option<StoredUser>,
    bond: Option<Bond>,
}

fn text(value: &Option<serde_json::Value>) -> String {
    value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

fn set_attribute(attributes: &mut Attributes, name: &str, after: &Option<serde_json::Value>) {
    match after {
        Some(after) => attributes.insert(name.to_owned(), serde_json::from_value(after.clone()).unwrap()),
        None => attributes.remove(name),
    };
}

impl State {
    fn decide(&self, incoming: &Incoming<Target>, rules: Rules) -> Option<Line> {
        usher_planner::user("7", incoming, self.stored.as_ref(), self.bond.as_ref(), rules)
    }

    /// Does what the store does with a line.
    fn apply(&mut self, line: &Line, incoming: &Incoming<Target>) {
        match line.action {
            Action::Delete => *self = Self::default(),
            Action::Unlink => self.bond = None,
            Action::Link => self.bond = Some(Bond::default()),
            _ => {
                let stored = self.stored.get_or_insert_with(|| StoredUser {
                    origin: Origin::Ours,
                    held_elsewhere: false,
                    leaving: false,
                    user_name: String::new(),
                    active: true,
                    attributes: Attributes::new(),
                    paths: Vec::new(),
                });
                stored.origin = Origin::Ours;
                stored.leaving = false;
                let bond = self.bond.get_or_insert_default();
                for (name, Change(_, after)) in &line.changes {
                    match name.as_str() {
                        USER_NAME => stored.user_name = text(after),
                        ACTIVE => stored.active = *after != Some(false.into()),
                        "path" => {
                            stored.paths = after
                                .clone()
                                .map(|paths| serde_json::from_value(paths).unwrap())
                                .unwrap_or_default();
                        }
                        LEAVING => bond.departure = after.as_ref().map(|_| Departure::InGrace),
                        LINKED => {}
                        name => set_attribute(&mut stored.attributes, name, after),
                    }
                }
                if let Incoming::Present(target) = incoming {
                    bond.owns = target.attributes.keys().cloned().collect();
                }
            }
        }
    }

    /// The grace period ends.
    fn wait(&mut self) {
        if let Some(bond) = &mut self.bond
            && bond.departure.is_some()
        {
            bond.departure = Some(Departure::GraceOver);
        }
    }
}

struct Before {
    stored: StoredUser,
    leaving: bool,
}

fn removed_by(line: &Line) -> bool {
    line.action.takes_away() && (line.action != Action::Deactivate || line.changes.contains_key(LEAVING))
}

proptest! {
    #[test]
    fn what_was_applied_needs_nothing_more(
        stranger in option::of(stranger()),
        steps in vec((incoming(), rules(), any::<bool>()), 1..8),
    ) {
        let mut state = State { stored: stranger, bond: None };
        for (incoming, rules, wait) in steps {
            if wait {
                state.wait();
            }
            if let Some(line) = state.decide(&incoming, rules) {
                state.apply(&line, &incoming);
                prop_assert_eq!(state.decide(&incoming, rules), None, "after {:?}", line);
            }
        }
    }

    #[test]
    fn an_owned_record_becomes_what_the_source_has(steps in vec((incoming(), rules()), 0..5), last in target(), rules in rules()) {
        let mut state = State::default();
        for (incoming, rules) in steps {
            if let Some(line) = state.decide(&incoming, rules) {
                state.apply(&line, &incoming);
            }
        }
        let before = state.stored.clone().map(|stored| Before {
            stored,
            leaving: state.bond.as_ref().is_some_and(|bond| bond.departure.is_some()),
        });
        let incoming = Incoming::Present(last.clone());
        if let Some(line) = state.decide(&incoming, rules) {
            state.apply(&line, &incoming);
        }
        let stored = state.stored.unwrap();
        let mut attributes = last.attributes;
        attributes.retain(|name, _| !RecordKind::User.fields().contains(&name.as_str()));
        prop_assert_eq!(
            (stored.user_name, stored.attributes, stored.paths),
            (last.name, attributes, last.paths)
        );
        // What the source doesn't say stays as it was, but nobody who is in is left inactive by having been away.
        let active = last.active.unwrap_or(before.is_none_or(|before| before.stored.active || before.leaving));
        prop_assert_eq!(stored.active, active);
        prop_assert_eq!(state.bond.unwrap().departure, None);
    }

    #[test]
    fn f38_others_records_are_only_linked_and_let_go(stranger in stranger(), steps in vec((incoming(), rules()), 1..6)) {
        let before = stranger.clone();
        let mut state = State { stored: Some(stranger), bond: None };
        for (incoming, rules) in steps {
            if let Some(line) = state.decide(&incoming, rules) {
                prop_assert!(matches!(line.action, Action::Link | Action::Unlink), "{:?}", line);
                prop_assert!(line.changes.keys().all(|field| field == LINKED));
                state.apply(&line, &incoming);
            }
        }
        prop_assert_eq!(state.stored, Some(before));
    }

    #[test]
    fn f37_who_is_taken_over_becomes_what_the_new_source_says_and_nothing_else(
        mut former in stranger(), target in target(), leaving in any::<bool>(), known in any::<bool>(), rules in rules(),
    ) {
        former.origin = Origin::Former("hr".to_owned());
        former.leaving = leaving;
        former.held_elsewhere = false;
        let before = former.clone();
        let mut state = State { stored: Some(former), bond: known.then(Bond::default) };
        // Nothing that the new source doesn't have, or that stays as it is, takes him away.
        for incoming in [Incoming::Untouched, Incoming::Absent, Incoming::LeftOut("out".to_owned())] {
            let line = state.decide(&incoming, rules);
            prop_assert!(line.is_none_or(|line| line.action == Action::Unlink));
        }
        let incoming = Incoming::Present(target.clone());
        let line = state.decide(&incoming, rules).unwrap();
        prop_assert_eq!((line.action, line.reason.as_str()), (Action::Adopt, "taken over from hr"));
        let Change(_, linked) = line.changes.get(LINKED).unwrap();
        prop_assert_eq!(text(linked), before.user_name);
        let disabled = line.changes.get("active").is_some_and(|Change(_, after)| *after == Some(false.into()));
        prop_assert_eq!(line.loss() == Loss::Away, disabled, "who is disabled by it is counted");
        state.apply(&line, &incoming);
        let stored = state.stored.clone().unwrap();
        prop_assert_eq!((stored.origin, stored.user_name, stored.paths), (Origin::Ours, target.name.clone(), target.paths.clone()));
        prop_assert_eq!(stored.active, target.active.unwrap_or(before.active || leaving));
        for (name, value) in target.attributes.iter().filter(|(name, _)| !RecordKind::User.fields().contains(&name.as_str())) {
            prop_assert_eq!(stored.attributes.get(name), Some(value));
        }
        for (name, value) in before.attributes.iter().filter(|(name, _)| !target.attributes.contains_key(*name)) {
            prop_assert_eq!(stored.attributes.get(name), Some(value), "what the new source doesn't know stays");
        }
        prop_assert_eq!(state.decide(&incoming, rules), None, "once is enough");
    }

    #[test]
    fn f39_local_attributes_stay(local in "[a-c]{1,3}", steps in vec((incoming(), rules()), 1..6)) {
        let mut state = State::default();
        for (incoming, rules) in steps {
            if let Some(stored) = &mut state.stored {
                stored.attributes.insert("note".into(), Value::Text(local.clone()));
            }
            let had = state.stored.is_some();
            if let Some(line) = state.decide(&incoming, rules) {
                prop_assert!(!line.changes.contains_key("note"));
                state.apply(&line, &incoming);
            }
            if let Some(stored) = state.stored.as_ref().filter(|_| had) {
                prop_assert_eq!(stored.attributes.get("note"), Some(&Value::Text(local.clone())));
            }
        }
    }

    #[test]
    fn f34_nothing_is_removed_where_removals_are_off_or_the_record_is_untouched(
        steps in vec((incoming(), rules()), 0..5),
        incoming in incoming(),
        grace_days in 0..2_u32,
    ) {
        let mut state = State::default();
        for (incoming, rules) in steps {
            if let Some(line) = state.decide(&incoming, rules) {
                state.apply(&line, &incoming);
            }
            state.wait();
        }
        let line = state.decide(&incoming, Rules { grace_days, removals: false });
        prop_assert!(line.is_none_or(|line| !removed_by(&line) && line.action != Action::Unlink));
        prop_assert_eq!(state.decide(&Incoming::Untouched, Rules { grace_days, removals: true }), None);
    }

    #[test]
    fn groups_settle_at_once(steps in vec((incoming(), rules()), 1..6)) {
        let (mut stored, mut bond): (Option<StoredGroup>, Option<Bond>) = (None, None);
        for (incoming, rules) in steps {
            let decide = |stored: &Option<StoredGroup>, bond: &Option<Bond>| {
                usher_planner::group("g", &incoming, stored.as_ref(), bond.as_ref(), rules)
            };
            let Some(line) = decide(&stored, &bond) else { continue };
            if line.action == Action::Delete {
                (stored, bond) = (None, None);
            } else {
                let group = stored.get_or_insert_with(|| StoredGroup {
                    origin: Origin::Ours,
                    display_name: String::new(),
                    attributes: Attributes::new(),
                });
                for (name, Change(_, after)) in &line.changes {
                    match name.as_str() {
                        DISPLAY_NAME => group.display_name = text(after),
                        name => set_attribute(&mut group.attributes, name, after),
                    }
                }
                if let Incoming::Present(target) = &incoming {
                    let owns = target.attributes.keys().cloned().collect();
                    bond = Some(Bond { owns, departure: None });
                }
            }
            prop_assert_eq!(decide(&stored, &bond), None, "after {:?}", line);
        }
    }

    #[test]
    fn scope_and_paths_dont_depend_on_the_order_of_groups(
        (nodes, shuffled_nodes) in nodes(),
        (edges, shuffled_edges) in edges(),
        chosen in option::of(proptest::collection::btree_set("[a-h]", 1..4)),
        root in option::of("[a-h]"),
        usecure in any::<bool>(),
        direct in vec("[a-h]", 0..4),
    ) {
        let scope = Scope {
            chosen,
            root,
            group_types: if usecure { GroupTypes::parse(&["usecure"]).unwrap() } else { GroupTypes::default() },
            ..Scope::default()
        };
        let see = |nodes: Vec<GroupNode>, edges: Vec<(String, String)>| {
            let graph = GroupGraph::new(nodes, edges);
            let judged = scope.judge(&graph);
            let paths = Paths::new(&graph, &judged, scope.chosen.is_some() || scope.root.is_some());
            let mut seen: Vec<_> = graph
                .nodes()
                .map(|(at, node)| {
                    let above: Vec<_> = graph.ancestors([at]).iter().filter_map(|&at| graph.node(at)).map(|node| node.id.clone()).collect();
                    (node.id.clone(), judged.reason(at).map(str::to_owned), paths.of_user([at]), above)
                })
                .collect();
            seen.sort();
            let user: Vec<_> = direct.iter().filter_map(|id| graph.at(id)).collect();
            (seen, judged.missing.clone(), judged.holds_user(user.clone()), paths.of_user(user))
        };
        prop_assert_eq!(see(nodes, edges), see(shuffled_nodes, shuffled_edges));
    }

    #[test]
    fn a_users_paths_dont_depend_on_the_order_of_his_groups(
        (nodes, _) in nodes(),
        (edges, _) in edges(),
        (direct, shuffled) in shuffled_twice(vec("[a-h]", 0..6)),
    ) {
        let graph = GroupGraph::new(nodes, edges);
        let judged = Scope::default().judge(&graph);
        let paths = Paths::new(&graph, &judged, false);
        let of = |direct: Vec<String>| paths.of_user(direct.iter().filter_map(|id| graph.at(id)).collect::<Vec<_>>());
        prop_assert_eq!(of(direct), of(shuffled));
    }

    #[test]
    fn a_plans_hash_names_its_lines_and_basis_and_nothing_else(
        lines in vec((incoming(), "[a-c]{1,2}", "[a-z]{1,5}"), 1..6),
        basis in "[a-c]{1,3}",
        other_words in "[a-z]{1,5}",
        drop in any::<prop::sample::Index>(),
    ) {
        let lines: Vec<_> = lines
            .into_iter()
            .filter_map(|(incoming, key, _)| {
                let rules = Rules { grace_days: 30, removals: true };
                usher_planner::user(&key, &incoming, None, None, rules)
            })
            .collect();
        let hash = |lines: &[Line], basis: &str| {
            let mut hasher = PlanHasher::new(basis);
            lines.iter().for_each(|line| hasher.line(line));
            hasher.finish()
        };
        let whole = hash(&lines, &basis);
        let mut stored = PlanHasher::new(&basis);
        for line in &lines {
            let changes = serde_json::to_string(&line.changes).unwrap();
            stored.stored(line.kind.name(), line.action.name(), &line.key, &line.member, &changes);
        }
        prop_assert_eq!(&stored.finish(), &whole);
        let mut reworded = lines.clone();
        reworded.iter_mut().for_each(|line| line.reason.clone_from(&other_words));
        prop_assert_eq!(&hash(&reworded, &basis), &whole);
        prop_assert_ne!(&hash(&lines, &format!("{basis}x")), &whole);
        if !lines.is_empty() {
            let mut fewer = lines.clone();
            fewer.remove(drop.index(lines.len()));
            prop_assert_ne!(&hash(&fewer, &basis), &whole);
            let mut other = lines.clone();
            other[drop.index(lines.len())].action = Action::Delete;
            prop_assert_ne!(&hash(&other, &basis), &whole);
            other = lines.clone();
            other[drop.index(lines.len())].kind = RecordKind::Group;
            prop_assert_ne!(&hash(&other, &basis), &whole);
        }
    }

    #[test]
    fn f41b_what_passes_the_guard_is_bounded(going in 0..200_u64, of in 0..200_u64) {
        let (of, going) = (of, going.min(of));
        let rules = GuardRules::default();
        let held = |going| !judge(rules, [Count { what: "users".into(), going, of }]).is_empty();
        if !held(going) {
            prop_assert!(going <= 10 || going * 10 <= of, "{} of {}", going, of);
            prop_assert!(of < 4 || going * 2 <= of, "{} of {}", going, of);
            // Less never waits where more doesn't.
            prop_assert!((0..going).all(|less| !held(less)));
        }
        prop_assert!(!held(0));
        prop_assert!(of < 4 || held(of));
    }
}

fn shuffled_twice<T: std::fmt::Debug + Clone>(
    list: impl Strategy<Value = Vec<T>>,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    list.prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
}

/// Groups `a` to `h`, some of them with the same name, in two orders.
fn nodes() -> impl Strategy<Value = (Vec<GroupNode>, Vec<GroupNode>)> {
    let kind = option::of(prop_oneof![Just(GroupKind::Security), Just(GroupKind::Distribution)]);
    let node = (0..5_u8, kind, option::weighted(0.1, "[a-z]{3}"));
    let list = btree_map("[a-h]", node, 0..8).prop_map(|map| {
        map.into_iter()
            .map(|(id, (name, kind, left_out))| GroupNode { id, name: format!("G{name}"), kind, left_out })
            .collect::<Vec<_>>()
    });
    shuffled_twice(list)
}

fn edges() -> impl Strategy<Value = (Vec<(String, String)>, Vec<(String, String)>)> {
    shuffled_twice(vec(("[a-h]", "[a-h]"), 0..16))
}

#[test]
fn f42_a_group_that_is_in_itself_has_one_path() {
    let chosen = BTreeSet::from(["a".to_owned()]);
    let scope = Scope { chosen: Some(chosen), ..Scope::default() };
    let node = GroupNode { id: "a".into(), name: "A".into(), kind: None, left_out: None };
    let graph = GroupGraph::new([node], [("a".into(), "a".into()), ("a".into(), "a".into())]);
    assert_eq!(Paths::new(&graph, &scope.judge(&graph), true).of_user([0, 0]), ["A"]);
}
