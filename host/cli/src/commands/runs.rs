//! `usher runs`: what ran, and what came of it.

use super::changes::{self, Asked};
use crate::args::RunsCommand;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::{given, show};
use serde_json::{Value as Json, json};
use usher_store::{ChangeFilter, Intent, Run, RunState};
use usher_sync::Report;

fn run_json(run: &Run) -> Json {
    json!({
        "run": run.id, "connection": run.connection_name, "intent": run.intent, "result": run.state,
        "plan": run.plan, "applied": run.applied, "started_by": run.started_by,
        "started_at": show::moment(run.started_at), "finished_at": run.finished_at.map(show::moment),
    })
}

/// Lists runs, or shows one.
pub async fn runs(command: RunsCommand, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    match command {
        RunsCommand::List { connection, limit } => {
            let of = match &connection {
                Some(name) => Some(store.connection(tenant.id, name).await?.id),
                None => None,
            };
            let runs = store.runs(tenant.id, of, i64::from(limit)).await?;
            if context.console.is_json() {
                let list: Vec<_> = runs.iter().map(run_json).collect();
                context.console.json(&list.into());
            } else if runs.is_empty() {
                context.console.line("No runs yet. See what one would do with `usher plan`.");
            } else {
                let rows = runs
                    .iter()
                    .map(|run| {
                        let value = run_json(run);
                        let word =
                            |name: &str| value.get(name).and_then(Json::as_str).unwrap_or("").to_owned();
                        vec![
                            run.id.to_string(),
                            if run.connection_name.is_empty() {
                                "by hand".to_owned()
                            } else {
                                run.connection_name.clone()
                            },
                            word("intent"),
                            word("result"),
                            run.plan.as_deref().and_then(|plan| plan.get(..12)).unwrap_or("").to_owned(),
                            show::time(run.started_at),
                            run.started_by.clone(),
                        ]
                    })
                    .collect();
                context.console.table(&["Run", "Connection", "For", "Result", "Plan", "Started", "By"], rows);
            }
        }
        RunsCommand::Changes { run, who, group, since, until, kind, action, field, format } => {
            let moment = |text: Option<String>| text.as_deref().map(given::moment).transpose();
            let (since, until) = (moment(since)?, moment(until)?);
            let filter = ChangeFilter { run, since, until, record: None, kind, action, field };
            return changes::changes(Asked { filter, who, group, format }, context).await;
        }
        RunsCommand::Undo { run, agreement } => return super::sync::undo(run, &agreement, context).await,
        RunsCommand::Show { run, lines } => {
            let run = store.run(tenant.id, run).await?;
            let findings = show::findings(&store, tenant.id, run.id).await?;
            let report: Option<Report> =
                run.report.clone().and_then(|report| serde_json::from_value(report).ok());
            if context.console.is_json() {
                let mut value = match &report {
                    Some(report) => show::report_json(report, &findings),
                    None if run.intent == Intent::Erase => run.report.clone().unwrap_or_default(),
                    None => {
                        json!({ "fault": run.report.as_ref().and_then(|report| report.get("fault").cloned()) })
                    }
                };
                if let (Some(value), Json::Object(run)) = (value.as_object_mut(), run_json(&run)) {
                    value.extend(run);
                }
                if lines {
                    let mut all = Vec::new();
                    let mut after = (String::new(), String::new(), String::new());
                    loop {
                        let page = store
                            .lines(tenant.id, run.id, (&after.0, &after.1, &after.2), show::PAGE)
                            .await?;
                        let Some(last) = page.last() else { break };
                        after = (last.kind.clone(), last.source_id.clone(), last.member_id.clone());
                        all.extend(page.iter().map(show::line));
                    }
                    if let Some(value) = value.as_object_mut() {
                        value.insert("lines".to_owned(), all.into());
                    }
                }
                context.console.json(&value);
                return Ok(Status::Done);
            }
            let value = run_json(&run);
            let word = |name: &str| value.get(name).and_then(Json::as_str).unwrap_or("").to_owned();
            let whose = match run.connection_name.as_str() {
                "" => "by hand".to_owned(),
                name => format!("of {name}"),
            };
            let heading = format!(
                "Run {}: {} {whose}, {}, started {} by {}",
                run.id,
                word("intent"),
                word("result"),
                show::time(run.started_at),
                run.started_by
            );
            let heading = context.console.tone(Tone::Strong, heading);
            context.console.line(heading);
            show::lines(&mut context.console, &store, tenant.id, run.id, lines).await?;
            match report {
                Some(report) => {
                    show::report(&mut context.console, &report, &findings);
                    for hold in &report.holds {
                        context.console.line(format!("held: {hold}"));
                    }
                    if let Some(fault) = &report.fault {
                        context.console.line(format!("failed: {} ({})", fault.message, fault.class));
                    }
                }
                None if run.intent == Intent::Erase => {
                    let counts = run.report.as_ref().and_then(|report| report.get("erased")?.as_object());
                    for (what, count) in counts.into_iter().flatten().filter(|(_, count)| count.is_u64()) {
                        context.console.line(format!("  {count:>6} {what}"));
                    }
                }
                None if run.state != RunState::Running && run.report.is_none() => {}
                None => {
                    let fault =
                        run.report.as_ref().and_then(|report| report.get("fault")?.get("message")?.as_str());
                    context
                        .console
                        .line(fault.unwrap_or("It goes on, or its host died; the next run will tell."));
                }
            }
        }
    }
    Ok(Status::Done)
}
