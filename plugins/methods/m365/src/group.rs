//! Graph's group as the contract's, and its type.
//!
//! Source: <https://learn.microsoft.com/graph/api/resources/groups-overview#group-types-in-azure-ad-and-microsoft-graph>.

use crate::user::Named;
use serde::Deserialize;
use serde::de::IgnoredAny;
use usher_plugin::{Group, GroupKind, MemberKind, Value};

/// The `$select` of groups, without their members.
pub const SELECT: &str = "id,displayName,description,mail,mailNickname,visibility,onPremisesSyncEnabled,groupTypes,mailEnabled,securityEnabled";

/// Told apart: a property that the answer doesn't name, and one that is null there.
#[allow(clippy::option_option)]
fn named<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A group as an answer has it: all of it, or some properties, and in a delta query some members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    id: String,
    #[serde(rename = "@removed")]
    removed: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "named")]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    mail: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    mail_nickname: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    visibility: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    on_premises_sync_enabled: Option<Option<bool>>,
    group_types: Option<Vec<String>>,
    mail_enabled: Option<bool>,
    security_enabled: Option<bool>,
    #[serde(default, rename = "members@delta")]
    members: Vec<Named>,
}

/// One entry of a list of members.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// In lower case.
    pub id: String,
    /// What it is.
    pub kind: MemberKind,
    /// Whether the membership ended.
    pub removed: bool,
}

/// What a member is; devices, contacts and service principals are none of ours.
pub fn member(named: &Named) -> Option<Member> {
    let kind = match named.kind.as_deref()? {
        "#microsoft.graph.user" => MemberKind::User,
        "#microsoft.graph.group" => MemberKind::Group,
        _ => return None,
    };
    Some(Member { id: named.key(), kind, removed: named.removed.is_some() })
}

/// The type of a group, where everything that tells it is known. A unified group is one whatever else it is.
fn kind(types: Option<&[String]>, mail: Option<bool>, security: Option<bool>) -> Option<GroupKind> {
    let unified = types.map(|types| types.iter().any(|kind| kind.eq_ignore_ascii_case("Unified")));
    match (unified, mail, security) {
        (Some(true), ..) => Some(GroupKind::Microsoft365),
        (Some(false), Some(true), Some(true)) => Some(GroupKind::MailEnabledSecurity),
        (Some(false), Some(true), Some(false)) => Some(GroupKind::Distribution),
        (Some(false), Some(false), Some(true)) => Some(GroupKind::Security),
        (Some(false), Some(false), Some(false)) => Some(GroupKind::Other),
        _ => None,
    }
}

impl Team {
    /// In lower case; Graph lets the case of ids vary.
    pub fn id(&self) -> String {
        self.id.to_ascii_lowercase()
    }

    /// Whether this is `@removed`.
    pub fn is_removed(&self) -> bool {
        self.removed.is_some()
    }

    /// The members that a delta query names.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        self.members.iter().filter_map(member)
    }

    /// Takes them out.
    pub fn take_members(&mut self) -> Vec<Member> {
        std::mem::take(&mut self.members).iter().filter_map(member).collect()
    }

    /// Whether something changed that tells the type, and not all of it is named.
    pub fn has_doubtful_kind(&self) -> bool {
        let some =
            self.group_types.is_some() || self.mail_enabled.is_some() || self.security_enabled.is_some();
        some && self.kind().is_none()
    }

    /// Its type, where everything is named that tells it.
    pub fn kind(&self) -> Option<GroupKind> {
        kind(self.group_types.as_deref(), self.mail_enabled, self.security_enabled)
    }

    /// As a whole record: what is null isn't there.
    pub fn whole(self) -> Group {
        let mut group = self.patch();
        group.attributes.retain(|(_, value)| *value != Value::Cleared);
        group
    }

    /// As a change: only what the answer names.
    pub fn patch(self) -> Group {
        let kind = self.kind();
        let id = self.id();
        let mut attributes = Vec::new();
        for (name, text) in [
            ("description", self.description),
            ("mail", self.mail),
            ("mailNickname", self.mail_nickname),
            ("visibility", self.visibility),
        ] {
            if let Some(text) = text {
                let value = text.filter(|text| !text.is_empty()).map_or(Value::Cleared, Value::Text);
                attributes.push((name.to_owned(), value));
            }
        }
        if let Some(truth) = self.on_premises_sync_enabled {
            let value = truth.map_or(Value::Cleared, Value::Truth);
            attributes.push(("onPremisesSyncEnabled".to_owned(), value));
        }
        Group { id, display_name: self.display_name.flatten(), kind, attributes }
    }
}
