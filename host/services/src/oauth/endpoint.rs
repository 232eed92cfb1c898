//! Entra's token endpoint of one registration (RFC 6749; Microsoft identity platform v2.0).

use super::aadsts::{self, Class};
use super::assertion::{ASSERTION_TYPE, assertion};
use super::carrier::{Carried, Carrier, Trouble};
use super::certificate::Certificate;
use super::error::{Refusal, TokenError};
use super::granted::Granted;
use super::registration::Registration;
use super::secret::{Secret, exposed};
use super::tokens::AccessToken;
use crate::clock::Clock;
use crate::web::{Broken, GaveUp, Pace, Timeouts, Web, WebError};
use jiff::{SignedDuration, Timestamp};
use oauth2::basic::{BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType};
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ErrorResponse, ExtraTokenFields,
    RefreshToken, RequestTokenError, Scope, StandardRevocableToken, StandardTokenResponse, TokenResponse,
    TokenUrl,
};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use usher_runtime::one_line;

/// What a server that doesn't say means by nothing: an hour, as all of them.
const LIFETIME: Duration = Duration::from_secs(3600);
/// Longest part of Entra's own words in a sentence.
const WORDS: usize = 300;

/// How an application proves that it is the one.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A client secret.
    Secret(Secret),
    /// A certificate, whose key signs an assertion for each request.
    Certificate(Certificate),
    /// Not at all: a public client, for delegated sign-ins only.
    Public,
}

impl Proof {
    /// The setting that it stands in.
    fn setting(&self) -> &'static str {
        match self {
            Self::Secret(_) => "client_secret",
            Self::Certificate(_) => "certificate",
            Self::Public => "client_id",
        }
    }
}

/// Entra, as one application of one tenant talks to it. Cheap to clone.
#[derive(Clone)]
pub struct Entra {
    registration: Registration,
    proof: Proof,
    pub(crate) web: Web,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: Pace,
}

impl fmt::Debug for Entra {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Entra")
            .field("registration", &self.registration)
            .field("proof", &self.proof)
            .finish()
    }
}

/// What a request is made for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Grant<'a> {
    /// The application for itself.
    Application,
    /// Renewing a delegated sign-in.
    Refresh(&'a Secret),
    /// The code that a sign-in came back with.
    Code { code: &'a Secret, verifier: &'a Secret, redirect: &'a str },
    /// The code of a device, which somebody enters at a browser meanwhile.
    Device(&'a Secret),
}

impl Grant<'_> {
    /// Whether asking once more is safe after an answer that got lost: a code or a rotating refresh token may have been used up.
    fn can_be_repeated(self) -> bool {
        matches!(self, Self::Application)
    }
}

/// The `oauth2` crate's client, with Entra's errors and id token.
pub(crate) type Client<Token = EndpointSet> = oauth2::Client<
    EntraError,
    EntraTokens,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
>;
pub(crate) type EntraTokens = StandardTokenResponse<IdToken, BasicTokenType>;

/// What OpenID Connect adds to an answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct IdToken {
    #[serde(default, with = "exposed::optional")]
    pub(crate) id_token: Option<Secret>,
}

impl ExtraTokenFields for IdToken {}

/// What Entra says instead of giving a token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct EntraError {
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) error_description: Option<String>,
    #[serde(default)]
    pub(crate) error_codes: Vec<u32>,
    #[serde(default)]
    pub(crate) correlation_id: Option<String>,
    #[serde(default)]
    pub(crate) trace_id: Option<String>,
}

impl fmt::Display for EntraError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.error)
    }
}

impl ErrorResponse for EntraError {}

impl EntraError {
    fn number(&self) -> Option<u32> {
        let description = self.error_description.as_deref().unwrap_or_default();
        self.error_codes.first().copied().or_else(|| aadsts::number_in(description))
    }

    /// Whether the same request may do better in a moment. Who asks in a loop is told so, and would only stay in it.
    fn passes(&self) -> bool {
        let class = self
            .number()
            .and_then(aadsts::known)
            .map_or_else(|| aadsts::by_error(&self.error).0, |(class, _)| class);
        class == Class::Busy && self.number() != Some(aadsts::LOOP)
    }
}

impl Entra {
    /// The endpoint of this registration.
    pub fn new(
        registration: Registration,
        proof: Proof,
        clock: Arc<dyn Clock>,
        pace: Pace,
    ) -> Result<Self, WebError> {
        Self::with_timeouts(registration, proof, clock, pace, Timeouts::default())
    }

    /// The same, with other timeouts.
    pub fn with_timeouts(
        registration: Registration,
        proof: Proof,
        clock: Arc<dyn Clock>,
        pace: Pace,
        timeouts: Timeouts,
    ) -> Result<Self, WebError> {
        let web = Web::to(registration.cloud().login(), timeouts)?;
        Ok(Self { registration, proof, web, clock, pace })
    }

    /// Where and as whom.
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// A page of the tenant's at Entra.
    pub(crate) fn page(&self, path: &str) -> Result<Url, TokenError> {
        Url::parse(&self.registration.entra(path)).map_err(|_| no_address())
    }

    pub(crate) fn client(&self) -> Result<Client, TokenError> {
        let address = TokenUrl::new(self.registration.token_address()).map_err(|_| no_address())?;
        let client = Client::<EndpointNotSet>::new(ClientId::new(self.registration.client().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(address);
        Ok(match &self.proof {
            Proof::Secret(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            Proof::Certificate(_) | Proof::Public => client,
        })
    }

    /// The assertion that goes with a request, where a certificate proves.
    pub(crate) fn assertion(&self) -> Result<Option<Secret>, TokenError> {
        let Proof::Certificate(certificate) = &self.proof else { return Ok(None) };
        let endpoint = self.registration.token_address();
        assertion(certificate, self.registration.client(), &endpoint, self.clock.now()).map(Some)
    }

    /// Gets tokens, trying again as the pace says.
    pub(crate) async fn redeem(&self, grant: Grant<'_>, scopes: &str) -> Result<Granted, TokenError> {
        let mut tries = self.pace.begin();
        loop {
            let trouble = match self.redeem_once(grant, scopes).await {
                Ok(granted) => return Ok(granted),
                Err(trouble) => trouble,
            };
            let (again, asked, spent) = match &trouble {
                Trouble::Failed(_) => (false, None, Duration::ZERO),
                Trouble::Refused(error) => (error.passes(), None, Duration::ZERO),
                Trouble::Status { after, .. } => (true, *after, Duration::ZERO),
                Trouble::Unusable(_) => (grant.can_be_repeated(), None, Duration::ZERO),
                Trouble::Broken(broken) => {
                    let unsent = matches!(broken, Broken::Unreached(_));
                    (unsent || grant.can_be_repeated(), None, broken.spent())
                }
            };
            if !again {
                return Err(self.gave_up(trouble, None, grant));
            }
            if let Err(end) = tries.again(asked, spent).await {
                return Err(self.gave_up(trouble, Some(end), grant));
            }
        }
    }

    /// Gets tokens with one request.
    pub(crate) async fn redeem_once(&self, grant: Grant<'_>, scopes: &str) -> Result<Granted, Trouble> {
        // Before it is sent: what it takes to come back is off the token's life.
        let asked = self.clock.now();
        self.once(grant, scopes).await.map(|tokens| granted(&tokens, asked))
    }

    async fn once(&self, grant: Grant<'_>, scopes: &str) -> Result<EntraTokens, Trouble> {
        let client = self.client().map_err(Trouble::Failed)?;
        let assertion = self.assertion().map_err(Trouble::Failed)?;
        let http = Carrier { web: &self.web, now: self.clock.now() };
        let wanted = Scope::new(scopes.to_owned());
        // The three requests are types of their own that share no trait.
        macro_rules! send {
            ($request:expr) => {{
                let mut request = $request;
                if let Some(assertion) = &assertion {
                    request = request
                        .add_extra_param("client_assertion_type", ASSERTION_TYPE)
                        .add_extra_param("client_assertion", assertion.expose());
                }
                request.request_async(&http).await
            }};
        }
        let answer = match grant {
            Grant::Device(code) => {
                let mut fields = vec![
                    ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                    ("client_id", self.registration.client()),
                    ("device_code", code.expose()),
                ];
                if let Proof::Secret(secret) = &self.proof {
                    fields.push(("client_secret", secret.expose()));
                }
                if let Some(assertion) = &assertion {
                    fields.push(("client_assertion_type", ASSERTION_TYPE));
                    fields.push(("client_assertion", assertion.expose()));
                }
                return self.form("oauth2/v2.0/token", &fields).await;
            }
            Grant::Application => send!(client.exchange_client_credentials().add_scope(wanted)),
            Grant::Refresh(token) => {
                let token = RefreshToken::new(token.expose().to_owned());
                send!(client.exchange_refresh_token(&token).add_scope(wanted))
            }
            Grant::Code { code, verifier, redirect } => {
                let redirect = oauth2::RedirectUrl::new(redirect.to_owned())
                    .map_err(|_| Trouble::Unusable("the address to come back to is none".to_owned()))?;
                let request = client
                    .exchange_code(oauth2::AuthorizationCode::new(code.expose().to_owned()))
                    .set_redirect_uri(std::borrow::Cow::Owned(redirect))
                    .set_pkce_verifier(oauth2::PkceCodeVerifier::new(verifier.expose().to_owned()));
                send!(request.add_extra_param("scope", wanted.as_str()))
            }
        };
        answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(refused) => Trouble::Refused(refused),
            RequestTokenError::Request(Carried(trouble)) => trouble,
            // What was parsed is in the error, and may be a token: not a word of it is passed on.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Trouble::Unusable(format!("{} answers with something that is no token", self.web.host()))
            }
        })
    }

    /// Sends a form. The `oauth2` crate's own device flow knows neither Entra's errors nor how busy a server is.
    pub(crate) async fn form<T: DeserializeOwned>(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<T, Trouble> {
        let url = self.page(path).map_err(Trouble::Failed)?;
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self
            .web
            .post(url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let carrier = Carrier { web: &self.web, now: self.clock.now() };
        let request = request.build().map_err(|_| Trouble::Failed(no_address()))?;
        let answer = carrier.carry(request).await?;
        let unusable =
            || Trouble::Unusable(format!("{} answers with something that is no token", self.web.host()));
        if answer.status == 200 {
            return serde_json::from_slice(&answer.body).map_err(|_| unusable());
        }
        Err(serde_json::from_slice(&answer.body).map_or_else(|_| unusable(), Trouble::Refused))
    }

    /// What trouble is in the end.
    pub(crate) fn gave_up(&self, trouble: Trouble, end: Option<GaveUp>, grant: Grant<'_>) -> TokenError {
        let host = self.web.host();
        match trouble {
            Trouble::Refused(error) => self.explain(&error, grant),
            Trouble::Failed(error) => error,
            Trouble::Unusable(why) => TokenError::Network(why),
            Trouble::Broken(broken) => TokenError::Network(broken.why().to_owned()),
            Trouble::Status { status, after, said } => {
                let after = match end {
                    Some(GaveUp::TooLong(after)) => Some(after),
                    _ => after,
                };
                let why = match said.map(|error| self.explain(&error, grant)) {
                    Some(TokenError::Busy { why, .. }) => why,
                    _ => Refusal::plain(format!("{host} answers with status {status}")),
                };
                TokenError::Busy { why, after }
            }
        }
    }

    /// Puts a refusal into words. Entra's own are used only where the number isn't known, without anything secret in them.
    pub(crate) fn explain(&self, error: &EntraError, grant: Grant<'_>) -> TokenError {
        let description = error.error_description.as_deref().unwrap_or_default();
        let code = error.number();
        let (class, sentence) = match code.and_then(aadsts::known) {
            Some((class, sentence)) => (class, sentence.to_owned()),
            None => {
                let (class, sentence) = aadsts::by_error(&error.error);
                let words = self.words(description, grant);
                (class, if words.is_empty() { sentence.to_owned() } else { format!("{sentence}: {words}") })
            }
        };
        // A browser comes back with the description alone, which has the ids at its end.
        let id = |field: &Option<String>, label: &str| {
            let id = field.as_deref().or_else(|| aadsts::labelled(description, label));
            id.map(|id| one_line(id, 64))
        };
        let why = Refusal {
            block: aadsts::block(code, &error.error),
            code,
            sentence,
            correlation_id: id(&error.correlation_id, "Correlation ID:"),
            trace_id: id(&error.trace_id, "Trace ID:"),
        };
        match class {
            Class::SignIn => TokenError::SignIn(why),
            Class::Setting(setting) => TokenError::Setting { setting, why },
            Class::Proof => TokenError::Setting { setting: self.proof.setting(), why },
            Class::Busy => TokenError::Busy { why, after: None },
        }
    }

    /// The first line of a description, in case a server repeats what it was sent.
    fn words(&self, description: &str, grant: Grant<'_>) -> String {
        let first = description.lines().next().unwrap_or_default();
        let mut words = first.split(" Trace ID:").next().unwrap_or_default().to_owned();
        let mut hide = |secret: &Secret| {
            if !secret.expose().is_empty() {
                words = words.replace(secret.expose(), "…");
            }
        };
        if let Proof::Secret(secret) = &self.proof {
            hide(secret);
        }
        match grant {
            Grant::Application => {}
            Grant::Refresh(token) | Grant::Device(token) => hide(token),
            Grant::Code { code, verifier, .. } => {
                hide(code);
                hide(verifier);
            }
        }
        one_line(&words, WORDS)
    }
}

fn no_address() -> TokenError {
    TokenError::Setting { setting: "login_url", why: Refusal::plain("makes no address of Entra") }
}

fn granted(tokens: &EntraTokens, asked: Timestamp) -> Granted {
    let lifetime = tokens.expires_in().unwrap_or(LIFETIME);
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::from_secs(0));
    let expires = asked.saturating_add(lifetime).unwrap_or(asked);
    Granted {
        access: AccessToken::new(Secret::new(tokens.access_token().secret().clone()), asked, expires),
        refresh: tokens.refresh_token().map(|token| Secret::new(token.secret().clone())),
        id_token: tokens.extra_fields().id_token.clone(),
    }
}
