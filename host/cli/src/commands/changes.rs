//! `usher runs changes`: the journal, to be read or taken elsewhere.

use crate::args::Format;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::show;
use serde_json::{Map, Value as Json, json};
use usher_store::{AppliedChange, ChangeFilter, View};

/// The columns of the table.
const COLUMNS: [&str; 12] =
    ["at", "run", "connection", "by", "kind", "action", "name", "id", "member", "field", "before", "after"];

/// What was asked for.
pub struct Asked {
    /// All but who.
    pub filter: ChangeFilter,
    /// A user.
    pub who: Option<String>,
    /// A group.
    pub group: Option<String>,
    /// How it is written.
    pub format: Format,
}

fn fields(change: &AppliedChange) -> Map<String, Json> {
    serde_json::from_str(&change.line.changes).unwrap_or_default()
}

fn cell(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn whole(change: &AppliedChange) -> Json {
    let line = &change.line;
    json!({ "at": show::moment(change.at), "run": change.run, "connection": change.connection, "by": change.by,
        "kind": line.kind, "action": line.action, "name": line.name, "id": line.record,
        "member": if line.member.is_empty() { Json::Null } else { line.member.clone().into() },
        "source_id": line.source_id, "reason": line.reason, "changes": fields(change) })
}

/// One row a field; one row for a change without any.
fn rows(change: &AppliedChange) -> Vec<Vec<String>> {
    let line = &change.line;
    let row = |field: &str, before: String, after: String| {
        vec![
            cell(&show::moment(change.at)),
            change.run.to_string(),
            change.connection.clone(),
            change.by.clone(),
            line.kind.clone(),
            line.action.clone(),
            line.name.clone(),
            line.record.clone(),
            line.member.clone(),
            field.to_owned(),
            before,
            after,
        ]
    };
    let fields = fields(change);
    if fields.is_empty() {
        return vec![row("", String::new(), String::new())];
    }
    let side = |pair: &Json, at: usize| pair.get(at).map(cell).unwrap_or_default();
    fields.iter().map(|(name, pair)| row(name, side(pair, 0), side(pair, 1))).collect()
}

fn csv(rows: &[Vec<String>]) -> Result<String, CliError> {
    let failed =
        |error: &dyn std::fmt::Display| CliError::failed(format!("the table can't be written: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// Lists or exports what was changed.
pub async fn changes(asked: Asked, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    let mut filter = asked.filter;
    if let Some(run) = filter.run {
        store.run(tenant.id, run).await?;
    }
    if let Some(who) = &asked.who {
        // Who isn't in the directory any more is still in its history.
        let gone = match store.find_users(tenant.id, View::NOW, who).await?.is_empty() {
            true => store.record_once_named(tenant.id, who).await?,
            false => None,
        };
        filter.record = Some(match gone {
            Some(record) => record,
            None => super::users::one(&store, tenant.id, View::NOW, who).await?.id,
        });
    }
    if let Some(group) = &asked.group {
        filter.record = Some(super::groups::one(&store, tenant.id, View::NOW, group).await?.id);
    }
    let json = context.console.is_json();
    let mut after = (0, (String::new(), String::new(), String::new()));
    let mut count = 0_u64;
    if !json && asked.format == Format::Csv {
        let heading: Vec<_> = COLUMNS.iter().map(|&column| column.to_owned()).collect();
        context.console.text(&csv(&[heading])?);
    }
    loop {
        let (change, (kind, source, member)) = &after;
        let page =
            store.applied_changes(tenant.id, &filter, (*change, (kind, source, member)), show::PAGE).await?;
        let Some(last) = page.last() else { break };
        let line = &last.line;
        after = (last.change, (line.kind.clone(), line.source_id.clone(), line.member_id.clone()));
        for change in &page {
            if json {
                context.console.json_element(count, &whole(change));
            } else {
                match asked.format {
                    Format::Csv => context.console.text(&csv(&rows(change))?),
                    Format::Jsonl => context.console.text(&format!("{}\n", whole(change))),
                    Format::Lines => read(context, change),
                }
            }
            count += 1;
        }
    }
    if json {
        context.console.json_end(count);
    } else if count == 0 && asked.format == Format::Lines {
        context.console.line("Nothing was changed like that.");
    }
    Ok(Status::Done)
}

fn read(context: &mut Context, change: &AppliedChange) {
    let line = &change.line;
    let when = context.console.tone(Tone::Quiet, format!("{} run {}", show::time(change.at), change.run));
    let said = show::changes(line);
    let said = if said.is_empty() { line.reason.clone() } else { said };
    context.console.line(format!("{when}  {:<10} {:<10} {}  {said}", line.kind, line.action, line.name));
}
