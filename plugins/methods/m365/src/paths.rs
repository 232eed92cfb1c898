//! The paths that are asked for, and the grant that names them.

use serde_json::{Value as Json, json};

/// Every path, for the grant.
pub fn grant() -> Json {
    json!({ "paths": [
        "/users", "/users/delta", "/users/{id}",
        "/groups", "/groups/delta", "/groups/{id}", "/groups/{id}/members",
        "/organization",
    ] })
}

/// The first round of users, or with `latest` none of it and only where the next one begins.
pub fn users_delta(select: &str, managers: bool, latest: bool) -> String {
    let managers = if managers { ",manager" } else { "" };
    format!("/users/delta?$select={select}{managers}{}", latest_if(latest))
}

/// The same of groups with their members.
pub fn groups_delta(select: &str, latest: bool) -> String {
    format!("/groups/delta?$select={select},members{}", latest_if(latest))
}

fn latest_if(latest: bool) -> &'static str {
    if latest { "&$deltatoken=latest" } else { "" }
}

/// One user.
pub fn user(id: &str, select: &str, manager: bool) -> String {
    let manager = if manager { "&$expand=manager($select=id)" } else { "" };
    format!("/users/{}?$select={select}{manager}", segment(id))
}

/// One group.
pub fn group(id: &str, select: &str) -> String {
    format!("/groups/{}?$select={select}", segment(id))
}

/// Direct members of a group.
pub fn members(id: &str, select: &str, top: u32) -> String {
    format!("/groups/{}/members?$select={select}&$top={top}", segment(id))
}

/// Groups, those whose name has a word that begins so.
pub fn groups(select: &str, search: Option<&str>, top: u32) -> String {
    let search = search.map(|text| {
        // Inside the quotes of $search a quote and a backslash are escaped.
        let quoted: String = text.chars().filter(|letter| !letter.is_control()).collect();
        let quoted = quoted.replace('\\', "\\\\").replace('"', "\\\"");
        format!("&$count=true&$search={}", encoded(&format!("\"displayName:{quoted}\"")))
    });
    format!("/groups?$select={select}&$top={top}{}", search.unwrap_or_default())
}

/// An id as one segment.
fn segment(id: &str) -> String {
    encoded(id)
}

/// RFC 3986 section 2.1: everything but the unreserved letters.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
