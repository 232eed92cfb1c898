//! One page of changes on its way into the overlay.

use crate::convert;
use crate::fault::Fault;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{Group, MANAGER, MemberKind, User, content_hash, fold};
use usher_runtime::contract::model::{Group as WireGroup, ObjectRef, User as WireUser};
use usher_runtime::contract::source::Change;
use usher_store::{Known, StagedGroup, StagedMember, StagedUser, Staging, UnknownRecord};

/// Where a change stands that came for a record nobody has described: it is looked up when the read is sealed.
pub const WITHOUT_BASE: &str = "a change without the record";

const SEEN: i64 = 0;
const PUT: i64 = 1;
const GONE: i64 = 2;
const UNREADABLE: i64 = 3;

/// How a problem is stored.
pub fn problem(standing: &str, why: &str) -> String {
    serde_json::json!({ "standing": standing, "why": why }).to_string()
}

/// A user as it is staged.
fn put_user(user: &User, known: Option<&Known>) -> StagedUser {
    let raw = user.canonical();
    let hash = content_hash(&raw);
    let seen = known.is_some_and(|known| known.hash.as_deref() == Some(hash.as_str()));
    StagedUser {
        id: user.id.clone(),
        op: if seen { SEEN } else { PUT },
        key: (!seen).then(|| user.user_name.as_deref().map(fold)).flatten(),
        manager: (!seen).then(|| user.text(MANAGER).map(str::to_owned)).flatten(),
        hash: (!seen).then_some(hash),
        raw: (!seen).then_some(raw),
        problem: None,
        place: None,
    }
}

fn put_group(group: &Group, known: Option<&Known>) -> StagedGroup {
    let raw = group.canonical();
    let hash = content_hash(&raw);
    let seen = known.is_some_and(|known| known.hash.as_deref() == Some(hash.as_str()));
    StagedGroup {
        id: group.id.clone(),
        op: if seen { SEEN } else { PUT },
        hash: (!seen).then_some(hash),
        raw: (!seen).then_some(raw),
        problem: None,
        place: None,
    }
}

fn without(id: &str, op: i64, why: Option<(&str, &str)>) -> StagedUser {
    StagedUser {
        id: id.to_owned(),
        op,
        hash: None,
        raw: None,
        key: None,
        manager: None,
        problem: why.map(|(why, _)| problem("quarantined", why)),
        place: why.map(|(_, place)| place.to_owned()),
    }
}

fn group_without(id: &str, op: i64, why: Option<(&str, &str)>) -> StagedGroup {
    let StagedUser { id, op, problem, place, .. } = without(id, op, why);
    StagedGroup { id, op, hash: None, raw: None, problem, place }
}

struct Page<'a> {
    known_users: BTreeMap<String, Known>,
    known_groups: BTreeMap<String, Known>,
    users: BTreeMap<String, StagedUser>,
    groups: BTreeMap<String, StagedGroup>,
    members: BTreeMap<(String, String, &'static str), i64>,
    /// Lists of members, and whether their last slice has come.
    slices: BTreeMap<String, bool>,
    /// Lists of members that an earlier page began.
    open: BTreeSet<String>,
    /// Groups whose list begins in this page.
    begun: BTreeSet<String>,
    unknown: Vec<UnknownRecord>,
    plugin: &'a str,
    incremental: bool,
}

fn parse<T: serde::de::DeserializeOwned>(raw: Option<&String>) -> Option<T> {
    raw.and_then(|raw| serde_json::from_str(raw).ok())
}

impl Page<'_> {
    fn user_patch(&mut self, change: WireUser) {
        let id = change.id.clone();
        let staged = self.users.get(&id);
        let known = self.known_users.get(&id);
        // What this page said last, if anything; what is gone or could not be read leaves nothing to build on.
        let raw = match staged {
            Some(staged) if staged.op == PUT => staged.raw.as_ref(),
            Some(staged) if matches!(staged.op, GONE | UNREADABLE) => None,
            _ => known.and_then(|known| known.raw.as_ref()),
        };
        let staged = match parse(raw) {
            Some::<User>(mut user) => {
                user.apply(convert::user_patch(change));
                put_user(&user, known.filter(|_| staged.is_none()))
            }
            None => without(
                &id,
                UNREADABLE,
                Some(("the source sent a change of a user whom it never described", WITHOUT_BASE)),
            ),
        };
        self.users.insert(id, staged);
    }

    fn group_patch(&mut self, change: WireGroup) {
        let id = change.id.clone();
        let staged = self.groups.get(&id);
        let known = self.known_groups.get(&id);
        // What this page said last, if anything; what is gone or could not be read leaves nothing to build on.
        let raw = match staged {
            Some(staged) if staged.op == PUT => staged.raw.as_ref(),
            Some(staged) if matches!(staged.op, GONE | UNREADABLE) => None,
            _ => known.and_then(|known| known.raw.as_ref()),
        };
        let staged = match parse(raw) {
            Some::<Group>(mut group) => {
                group.apply(convert::group_patch(change));
                put_group(&group, known.filter(|_| staged.is_none()))
            }
            None => group_without(
                &id,
                UNREADABLE,
                Some(("the source sent a change of a group that it never described", WITHOUT_BASE)),
            ),
        };
        self.groups.insert(id, staged);
    }

    /// A whole list begins: it replaces what an incremental read said of the group's members before. In a full read everything that is
    /// handed over counts.
    fn begin_list(&mut self, group: &str) {
        let first = (group.to_owned(), String::new(), "");
        let earlier: Vec<_> = self
            .members
            .range(first..)
            .map(|(key, _)| key.clone())
            .take_while(|(of, ..)| of == group)
            .collect();
        for key in earlier {
            self.members.remove(&key);
        }
        self.begun.insert(group.to_owned());
    }

    fn member(&mut self, group: String, member: String, kind: MemberKind, op: i64) {
        self.members.insert((group, member, kind.name()), op);
    }

    fn take(&mut self, change: Change) -> Result<(), Fault> {
        match change {
            Change::User(user) => {
                let user = convert::user(user);
                let known = self.known_users.get(&user.id).filter(|_| !self.users.contains_key(&user.id));
                self.users.insert(user.id.clone(), put_user(&user, known));
            }
            Change::Group(group) => {
                let group = convert::group(group);
                let known = self.known_groups.get(&group.id).filter(|_| !self.groups.contains_key(&group.id));
                self.groups.insert(group.id.clone(), put_group(&group, known));
            }
            Change::UserPatch(change) => self.user_patch(change),
            Change::GroupPatch(change) => self.group_patch(change),
            Change::Member(member) => {
                self.member(member.group, member.member, convert::member_kind(member.kind), PUT);
            }
            Change::Members(slice) => {
                let goes_on = self
                    .slices
                    .get(&slice.group)
                    .map_or_else(|| self.open.contains(&slice.group), |done| !done);
                if self.incremental && !goes_on {
                    self.begin_list(&slice.group);
                }
                for (member, kind) in slice.members {
                    self.member(slice.group.clone(), member, convert::member_kind(kind), PUT);
                }
                self.slices.insert(slice.group, slice.last);
            }
            Change::MemberGone(_) | Change::UserGone(_) | Change::GroupGone(_) if !self.incremental => {
                return Err(Fault::plugin(
                    self.plugin,
                    "a full read said that something is gone; absence is proven by what it doesn't hand over",
                ));
            }
            Change::MemberGone(member) => {
                self.member(member.group, member.member, convert::member_kind(member.kind), GONE);
            }
            Change::UserGone(id) => {
                self.users.insert(id.clone(), without(&id, GONE, None));
            }
            Change::GroupGone(id) => {
                self.groups.insert(id.clone(), group_without(&id, GONE, None));
            }
            Change::Unreadable(bad) => match bad.what {
                Some(ObjectRef::User(id)) => {
                    self.users.insert(id.clone(), without(&id, UNREADABLE, Some((&bad.why, &bad.place))));
                }
                Some(ObjectRef::Group(id)) => {
                    self.groups
                        .insert(id.clone(), group_without(&id, UNREADABLE, Some((&bad.why, &bad.place))));
                }
                None => self.unknown.push(UnknownRecord { place: bad.place, why: bad.why }),
            },
        }
        Ok(())
    }
}

/// Puts the changes of one page into the overlay, in their order.
pub async fn stage(
    staging: &mut Staging,
    plugin: &str,
    incremental: bool,
    changes: Vec<Change>,
) -> Result<(), Fault> {
    let mut user_ids = BTreeSet::new();
    let mut group_ids = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for change in &changes {
        match change {
            Change::User(user) | Change::UserPatch(user) => {
                user_ids.insert(user.id.as_str());
            }
            Change::Group(group) | Change::GroupPatch(group) => {
                group_ids.insert(group.id.as_str());
            }
            Change::Members(slice) => {
                listed.insert(slice.group.as_str());
            }
            _ => {}
        }
    }
    let user_ids: Vec<_> = user_ids.into_iter().collect();
    let group_ids: Vec<_> = group_ids.into_iter().collect();
    let known_users =
        if user_ids.is_empty() { BTreeMap::new() } else { staging.known_users(&user_ids).await? };
    let known_groups =
        if group_ids.is_empty() { BTreeMap::new() } else { staging.known_groups(&group_ids).await? };
    let listed: Vec<_> = listed.into_iter().collect();
    let open = if listed.is_empty() { BTreeSet::new() } else { staging.open_lists(&listed).await? };
    let mut page = Page {
        known_users,
        known_groups,
        users: BTreeMap::new(),
        groups: BTreeMap::new(),
        members: BTreeMap::new(),
        slices: BTreeMap::new(),
        open,
        begun: BTreeSet::new(),
        unknown: Vec::new(),
        plugin,
        incremental,
    };
    for change in changes {
        page.take(change)?;
    }
    staging.users(&page.users.into_values().collect::<Vec<_>>()).await?;
    staging.groups(&page.groups.into_values().collect::<Vec<_>>()).await?;
    staging.forget_members(&page.begun).await?;
    let members: Vec<_> = page
        .members
        .into_iter()
        .map(|((group, member, kind), op)| StagedMember { group, member, kind, op })
        .collect();
    staging.members(&members).await?;
    for (group, done) in page.slices {
        staging.slice(&group, done).await?;
    }
    for record in &page.unknown {
        staging.unknown(record).await?;
    }
    Ok(())
}
