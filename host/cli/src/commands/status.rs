//! `usher status`: the card of every connection.

use crate::context::Context;
use crate::error::{CliError, Status};
use crate::show;
use serde_json::json;
use usher_planner::Hold;
use usher_store::{Counts, Intent, State};

/// Shows how the tenant's connections stand. Starts no engine.
pub async fn status(context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    let connections = store.connections(tenant.id).await?;
    let Counts { users, active, groups, memberships } = store.counts(tenant.id).await?;
    let mut cards = Vec::new();
    for connection in &connections {
        let last = store.runs(tenant.id, Some(connection.id), 1).await?.into_iter().next();
        let next = store.next_run(connection).await?.map(|next| next.max(context.now()));
        cards.push((connection, last, store.orphans(connection).await?, next));
    }
    let live = connections.iter().any(|connection| connection.state.is_live());
    if context.console.is_json() {
        let cards: Vec<_> = cards
            .iter()
            .map(|(connection, last, orphans, next)| {
                json!({
                    "connection": connection.name,
                    "method": connection.method,
                    "state": connection.state,
                    "scope": if connection.scope.chosen.is_some() { "groups" } else { "full" },
                    "orphaned": { "users": orphans.users, "groups": orphans.groups },
                    "schedule": connection.rules.interval.map_or(json!("manual"), |minutes| json!({ "every_minutes": minutes })),
                    "next_run": next.map(show::moment),
                    "last_run": last.as_ref().map(|run| json!({
                        "run": run.id, "intent": run.intent, "result": run.state, "started_by": run.started_by,
                        "started_at": show::moment(run.started_at),
                        "finished_at": run.finished_at.map(show::moment),
                        "plan": run.plan,
                        "users": run.report.as_ref().and_then(|report| report.get("users")),
                    })),
                })
            })
            .collect();
        context.console.json(&json!({
            "tenant": tenant.name,
            "state": if cards.is_empty() { json!("not_configured") } else { serde_json::Value::Null },
            "connections": cards,
            "directory": { "users": users, "active": active, "groups": groups, "memberships": memberships },
        }));
        return Ok(Status::Done);
    }
    context.console.line(format!(
        "Tenant {}: {users} users ({active} active), {groups} groups, {memberships} memberships",
        tenant.name
    ));
    if cards.is_empty() {
        context.console.line("");
        context
            .console
            .line(format!("Available after set-up: nothing is connected yet in {}.", store.place()));
        context.console.line("Connect a source with `usher connect csv --set users=/path/to/users.csv`, or take the tour: `usher demo`.");
    }
    for (connection, last, orphans, next) in cards {
        context.console.line("");
        let scope = match &connection.scope.chosen {
            Some(chosen) if chosen.len() == 1 => "1 chosen group".to_owned(),
            Some(chosen) => format!("{} chosen groups", chosen.len()),
            None => "everybody".to_owned(),
        };
        let state = match connection.state {
            State::Paused => format!("paused since a run was undone: `usher resume {}`", connection.name),
            State::Disabled => {
                let (users, groups) = (orphans.users, orphans.groups);
                let left = match users + groups {
                    0 => String::new(),
                    _ => format!(
                        "; {users} users and {groups} groups of it are orphaned: `usher orphans list`"
                    ),
                };
                format!("idle: `usher switch {}`{left}", connection.name)
            }
            State::NeedsReauthorisation => format!(
                "needs_reauthorisation: the source refuses its credential; `usher connect {} --name {} --reauthorise`, or with a new one",
                connection.method, connection.name
            ),
            State::Configured | State::Authorised if live => {
                format!("configured: `usher switch {}` makes it the active one", connection.name)
            }
            other => serde_json::to_value(other).unwrap_or_default().as_str().unwrap_or_default().to_owned(),
        };
        let schedule = match (connection.rules.interval, next) {
            (None, _) => "manual".to_owned(),
            (Some(minutes), None) => format!("every {minutes} minutes"),
            (Some(minutes), Some(next)) if next <= context.now() => {
                format!("every {minutes} minutes, due now: `usher sync --due --yes`")
            }
            (Some(minutes), Some(next)) => format!("every {minutes} minutes, next at {}", show::time(next)),
        };
        let mut rows = vec![
            vec!["method".to_owned(), connection.method.clone()],
            vec!["state".to_owned(), state],
            vec!["scope".to_owned(), scope],
            vec!["schedule".to_owned(), schedule],
        ];
        match last {
            None => rows.push(vec!["last run".to_owned(), "none yet: `usher plan`".to_owned()]),
            Some(run) => {
                let intent = serde_json::to_value(run.intent).unwrap_or_default();
                let state = serde_json::to_value(run.state).unwrap_or_default();
                let mut result = state.as_str().unwrap_or_default().to_owned();
                let fault =
                    run.report.as_ref().and_then(|report| report.get("fault")?.get("message")?.as_str());
                if let Some(message) = fault {
                    result = format!("{result}: {message}");
                }
                rows.push(vec![
                    "last run".to_owned(),
                    format!("{} ({}, by {})", run.id, intent.as_str().unwrap_or_default(), run.started_by),
                ]);
                let holds: Vec<Hold> = run
                    .report
                    .as_ref()
                    .and_then(|report| serde_json::from_value(report.get("holds")?.clone()).ok())
                    .unwrap_or_default();
                if let Some(hold) = holds.first() {
                    let hash = run.plan.as_deref().and_then(|plan| plan.get(..12)).unwrap_or_default();
                    let command = match run.intent {
                        Intent::Undo => "usher runs undo RUN".to_owned(),
                        Intent::Switch => format!("usher switch {}", connection.name),
                        Intent::Plan if live && !connection.state.is_live() => {
                            format!("usher switch {}", connection.name)
                        }
                        _ => "usher sync".to_owned(),
                    };
                    result = match hold {
                        Hold::Paused { name } => {
                            format!("{result}: {hold}; `usher resume {name}` lets it run")
                        }
                        _ => format!("{result}: {hold}; if this is right: `{command} --accept {hash}`"),
                    };
                }
                let quarantined = run
                    .report
                    .as_ref()
                    .and_then(|report| report.get("users")?.get("quarantined")?.as_u64())
                    .unwrap_or(0);
                if quarantined > 0 {
                    result = format!("{result}; {quarantined} quarantined: `usher runs show {}`", run.id);
                }
                rows.push(vec!["result".to_owned(), result]);
                let finished = run.finished_at.map_or_else(|| "not yet".to_owned(), show::time);
                rows.push(vec!["finished".to_owned(), finished]);
            }
        }
        context.console.table(&[&connection.name, ""], rows);
    }
    Ok(Status::Done)
}
