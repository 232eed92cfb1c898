//! Letting go of what idle connections brought: planned, shown and agreed to like a run.

use crate::fault::Fault;
use crate::host::Host;
use crate::report::{Report, RunResult};
use crate::run::Consent;
use crate::times::Times;
use usher_planner::Hold;
use usher_store::{Connection, IS_PROTECTED, Intent, Lease, LetGo, Letting, NewRun, RunState, StoreError};

/// Which orphans are to go.
pub struct OrphansRequest<'a> {
    /// The tenant.
    pub tenant: i64,
    /// Of this connection; none: of all that are idle.
    pub connection: Option<&'a Connection>,
    /// Only these users and groups, by the directory's id; none: all, with their memberships.
    pub records: Option<&'a [String]>,
    /// Whether they may go.
    pub consent: Consent<'a>,
    /// Who starts it.
    pub started_by: &'a str,
}

impl OrphansRequest<'_> {
    fn which(&self) -> Letting<'_> {
        Letting { connection: self.connection.map(|connection| connection.id), records: self.records }
    }
}

impl Host {
    /// Lets orphans go. The error is for what keeps it from beginning.
    pub async fn let_orphans_go(&self, request: OrphansRequest<'_>) -> Result<Report, StoreError> {
        let times = Times::of(self, request.tenant).await?;
        let name = request.connection.map_or("idle connections", |connection| connection.name.as_str());
        let lease = self
            .store
            .start_run(&NewRun {
                tenant: request.tenant,
                connection: 0,
                connection_name: name,
                intent: Intent::Orphans,
                started_by: request.started_by,
                now: times.stamp(self),
            })
            .await?;
        let renewal = self.keep_lease(lease);
        let mut report = Report::new(lease.run, name);
        let ended = self.let_go(&request, lease, times, &mut report).await;
        drop(renewal);
        self.conclude(lease, ended, &mut report, times.stamp(self)).await;
        Ok(report)
    }

    async fn let_go(
        &self,
        request: &OrphansRequest<'_>,
        lease: Lease,
        times: Times,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let store = &self.store;
        for name in store.plan_letting_go(lease, request.which()).await? {
            report.notes.push(format!("{name} {IS_PROTECTED}, and stays"));
        }
        let basis = "orphans";
        let changes = report.take(&store.tally(lease.tenant, lease.run).await?);
        let hash = store.hash_lines(lease, basis).await?.to_string();
        report.plan = Some(hash.clone());
        report.holds = self.guard_by_hand(lease, request.connection).await?;
        let mut state = RunState::Unchanged;
        report.result = RunResult::Unchanged;
        if changes {
            if request.consent.agrees(report, &hash) {
                report.result = RunResult::Success;
                let agreed = !report.holds.is_empty();
                report.holds.clear();
                report.applied = true;
                let document = serde_json::to_value(&*report).unwrap_or_default();
                let agreed = LetGo { plan: &hash, agreed, basis, report: &document, now: times.stamp(self) };
                if store.let_go(lease, request.which(), &agreed).await? {
                    return Ok(());
                }
                report.applied = false;
                report.notes.push("the directory was changed meanwhile: look at it again".to_owned());
            }
            report.result = RunResult::Held;
            state = RunState::Held;
            if report.holds.is_empty() {
                report.holds.push(Hold::Unconfirmed);
            }
        }
        let document = serde_json::to_value(&*report).unwrap_or_default();
        store.end_run(lease, state, Some(&hash), &document, times.stamp(self)).await?;
        Ok(())
    }
}
