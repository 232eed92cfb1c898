//! What is there once all changes of a read are taken in.

use crate::record::{Change, Group, MemberKind, MemberSlice, Membership, ObjectRef, User, Value};
use std::collections::{BTreeMap, BTreeSet};
use usher_plugin::Counts;

/// The records and memberships that a read leaves.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub users: BTreeMap<String, User>,
    pub groups: BTreeMap<String, Group>,
    pub memberships: BTreeSet<Membership>,
    /// What can't be read, with why.
    pub unreadable: BTreeMap<ObjectRef, String>,
}

impl World {
    /// Takes in the changes in their order.
    pub fn after(changes: &[Change]) -> Self {
        let mut world = Self::default();
        for change in changes {
            world.take(change);
        }
        world
    }

    fn take(&mut self, change: &Change) {
        match change {
            Change::User(user) => {
                self.users.insert(user.id.clone(), user.clone());
            }
            Change::UserPatch(patch) => {
                let user = self.users.entry(patch.id.clone()).or_insert_with(|| User::new(&patch.id));
                user.user_name = patch.user_name.clone().or(user.user_name.take());
                user.active = patch.active.or(user.active);
                merge(&mut user.attributes, &patch.attributes);
            }
            Change::Group(group) => {
                self.groups.insert(group.id.clone(), group.clone());
            }
            Change::GroupPatch(patch) => {
                let group = self.groups.entry(patch.id.clone()).or_insert_with(|| Group::new(&patch.id));
                group.display_name = patch.display_name.clone().or(group.display_name.take());
                group.kind = patch.kind.or(group.kind);
                merge(&mut group.attributes, &patch.attributes);
            }
            Change::Member(membership) => {
                self.memberships.insert(membership.clone());
            }
            Change::MemberGone(membership) => {
                self.memberships.remove(membership);
            }
            Change::Members(slice) => self.memberships.extend(slice_memberships(slice)),
            Change::ListsEnd(_) => {}
            // What comes after it may be the same again; what doesn't is for `lookup` to say.
            Change::UserTakenBack(id) => {
                self.users.remove(id);
            }
            Change::GroupTakenBack(id) => {
                self.groups.remove(id);
            }
            Change::MemberTakenBack(membership) => {
                self.memberships.remove(membership);
            }
            Change::UserGone(id) => {
                self.users.remove(id);
                self.leave(id, MemberKind::User);
            }
            Change::GroupGone(id) => {
                self.groups.remove(id);
                self.memberships.retain(|membership| membership.group != *id);
                self.leave(id, MemberKind::Group);
            }
            Change::Unreadable(record) => {
                if let Some(what) = &record.what {
                    self.unreadable.insert(what.clone(), record.why.clone());
                }
            }
        }
    }

    fn leave(&mut self, member: &str, kind: MemberKind) {
        self.memberships.retain(|membership| (membership.member.as_str(), membership.kind) != (member, kind));
    }

    /// The direct members of a group.
    pub fn members_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Membership> {
        self.memberships.iter().filter(move |membership| membership.group == group)
    }

    /// The record and its memberships as a source would hand them over, if it is there.
    pub fn user(&self, id: &str) -> Option<Vec<Change>> {
        let user = self.users.get(id)?;
        Some(self.with_memberships(user.clone().into(), |membership| {
            membership.member == id && membership.kind == MemberKind::User
        }))
    }

    /// The record, its memberships and its members, if it is there.
    pub fn group(&self, id: &str) -> Option<Vec<Change>> {
        let group = self.groups.get(id)?;
        Some(self.with_memberships(group.clone().into(), |membership| {
            membership.group == id || (membership.member == id && membership.kind == MemberKind::Group)
        }))
    }

    fn with_memberships(&self, record: Change, concerns: impl Fn(&Membership) -> bool) -> Vec<Change> {
        let memberships = self.memberships.iter().filter(|membership| concerns(membership));
        std::iter::once(record).chain(memberships.cloned().map(Change::Member)).collect()
    }
}

fn merge(attributes: &mut BTreeMap<String, Value>, patch: &BTreeMap<String, Value>) {
    for (name, value) in patch {
        if *value == Value::Cleared {
            attributes.remove(name);
        } else {
            attributes.insert(name.clone(), value.clone());
        }
    }
}

fn slice_memberships(slice: &MemberSlice) -> impl Iterator<Item = Membership> + '_ {
    slice.members.iter().map(|member| Membership {
        group: slice.group.clone(),
        member: member.id.clone(),
        kind: member.kind,
    })
}

/// The distinct ids that changes hand over, those of unreadable records among them, as a seal states them. Tombstones take
/// nothing back.
pub fn count(changes: &[Change]) -> Counts {
    let mut users = BTreeSet::new();
    let mut groups = BTreeSet::new();
    let mut memberships = BTreeSet::new();
    for change in changes {
        match change {
            Change::User(user) | Change::UserPatch(user) => {
                users.insert(&user.id);
            }
            Change::Group(group) | Change::GroupPatch(group) => {
                groups.insert(&group.id);
            }
            Change::Member(membership) => {
                memberships.insert(membership.clone());
            }
            Change::Members(slice) => memberships.extend(slice_memberships(slice)),
            Change::Unreadable(record) => match &record.what {
                Some(ObjectRef::User(id)) => {
                    users.insert(id);
                }
                Some(ObjectRef::Group(id)) => {
                    groups.insert(id);
                }
                None => {}
            },
            Change::UserTakenBack(id) => {
                users.remove(id);
            }
            Change::GroupTakenBack(id) => {
                groups.remove(id);
            }
            Change::MemberTakenBack(membership) => {
                memberships.remove(membership);
            }
            Change::ListsEnd(_) | Change::MemberGone(_) | Change::UserGone(_) | Change::GroupGone(_) => {}
        }
    }
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Counts {
        users: number(users.len()),
        groups: number(groups.len()),
        memberships: number(memberships.len()),
    }
}
