//! `usher orphans`: whom and what idle connections brought, and nobody brings now.

use crate::args::OrphansCommand;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::show;
use serde_json::json;
use usher_store::{GroupRow, State, Store, UserFilter, UserRow, View};

/// Lists orphans, or lets them go.
pub async fn orphans(command: OrphansCommand, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    match command {
        OrphansCommand::List => {
            list(context, &store, tenant.id).await?;
            Ok(Status::Done)
        }
        OrphansCommand::Remove { who, connection, agreement } => {
            let connection = match connection {
                Some(name) => Some(store.connection(tenant.id, &name).await?),
                None => None,
            };
            if let Some(connection) = connection.as_ref().filter(|one| one.state != State::Disabled) {
                return Err(CliError::usage(
                    format!("{} isn't idle: what it brought is no orphan", connection.name),
                    "`usher status` shows which connection is active and which are idle",
                ));
            }
            let mut records = Vec::new();
            for who in &who {
                let groups = store.find_groups(tenant.id, View::NOW, who).await?;
                let (id, name, orphaned) = match groups.is_empty() {
                    true => {
                        let user = super::users::one(&store, tenant.id, View::NOW, who).await?;
                        (user.id, user.user_name, user.orphaned)
                    }
                    false => {
                        let group = super::groups::one(&store, tenant.id, View::NOW, who).await?;
                        (group.id, group.display_name, group.orphaned)
                    }
                };
                if !orphaned {
                    return Err(CliError::usage(
                        format!("{name} is no orphan"),
                        "`usher orphans list` shows the orphans",
                    ));
                }
                records.push(id);
            }
            let records = (!who.is_empty()).then_some(records);
            super::sync::let_go(tenant.id, connection.as_ref(), records.as_deref(), &agreement, context).await
        }
    }
}

async fn all(store: &Store, tenant: i64) -> Result<(Vec<UserRow>, Vec<GroupRow>), CliError> {
    let filter = UserFilter { orphaned: true, ..UserFilter::default() };
    let (mut users, mut groups): (Vec<UserRow>, Vec<GroupRow>) = (Vec::new(), Vec::new());
    loop {
        let after = users.last().map(|user| usher_model::fold(&user.user_name)).unwrap_or_default();
        let page = store.users(tenant, View::NOW, &filter, &after, show::PAGE).await?;
        if page.is_empty() {
            break;
        }
        users.extend(page);
    }
    loop {
        let after =
            groups.last().map(|group| (group.display_name.clone(), group.id.clone())).unwrap_or_default();
        let page = store.groups(tenant, View::NOW, true, (&after.0, &after.1), show::PAGE).await?;
        if page.is_empty() {
            return Ok((users, groups));
        }
        groups.extend(page);
    }
}

async fn list(context: &mut Context, store: &Store, tenant: i64) -> Result<(), CliError> {
    let (users, groups) = all(store, tenant).await?;
    if context.console.is_json() {
        context.console.json(&json!({
            "users": users.iter().map(show::user).collect::<Vec<_>>(),
            "groups": groups.iter().map(show::group).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    if users.is_empty() && groups.is_empty() {
        context.console.line("No orphans: every user and group is the active connection's, or made by hand.");
        return Ok(());
    }
    let from = |origin: &Option<String>| origin.clone().unwrap_or_default();
    if !users.is_empty() {
        let rows = users
            .iter()
            .map(|user| {
                let name = user.attributes.get("displayName").map(ToString::to_string).unwrap_or_default();
                let active = if user.active { "yes" } else { "no" };
                vec![user.user_name.clone(), name, active.to_owned(), from(&user.origin)]
            })
            .collect();
        context.console.table(&["userName", "displayName", "active", "from"], rows);
    }
    if !groups.is_empty() {
        let rows = groups
            .iter()
            .map(|group| vec![group.display_name.clone(), group.members.to_string(), from(&group.origin)])
            .collect();
        context.console.table(&["Group", "Members", "From"], rows);
    }
    context
        .console
        .line("They stay until you agree that they go: `usher orphans remove` shows the plan and asks.");
    Ok(())
}
