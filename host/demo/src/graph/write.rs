//! The writes of an administrator.

use super::answer::Answer;
use super::error::{GraphError, bad_request, not_found};
use super::object::find;
use super::represent::{Selection, View};
use super::request::Call;
use super::rights::Need;
use crate::tenant::{Guid, Kind, Place, State};
use serde_json::{Map, Value};

/// The most members that one request adds by `members@odata.bind`.
const MOST_BOUND: usize = 20;

/// What a new object has to have.
fn required(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => {
            &["accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"]
        }
        Kind::Group => &["displayName", "mailEnabled", "mailNickname", "securityEnabled"],
    }
}

/// `POST /users` and `POST /groups`.
pub fn create(state: &mut State, call: &Call<'_>, kind: Kind) -> Result<Answer, GraphError> {
    Need::writing(kind).check(call.identity)?;
    let body = call.request.object()?;
    let missing = required(kind).iter().find(|name| body.get(**name).is_none_or(Value::is_null));
    if let Some(missing) = missing {
        return Err(bad_request(format!(
            "Property '{missing}' is missing, without which there is no '{}'.",
            resource(kind)
        )));
    }
    let unified = body
        .get("groupTypes")
        .and_then(Value::as_array)
        .is_some_and(|types| types.iter().any(|kind| kind == "Unified"));
    if kind == Kind::Group && body.get("mailEnabled") == Some(&Value::Bool(true)) && !unified {
        return Err(bad_request(
            "Only Microsoft 365 groups can be made mail-enabled here; distribution lists are made in Exchange.",
        ));
    }
    let members = bound(state, &body)?;
    let guid = state.create(kind, &body)?;
    let place = state.directory.find(&guid.to_string()).ok_or_else(|| not_found(resource(kind)))?;
    for member in members {
        state.directory.add_member(place, member)?;
    }
    entity(state, call, place, 201)
}

/// `PATCH /users/{id}` and `PATCH /groups/{id}`.
pub fn update(state: &mut State, call: &Call<'_>, kind: Kind, id: &str) -> Result<Answer, GraphError> {
    let body = call.request.object()?;
    let need = if body.keys().all(|name| name == "members@odata.bind") {
        Need::WriteMembers
    } else {
        Need::writing(kind)
    };
    need.check(call.identity)?;
    let place = find(state, kind, id).ok_or_else(|| not_found(id))?;
    let members = bound(state, &body)?;
    let inside = |member: &Place| {
        state
            .directory
            .object(place)
            .is_some_and(|group| group.members.get(member).is_some_and(|link| link.present))
    };
    if members.iter().any(inside) {
        return Err(already());
    }
    state.update(place, &body)?;
    for member in members {
        state.directory.add_member(place, member)?;
    }
    Ok(Answer::no_content())
}

/// `DELETE /users/{id}` and `DELETE /groups/{id}`.
pub fn delete(state: &mut State, call: &Call<'_>, kind: Kind, id: &str) -> Result<Answer, GraphError> {
    Need::writing(kind).check(call.identity)?;
    let place = find(state, kind, id).ok_or_else(|| not_found(id))?;
    let now = state.now;
    state.directory.delete(place, now)?;
    Ok(Answer::no_content())
}

/// `POST /groups/{id}/members/$ref`.
pub fn add_member(state: &mut State, call: &Call<'_>, id: &str) -> Result<Answer, GraphError> {
    Need::WriteMembers.check(call.identity)?;
    let group = find(state, Kind::Group, id).ok_or_else(|| not_found(id))?;
    let member = referred(state, call.request.object()?.get("@odata.id"))?;
    state.directory.add_member(group, member).map_err(|refused| match refused {
        crate::tenant::EditError::AlreadyMember { .. } => already(),
        other => other.into(),
    })?;
    Ok(Answer::no_content())
}

/// `DELETE /groups/{id}/members/{id}/$ref`.
pub fn remove_member(
    state: &mut State,
    call: &Call<'_>,
    id: &str,
    member: &str,
) -> Result<Answer, GraphError> {
    Need::WriteMembers.check(call.identity)?;
    let group = find(state, Kind::Group, id).ok_or_else(|| not_found(id))?;
    let member = state.directory.find(member).ok_or_else(|| not_found(member))?;
    state.directory.remove_member(group, member)?;
    Ok(Answer::no_content())
}

/// `PUT /users/{id}/manager/$ref`.
pub fn set_manager(state: &mut State, call: &Call<'_>, id: &str) -> Result<Answer, GraphError> {
    Need::WriteUsers.check(call.identity)?;
    let user = find(state, Kind::User, id).ok_or_else(|| not_found(id))?;
    let manager = referred(state, call.request.object()?.get("@odata.id"))?;
    state.directory.set_manager(user, Some(manager));
    Ok(Answer::no_content())
}

/// `DELETE /users/{id}/manager/$ref`.
pub fn clear_manager(state: &mut State, call: &Call<'_>, id: &str) -> Result<Answer, GraphError> {
    Need::WriteUsers.check(call.identity)?;
    let user = find(state, Kind::User, id).ok_or_else(|| not_found(id))?;
    state.directory.set_manager(user, None);
    Ok(Answer::no_content())
}

/// `POST /users/{id}/assignLicense`.
pub fn assign_licences(state: &mut State, call: &Call<'_>, id: &str) -> Result<Answer, GraphError> {
    Need::WriteLicences.check(call.identity)?;
    let user = find(state, Kind::User, id).ok_or_else(|| not_found(id))?;
    let body = call.request.object()?;
    let list = |name: &str| {
        body.get(name)
            .and_then(Value::as_array)
            .ok_or_else(|| bad_request(format!("'{name}' has to be a list, even an empty one.")))
    };
    let (add, remove) = (list("addLicenses")?, list("removeLicenses")?);
    let remove: Vec<String> = remove.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if state.directory.object(user).and_then(|user| user.properties.text("usageLocation")).is_none()
        && !add.is_empty()
    {
        return Err(bad_request("A user without 'usageLocation' can't be given licences."));
    }
    state.set_licences(user, add, &remove)?;
    entity(state, call, user, 200)
}

/// `POST /directory/deletedItems/{id}/restore`.
pub fn restore(state: &mut State, call: &Call<'_>, id: &str) -> Result<Answer, GraphError> {
    let (place, kind) = in_bin(state, id)?;
    Need::writing(kind).check(call.identity)?;
    state.directory.restore(place)?;
    entity(state, call, place, 200)
}

/// `DELETE /directory/deletedItems/{id}`.
pub fn purge(state: &mut State, call: &Call<'_>, id: &str) -> Result<Answer, GraphError> {
    let (place, kind) = in_bin(state, id)?;
    Need::writing(kind).check(call.identity)?;
    let now = state.now;
    state.directory.purge(place, now)?;
    Ok(Answer::no_content())
}

fn in_bin(state: &State, id: &str) -> Result<(Place, Kind), GraphError> {
    let place = state.directory.find(id).filter(|place| state.directory.bin.contains(place));
    let found = place.and_then(|place| Some((place, state.directory.object(place)?.kind)));
    found.ok_or_else(|| not_found(id))
}

fn resource(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "User",
        Kind::Group => "Group",
    }
}

fn already() -> GraphError {
    bad_request("An added object is among 'members' already.")
}

/// What an `@odata.id` leads to: `https://…/v1.0/directoryObjects/{id}`.
fn referred(state: &State, link: Option<&Value>) -> Result<Place, GraphError> {
    let link = link.and_then(Value::as_str).ok_or_else(|| bad_request("'@odata.id' is missing."))?;
    let last = super::route::segments(link).pop().unwrap_or_default();
    let place = Guid::parse(&last).and_then(|_| state.directory.find(&last));
    place.filter(|place| state.directory.is_live(*place)).ok_or_else(|| not_found(&last))
}

/// The members that a body adds.
fn bound(state: &State, body: &Map<String, Value>) -> Result<Vec<Place>, GraphError> {
    let Some(links) = body.get("members@odata.bind").and_then(Value::as_array) else { return Ok(Vec::new()) };
    if links.len() > MOST_BOUND {
        return Err(bad_request(format!("At most {MOST_BOUND} members can be added by one request.")));
    }
    links.iter().map(|link| referred(state, Some(link))).collect()
}

/// An object as the answer to a write: its default properties.
fn entity(state: &State, call: &Call<'_>, place: Place, status: u16) -> Result<Answer, GraphError> {
    let object = state.directory.object(place).ok_or_else(|| not_found("object"))?;
    let selection = Selection::read(None, &[object.kind], &state.directory)?;
    let context = call.context(&format!("{}/$entity", object.kind.collection()));
    let view = View {
        directory: &state.directory,
        identity: call.identity,
        selection,
        expand: Vec::new(),
        typed: status == 200,
        upper: state.unruly.changing_case,
    };
    let mut body = Vec::new();
    view.put(&mut body, object, Some(&context));
    let mut answer = Answer::json(status, body);
    if status == 201 {
        answer
            .headers
            .push(("location", format!("{}/{}/{}", call.root(), object.kind.collection(), object.guid)));
    }
    Ok(answer)
}
