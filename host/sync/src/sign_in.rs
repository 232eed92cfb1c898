//! How a connection signs in to Microsoft Graph: what its settings and secrets say becomes a client, and its tokens are kept sealed.
//!
//! A method that asks for `graph` has the settings `tenant_id`, `client_id`, `permission`, `cloud`, `graph_url` and `login_url`, and
//! the secrets `client_secret` and `certificate`; that is part of the contract.

use crate::catalogue::Entry;
use crate::fault::{Class, Fault};
use crate::host::Host;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use usher_runtime::contract::model::Fault as Answer;
use usher_runtime::contract::source::{Finding, Standing};
use usher_runtime::{BoxFuture, Service};
use usher_services::Graph;
use usher_services::graph::{GraphClient, Paths};
use usher_services::oauth::{
    Certificate, Cloud, Entra, MemoryStore, Permission, Proof, Registration, StoreFailure, TokenError,
    TokenStore, Tokens,
};
use usher_store::{Connection, Secret, Store, StoreError, VaultKey};

/// Under which name a connection's tokens are kept among its secrets.
pub const TOKENS: &str = "tokens";
/// The secrets by which an application proves who it is.
const CLIENT_SECRET: &str = "client_secret";
const CERTIFICATE: &str = "certificate";
/// Who renews a certificate needs somebody at the tenant, and that takes its time.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 30);
const RENEW: &str = "upload a new one to the application under Certificates & secrets, and give it with --secret certificate=@FILE";

/// Secrets of a connection by the names of their settings, and a sign-in that is being tried.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Secret>, Option<Arc<MemoryStore>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// These.
    pub fn of(secrets: impl IntoIterator<Item = (String, Secret)>) -> Self {
        let mut secrets: BTreeMap<_, _> = secrets.into_iter().collect();
        let signed_in = secrets.remove(TOKENS).map(|text| Arc::new(MemoryStore::of(text)));
        Self(secrets, signed_in)
    }

    /// The sign-in as it is by now: it may have been renewed while it was tried.
    pub async fn signed_in(&self) -> Option<Secret> {
        self.1.as_ref()?.load().await.ok()?.1
    }
}

/// A connection's tokens in the database, sealed.
struct Kept {
    store: Store,
    key: VaultKey,
    tenant: i64,
    connection: i64,
}

fn not_kept(error: StoreError) -> StoreFailure {
    StoreFailure(error.to_string())
}

impl TokenStore for Kept {
    fn load(&self) -> BoxFuture<'_, Result<(u64, Option<Secret>), StoreFailure>> {
        Box::pin(async move {
            let loaded = self.store.versioned_secret(&self.key, self.tenant, self.connection, TOKENS).await;
            let (version, secret) = loaded.map_err(not_kept)?;
            Ok((u64::try_from(version).unwrap_or(0), secret))
        })
    }

    fn save<'a>(&'a self, expected: u64, text: &'a Secret) -> BoxFuture<'a, Result<bool, StoreFailure>> {
        Box::pin(async move {
            let expected = i64::try_from(expected).unwrap_or(i64::MAX);
            let (tenant, connection) = (self.tenant, self.connection);
            let saved = self.store.replace_secret(&self.key, tenant, connection, TOKENS, expected, text);
            saved.await.map_err(not_kept)
        })
    }
}

impl Host {
    /// Graph for a connection whose method asks for it. `given` are secrets that aren't kept yet, or replace those that are.
    pub(crate) async fn graph(
        &self,
        connection: &Connection,
        entry: &Entry,
        given: Option<&Secrets>,
    ) -> Result<Option<Graph>, Fault> {
        let Some(asked) = entry.plugin.about().capabilities.get(Graph::INTERFACE) else { return Ok(None) };
        let paths =
            Paths::asked(asked).map_err(|error| Fault::plugin(entry.plugin.id(), error.to_string()))?;
        let id = entry.plugin.id();
        let tokens = self.tokens(connection, given).await.map_err(|error| refused(id, error))?;
        let cloud = cloud(connection).map_err(|error| refused(id, error))?;
        let client = GraphClient::new(&cloud, Arc::new(tokens), self.clock.clone(), self.graph_options())
            .map_err(|error| {
                Fault::new(Class::Host, error.to_string(), "check the TLS set-up of this machine")
            })?;
        Ok(Some(Graph::new(client, paths)))
    }

    /// What an operator is told of a certificate that ends soon.
    pub(crate) async fn certificate_ends(
        &self,
        connection: &Connection,
        entry: &Entry,
        given: Option<&Secrets>,
    ) -> Result<Option<Finding>, Fault> {
        if !entry.plugin.about().capabilities.contains_key(Graph::INTERFACE) {
            return Ok(None);
        }
        let certificate = self.certificate(connection, given).await;
        let certificate = certificate.map_err(|error| refused(entry.plugin.id(), error))?;
        let Some(end) = certificate.and_then(|certificate| certificate.ends()) else { return Ok(None) };
        let left = end.duration_since(self.clock.now());
        Ok((left <= SOON).then(|| Finding {
            standing: Standing::Warning,
            what: match left.as_hours() / 24 {
                0 => format!("the certificate ends on {}, within a day", day(end)),
                1 => format!("the certificate ends on {}, in 1 day", day(end)),
                days => format!("the certificate ends on {}, in {days} days", day(end)),
            },
            advice: Some(RENEW.to_owned()),
        }))
    }

    /// The tokens of a connection, as its settings say.
    pub(crate) async fn tokens(
        &self,
        connection: &Connection,
        given: Option<&Secrets>,
    ) -> Result<Tokens, TokenError> {
        let (entra, permission) = self.entra(connection, given).await?;
        let signed_in = given.and_then(|given| given.1.clone());
        // Tokens got by secrets that may not be kept aren't kept either; but a sign-in that is renewed is the kept one's.
        let kept = given.is_none() || permission == Permission::Delegated;
        let store: Arc<dyn TokenStore> = match (&self.options.key, signed_in) {
            (_, Some(signed_in)) => signed_in,
            (Some(key), None) if connection.id != 0 && kept => Arc::new(Kept {
                store: self.store.clone(),
                key: key.clone(),
                tenant: connection.tenant,
                connection: connection.id,
            }),
            _ => Arc::new(MemoryStore::default()),
        };
        Ok(Tokens::new(entra, permission, store))
    }

    pub(crate) async fn entra(
        &self,
        connection: &Connection,
        given: Option<&Secrets>,
    ) -> Result<(Entra, Permission), TokenError> {
        let registration = Registration::new(
            cloud(connection)?,
            text(connection, "tenant_id"),
            text(connection, "client_id"),
        )?;
        let permission = match text(connection, "permission") {
            "delegated" => Permission::Delegated,
            _ => Permission::Application,
        };
        let proof = self.proof(connection, permission, given).await?;
        let options = self.graph_options();
        let entra = Entra::new(registration, proof, self.clock.clone(), options.pace)
            .map_err(|error| TokenError::Network(error.to_string()))?;
        Ok((entra, permission))
    }

    /// A secret that was given, else the kept one.
    async fn secret(
        &self,
        connection: &Connection,
        name: &str,
        given: Option<&Secrets>,
    ) -> Result<Option<Secret>, TokenError> {
        if let Some(secret) = given.and_then(|given| given.0.get(name)) {
            return Ok(Some(secret.clone()));
        }
        let Some(key) = &self.options.key else { return Ok(None) };
        let kept = self.store.secret(key, connection.tenant, connection.id, name).await;
        kept.map_err(|error| TokenError::Kept(error.to_string()))
    }

    /// The certificate that counts: the one that was given, else the kept one.
    async fn certificate(
        &self,
        connection: &Connection,
        given: Option<&Secrets>,
    ) -> Result<Option<Certificate>, TokenError> {
        // One that is given now stands for the kept one, of whichever kind that is.
        let only_secret = given
            .is_some_and(|given| given.0.contains_key(CLIENT_SECRET) && !given.0.contains_key(CERTIFICATE));
        if only_secret {
            return Ok(None);
        }
        let Some(pem) = self.secret(connection, CERTIFICATE, given).await? else { return Ok(None) };
        let read = Certificate::from_pem(&pem);
        read.map(Some).map_err(|error| TokenError::setting(CERTIFICATE, error.to_string()))
    }

    async fn proof(
        &self,
        connection: &Connection,
        permission: Permission,
        given: Option<&Secrets>,
    ) -> Result<Proof, TokenError> {
        // A certificate is the stronger proof; where both are given it is the one that counts.
        if let Some(certificate) = self.certificate(connection, given).await? {
            let ended = certificate.ends().filter(|end| *end < self.clock.now());
            return match ended {
                None => Ok(Proof::Certificate(certificate)),
                Some(end) => {
                    Err(TokenError::setting(CERTIFICATE, format!("it ended on {}; {RENEW}", day(end))))
                }
            };
        }
        if let Some(secret) = self.secret(connection, CLIENT_SECRET, given).await? {
            return Ok(Proof::Secret(secret));
        }
        match permission {
            Permission::Delegated => Ok(Proof::Public),
            Permission::Application => Err(TokenError::setting(
                CLIENT_SECRET,
                "an application signs in with a secret or a certificate, and none is kept; give one with --secret client_secret=env:NAME or --secret certificate=@FILE",
            )),
        }
    }
}

fn text<'a>(connection: &'a Connection, name: &str) -> &'a str {
    connection.settings.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// The day of a moment, in UTC.
fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

fn cloud(connection: &Connection) -> Result<Cloud, TokenError> {
    let made = match text(connection, "cloud") {
        "" => Cloud::named("global"),
        "custom" => Cloud::custom(text(connection, "graph_url"), text(connection, "login_url")),
        name => Cloud::named(name),
    };
    made.map_err(|error| TokenError::setting(error.setting, error.why))
}

pub(crate) fn refused(plugin: &str, error: TokenError) -> Fault {
    Fault::of_call(plugin, usher_runtime::CallError::Fault(Answer::from(error)))
}
