//! The lines of a plan, and the hash that names it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// What a line is about, in the order in which a plan lists them: that of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A group.
    Group,
    /// A membership.
    Membership,
    /// A user.
    User,
}

/// What a line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A new record, owned by the connection.
    Create,
    /// Binds a record that was there already.
    Link,
    /// Takes over what a connection brought that is idle now: the same record, owned by this one from now on.
    Adopt,
    /// Changes fields.
    Update,
    /// Back from leaving, the same record.
    Reactivate,
    /// Left: inactive from now on, deleted when the grace period is over.
    Deactivate,
    /// Removed from the directory.
    Delete,
    /// Lets a record go that somebody else owns.
    Unlink,
    /// A membership comes.
    Add,
    /// A membership goes.
    Remove,
}

impl RecordKind {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::User => "user",
            Self::Membership => "membership",
        }
    }
}

impl Action {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Link => "link",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Reactivate => "reactivate",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
            Self::Unlink => "unlink",
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }

    /// Whether somebody loses something by it: what the guard counts and an accepted plan must cover.
    pub fn takes_away(self) -> bool {
        matches!(self, Self::Deactivate | Self::Delete | Self::Remove)
    }
}

/// A field before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change(pub Option<Json>, pub Option<Json>);

/// Field names and their changes.
pub type Changes = BTreeMap<String, Change>;

/// What somebody loses by a line, as the guard counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    None,
    /// A user, a group or a membership.
    Away,
    /// A value of a record that stays.
    Values,
}

impl Loss {
    /// As it is stored.
    pub fn number(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Away => 1,
            Self::Values => 2,
        }
    }
}

/// One line of a plan: what is done to one record or membership, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub kind: RecordKind,
    /// What is done.
    pub action: Action,
    /// The source id of the record, or of a membership's group.
    pub key: String,
    /// A membership's member, as [`Line::member_key`] writes it; empty for records.
    pub member: String,
    /// What to call it.
    pub name: String,
    /// Why, in words. Not part of the plan's hash.
    pub reason: String,
    /// Fields before and after.
    pub changes: Changes,
}

impl Line {
    /// How a member is written in a line: its kind's first letter and its source id, `u:7` or `g:9`.
    pub fn member_key(kind: usher_model::MemberKind, id: &str) -> String {
        match kind {
            usher_model::MemberKind::User => format!("u:{id}"),
            usher_model::MemberKind::Group => format!("g:{id}"),
        }
    }

    /// What the guard counts it as. Somebody loses something, and didn't before by an earlier line: a deletion at the end of the grace
    /// period was counted when it began. Or a value goes that was there: where a source loses a column, everybody's does. Managers have a pass of
    /// their own, which knows whether the source still names one.
    pub fn loss(&self) -> Loss {
        let was_leaving = self.changes.get(crate::LEAVING).is_some_and(|Change(before, _)| before.is_some());
        let fields = self.kind.fields();
        let clears = |(name, Change(before, after)): (&String, &Change)| {
            before.is_some() && after.is_none() && !fields.contains(&name.as_str())
        };
        let disabled = self.action == Action::Adopt
            && self
                .changes
                .get(usher_model::ACTIVE)
                .is_some_and(|Change(_, after)| *after == Some(false.into()));
        if disabled || self.action.takes_away() && !was_leaving {
            Loss::Away
        } else if self.changes.iter().any(clears) {
            Loss::Values
        } else {
            Loss::None
        }
    }

    /// The canonical text that the plan's hash covers.
    pub fn canonical(&self) -> String {
        let changes = serde_json::to_string(&self.changes).unwrap_or_default();
        canonical(self.kind.name(), self.action.name(), &self.key, &self.member, &changes)
    }
}

fn canonical(kind: &str, action: &str, key: &str, member: &str, changes: &str) -> String {
    let text = |text: &str| Json::from(text).to_string();
    format!("[{},{},{},{},{changes}]", text(kind), text(action), text(key), text(member))
}

/// The name of a plan: equal plans have equal hashes, wherever and whenever they were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanHash(String);

impl PlanHash {
    /// The whole hash, 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough of it for people to copy.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl From<String> for PlanHash {
    fn from(hash: String) -> Self {
        Self(hash)
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes lines as they pass. They must come by kind, key and member in byte order.
pub struct PlanHasher {
    state: Sha256,
}

impl PlanHasher {
    /// `basis` is what the plan rests on besides its lines: scope, settings, plugin hashes.
    pub fn new(basis: &str) -> Self {
        let mut state = Sha256::new();
        state.update(basis.as_bytes());
        state.update(b"\n");
        Self { state }
    }

    /// Takes the next line, as it is stored.
    pub fn stored(&mut self, kind: &str, action: &str, key: &str, member: &str, changes: &str) {
        self.state.update(canonical(kind, action, key, member, changes).as_bytes());
        self.state.update(b"\n");
    }

    /// Takes the next line.
    pub fn line(&mut self, line: &Line) {
        self.state.update(line.canonical().as_bytes());
        self.state.update(b"\n");
    }

    /// The hash of all that passed.
    pub fn finish(self) -> PlanHash {
        PlanHash(self.state.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
