//! Id tokens: who signed in (OpenID Connect Core, 3.1.3.7; Microsoft identity platform, "ID tokens").

use super::carrier::BODY_BYTES;
use super::endpoint::Entra;
use super::error::{Block, TokenError};
use super::secret::Secret;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;
use usher_runtime::one_line;

/// The tenant of all personal Microsoft accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// For clocks that differ; Microsoft's own libraries use as much.
const LEEWAY_S: i64 = 300;
/// Entra's keys roll over without notice, within days.
const KEYS_LAST: SignedDuration = SignedDuration::from_hours(24);
/// How soon keys are fetched again for a token that names an unknown one.
const KEYS_YOUNG: SignedDuration = SignedDuration::from_mins(5);

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The tenant's id.
    pub tenant: String,
    /// The account's id in it, where it was said.
    pub object: Option<String>,
    /// What the account is called, for showing only.
    pub name: Option<String>,
}

/// Validates id tokens of one registration, with the keys that its tenant publishes.
#[derive(Debug)]
pub struct IdTokens {
    entra: Entra,
    published: Mutex<Option<Published>>,
}

/// What the tenant publishes, when it was fetched.
#[derive(Clone, Debug)]
struct Published {
    fetched: Timestamp,
    issuer: String,
    keys: Vec<Key>,
}

/// What of `.well-known/openid-configuration` matters.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

/// A JSON Web Key (RFC 7517). Those that aren't RSA are passed over.
#[derive(Clone, Debug, Deserialize)]
struct Key {
    #[serde(default)]
    kid: Option<String>,
    kty: String,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: i64,
    #[serde(default)]
    nbf: Option<i64>,
    tid: String,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    preferred_username: Option<String>,
}

impl IdTokens {
    /// For sign-ins at this registration.
    pub fn new(entra: Entra) -> Self {
        Self { entra, published: Mutex::default() }
    }

    /// Checks a token and tells whose it is. `nonce` is what the sign-in was begun with; a device's has none.
    pub async fn validate(&self, token: &Secret, nonce: Option<&Secret>) -> Result<Identity, TokenError> {
        let bad =
            |why: &str| TokenError::sign_in(format!("the id token can't be trusted: {why}; sign in again"));
        let header = decode_header(token.expose()).map_err(|_| bad("it is no signed token"))?;
        // Not what the token says is good enough, but what Entra signs with.
        if header.alg != Algorithm::RS256 {
            return Err(bad("it isn't signed with RS256"));
        }
        let kid = header.kid.ok_or_else(|| bad("it doesn't name its key"))?;
        let (issuer, key) = self.key(&kid).await?.ok_or_else(|| bad("its key isn't one of the tenant's"))?;
        let key =
            DecodingKey::from_rsa_components(&key.n, &key.e).map_err(|_| bad("its key can't be read"))?;
        let mut rules = Validation::new(Algorithm::RS256);
        // By this host's clock, below.
        (rules.validate_exp, rules.validate_nbf) = (false, false);
        rules.set_audience(&[self.entra.registration().client()]);
        rules.set_required_spec_claims(&["exp", "aud", "iss"]);
        let claims = decode::<Claims>(token.expose(), &key, &rules).map_err(|error| {
            use jsonwebtoken::errors::ErrorKind;
            bad(match error.kind() {
                ErrorKind::InvalidSignature => "its signature is wrong",
                ErrorKind::InvalidAudience => "it is for another application",
                _ => "it lacks what it must say",
            })
        })?;
        self.check(claims.claims, &issuer, nonce, bad)
    }

    fn check(
        &self,
        claims: Claims,
        issuer: &str,
        nonce: Option<&Secret>,
        bad: impl Fn(&str) -> TokenError,
    ) -> Result<Identity, TokenError> {
        let now = self.entra.clock.now().as_second();
        if claims.exp.saturating_add(LEEWAY_S) <= now {
            return Err(bad("it has expired"));
        }
        if claims.nbf.is_some_and(|nbf| nbf.saturating_sub(LEEWAY_S) > now) {
            return Err(bad("it isn't valid yet; is this host's clock right"));
        }
        if claims.tid.eq_ignore_ascii_case(PERSONAL) {
            return Err(TokenError::blocked(
                Block::PersonalAccount,
                "this is a personal Microsoft account; sign in with a work account of the tenant",
            ));
        }
        let registration = self.entra.registration();
        let is_tenants = if registration.names_an_id() {
            claims.tid.eq_ignore_ascii_case(registration.tenant())
        } else {
            // Of a tenant that is named by its domain, the issuer has the id.
            issuer.split('/').any(|part| part.eq_ignore_ascii_case(&claims.tid))
        };
        if claims.iss != issuer || !is_tenants {
            return Err(TokenError::blocked(
                Block::OtherTenant,
                format!(
                    "the account is of another tenant ({}); sign in with an account of the tenant that tenant_id names",
                    one_line(&claims.tid, 64)
                ),
            ));
        }
        if let Some(nonce) = nonce {
            let came = claims.nonce.as_deref().unwrap_or_default().as_bytes();
            if aws_lc_rs::constant_time::verify_slices_are_equal(came, nonce.expose().as_bytes()).is_err() {
                return Err(bad("it belongs to another sign-in"));
            }
        }
        Ok(Identity {
            tenant: one_line(&claims.tid, 64),
            object: claims.oid.map(|id| one_line(&id, 64)),
            name: claims.preferred_username.map(|name| one_line(&name, 256)),
        })
    }

    /// The tenant's issuer and the key of this name. For an unknown one the keys are fetched again, but not at every turn.
    async fn key(&self, kid: &str) -> Result<Option<(String, Key)>, TokenError> {
        let now = self.entra.clock.now();
        let mut published = self.published.lock().await;
        let find = |published: &Published| {
            let key = published.keys.iter().find(|key| key.kid.as_deref() == Some(kid) && key.signs());
            key.map(|key| (published.issuer.clone(), key.clone()))
        };
        if let Some(known) = published.as_ref() {
            let age = now.duration_since(known.fetched);
            let found = find(known).filter(|_| age < KEYS_LAST);
            if found.is_some() || age < KEYS_YOUNG {
                return Ok(found);
            }
        }
        let fetched = self.fetch(now).await?;
        let found = find(&fetched);
        *published = Some(fetched);
        Ok(found)
    }

    async fn fetch(&self, now: Timestamp) -> Result<Published, TokenError> {
        let login = self.entra.registration().cloud().login();
        let discovery: Discovery =
            self.read(self.entra.page("v2.0/.well-known/openid-configuration")?).await?;
        // Keys from elsewhere would let somebody else say who signed in.
        let ours = |address: &str| Url::parse(address).ok().filter(|url| login.is_origin_of(url));
        let elsewhere = || {
            TokenError::Network(format!(
                "{} names keys or an issuer that are elsewhere",
                self.entra.web.host()
            ))
        };
        ours(&discovery.issuer).ok_or_else(elsewhere)?;
        let keys: KeySet = self.read(ours(&discovery.jwks_uri).ok_or_else(elsewhere)?).await?;
        Ok(Published { fetched: now, issuer: discovery.issuer, keys: keys.keys })
    }

    async fn read<T: DeserializeOwned>(&self, url: Url) -> Result<T, TokenError> {
        let web = &self.entra.web;
        let mut tries = self.entra.pace.begin();
        loop {
            let (why, spent) = match web.send(web.get(url.clone()), BODY_BYTES).await {
                Ok(answer) if answer.status == 200 => match serde_json::from_slice(&answer.body) {
                    Ok(read) => return Ok(read),
                    Err(_) => (
                        format!("{} publishes no keys that can be read", web.host()),
                        std::time::Duration::ZERO,
                    ),
                },
                Ok(answer) => (
                    format!("{} answers with status {} when asked for its keys", web.host(), answer.status),
                    std::time::Duration::ZERO,
                ),
                Err(broken) => (broken.why().to_owned(), broken.spent()),
            };
            if tries.again(None, spent).await.is_err() {
                return Err(TokenError::Network(why));
            }
        }
    }
}

impl Key {
    fn signs(&self) -> bool {
        self.kty == "RSA" && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
    }
}
