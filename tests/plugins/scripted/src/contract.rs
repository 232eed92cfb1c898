//! The script's values as the contract's. The contract's own types can't be read from JSON, hence these twins.

use crate::{record, script};
use usher_plugin as contract;

impl From<record::Value> for contract::Value {
    fn from(value: record::Value) -> Self {
        match value {
            record::Value::Text(text) => Self::Text(text),
            record::Value::Truth(truth) => Self::Truth(truth),
            record::Value::Whole(whole) => Self::Whole(whole),
            record::Value::Many(many) => Self::Many(many),
            record::Value::Moment { moment } => Self::Moment(moment),
            record::Value::Cleared => Self::Cleared,
        }
    }
}

impl From<record::User> for contract::User {
    fn from(user: record::User) -> Self {
        Self {
            id: user.id,
            user_name: user.user_name,
            active: user.active,
            attributes: user.attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
        }
    }
}

impl From<record::GroupKind> for contract::GroupKind {
    fn from(kind: record::GroupKind) -> Self {
        match kind {
            record::GroupKind::Security => Self::Security,
            record::GroupKind::MailEnabledSecurity => Self::MailEnabledSecurity,
            record::GroupKind::Distribution => Self::Distribution,
            record::GroupKind::Microsoft365 => Self::Microsoft365,
            record::GroupKind::Other => Self::Other,
        }
    }
}

impl From<record::Group> for contract::Group {
    fn from(group: record::Group) -> Self {
        Self {
            id: group.id,
            display_name: group.display_name,
            kind: group.kind.map(Into::into),
            attributes: group.attributes.into_iter().map(|(name, value)| (name, value.into())).collect(),
        }
    }
}

impl From<record::MemberKind> for contract::MemberKind {
    fn from(kind: record::MemberKind) -> Self {
        match kind {
            record::MemberKind::User => Self::User,
            record::MemberKind::Group => Self::Group,
        }
    }
}

impl From<record::Membership> for contract::Membership {
    fn from(membership: record::Membership) -> Self {
        Self { group: membership.group, member: membership.member, kind: membership.kind.into() }
    }
}

impl From<record::ObjectRef> for contract::ObjectRef {
    fn from(what: record::ObjectRef) -> Self {
        match what {
            record::ObjectRef::User(id) => Self::User(id),
            record::ObjectRef::Group(id) => Self::Group(id),
        }
    }
}

impl From<record::Change> for contract::Change {
    fn from(change: record::Change) -> Self {
        match change {
            record::Change::User(user) => Self::User(user.into()),
            record::Change::UserPatch(user) => Self::UserPatch(user.into()),
            record::Change::Group(group) => Self::Group(group.into()),
            record::Change::GroupPatch(group) => Self::GroupPatch(group.into()),
            record::Change::Member(membership) => Self::Member(membership.into()),
            record::Change::MemberGone(membership) => Self::MemberGone(membership.into()),
            record::Change::Members(slice) => Self::Members(contract::MemberSlice {
                group: slice.group,
                members: slice.members.into_iter().map(|member| (member.id, member.kind.into())).collect(),
                last: slice.last,
            }),
            record::Change::ListsEnd(but) => Self::ListsEnd(but),
            record::Change::UserTakenBack(id) => Self::TakenBack(contract::ObjectRef::User(id)),
            record::Change::GroupTakenBack(id) => Self::TakenBack(contract::ObjectRef::Group(id)),
            record::Change::MemberTakenBack(membership) => Self::MemberTakenBack(membership.into()),
            record::Change::UserGone(id) => Self::UserGone(id),
            record::Change::GroupGone(id) => Self::GroupGone(id),
            record::Change::Unreadable(record::Unreadable { what, place, why }) => {
                Self::Unreadable(contract::BadRecord { what: what.map(Into::into), place, why })
            }
        }
    }
}

impl From<script::Answer> for contract::Presence {
    fn from(answer: script::Answer) -> Self {
        match answer {
            script::Answer::Here(changes) => Self::Here(changes.into_iter().map(Into::into).collect()),
            script::Answer::Gone => Self::Gone,
            script::Answer::Unknown(why) => Self::Unknown(why),
        }
    }
}

impl From<script::Finding> for contract::Finding {
    fn from(finding: script::Finding) -> Self {
        let standing = match finding.standing {
            script::Standing::Good => contract::Standing::Good,
            script::Standing::Warning => contract::Standing::Warning,
            script::Standing::Failed => contract::Standing::Failed,
        };
        Self { standing, what: finding.what, advice: finding.advice }
    }
}

impl From<script::Fault> for contract::Fault {
    fn from(fault: script::Fault) -> Self {
        match fault {
            script::Fault::Throttled(seconds) => Self::Throttled(seconds),
            script::Fault::Auth(why) => Self::Auth(why),
            script::Fault::Permission(why) => Self::Permission(why),
            script::Fault::Settings(script::Problem { place, why }) => {
                Self::Settings(contract::Problem { place, why })
            }
            script::Fault::CursorExpired => Self::CursorExpired,
            script::Fault::ResumeLost => Self::ResumeLost,
            script::Fault::Network(why) => Self::Network(why),
            script::Fault::Source(why) => Self::Source(why),
            script::Fault::Bug(why) => Self::Bug(why),
        }
    }
}

impl script::Counts {
    /// What is stated, and what is true where nothing is.
    pub(crate) fn over(self, counted: contract::Counts) -> contract::Counts {
        contract::Counts {
            users: self.users.unwrap_or(counted.users),
            groups: self.groups.unwrap_or(counted.groups),
            memberships: self.memberships.unwrap_or(counted.memberships),
        }
    }
}
