//! What a run comes to, as people and programs read it. Counts are of plan lines, which an apply writes all or not at all.

use crate::fault::Fault;
use serde::{Deserialize, Serialize};
use usher_planner::{Action, Hold, RecordKind};
use usher_store::Tally;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunResult {
    /// Written; or, for a test run, planned.
    Success,
    /// There was nothing to do.
    Unchanged,
    /// Waits to be accepted.
    Held,
    /// Failed; nothing was changed.
    Failed,
}

/// What becomes of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserCounts {
    /// At the source now.
    pub found: u64,
    /// New.
    pub created: u64,
    /// Bound to a user who was there already.
    pub linked: u64,
    /// Taken over from a connection that is idle now.
    pub adopted: u64,
    /// Fields changed.
    pub updated: u64,
    /// Left, or disabled.
    pub deactivated: u64,
    /// Back, or enabled.
    pub reactivated: u64,
    /// Removed.
    pub deleted: u64,
    /// Let go, staying with their other owner.
    pub unlinked: u64,
    /// In, and as they were.
    pub unchanged: u64,
    /// Stay behind with a connection that gives way.
    pub orphaned: u64,
    /// Left out by scope or policy.
    pub skipped: u64,
    /// Stay as they are until somebody decides.
    pub held: u64,
    /// Could not be taken, tried again next time.
    pub quarantined: u64,
}

/// What becomes of groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupCounts {
    /// At the source now.
    pub found: u64,
    /// New.
    pub created: u64,
    /// Taken over from a connection that is idle now.
    pub adopted: u64,
    /// Fields changed.
    pub updated: u64,
    /// Removed.
    pub deleted: u64,
    /// In, and as they were.
    pub unchanged: u64,
    /// Stay behind with a connection that gives way.
    pub orphaned: u64,
    /// Left out by scope or policy.
    pub skipped: u64,
    /// Could not be taken.
    pub quarantined: u64,
}

/// What becomes of memberships.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MembershipCounts {
    /// New.
    pub added: u64,
    /// Taken over from a connection that is idle now.
    pub adopted: u64,
    /// Gone.
    pub removed: u64,
}

/// What a run comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run's number.
    pub run: i64,
    /// The connection's name.
    pub connection: String,
    /// The plan's hash; none where it didn't come to one.
    pub plan: Option<String>,
    /// How it ended.
    pub result: RunResult,
    /// Whether the plan was written.
    pub applied: bool,
    /// Users.
    pub users: UserCounts,
    /// Groups.
    pub groups: GroupCounts,
    /// Memberships.
    pub memberships: MembershipCounts,
    /// Why it waits.
    pub holds: Vec<Hold>,
    /// Things worth knowing.
    pub notes: Vec<String>,
    /// Why it failed.
    pub fault: Option<Fault>,
}

impl Report {
    /// A report on nothing yet.
    pub fn new(run: i64, connection: &str) -> Self {
        Self {
            run,
            connection: connection.to_owned(),
            plan: None,
            result: RunResult::Failed,
            applied: false,
            users: UserCounts::default(),
            groups: GroupCounts::default(),
            memberships: MembershipCounts::default(),
            holds: Vec::new(),
            notes: Vec::new(),
            fault: None,
        }
    }

    /// Takes over the counts of lines. Gives whether there are any.
    pub fn take(&mut self, tallies: &[Tally]) -> bool {
        for Tally { kind, action, count } in tallies {
            let slot = match (kind, action) {
                (RecordKind::User, Action::Create) => &mut self.users.created,
                (RecordKind::User, Action::Link) => &mut self.users.linked,
                (RecordKind::User, Action::Adopt) => &mut self.users.adopted,
                (RecordKind::User, Action::Update) => &mut self.users.updated,
                (RecordKind::User, Action::Deactivate) => &mut self.users.deactivated,
                (RecordKind::User, Action::Reactivate) => &mut self.users.reactivated,
                (RecordKind::User, Action::Delete) => &mut self.users.deleted,
                (RecordKind::User, Action::Unlink) => &mut self.users.unlinked,
                (RecordKind::Group, Action::Create) => &mut self.groups.created,
                (RecordKind::Group, Action::Adopt) => &mut self.groups.adopted,
                (RecordKind::Group, Action::Update) => &mut self.groups.updated,
                (RecordKind::Group, Action::Delete | Action::Unlink) => &mut self.groups.deleted,
                (RecordKind::Membership, Action::Add) => &mut self.memberships.added,
                (RecordKind::Membership, Action::Adopt) => &mut self.memberships.adopted,
                (RecordKind::Membership, Action::Remove) => &mut self.memberships.removed,
                _ => continue,
            };
            *slot += count;
        }
        !tallies.is_empty()
    }
}
