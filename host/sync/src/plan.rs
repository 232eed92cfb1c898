//! From an admitted read to a plan: lines in the store, their hash, and what holds it.

use crate::admit::Admission;
use crate::fault::Fault;
use crate::host::Host;
use crate::plan_managers::Without;
use crate::plan_records::Shapes;
use crate::progress::Progress;
use crate::read::Sealed;
use std::collections::BTreeSet;
use usher_planner::{Action, Hold, Line, Paths, PlanHash, RecordKind, Rules, judge};
use usher_store::{Connection, Former, LEAP_DAYS, Lease, LineRow, Read, Tally};

/// How far back the guard counts.
const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One run's planning.
pub struct Planner<'a> {
    pub connection: &'a Connection,
    pub lease: Lease,
    pub read: Read,
    pub rules: Rules,
    /// The connections whose records it may take over.
    pub former: &'a Former,
    /// Who left at this moment or before has had his grace.
    pub leaves_by: i64,
    pub now: i64,
    pub shapes: Shapes,
    /// The directory's ids of those whom no plan may deactivate, delete or rename.
    pub protected: BTreeSet<String>,
    /// Whether paths have a root that a user can be outside of.
    pub rooted: bool,
    /// Users whom this run looks at and who have no path although there is a root.
    pub outside_root: u64,
    pub progress: &'a dyn Progress,
}

/// A plan that lies in the store. Only this can be applied.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub hash: PlanHash,
    /// How many lines it has of each kind and action.
    pub tally: Vec<Tally>,
    /// Why it waits, apart from nobody having confirmed it.
    pub holds: Vec<Hold>,
    /// Things worth knowing.
    pub notes: Vec<String>,
}

/// What changed about the ground a read stands on.
pub struct Ground<'a> {
    /// What the plan's hash covers besides its lines.
    pub basis: &'a str,
    /// What the read rests on now.
    pub fingerprint: &'a str,
    /// Whether the source had users before, or the one that gives way has.
    pub had_users: bool,
    /// How many it has now.
    pub users: u64,
    /// Whether every membership is to be looked at.
    pub all_memberships: bool,
}

/// A line as it is stored.
pub fn row(line: &Line, record: &str, owns: i64) -> LineRow {
    LineRow {
        kind: line.kind.name().to_owned(),
        source_id: line.key.clone(),
        member_id: line.member.clone(),
        action: line.action.name().to_owned(),
        record: record.to_owned(),
        member: String::new(),
        name: line.name.clone(),
        reason: line.reason.clone(),
        changes: serde_json::to_string(&line.changes).unwrap_or_default(),
        owns,
        away: line.loss().number(),
    }
}

impl<'a> Planner<'a> {
    /// Prepares planning.
    pub async fn new(
        host: &Host,
        connection: &'a Connection,
        lease: Lease,
        sealed: &Sealed,
        former: &'a Former,
        progress: &'a dyn Progress,
    ) -> Result<Self, Fault> {
        let now = host.now();
        let grace_days = connection.rules.grace_days;
        Ok(Self {
            connection,
            lease,
            read: sealed.read,
            rules: Rules { grace_days, removals: sealed.removals() },
            former,
            leaves_by: now.saturating_sub(i64::from(grace_days) * DAY_MS),
            now,
            shapes: Shapes::load(&host.store, lease.tenant).await?,
            protected: host.store.protected_records(lease.tenant).await?,
            rooted: connection.scope.root.is_some() || connection.scope.chosen.is_some(),
            outside_root: 0,
            progress,
        })
    }

    /// Writes the whole plan and judges it.
    pub async fn plan(
        mut self,
        host: &Host,
        admission: &Admission,
        ground: Ground<'_>,
    ) -> Result<Plan, Fault> {
        let store = &host.store;
        store.clear_lines(self.lease).await?;
        let paths = Paths::new(&admission.graph, &admission.scope, self.rooted);
        self.groups(host, admission).await?;
        let mut without = Without::default();
        self.users(host, admission, &paths, &mut without).await?;
        store
            .plan_memberships(self.lease, self.read, self.former, ground.all_memberships, self.rules.removals)
            .await?;
        let mut notes = Vec::new();
        if self.connection.scope.managers {
            self.reports_of_leavers(host, &mut without).await?;
        }
        notes.extend(without.note());
        if self.rooted && self.connection.scope.include_groups {
            let outside = self.outside_root + store.pathless_users(self.read).await?;
            match outside {
                0 => {}
                1 => notes.push("1 user is outside the root group and has an empty path".to_owned()),
                _ => notes.push(format!("{outside} users are outside the root group and have an empty path")),
            }
        }
        let hash = store.hash_lines(self.lease, ground.basis).await?;
        let tally = store.tally(self.lease.tenant, self.lease.run).await?;
        // Also what was counted before, as a deletion at the end of the grace period was.
        let takes_away = tally.iter().any(|tally| tally.action.takes_away());
        let mut holds = self.holds(host, admission, &ground, takes_away).await?;
        holds.extend(self.leap(host, &tally).await?);
        Ok(Plan { hash, tally, holds, notes })
    }

    /// Deletions by a grace that passed without runs. Where there is none, deletions rest on what was read alone.
    async fn leap(&self, host: &Host, tally: &[Tally]) -> Result<Option<Hold>, Fault> {
        let users = tally
            .iter()
            .filter(|tally| tally.kind == RecordKind::User && tally.action == Action::Delete)
            .map(|tally| tally.count)
            .sum();
        if users == 0 || self.rules.grace_days == 0 {
            return Ok(None);
        }
        let (tenant, connection) = (self.connection.tenant, self.connection.id);
        let pause = host.store.longest_pause(tenant, connection, self.leaves_by, self.now).await?;
        let days = pause / DAY_MS;
        Ok((days > LEAP_DAYS).then(|| Hold::Leap { days: days.unsigned_abs(), users }))
    }

    async fn holds(
        &self,
        host: &Host,
        admission: &Admission,
        ground: &Ground<'_>,
        takes_away: bool,
    ) -> Result<Vec<Hold>, Fault> {
        let guard = self.connection.rules.guard;
        let counts = host
            .store
            .guard_counts(
                self.lease,
                self.connection.id,
                self.former,
                self.now - WINDOW_MS,
                u64::from(guard.half_from / 2 + 1).min(u64::from(guard.floor) + 1),
            )
            .await?;
        let mut holds = Vec::new();
        let switches = !self.former.yielding().is_empty();
        if ground.had_users && ground.users == 0 && (takes_away || switches) {
            holds.push(Hold::EmptySource);
        }
        let (users, of) = (host.store.unreadable_users(self.read).await?, ground.users);
        if of >= u64::from(guard.half_from) && users.saturating_mul(2) > of {
            holds.push(Hold::Unreadable { users, of });
        }
        let changed = self.connection.fingerprint.as_deref().is_some_and(|last| last != ground.fingerprint);
        if changed && takes_away {
            holds.push(Hold::Changed { what: "scope, settings, grant or plugin".to_owned() });
        }
        if !admission.scope.missing.is_empty() && takes_away {
            holds.push(Hold::ChosenGroupsMissing { ids: admission.scope.missing.clone() });
        }
        holds.extend(judge(guard, counts));
        Ok(holds)
    }
}
