//! Small random sources, as values.

use super::Answers;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use usher_test_scripted::{
    Answer, Change, Group, Member, MemberKind, MemberSlice, Membership, Script, User, Value,
};

/// Ids of users and groups are below these.
const USERS: u8 = 8;
const GROUPS: u8 = 4;

/// What a source has: all of it by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    users: BTreeMap<u8, Person>,
    groups: BTreeMap<u8, u8>,
    members: BTreeSet<(u8, u8)>,
    nested: BTreeSet<(u8, u8)>,
    /// Whether userNames are anybody's, and may be claimed by two.
    contested: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Person {
    name: u8,
    title: Option<u8>,
    active: bool,
    manager: Option<u8>,
}

/// How many there are of each.
pub struct Whole {
    pub users: u32,
    pub groups: u32,
    pub memberships: u32,
}

/// Everybody has a userName that nobody else will ever have.
pub fn world() -> impl Strategy<Value = World> {
    named(0..2, false)
}

/// A few userNames go from one to the other.
pub fn contested() -> impl Strategy<Value = World> {
    named(0..7, true)
}

fn named(names: Range<u8>, contested: bool) -> impl Strategy<Value = World> {
    let person =
        (names, proptest::option::of(0..3_u8), prop::bool::weighted(0.8), proptest::option::of(0..USERS))
            .prop_map(|(name, title, active, manager)| Person { name, title, active, manager });
    (
        btree_map(0..USERS, person, 0..6),
        btree_map(0..GROUPS, 0..2_u8, 0..4),
        btree_set((0..GROUPS, 0..USERS), 0..8),
        btree_set((0..GROUPS, 0..GROUPS), 0..4),
    )
        .prop_map(move |(users, groups, members, nested)| {
            // A source lists members only of groups that it has; whom it lists need not be described.
            let members = members.into_iter().filter(|(group, _)| groups.contains_key(group)).collect();
            let nested = nested
                .into_iter()
                .filter(|(group, member)| {
                    group != member && groups.contains_key(group) && groups.contains_key(member)
                })
                .collect();
            World { users, groups, members, nested, contested }
        })
}

pub fn worlds(many: Range<usize>) -> impl Strategy<Value = Vec<World>> {
    vec(world(), many)
}

fn user_id(id: impl std::fmt::Display) -> String {
    format!("u{id}")
}

fn group_id(id: u8) -> String {
    format!("g{id}")
}

fn member((group, user): (u8, u8)) -> Membership {
    Membership::user(group_id(group), user_id(user))
}

fn nesting((group, inner): (u8, u8)) -> Membership {
    Membership::group(group_id(group), group_id(inner))
}

impl Person {
    fn user(&self, id: u8, contested: bool) -> User {
        let whose = if contested { "n".to_owned() } else { user_id(id) };
        let name = format!("{whose}.{}@acme.example", self.name);
        let mut user = User::new(user_id(id)).named(name).active(self.active);
        if let Some(title) = self.title {
            user = user.with("title", format!("title {title}"));
        }
        if let Some(manager) = self.manager {
            user = user.with("manager", user_id(manager));
        }
        user
    }
}

impl Person {
    /// Of the whole user, what differs.
    fn until(&self, other: &Self, whole: User) -> User {
        let mut patch = User { id: whole.id, ..User::default() };
        if self.name != other.name {
            patch.user_name = whole.user_name;
        }
        if self.active != other.active {
            patch.active = whole.active;
        }
        for (name, changed) in
            [("title", self.title != other.title), ("manager", self.manager != other.manager)]
        {
            if changed {
                let value = whole.attributes.get(name).cloned().unwrap_or(Value::Cleared);
                patch.attributes.insert(name.to_owned(), value);
            }
        }
        patch
    }
}

fn group(id: u8, name: u8) -> Group {
    Group::new(group_id(id)).named(format!("G{id}.{name}"))
}

impl World {
    /// So many people and nothing else, or all of them in one group.
    pub fn of_people(many: u32, grouped: bool) -> Script {
        let mut changes: Vec<Change> = Vec::new();
        if grouped {
            changes.push(Group::new("g").named("G").into());
        }
        for number in 0..many {
            let id = format!("p{number:02}");
            changes.push(User::new(&id).named(format!("{id}@acme.example")).into());
            if grouped {
                changes.push(Membership::user("g", &id).into());
            }
        }
        Script::full(changes)
    }

    /// Whether no two claim the same userName.
    pub fn is_clear(&self) -> bool {
        let names: BTreeSet<_> = self.users.values().map(|person| person.name).collect();
        !self.contested || names.len() == self.users.len()
    }

    fn user(&self, id: u8, person: &Person) -> User {
        person.user(id, self.contested)
    }

    /// A group's whole list, in two parts.
    fn list(&self, group: u8) -> [Change; 2] {
        let users = self.members.iter().filter(|(of, _)| *of == group);
        let groups = self.nested.iter().filter(|(of, _)| *of == group);
        let user = users.map(|(_, id)| Member { id: user_id(id), kind: MemberKind::User });
        let inner = groups.map(|(_, id)| Member { id: group_id(*id), kind: MemberKind::Group });
        [(user.collect(), false), (inner.collect(), true)]
            .map(|(members, last)| MemberSlice { group: group_id(group), members, last }.into())
    }

    /// All of it, with every group's whole list: of a source that lives, nothing less proves that somebody isn't a member any more.
    fn listed(&self) -> Vec<Change> {
        let users = self.users.iter().map(|(&id, person)| self.user(id, person).into());
        let groups = self.groups.iter().map(|(&id, &name)| group(id, name).into());
        groups.chain(users).chain(self.groups.keys().flat_map(|&group| self.list(group))).collect()
    }

    /// All of it, one by one.
    pub fn changes(&self) -> Vec<Change> {
        let users = self.users.iter().map(|(&id, person)| self.user(id, person).into());
        let groups = self.groups.iter().map(|(&id, &name)| group(id, name).into());
        let members = self.members.iter().map(|&pair| member(pair).into());
        let nested = self.nested.iter().map(|&pair| nesting(pair).into());
        groups.chain(users).chain(members).chain(nested).collect()
    }

    /// A source that has it.
    pub fn script(&self) -> Script {
        Script::full(self.listed())
    }

    pub fn counts(&self) -> Whole {
        let number = |length: usize| u32::try_from(length).unwrap();
        Whole {
            users: number(self.users.len()),
            groups: number(self.groups.len()),
            memberships: number(self.members.len() + self.nested.len()),
        }
    }

    /// Every record is there.
    pub fn answers(&self) -> Answers {
        let users = self.users.iter().map(|(&id, person)| {
            let mut here = vec![self.user(id, person).into()];
            here.extend(self.members.iter().filter(|(_, user)| *user == id).map(|&pair| member(pair).into()));
            (format!("user:{}", user_id(id)), Answer::Here(here))
        });
        let groups = self.groups.iter().map(|(&id, &name)| {
            let mut here = vec![group(id, name).into()];
            here.extend(
                self.members.iter().filter(|(group, _)| *group == id).map(|&pair| member(pair).into()),
            );
            here.extend(
                self.nested.iter().filter(|(a, b)| *a == id || *b == id).map(|&pair| nesting(pair).into()),
            );
            (format!("group:{}", group_id(id)), Answer::Here(here))
        });
        users.chain(groups).collect()
    }

    /// What happens until it is the other one: as whole records and single memberships, or as patches and whole lists.
    pub fn until(&self, other: &Self, finely: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        for (id, person) in &other.users {
            match self.users.get(id) {
                Some(before) if before == person => {}
                Some(before) if finely => {
                    changes.push(Change::UserPatch(before.until(person, other.user(*id, person))))
                }
                _ => changes.push(other.user(*id, person).into()),
            }
        }
        for (id, name) in &other.groups {
            if self.groups.get(id) != Some(name) {
                changes.push(group(*id, *name).into());
            }
        }
        let gone = self.users.keys().filter(|id| !other.users.contains_key(id));
        changes.extend(gone.map(|id| Change::UserGone(user_id(id))));
        let gone = self.groups.keys().filter(|id| !other.groups.contains_key(id));
        changes.extend(gone.map(|&id| Change::GroupGone(group_id(id))));
        if finely {
            changes.extend(other.groups.keys().flat_map(|&group| other.list(group)));
            return changes;
        }
        changes.extend(other.members.difference(&self.members).map(|&pair| member(pair).into()));
        changes.extend(other.nested.difference(&self.nested).map(|&pair| nesting(pair).into()));
        changes.extend(self.members.difference(&other.members).map(|&pair| Change::MemberGone(member(pair))));
        changes.extend(self.nested.difference(&other.nested).map(|&pair| Change::MemberGone(nesting(pair))));
        changes
    }
}
