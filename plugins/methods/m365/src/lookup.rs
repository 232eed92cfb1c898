//! Single objects by id, 20 in one request.

use crate::answer::{self, object};
use crate::group::{self, Team};
use crate::outside::{Failure, Link, Outside, Place, Request};
use crate::paths;
use crate::refused::{is_not_found, words};
use crate::user::Person;
use serde::de::DeserializeOwned;
use usher_plugin::{Change, Fault, MemberKind, MemberSlice, ObjectRef, Presence};

/// The most members that Graph gives at once.
pub const TOP: u32 = 999;
/// Members in one answer, of all its groups together: what fits a call.
const MEMBERS: usize = 10_000;

/// What became of an object.
pub enum Found<T> {
    /// It is there.
    Here(T),
    /// Graph says that it isn't.
    Gone,
    /// Graph says neither.
    Unknown(String),
}

/// Asks for each of these paths.
fn ask<T: DeserializeOwned>(
    outside: &mut impl Outside,
    paths: Vec<String>,
    what: &str,
) -> Result<Vec<Found<T>>, Fault> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let requests: Vec<_> = paths.into_iter().map(|path| Request { path, eventual: false }).collect();
    let answers = outside.batch(&requests)?;
    answers
        .into_iter()
        .map(|answer| match answer {
            Ok(body) => Ok(match object(&body, what) {
                Ok(found) => Found::Here(found),
                Err(Fault::Source(why)) => Found::Unknown(why),
                Err(other) => return Err(other),
            }),
            Err(Failure::Refused(refusal)) if is_not_found(&refusal) => Ok(Found::Gone),
            Err(Failure::Refused(refusal)) => Ok(Found::Unknown(words(&refusal))),
            // What ails the line or the account ails all of them.
            Err(Failure::Failed(fault)) => Err(fault),
        })
        .collect()
}

/// Users by id.
pub fn people(
    outside: &mut impl Outside,
    ids: &[&str],
    select: &str,
    managers: bool,
) -> Result<Vec<Found<Person>>, Fault> {
    ask(outside, ids.iter().map(|id| paths::user(id, select, managers)).collect(), "user")
}

/// Groups by id, without their members.
pub fn teams(outside: &mut impl Outside, ids: &[&str]) -> Result<Vec<Found<Team>>, Fault> {
    ask(outside, ids.iter().map(|id| paths::group(id, group::SELECT)).collect(), "group")
}

/// What the host asks for, in its order.
pub fn presences(
    outside: &mut impl Outside,
    refs: &[ObjectRef],
    select: &str,
    managers: bool,
) -> Result<Vec<Presence>, Fault> {
    let mut users = Vec::new();
    let mut groups = Vec::new();
    for what in refs {
        match what {
            ObjectRef::User(id) => users.push(id.as_str()),
            ObjectRef::Group(id) => groups.push(id.as_str()),
        }
    }
    let mut users = people(outside, &users, select, managers)?.into_iter();
    let mut groups = with_members(outside, &groups)?.into_iter();
    let nothing = || Presence::Unknown("Graph gave no answer".to_owned());
    Ok(refs
        .iter()
        .map(|what| match what {
            ObjectRef::User(_) => users
                .next()
                .map_or_else(nothing, |found| presence(found, |person| Change::User(person.whole()))),
            ObjectRef::Group(_) => groups.next().unwrap_or_else(nothing),
        })
        .collect())
}

/// Groups by id with their whole lists of members: who is asked for may be somebody whose list was never read.
fn with_members(outside: &mut impl Outside, ids: &[&str]) -> Result<Vec<Presence>, Fault> {
    let mut room = MEMBERS;
    let mut presences = Vec::with_capacity(ids.len());
    for (id, found) in ids.iter().zip(teams(outside, ids)?) {
        let team = match found {
            Found::Here(team) => team,
            other => {
                presences.push(presence(other, |team| Change::Group(team.whole())));
                continue;
            }
        };
        presences.push(match members(outside, id, room)? {
            Ok(members) => {
                room -= members.len();
                let slice = MemberSlice { group: (*id).to_owned(), members, last: true };
                Presence::Here(vec![Change::Group(team.whole()), Change::Members(slice)])
            }
            Err(why) => Presence::Unknown(why),
        });
    }
    Ok(presences)
}

/// All direct members of a group, if there are no more of them than there is room for; else why they aren't given.
fn members(
    outside: &mut impl Outside,
    id: &str,
    room: usize,
) -> Result<Result<Vec<(String, MemberKind)>, String>, Fault> {
    let mut place = Some(Place::First(Request { path: paths::members(id, "id", TOP), eventual: false }));
    let mut members = Vec::new();
    while let Some(at) = place.take() {
        let page = match outside.get(&at) {
            Ok(page) => page,
            Err(Failure::Refused(refusal)) => return Ok(Err(words(&refusal))),
            Err(Failure::Failed(fault)) => return Err(fault),
        };
        let (found, _) = answer::members(&page.body)?;
        members.extend(found.into_iter().map(|member| (member.id, member.kind)));
        if members.len() > room {
            return Ok(Err(format!("its list of members is too long to be read beside others: {room} fit")));
        }
        if let Link::Next(link) = page.link {
            place = Some(Place::At(link));
        }
    }
    Ok(Ok(members))
}

fn presence<T>(found: Found<T>, change: impl FnOnce(T) -> Change) -> Presence {
    match found {
        Found::Here(record) => Presence::Here(vec![change(record)]),
        Found::Gone => Presence::Gone,
        Found::Unknown(why) => Presence::Unknown(why),
    }
}
