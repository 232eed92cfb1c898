//! Users and groups: lists, single ones, what they are in and what is in them, and the deleted ones.

use super::answer::Answer;
use super::error::{GraphError, invalid_option, not_found};
use super::list::{Listing, count, list, read_expand};
use super::represent::{Selection, View};
use super::request::Call;
use super::rights::Need;
use crate::tenant::{Identity, Kind, Life, Object, Place, State};

const BOTH: &[Kind] = &[Kind::User, Kind::Group];

/// The kind that a cast leaves, in the form that listings take.
fn cast(segment: &str) -> Option<&'static [Kind]> {
    match segment {
        "microsoft.graph.user" => Some(&[Kind::User]),
        "microsoft.graph.group" => Some(&[Kind::Group]),
        _ => None,
    }
}

fn only(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::User => &[Kind::User],
        Kind::Group => &[Kind::Group],
    }
}

/// Answers what is behind `/users` or `/groups`; nothing if nothing is there.
pub fn read(state: &State, call: &Call<'_>, kind: Kind, rest: &[&str]) -> Option<Result<Answer, GraphError>> {
    match rest {
        [] | ["$count"] => Some(all(state, call, kind, !rest.is_empty())),
        [id, rest @ ..] => {
            let found = find(state, kind, id).ok_or_else(|| not_found(id));
            match found {
                Ok(place) => below(state, call, place, rest),
                Err(error) => Some(Need::reading(kind).check(call.identity).and(Err(error))),
            }
        }
    }
}

/// Answers what is behind `/me`.
pub fn oneself(state: &State, call: &Call<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    let Identity::Delegated { user, .. } = call.identity else {
        return Err(super::error::bad_request("'/me' is for users; an application on its own is nobody."));
    };
    let place = find(state, Kind::User, user).ok_or_else(|| not_found(user))?;
    below(state, call, place, rest).unwrap_or_else(|| Err(super::error::no_segment(&rest.join("/"))))
}

/// A live object by id, users also by user principal name.
pub fn find(state: &State, kind: Kind, id: &str) -> Option<Place> {
    let directory = &state.directory;
    let by_name = || directory.find_upn(id).filter(|_| kind == Kind::User);
    let place = directory.find(id).or_else(by_name)?;
    directory.object(place).filter(|object| object.is_live() && object.kind == kind).map(|_| place)
}

fn all(state: &State, call: &Call<'_>, kind: Kind, counted: bool) -> Result<Answer, GraphError> {
    Need::reading(kind).check(call.identity)?;
    let listing =
        Listing { collection: kind.collection(), kinds: only(kind), typed: false, tail: Vec::new() };
    let places = state.directory.live(kind).map(|(place, _)| place);
    if counted { count(state, call, &listing, places) } else { list(state, call, &listing, places) }
}

/// What is behind one object.
fn below(state: &State, call: &Call<'_>, place: Place, rest: &[&str]) -> Option<Result<Answer, GraphError>> {
    let object = state.directory.object(place)?;
    let may = || {
        let oneself = call.identity.is(object) && Need::Oneself.met_by(call.identity);
        if oneself { Ok(()) } else { Need::reading(object.kind).check(call.identity) }
    };
    match (object.kind, rest) {
        (_, []) => Some(may().and_then(|()| one(state, call, object))),
        (Kind::User, ["manager"]) => Some(may().and_then(|()| manager(state, call, object))),
        (_, [link @ ("memberOf" | "transitiveMemberOf"), rest @ ..]) => {
            let mut places = match *link {
                "memberOf" => state.directory.groups_of(object).collect(),
                _ => state.directory.groups_above(place).into_iter().collect::<Vec<_>>(),
            };
            places.sort_unstable();
            let may = || may().or_else(|_| Need::Groups.check(call.identity));
            if rest.first() == Some(&"microsoft.graph.directoryRole") {
                return Some(may().and_then(|()| super::role::of(state, call, place, rest.get(1).copied())));
            }
            let roles = if rest.first().is_none_or(|first| *first == "$count") {
                super::role::held(state, place)
            } else {
                Vec::new()
            };
            linked(state, call, rest, places, roles, may)
        }
        (Kind::Group, [link @ ("members" | "transitiveMembers"), rest @ ..]) => {
            let places = match *link {
                "members" => state.directory.members(object).map(|(place, _)| place).collect(),
                _ => state.directory.members_below(place).into_iter().collect(),
            };
            linked(state, call, rest, places, Vec::new(), || Need::Groups.check(call.identity))
        }
        _ => None,
    }
}

/// A list behind an object, with its casts and counts.
fn linked(
    state: &State,
    call: &Call<'_>,
    rest: &[&str],
    places: Vec<Place>,
    tail: Vec<Vec<u8>>,
    may: impl Fn() -> Result<(), GraphError>,
) -> Option<Result<Answer, GraphError>> {
    let (kinds, counted) = match rest {
        [] => (BOTH, false),
        ["$count"] => (BOTH, true),
        [of] => (cast(of)?, false),
        [of, "$count"] => (cast(of)?, true),
        _ => return None,
    };
    let collection = match kinds {
        [kind] => kind.collection(),
        _ => "directoryObjects",
    };
    let listing = Listing { collection, kinds, typed: kinds.len() > 1, tail };
    let wanted =
        |place: &Place| state.directory.object(*place).is_some_and(|object| kinds.contains(&object.kind));
    let places = places.iter().copied().filter(wanted);
    Some(may().and_then(|()| {
        if counted { count(state, call, &listing, places) } else { list(state, call, &listing, places) }
    }))
}

fn one(state: &State, call: &Call<'_>, object: &Object) -> Result<Answer, GraphError> {
    let kind = object.kind;
    let selection = Selection::read(call.query.select.as_deref(), &[kind], &state.directory)?;
    let expand = read_expand(call, kind, &state.directory)?;
    let context = call.context(&format!("{}{}/$entity", kind.collection(), selection.suffix()));
    let view = View {
        directory: &state.directory,
        identity: call.identity,
        selection,
        expand,
        typed: false,
        upper: state.unruly.changing_case,
    };
    let mut body = Vec::new();
    view.put(&mut body, object, Some(&context));
    Ok(Answer::json(200, body))
}

fn manager(state: &State, call: &Call<'_>, user: &Object) -> Result<Answer, GraphError> {
    let manager = state.directory.manager(user).ok_or_else(|| not_found("manager"))?;
    let selection = Selection::read(call.query.select.as_deref(), &[Kind::User], &state.directory)?;
    let context = call.context(&format!("directoryObjects{}/$entity", selection.suffix()));
    let view = View {
        directory: &state.directory,
        identity: call.identity,
        selection,
        expand: Vec::new(),
        typed: true,
        upper: state.unruly.changing_case,
    };
    let mut body = Vec::new();
    view.put(&mut body, manager, Some(&context));
    Ok(Answer::json(200, body))
}

/// Answers the deleted items of a kind.
pub fn deleted(
    state: &State,
    call: &Call<'_>,
    kind: Kind,
    rest: &[&str],
) -> Option<Result<Answer, GraphError>> {
    let listing =
        Listing { collection: kind.collection(), kinds: only(kind), typed: false, tail: Vec::new() };
    let is = |place: &Place| {
        state
            .directory
            .object(*place)
            .is_some_and(|object| object.kind == kind && matches!(object.life, Life::Deleted(_)))
    };
    let places = state.directory.bin.iter().copied().filter(is);
    let may = Need::reading_deleted(kind).check(call.identity);
    match rest {
        [] => Some(may.and_then(|()| list(state, call, &listing, places))),
        ["$count"] => Some(may.and_then(|()| count(state, call, &listing, places))),
        _ => None,
    }
}

/// Answers one deleted item. Without a cast there is no list of them.
pub fn deleted_one(
    state: &State,
    call: &Call<'_>,
    id: &str,
    rest: &[&str],
) -> Option<Result<Answer, GraphError>> {
    if !rest.is_empty() {
        return None;
    }
    let found = state.directory.find(id).filter(|place| state.directory.bin.contains(place));
    let object = found.and_then(|place| state.directory.object(place)).ok_or_else(|| not_found(id));
    Some(object.and_then(|object| {
        Need::reading_deleted(object.kind).check(call.identity)?;
        if call.query.expand.is_some() {
            return Err(invalid_option("'$expand' is not supported here."));
        }
        let selection = Selection::read(call.query.select.as_deref(), &[object.kind], &state.directory)?;
        let view = View {
            directory: &state.directory,
            identity: call.identity,
            selection,
            expand: Vec::new(),
            typed: true,
            upper: state.unruly.changing_case,
        };
        let mut body = Vec::new();
        view.put(&mut body, object, Some(&call.context("directoryObjects/$entity")));
        Ok(Answer::json(200, body))
    }))
}
