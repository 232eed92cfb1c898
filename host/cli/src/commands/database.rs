//! `usher database`: upkeep of everything that is kept.

use super::users::done;
use crate::args::DatabaseCommand;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use serde_json::{Value as Json, json};
use std::path::Path;
use usher_store::{Engine, Store, StoreError};

/// Looks for damage, copies, and moves.
pub async fn database(command: DatabaseCommand, context: &mut Context) -> Result<Status, CliError> {
    match command {
        DatabaseCommand::Check { heal } => check(context, heal).await,
        DatabaseCommand::Backup { file } => backup(context, &file).await,
        DatabaseCommand::Move { to, yes } => move_to(context, &to, yes).await,
    }
}

async fn check(context: &mut Context, heal: bool) -> Result<Status, CliError> {
    let store = context.store().await?;
    let healed = if heal { store.heal().await? } else { 0 };
    let found = store.check().await?;
    if context.console.is_json() {
        let list: Vec<_> = found
            .iter()
            .map(|damage| json!({ "where": damage.place, "what": damage.what, "heals": damage.heals }))
            .collect();
        context.console.json(&json!({ "sound": found.is_empty(), "damage": list, "forgotten": healed }));
        return Ok(if found.is_empty() { Status::Done } else { Status::Failed });
    }
    if healed > 0 {
        context.console.line(format!(
            "{healed} mirrored records were forgotten: the next `usher sync` reads their source from nothing and takes them anew."
        ));
    }
    if found.is_empty() {
        context.console.line("The database is sound.");
        if store.engine() == Engine::Postgres {
            context.console.line("Its files are Postgres' own business: `pg_amcheck` looks at those.");
        }
    } else {
        for damage in &found {
            let sign = context.console.tone(Tone::Bad, "✗");
            context.console.line(format!("  {sign} {}: {}", damage.place, damage.what));
        }
        if found.iter().any(|damage| damage.heals) {
            context.console.line("Records that aren't what was read are taken anew after `usher database check --heal`, and the next `usher sync`.");
        }
        if found.iter().any(|damage| !damage.heals) {
            context.console.line("What is in the directory itself comes from no source: go back to the last copy that is sound.");
        }
    }
    Ok(if found.is_empty() { Status::Done } else { Status::Failed })
}

async fn backup(context: &mut Context, file: &Path) -> Result<Status, CliError> {
    let store = context.store().await?;
    if file.exists() {
        return Err(CliError::usage(
            format!("{} is there already", file.display()),
            "give the path of a new file",
        ));
    }
    store.backup(file).await.map_err(|error| match error {
        StoreError::OtherTool => CliError::usage(
            "a Postgres database is copied by Postgres' own tool",
            format!(
                "`pg_dump --format=custom --file={} URL`, and `pg_restore` to bring it back",
                file.display()
            ),
        ),
        other => other.into(),
    })?;
    let words = format!(
        "{} is a copy of everything but the key that secrets are sealed with ({}): keep that too, elsewhere.",
        file.display(),
        context.data.join("key").display()
    );
    done(context, &json!({ "backup": file }), &words);
    Ok(Status::Done)
}

async fn move_to(context: &mut Context, to: &str, yes: bool) -> Result<Status, CliError> {
    let store = context.store().await?;
    if store.engine() != Engine::Sqlite {
        return Err(CliError::usage(
            "this installation is on Postgres already",
            "Postgres' own tools move it to another server: `pg_dump` and `pg_restore`",
        ));
    }
    if Engine::of(to) != Some(Engine::Postgres) {
        return Err(CliError::usage(
            "the other database is no Postgres",
            "give postgres://USER@HOST/NAME; a file is copied with `usher database backup`",
        ));
    }
    let question = "Move everything there? Nobody can write here meanwhile.";
    if !yes && !context.console.confirm(question) {
        return Err(CliError {
            status: Status::Held,
            class: "unconfirmed".to_owned(),
            message: "nothing was moved".to_owned(),
            advice: Some("confirm when asked, or give --yes".to_owned()),
        });
    }
    let other = Store::connect(to).await?;
    let mut moved: Vec<Json> = Vec::new();
    let ended = store
        .move_to(&other, |table| {
            let hash = table.hash.get(..12).unwrap_or_default();
            context
                .console
                .line(format!("  {:<16} {:>10} rows  {hash} on both sides", table.table, table.rows));
            moved.push(json!({ "table": table.table, "rows": table.rows, "sha256": table.hash }));
        })
        .await;
    other.close().await;
    ended?;
    if context.console.is_json() {
        context.console.json(&json!({ "moved": moved }));
        return Ok(Status::Done);
    }
    context.console.line("Everything is there. From now on give --database, or set USHER_DATABASE; the data folder keeps the key and compiled plugins.");
    context.console.line("The file here is no longer to be used: put it away as a copy.");
    Ok(Status::Done)
}
