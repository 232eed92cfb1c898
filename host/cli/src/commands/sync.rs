//! `usher plan` and `usher sync`: one code path, which may end by applying what was shown.

use crate::args::{PlanArgs, SyncArgs};
use crate::console::{Console, Tone};
use crate::context::{COMMAND_LINE, Context};
use crate::error::{CliError, Status};
use crate::show;
use std::sync::Mutex;
use usher_planner::Hold;
use usher_store::{Connection, Intent};
use usher_sync::{Class, Consent, Host, Report, RunRequest, RunResult};

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

fn heading(console: &mut Console, report: &Report) {
    let hash = report.plan.as_deref().and_then(|plan| plan.get(..12)).unwrap_or("–");
    let text = format!("Plan {hash} for {}, run {}", report.connection, report.run);
    let text = console.tone(Tone::Strong, text);
    console.line(text);
}

async fn show_plan(
    console: &mut Console,
    host: &Host,
    connection: &Connection,
    report: &Report,
    all: bool,
) -> Result<(), CliError> {
    heading(console, report);
    show::lines(console, host.store(), connection.tenant, report.run, all).await?;
    let findings = show::findings(host.store(), connection.tenant, report.run).await?;
    show::report(console, report, &findings);
    Ok(())
}

fn verdict(console: &mut Console, report: &Report, intent: Intent) {
    console.line("");
    let word = show::result(console, report.result);
    let hash = report.plan.as_deref().and_then(|plan| plan.get(..12)).unwrap_or_default();
    match report.result {
        RunResult::Failed => {
            if let Some(fault) = &report.fault {
                console.line(format!("{word}: {} ({})", fault.message, fault.class));
                console.line(format!("  {}", fault.advice));
            }
        }
        RunResult::Held => {
            let unconfirmed = report.holds == [Hold::Unconfirmed];
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
            if unconfirmed {
                console.line(format!("  Nothing was changed. Apply it with `usher sync --yes`, or just this plan with `usher sync --accept {hash}`."));
            } else {
                console
                    .line(format!("  Nothing was changed. If this is right: `usher sync --accept {hash}`"));
            }
        }
        RunResult::Unchanged if report.users.quarantined > 0 => console.line(format!(
            "{word}: there is nothing to do, but for {} quarantined above",
            report.users.quarantined
        )),
        RunResult::Unchanged => console.line(format!("{word}: there is nothing to do")),
        RunResult::Success if intent == Intent::Plan => {
            console.line(format!("Nothing was changed. Apply it with `usher sync`, or just this plan with `usher sync --accept {hash}`."));
        }
        RunResult::Success => console.line(format!("{word}: all of it is written")),
    }
}

async fn run(
    context: &mut Context,
    connection: &Connection,
    intent: Intent,
    consent: Consent<'_>,
) -> Result<Report, CliError> {
    let host = context.host().await?;
    let progress = context.console.progress();
    let report = host
        .run(RunRequest { connection, intent, consent, started_by: COMMAND_LINE, progress: &progress })
        .await?;
    progress.clear();
    Ok(report)
}

async fn print(
    context: &mut Context,
    connection: &Connection,
    report: &Report,
    intent: Intent,
    shown: bool,
    all: bool,
) -> Result<Status, CliError> {
    let host = context.host().await?;
    if context.console.is_json() {
        let findings = show::findings(host.store(), connection.tenant, report.run).await?;
        let value = show::report_json(report, &findings);
        context.console.json(&value);
    } else {
        if !shown && report.plan.is_some() {
            show_plan(&mut context.console, &host, connection, report, all).await?;
        }
        verdict(&mut context.console, report, intent);
    }
    Ok(status(report))
}

/// A test run.
pub async fn plan(args: PlanArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(args.on.connection.as_deref()).await?;
    let report = run(context, &connection, Intent::Plan, Consent::None).await?;
    print(context, &connection, &report, Intent::Plan, false, args.all).await
}

/// A real run.
pub async fn sync(args: SyncArgs, context: &mut Context) -> Result<Status, CliError> {
    let connection = context.connection(args.on.connection.as_deref()).await?;
    if let Some(hash) = &args.accept {
        let report = run(context, &connection, Intent::Sync, Consent::Accept(hash)).await?;
        return print(context, &connection, &report, Intent::Sync, false, args.all).await;
    }
    if args.yes {
        let report = run(context, &connection, Intent::Sync, Consent::Given).await?;
        return print(context, &connection, &report, Intent::Sync, false, args.all).await;
    }
    if !context.console.is_interactive() {
        let report = run(context, &connection, Intent::Sync, Consent::None).await?;
        return print(context, &connection, &report, Intent::Sync, false, args.all).await;
    }
    interactive(&args, &connection, context).await
}

/// Shows the plan, asks, and applies the very read that was shown.
async fn interactive(
    args: &SyncArgs,
    connection: &Connection,
    context: &mut Context,
) -> Result<Status, CliError> {
    let host = context.host().await?;
    let shown = Mutex::new(false);
    let progress = context.console.progress();
    let console = Mutex::new(&mut context.console);
    let ask = |report: &Report| -> bool {
        progress.clear();
        let Ok(mut console) = console.lock() else { return false };
        // The question comes from inside the run, which has its lease renewed while somebody reads.
        let printed = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(show_plan(
                &mut console,
                &host,
                connection,
                report,
                args.all,
            ))
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
    let report = host
        .run(RunRequest {
            connection,
            intent: Intent::Sync,
            consent: Consent::Ask(&ask),
            started_by: COMMAND_LINE,
            progress: &progress,
        })
        .await?;
    progress.clear();
    let shown = shown.into_inner().unwrap_or(false);
    print(context, connection, &report, Intent::Sync, shown, args.all).await
}
