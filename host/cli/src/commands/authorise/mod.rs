//! Somebody signs in for a connection, and consents: at a browser on this machine, or anywhere by a code.

mod callback;

use super::connect::{failed, taken};
use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use callback::{Callback, Visit};
use std::time::Duration;
use usher_services::oauth::Permission;
use usher_store::{Connection, Secret, State};
use usher_sync::{Authorisation, Blocked, Class, GRANT};

/// How long a browser is waited for. Entra's own pages end sooner.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Where somebody signs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Where {
    /// At any browser, by a code that is entered there.
    pub device: bool,
    /// The port that a browser of this machine comes back to; any that is free.
    pub port: Option<u16>,
}

impl From<Blocked> for CliError {
    fn from(blocked: Blocked) -> Self {
        let mut error = Self::from(blocked.fault);
        if let Some(code) = blocked.code {
            code.clone_into(&mut error.class);
        }
        error
    }
}

/// Has somebody sign in and consent. Gives what the connection keeps of it. `elsewhere` is what is typed where there is no browser.
pub async fn authorise(
    context: &mut Context,
    authorisation: &Authorisation,
    place: Where,
    elsewhere: &str,
) -> Result<Vec<(String, Secret)>, CliError> {
    if place.device {
        by_code(context, authorisation).await
    } else {
        at_browser(context, authorisation, place.port, elsewhere).await
    }
}

async fn at_browser(
    context: &mut Context,
    authorisation: &Authorisation,
    port: Option<u16>,
    elsewhere: &str,
) -> Result<Vec<(String, Secret)>, CliError> {
    let mut callback = Callback::open(port).await?;
    let (sign_in, url) = authorisation.at_browser(callback.address())?;
    let who = authorisation.who();
    context.console.aside(format!("Open this address in a browser on this machine, and sign in as {who}:"));
    context.console.aside(format!("  {url}"));
    context.console.aside(format!("(Without a browser here: {elsewhere})"));
    let visit = callback.visit(PATIENCE).await?;
    let signed_in = match authorisation.came_back(sign_in, visit.query()).await {
        Ok(signed_in) => signed_in,
        Err(blocked) => return Err(told(callback, visit, blocked).await),
    };
    if authorisation.permission() == Permission::Delegated {
        visit.say("Signed in. Go back to the terminal.");
        callback.close().await;
        return Ok(vec![authorisation.kept(&signed_in)]);
    }
    // The same browser goes on to the consent.
    let (consent, url) = match authorisation.consent(callback.address()) {
        Ok(begun) => begun,
        Err(blocked) => return Err(told(callback, visit, blocked).await),
    };
    visit.send_to(&url);
    context.console.aside("Now consent to what the application asks for, in the same browser.");
    let visit = callback.visit(PATIENCE).await?;
    if let Err(blocked) = authorisation.consented(consent, visit.query()).await {
        return Err(told(callback, visit, blocked).await);
    }
    visit.say("Consented. Go back to the terminal.");
    callback.close().await;
    Ok(Vec::new())
}

/// Says in the browser too what went wrong.
async fn told(callback: Callback, visit: Visit, blocked: Blocked) -> CliError {
    visit.say(&blocked.to_string());
    callback.close().await;
    blocked.into()
}

async fn by_code(
    context: &mut Context,
    authorisation: &Authorisation,
) -> Result<Vec<(String, Secret)>, CliError> {
    let is_delegated = authorisation.permission() == Permission::Delegated;
    if !is_delegated && !context.console.is_interactive() {
        return Err(CliError::usage(
            "consent for an application by a code takes a terminal, to say when it is given",
            "leave --device away, or give consent in the Entra admin centre and run `usher check`",
        ));
    }
    let sign_in = authorisation.by_code().await?;
    let minutes = sign_in.lasts().as_secs() / 60;
    let who = authorisation.who();
    context.console.aside(format!(
        "Open {} in any browser, enter the code {} within {minutes} minutes, and sign in as {who}.",
        sign_in.address(),
        sign_in.user_code()
    ));
    let signed_in = authorisation.entered(sign_in).await?;
    if is_delegated {
        return Ok(vec![authorisation.kept(&signed_in)]);
    }
    // Nobody comes back from there; what was consented to is seen by the test that follows.
    let (_, url) = authorisation.consent(&authorisation.nowhere())?;
    context
        .console
        .aside("Now consent to what the application asks for, in the same browser, at this address:");
    context.console.aside(format!("  {url}"));
    context.console.ask("Press Enter when it is done");
    authorisation.anew().await?;
    Ok(Vec::new())
}

/// Has somebody authorise a connection that isn't linked to its source, before something is wanted of it. Where nobody is at the terminal, what is
/// wanted fails by itself, and says what to do.
pub async fn linked(connection: Connection, context: &mut Context) -> Result<Connection, CliError> {
    let unlinked = matches!(connection.state, State::Configured | State::NeedsReauthorisation);
    if !unlinked || !context.console.is_interactive() {
        return Ok(connection);
    }
    let host = context.host().await?;
    let Some(authorisation) = host.authorisation(&connection, None).await? else { return Ok(connection) };
    let store = context.store().await?;
    let why = match host.check(&connection, None).await {
        Ok(report) => match failed(&report) {
            None => return taken(&store, &connection, &report).await,
            Some(why) => why.to_owned(),
        },
        Err(fault) if fault.class == Class::Auth => fault.message,
        // Signing in won't help; what follows says what will.
        Err(_) => return Ok(connection),
    };
    if authorisation.permission() == Permission::Application && !authorisation.wants_consent().await {
        return Ok(connection);
    }
    context.console.line(format!("{} isn't linked: {why}", connection.name));
    let elsewhere =
        format!("`usher connect {} --name {} --reauthorise --device`", connection.method, connection.name);
    let kept = authorise(context, &authorisation, Where::default(), &elsewhere).await?;
    let key = context.key()?;
    for (name, secret) in &kept {
        store.keep_secret(&key, connection.tenant, connection.id, name, secret).await?;
    }
    let host = context.host().await?;
    let report = host.check(&connection, None).await?;
    if let Some(why) = failed(&report) {
        return Err(CliError {
            status: Status::Failed,
            class: Class::Permission.to_string(),
            message: format!("{} is signed in, but {why}", connection.name),
            advice: Some(GRANT.to_owned()),
        });
    }
    let connection = taken(&store, &connection, &report).await?;
    let good = context.console.tone(Tone::Good, "✓");
    context.console.line(format!("  {good} {} is linked.", connection.name));
    Ok(connection)
}
