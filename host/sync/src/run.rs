//! One run from lock to report.

use crate::absence::Prover;
use crate::admit;
use crate::catalogue::Entry;
use crate::chain::Chain;
use crate::correlate;
use crate::fault::{Class, Fault};
use crate::host::Host;
use crate::plan::{Ground, Plan, Planner};
use crate::progress::{Phase, Progress};
use crate::read::{Reader, Sealed};
use crate::report::{Report, RunResult};
use crate::switch;
use crate::times::Times;
use std::collections::BTreeMap;
use usher_model::Digester;
use usher_planner::{Action, Hold, Outside};
use usher_runtime::Absence;
use usher_store::{
    Applied, Connection, Finding, Former, Intent, Lease, NewRun, Run, RunState, Standing, State, StoreError,
    Tally, failpoint,
};

/// Findings that are looked through at a time.
const FINDINGS: i64 = 1_000;

/// Whether a plan may be applied.
pub enum Consent<'a> {
    /// Yes, unless the guard holds it.
    Given,
    /// Yes, if it is the plan with this hash, or takes away nothing that that one doesn't.
    Accept(&'a str),
    /// Whoever is shown the report decides. Asked also where the guard holds the plan, and told why.
    Ask(&'a (dyn Fn(&Report) -> bool + Send + Sync)),
    /// Nobody was asked.
    None,
}

impl Consent<'_> {
    /// Whether a plan that is applied as it was seen, or not at all, may be.
    pub(crate) fn agrees(&self, report: &Report, hash: &str) -> bool {
        match self {
            Self::Given => report.holds.is_empty(),
            Self::Accept(seen) => seen.len() >= 8 && hash.starts_with(&seen.to_ascii_lowercase()),
            Self::Ask(ask) => ask(report),
            Self::None => false,
        }
    }
}

/// What is to be run.
pub struct RunRequest<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// To see, or to do.
    pub intent: Intent,
    /// Whether the plan may be applied.
    pub consent: Consent<'a>,
    /// Who starts it.
    pub started_by: &'a str,
    /// Who hears of progress.
    pub progress: &'a dyn Progress,
}

/// What a plan was made of, and is applied with.
struct Settled<'a> {
    connection: &'a Connection,
    sealed: &'a Sealed,
    former: &'a Former,
    fingerprint: &'a str,
    basis: &'a str,
}

/// Renews the lease for as long as it lives.
pub(crate) struct Renewal(tokio::task::JoinHandle<()>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Host {
    pub(crate) fn keep_lease(&self, lease: Lease) -> Renewal {
        let store = self.store.clone();
        Renewal(tokio::spawn(async move {
            loop {
                tokio::time::sleep(Lease::RENEWAL).await;
                match store.renew_lease(lease).await {
                    Ok(()) => {}
                    // The next write of the run finds out too, and ends it.
                    Err(StoreError::LeaseLost) => return,
                    // Behind a long apply, the run's own: nobody else gets past that either. Behind anybody else's lock the run's writes say so.
                    Err(StoreError::Locked { .. }) => {}
                    Err(error) => tracing::warn!(run = lease.run, %error, "lease not renewed"),
                }
            }
        }))
    }

    /// Runs a connection. The error is for what keeps a run from beginning; how it went is in the report.
    pub async fn run(&self, request: RunRequest<'_>) -> Result<Report, StoreError> {
        let connection = request.connection;
        let times = Times::of(self, connection.tenant).await?;
        let lease = self
            .store
            .start_run(&NewRun {
                tenant: connection.tenant,
                connection: connection.id,
                connection_name: &connection.name,
                intent: request.intent,
                started_by: request.started_by,
                now: times.stamp(self),
            })
            .await?;
        failpoint("run.locked");
        let renewal = self.keep_lease(lease);
        let mut report = Report::new(lease.run, &connection.name);
        report.notes.extend(times.note());
        let ended = self.attempt(&request, lease, times, &mut report).await;
        let ended = ended.map_err(|fault| fault.at(connection));
        drop(renewal);
        self.note_credential(connection, ended.as_ref()).await;
        self.conclude(lease, ended, &mut report, times.stamp(self)).await;
        if report.applied {
            self.count_directory(lease).await;
            self.tidy(lease, times.stamp(self)).await;
        }
        Ok(report)
    }

    /// Keeps whether the source still takes the connection's credential, for who asks. The next run finds out itself.
    async fn note_credential(&self, connection: &Connection, ended: Result<&(), &Fault>) {
        let moves: &[_] = match ended {
            Err(fault) if fault.class == Class::Auth => &[
                (State::Active, State::NeedsReauthorisation),
                // Who never ran isn't the tenant's active connection.
                (State::Authorised, State::Configured),
            ],
            Err(_) => &[],
            Ok(()) => &[(State::NeedsReauthorisation, State::Active)],
        };
        for (from, to) in moves {
            if let Err(error) = self.store.move_connection_state(connection, *from, *to).await {
                tracing::warn!(connection = connection.id, %error, "the state of the connection is not kept");
            }
        }
    }

    /// Counts what the directory holds by now, for who asks. The run is done, whatever comes of this.
    async fn count_directory(&self, lease: Lease) {
        if let Err(error) = self.store.keep_counts(lease.tenant).await {
            tracing::warn!(run = lease.run, %error, "the directory is not counted");
        }
    }

    /// Lets go of what is past its days, unless the clock may be wrong. The run is done, whatever comes of this.
    async fn tidy(&self, lease: Lease, now: i64) {
        let tidied = async {
            match self.store.leap(lease.tenant, now).await? {
                Some(_) => Ok(()),
                None => self.store.apply_retention(lease.tenant, now).await.map(|_| ()),
            }
        };
        match tidied.await {
            // Whoever runs by now does it at his end.
            Ok(()) | Err(StoreError::AlreadyRunning { .. }) => {}
            Err(error) => {
                tracing::warn!(run = lease.run, %error, "what is past its days is still kept");
            }
        }
    }

    /// Keeps the end of a run that failed.
    pub(crate) async fn conclude(
        &self,
        lease: Lease,
        ended: Result<(), Fault>,
        report: &mut Report,
        now: i64,
    ) {
        let Err(fault) = ended else { return };
        report.result = RunResult::Failed;
        report.applied = false;
        report.fault = Some(fault);
        let document = serde_json::to_value(&*report).unwrap_or_default();
        let plan = report.plan.clone();
        match self.store.end_run(lease, RunState::Failed, plan.as_deref(), &document, now).await {
            // Whoever took over has marked it failed already.
            Ok(()) | Err(StoreError::LeaseLost) => {}
            Err(error) => {
                tracing::error!(run = lease.run, %error, "the end of the run could not be kept")
            }
        }
    }

    async fn attempt(
        &self,
        request: &RunRequest<'_>,
        lease: Lease,
        times: Times,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let store = &self.store;
        // As it is now that nobody else can run: it may have been switched meanwhile.
        let all = store.connections(request.connection.tenant).await?;
        let connection = all.iter().find(|one| one.id == request.connection.id).ok_or_else(|| {
            let name = &request.connection.name;
            Fault::new(
                Class::Settings,
                format!("{name} was disconnected"),
                "`usher status` shows what is connected",
            )
        })?;
        let former = switch::former(&all, connection, request.intent)?;
        // Also where nobody gives way: what was taken over from it meanwhile may be nobody's now.
        let switches = connection.state == State::Disabled || !former.yielding().is_empty();
        let entry = self.entry(connection).await?;
        let accepted = self.accepted(request).await?;
        let tombstones =
            store.tombstones(self.options.key.as_ref(), connection.tenant, connection.id).await?;
        let offer = self.offer(connection, &entry, tombstones.clone(), None).await?;
        let mut chain = Chain::load(self, connection).await?;
        let fingerprint = fingerprint(connection, &entry);
        let scope = serde_json::to_string(&connection.scope).unwrap_or_default();
        let basis = Digester::new().part(chain.digest()).part(chain.day()).part(&scope).finish().short();
        let same_ground = connection.fingerprint.as_ref() == Some(&fingerprint);
        let reviewed_anew = connection.admitted_by.as_ref() != Some(&basis);
        // Of who has been left out for long only a hash is kept. Where a verdict may have changed he is read anew: with everybody, or if it rests on
        // more than himself and the source can be asked, one by one.
        let absence = entry.plugin.about().absence;
        let surroundings = chain.reads().groups || chain.reads().manager;
        let short = store.has_short(connection.tenant, connection.id).await?;
        let unasked =
            matches!(absence, Absence::Snapshot) && (surroundings || connection.scope.chosen.is_some());
        let anew = short && (reviewed_anew || !same_ground || unasked || switches);
        let reader = Reader {
            host: self,
            connection,
            entry: &entry,
            offer: &offer,
            lease,
            fingerprint: &fingerprint,
            cursor: connection.cursor.as_deref().filter(|_| same_ground && !anew),
            anew,
            tombstones: &tombstones,
            progress: request.progress,
        };
        let mut sealed = reader.read().await?;
        let read = sealed.read;
        store.prepare_read(read).await?;
        let mut method = self.method(connection, &entry, &offer, 0).await?;
        let mut prover = Prover {
            host: self,
            plugin: &connection.method,
            absence,
            method: &mut method,
            lease,
            sealed: &mut sealed,
            tombstones: &tombstones,
            progress: request.progress,
        };
        report.notes.extend(prover.prove().await?);
        failpoint("read.sealed");
        for record in &sealed.unknown {
            report.notes.push(format!(
                "{}: {}; as long as it can't be told which record that is, nobody is removed",
                record.place, record.why
            ));
        }
        let erased = store.count_erased(read).await?;
        if erased > 0 {
            let finding = Finding {
                standing: Standing::Skipped,
                kind: "user".to_owned(),
                id: None,
                name: None,
                reason: "erased: who was erased here stays out".to_owned(),
                place: None,
            };
            let findings = vec![finding; usize::try_from(erased).unwrap_or(0)];
            store.add_findings(lease.tenant, lease.run, &findings).await?;
        }
        if !sealed.unknown.is_empty() {
            let findings: Vec<_> = sealed
                .unknown
                .iter()
                .map(|record| Finding {
                    standing: Standing::Quarantined,
                    kind: "user".to_owned(),
                    id: None,
                    name: None,
                    reason: record.why.clone(),
                    place: Some(record.place.clone()),
                })
                .collect();
            store.add_findings(lease.tenant, lease.run, &findings).await?;
        }

        if request.intent.changes() {
            store.take_edits(lease, read).await?;
        }
        let admission = admit::groups(self, lease, read, &mut chain, &connection.scope).await?;
        let moved = store.graph_changed(read).await?;
        let everything = reviewed_anew || !same_ground || moved || chain.reads().manager || switches;
        if everything {
            store.all_due(lease, read).await?;
        } else {
            store.moved_due(lease, read).await?;
            store.retries_due(lease, read).await?;
        }
        // Also where everybody is due: that is everybody whom the source has, and who was edited may have left it.
        store.edited_due(lease, read).await?;
        // Who is due is staged too, and may be everybody where the read brought nobody.
        store.prepare_read(read).await?;
        failpoint("admit.due");
        if short {
            let mut prover = Prover {
                host: self,
                plugin: &connection.method,
                absence,
                method: &mut method,
                lease,
                sealed: &mut sealed,
                tombstones: &tombstones,
                progress: request.progress,
            };
            prover.fetch_left_out(&admission, surroundings).await?;
        }
        let planner = Planner::new(self, connection, lease, &sealed, &former, request.progress).await?;
        store.leavers_due(lease, read, planner.leaves_by).await?;
        let first = connection.admitted_by.is_none();
        let plain = chain.is_empty() && admission.scope.admits_all();
        if !plain || (reviewed_anew && !first) {
            admit::users(self, lease, read, &mut chain, &admission, request.progress).await?;
        }
        store.hold_protected_names(lease, read, &former).await?;
        store.judge_names(lease, read, &former).await?;
        correlate::newcomers(self, lease, read, connection, &former, &connection.domains).await?;

        let before = store.mirrored(connection.tenant, connection.id).await?;
        let now = store.effective_counts(read).await?;
        report.users.found = now.users;
        report.groups.found = now.groups;
        let plan = planner
            .plan(
                self,
                &admission,
                Ground {
                    basis: &format!("{fingerprint} {basis}{}", switch::basis(&former)),
                    fingerprint: &fingerprint,
                    had_users: before.users > 0 || store.own_users(connection.tenant, &former).await?,
                    users: now.users,
                    all_memberships: everything,
                },
            )
            .await?;
        if !admission.scope.missing.is_empty() {
            report.notes.push(format!("not at the source any more: {}", admission.scope.missing.join(", ")));
        }
        report.notes.extend(plan.notes.iter().cloned());
        // A method that warns when it is configured warns in each of its instances.
        for line in offer.services.lines() {
            if line.level == usher_services::Level::Warning && !report.notes.contains(&line.text) {
                report.notes.push(line.text);
            }
        }
        store.collect_findings(lease, read).await?;
        switch::tell(self, lease, read, &former, report).await?;
        let changes = self.count(lease, &plan.tally, report).await?;
        report.notes.extend(self.guests_alone(connection, lease, report).await?);
        report.plan = Some(plan.hash.to_string());
        failpoint("plan.hashed");
        let ground = Settled {
            connection,
            sealed: &sealed,
            former: &former,
            fingerprint: &fingerprint,
            basis: &basis,
        };
        self.finish(
            request,
            ground,
            lease,
            times,
            plan,
            accepted,
            changes || !former.yielding().is_empty(),
            report,
        )
        .await
    }

    async fn accepted(&self, request: &RunRequest<'_>) -> Result<Option<Run>, Fault> {
        let Consent::Accept(hash) = request.consent else { return Ok(None) };
        let connection = request.connection;
        let unknown = |why: &str| {
            Fault::new(
                Class::Settings,
                format!("{why}: {hash}"),
                "copy the hash that `usher plan` or the held run printed",
            )
        };
        if hash.len() < 8 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(unknown("this is not the hash of a plan (at least 8 hex digits)"));
        }
        let hash = hash.to_ascii_lowercase();
        let run = self.store.run_by_plan(connection.tenant, connection.id, &hash).await?;
        run.map(Some).ok_or_else(|| unknown("no plan of this connection has this hash"))
    }

    async fn count(&self, lease: Lease, tally: &[Tally], report: &mut Report) -> Result<bool, Fault> {
        let store = &self.store;
        let changes = report.take(tally);
        let count =
            async |standing, kind| store.count_findings(lease.tenant, lease.run, standing, kind).await;
        report.users.skipped = count(Standing::Skipped, "user").await?;
        report.users.held = count(Standing::Held, "user").await?;
        report.users.quarantined = count(Standing::Quarantined, "user").await?;
        report.groups.skipped = count(Standing::Skipped, "group").await?;
        report.groups.quarantined = count(Standing::Quarantined, "group").await?;
        let (users, groups) = store.count_untouched(lease).await?;
        report.users.unchanged = users;
        report.groups.unchanged = groups;
        Ok(changes)
    }

    /// What is said where the source has nobody but guests, and guests stay out: an empty directory is nobody's intention.
    async fn guests_alone(
        &self,
        connection: &Connection,
        lease: Lease,
        report: &Report,
    ) -> Result<Option<String>, Fault> {
        let found = report.users.found;
        if connection.scope.guests || found == 0 || report.users.skipped != found {
            return Ok(None);
        }
        let by = format!("{}: ", Outside::Guest.setting());
        let (mut from, mut guests) = (1, 0);
        loop {
            let page = self.store.findings(lease.tenant, lease.run, from, FINDINGS).await?;
            let users: Vec<_> = page.iter().filter(|finding| finding.kind == "user").collect();
            if users.iter().any(|finding| !finding.reason.starts_with(&by)) {
                return Ok(None);
            }
            guests += users.len() as u64;
            if page.is_empty() {
                break;
            }
            from += FINDINGS;
        }
        Ok((guests == found).then(|| {
            format!("all {found} users of the source are guests, and guests stay out; let them in with --set guests=true")
        }))
    }

    #[allow(clippy::too_many_arguments)]
    async fn finish(
        &self,
        request: &RunRequest<'_>,
        ground: Settled<'_>,
        lease: Lease,
        times: Times,
        plan: Plan,
        accepted: Option<Run>,
        changes: bool,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let Settled { connection, sealed, former, fingerprint, basis } = ground;
        let hash = plan.hash.to_string();
        let deletions =
            plan.tally.iter().any(|tally| matches!(tally.action, Action::Delete | Action::Unlink));
        report.holds = plan.holds;
        let paused = connection.state == State::Paused && request.intent.changes();
        if paused {
            report.holds.push(Hold::Paused { name: connection.name.clone() });
        }
        report.result = match (report.holds.is_empty(), changes) {
            (false, _) => RunResult::Held,
            (true, true) => RunResult::Success,
            (true, false) => RunResult::Unchanged,
        };
        if request.intent.changes() {
            let may = match (&request.consent, accepted) {
                _ if paused => false,
                (_, Some(seen)) if seen.plan.as_deref() == Some(hash.as_str()) => true,
                (_, Some(seen)) => {
                    let beyond = self.store.beyond(lease, &seen).await?;
                    if beyond > 0 {
                        report.holds.push(Hold::BeyondAccepted { lines: beyond });
                    } else {
                        report.notes.push(format!(
                            "the source changed since the accepted plan {}; what is applied takes away nothing beyond it",
                            seen.plan.as_deref().and_then(|plan| plan.get(..12)).unwrap_or_default()
                        ));
                    }
                    beyond == 0
                }
                (_, None) if !changes && report.holds.is_empty() => true,
                (Consent::Given, None) => report.holds.is_empty(),
                (Consent::Ask(ask), None) => ask(report),
                (Consent::None | Consent::Accept(_), None) => {
                    if report.holds.is_empty() {
                        report.holds.push(Hold::Unconfirmed);
                    }
                    false
                }
            };
            if may {
                report.result = if changes { RunResult::Success } else { RunResult::Unchanged };
                let agreed = !report.holds.is_empty();
                report.holds.clear();
                report.applied = true;
                request.progress.at(Phase::Apply, 0, None);
                // Where nothing could be removed, the source is read again: from the same cursor, or as a whole.
                let cursor = match (sealed.removals(), sealed.is_complete()) {
                    (true, _) => sealed.cursor.as_deref(),
                    (false, true) => None,
                    (false, false) => connection.cursor.as_deref(),
                };
                // What the plugin keeps goes with the cursor: it may be where the plugin is in the source.
                let nothing = BTreeMap::new();
                let storage = if sealed.removals() { &sealed.storage } else { &nothing };
                let state = if changes { RunState::Success } else { RunState::Unchanged };
                let document = serde_json::to_value(&*report).unwrap_or_default();
                self.store
                    .apply(
                        lease,
                        sealed.read,
                        &Applied {
                            plan: &hash,
                            agreed,
                            state,
                            cursor,
                            fingerprint,
                            admitted_by: basis,
                            former,
                            managers: connection.scope.managers,
                            deletions,
                            stood_on: &connection.stands_on(),
                            storage,
                            report: &document,
                            now: times.stamp(self),
                        },
                    )
                    .await?;
                failpoint("report");
                return Ok(());
            }
            report.result = RunResult::Held;
            if report.holds.is_empty() {
                report.holds.push(Hold::Unconfirmed);
            }
        }
        let state = match report.result {
            RunResult::Success => RunState::Success,
            RunResult::Unchanged => RunState::Unchanged,
            RunResult::Held => RunState::Held,
            RunResult::Failed => RunState::Failed,
        };
        let document = serde_json::to_value(&*report).unwrap_or_default();
        self.store.end_run(lease, state, Some(&hash), &document, times.stamp(self)).await?;
        Ok(())
    }
}

/// What a read rests on: scope, settings, granted rights, the plugin itself. The host's own rules (grace, guard) are no part of what the source gives.
fn fingerprint(connection: &Connection, entry: &Entry) -> String {
    let settings: BTreeMap<String, serde_json::Value> = connection
        .settings
        .as_object()
        .map(|map| map.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
        .unwrap_or_default();
    let mut digest = Digester::new();
    digest
        .part(serde_json::to_string(&connection.scope).unwrap_or_default())
        .part(serde_json::to_string(&settings).unwrap_or_default())
        .part(entry.plugin.hash());
    for interface in &entry.grant.interfaces {
        digest.part(interface);
    }
    digest.finish().short()
}
