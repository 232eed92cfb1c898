//! `usher users protect`, `unprotect` and `protected`: people whom no plan may deactivate, delete or rename.

use super::users::{done, one};
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::show;
use serde_json::json;
use usher_model::fold;
use usher_store::View;

/// Puts somebody on the list: a record that is there, or whoever comes in with the address.
pub async fn protect(context: &mut Context, who: &str) -> Result<(), CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let found = store.find_users(tenant.id, View::NOW, who).await?;
    let user = match found.is_empty() {
        true if who.contains('@') => None,
        _ => Some(one(&store, tenant.id, View::NOW, who).await?),
    };
    let record = user.as_ref().map(|user| user.id.as_str());
    let name = user.as_ref().map_or(who.trim(), |user| user.user_name.as_str());
    let new = store.protect(tenant.id, who, record, context.now()).await?;
    let words = match (new, &user) {
        (false, _) => format!("{name} is protected already."),
        (true, Some(_)) => {
            format!("{name} is protected: no plan deactivates, deletes or renames him from now on.")
        }
        (true, None) => format!(
            "{name} is nobody here yet; whoever comes in with this userName is protected from then on."
        ),
    };
    let user_name = user.as_ref().map(|user| &user.user_name);
    done(context, &json!({ "entry": fold(who), "userName": user_name, "new": new }), &words);
    Ok(())
}

/// Takes somebody off the list, by the entry or by whom it means.
pub async fn unprotect(context: &mut Context, who: &str, yes: bool) -> Result<(), CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let found = store.find_users(tenant.id, View::NOW, who).await?;
    let is_meant = |name: &String| found.iter().any(|user| user.user_name == *name);
    let list = store.protected_users(tenant.id).await?;
    let entries: Vec<_> =
        list.into_iter().filter(|one| one.entry == fold(who) || one.users.iter().any(is_meant)).collect();
    if entries.is_empty() {
        return Err(CliError::usage(
            format!("{who} isn't protected"),
            "`usher users protected` shows the list",
        ));
    }
    let question = format!("Take {who} off the list? The next plan may deactivate, delete or rename him.");
    if !yes && !context.console.confirm(&question) {
        return Err(CliError {
            status: Status::Held,
            class: "unconfirmed".to_owned(),
            message: format!("{who} stays protected"),
            advice: Some("confirm when asked, or give --yes".to_owned()),
        });
    }
    for entry in &entries {
        store.unprotect(tenant.id, &entry.entry).await?;
    }
    let gone: Vec<_> = entries.iter().map(|entry| &entry.entry).collect();
    done(context, &json!({ "removed": gone }), &format!("{who} isn't protected any more."));
    Ok(())
}

/// Prints the list.
pub async fn list(context: &mut Context) -> Result<(), CliError> {
    let (tenant, store) = (context.tenant().await?, context.store().await?);
    let list = store.protected_users(tenant.id).await?;
    if context.console.is_json() {
        let list: Vec<_> = list
            .iter()
            .map(|one| json!({ "entry": one.entry, "users": one.users, "since": show::moment(one.since) }))
            .collect();
        context.console.json(&list.into());
    } else if list.is_empty() {
        context
            .console
            .line("Nobody is protected. Protect a break-glass account with `usher users protect WHO`.");
    } else {
        let rows = list
            .into_iter()
            .map(|one| {
                let users = if one.users.is_empty() { "nobody yet".to_owned() } else { one.users.join(", ") };
                vec![one.entry, users, show::time(one.since)]
            })
            .collect();
        context.console.table(&["Entry", "Protects", "Since"], rows);
    }
    Ok(())
}
