//! Authorising a connection to Microsoft Graph: somebody signs in, at a browser or by a code, and an administrator consents.
//!
//! A connection reads either as an application or in the name of who signed in. In both cases who consents must be an administrator, and
//! that is looked at before anything is kept: the tokens of who may not are forgotten with the value that held them.

use crate::fault::Fault;
use crate::host::Host;
use crate::sign_in::{TOKENS, refused};
use std::fmt;
use url::Url;
use usher_runtime::contract::graph::Failure;
use usher_runtime::contract::model::Fault as Answer;
use usher_runtime::contract::source::{Finding, Report, Standing};
use usher_runtime::{CallError, Service};
use usher_services::Graph;
use usher_services::graph::{Paths, directory_roles};
use usher_services::oauth::{
    AdminConsent, Block, CodeSignIn, DeviceSignIn, Entra, IdTokens, Permission, SignedIn, TokenError,
    TokenSource, Tokens,
};
use usher_store::{Connection, Secret};

/// Who may consent for the whole tenant.
const FOR_THE_TENANT: [(&str, &str); 2] = [
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator"),
    ("e8611ab8-c189-46e8-94e1-60213ab1f814", "Privileged Role Administrator"),
];
/// Who may, besides these, consent to what is done in somebody's name.
const FOR_SOMEBODY: [(&str, &str); 2] = [
    ("158c047a-c907-4556-b7ef-446551a6b5f7", "Cloud Application Administrator"),
    ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", "Application Administrator"),
];

/// What to do about a permission that is missing.
pub const GRANT: &str = "grant it in the app registration, and have an administrator consent";

/// Why a connection isn't authorised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// What blocks, for programs, where it has a name of its own: `not_an_administrator`.
    pub code: Option<&'static str>,
    /// What happened and what to do.
    pub fault: Fault,
}

impl fmt::Display for Blocked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fault, out)
    }
}

impl std::error::Error for Blocked {}

impl From<Fault> for Blocked {
    fn from(fault: Fault) -> Self {
        Self { code: None, fault }
    }
}

/// A connection that is being authorised.
pub struct Authorisation {
    host: Host,
    connection: Connection,
    entra: Entra,
    id_tokens: IdTokens,
    permission: Permission,
    tokens: Tokens,
    paths: Paths,
    /// Whether groups are read at all.
    groups: bool,
}

impl Host {
    /// Begins to authorise a connection; nothing for a method that doesn't ask for Graph. Secrets that are given stand for kept ones.
    pub async fn authorisation(
        &self,
        connection: &Connection,
        given: Option<&crate::Secrets>,
    ) -> Result<Option<Authorisation>, Blocked> {
        let entry = self.entry(connection).await?;
        let Some(asked) = entry.plugin.about().capabilities.get(Graph::INTERFACE) else { return Ok(None) };
        let paths =
            Paths::asked(asked).map_err(|error| Fault::plugin(&connection.method, error.to_string()))?;
        let blocked = |error| blocked(connection, error);
        let (entra, permission) = self.entra(connection, given).await.map_err(blocked)?;
        let tokens = self.tokens(connection, given).await.map_err(blocked)?;
        let id_tokens = IdTokens::new(entra.clone());
        let groups = connection.scope.include_groups || connection.scope.chosen.is_some();
        let (host, connection) = (self.clone(), connection.clone());
        Ok(Some(Authorisation { host, connection, entra, id_tokens, permission, tokens, paths, groups }))
    }

    /// What an operator is told of permissions that a sign-in lacks, and that a test found nothing about.
    pub(crate) async fn ungranted(
        &self,
        connection: &Connection,
        given: Option<&crate::Secrets>,
        report: &Report,
    ) -> Option<Finding> {
        // What keeps it from signing in has kept the method from it too, which says so.
        let authorisation = self.authorisation(connection, given).await.ok()??;
        let lacking = authorisation.lacking().await.ok()?;
        let told = |name: &&str| report.findings.iter().any(|finding| finding.what.contains(*name));
        let untold: Vec<_> = lacking.into_iter().filter(|name| !told(name)).collect();
        (!untold.is_empty()).then(|| Finding {
            standing: Standing::Warning,
            what: format!("the sign-in was not granted {}", untold.join(", ")),
            advice: Some(GRANT.to_owned()),
        })
    }
}

impl Authorisation {
    /// In whose name the connection reads.
    pub fn permission(&self) -> Permission {
        self.permission
    }

    /// Who has to sign in: names of roles.
    pub fn who(&self) -> String {
        let names: Vec<_> = roles(self.permission).map(|(_, name)| name).collect();
        one_of(&names)
    }

    /// Whether somebody has signed in with these settings, for a connection that reads in somebody's name.
    pub async fn is_signed_in(&self) -> Result<bool, Blocked> {
        self.tokens.is_signed_in().await.map_err(|error| blocked(&self.connection, error))
    }

    /// Begins a sign-in at a browser, which comes back to this address.
    pub fn at_browser(&self, redirect: &str) -> Result<(CodeSignIn, Url), Blocked> {
        CodeSignIn::begin(&self.entra, self.permission, redirect)
            .map_err(|error| blocked(&self.connection, error))
    }

    /// Takes what the browser came back with; who signed in is an administrator.
    pub async fn came_back(&self, sign_in: CodeSignIn, query: &str) -> Result<SignedIn, Blocked> {
        let signed_in = sign_in.finish(&self.entra, &self.id_tokens, query).await;
        self.allowed(signed_in.map_err(|error| blocked(&self.connection, error))?).await
    }

    /// Begins a sign-in by a code that is entered elsewhere.
    pub async fn by_code(&self) -> Result<DeviceSignIn, Blocked> {
        let begun = DeviceSignIn::begin(&self.entra, self.permission).await;
        begun.map_err(|error| blocked(&self.connection, error))
    }

    /// Waits until the code was entered; who signed in is an administrator.
    pub async fn entered(&self, sign_in: DeviceSignIn) -> Result<SignedIn, Blocked> {
        let signed_in = sign_in.finish(&self.entra, &self.id_tokens).await;
        self.allowed(signed_in.map_err(|error| blocked(&self.connection, error))?).await
    }

    async fn allowed(&self, signed_in: SignedIn) -> Result<SignedIn, Blocked> {
        let (cloud, clock) = (self.entra.registration().cloud(), self.host.clock.clone());
        let has = directory_roles(cloud, &signed_in.granted.access, clock, self.host.graph_options()).await;
        let has = has.map_err(|failure| {
            let answer = match failure {
                Failure::Failed(answer) => answer,
                Failure::Refused(refusal) => Answer::Source(format!(
                    "Graph doesn't say which roles the account has: {}",
                    refusal.message
                )),
            };
            Fault::of_call(&self.connection.method, CallError::Fault(answer)).at(&self.connection)
        })?;
        if roles(self.permission).any(|(template, _)| has.contains(template)) {
            return Ok(signed_in);
        }
        let who = signed_in.identity.name.as_deref().unwrap_or("the account");
        let why = format!("{who} may not consent, which takes a {}; sign in as one", self.who());
        Err(blocked(&self.connection, TokenError::blocked(Block::NotAnAdministrator, why)))
    }

    /// What is kept of a sign-in, as a secret of the connection.
    pub fn kept(&self, signed_in: &SignedIn) -> (String, Secret) {
        (TOKENS.to_owned(), self.tokens.text_of(&signed_in.granted))
    }

    /// Asks for an administrator's consent to the application's own permissions.
    pub fn consent(&self, redirect: &str) -> Result<(AdminConsent, Url), Blocked> {
        AdminConsent::begin(&self.entra, redirect).map_err(|error| blocked(&self.connection, error))
    }

    /// Takes what the browser came back with. What was granted before counts for nothing any more.
    pub async fn consented(&self, consent: AdminConsent, query: &str) -> Result<(), Blocked> {
        consent.finish(&self.entra, query).map_err(|error| blocked(&self.connection, error))?;
        self.anew().await
    }

    /// The next token is asked for anew: an earlier one may be out of date.
    pub async fn anew(&self) -> Result<(), Blocked> {
        self.tokens.forget_access().await.map_err(|error| blocked(&self.connection, error))
    }

    /// Whether it is consent that is missing.
    pub async fn wants_consent(&self) -> bool {
        let wanting = [Block::ConsentRefused, Block::NotAnAdministrator].map(Block::code);
        match self.lacking().await {
            Ok(lacking) => !lacking.is_empty(),
            Err(blocked) => blocked.code.is_some_and(|code| wanting.contains(&code)),
        }
    }

    /// Where a browser ends up that comes back to no program: a page of Microsoft's for applications without one of their own.
    pub fn nowhere(&self) -> String {
        format!("{}/common/oauth2/nativeclient", self.entra.registration().cloud().login())
    }

    /// Signs in with what is kept or given, and names the permissions that are missing, as far as the token says.
    pub async fn lacking(&self) -> Result<Vec<&'static str>, Blocked> {
        let token = self.tokens.token().await.map_err(|error| blocked(&self.connection, error))?;
        let lacking = Graph::lacking(&self.paths, &token).into_iter();
        Ok(lacking.filter(|name| self.groups || !name.starts_with("Group")).collect())
    }
}

fn roles(permission: Permission) -> impl Iterator<Item = (&'static str, &'static str)> {
    let more = if permission == Permission::Delegated { &FOR_SOMEBODY[..] } else { &[] };
    FOR_THE_TENANT.iter().chain(more).copied()
}

fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn blocked(connection: &Connection, error: TokenError) -> Blocked {
    let code = error.block().map(Block::code);
    Blocked { code, fault: refused(&connection.method, error).at(connection) }
}
