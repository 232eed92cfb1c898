//! `usher plugin`: the catalogue.

use super::users::done;
use crate::args::PluginCommand;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status, words};
use serde_json::{Value as Json, json};
use std::path::Path;
use usher_runtime::{Grant, Kind, Limits, Plugin};
use usher_store::{AddedPlugin, Store};

/// What a plugin asks for and nobody serves, as a sentence: such a plugin can be added, and not be run.
fn unserved(plugin: &Plugin) -> Option<String> {
    let missing: Vec<_> = plugin.asks().into_iter().filter(|asked| !usher_sync::serves(asked)).collect();
    (!missing.is_empty())
        .then(|| format!("this host doesn't serve {} yet: it can't be run", missing.join(", ")))
}

async fn from_file(context: &mut Context, file: &Path) -> Result<(Plugin, Vec<u8>), CliError> {
    let place = file.display();
    let wasm = std::fs::read(file).map_err(|error| {
        CliError::usage(format!("{place}: {error}"), "give the path of a WebAssembly component")
    })?;
    let host = context.host().await?;
    let plugin = host.catalogue().runtime().load(wasm.clone()).await.map_err(|error| CliError {
        status: Status::Usage,
        class: "plugin".to_owned(),
        // An engine's error goes on with a picture of the bytes.
        message: format!("{place}: {}", words(&error).lines().next().unwrap_or_default()),
        advice: Some("build it for wasm32-wasip2 against the contract in wit/".to_owned()),
    })?;
    Ok((plugin, wasm))
}

fn card(plugin: &Plugin) -> Json {
    let about = plugin.about();
    json!({ "id": about.id, "version": about.version, "kind": about.kind.name(), "summary": about.summary,
        "hash": plugin.hash(), "asks": plugin.asks(), "imports": plugin.imports(), "settings": about.settings })
}

fn print(context: &mut Context, plugin: &Plugin) {
    let about = plugin.about();
    let console = &mut context.console;
    let heading =
        console.tone(Tone::Strong, format!("{} {} ({})", about.id, about.version, about.kind.name()));
    console.line(heading);
    console.line(format!("  {}", about.summary));
    console.line(format!("  sha256 {}", plugin.hash()));
    let asks: Vec<_> = plugin.asks().into_iter().collect();
    console
        .line(format!("  asks for {}", if asks.is_empty() { "nothing".to_owned() } else { asks.join(", ") }));
}

fn settings(context: &mut Context, schema: &Json) {
    let required: Vec<_> = schema
        .get("required")
        .and_then(Json::as_array)
        .map(|names| names.iter().filter_map(Json::as_str).collect())
        .unwrap_or_default();
    let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
        context.console.line("  no settings");
        return;
    };
    context.console.line("");
    let rows = properties
        .iter()
        .map(|(name, property)| {
            let text = |key: &str| property.get(key).and_then(Json::as_str).unwrap_or("").replace('\n', " ");
            let default = property.get("default").map(ToString::to_string).unwrap_or_default();
            let must = if required.contains(&name.as_str()) { "required" } else { "" };
            let secret = property.get("writeOnly") == Some(&Json::Bool(true));
            let note = if secret { "secret: give it with --secret" } else { must };
            vec![name.clone(), note.to_owned(), default, text("description")]
        })
        .collect();
    context.console.table(&["Setting", "", "Default", "What it is"], rows);
}

/// Shows a plugin's limits, after setting some.
async fn limits(
    context: &mut Context,
    store: &Store,
    tenant: i64,
    id: &str,
    set: &[String],
) -> Result<(), CliError> {
    let host = context.host().await?;
    let entry = host.catalogue().find(tenant, id).await?;
    let own = match entry.plugin.about().kind {
        Kind::Policy => Limits::policy(),
        Kind::Method | Kind::Receiver => Limits::method(),
    };
    let mut given = entry.limits.as_object().cloned().unwrap_or_default();
    for pair in set {
        let wrong = || CliError::usage(format!("--set {pair} is no limit"), "write --set cpu_ms=20000");
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        if value.is_empty() {
            given.remove(name);
        } else {
            given.insert(name.to_owned(), value.parse::<u64>().map_err(|_| wrong())?.into());
        }
    }
    let now = own.overridden(&Json::Object(given.clone())).map_err(|error| {
        CliError::usage(error.to_string(), format!("`usher plugin limits {id}` shows their names"))
    })?;
    if !set.is_empty() {
        store.set_plugin_limits(tenant, id, &given).await?;
    }
    let (own, now) = (json!(own), json!(now));
    if context.console.is_json() {
        context.console.json(&json!({ "plugin": id, "limits": now, "set": given }));
        return Ok(());
    }
    let names = now.as_object().cloned().unwrap_or_default();
    let rows = names
        .iter()
        .map(|(name, value)| {
            let host = own.get(name).filter(|own| *own != value).map(|own| format!("the host's own: {own}"));
            vec![name.clone(), value.to_string(), host.unwrap_or_default()]
        })
        .collect();
    context.console.table(&["Limit", "A call may use", ""], rows);
    Ok(())
}

/// The connections and policies that run a plugin.
async fn used_by(store: &Store, tenant: i64, id: &str) -> Result<Vec<String>, CliError> {
    let connections = store.connections(tenant).await?;
    let policies = store.policies(tenant).await?;
    let connections = connections.into_iter().filter(|connection| connection.method == id);
    let policies = policies.into_iter().filter(|row| row.plugin == id);
    Ok(connections.map(|connection| connection.name).chain(policies.map(|row| row.name)).collect())
}

/// The catalogue of plugins.
pub async fn plugin(command: PluginCommand, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    match command {
        PluginCommand::List => {
            let host = context.host().await?;
            let mut rows = Vec::new();
            let mut list = Vec::new();
            for id in host.catalogue().ids(tenant.id).await? {
                let entry = match host.catalogue().find(tenant.id, &id).await {
                    Ok(entry) => entry,
                    // One that can't be loaded keeps nobody from seeing the others, and from removing it.
                    Err(error) => {
                        let why = words(&error);
                        list.push(json!({ "id": id, "problem": why }));
                        rows.push(vec![
                            id,
                            String::new(),
                            String::new(),
                            "added".to_owned(),
                            String::new(),
                            why,
                        ]);
                        continue;
                    }
                };
                let about = entry.plugin.about();
                let from = if entry.bundled { "bundled" } else { "added" };
                let granted: Vec<_> = entry.grant.interfaces.iter().cloned().collect();
                list.push(json!({ "id": about.id, "version": about.version, "kind": about.kind.name(),
                    "summary": about.summary, "from": from, "hash": entry.plugin.hash(), "granted": granted }));
                rows.push(vec![
                    about.id.clone(),
                    about.version.clone(),
                    about.kind.name().to_owned(),
                    from.to_owned(),
                    granted.join(", "),
                    about.summary.clone(),
                ]);
            }
            if context.console.is_json() {
                context.console.json(&list.into());
            } else {
                context.console.table(&["Plugin", "Version", "Kind", "From", "Granted", ""], rows);
            }
        }
        PluginCommand::Show { id } => {
            let host = context.host().await?;
            let entry = host.catalogue().find(tenant.id, &id).await?;
            if context.console.is_json() {
                context.console.json(&card(&entry.plugin));
            } else {
                print(context, &entry.plugin);
                settings(context, &entry.plugin.about().settings);
            }
        }
        PluginCommand::Check { file } => {
            let (plugin, _) = from_file(context, &file).await?;
            let grant = Grant { interfaces: plugin.asks() };
            let admitted = plugin.admit(&grant);
            let unserved = unserved(&plugin);
            if context.console.is_json() {
                let mut value = card(&plugin);
                if let Some(value) = value.as_object_mut() {
                    let problem = admitted.as_ref().err().map(ToString::to_string);
                    let problem = problem.or_else(|| unserved.clone());
                    value.insert("ok".to_owned(), problem.is_none().into());
                    value.insert("problem".to_owned(), problem.into());
                }
                context.console.json(&value);
            } else {
                print(context, &plugin);
                match (&admitted, &unserved) {
                    (Err(refusal), _) => context.console.line(format!("  It can't be added: {refusal}")),
                    (Ok(_), Some(unserved)) => context.console.line(format!("  {unserved}")),
                    (Ok(_), None) => context.console.line("  It could be added: `usher plugin add`."),
                }
            }
            let fit = admitted.is_ok() && unserved.is_none();
            return Ok(if fit { Status::Done } else { Status::Failed });
        }
        PluginCommand::Add { file, yes } => {
            let (plugin, wasm) = from_file(context, &file).await?;
            let grant = Grant { interfaces: plugin.asks() };
            plugin.admit(&grant).map_err(|refusal| CliError {
                status: Status::Usage,
                class: "plugin".to_owned(),
                message: refusal.to_string(),
                advice: Some("its author must ask for it in `about`".to_owned()),
            })?;
            if !context.console.is_json() {
                print(context, &plugin);
            }
            if let Some(unserved) = unserved(&plugin) {
                let warning = context.console.tone(Tone::Change, unserved);
                context.console.aside(format!("  {warning}"));
            }
            // An added plugin stands before a bundled one of its id, and before the one that was added earlier.
            let id = &plugin.about().id;
            let earlier = store.plugins(tenant.id).await?.into_iter().find(|added| added.id == *id);
            let host = context.host().await?;
            let replaces = match earlier {
                Some(earlier) => Some(format!("the added {id} {}", earlier.version)),
                None => host.catalogue().bundled(id).then(|| format!("the bundled {id}")),
            };
            let used = used_by(&store, tenant.id, id).await?;
            if let Some(replaces) = &replaces {
                let by = if used.is_empty() { "nothing yet".to_owned() } else { used.join(", ") };
                let warning = context
                    .console
                    .tone(Tone::Change, format!("It takes the place of {replaces}, used by: {by}"));
                context.console.aside(format!("  {warning}"));
            }
            if !yes {
                let asks: Vec<_> = plugin.asks().into_iter().collect();
                let what = if asks.is_empty() { "nothing".to_owned() } else { asks.join(", ") };
                if !context.console.confirm(&format!("Add it, granting {what}?")) {
                    return Err(CliError {
                        status: Status::Held,
                        class: "unconfirmed".to_owned(),
                        message: "nothing was added".to_owned(),
                        advice: Some("confirm when asked, or give --yes".to_owned()),
                    });
                }
            }
            let about = plugin.about();
            let added = AddedPlugin {
                id: about.id.clone(),
                version: about.version.clone(),
                kind: about.kind.name().to_owned(),
                summary: about.summary.clone(),
                hash: plugin.hash().to_owned(),
                granted: grant.interfaces,
            };
            store.add_plugin(tenant.id, &added, &wasm, context.now()).await?;
            done(context, &card(&plugin), &format!("{} {} is added.", added.id, added.version));
        }
        PluginCommand::Limits { id, set } => limits(context, &store, tenant.id, &id, &set).await?,
        PluginCommand::Remove { id } => {
            let added = store.plugins(tenant.id).await?;
            if !added.iter().any(|plugin| plugin.id == id) {
                return Err(CliError::usage(
                    format!("{id} was not added"),
                    "bundled plugins can't be removed; `usher plugin list` shows which were added",
                ));
            }
            let used = used_by(&store, tenant.id, &id).await?;
            let host = context.host().await?;
            // Where a bundled one stands behind it, that one goes on in its place.
            if !used.is_empty() && !host.catalogue().bundled(&id) {
                return Err(CliError::usage(
                    format!("{id} is used by {}", used.join(", ")),
                    "disconnect them or take them out of the chain first",
                ));
            }
            store.remove_plugin(tenant.id, &id).await?;
            done(context, &json!({ "removed": id }), &format!("{id} is forgotten."));
        }
    }
    Ok(Status::Done)
}
