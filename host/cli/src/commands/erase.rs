//! `usher users erase`: a person goes everywhere, for good.

use super::users::done;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::show;
use serde_json::json;
use usher_store::{Engine, Erased, Erasing, Record, Store, VaultKey, View};

/// What was asked for.
pub struct Asked {
    pub who: Option<String>,
    pub connection: Option<String>,
    pub yes: bool,
    pub list: bool,
    pub forget: Option<i64>,
}

/// Erases somebody, or looks after tombstones.
pub async fn erase(asked: Asked, context: &mut Context) -> Result<Status, CliError> {
    if asked.list {
        return list(context).await;
    }
    if let Some(erasure) = asked.forget {
        return forget(context, erasure).await;
    }
    let who = asked.who.unwrap_or_default();
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let key = context.key()?;
    let erasing = meant(context, &store, (tenant.id, &key), &who, asked.connection.as_deref()).await?;
    let by = context.by().await?;
    let would = store.would_erase(by, &key, &erasing).await?;
    let name = would.name.clone().unwrap_or_else(|| who.clone());
    if !context.console.is_json() {
        shown(context, &name, &would);
    }
    if !asked.yes {
        let question = format!("All of this goes, and can't be brought back. Type {name} to go on");
        if context.console.ask(&question).as_deref() != Some(name.as_str()) {
            return Err(CliError {
                status: Status::Held,
                class: "unconfirmed".to_owned(),
                message: "nobody was erased".to_owned(),
                advice: Some("type the userName when asked, or give --yes".to_owned()),
            });
        }
    }
    let erased = store.erase(by, &key, &erasing).await?;
    // The run is kept; what is left of deleted rows in the files is for the disk.
    let wiped = store.wipe().await;
    let left = match &wiped {
        Ok(true) => None,
        Ok(false) => Some("another program reads the database at this moment, so that its log still has what was deleted: it goes when all have closed it".to_owned()),
        Err(error) => Some(format!(
            "the file could not be written anew, so that it may still have what was deleted: {}; once there is room, `sqlite3 {} VACUUM` does it",
            crate::error::words(error),
            store.place()
        )),
    };
    if context.console.is_json() {
        let remains: Vec<_> =
            erased.remains.iter().map(|(what, count)| json!({ "in": what, "count": count })).collect();
        context.console.json(&json!({
            "run": erased.run, "records": erased.records, "memberships": erased.memberships, "links": erased.links,
            "past": erased.past, "lines": erased.lines, "mirrored": erased.mirrored, "mentions": erased.mentions,
            "people": erased.people.len(), "tombstones": erased.sources.len(), "remains": remains, "left_in_files": left,
        }));
        return Ok(Status::Done);
    }
    context.console.line(format!("Erased, by run {}.", erased.run));
    if let Some(left) = left {
        let word = context.console.tone(Tone::Bad, "not yet");
        context.console.line(format!("  {word}: {left}"));
    }
    if store.engine() == Engine::Postgres {
        context.console.line(
            "Postgres keeps deleted rows until it vacuums: `VACUUM FULL` does it now. Its logs and archives are its operator's.",
        );
    }
    context
        .console
        .line("Backups still have him, and so does every file that was exported: they are yours to let go.");
    Ok(Status::Done)
}

fn shown(context: &mut Context, name: &str, would: &Erased) {
    let heading = context.console.tone(Tone::Strong, name);
    context.console.line(heading);
    if would.people.len() > 1 {
        for record in &would.people {
            context.console.line(format!("  his record {}", told(record)));
        }
    }
    for (count, what) in [
        (would.records, "records in the directory"),
        (would.memberships, "memberships"),
        (would.links, "links to sources"),
        (would.past, "rows of the directory as it was"),
        (would.lines, "lines and findings of runs and plans"),
        (would.mirrored, "records and memberships of mirrors"),
        (would.mentions, "mentions in what is kept of others"),
    ] {
        if count > 0 {
            context.console.line(format!("  {count:>6} {what}"));
        }
    }
    for (connection, id) in &would.sources {
        context
            .console
            .line(format!("  record {id} of {connection} stays out from now on, by a keyed hash of its id"));
    }
    for (what, count) in &would.remains {
        let word = context.console.tone(Tone::Change, "stays");
        context.console.line(format!("  {word}: his userName or e-mail address in {what} ({count})"));
    }
}

/// Who is meant: in the directory, once in it, or only at a source.
async fn meant(
    context: &mut Context,
    store: &Store,
    (tenant, key): (i64, &VaultKey),
    who: &str,
    connection: Option<&str>,
) -> Result<Erasing, CliError> {
    let mut once = Vec::new();
    if connection.is_none() {
        if !store.find_users(tenant, View::NOW, who).await?.is_empty() {
            let user = super::users::one(store, tenant, View::NOW, who).await?;
            return Ok(Erasing { record: Some(user.id), sources: Vec::new() });
        }
        once = store.people_once(tenant, who).await?;
    }
    let mut found = Vec::new();
    for of in store.connections(tenant).await? {
        if connection.is_some_and(|name| name != of.name) {
            continue;
        }
        let mirrored = store.mirror_of(tenant, of.id, who, None).await?;
        found.extend(mirrored.into_iter().map(|mirror| (of.id, of.name.clone(), mirror.id, mirror.record)));
        for id in store.staged_of(tenant, of.id, who).await? {
            if !found.iter().any(|(connection, _, known, _)| *connection == of.id && *known == id) {
                found.push((of.id, of.name.clone(), id, None));
            }
        }
    }
    // A source may still have who was in the directory.
    if let [record] = once.as_slice() {
        let erasing = Erasing { record: Some(record.id.clone()), sources: Vec::new() };
        let his = store.would_erase(context.by().await?, key, &erasing).await?;
        found.retain(|(_, name, id, _)| !his.sources.contains(&(name.clone(), id.clone())));
        if found.is_empty() {
            return Ok(erasing);
        }
    }
    match (once.as_slice(), found.as_slice()) {
        ([], []) => Err(CliError::usage(
            format!("nobody in the directory, in its history or at a source is {who}"),
            "check the spelling; somebody whom no run has read isn't known here",
        )),
        ([], [(connection, _, id, record)]) => {
            Ok(Erasing { record: record.clone(), sources: vec![(*connection, id.clone())] })
        }
        (records, sources) => {
            let records = records.iter().map(told);
            let sources = sources.iter().map(|(_, name, id, _)| format!("record {id} of {name}"));
            let names: Vec<_> = records.chain(sources).collect();
            Err(CliError::usage(
                format!("{who} may be any of {}", names.join("; ")),
                "say which by the directory's id, or by source id with --connection NAME",
            ))
        }
    }
}

/// A record of the directory, for telling it from others.
fn told(record: &Record) -> String {
    let until = match (record.here, record.until) {
        (true, _) => "in the directory".to_owned(),
        (false, Some(moment)) => format!("in the directory until {}", show::time(moment)),
        (false, None) => "once in the directory".to_owned(),
    };
    format!("{} ({}, {until})", record.id, record.user_name)
}

async fn list(context: &mut Context) -> Result<Status, CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let erasures = store.erasures(tenant.id).await?;
    if context.console.is_json() {
        let list: Vec<_> = erasures
            .iter()
            .map(|one| json!({ "run": one.erasure, "erased_at": show::moment(one.erased_at), "connections": one.connections }))
            .collect();
        context.console.json(&list.into());
    } else if erasures.is_empty() {
        context.console.line("Nobody who was erased is kept out.");
    } else {
        let rows = erasures
            .into_iter()
            .map(|one| vec![one.erasure.to_string(), show::time(one.erased_at), one.connections.join(", ")])
            .collect();
        context.console.table(&["Run", "Erased", "Stays out of"], rows);
    }
    Ok(Status::Done)
}

async fn forget(context: &mut Context, erasure: i64) -> Result<Status, CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    store.forget_tombstones(tenant.id, erasure).await?;
    let words = format!("Whom run {erasure} erased may come in again, with the next sync.");
    done(context, &json!({ "forgotten": erasure }), &words);
    Ok(Status::Done)
}
