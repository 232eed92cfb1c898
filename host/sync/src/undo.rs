//! Taking back a run: planned, shown and agreed to like a run.

use crate::fault::Fault;
use crate::host::Host;
use crate::report::{Report, RunResult};
use crate::run::Consent;
use crate::times::Times;
use usher_planner::{GuardRules, Hold, judge};
use usher_store::{Connection, Intent, Lease, NewRun, Run, RunState, Standing, State, StoreError, Undone};

/// What is to be taken back.
pub struct UndoRequest<'a> {
    /// The tenant.
    pub tenant: i64,
    /// An applied run.
    pub run: &'a Run,
    /// Whether it may be.
    pub consent: Consent<'a>,
    /// Who starts it.
    pub started_by: &'a str,
}

impl Host {
    /// Takes back what a run did, as far as nobody has changed it since. The error is for what keeps it from beginning.
    pub async fn undo(&self, request: UndoRequest<'_>) -> Result<Report, StoreError> {
        let run = request.run;
        let times = Times::of(self, request.tenant).await?;
        let lease = self
            .store
            .start_run(&NewRun {
                tenant: request.tenant,
                connection: run.connection,
                connection_name: &run.connection_name,
                intent: Intent::Undo,
                started_by: request.started_by,
                now: times.stamp(self),
            })
            .await?;
        let renewal = self.keep_lease(lease);
        let mut report = Report::new(lease.run, &run.connection_name);
        let ended = self.take_back(&request, lease, times, &mut report).await;
        drop(renewal);
        self.conclude(lease, ended, &mut report, times.stamp(self)).await;
        Ok(report)
    }

    async fn take_back(
        &self,
        request: &UndoRequest<'_>,
        lease: Lease,
        times: Times,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let (store, run) = (&self.store, request.run);
        let connections = store.connections(request.tenant).await?;
        let connection = connections.iter().find(|connection| connection.id == run.connection);
        store.plan_undo(lease, run).await?;

        let mut returns = None;
        if let (Some(before), Some(then), Some(connection)) = (
            store.stood_on_before(request.tenant, run).await?,
            store.stood_on(request.tenant, run).await?,
            connection,
        ) && before != then
        {
            if connection.stands_on() == then {
                report.notes.push(format!(
                    "settings and scope of {} return to those of the run before",
                    connection.name
                ));
                returns = Some((then, before));
            } else {
                report
                    .notes
                    .push(format!("settings or scope of {} were changed since: they stay", connection.name));
            }
        }
        let turned = store.turned_back(request.tenant, run).await?;
        let live = |connection: &&Connection| connection.state.is_live();
        for name in &turned {
            let others: Vec<_> = connections.iter().filter(live).map(|other| other.name.as_str()).collect();
            report
                .notes
                .push(format!("{name} is the active connection again, instead of {}", others.join(" and ")));
        }
        let basis = format!(
            "undo {} {}{}",
            run.id,
            returns.as_ref().map(|(_, before)| before.to_string()).unwrap_or_default(),
            turned.iter().map(|name| format!(" to {name}")).collect::<String>()
        );
        let tally = store.tally(lease.tenant, lease.run).await?;
        let changes = report.take(&tally) || returns.is_some() || !turned.is_empty();
        let mut kept = store.count_findings(lease.tenant, lease.run, Standing::Kept, "user").await?;
        kept += store.count_findings(lease.tenant, lease.run, Standing::Kept, "group").await?;
        if kept > 0 {
            report
                .notes
                .push(format!("not everything is taken back: {kept} not, for what was changed since"));
        }
        let hash = store.hash_lines(lease, &basis).await?.to_string();
        report.plan = Some(hash.clone());
        report.holds = self.guard_by_hand(lease, connection).await?;
        report.result = match (report.holds.is_empty(), changes) {
            (_, false) => RunResult::Unchanged,
            (false, true) => RunResult::Held,
            (true, true) => RunResult::Success,
        };
        if !changes {
            let document = serde_json::to_value(&*report).unwrap_or_default();
            store.end_run(lease, RunState::Unchanged, Some(&hash), &document, times.stamp(self)).await?;
            return Ok(());
        }
        if request.consent.agrees(report, &hash) {
            report.result = RunResult::Success;
            let agreed = !report.holds.is_empty();
            report.holds.clear();
            report.applied = true;
            let active =
                |one: &&Connection| one.state.is_live() && one.state != State::Paused && run.connection != 0;
            let itself = connections.iter().filter(active).find(|one| one.id == run.connection);
            let pauses = turned
                .first()
                .or(itself.or_else(|| connections.iter().find(active)).map(|connection| &connection.name));
            if let Some(name) = pauses {
                report.notes.push(format!(
                    "{name} is paused: `usher plan` shows what its next run would do again, `usher resume {name}` lets it run"
                ));
            }
            let document = serde_json::to_value(&*report).unwrap_or_default();
            let undone = Undone {
                plan: &hash,
                agreed,
                basis: &basis,
                returns: returns.as_ref().map(|(then, before)| (then, before)),
                report: &document,
                now: times.stamp(self),
            };
            if store.apply_undo(lease, run, &undone).await? {
                return Ok(());
            }
            report.applied = false;
            if pauses.is_some() {
                report.notes.pop();
            }
            report
                .notes
                .push("the directory or the settings were changed meanwhile: look at it again".to_owned());
        }
        report.result = RunResult::Held;
        if report.holds.is_empty() {
            report.holds.push(Hold::Unconfirmed);
        }
        let document = serde_json::to_value(&*report).unwrap_or_default();
        store.end_run(lease, RunState::Held, Some(&hash), &document, times.stamp(self)).await?;
        Ok(())
    }

    /// What the guard says: of the whole directory, since a change by hand is nobody's.
    pub(crate) async fn guard_by_hand(
        &self,
        lease: Lease,
        connection: Option<&Connection>,
    ) -> Result<Vec<Hold>, StoreError> {
        let rules = connection.map_or_else(GuardRules::default, |connection| connection.rules.guard);
        let held = judge(rules, self.store.undo_counts(lease).await?);
        let taken_back = held.into_iter().map(|hold| match hold {
            Hold::Guard { what, going, of } => Hold::Undo { what, going, of },
            other => other,
        });
        Ok(taken_back.collect())
    }
}
