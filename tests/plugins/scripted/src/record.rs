//! The records and changes of a script, as values and as JSON.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An attribute's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A text.
    Text(String),
    /// True or false.
    Truth(bool),
    /// A whole number.
    Whole(i64),
    /// Texts, the primary one first.
    Many(Vec<String>),
    /// An instant.
    Moment {
        /// RFC 3339 with an offset.
        moment: String,
    },
    /// In a patch: taken away. `null` in JSON.
    Cleared,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<i64> for Value {
    fn from(whole: i64) -> Self {
        Self::Whole(whole)
    }
}

impl<const N: usize> From<[&str; N]> for Value {
    fn from(many: [&str; N]) -> Self {
        Self::Many(many.map(str::to_owned).to_vec())
    }
}

/// A user, whole or the named attributes of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The source id.
    pub id: String,
    /// The name to sign in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// Whether the user may sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// By their RFC 7643 names, flattened.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

impl User {
    /// A user of whom only the id is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// With this userName.
    pub fn named(mut self, user_name: impl Into<String>) -> Self {
        self.user_name = Some(user_name.into());
        self
    }

    /// Active or not.
    pub fn active(mut self, active: bool) -> Self {
        self.active = Some(active);
        self
    }

    /// With an attribute.
    pub fn with(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(attribute.to_owned(), value.into());
        self
    }
}

/// What a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the contract's own words")]
pub enum GroupKind {
    Security,
    MailEnabledSecurity,
    Distribution,
    Microsoft365,
    Other,
}

/// A group, whole or the named attributes of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// The source id.
    pub id: String,
    /// The name people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<GroupKind>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Value>,
}

impl Group {
    /// A group of which only the id is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// With this displayName.
    pub fn named(mut self, display_name: impl Into<String>) -> Self {
        self.display_name = Some(display_name.into());
        self
    }

    /// Of this kind.
    pub fn kind(mut self, kind: GroupKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// With an attribute.
    pub fn with(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(attribute.to_owned(), value.into());
        self
    }
}

/// What a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the contract's own words")]
pub enum MemberKind {
    #[default]
    User,
    Group,
}

/// Somebody or a group in a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "MembershipText", into = "(String, String, MemberKind)")]
pub struct Membership {
    /// The group's source id.
    pub group: String,
    /// The member's source id.
    pub member: String,
    /// What the member is.
    pub kind: MemberKind,
}

impl Membership {
    /// A user in a group.
    pub fn user(group: impl Into<String>, member: impl Into<String>) -> Self {
        Self { group: group.into(), member: member.into(), kind: MemberKind::User }
    }

    /// A group in a group.
    pub fn group(group: impl Into<String>, member: impl Into<String>) -> Self {
        Self { group: group.into(), member: member.into(), kind: MemberKind::Group }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MembershipText {
    User(String, String),
    Any(String, String, MemberKind),
}

impl From<MembershipText> for Membership {
    fn from(text: MembershipText) -> Self {
        match text {
            MembershipText::User(group, member) => Self::user(group, member),
            MembershipText::Any(group, member, kind) => Self { group, member, kind },
        }
    }
}

impl From<Membership> for (String, String, MemberKind) {
    fn from(Membership { group, member, kind }: Membership) -> Self {
        (group, member, kind)
    }
}

/// Some members of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberSlice {
    /// The group's source id.
    pub group: String,
    /// Members with what they are.
    pub members: Vec<Member>,
    /// Whether the list is whole with this slice.
    #[serde(default)]
    pub last: bool,
}

impl MemberSlice {
    /// Users of one group.
    pub fn users<const N: usize>(group: &str, users: [&str; N], last: bool) -> Self {
        let members = users.map(|user| Member { id: user.to_owned(), kind: MemberKind::User });
        Self { group: group.to_owned(), members: members.to_vec(), last }
    }
}

/// One of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "MemberText", into = "(String, MemberKind)")]
pub struct Member {
    /// The member's source id.
    pub id: String,
    /// What the member is.
    pub kind: MemberKind,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MemberText {
    User(String),
    Any(String, MemberKind),
}

impl From<MemberText> for Member {
    fn from(text: MemberText) -> Self {
        match text {
            MemberText::User(id) => Self { id, kind: MemberKind::User },
            MemberText::Any(id, kind) => Self { id, kind },
        }
    }
}

impl From<Member> for (String, MemberKind) {
    fn from(Member { id, kind }: Member) -> Self {
        (id, kind)
    }
}

/// A record by its kind and source id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the contract's own words")]
pub enum ObjectRef {
    User(String),
    Group(String),
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unreadable {
    /// Which one it is, if that much could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<ObjectRef>,
    /// Where it stands.
    pub place: String,
    /// What is wrong with it.
    pub why: String,
}

/// One change of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the contract's own words")]
pub enum Change {
    User(User),
    UserPatch(User),
    Group(Group),
    GroupPatch(Group),
    Member(Membership),
    MemberGone(Membership),
    Members(MemberSlice),
    ListsEnd(Vec<String>),
    UserTakenBack(String),
    GroupTakenBack(String),
    MemberTakenBack(Membership),
    UserGone(String),
    GroupGone(String),
    Unreadable(Unreadable),
}

impl From<User> for Change {
    fn from(user: User) -> Self {
        Self::User(user)
    }
}

impl From<Group> for Change {
    fn from(group: Group) -> Self {
        Self::Group(group)
    }
}

impl From<Membership> for Change {
    fn from(membership: Membership) -> Self {
        Self::Member(membership)
    }
}

impl From<MemberSlice> for Change {
    fn from(slice: MemberSlice) -> Self {
        Self::Members(slice)
    }
}
