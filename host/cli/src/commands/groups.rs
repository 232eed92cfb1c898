//! `usher groups`: the directory's groups, by hand too, and those at the source for choosing.

use super::authorise::linked;
use super::users::{done, unconfirmed};
use crate::args::{GroupsCommand, OnConnection};
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::{given, show};
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};
use usher_model::MemberKind;
use usher_runtime::contract::source::GroupQuery;
use usher_runtime::{CallError, Method};
use usher_store::{GroupRow, Store, View};
use usher_sync::Fault;

/// The one group that is meant.
pub async fn one(store: &Store, tenant: i64, view: View, which: &str) -> Result<GroupRow, CliError> {
    let mut found = store.find_groups(tenant, view, which).await?;
    match (found.len(), found.pop()) {
        (1, Some(group)) => Ok(group),
        (0, _) => Err(CliError::usage(
            format!("there is no group {which} in the directory"),
            "`usher groups list` shows the groups",
        )),
        (_, last) => {
            let ids: Vec<_> = found.into_iter().chain(last).map(|group| group.id).collect();
            Err(CliError::usage(
                format!("several groups are named {which}: {}", ids.join(", ")),
                "say which by its id",
            ))
        }
    }
}

/// The directory's groups.
pub async fn groups(command: GroupsCommand, context: &mut Context) -> Result<Status, CliError> {
    let tenant = context.tenant().await?;
    let store = context.store().await?;
    match command {
        GroupsCommand::List { source: true, search, on, .. } => source_list(context, &on, search).await?,
        GroupsCommand::List { as_of, .. } => {
            let view = context.view(as_of.as_deref()).await?;
            list(context, &store, tenant.id, view).await?;
        }
        GroupsCommand::Show { group, as_of } => {
            let view = context.view(as_of.as_deref()).await?;
            let group = one(&store, tenant.id, view, &group).await?;
            let value = show::group(&group);
            if context.console.is_json() {
                context.console.json(&value);
            } else {
                let mut rows = vec![
                    vec!["id".to_owned(), group.id.clone()],
                    vec![
                        "from".to_owned(),
                        group.origin.clone().unwrap_or_else(|| "made by hand".to_owned()),
                    ],
                    vec!["members".to_owned(), group.members.to_string()],
                ];
                rows.extend(
                    group.attributes.iter().map(|(name, value)| vec![name.clone(), value.to_string()]),
                );
                context.console.table(&[&group.display_name, ""], rows);
            }
        }
        GroupsCommand::Members { group, direct, source: true, on, .. } => {
            source_members(context, &on, &group, !direct).await?;
        }
        GroupsCommand::Members { group, direct, as_of, .. } => {
            let view = context.view(as_of.as_deref()).await?;
            let group = one(&store, tenant.id, view, &group).await?;
            let members = store.group_members(tenant.id, view, &group.id, !direct).await?;
            if context.console.is_json() {
                let list: Vec<_> = members
                    .iter()
                    .map(|member| {
                        json!({ "value": member.id, "type": match member.kind { MemberKind::User => "User", MemberKind::Group => "Group" },
                            "display": member.name, "via": member.via, "depth": member.depth,
                            "added_by": member.owner.as_deref().unwrap_or("hand") })
                    })
                    .collect();
                context.console.json(&list.into());
            } else if members.is_empty() {
                context.console.line(format!("Nobody is in {}.", group.display_name));
            } else {
                let rows = members
                    .into_iter()
                    .map(|member| {
                        vec![
                            member.kind.name().to_owned(),
                            member.name,
                            member.via,
                            member.owner.unwrap_or_else(|| "by hand".to_owned()),
                        ]
                    })
                    .collect();
                context.console.table(&["Kind", "Member", "Through", "Added by"], rows);
            }
        }
        GroupsCommand::Add { group, member: None, attributes } => {
            let attributes = given::attributes(&attributes)?
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| (name, value)))
                .collect();
            let id = store.add_group(context.by().await?, &group, &attributes).await?;
            done(
                context,
                &json!({ "id": id, "displayName": group }),
                &format!("{group} is there, made by hand."),
            );
        }
        GroupsCommand::Add { group, member: Some(who), .. } => {
            let group = one(&store, tenant.id, View::NOW, &group).await?;
            let user = super::users::one(&store, tenant.id, View::NOW, &who).await?;
            let new = store
                .add_member(context.by().await?, &group, (&user.id, &user.user_name), MemberKind::User)
                .await?;
            let words = if new { "is in" } else { "was in already:" };
            done(
                context,
                &json!({ "group": group.id, "member": user.id, "added": new }),
                &format!("{} {words} {}.", user.user_name, group.display_name),
            );
        }
        GroupsCommand::Set { group, attributes } => {
            let group = one(&store, tenant.id, View::NOW, &group).await?;
            let changes = given::attributes(&attributes)?;
            store.set_group(context.by().await?, &group, &changes).await?;
            done(context, &json!({ "id": group.id }), &format!("{} is changed.", group.display_name));
        }
        GroupsCommand::Remove { group, member: Some(who), .. } => {
            let group = one(&store, tenant.id, View::NOW, &group).await?;
            let user = super::users::one(&store, tenant.id, View::NOW, &who).await?;
            if !store
                .remove_member(context.by().await?, &group, (&user.id, &user.user_name), MemberKind::User)
                .await?
            {
                return Err(CliError::usage(
                    format!("{} was not added to {} by hand", user.user_name, group.display_name),
                    "what a connection added goes when the source no longer has it",
                ));
            }
            done(
                context,
                &json!({ "group": group.id, "member": user.id, "removed": true }),
                &format!("{} is out of {}.", user.user_name, group.display_name),
            );
        }
        GroupsCommand::Remove { group, member: None, yes } => {
            let group = one(&store, tenant.id, View::NOW, &group).await?;
            if let Some(origin) = group.origin.as_ref().filter(|_| group.orphaned) {
                return Err(CliError::usage(
                    format!(
                        "{} was brought by {origin}, which is idle, and goes by a plan",
                        group.display_name
                    ),
                    format!("`usher orphans remove \"{}\"` shows it and asks", group.display_name),
                ));
            }
            if group.origin.is_none() && !yes {
                let question =
                    format!("Remove {} with its {} memberships?", group.display_name, group.members);
                if !context.console.confirm(&question) {
                    return Err(unconfirmed());
                }
            }
            store.remove_group(context.by().await?, &group).await?;
            done(context, &json!({ "removed": group.id }), &format!("{} is gone.", group.display_name));
        }
    }
    Ok(Status::Done)
}

async fn list(context: &mut Context, store: &Store, tenant: i64, view: View) -> Result<(), CliError> {
    let mut all = Vec::new();
    let mut after = (String::new(), String::new());
    loop {
        let page = store.groups(tenant, view, false, (&after.0, &after.1), show::PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.display_name.clone(), last.id.clone());
        all.extend(page);
    }
    if context.console.is_json() {
        let list: Vec<_> = all.iter().map(show::group).collect();
        context.console.json(&list.into());
    } else if all.is_empty() {
        context
            .console
            .line("No groups. They come in with `usher sync`, or by hand with `usher groups add`.");
    } else {
        let rows = all
            .into_iter()
            .map(|group| {
                vec![
                    group.display_name,
                    group.members.to_string(),
                    group.external_id.unwrap_or_default(),
                    group.origin.unwrap_or_else(|| "by hand".to_owned()),
                ]
            })
            .collect();
        context.console.table(&["Group", "Members", "Source id", "From"], rows);
    }
    Ok(())
}

fn fault(method: &str, error: CallError) -> CliError {
    Fault::of_call(method, error).into()
}

async fn source_list(
    context: &mut Context,
    on: &OnConnection,
    search: Option<String>,
) -> Result<(), CliError> {
    let connection = context.connection(on.connection.as_deref()).await?;
    let connection = linked(connection, context).await?;
    let host = context.host().await?;
    let mut method = host.look(&connection).await?;
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = method
            .groups(GroupQuery { search: search.clone(), after: after.clone() })
            .await
            .map_err(|error| fault(&connection.method, error))?;
        all.extend(page.groups);
        match page.next {
            Some(next) if Some(&next) != after.as_ref() => after = Some(next),
            _ => break,
        }
    }
    if context.console.is_json() {
        let list: Vec<_> = all
            .iter()
            .map(|summary| json!({ "id": summary.group.id, "displayName": summary.group.display_name, "members": summary.members }))
            .collect();
        context.console.json(&list.into());
    } else if all.is_empty() {
        context.console.line("The source shows no such groups.");
    } else {
        let rows = all
            .into_iter()
            .map(|summary| {
                vec![
                    summary.group.display_name.unwrap_or_default(),
                    summary.group.id,
                    summary.members.map(|members| members.to_string()).unwrap_or_default(),
                ]
            })
            .collect();
        context.console.table(&["Group", "Id", "Members"], rows);
        context.console.line("Choose with `usher connect … --set scope=groups --set chosen=ID,ID`.");
    }
    Ok(())
}

/// Whether the source has a group of this id: one without members and one that isn't there look the same otherwise.
async fn at_source(method: &mut Method, plugin: &str, id: &str) -> Result<bool, CliError> {
    let mut after = None;
    loop {
        let page = method
            .groups(GroupQuery { search: None, after: after.clone() })
            .await
            .map_err(|error| fault(plugin, error))?;
        if page.groups.iter().any(|summary| summary.group.id == id) {
            return Ok(true);
        }
        match page.next {
            Some(next) if Some(&next) != after.as_ref() => after = Some(next),
            _ => return Ok(false),
        }
    }
}

async fn source_members(
    context: &mut Context,
    on: &OnConnection,
    group: &str,
    nested: bool,
) -> Result<(), CliError> {
    let connection = context.connection(on.connection.as_deref()).await?;
    let connection = linked(connection, context).await?;
    let host = context.host().await?;
    let mut method = host.look(&connection).await?;
    let mut waiting = VecDeque::from([group.to_owned()]);
    let mut seen = BTreeSet::from([group.to_owned()]);
    let mut people = BTreeSet::new();
    let mut rows = Vec::new();
    while let Some(of) = waiting.pop_front() {
        let mut after: Option<String> = None;
        loop {
            let page = method
                .members(&of, after.as_deref())
                .await
                .map_err(|error| fault(&connection.method, error))?;
            for user in page.users {
                if people.insert(user.id.clone()) {
                    rows.push((
                        "user",
                        user.user_name.unwrap_or_else(|| user.id.clone()),
                        user.id,
                        of.clone(),
                    ));
                }
            }
            for below in page.groups {
                if seen.insert(below.id.clone()) {
                    rows.push((
                        "group",
                        below.display_name.unwrap_or_else(|| below.id.clone()),
                        below.id.clone(),
                        of.clone(),
                    ));
                    if nested {
                        waiting.push_back(below.id);
                    }
                }
            }
            match page.next {
                Some(next) if Some(&next) != after.as_ref() => after = Some(next),
                _ => break,
            }
        }
    }
    if rows.is_empty() && !at_source(&mut method, &connection.method, group).await? {
        return Err(CliError::usage(
            format!("the source has no group with the id {group}"),
            "`usher groups list --source` shows its groups and their ids",
        ));
    }
    if context.console.is_json() {
        let list: Vec<_> = rows
            .iter()
            .map(|(kind, name, id, via)| json!({ "type": kind, "display": name, "value": id, "via": via }))
            .collect();
        context.console.json(&list.into());
    } else if rows.is_empty() {
        context.console.line(format!("Nobody is in {group} at the source."));
    } else {
        let rows =
            rows.into_iter().map(|(kind, name, id, via)| vec![kind.to_owned(), name, id, via]).collect();
        context.console.table(&["Kind", "Member", "Id", "Directly in"], rows);
    }
    Ok(())
}
