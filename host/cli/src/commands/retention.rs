//! `usher retention`: how long is kept what could be done without.

use super::users::done;
use crate::args::RetentionCommand;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::show;
use serde_json::{Value as Json, json};
use usher_store::{Expired, Retention};

/// A hundred years: more is a slip of the finger.
const MOST_DAYS: i64 = 36_500;

/// Shows, sets, and lets go.
pub async fn retention(command: Option<RetentionCommand>, context: &mut Context) -> Result<Status, CliError> {
    match command.unwrap_or(RetentionCommand::Show) {
        RetentionCommand::Show => show(context).await,
        RetentionCommand::Set { days } => set(context, &days).await,
        RetentionCommand::Apply { dry_run, yes, clock_is_right } => {
            apply(context, dry_run, (yes, clock_is_right)).await
        }
    }
}

fn days_json(days: Retention) -> Json {
    json!({ "history": days.history, "plans": days.plans, "left-out": days.left_out })
}

fn expired_json(expired: Expired) -> Json {
    json!({
        "runs": expired.runs, "rows": expired.rows, "plans": expired.plans, "reads": expired.reads,
        "left_out": expired.left_out, "findings": expired.findings,
    })
}

fn expired_lines(context: &mut Context, expired: Expired) {
    for (count, what) in [
        (expired.runs, "applied runs, with their lines and findings"),
        (expired.rows, "rows of the directory as it was"),
        (expired.plans, "runs that were not applied, with their lines and findings"),
        (expired.reads, "reads that nothing came of"),
        (expired.left_out, "people left out: what the source says of them, but for id and hash"),
        (expired.findings, "findings about people left out"),
    ] {
        if count > 0 {
            context.console.line(format!("  {count:>8} {what}"));
        }
    }
}

async fn show(context: &mut Context) -> Result<Status, CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let days = store.retention(tenant.id).await?;
    let expired = store.expired(tenant.id, context.now()).await?;
    if context.console.is_json() {
        context.console.json(&json!({ "days": days_json(days), "past": expired_json(expired) }));
        return Ok(Status::Done);
    }
    let rows = [
        (
            "history",
            days.history,
            "applied runs, and the directory as it was: what `--as-of` and `runs undo` reach",
        ),
        ("plans", days.plans, "runs that were not applied"),
        ("left-out", days.left_out, "what sources say of people whom scope or policies leave out"),
    ];
    let rows = rows.map(|(name, days, what)| vec![name.to_owned(), days.to_string(), what.to_owned()]);
    context.console.table(&["Keeps", "Days", "Of"], rows.to_vec());
    if !expired.is_empty() {
        context.console.line("Past its days, and let go by the next sync or `usher retention apply`:");
        expired_lines(context, expired);
    }
    Ok(Status::Done)
}

async fn set(context: &mut Context, given: &[String]) -> Result<Status, CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let mut days = store.retention(tenant.id).await?;
    for pair in given {
        let wrong = || {
            CliError::usage(
                format!("{pair}: this sets no days"),
                format!("write history=400, plans=30 or left-out=30, with 1 to {MOST_DAYS} days"),
            )
        };
        let (name, number) = pair.split_once('=').ok_or_else(wrong)?;
        let number: i64 = number.trim().parse().map_err(|_| wrong())?;
        if !(1..=MOST_DAYS).contains(&number) {
            return Err(wrong());
        }
        match name.trim() {
            "history" => days.history = number,
            "plans" => days.plans = number,
            "left-out" => days.left_out = number,
            _ => return Err(wrong()),
        }
    }
    store.set_retention(tenant.id, days).await?;
    let words = format!(
        "History is kept for {} days, plans for {}, people left out for {}. What is past that goes with the next sync, or by `usher retention apply`.",
        days.history, days.plans, days.left_out
    );
    done(context, &json!({ "days": days_json(days) }), &words);
    Ok(Status::Done)
}

async fn apply(
    context: &mut Context,
    dry_run: bool,
    (yes, clock_is_right): (bool, bool),
) -> Result<Status, CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let expired = store.expired(tenant.id, context.now()).await?;
    if expired.is_empty() {
        let nothing = json!({ "applied": false, "past": expired_json(expired) });
        done(context, &nothing, "Nothing is past its days.");
        return Ok(Status::Done);
    }
    if !context.console.is_json() {
        context.console.line("Past its days:");
        expired_lines(context, expired);
    }
    if dry_run {
        let words = "Nothing was changed. `usher retention apply` lets go of it.";
        done(context, &json!({ "applied": false, "past": expired_json(expired) }), words);
        return Ok(Status::Done);
    }
    let leap = store.leap(tenant.id, context.now()).await?.filter(|_| !clock_is_right);
    let doubt = leap.map(|days| {
        format!("{days} days passed without a run: is the clock right? It says {}", show::time(context.now()))
    });
    if let (true, Some(doubt)) = (yes, &doubt) {
        return Err(CliError {
            status: Status::Held,
            class: "unconfirmed".to_owned(),
            message: format!("{doubt}; nothing was let go"),
            advice: Some("where it is right, give --clock-is-right".to_owned()),
        });
    }
    let question = doubt.map_or_else(String::new, |doubt| format!("{doubt}. "));
    if !yes && !context.console.confirm(&format!("{question}Let go of it, for good?")) {
        return Err(super::users::unconfirmed());
    }
    let gone = store.apply_retention(tenant.id, context.now()).await?;
    done(context, &json!({ "applied": true, "past": expired_json(gone) }), "It is gone.");
    Ok(Status::Done)
}
