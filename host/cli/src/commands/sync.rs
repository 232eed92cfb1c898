//! `usher plan`, `usher sync` and `usher runs undo`: one way to a change, which is planned, shown and agreed to before it is applied.

use super::authorise::linked;
use crate::args::{Agreement, PlanArgs, ResumeArgs, SwitchArgs, SyncArgs};
use crate::console::{Console, Tone};
use crate::context::{COMMAND_LINE, Context};
use crate::error::{CliError, Status};
use crate::show;
use serde_json::json;
use std::sync::Mutex;
use usher_planner::Hold;
use usher_store::{Connection, Intent, Run, SCHEDULE, State, StoreError};
use usher_sync::{
    Class, Consent, Host, OrphansRequest, Progress, Report, RunRequest, RunResult, UndoRequest,
};

/// Reasons for holding a plan that are shown before the rest is only counted.
const HOLDS: usize = 5;

fn status(report: &Report) -> Status {
    match report.result {
        RunResult::Success | RunResult::Unchanged => Status::Done,
        RunResult::Held => Status::Held,
        RunResult::Failed if report.fault.as_ref().is_some_and(|fault| fault.class == Class::Settings) => {
            Status::Usage
        }
        RunResult::Failed => Status::Failed,
    }
}

/// What is planned, shown and agreed to.
enum Act<'a> {
    /// A test run of a connection.
    Plan(&'a Connection),
    /// A test run of a connection that is idle beside an active one.
    PlanSwitch(&'a Connection),
    /// A real run, and who starts it.
    Sync(&'a Connection, &'static str),
    /// A real run of a connection that is to be the active one.
    Switch(&'a Connection),
    /// Orphans go: of an idle connection or of all, and perhaps only some users and groups.
    LetGo { tenant: i64, connection: Option<&'a Connection>, records: Option<&'a [String]> },
    /// A run is taken back.
    Undo(i64, &'a Run),
}

impl Act<'_> {
    fn tenant(&self) -> i64 {
        match self {
            Self::Plan(connection)
            | Self::PlanSwitch(connection)
            | Self::Sync(connection, _)
            | Self::Switch(connection) => connection.tenant,
            Self::Undo(tenant, _) | Self::LetGo { tenant, .. } => *tenant,
        }
    }

    /// The command that does it.
    fn command(&self) -> String {
        match self {
            Self::Plan(_) | Self::Sync(..) => "usher sync".to_owned(),
            Self::PlanSwitch(connection) | Self::Switch(connection) => {
                format!("usher switch {}", connection.name)
            }
            Self::LetGo { connection, records, .. } => {
                let mut words = vec!["usher orphans remove".to_owned()];
                words.extend(records.unwrap_or_default().iter().cloned());
                words.extend(connection.map(|connection| format!("--connection {}", connection.name)));
                words.join(" ")
            }
            Self::Undo(_, run) => format!("usher runs undo {}", run.id),
        }
    }

    fn heading(&self, report: &Report) -> String {
        let hash = report.plan.as_deref().and_then(|plan| plan.get(..12)).unwrap_or("–");
        match self {
            Self::Plan(_) | Self::Sync(..) => {
                format!("Plan {hash} for {}, run {}", report.connection, report.run)
            }
            Self::PlanSwitch(_) | Self::Switch(_) => {
                format!("Plan {hash} to switch to {}, run {}", report.connection, report.run)
            }
            Self::Undo(_, run) => format!("Plan {hash} to undo run {}, run {}", run.id, report.run),
            Self::LetGo { .. } => {
                format!("Plan {hash} to let orphans of {} go, run {}", report.connection, report.run)
            }
        }
    }

    async fn run(
        &self,
        host: &Host,
        consent: Consent<'_>,
        progress: &dyn Progress,
    ) -> Result<Report, CliError> {
        let started_by = if let Self::Sync(_, who) = self { who } else { COMMAND_LINE };
        let (connection, intent) = match self {
            Self::Plan(connection) | Self::PlanSwitch(connection) => (connection, Intent::Plan),
            Self::Sync(connection, _) => (connection, Intent::Sync),
            Self::Switch(connection) => (connection, Intent::Switch),
            Self::LetGo { tenant, connection, records } => {
                let (tenant, connection, records) = (*tenant, *connection, *records);
                let request = OrphansRequest { tenant, connection, records, consent, started_by };
                return Ok(host.let_orphans_go(request).await?);
            }
            Self::Undo(tenant, run) => {
                return Ok(host.undo(UndoRequest { tenant: *tenant, run, consent, started_by }).await?);
            }
        };
        Ok(host.run(RunRequest { connection, intent, consent, started_by, progress }).await?)
    }
}

async fn show_plan(
    console: &mut Console,
    host: &Host,
    act: &Act<'_>,
    report: &Report,
    all: bool,
) -> Result<(), CliError> {
    let heading = console.tone(Tone::Strong, act.heading(report));
    console.line(heading);
    show::lines(console, host.store(), act.tenant(), report.run, all).await?;
    let findings = show::findings(host.store(), act.tenant(), report.run).await?;
    show::report(console, report, &findings);
    Ok(())
}

fn verdict(console: &mut Console, report: &Report, act: &Act<'_>) {
    console.line("");
    let word = show::result(console, report.result);
    let hash = report.plan.as_deref().and_then(|plan| plan.get(..12)).unwrap_or_default();
    let command = act.command();
    match report.result {
        RunResult::Failed => {
            if let Some(fault) = &report.fault {
                console.line(format!("{word}: {} ({})", fault.message, fault.class));
                console.line(format!("  {}", fault.advice));
            }
        }
        RunResult::Held => {
            for hold in report.holds.iter().take(HOLDS) {
                console.line(format!("{word}: {hold}"));
            }
            if report.holds.len() > HOLDS {
                console.line(format!(
                    "  … and for {} more reasons: `usher runs show {}`",
                    report.holds.len() - HOLDS,
                    report.run
                ));
            }
            let paused = report.holds.iter().find_map(|hold| match hold {
                Hold::Paused { name } => Some(name),
                _ => None,
            });
            if let Some(name) = paused {
                console.line(format!("  Nothing was changed. Let it run again with `usher resume {name}`."));
            } else if report.holds == [Hold::Unconfirmed] {
                console.line(format!("  Nothing was changed. Apply it with `{command} --yes`, or just this plan with `{command} --accept {hash}`."));
            } else {
                console.line(format!("  Nothing was changed. If this is right: `{command} --accept {hash}`"));
            }
        }
        RunResult::Unchanged if report.users.quarantined > 0 => console.line(format!(
            "{word}: there is nothing to do, but for {} quarantined above",
            report.users.quarantined
        )),
        RunResult::Unchanged => console.line(format!("{word}: there is nothing to do")),
        RunResult::Success if matches!(act, Act::Plan(_) | Act::PlanSwitch(_)) => {
            console.line(format!("Nothing was changed. Apply it with `{command}`, or just this plan with `{command} --accept {hash}`."));
        }
        RunResult::Success => console.line(format!("{word}: all of it is written")),
    }
}

async fn run(context: &mut Context, act: &Act<'_>, consent: Consent<'_>) -> Result<Report, CliError> {
    let host = context.host().await?;
    let progress = context.console.progress();
    let report = act.run(&host, consent, &progress).await?;
    progress.clear();
    Ok(report)
}

async fn print(
    context: &mut Context,
    act: &Act<'_>,
    report: &Report,
    shown: bool,
    all: bool,
) -> Result<Status, CliError> {
    let host = context.host().await?;
    if context.console.is_json() {
        let findings = show::findings(host.store(), act.tenant(), report.run).await?;
        let value = show::report_json(report, &findings);
        context.console.json(&value);
    } else {
        if !shown && report.plan.is_some() {
            show_plan(&mut context.console, &host, act, report, all).await?;
        } else if shown {
            // What only the end told.
            for note in report.notes.iter().skip(seen_notes(act, report)) {
                context.console.line(format!("  {note}"));
            }
        }
        verdict(&mut context.console, report, act);
    }
    Ok(status(report))
}

/// How many of a report's notes were there already when somebody was asked.
fn seen_notes(act: &Act<'_>, report: &Report) -> usize {
    match act {
        Act::Undo(..) if report.applied && report.notes.iter().any(|note| note.contains(" is paused: ")) => {
            report.notes.len().saturating_sub(1)
        }
        _ => report.notes.len(),
    }
}

/// A test run.
pub async fn plan(args: PlanArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(args.on.connection.as_deref()).await?;
    let connection = linked(connection, context).await?;
    let all = context.store().await?.connections(connection.tenant).await?;
    let beside = all.iter().any(|other| other.id != connection.id && other.state.is_live());
    let act = if beside && !connection.state.is_live() {
        Act::PlanSwitch(&connection)
    } else {
        Act::Plan(&connection)
    };
    let report = run(context, &act, Consent::None).await?;
    print(context, &act, &report, false, args.all).await
}

/// A real run.
pub async fn sync(args: SyncArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(args.on.connection.as_deref()).await?;
    if !args.due {
        let connection = linked(connection, context).await?;
        return agreed(&Act::Sync(&connection, COMMAND_LINE), &args.agreement, context).await;
    }
    let next = context.store().await?.next_run(&connection).await?;
    match next {
        Some(next) if next <= context.now() => {
            agreed(&Act::Sync(&connection, SCHEDULE), &args.agreement, context).await
        }
        _ => {
            let name = &connection.name;
            let words = match next {
                Some(next) => format!("{name} is due at {}.", show::time(next)),
                None if connection.rules.interval.is_none() => {
                    format!(
                        "{name} is run by hand: `usher connect {} --name {name} --set interval=30` has it run every 30 minutes.",
                        connection.method
                    )
                }
                None => format!("{name} can't run as it is: `usher status` says why."),
            };
            let value = json!({ "connection": name, "due": false, "next_run": next.map(show::moment) });
            super::users::done(context, &value, &words);
            Ok(Status::Done)
        }
    }
}

/// Makes a connection the active one.
pub async fn switch(args: SwitchArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(Some(&args.name)).await?;
    agreed(&Act::Switch(&connection), &args.agreement, context).await
}

/// Lets orphans go.
pub async fn let_go(
    tenant: i64,
    connection: Option<&Connection>,
    records: Option<&[String]>,
    agreement: &Agreement,
    context: &mut Context,
) -> Result<Status, CliError> {
    agreed(&Act::LetGo { tenant, connection, records }, agreement, context).await
}

/// Takes back a run.
pub async fn undo(run: i64, agreement: &Agreement, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    let run = match store.run(tenant.id, run).await {
        Err(StoreError::NotFound { .. }) if (1..=store.newest_run(tenant.id).await?).contains(&run) => {
            let days = store.retention(tenant.id).await?;
            return Err(CliError::usage(
                format!(
                    "run {run} is past recall: history is kept for {} days, plans for {}",
                    days.history, days.plans
                ),
                "`usher runs list` shows the runs; `usher retention set` keeps them longer from now on",
            ));
        }
        found => found?,
    };
    let why_not = match run.intent {
        _ if !run.applied => Some("it changed nothing"),
        Intent::Disconnect => Some("a connection that was removed is connected again, not undone"),
        Intent::Erase => Some("who was erased is gone for good"),
        _ => None,
    };
    if let Some(why) = why_not {
        return Err(CliError::usage(
            format!("run {} can't be undone: {why}", run.id),
            "`usher runs list` shows the runs, `usher runs changes` what they changed",
        ));
    }
    store.recalls(tenant.id, &run).await?;
    agreed(&Act::Undo(tenant.id, &run), agreement, context).await
}

/// Lets a paused connection run again, after showing what that would do.
pub async fn resume(args: ResumeArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(args.name.as_deref()).await?;
    if connection.state != State::Paused {
        super::users::done(
            context,
            &json!({ "connection": connection.name, "resumed": false }),
            &format!("{} is not paused.", connection.name),
        );
        return Ok(Status::Done);
    }
    if !args.yes {
        let act = Act::Plan(&connection);
        let report = run(context, &act, Consent::None).await?;
        if !context.console.is_json() {
            let host = context.host().await?;
            show_plan(&mut context.console, &host, &act, &report, false).await?;
        }
        let question = format!("This is what the next run would do. Let {} run again?", connection.name);
        if !context.console.confirm(&question) {
            return Err(CliError {
                status: Status::Held,
                class: "unconfirmed".to_owned(),
                message: format!("{} stays paused", connection.name),
                advice: Some("confirm when asked, or give --yes".to_owned()),
            });
        }
    }
    context.store().await?.set_connection_state(&connection, State::Active).await?;
    super::users::done(
        context,
        &json!({ "connection": connection.name, "resumed": true }),
        &format!("{} runs again: `usher sync`.", connection.name),
    );
    Ok(Status::Done)
}

async fn agreed(act: &Act<'_>, agreement: &Agreement, context: &mut Context) -> Result<Status, CliError> {
    let consent = match &agreement.accept {
        Some(hash) => Consent::Accept(hash),
        None if agreement.yes => Consent::Given,
        None if !context.console.is_interactive() => Consent::None,
        None => return interactive(act, agreement.all, context).await,
    };
    let report = run(context, act, consent).await?;
    print(context, act, &report, false, agreement.all).await
}

/// Shows the plan, asks, and applies the very plan that was shown.
async fn interactive(act: &Act<'_>, all: bool, context: &mut Context) -> Result<Status, CliError> {
    let host = context.host().await?;
    let shown = Mutex::new(false);
    let progress = context.console.progress();
    let console = Mutex::new(&mut context.console);
    let ask = |report: &Report| -> bool {
        progress.clear();
        let Ok(mut console) = console.lock() else { return false };
        // The question comes from inside the run, which has its lease renewed while somebody reads.
        let printed = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(show_plan(&mut console, &host, act, report, all))
        });
        if printed.is_err() {
            return false;
        }
        if let Ok(mut shown) = shown.lock() {
            *shown = true;
        }
        console.line("");
        for hold in &report.holds {
            let text = console.tone(Tone::Bad, format!("The guard holds this: {hold}"));
            console.line(text);
        }
        let question = if report.holds.is_empty() {
            "Apply this plan?"
        } else {
            "Apply it all the same, having seen what goes?"
        };
        tokio::task::block_in_place(|| console.confirm(question))
    };
    let report = act.run(&host, Consent::Ask(&ask), &progress).await?;
    progress.clear();
    let shown = shown.into_inner().unwrap_or(false);
    print(context, act, &report, shown, all).await
}
