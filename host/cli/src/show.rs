//! Users, groups, plans and reports as people and programs read them.

use crate::console::{Console, Tone};
use crate::error::CliError;
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::fmt::Display;
use usher_model::{EMAILS, Value};
use usher_planner::{LEAVING, LINKED};
use usher_store::{Finding, GroupRow, LineRow, Standing, Store, UserRow};
use usher_sync::{Report, RunResult};

/// Lines of a plan shown before the rest is only counted.
const LINES: usize = 30;
/// Findings shown before the rest is only counted.
const FINDINGS: usize = 20;
/// Rows fetched at a time.
pub const PAGE: i64 = 1000;

/// A time as people read it: local where the machine has a zone.
pub fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds).map_or_else(
        |_| milliseconds.to_string(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// A time as programs read it, RFC 3339.
pub fn moment(milliseconds: i64) -> Json {
    Timestamp::from_millisecond(milliseconds).map_or(Json::Null, |time| time.to_string().into())
}

/// A user as RFC 7643 writes one, with whose it is.
pub fn user(user: &UserRow) -> Json {
    let text = |name: &str| user.attributes.get(name).map(Value::to_json);
    let mut name = serde_json::Map::new();
    for part in ["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"] {
        if let Some(value) = text(&format!("name.{part}")) {
            name.insert(part.to_owned(), value);
        }
    }
    let emails: Vec<_> = user
        .attributes
        .get(EMAILS)
        .map_or(&[][..], Value::texts)
        .iter()
        .enumerate()
        .map(|(at, email)| json!({ "value": email, "primary": at == 0 }))
        .collect();
    let others: serde_json::Map<_, _> = user
        .attributes
        .iter()
        .filter(|(name, _)| {
            !matches!(name.as_str(), "displayName" | "title" | "department" | EMAILS | "externalId")
                && !name.starts_with("name.")
        })
        .map(|(name, value)| (name.clone(), value.to_json()))
        .collect();
    json!({
        "id": user.id,
        "externalId": user.external_id.clone().map(Json::from).or_else(|| text("externalId")),
        "userName": user.user_name,
        "displayName": text("displayName"),
        "name": name,
        "emails": emails,
        "active": user.active,
        "title": text("title"),
        "department": text("department"),
        "manager": user.manager.as_ref().map(|(id, name)| json!({ "value": id, "displayName": name })),
        "groups": user.groups.iter().map(|(id, name)| json!({ "value": id, "display": name })).collect::<Vec<_>>(),
        "path": user.paths.first().cloned().unwrap_or_default(),
        "paths": user.paths,
        "origin": if user.origin.is_some() { "connection" } else { "manual" },
        "connection": user.origin,
        "orphaned": user.orphaned,
        "attributes": others,
    })
}

/// A group as RFC 7643 writes one, with whose it is.
pub fn group(group: &GroupRow) -> Json {
    json!({
        "id": group.id,
        "externalId": group.external_id,
        "displayName": group.display_name,
        "members": group.members,
        "origin": if group.origin.is_some() { "connection" } else { "manual" },
        "connection": group.origin,
        "orphaned": group.orphaned,
        "attributes": group.attributes.iter().map(|(name, value)| (name.clone(), value.to_json())).collect::<serde_json::Map<_, _>>(),
    })
}

/// One line of a plan for a program.
pub fn line(line: &LineRow) -> Json {
    json!({
        "kind": line.kind,
        "action": line.action,
        "id": line.source_id,
        "member": if line.member_id.is_empty() { Json::Null } else { line.member_id.clone().into() },
        "name": line.name,
        "reason": line.reason,
        "changes": serde_json::from_str::<Json>(&line.changes).unwrap_or_default(),
    })
}

fn field(value: &Json) -> String {
    match value {
        Json::Null => "–".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(field).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A line's changes in words: `title: Engineer → Lead`.
pub fn changes(line: &LineRow) -> String {
    let map: serde_json::Map<String, Json> = serde_json::from_str(&line.changes).unwrap_or_default();
    let sides = |change: &Json| [0, 1].map(|at| change.get(at).cloned().unwrap_or_default());
    fields(
        map.iter()
            .filter(|(name, _)| !matches!(name.as_str(), LEAVING | LINKED))
            .map(|(name, change)| (name, sides(change))),
    )
}

/// Fields in words, each with what it was and what it is.
pub fn fields(changes: impl IntoIterator<Item = (impl Display, [Json; 2])>) -> String {
    let words = changes
        .into_iter()
        .map(|(name, [before, after])| format!("{name}: {} → {}", field(&before), field(&after)));
    words.collect::<Vec<_>>().join("; ")
}

fn sign(action: &str) -> (&'static str, Tone) {
    match action {
        "create" | "add" | "link" | "reactivate" => ("+", Tone::Good),
        "update" | "adopt" => ("~", Tone::Change),
        _ => ("-", Tone::Bad),
    }
}

fn said(line: &LineRow) -> String {
    match line.action.as_str() {
        "update" => changes(line),
        "adopt" if line.kind == "membership" => "taken over: the source has it too".to_owned(),
        "adopt" => match changes(line) {
            changes if changes.is_empty() => line.reason.clone(),
            changes => format!("{}; {changes}", line.reason),
        },
        "create" | "add" => line.reason.clone(),
        "deactivate" if line.changes.contains("\"leaving\"") => {
            format!("{}: inactive now, deleted after the grace period", line.reason)
        }
        "deactivate" => format!("{}: inactive", line.reason),
        "delete" => format!("{}: deleted", line.reason),
        _ => line.reason.clone(),
    }
}

/// Prints the lines of a plan: all, or the first of them, changes before memberships.
pub async fn lines(
    console: &mut Console,
    store: &Store,
    tenant: i64,
    run: i64,
    all: bool,
) -> Result<(), CliError> {
    let mut shown = 0;
    let mut left = 0_usize;
    for kind in ["user", "group", "membership"] {
        let mut after = (kind.to_owned(), String::new(), String::new());
        loop {
            let page = store.lines(tenant, run, (&after.0, &after.1, &after.2), PAGE).await?;
            let page: Vec<_> = page.into_iter().filter(|line| line.kind == kind).collect();
            let Some(last) = page.last() else { break };
            after = (last.kind.clone(), last.source_id.clone(), last.member_id.clone());
            for line in &page {
                if !all && shown >= LINES {
                    left += 1;
                    continue;
                }
                shown += 1;
                let (sign, tone) = sign(&line.action);
                let kind = if line.kind == "membership" { "member" } else { &line.kind };
                let text = format!("  {} {kind:<6} {}", console.tone(tone, sign), line.name);
                let said = said(line);
                console.line(format!("{text}  {}", console.tone(Tone::Quiet, said)));
            }
        }
    }
    if left > 0 {
        console.line(format!("  … {left} more: `usher runs show {run} --lines`"));
    }
    Ok(())
}

fn counted(parts: &[(u64, &str)]) -> String {
    let words: Vec<_> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" · ") }
}

/// All findings of a run.
pub async fn findings(store: &Store, tenant: i64, run: i64) -> Result<Vec<Finding>, CliError> {
    let mut all = Vec::new();
    loop {
        let from = i64::try_from(all.len()).unwrap_or(i64::MAX) + 1;
        let page = store.findings(tenant, run, from, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Prints a report's counts, what was passed over, and what is to be known.
pub fn report(console: &mut Console, report: &Report, findings: &[Finding]) {
    let users = &report.users;
    console.line("");
    console.line(format!(
        "  users        {}",
        counted(&[
            (users.found, "found"),
            (users.created, "created"),
            (users.linked, "linked"),
            (users.adopted, "taken over"),
            (users.updated, "updated"),
            (users.deactivated, "deactivated"),
            (users.reactivated, "reactivated"),
            (users.deleted, "deleted"),
            (users.unlinked, "let go"),
            (users.unchanged, "unchanged"),
            (users.orphaned, "orphaned"),
            (users.skipped, "skipped"),
            (users.held, "held"),
            (users.quarantined, "quarantined"),
        ])
    ));
    let groups = &report.groups;
    console.line(format!(
        "  groups       {}",
        counted(&[
            (groups.found, "found"),
            (groups.created, "created"),
            (groups.adopted, "taken over"),
            (groups.updated, "updated"),
            (groups.deleted, "deleted"),
            (groups.unchanged, "unchanged"),
            (groups.orphaned, "orphaned"),
            (groups.skipped, "skipped"),
            (groups.quarantined, "quarantined"),
        ])
    ));
    console.line(format!(
        "  memberships  {}",
        counted(&[
            (report.memberships.added, "added"),
            (report.memberships.adopted, "taken over"),
            (report.memberships.removed, "removed"),
        ])
    ));
    for (standing, heading) in [
        (Standing::Quarantined, "Quarantined, and tried again next time:"),
        (Standing::Held, "Waiting for a decision, as they are until then:"),
        (Standing::Skipped, "Left out:"),
        (Standing::Kept, "Not taken back:"),
        (Standing::Orphaned, "Staying behind, orphaned:"),
    ] {
        let some: Vec<_> = findings.iter().filter(|finding| finding.standing == standing).collect();
        if some.is_empty() {
            continue;
        }
        console.line("");
        console.line(console.tone(Tone::Strong, heading));
        for finding in some.iter().take(FINDINGS) {
            let name = finding.name.as_deref().or(finding.id.as_deref()).unwrap_or("a record");
            let place = finding.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            console.line(format!("  {name}{place}: {}", finding.reason));
        }
        if some.len() > FINDINGS {
            console.line(format!(
                "  … {} more: `usher --json runs show {}`",
                some.len() - FINDINGS,
                report.run
            ));
        }
    }
    if !report.notes.is_empty() {
        console.line("");
        console.line(console.tone(Tone::Strong, "To know:"));
        for note in &report.notes {
            console.line(format!("  {note}"));
        }
    }
}

/// A report for a program.
pub fn report_json(report: &Report, findings: &[Finding]) -> Json {
    let of = |standing: Standing| -> Vec<Json> {
        findings
            .iter()
            .filter(|finding| finding.standing == standing)
            .map(|finding| {
                json!({ "id": finding.id, "name": finding.name, "kind": finding.kind, "reason": finding.reason,
                        "where": finding.place })
            })
            .collect()
    };
    json!({
        "run": report.run,
        "connection": report.connection,
        "plan": report.plan,
        "result": report.result,
        "applied": report.applied,
        "users": report.users,
        "groups": report.groups,
        "memberships": report.memberships,
        "skipped": of(Standing::Skipped),
        "held": of(Standing::Held),
        "quarantined": of(Standing::Quarantined),
        "kept": of(Standing::Kept),
        "orphaned": of(Standing::Orphaned),
        "holds": report.holds.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "notes": report.notes,
        "fault": report.fault,
    })
}

/// A result in one coloured word.
pub fn result(console: &Console, result: RunResult) -> String {
    match result {
        RunResult::Success => console.tone(Tone::Good, "success"),
        RunResult::Unchanged => console.tone(Tone::Good, "unchanged"),
        RunResult::Held => console.tone(Tone::Change, "held"),
        RunResult::Failed => console.tone(Tone::Bad, "failed"),
    }
}
