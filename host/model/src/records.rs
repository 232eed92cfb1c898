//! Users, groups, memberships and patches of them.

use crate::digest::Digest;
use crate::key::fold;
use crate::value::{Attributes, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name under which policies edit [`User::user_name`].
pub const USER_NAME: &str = "userName";
/// The name under which policies edit [`User::active`].
pub const ACTIVE: &str = "active";
/// RFC 7643 section 4.1.2, the values only, the primary one first.
pub const EMAILS: &str = "emails";
/// RFC 7643 section 4.3: here the manager's source id or userName.
pub const MANAGER: &str = "manager";
/// RFC 7643 sections 4.1.1 and 4.2.
pub const DISPLAY_NAME: &str = "displayName";

/// A user as a source gave it, or as policies left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The source's key for the user.
    pub id: String,
    /// RFC 7643 section 4.1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// RFC 7643 section 4.1.1; none where the source doesn't say, which counts as active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: Attributes,
}

/// What kind of group it is, in Graph's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// A security group.
    Security,
    /// A security group with a mailbox.
    MailEnabledSecurity,
    /// A distribution list.
    Distribution,
    /// A Microsoft 365 group, also when it is security-enabled.
    Microsoft365,
    /// Anything else.
    Other,
}

impl GroupKind {
    /// The name used in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::MailEnabledSecurity => "mail-enabled-security",
            Self::Distribution => "distribution",
            Self::Microsoft365 => "microsoft365",
            Self::Other => "other",
        }
    }
}

/// A group as a source gave it, or as policies left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The source's key for the group.
    pub id: String,
    /// RFC 7643 section 4.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// None where the source knows no kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<GroupKind>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: Attributes,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberKind {
    /// A user.
    User,
    /// A nested group.
    Group,
}

impl MemberKind {
    /// The name used in the store and in what people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

/// A member of a group, both by their source ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Membership {
    /// The group.
    pub group: String,
    /// The member.
    pub member: String,
    /// What the member is.
    pub kind: MemberKind,
}

/// A change to some attributes of a user; `None` clears one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// The source's key for the user.
    pub id: String,
    /// A new userName, if given.
    pub user_name: Option<String>,
    /// A new state, if given.
    pub active: Option<bool>,
    /// New or cleared attributes.
    pub attributes: BTreeMap<String, Option<Value>>,
}

/// A change to some attributes of a group; `None` clears one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPatch {
    /// The source's key for the group.
    pub id: String,
    /// A new name, if given.
    pub display_name: Option<String>,
    /// A new kind, if given.
    pub kind: Option<GroupKind>,
    /// New or cleared attributes.
    pub attributes: BTreeMap<String, Option<Value>>,
}

fn patch(attributes: &mut Attributes, changes: BTreeMap<String, Option<Value>>) {
    for (name, value) in changes {
        match value {
            Some(value) => attributes.insert(name, value),
            None => attributes.remove(&name),
        };
    }
}

impl User {
    /// Whether the user may act: what the source doesn't say counts as yes.
    pub fn is_active(&self) -> bool {
        self.active.unwrap_or(true)
    }

    /// Whether he is of another organisation, and only invited: his `userType` is Entra's `Guest`.
    pub fn is_guest(&self) -> bool {
        self.text("userType").is_some_and(|kind| fold(kind) == "guest")
    }

    /// The attribute's text, if it is one.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).and_then(Value::as_text)
    }

    /// All e-mail addresses, the primary one first.
    pub fn emails(&self) -> &[String] {
        self.attributes.get(EMAILS).map_or(&[], Value::texts)
    }

    /// What to call the user in messages.
    pub fn label(&self) -> &str {
        self.user_name.as_deref().or_else(|| self.text(DISPLAY_NAME)).unwrap_or(&self.id)
    }

    /// Takes over what the patch names.
    pub fn apply(&mut self, change: UserPatch) {
        if let Some(user_name) = change.user_name {
            self.user_name = Some(user_name);
        }
        if let Some(active) = change.active {
            self.active = Some(active);
        }
        patch(&mut self.attributes, change.attributes);
    }

    /// The canonical JSON text.
    pub fn canonical(&self) -> String {
        canonical(self)
    }
}

impl Group {
    /// What to call the group in messages.
    pub fn label(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.id)
    }

    /// Takes over what the patch names.
    pub fn apply(&mut self, change: GroupPatch) {
        if let Some(display_name) = change.display_name {
            self.display_name = Some(display_name);
        }
        if let Some(kind) = change.kind {
            self.kind = Some(kind);
        }
        patch(&mut self.attributes, change.attributes);
    }

    /// The canonical JSON text.
    pub fn canonical(&self) -> String {
        canonical(self)
    }
}

fn canonical(record: &impl Serialize) -> String {
    // Strings, numbers, booleans and string-keyed maps always serialise; the fallback keeps the signature honest.
    serde_json::to_string(record).unwrap_or_default()
}

/// The digest of a canonical text, in the short form that is stored.
pub fn content_hash(canonical: &str) -> String {
    Digest::of(canonical).short()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_own_json() {
        let user = User {
            id: "7".into(),
            user_name: Some("ann@acme.example".into()),
            active: Some(false),
            attributes: BTreeMap::from([
                (EMAILS.into(), Value::Many(vec!["ann@acme.example".into()])),
                ("hired".into(), Value::Moment { moment: "2026-01-01T00:00:00Z".into() }),
                ("floor".into(), Value::Whole(3)),
                ("keys".into(), Value::Truth(true)),
            ]),
        };
        let back: User = serde_json::from_str(&user.canonical()).unwrap();
        assert_eq!(back, user);
        assert_eq!(back.canonical(), user.canonical());
    }

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let mut user = User { id: "7".into(), user_name: Some("ann".into()), ..User::default() };
        user.attributes.insert("title".into(), "Engineer".into());
        user.attributes.insert("department".into(), "R&D".into());
        user.apply(UserPatch {
            id: "7".into(),
            attributes: BTreeMap::from([("title".into(), None), ("floor".into(), Some(Value::Whole(2)))]),
            ..UserPatch::default()
        });
        assert_eq!(user.user_name.as_deref(), Some("ann"));
        assert_eq!(user.text("department"), Some("R&D"));
        assert!(!user.attributes.contains_key("title"));
        assert_eq!(user.attributes.get("floor"), Some(&Value::Whole(2)));
    }
}
