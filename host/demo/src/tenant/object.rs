//! Users and groups, live or deleted, with their links to each other.

use super::edit::instant;
use super::guid::Guid;
use super::properties::Properties;
use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Where an object lies in the directory. It never moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u32);

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
}

impl Kind {
    /// Its OData type.
    pub fn odata_type(self) -> &'static str {
        match self {
            Self::User => "#microsoft.graph.user",
            Self::Group => "#microsoft.graph.group",
        }
    }

    /// Its collection.
    pub fn collection(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Group => "groups",
        }
    }
}

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is.
    Live,
    /// It can be restored.
    Deleted(Timestamp),
    /// It is gone for good.
    Purged(Timestamp),
}

/// A direct membership, which outlives its end so that the end can be told.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Whether it holds.
    pub present: bool,
    /// The last change of the link or of whether its member is there.
    pub changed: u64,
}

/// A user or a group.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its id.
    pub guid: Guid,
    /// What it is.
    pub kind: Kind,
    /// Whether it is there.
    pub life: Life,
    /// The change that made or restored it.
    pub born: u64,
    /// Whether it was restored some time.
    pub restored: bool,
    /// The last change of anything in it.
    pub changed: u64,
    /// All but the id.
    pub properties: Properties,
    /// Who was the manager from which change on.
    pub managers: Vec<(u64, Option<Place>)>,
    /// The last change of the manager or of whether the manager is there.
    pub manager_changed: u64,
    /// The groups it is directly in.
    pub member_of: Vec<Place>,
    /// Direct members, of a group.
    pub members: BTreeMap<Place, Link>,
}

impl Object {
    /// Whether it is there.
    pub fn is_live(&self) -> bool {
        self.life == Life::Live
    }

    /// A property's value by its name, the id and the moment of deletion among them.
    pub fn value(&self, name: &str) -> Option<Cow<'_, Value>> {
        match (name, self.life) {
            ("id", _) => Some(Cow::Owned(Value::String(self.guid.to_string()))),
            ("deletedDateTime", Life::Deleted(at)) => Some(Cow::Owned(Value::String(instant(at)))),
            _ => self.properties.get(name).map(Cow::Borrowed),
        }
    }

    /// The manager, there or not.
    pub fn manager(&self) -> Option<Place> {
        self.managers.last().and_then(|(_, manager)| *manager)
    }

    /// Whether a group is a Microsoft 365 group, which is what can be restored.
    pub fn is_unified(&self) -> bool {
        let types = self.properties.get("groupTypes").and_then(Value::as_array);
        types.is_some_and(|types| types.iter().any(|kind| kind == "Unified"))
    }

    /// Whether deleting it leaves something to restore.
    pub fn is_restorable(&self) -> bool {
        self.kind == Kind::User || self.is_unified()
    }
}
