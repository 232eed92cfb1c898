//! One page of changes on its way into the overlay.

use crate::convert;
use crate::fault::Fault;
use std::collections::{BTreeMap, BTreeSet};
use usher_model::{Group, MANAGER, MemberKind, User, content_hash, fold};
use usher_runtime::contract::model::{Group as WireGroup, ObjectRef, User as WireUser, Value};
use usher_runtime::contract::source::Change;
use usher_store::{Known, StagedGroup, StagedMember, StagedUser, Staging, Tombstones, UnknownRecord};

/// Where a change stands that came for a record nobody has described: it is looked up when the read is sealed.
pub const WITHOUT_BASE: &str = "a change without the record";

const SEEN: i64 = 0;
const PUT: i64 = 1;
const GONE: i64 = 2;
const UNREADABLE: i64 = 3;

/// How changes are taken up.
#[derive(Clone, Copy)]
pub struct Taking<'a> {
    /// The plugin's id.
    pub plugin: &'a str,
    /// Whether the read began from a cursor.
    pub incremental: bool,
    /// Whether who has been left out for long is read anew.
    pub anew: bool,
    /// Who was erased here.
    pub tombstones: &'a Tombstones,
}

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

#[derive(Default)]
struct Back {
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
    members: BTreeSet<(String, String, &'static str)>,
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
    /// The lists of all groups so far are whole, but for these.
    lists_end: Option<BTreeSet<String>>,
    /// What a full read takes back of its earlier pages.
    back: Back,
    unknown: Vec<UnknownRecord>,
    /// userNames of people who were erased, folded, that somebody else has by now.
    others: BTreeSet<String>,
    taking: Taking<'a>,
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
                self.without_erased(&mut user);
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
        let veiled = (kind == MemberKind::User).then(|| self.taking.tombstones.veil(&member)).flatten();
        let (member, op) = veiled.map_or((member, op), |veiled| (veiled, SEEN));
        self.members.insert((group, member, kind.name()), op);
    }

    /// What stands for a user who was erased here: a row that says nothing, which the seal's counts want.
    fn veil(&mut self, change: &Change) -> bool {
        let id = match change {
            Change::User(user) | Change::UserPatch(user) => &user.id,
            Change::UserGone(id) => id,
            Change::Unreadable(bad) => match &bad.what {
                Some(ObjectRef::User(id)) => id,
                _ => return false,
            },
            _ => return false,
        };
        let Some(veiled) = self.taking.tombstones.veil(id) else { return false };
        self.users.insert(veiled.clone(), without(&veiled, SEEN, None));
        true
    }

    /// Takes the manager away who was erased, known by source id or by a userName that nobody has now.
    fn without_erased(&self, user: &mut User) {
        let erased = |manager: &str| {
            let tombstones = self.taking.tombstones;
            tombstones.veil(manager).is_some()
                || (tombstones.named(manager) && !self.others.contains(&fold(manager)))
        };
        if user.text(MANAGER).is_some_and(erased) {
            user.attributes.remove(MANAGER);
        }
    }

    fn take(&mut self, change: Change) -> Result<(), Fault> {
        // A full read that says that something is gone is the plugin's fault, whoever it is.
        let wrong = matches!(change, Change::UserGone(_)) && !self.taking.incremental;
        if !wrong && self.veil(&change) {
            return Ok(());
        }
        match change {
            Change::User(user) => {
                let mut user = convert::user(user);
                self.without_erased(&mut user);
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
                if self.taking.incremental && !goes_on {
                    self.begin_list(&slice.group);
                }
                for (member, kind) in slice.members {
                    self.member(slice.group.clone(), member, convert::member_kind(kind), PUT);
                }
                self.slices.insert(slice.group, slice.last);
            }
            Change::TakenBack(_) | Change::MemberTakenBack(_) | Change::ListsEnd(_)
                if self.taking.incremental =>
            {
                return Err(Fault::plugin(
                    self.taking.plugin,
                    "an incremental read took something back, or ended all lists; only a full read can",
                ));
            }
            Change::ListsEnd(but) => self.lists_end = Some(but.into_iter().collect()),
            Change::TakenBack(ObjectRef::User(id)) => {
                let id = self.taking.tombstones.veil(&id).unwrap_or(id);
                self.users.remove(&id);
                self.back.users.insert(id);
            }
            Change::TakenBack(ObjectRef::Group(id)) => {
                self.groups.remove(&id);
                self.back.groups.insert(id);
            }
            Change::MemberTakenBack(member) => {
                let kind = convert::member_kind(member.kind);
                let veiled = (kind == MemberKind::User).then(|| self.taking.tombstones.veil(&member.member));
                let key = (member.group, veiled.flatten().unwrap_or(member.member), kind.name());
                self.members.remove(&key);
                self.back.members.insert(key);
            }
            Change::MemberGone(_) | Change::UserGone(_) | Change::GroupGone(_)
                if !self.taking.incremental =>
            {
                return Err(Fault::plugin(
                    self.taking.plugin,
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

/// Which userNames of people who were erased name somebody else: in the directory, or in this page.
async fn others(
    staging: &mut Staging,
    taking: Taking<'_>,
    changes: &[Change],
) -> Result<BTreeSet<String>, Fault> {
    let users = || {
        changes.iter().filter_map(|change| match change {
            Change::User(user) | Change::UserPatch(user) => Some(user),
            _ => None,
        })
    };
    let managers = users().flat_map(|user| &user.attributes).filter_map(|(name, value)| match value {
        Value::Text(manager) if name == MANAGER && taking.tombstones.named(manager) => Some(fold(manager)),
        _ => None,
    });
    let managers: BTreeSet<_> = managers.collect();
    if managers.is_empty() {
        return Ok(managers);
    }
    let mut others = staging.held_names(&managers).await?;
    let here = users().filter(|user| taking.tombstones.veil(&user.id).is_none());
    let here = here.filter_map(|user| user.user_name.as_deref().map(fold));
    others.extend(here.filter(|name| managers.contains(name)));
    Ok(others)
}

/// Puts the changes of one page into the overlay, in their order.
pub async fn stage(staging: &mut Staging, taking: Taking<'_>, changes: Vec<Change>) -> Result<(), Fault> {
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
    let known_users = if user_ids.is_empty() {
        BTreeMap::new()
    } else {
        staging.known_users(&user_ids, taking.anew).await?
    };
    let known_groups =
        if group_ids.is_empty() { BTreeMap::new() } else { staging.known_groups(&group_ids).await? };
    let listed: Vec<_> = listed.into_iter().collect();
    let open = if listed.is_empty() { BTreeSet::new() } else { staging.open_lists(&listed).await? };
    let others = others(staging, taking, &changes).await?;
    let mut page = Page {
        known_users,
        known_groups,
        users: BTreeMap::new(),
        groups: BTreeMap::new(),
        members: BTreeMap::new(),
        slices: BTreeMap::new(),
        open,
        begun: BTreeSet::new(),
        lists_end: None,
        back: Back::default(),
        unknown: Vec::new(),
        others,
        taking,
    };
    for change in changes {
        page.take(change)?;
    }
    staging.take_back(&page.back.users, &page.back.groups, &page.back.members).await?;
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
    if let Some(but) = &page.lists_end {
        staging.end_lists(but).await?;
    }
    for record in &page.unknown {
        staging.unknown(record).await?;
    }
    Ok(())
}
