//! `usher users`: the directory, by hand too.

use crate::args::UsersCommand;
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::{given, show};
use serde_json::json;
use usher_model::Value;
use usher_store::{NewUser, Store, UserFilter, UserRow, View};

/// The one user that is meant.
pub async fn one(store: &Store, tenant: i64, view: View, who: &str) -> Result<UserRow, CliError> {
    let mut found = store.find_users(tenant, view, who).await?;
    match (found.len(), found.pop()) {
        (1, Some(user)) => Ok(user),
        (0, _) => Err(CliError::usage(
            format!("nobody in the directory is {who}"),
            format!("look with `usher users list --search {who}`, or ask `usher why {who}`"),
        )),
        (_, last) => {
            let names: Vec<_> = found.into_iter().chain(last).map(|user| user.user_name).collect();
            Err(CliError::usage(
                format!("{who} may be any of {}", names.join(", ")),
                "say which by userName or id",
            ))
        }
    }
}

/// The directory's users.
pub async fn users(command: UsersCommand, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    match command {
        UsersCommand::List { search, group, inactive, active, manual, orphaned, limit, as_of } => {
            let view = context.view(as_of.as_deref()).await?;
            let group = match group {
                Some(group) => Some(super::groups::one(&store, tenant.id, view, &group).await?.id),
                None => None,
            };
            let state = if active { Some(true) } else { inactive.then_some(false) };
            let filter = UserFilter { search, group, active: state, manual, orphaned };
            list(context, &store, (tenant.id, view), &filter, limit).await?;
        }
        UsersCommand::Show { who, as_of } => {
            let view = context.view(as_of.as_deref()).await?;
            let user = one(&store, tenant.id, view, &who).await?;
            show_one(context, &store, tenant.id, &user).await?;
        }
        UsersCommand::Add { user_name, attributes } => {
            let given = given::attributes(&attributes)?;
            let active = !matches!(given.get("active"), Some(Some(Value::Truth(false))));
            let attributes = given
                .into_iter()
                .filter(|(name, _)| name != "active")
                .filter_map(|(name, value)| value.map(|value| (name, value)))
                .collect();
            let new = NewUser { user_name: user_name.clone(), active, attributes };
            let id = store.add_user(context.by().await?, &new).await?;
            done(
                context,
                &json!({ "id": id, "userName": user_name }),
                &format!("{user_name} is there, made by hand."),
            );
        }
        UsersCommand::Import(args) => return super::import::import(args, context).await,
        UsersCommand::Set { who, attributes } => {
            let user = one(&store, tenant.id, View::NOW, &who).await?;
            let changes = given::attributes(&attributes)?;
            store.set_user(context.by().await?, &user, &changes).await?;
            let words = match &user.origin {
                Some(connection) => format!(
                    "{} is changed. He comes from {connection}: what the source also has returns to its value at the next run.",
                    user.user_name
                ),
                None => format!("{} is changed.", user.user_name),
            };
            done(context, &json!({ "id": user.id, "userName": user.user_name }), &words);
        }
        UsersCommand::Remove { who, yes } => {
            let user = one(&store, tenant.id, View::NOW, &who).await?;
            if let Some(origin) = user.origin.as_ref().filter(|_| user.orphaned) {
                return Err(CliError::usage(
                    format!("{} was brought by {origin}, which is idle, and goes by a plan", user.user_name),
                    format!("`usher orphans remove {}` shows it and asks", user.user_name),
                ));
            }
            if user.origin.is_none() && !yes {
                let question = format!("Remove {}?", user.user_name);
                if !context.console.confirm(&question) {
                    return Err(unconfirmed());
                }
            }
            store.remove_user(context.by().await?, &user).await?;
            done(context, &json!({ "removed": user.id }), &format!("{} is gone.", user.user_name));
        }
        UsersCommand::Erase { who, on, yes, list, forget } => {
            let asked = super::erase::Asked { who, connection: on.connection, yes, list, forget };
            return super::erase::erase(asked, context).await;
        }
        UsersCommand::Protect { who } => super::protection::protect(context, &who).await?,
        UsersCommand::Unprotect { who, yes } => super::protection::unprotect(context, &who, yes).await?,
        UsersCommand::Protected => super::protection::list(context).await?,
        UsersCommand::Link { who, source_id, on } => {
            let user = one(&store, tenant.id, View::NOW, &who).await?;
            let connection = context.connection(on.connection.as_deref()).await?;
            store.link_user(context.by().await?, connection.id, &source_id, &user).await?;
            done(
                context,
                &json!({ "id": user.id, "source_id": source_id, "connection": connection.name }),
                &format!(
                    "{} and {source_id} of {} are one person from now on.",
                    user.user_name, connection.name
                ),
            );
        }
    }
    Ok(Status::Done)
}

/// Nobody confirmed.
pub fn unconfirmed() -> CliError {
    CliError {
        status: Status::Held,
        class: "unconfirmed".to_owned(),
        message: "nothing was removed".to_owned(),
        advice: Some("confirm when asked, or give --yes".to_owned()),
    }
}

/// Prints what was done.
pub fn done(context: &mut Context, json: &serde_json::Value, words: &str) {
    if context.console.is_json() {
        context.console.json(json);
    } else {
        context.console.line(words);
    }
}

async fn list(
    context: &mut Context,
    store: &Store,
    (tenant, view): (i64, View),
    filter: &UserFilter,
    limit: u64,
) -> Result<(), CliError> {
    let mut after = String::new();
    let mut count = 0_u64;
    let headings = ["userName", "displayName", "active", "title", "department", "path", "from"];
    let wanted = if limit == 0 { u64::MAX } else { limit };
    let json = context.console.is_json();
    while count < wanted {
        let size = i64::try_from(wanted - count).unwrap_or(i64::MAX).min(show::PAGE);
        let page = store.users(tenant, view, filter, &after, size).await?;
        let Some(last) = page.last() else { break };
        after = if view.is_past() { last.id.clone() } else { usher_model::fold(&last.user_name) };
        if json {
            for user in &page {
                context.console.json_element(count, &show::user(user));
                count += 1;
            }
            continue;
        }
        count += page.len() as u64;
        let rows = page
            .iter()
            .map(|user| {
                let text =
                    |name: &str| user.attributes.get(name).map(ToString::to_string).unwrap_or_default();
                vec![
                    user.user_name.clone(),
                    text("displayName"),
                    if user.active { "yes" } else { "no" }.to_owned(),
                    text("title"),
                    text("department"),
                    user.paths.first().cloned().unwrap_or_default(),
                    match &user.origin {
                        Some(origin) if user.orphaned && !view.is_past() => format!("{origin}, orphaned"),
                        Some(origin) => origin.clone(),
                        None => "by hand".to_owned(),
                    },
                ]
            })
            .collect();
        context.console.table(&headings, rows);
    }
    if json {
        context.console.json_end(count);
    } else if count == 0 {
        context.console.line(if view.is_past() {
            "Nobody, at that time."
        } else if *filter == UserFilter::default() {
            "Nobody. People come in with `usher sync`, or by hand with `usher users add`."
        } else {
            "Nobody like that: `usher users list` shows everybody."
        });
    }
    Ok(())
}

async fn show_one(context: &mut Context, store: &Store, tenant: i64, user: &UserRow) -> Result<(), CliError> {
    let history = store.history(tenant, &user.id, 20).await?;
    let mut value = show::user(user);
    if context.console.is_json() {
        if let Some(value) = value.as_object_mut() {
            let history: Vec<_> =
                history.iter().map(|(run, line)| json!({ "run": run, "line": show::line(line) })).collect();
            value.insert("history".to_owned(), history.into());
            let links: Vec<_> = user
                .links
                .iter()
                .map(|(connection, id, left)| json!({ "connection": connection, "id": id, "leaving_since": left.map(show::moment) }))
                .collect();
            value.insert("links".to_owned(), links.into());
        }
        context.console.json(&value);
        return Ok(());
    }
    let heading = context.console.tone(Tone::Strong, &user.user_name);
    context.console.line(heading);
    let mut rows = vec![
        vec!["id".to_owned(), user.id.clone()],
        vec!["active".to_owned(), if user.active { "yes" } else { "no" }.to_owned()],
        vec!["from".to_owned(), user.origin.clone().unwrap_or_else(|| "made by hand".to_owned())],
    ];
    rows.extend(user.attributes.iter().map(|(name, value)| vec![name.clone(), value.to_string()]));
    if let Some((_, manager)) = &user.manager {
        rows.push(vec!["manager".to_owned(), manager.clone()]);
    }
    let groups: Vec<_> = user.groups.iter().map(|(_, name)| name.as_str()).collect();
    rows.push(vec!["groups".to_owned(), groups.join(", ")]);
    rows.extend(user.paths.iter().map(|path| vec!["path".to_owned(), path.clone()]));
    for (connection, id, left) in &user.links {
        let left = left.map(|left| format!(", leaving since {}", show::time(left))).unwrap_or_default();
        rows.push(vec![format!("in {connection}"), format!("{id}{left}")]);
    }
    context.console.table(&["Field", "Value"], rows);
    if !history.is_empty() {
        context.console.line("");
        let heading = context.console.tone(Tone::Strong, "History");
        context.console.line(heading);
        for (run, line) in history {
            context.console.line(format!(
                "  run {run}: {} ({}) {}",
                line.action,
                line.reason,
                show::changes(&line)
            ));
        }
    }
    Ok(())
}
