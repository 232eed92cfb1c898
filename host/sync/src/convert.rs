//! Between the contract's types and the host's own. What comes from a plugin is decoded once, here.

use std::collections::BTreeMap;
use usher_model as model;
use usher_runtime::contract::{hook, model as wire};

/// A value; none for `cleared`.
pub fn value(value: wire::Value) -> Option<model::Value> {
    Some(match value {
        wire::Value::Text(text) => model::Value::Text(text),
        wire::Value::Truth(truth) => model::Value::Truth(truth),
        wire::Value::Whole(whole) => model::Value::Whole(whole),
        wire::Value::Moment(moment) => model::Value::Moment { moment },
        wire::Value::Many(many) => model::Value::Many(many),
        wire::Value::Cleared => return None,
    })
}

fn wire_value(value: &model::Value) -> wire::Value {
    match value {
        model::Value::Text(text) => wire::Value::Text(text.clone()),
        model::Value::Truth(truth) => wire::Value::Truth(*truth),
        model::Value::Whole(whole) => wire::Value::Whole(*whole),
        model::Value::Moment { moment } => wire::Value::Moment(moment.clone()),
        model::Value::Many(many) => wire::Value::Many(many.clone()),
    }
}

fn kind(kind: wire::GroupKind) -> model::GroupKind {
    match kind {
        wire::GroupKind::Security => model::GroupKind::Security,
        wire::GroupKind::MailEnabledSecurity => model::GroupKind::MailEnabledSecurity,
        wire::GroupKind::Distribution => model::GroupKind::Distribution,
        wire::GroupKind::Microsoft365 => model::GroupKind::Microsoft365,
        wire::GroupKind::Other => model::GroupKind::Other,
    }
}

fn wire_kind(kind: model::GroupKind) -> wire::GroupKind {
    match kind {
        model::GroupKind::Security => wire::GroupKind::Security,
        model::GroupKind::MailEnabledSecurity => wire::GroupKind::MailEnabledSecurity,
        model::GroupKind::Distribution => wire::GroupKind::Distribution,
        model::GroupKind::Microsoft365 => wire::GroupKind::Microsoft365,
        model::GroupKind::Other => wire::GroupKind::Other,
    }
}

/// A member's kind.
pub fn member_kind(kind: wire::MemberKind) -> model::MemberKind {
    match kind {
        wire::MemberKind::User => model::MemberKind::User,
        wire::MemberKind::Group => model::MemberKind::Group,
    }
}

/// `emails` are several, whatever a plugin makes of one of them: so they are looked for.
fn listed(name: &str, value: model::Value) -> model::Value {
    match value {
        model::Value::Many(_) => value,
        one if name == model::EMAILS => model::Value::Many(vec![one.to_string()]),
        other => other,
    }
}

/// Only what isn't blank: an attribute without a value isn't in the map.
fn whole(attributes: Vec<(String, wire::Value)>) -> model::Attributes {
    attributes
        .into_iter()
        .filter_map(|(name, given)| value(given).map(|value| (name, value)))
        .map(|(name, value)| {
            let value = listed(&name, value);
            (name, value)
        })
        .filter(|(_, value)| match value {
            model::Value::Text(text) => !text.is_empty(),
            model::Value::Many(many) => !many.is_empty(),
            _ => true,
        })
        .collect()
}

fn patched(attributes: Vec<(String, wire::Value)>) -> BTreeMap<String, Option<model::Value>> {
    attributes
        .into_iter()
        .map(|(name, given)| {
            let value = value(given).map(|value| listed(&name, value));
            (name, value)
        })
        .collect()
}

/// A whole user.
pub fn user(user: wire::User) -> model::User {
    model::User {
        id: user.id,
        user_name: user.user_name.filter(|name| !name.trim().is_empty()),
        active: user.active,
        attributes: whole(user.attributes),
    }
}

/// A change of a user.
pub fn user_patch(user: wire::User) -> model::UserPatch {
    model::UserPatch {
        id: user.id,
        user_name: user.user_name,
        active: user.active,
        attributes: patched(user.attributes),
    }
}

/// A whole group.
pub fn group(group: wire::Group) -> model::Group {
    model::Group {
        id: group.id,
        display_name: group.display_name.filter(|name| !name.trim().is_empty()),
        kind: group.kind.map(kind),
        attributes: whole(group.attributes),
    }
}

/// A change of a group.
pub fn group_patch(group: wire::Group) -> model::GroupPatch {
    model::GroupPatch {
        id: group.id,
        display_name: group.display_name,
        kind: group.kind.map(kind),
        attributes: patched(group.attributes),
    }
}

fn wire_attributes(attributes: &model::Attributes) -> Vec<(String, wire::Value)> {
    attributes.iter().map(|(name, value)| (name.clone(), wire_value(value))).collect()
}

/// A user for a policy.
pub fn wire_user(user: &model::User) -> wire::User {
    wire::User {
        id: user.id.clone(),
        user_name: user.user_name.clone(),
        active: user.active,
        attributes: wire_attributes(&user.attributes),
    }
}

/// A group for a policy.
pub fn wire_group(group: &model::Group) -> wire::Group {
    wire::Group {
        id: group.id.clone(),
        display_name: group.display_name.clone(),
        kind: group.kind.map(wire_kind),
        attributes: wire_attributes(&group.attributes),
    }
}

/// A policy's edits.
pub fn edits(edits: Vec<hook::Edit>) -> BTreeMap<String, Option<model::Value>> {
    patched(edits.into_iter().map(|edit| (edit.attribute, edit.value)).collect())
}
