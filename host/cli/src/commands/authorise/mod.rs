//! Somebody signs in for a connection, and consents: at a browser on this machine, or anywhere by a code.

mod callback;

use crate::console::Tone;
use crate::context::Context;
use crate::error::{CliError, Status};
use callback::{Callback, Visit};
use std::time::Duration;
use usher_runtime::contract::source::{Report, Standing};
use usher_services::oauth::Permission;
use usher_store::{Connection, Secret, State, Store};
use usher_sync::{Authorisation, Blocked, Class};

/// How long a browser is waited for. Entra's own pages end sooner.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Where a browser ends up that comes back to no program: a page of Microsoft's for applications without one of their own.
const NOWHERE: &str = "https://login.microsoftonline.com/common/oauth2/nativeclient";

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

/// Has somebody sign in and consent. Gives what the connection keeps of it.
pub async fn authorise(
    context: &mut Context,
    authorisation: &Authorisation,
    place: Where,
) -> Result<Vec<(String, Secret)>, CliError> {
    if place.device {
        by_code(context, authorisation).await
    } else {
        at_browser(context, authorisation, place).await
    }
}

async fn at_browser(
    context: &mut Context,
    authorisation: &Authorisation,
    place: Where,
) -> Result<Vec<(String, Secret)>, CliError> {
    let mut callback = Callback::open(place.port).await?;
    let (sign_in, url) = authorisation.at_browser(callback.address())?;
    let who = authorisation.who();
    context.console.aside(format!("Open this address in a browser on this machine, and sign in {who}:"));
    context.console.aside(format!("  {url}"));
    context.console.aside("(Without a browser here: --device.)");
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
    if let Err(blocked) = authorisation.consented(consent, visit.query()) {
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
    let sign_in = authorisation.by_code().await?;
    let minutes = sign_in.lasts().as_secs() / 60;
    let who = authorisation.who();
    context.console.aside(format!(
        "Open {} in any browser, enter the code {} within {minutes} minutes, and sign in {who}.",
        sign_in.address(),
        sign_in.user_code()
    ));
    let signed_in = authorisation.entered(sign_in).await?;
    if authorisation.permission() == Permission::Delegated {
        return Ok(vec![authorisation.kept(&signed_in)]);
    }
    // Nobody comes back from there; what was consented to is seen by the test that follows.
    let (_, url) = authorisation.consent(NOWHERE)?;
    context
        .console
        .aside("Now consent to what the application asks for, in the same browser, at this address:");
    context.console.aside(format!("  {url}"));
    context.console.ask("Press Enter when it is done");
    Ok(Vec::new())
}

/// The state of a connection whose credential is taken.
pub async fn authorised(store: &Store, connection: &Connection) -> Result<Connection, CliError> {
    for (from, to) in [(State::Configured, State::Authorised), (State::NeedsReauthorisation, State::Active)] {
        store.move_connection_state(connection, from, to).await?;
    }
    Ok(store.connection(connection.tenant, &connection.name).await?)
}

/// What keeps a source from being read, of what a test found.
fn failed(report: &Report) -> Option<&str> {
    let failed = report.findings.iter().find(|finding| finding.standing == Standing::Failed)?;
    Some(&failed.what)
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
            None => return authorised(&store, &connection).await,
            Some(why) => why.to_owned(),
        },
        Err(fault) if fault.class == Class::Auth => fault.message,
        // Signing in won't help; what follows says what will.
        Err(_) => return Ok(connection),
    };
    context.console.line(format!("{} isn't linked: {why}", connection.name));
    let kept = authorise(context, &authorisation, Where::default()).await?;
    let key = context.key()?;
    for (name, secret) in &kept {
        store.keep_secret(&key, connection.tenant, connection.id, name, secret).await?;
    }
    let host = context.host().await?;
    if let Some(why) = failed(&host.check(&connection, None).await?) {
        return Err(CliError {
            status: Status::Failed,
            class: Class::Permission.to_string(),
            message: format!("{} is signed in, but {why}", connection.name),
            advice: Some("grant it in the app registration, and have an administrator consent".to_owned()),
        });
    }
    let connection = authorised(&store, &connection).await?;
    let good = context.console.tone(Tone::Good, "✓");
    context.console.line(format!("  {good} {} is linked.", connection.name));
    Ok(connection)
}
