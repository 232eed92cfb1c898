//! Which address is whose.

use super::answer::Answer;
use super::error::{GraphError, no_method, no_segment};
use super::request::Call;
use super::{delta, object, organisation, principal, role, write};
use crate::tenant::{Kind, State};
use percent_encoding::percent_decode_str;

/// The segments of a path, decoded. `users('id')` is two of them, and casts are in the form `microsoft.graph.user`.
pub fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = percent_decode_str(segment).decode_utf8_lossy();
        match segment.split_once("('").and_then(|(name, rest)| Some((name, rest.strip_suffix("')")?))) {
            Some((name, key)) => segments.extend([name.to_owned(), key.to_owned()]),
            None => segments.push(normal(&segment)),
        }
    }
    segments
}

/// One way of writing functions and casts, of which there are several.
fn normal(segment: &str) -> String {
    let name = segment.strip_suffix("()").unwrap_or(segment);
    let bare = name.strip_prefix("microsoft.graph.").or_else(|| name.strip_prefix("graph."));
    match bare.unwrap_or(name) {
        "delta" => "delta".to_owned(),
        "restore" => "restore".to_owned(),
        "assignLicense" => "assignLicense".to_owned(),
        bare if name.contains("graph.") => format!("microsoft.graph.{bare}"),
        _ => name.to_owned(),
    }
}

fn cast(segment: &str) -> Option<Kind> {
    match segment {
        "microsoft.graph.user" => Some(Kind::User),
        "microsoft.graph.group" => Some(Kind::Group),
        _ => None,
    }
}

/// Finds who answers.
pub fn route(state: &mut State, call: &Call<'_>) -> Result<Answer, GraphError> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let unknown = || no_segment(&call.segments.join("/"));
    let kind = match segments.first() {
        Some(&"users") => Some(Kind::User),
        Some(&"groups") => Some(Kind::Group),
        _ => None,
    };
    match (call.request.method.as_str(), kind, segments.as_slice()) {
        ("GET", Some(kind), [_, "delta"]) => {
            super::rights::Need::reading(kind).check(call.identity)?;
            delta::delta(state, call, kind)
        }
        ("GET", _, ["me", rest @ ..]) => object::oneself(state, call, rest),
        ("GET", Some(kind), [_, rest @ ..]) => {
            object::read(state, call, kind, rest).unwrap_or_else(|| Err(unknown()))
        }
        ("GET", _, ["directory", "deletedItems" | "deleteditems", of, rest @ ..]) => match cast(of) {
            Some(kind) => object::deleted(state, call, kind, rest).unwrap_or_else(|| Err(unknown())),
            None => object::deleted_one(state, call, of, rest).unwrap_or_else(|| Err(unknown())),
        },
        ("GET", _, ["organization", rest @ ..]) => organisation::organisation(state, call, rest),
        ("GET", _, ["domains", rest @ ..]) => organisation::domains(state, call, rest),
        ("GET", _, ["subscribedSkus", rest @ ..]) => organisation::skus(state, call, rest),
        ("GET", _, ["directoryRoles", rest @ ..]) => {
            role::read(state, call, rest).unwrap_or_else(|| Err(unknown()))
        }
        ("GET", _, ["servicePrincipals", rest @ ..]) => {
            principal::read(state, call, rest).unwrap_or_else(|| Err(unknown()))
        }
        ("POST", Some(kind), [_]) => write::create(state, call, kind),
        ("PATCH", Some(kind), [_, id]) => write::update(state, call, kind, id),
        ("DELETE", Some(kind), [_, id]) => write::delete(state, call, kind, id),
        ("POST", Some(Kind::Group), [_, id, "members", "$ref"]) => write::add_member(state, call, id),
        ("DELETE", Some(Kind::Group), [_, id, "members", member, "$ref"]) => {
            write::remove_member(state, call, id, member)
        }
        ("PUT", Some(Kind::User), [_, id, "manager", "$ref"]) => write::set_manager(state, call, id),
        ("DELETE", Some(Kind::User), [_, id, "manager", "$ref"]) => write::clear_manager(state, call, id),
        ("POST", Some(Kind::User), [_, id, "assignLicense"]) => write::assign_licences(state, call, id),
        ("POST", _, ["directory", "deletedItems" | "deleteditems", id, "restore"]) => {
            write::restore(state, call, id)
        }
        ("DELETE", _, ["directory", "deletedItems" | "deleteditems", id]) => write::purge(state, call, id),
        ("POST" | "PATCH" | "PUT" | "DELETE", Some(_), [_, ..]) => Err(no_method()),
        _ => Err(unknown()),
    }
}
