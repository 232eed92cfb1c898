//! One read, page by page: what Graph gave waits in a backlog until it is handed over, and only then the read has got on.
//!
//! A page of Graph may be more than a page of the contract. A fresh instance begins the page of Graph again that was being handed
//! over; what comes twice is counted once.

use crate::answer::{self, Record};
use crate::group::{self, Member, Team};
use crate::lookup::{self, Found, TOP};
use crate::outside::{Failure, Link, Outside, Place, Request};
use crate::paths;
use crate::place::{Chain, Cursor, State, Walk, Way};
use crate::refused::{fault, fault_in_chain, is_not_found};
use crate::seen::Seen;
use crate::user::Person;
use std::collections::{BTreeSet, VecDeque};
use usher_plugin::{
    BadRecord, Change, Counts, Coverage, Fault, MemberKind, MemberSlice, Membership, Next, ObjectRef, Page,
    Scope, Seal,
};

/// Changes a page of ours.
const CHANGES: usize = 1_000;
/// Members a page of ours, and in one slice.
const MEMBERS: usize = 5_000;
/// Groups that are walked at once: what one `$batch` holds.
const GROUPS: usize = 20;

/// What the method knows of its settings and scope.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The `$select` of users.
    pub select: String,
    /// Who is to come in.
    pub scope: Scope,
}

impl Terms {
    /// Asks for the groups' members, too: without groups and chosen ones nobody wants them.
    fn groups(&self) -> bool {
        self.scope.include_groups || self.scope.chosen.is_some()
    }
}

enum Item {
    Person(Record<Person>),
    Team(Record<Team>),
    /// One that was asked for, whole.
    Walked(Team),
    Members(MemberSlice),
    Membership(Membership, bool),
}

impl Item {
    fn members(&self) -> usize {
        match self {
            Self::Members(slice) => slice.members.len(),
            _ => 0,
        }
    }
}

/// How the read gets on when the backlog is handed over.
enum Step {
    Users(Chain),
    Groups(Chain),
    Walk(Walk),
}

/// A read.
pub struct Reading {
    state: State,
    seen: Seen,
    backlog: VecDeque<Item>,
    step: Option<Step>,
}

fn user_ref(id: &str) -> ObjectRef {
    ObjectRef::User(id.to_owned())
}

fn group_ref(id: &str) -> ObjectRef {
    ObjectRef::Group(id.to_owned())
}

impl Reading {
    /// From nothing.
    pub fn fresh(terms: &Terms) -> Self {
        let chosen = terms.scope.chosen.as_ref();
        let users = Chain::First(paths::users_delta(&terms.select, terms.scope.managers, chosen.is_some()));
        let groups = match terms.groups() {
            true => Chain::First(paths::groups_delta(group::SELECT, chosen.is_some())),
            false => Chain::Off,
        };
        let way = if chosen.is_some() { Way::Chosen } else { Way::Everyone };
        let mut state = State::new(way, users, groups);
        let chosen: BTreeSet<_> = chosen.into_iter().flatten().map(|id| id.to_ascii_lowercase()).collect();
        state.walk.waiting = chosen.into_iter().collect();
        Self::at(state, Seen::default())
    }

    /// From a cursor.
    pub fn since(cursor: &str) -> Result<Self, Fault> {
        Ok(Self::at(Cursor::begins(cursor)?, Seen::default()))
    }

    /// In a fresh instance.
    pub fn resumed(token: &str) -> Result<Self, Fault> {
        Ok(Self::at(State::of(token)?, Seen::resumed()))
    }

    fn at(state: State, seen: Seen) -> Self {
        Self { state, seen, backlog: VecDeque::new(), step: None }
    }

    /// Whether this token is where the read stands.
    pub fn stands_at(&self, token: &str) -> bool {
        self.state.token().is_ok_and(|own| own == token)
    }

    /// The next page.
    pub fn page(&mut self, outside: &mut impl Outside, terms: &Terms) -> Result<Page, Fault> {
        if self.backlog.is_empty() {
            self.fetch(outside, terms)?;
        }
        let items = self.take();
        let mut counts = self.state.counts();
        let mut changes = match self.state.way {
            Way::Changes => self.changed(outside, terms, items)?,
            Way::Everyone | Way::Chosen => handed_over(&mut self.seen, outside, terms, items, &mut counts)?,
        };
        self.state.count(counts);
        if self.backlog.is_empty() {
            match self.step.take() {
                Some(Step::Users(chain)) => self.state.users = chain,
                Some(Step::Groups(chain)) => self.state.groups = chain,
                Some(Step::Walk(walk)) => self.state.walk = walk,
                None => {}
            }
        }
        self.state.pages = self.state.pages.saturating_add(1);
        if !self.backlog.is_empty() || !self.is_done() {
            return Ok(Page { changes, next: Next::More(self.state.token()?), expected: None });
        }
        let covers = match self.state.way {
            Way::Changes => Coverage::Changes,
            Way::Everyone | Way::Chosen => Coverage::Everything(self.state.counts()),
        };
        if self.state.way == Way::Everyone && self.state.groups != Chain::Off {
            changes.push(Change::ListsEnd(self.state.walk.unlisted.clone()));
        }
        let seal = Seal { covers, cursor: Some(Cursor::after(&self.state)?) };
        Ok(Page { changes, next: Next::End(seal), expected: None })
    }

    fn is_done(&self) -> bool {
        let State { users, groups, walk, .. } = &self.state;
        users.place().is_none() && groups.place().is_none() && walk.is_done()
    }

    /// As much of the backlog as fits a page.
    fn take(&mut self) -> Vec<Item> {
        let (mut items, mut members) = (Vec::new(), 0);
        while let Some(item) = self.backlog.front() {
            members += item.members();
            if !items.is_empty() && (items.len() >= CHANGES || members > MEMBERS) {
                break;
            }
            items.extend(self.backlog.pop_front());
        }
        items
    }

    fn fetch(&mut self, outside: &mut impl Outside, terms: &Terms) -> Result<(), Fault> {
        let (users, groups) = (self.state.users.place(), self.state.groups.place());
        // In turns, so that the host fetches the next page of one while we are at one of the other.
        let groups_first = self.state.groups_next || users.is_none();
        match (groups.filter(|_| groups_first), users) {
            (Some(place), _) => {
                self.state.groups_next = false;
                self.fetch_groups(outside, terms, &place)
            }
            (None, Some(place)) => {
                self.state.groups_next = true;
                let page = outside.get(&place).map_err(|failure| fault_in_chain(failure, self.lost()))?;
                self.backlog.extend(answer::people(&page.body)?.into_iter().map(Item::Person));
                self.step = Some(Step::Users(Chain::after(page.link)?));
                Ok(())
            }
            (None, None) if !self.state.walk.large.is_empty() => self.walk_large(outside),
            (None, None) => self.walk(outside, terms),
        }
    }

    /// What an expired token means here.
    fn lost(&self) -> Fault {
        match self.state.way {
            Way::Changes => Fault::CursorExpired,
            Way::Everyone | Way::Chosen => Fault::ResumeLost,
        }
    }

    fn fetch_groups(
        &mut self,
        outside: &mut impl Outside,
        terms: &Terms,
        place: &Place,
    ) -> Result<(), Fault> {
        let page = outside.get(place).map_err(|failure| fault_in_chain(failure, self.lost()))?;
        let mut teams = answer::teams(&page.body)?;
        if self.state.way == Way::Changes && terms.scope.chosen.is_some() {
            self.keep_known(outside, terms, &mut teams)?;
        }
        for mut team in teams {
            let (mut members, mut group) = (Vec::new(), String::new());
            if let Ok(team) = &mut team {
                members = team.take_members();
                group = team.id();
            }
            // Its members can't be read either: they are listed when the round is over.
            if let Err(BadRecord { what: Some(ObjectRef::Group(id)), .. }) = &team
                && !self.state.walk.waiting.contains(id)
            {
                self.state.walk.waiting.push(id.clone());
            }
            self.backlog.push_back(Item::Team(team));
            if self.state.way == Way::Changes {
                self.backlog.extend(members.into_iter().map(|member| changed_member(&group, member)));
            } else {
                let (gone, here): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.removed);
                self.list(&group, here, false);
                self.backlog.extend(gone.into_iter().map(|member| changed_member(&group, member)));
            }
        }
        self.step = Some(Step::Groups(Chain::after(page.link)?));
        Ok(())
    }

    /// Of a delta query over all groups only those matter that the host has, and what is nested in them for the first time is walked.
    fn keep_known(
        &mut self,
        outside: &mut impl Outside,
        terms: &Terms,
        teams: &mut Vec<Record<Team>>,
    ) -> Result<(), Fault> {
        let refs: Vec<_> = teams
            .iter()
            .map(|team| match team {
                Ok(team) => Some(group_ref(&team.id())),
                Err(bad) => bad.what.clone(),
            })
            .collect();
        let asked: Vec<_> = refs.iter().flatten().cloned().collect();
        let known = if asked.is_empty() { Vec::new() } else { outside.known(&asked)? };
        let mut known = known.into_iter();
        let keep: Vec<_> = refs.iter().map(|what| what.is_none() || known.next() == Some(true)).collect();
        // A chosen one that the host hasn't is there again: with everybody in it.
        let chosen: BTreeSet<_> =
            terms.scope.chosen.iter().flatten().map(|id| id.to_ascii_lowercase()).collect();
        let back: BTreeSet<_> = teams
            .iter()
            .zip(&keep)
            .filter(|(_, keep)| !**keep)
            .filter_map(|(team, _)| team.as_ref().ok())
            .filter(|team| !team.is_removed() && chosen.contains(&team.id()))
            .map(Team::id)
            .collect();
        let mut keep = keep.into_iter();
        teams.retain(|_| keep.next().unwrap_or(true));
        let nested = teams.iter().flatten().flat_map(|team| {
            let added = team.members().filter(|member| member.kind == MemberKind::Group && !member.removed);
            added.map(|member| member.id).collect::<Vec<_>>()
        });
        let nested: BTreeSet<_> = nested.chain(back).collect();
        let new = self.not_walked(outside, nested)?;
        self.state.walk.waiting.extend(new);
        Ok(())
    }

    /// Those of these groups that nobody has walked or is about to.
    fn not_walked(&self, outside: &mut impl Outside, groups: BTreeSet<String>) -> Result<Vec<String>, Fault> {
        let Walk { waiting, now, large, .. } = &self.state.walk;
        let coming: BTreeSet<_> = waiting.iter().chain(now).chain(large).collect();
        let groups: Vec<_> = groups.into_iter().filter(|id| !coming.contains(id)).collect();
        if groups.is_empty() {
            return Ok(groups);
        }
        let refs: Vec<_> = groups.iter().map(|id| group_ref(id)).collect();
        let walked = match self.state.way {
            Way::Changes => outside.known(&refs)?,
            Way::Everyone | Way::Chosen => self.seen.has(outside, &refs)?,
        };
        Ok(groups.into_iter().zip(walked).filter(|(_, walked)| !walked).map(|(id, _)| id).collect())
    }

    /// Queues a list of members in slices that fit.
    fn list(&mut self, group: &str, members: Vec<Member>, last: bool) {
        let mut members = members.into_iter().map(|member| (member.id, member.kind)).peekable();
        loop {
            let slice: Vec<_> = members.by_ref().take(MEMBERS).collect();
            let ends = members.peek().is_none();
            let slice = MemberSlice { group: group.to_owned(), members: slice, last: last && ends };
            // A group without members in this page says nothing by an open list.
            if last || !slice.members.is_empty() {
                self.backlog.push_back(Item::Members(slice));
            }
            if ends {
                return;
            }
        }
    }

    /// Twenty groups with their members.
    fn walk(&mut self, outside: &mut impl Outside, terms: &Terms) -> Result<(), Fault> {
        if self.state.walk.now.is_empty() {
            let waiting = &mut self.state.walk.waiting;
            let most = waiting.len().min(GROUPS);
            self.state.walk.now = waiting.drain(..most).collect();
        }
        let now = self.state.walk.now.clone();
        let paths = now
            .iter()
            .map(|id| paths::group(id, group::SELECT))
            .chain(now.iter().map(|id| paths::members(id, "id", TOP)));
        let requests: Vec<_> = paths.map(|path| Request { path, eventual: false }).collect();
        let mut answers = outside.batch(&requests)?;
        let lists = answers.split_off(now.len().min(answers.len()));
        let (mut nested, mut large, mut unlisted) = (BTreeSet::new(), Vec::new(), Vec::new());
        for ((id, answer), list) in now.iter().zip(answers).zip(lists) {
            let read = match answer {
                Ok(body) => answer::object::<Team>(&body, "group"),
                // Passed over: whether it is gone, the host asks.
                Err(Failure::Refused(refusal)) if is_not_found(&refusal) => {
                    unlisted.push(id.clone());
                    continue;
                }
                Err(failure) => return Err(fault(failure)),
            };
            let list = match list {
                Ok(list) => list,
                // It went between the two.
                Err(Failure::Refused(refusal)) if is_not_found(&refusal) => {
                    unlisted.push(id.clone());
                    continue;
                }
                Err(failure) => return Err(fault(failure)),
            };
            let both = read.and_then(|team| Ok((team, answer::members(&list)?)));
            let (team, (members, more)) = match both {
                Ok(both) => both,
                Err(Fault::Source(why)) => {
                    let what = Some(ObjectRef::Group(id.clone()));
                    let bad = BadRecord { what, place: format!("group {id}"), why };
                    self.backlog.push_back(Item::Team(Err(bad)));
                    unlisted.push(id.clone());
                    continue;
                }
                Err(other) => return Err(other),
            };
            // What lies below a group of a type that doesn't come in, doesn't either.
            let admitted = terms.scope.admits(team.kind());
            self.backlog.push_back(Item::Walked(team));
            if !admitted {
                continue;
            }
            if more {
                large.push(id.clone());
                continue;
            }
            nested.extend(groups_among(&members));
            self.list(id, members, true);
        }
        let mut walk = self.state.walk.clone();
        walk.waiting.extend(self.not_walked(outside, nested)?);
        walk.now.clear();
        walk.large = large;
        walk.unlisted.extend(unlisted);
        self.step = Some(Step::Walk(walk));
        Ok(())
    }

    /// One page of a group that has many members.
    fn walk_large(&mut self, outside: &mut impl Outside) -> Result<(), Fault> {
        let mut walk = self.state.walk.clone();
        let Some(id) = walk.large.first().cloned() else { return Ok(()) };
        let place = match &walk.at {
            Some(link) => Place::At(link.clone()),
            None => Place::First(Request { path: paths::members(&id, "id", TOP), eventual: false }),
        };
        let page = match outside.get(&place) {
            // It went while it was listed: begun again, the walk passes it over.
            Err(Failure::Refused(refusal)) if is_not_found(&refusal) => return Err(self.lost()),
            page => page.map_err(|failure| fault_in_chain(failure, self.lost()))?,
        };
        let (members, _) = answer::members(&page.body)?;
        let nested = groups_among(&members).collect();
        walk.waiting.extend(self.not_walked(outside, nested)?);
        walk.at = match page.link {
            Link::Next(link) => Some(link),
            Link::Delta(_) | Link::None => None,
        };
        let last = walk.at.is_none();
        if last {
            walk.large.remove(0);
        }
        self.list(&id, members, last);
        self.step = Some(Step::Walk(walk));
        Ok(())
    }

    /// What an incremental read hands over.
    fn changed(
        &mut self,
        outside: &mut impl Outside,
        terms: &Terms,
        items: Vec<Item>,
    ) -> Result<Vec<Change>, Fault> {
        let items = match terms.scope.chosen {
            Some(_) => known_people(outside, items)?,
            None => items,
        };
        let mut changes = Vec::with_capacity(items.len());
        let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for item in items {
            match item {
                Item::Person(Ok(person)) if person.removed => {
                    users.extend(person.id);
                }
                Item::Person(Ok(person)) => changes.push(Change::UserPatch(person.patch())),
                Item::Team(Ok(team)) if team.is_removed() || team.has_doubtful_kind() => {
                    groups.insert(team.id());
                }
                Item::Team(Ok(team)) => changes.push(Change::GroupPatch(team.patch())),
                Item::Walked(team) => changes.push(Change::Group(team.whole())),
                Item::Person(Err(bad)) | Item::Team(Err(bad)) => changes.push(Change::Unreadable(bad)),
                Item::Members(slice) => changes.push(Change::Members(slice)),
                Item::Membership(member, false) => changes.push(Change::Member(member)),
                Item::Membership(member, true) => changes.push(Change::MemberGone(member)),
            }
        }
        changes.extend(settled(outside, terms, &users, &groups)?);
        Ok(changes)
    }
}

/// Graph gives the changes of a round in any order, also a removal after or before what came back of the same object: what is removed is
/// looked at once more. So are groups of which not all is told that makes their type.
fn settled(
    outside: &mut impl Outside,
    terms: &Terms,
    users: &BTreeSet<String>,
    groups: &BTreeSet<String>,
) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::new();
    let unsure = |what: ObjectRef, why: String| {
        Change::Unreadable(BadRecord {
            what: Some(what),
            place: "a record that Graph says is removed".to_owned(),
            why,
        })
    };
    let ids: Vec<_> = users.iter().map(String::as_str).collect();
    let found = lookup::people(outside, &ids, &terms.select, terms.scope.managers)?;
    for (id, found) in users.iter().zip(found) {
        changes.push(match found {
            Found::Here(person) => Change::User(person.whole()),
            Found::Gone => Change::UserGone(id.clone()),
            Found::Unknown(why) => unsure(user_ref(id), why),
        });
    }
    let ids: Vec<_> = groups.iter().map(String::as_str).collect();
    for (id, found) in groups.iter().zip(lookup::teams(outside, &ids)?) {
        changes.push(match found {
            Found::Here(team) => Change::Group(team.whole()),
            Found::Gone => Change::GroupGone(id.clone()),
            Found::Unknown(why) => unsure(group_ref(id), why),
        });
    }
    Ok(changes)
}

/// Of a delta query over all users, those whom the host has. Who comes into a group of the scope is asked for by `lookup`.
fn known_people(outside: &mut impl Outside, items: Vec<Item>) -> Result<Vec<Item>, Fault> {
    let whose = |item: &Item| match item {
        Item::Person(Ok(person)) => person.id.as_deref().map(user_ref),
        Item::Person(Err(bad)) => bad.what.clone(),
        _ => None,
    };
    let refs: Vec<_> = items.iter().filter_map(whose).collect();
    if refs.is_empty() {
        return Ok(items);
    }
    let mut known = outside.known(&refs)?.into_iter();
    Ok(items.into_iter().filter(|item| whose(item).is_none() || known.next() == Some(true)).collect())
}

/// What a full read hands over.
fn handed_over(
    seen: &mut Seen,
    outside: &mut impl Outside,
    terms: &Terms,
    items: Vec<Item>,
    counts: &mut Counts,
) -> Result<Vec<Change>, Fault> {
    let here = |item: &Item| match item {
        Item::Person(Ok(person)) => person.id.as_deref().filter(|_| !person.removed).map(user_ref),
        Item::Team(Ok(team)) if !team.is_removed() => Some(group_ref(&team.id())),
        Item::Walked(team) => Some(group_ref(&team.id())),
        Item::Person(Err(bad)) | Item::Team(Err(bad)) => bad.what.clone(),
        _ => None,
    };
    let mut changes = Vec::with_capacity(items.len());
    let mut items = items.into_iter().peekable();
    // Up to the next one that is taken back, since order matters there; mostly that is all.
    while items.peek().is_some() {
        let mut run = Vec::new();
        let mut back = None;
        for item in items.by_ref() {
            match &item {
                Item::Person(Ok(person)) if person.removed => back = Some(item),
                Item::Team(Ok(team)) if team.is_removed() => back = Some(item),
                Item::Membership(..) => back = Some(item),
                _ => {
                    run.push(item);
                    continue;
                }
            }
            break;
        }
        let refs: Vec<_> = run.iter().filter_map(here).collect();
        let mut first = seen.records(outside, &refs, counts)?.into_iter();
        let members: Vec<_> = run.iter().flat_map(memberships).collect();
        seen.members(outside, &members, counts)?;
        for item in run {
            let is_first = here(&item).is_some() && first.next() == Some(true);
            changes.push(match item {
                // What comes again may name less than the first time.
                Item::Person(Ok(person)) if is_first => Change::User(person.whole()),
                Item::Person(Ok(person)) => Change::UserPatch(person.patch()),
                Item::Team(Ok(team)) if is_first => Change::Group(team.whole()),
                Item::Team(Ok(team)) => Change::GroupPatch(team.patch()),
                Item::Walked(team) => Change::Group(team.whole()),
                Item::Person(Err(bad)) | Item::Team(Err(bad)) => Change::Unreadable(bad),
                Item::Members(slice) => Change::Members(slice),
                Item::Membership(member, _) => Change::Member(member),
            });
        }
        if let Some(item) = back {
            changes.extend(taken_back(seen, outside, terms, item, counts)?);
        }
    }
    Ok(changes)
}

fn memberships(item: &Item) -> Vec<Membership> {
    match item {
        Item::Members(slice) => slice
            .members
            .iter()
            .map(|(member, kind)| Membership {
                group: slice.group.clone(),
                member: member.clone(),
                kind: *kind,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn taken_back(
    seen: &mut Seen,
    outside: &mut impl Outside,
    terms: &Terms,
    item: Item,
    counts: &mut Counts,
) -> Result<Option<Change>, Fault> {
    let what = match item {
        Item::Membership(member, true) => {
            let was = seen.takes_back_member(outside, &member, counts)?;
            return Ok(was.then_some(Change::MemberTakenBack(member)));
        }
        Item::Membership(member, false) => return Ok(Some(Change::Member(member))),
        Item::Person(Ok(person)) => person.id.map(ObjectRef::User),
        Item::Team(Ok(team)) => Some(group_ref(&team.id())),
        Item::Person(Err(_)) | Item::Team(Err(_)) | Item::Walked(_) | Item::Members(_) => None,
    };
    let Some(what) = what else { return Ok(None) };
    // The round has no order: what it says is removed may have come back before. What isn't handed over yet will be, if it is there.
    if seen.has(outside, std::slice::from_ref(&what))?.first() != Some(&true) {
        return Ok(None);
    }
    let change = match settled_one(outside, terms, &what)? {
        Change::UserGone(_) | Change::GroupGone(_) => {
            seen.takes_back(outside, &what, counts)?;
            Change::TakenBack(what)
        }
        other => other,
    };
    Ok(Some(change))
}

fn settled_one(outside: &mut impl Outside, terms: &Terms, what: &ObjectRef) -> Result<Change, Fault> {
    let (mut users, mut groups) = (BTreeSet::new(), BTreeSet::new());
    match what {
        ObjectRef::User(id) => users.insert(id.clone()),
        ObjectRef::Group(id) => groups.insert(id.clone()),
    };
    let change = settled(outside, terms, &users, &groups)?.pop();
    change.ok_or_else(|| Fault::Source("Graph gave no answer".to_owned()))
}

fn changed_member(group: &str, member: Member) -> Item {
    let Member { id, kind, removed } = member;
    Item::Membership(Membership { group: group.to_owned(), member: id, kind }, removed)
}

fn groups_among(members: &[Member]) -> impl Iterator<Item = String> + '_ {
    members.iter().filter(|member| member.kind == MemberKind::Group).map(|member| member.id.clone())
}
