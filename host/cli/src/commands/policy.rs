//! `usher policy`: the tenant's chain.

use super::users::done;
use crate::args::{Given, OnConnection, PolicyCommand};
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::given;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::Path;
use usher_runtime::Kind;
use usher_store::{Asked, Connection, PolicyRow};

/// The policy whose entries can come from a CSV file.
const DENY_LIST: &str = "deny-list";

fn position(chain: &[PolicyRow], name: &str) -> Result<usize, CliError> {
    chain.iter().position(|row| row.name == name).ok_or_else(|| {
        CliError::usage(format!("the chain has no policy {name}"), "`usher policy list` shows the chain")
    })
}

/// Reads a deny list; says which lines are repeated or make no sense.
fn entries(context: &mut Context, file: &Path, existing: Option<&Json>) -> Result<Json, CliError> {
    let place = file.display();
    let bytes = std::fs::read(file)
        .map_err(|error| CliError::usage(format!("{place}: {error}"), "give the path of a CSV file"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| CliError::usage(format!("{place} is not UTF-8"), "save it as CSV in UTF-8"))?;
    let parsed = usher_policy_deny_list::parse_list(&text);
    for bad in &parsed.bad {
        context.console.aside(format!("{place} line {}: {}: {}", bad.line, bad.text, bad.why));
    }
    for repeated in &parsed.repeated {
        context.console.aside(format!(
            "{place} line {}: {} stands on line {} already",
            repeated.line, repeated.entry, repeated.first
        ));
    }
    let existing: Vec<String> = match existing {
        Some(Json::Array(entries)) => entries.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        Some(Json::String(text)) => text
            .split([',', ';', '\n'])
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    };
    let all = parsed.appended_to(&existing);
    context.console.aside(format!(
        "{} entries taken from {place}, {} repeated, {} bad",
        parsed.entries.len(),
        parsed.repeated.len(),
        parsed.bad.len()
    ));
    if parsed.entries.is_empty() {
        return Err(CliError::usage(
            format!("{place} has no usable entry: the list stays as it is"),
            "to deny nobody any more, take the policy out of the chain with `usher policy remove`",
        ));
    }
    Ok(serde_json::to_value(all).unwrap_or_default())
}

async fn settings(
    context: &mut Context,
    plugin_id: &str,
    given: &Given,
    now: Json,
    entries: Option<Json>,
) -> Result<Json, CliError> {
    let tenant = context.tenant().await?;
    let host = context.host().await?;
    let entry = host.catalogue().find(tenant.id, plugin_id).await?;
    if entry.plugin.about().kind != Kind::Policy {
        return Err(CliError::usage(
            format!("{plugin_id} is a {}, not a policy", entry.plugin.about().kind.name()),
            "`usher plugin list` shows the policies",
        ));
    }
    let (mut pairs, folder) = given::pairs(given)?;
    if let Some(entries) = entries {
        pairs.insert(0, ("entries".to_owned(), entries));
    }
    let settings = given::for_plugin(&entry.plugin, now, &pairs, folder.as_deref())?;
    let problems = host.check_policy(tenant.id, plugin_id, &settings).await?;
    if problems.is_empty() {
        return Ok(settings);
    }
    Err(CliError::usage(
        format!("settings of {plugin_id}: {}", problems.join("; ")),
        format!("`usher plugin show {plugin_id}` lists its settings"),
    ))
}

/// Whose people a policy is asked about, in words.
fn asked(policy: &PolicyRow, connections: &[Connection]) -> String {
    let names = |is: bool| {
        let those = connections.iter().filter(|connection| policy.asked.of(connection.id) == is);
        those.map(|connection| connection.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (asked, not) = (names(true), names(false));
    match (policy.asked.others, asked.is_empty(), not.is_empty()) {
        (true, _, true) => "everybody".to_owned(),
        (true, _, false) => format!("all but those of {not}"),
        (false, true, _) => "nobody".to_owned(),
        (false, false, _) => format!("those of {asked}"),
    }
}

/// Has a policy asked, or not, about the people of a connection or of all.
async fn switch(
    context: &mut Context,
    chain: &mut [PolicyRow],
    name: &str,
    connection: Option<String>,
    on: bool,
) -> Result<String, CliError> {
    let at = position(chain, name)?;
    let connection = match connection {
        Some(connection) => Some(context.connection(Some(&connection)).await?),
        None => None,
    };
    let mut forgotten = Vec::new();
    if let Some(row) = chain.get_mut(at) {
        // What was said of single connections ends with what is said of all.
        if connection.is_none() {
            let tenant = context.tenant().await?.id;
            let connections = context.store().await?.connections(tenant).await?;
            let differs = |one: &&Connection| row.asked.said.get(&one.id).is_some_and(|said| *said != on);
            forgotten.extend(connections.iter().filter(differs).map(|one| one.name.clone()));
        }
        row.asked.set(connection.as_ref().map(|connection| connection.id), on);
    }
    let whose =
        connection.map_or("everybody".to_owned(), |connection| format!("those of {}", connection.name));
    let whose = if forgotten.is_empty() {
        whose
    } else {
        format!("{whose}, those of {} among them", forgotten.join(", "))
    };
    Ok(if on {
        format!("{name} is asked about {whose}.")
    } else {
        format!("{name} isn't asked about {whose}.")
    })
}

/// Shows and changes the chain. What a change does is seen in the next plan.
pub async fn policy(command: PolicyCommand, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    let mut chain = store.policies(tenant.id).await?;
    let words = match command {
        PolicyCommand::List => {
            let connections = store.connections(tenant.id).await?;
            if context.console.is_json() {
                let list: Vec<_> = chain
                    .iter()
                    .map(|row| {
                        let asked: BTreeMap<_, _> = connections
                            .iter()
                            .map(|connection| (&connection.name, row.asked.of(connection.id)))
                            .collect();
                        json!({ "name": row.name, "plugin": row.plugin, "settings": row.settings, "asked": asked,
                            "asked_of_others": row.asked.others })
                    })
                    .collect();
                context.console.json(&list.into());
            } else if chain.is_empty() {
                context.console.line("No policies: everybody in scope comes in. Add one with `usher policy add deny-list --set entries=…`.");
            } else {
                let rows = chain
                    .iter()
                    .enumerate()
                    .map(|(at, row)| {
                        let mut settings = row.settings.to_string();
                        if settings.chars().count() > 80 {
                            settings = settings.chars().take(79).chain(['…']).collect();
                        }
                        let place = (at + 1).to_string();
                        vec![place, row.name.clone(), row.plugin.clone(), settings, asked(row, &connections)]
                    })
                    .collect();
                context.console.table(&["", "Policy", "Plugin", "Settings", "Asked about"], rows);
            }
            return Ok(Status::Done);
        }
        PolicyCommand::Add { plugin, name, given, csv } => {
            let name = given::name("policy", name.as_deref().unwrap_or(&plugin))?;
            if chain.iter().any(|row| row.name == name) {
                return Err(CliError::usage(
                    format!("the chain has a policy {name} already"),
                    format!(
                        "change it with `usher policy set {name}`, or give the new one another name with --name"
                    ),
                ));
            }
            let list = from_csv(context, &plugin, csv.as_deref(), None)?;
            let settings = settings(context, &plugin, &given, Json::Null, list).await?;
            chain.push(PolicyRow { name: name.clone(), plugin, settings, asked: Asked::default() });
            format!("{name} is in the chain.")
        }
        PolicyCommand::Set { name, given, csv, append } => {
            let at = position(&chain, &name)?;
            let Some(row) = chain.get(at).cloned() else {
                return Err(CliError::failed("the chain changed meanwhile"));
            };
            let existing = row.settings.get("entries").filter(|_| append);
            let list = from_csv(context, &row.plugin, csv.as_deref(), existing)?;
            let settings = settings(context, &row.plugin, &given, row.settings.clone(), list).await?;
            if let Some(slot) = chain.get_mut(at) {
                slot.settings = settings;
            }
            format!("{name} is changed.")
        }
        PolicyCommand::Try { name, who, given, csv, on } => {
            let row = chain.into_iter().find(|row| row.name == name);
            let (plugin, now) = row.map_or((name, Json::Null), |row| (row.plugin, row.settings));
            let list = from_csv(context, &plugin, csv.as_deref(), None)?;
            let settings = settings(context, &plugin, &given, now, list).await?;
            let policy = PolicyRow { name: plugin.clone(), plugin, settings, asked: Asked::default() };
            return try_on(context, policy, &who, &on).await;
        }
        PolicyCommand::Move { name, place } => {
            let at = position(&chain, &name)?;
            if place == 0 || place > chain.len() {
                return Err(CliError::usage(
                    format!("the chain has no place {place}"),
                    format!("places count from 1 to {}", chain.len()),
                ));
            }
            let row = chain.remove(at);
            chain.insert(place - 1, row);
            format!("{name} is at place {place}.")
        }
        PolicyCommand::On { name, connection } => {
            switch(context, &mut chain, &name, connection, true).await?
        }
        PolicyCommand::Off { name, connection } => {
            switch(context, &mut chain, &name, connection, false).await?
        }
        PolicyCommand::Remove { name } => {
            let at = position(&chain, &name)?;
            chain.remove(at);
            format!("{name} is out of the chain.")
        }
    };
    store.set_policies(tenant.id, &chain).await?;
    let names: Vec<_> = chain.iter().map(|row| row.name.clone()).collect();
    done(context, &json!({ "chain": names }), &format!("{words} See what that changes with `usher plan`."));
    Ok(Status::Done)
}

/// What a policy says of the source's records that somebody may mean.
async fn try_on(
    context: &mut Context,
    policy: PolicyRow,
    who: &str,
    on: &OnConnection,
) -> Result<Status, CliError> {
    let connection = context.connection(on.connection.as_deref()).await?;
    let host = context.host().await?;
    let said = host.try_policy(&connection, policy, who).await?;
    if said.is_empty() {
        return Err(CliError::usage(
            format!("{} had nobody who is {who} when it was last read", connection.name),
            "check the spelling; nobody is known before the first run was applied",
        ));
    }
    if context.console.is_json() {
        let list: Vec<_> = said.iter().map(|(name, says)| json!({ "name": name, "says": says })).collect();
        context.console.json(&list.into());
    }
    for (name, says) in said {
        context.console.line(format!("{name}: {says}"));
    }
    Ok(Status::Done)
}

fn from_csv(
    context: &mut Context,
    plugin: &str,
    csv: Option<&Path>,
    existing: Option<&Json>,
) -> Result<Option<Json>, CliError> {
    let Some(csv) = csv else { return Ok(None) };
    if plugin != DENY_LIST {
        return Err(CliError::usage(
            format!("--csv is for {DENY_LIST}, not for {plugin}"),
            "give its settings with --set",
        ));
    }
    entries(context, csv, existing).map(Some)
}
