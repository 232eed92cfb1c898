//! `usher tenant`.

use crate::args::TenantCommand;
use crate::context::Context;
use crate::error::{CliError, Status};
use crate::given;
use serde_json::json;

/// Lists, adds and removes tenants.
pub async fn tenant(command: TenantCommand, context: &mut Context) -> Result<Status, CliError> {
    let store = context.store().await?;
    match command {
        TenantCommand::Add { name } => {
            let name = given::name("tenant", &name)?;
            let tenant = store.add_tenant(&name, context.now()).await?;
            context
                .console
                .line(format!("Tenant {} is there. Use it with --tenant {}.", tenant.name, tenant.name));
            if context.console.is_json() {
                context.console.json(&json!({ "name": tenant.name }));
            }
        }
        TenantCommand::List => {
            let tenants = store.tenants().await?;
            if context.console.is_json() {
                let list: Vec<_> = tenants.iter().map(|tenant| json!({ "name": tenant.name })).collect();
                context.console.json(&list.into());
            } else if tenants.is_empty() {
                context.console.line("No tenants yet. The tenant `default` is made when it is first needed.");
            } else {
                let rows = tenants.into_iter().map(|tenant| vec![tenant.name]).collect();
                context.console.table(&["Tenant"], rows);
            }
        }
        TenantCommand::Remove { name, confirm } => {
            let tenant = store.tenant(&name).await?.ok_or_else(|| {
                CliError::usage(
                    format!("there is no tenant named {name}"),
                    "`usher tenant list` shows the tenants",
                )
            })?;
            typed(
                context,
                &name,
                confirm.as_deref(),
                "everything of the tenant goes, and can't be brought back",
            )?;
            store.remove_tenant(&tenant).await?;
            context.console.line(format!("Tenant {name} is gone."));
            if context.console.is_json() {
                context.console.json(&json!({ "removed": name }));
            }
        }
    }
    Ok(Status::Done)
}

/// Wants a name typed before something goes for good.
pub fn typed(context: &mut Context, name: &str, confirm: Option<&str>, harm: &str) -> Result<(), CliError> {
    let answer = match confirm {
        Some(confirm) => Some(confirm.to_owned()),
        None => context.console.ask(&format!("{harm}. Type its name ({name}) to go on")),
    };
    if answer.as_deref() == Some(name) {
        return Ok(());
    }
    Err(CliError {
        status: Status::Held,
        class: "unconfirmed".to_owned(),
        message: format!("{name} was not confirmed: nothing was removed"),
        advice: Some(format!("type the name when asked, or give --confirm {name}")),
    })
}
