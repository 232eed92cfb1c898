//! The least of a sign-in: access tokens for applications with a secret, as Microsoft Entra's token endpoint gives them.
//!
//! **This is a simulation** by the documentation of the OAuth 2.0 client credentials flow. Nobody can sign in as a user here, and of an
//! assertion only the certificate's thumbprint is looked at: its signature isn't verified. Statuses, OAuth's errors and the numbers behind
//! `AADSTS` are Entra's, the sentences are not.

use crate::graph::{Answer, Fields, Ids, Request};
use crate::tenant::{Guid, Identity, Moment, SecretError, Tenant};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use percent_encoding::percent_decode_str;

/// How long an access token is good for, in seconds.
const LASTS: i64 = 3_599;

/// What Entra answers with an error: status, OAuth's word, the number behind `AADSTS`, and what it says.
struct Refusal(u16, &'static str, u32, String);

/// Answers a request of the sign-in.
pub fn answer(tenant: &Tenant, request: &Request, ids: &Ids) -> Answer {
    let segments: Vec<&str> = request.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let found = match (request.method.as_str(), segments.as_slice()) {
        ("POST", [of, "oauth2", "v2.0", "token"]) => known(tenant, of).and_then(|()| token(tenant, request)),
        ("GET", [of, "v2.0", ".well-known", "openid-configuration"]) => {
            known(tenant, of).map(|()| configuration(tenant, request, of))
        }
        _ => return Answer { status: 404, headers: Vec::new(), body: Vec::new(), items: Vec::new() },
    };
    found.unwrap_or_else(|refusal| refusal.answer(ids, tenant.now()))
}

fn known(tenant: &Tenant, name: &str) -> Result<(), Refusal> {
    if tenant.state().organisation.is(name) {
        return Ok(());
    }
    Err(Refusal(400, "invalid_request", 90002, format!("There is no tenant '{name}' here.")))
}

fn token(tenant: &Tenant, request: &Request) -> Result<Answer, Refusal> {
    let form = Form::read(request);
    let grant = form.get("grant_type").ok_or_else(|| missing("grant_type"))?;
    if grant != "client_credentials" {
        let text = format!("The grant type '{grant}' is not supported.");
        return Err(Refusal(400, "unsupported_grant_type", 70003, text));
    }
    let client = form.client.clone().ok_or_else(|| missing("client_id"))?;
    let mut state = tenant.state();
    let now = state.now;
    let application = Guid::parse(&client)
        .and_then(|id| state.applications.iter().find(|application| application.client_id == id));
    let application = application.ok_or_else(|| {
        let text = format!(
            "No application '{client}' is registered in the directory '{}'.",
            state.organisation.name
        );
        Refusal(400, "unauthorized_client", 700_016, text)
    })?;
    if let Some(assertion) = form.get("client_assertion") {
        if !application.certificates.iter().any(|known| Some(known) == thumbprint(assertion).as_ref()) {
            let text = "No certificate of the application fits the assertion.";
            return Err(Refusal(401, "invalid_client", 700_027, text.to_owned()));
        }
    } else {
        let secret = form.secret.as_deref().ok_or_else(|| {
            let text = "Neither 'client_secret' nor 'client_assertion' was sent.";
            Refusal(401, "invalid_client", 7_000_218, text.to_owned())
        })?;
        application.check(secret, now).map_err(|error| match error {
            SecretError::Wrong => {
                let text = format!("The secret is none of application '{client}'.");
                Refusal(401, "invalid_client", 7_000_215, text)
            }
            SecretError::Expired => {
                let text = format!("The secret of application '{client}' has expired.");
                Refusal(401, "invalid_client", 7_000_222, text)
            }
        })?;
    }
    let scope = form.get("scope").ok_or_else(|| missing("scope"))?;
    if !scope.ends_with("/.default") {
        let text = format!(
            "The scope '{scope}' isn't one for client credentials: a resource followed by '/.default'."
        );
        return Err(Refusal(400, "invalid_scope", 1_002_012, text));
    }
    let permissions = application.permissions.iter().map(|(name, _)| name.clone()).collect();
    let token = format!("simulated.{}.{}", state.draw("access token"), state.draw("access token"));
    let until = now.checked_add(SignedDuration::from_secs(LASTS)).unwrap_or(Moment::MAX);
    state.tokens.insert(token.clone(), Identity::Application { permissions }, Some(until));
    let mut body = Vec::new();
    let mut fields = Fields::open(&mut body);
    fields.field("token_type", "Bearer");
    fields.field("expires_in", &LASTS);
    fields.field("ext_expires_in", &LASTS);
    fields.field("access_token", &token);
    fields.close();
    Ok(json(200, body))
}

/// Whose certificate an assertion names (RFC 7515, section 4.1.8).
fn thumbprint(assertion: &str) -> Option<String> {
    let (header, _) = assertion.split_once('.')?;
    let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    header.get("x5t#S256")?.as_str().map(str::to_owned)
}

/// What Entra refuses on order.
pub fn refused(error: &'static str, number: u32, ids: &Ids, now: Moment) -> Answer {
    Refusal(400, error, number, "The sign-in was refused on order.".to_owned()).answer(ids, now)
}

fn configuration(tenant: &Tenant, request: &Request, of: &str) -> Answer {
    let base = &request.base;
    let mut body = Vec::new();
    let mut fields = Fields::open(&mut body);
    fields.field("token_endpoint", &format!("{base}/{of}/oauth2/v2.0/token"));
    fields.field("token_endpoint_auth_methods_supported", &["client_secret_post", "client_secret_basic"]);
    fields.field("grant_types_supported", &["client_credentials"]);
    fields.field("issuer", &format!("{base}/{}/v2.0", tenant.id()));
    fields.field("authorization_endpoint", &format!("{base}/{of}/oauth2/v2.0/authorize"));
    fields.field("device_authorization_endpoint", &format!("{base}/{of}/oauth2/v2.0/devicecode"));
    fields.field("response_types_supported", &["token"]);
    fields.field("subject_types_supported", &["pairwise"]);
    fields.field("tenant_region_scope", "EU");
    fields.field("cloud_instance_name", "microsoftonline.com");
    fields.field("msgraph_host", base.split_once("://").map_or(base.as_str(), |(_, host)| host));
    fields.close();
    json(200, body)
}

fn json(status: u16, body: Vec<u8>) -> Answer {
    let headers = vec![
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("cache-control", "no-store, no-cache".to_owned()),
    ];
    Answer { status, headers, body, items: Vec::new() }
}

fn missing(parameter: &str) -> Refusal {
    let text = format!("The parameter '{parameter}' is missing.");
    Refusal(400, "invalid_request", 900_144, text)
}

impl Refusal {
    fn answer(&self, ids: &Ids, now: Moment) -> Answer {
        let Self(status, error, number, text) = self;
        let timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let trace = ids.request.to_string();
        let description = format!(
            "AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {} Timestamp: {timestamp}",
            ids.client
        );
        let mut body = Vec::new();
        let mut fields = Fields::open(&mut body);
        fields.field("error", error);
        fields.field("error_description", &description);
        fields.field("error_codes", &[number]);
        fields.field("timestamp", &timestamp);
        fields.field("trace_id", &trace);
        fields.field("correlation_id", &ids.client);
        fields.close();
        json(*status, body)
    }
}

/// What a client sends of itself, in the form or as basic authentication.
struct Form {
    fields: Vec<(String, String)>,
    client: Option<String>,
    secret: Option<String>,
}

impl Form {
    fn read(request: &Request) -> Self {
        let text = String::from_utf8_lossy(&request.body);
        let fields = text.split('&').filter_map(|pair| pair.split_once('='));
        let fields = fields.map(|(name, value)| (decode(name), decode(value))).collect();
        let mut form = Self { fields, client: None, secret: None };
        let basic = request.header("authorization").and_then(basic);
        let (client, secret) = basic.map_or((None, None), |(client, secret)| (Some(client), Some(secret)));
        form.client = form.get("client_id").map(str::to_owned).or(client);
        form.secret = form.get("client_secret").map(str::to_owned).or(secret);
        form
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// Client id and secret of basic authentication, which are encoded as in a form (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    Some((decode(client), decode(secret)))
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
