//! An identity provider for tests: discovery, keys, devices and tokens. What it says of who signed in can be bent.

use super::*;
use crate::oauth::certificate::samples;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use url::Url;

pub(super) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(super) const REDIRECT: &str = "http://127.0.0.1:8400/callback";

/// A running one, and what a host has to do with it.
pub(super) struct Provider {
    pub(super) server: Server,
    pub(super) clock: Arc<FixedClock>,
    pub(super) entra: Entra,
    pub(super) bent: Arc<Mutex<Bent>>,
}

#[derive(Clone, Default)]
pub(super) struct Bent {
    pub(super) claims: BTreeMap<String, Value>,
    pub(super) header: BTreeMap<String, Value>,
    pub(super) foreign_key: bool,
    pub(super) nonce: String,
    pub(super) discovery: BTreeMap<String, Value>,
    /// Answers of the token endpoint before the good one.
    pub(super) before: Vec<(u16, Value)>,
    pub(super) tokens: BTreeMap<String, Value>,
}

pub(super) fn signer() -> Certificate {
    let (pem, key) = samples::rsa();
    Certificate::from_pem(&Secret::new(format!("{pem}{key}"))).unwrap()
}

pub(super) fn jwt(key: &Certificate, header: &Value, claims: &Value) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.key().public_modulus_len()];
    key.key().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

pub(super) fn with(mut json: Value, changes: &BTreeMap<String, Value>) -> Value {
    for (name, value) in changes {
        json[name] = value.clone();
    }
    json
}

impl Provider {
    pub(super) async fn new(tenant: &str) -> Self {
        let clock = clock();
        let bent = Arc::new(Mutex::new(Bent::default()));
        let (seen_bent, seen_clock) = (bent.clone(), clock.clone());
        let server = Server::answering(move |_, seen: Seen| {
            let (bent, clock) = (seen_bent.clone(), seen_clock.clone());
            async move { answer(&seen, &mut bent.lock().unwrap(), clock.now().as_second()) }
        })
        .await;
        let cloud = Cloud::custom("https://graph.microsoft.com", server.address()).unwrap();
        let registration = Registration::new(cloud, tenant, "app-1").unwrap();
        let entra = Entra::new(registration, by_secret(), clock.clone(), still().0).unwrap();
        Self { server, clock, entra, bent }
    }

    pub(super) fn bend(&self, change: impl FnOnce(&mut Bent)) {
        change(&mut self.bent.lock().unwrap());
    }

    /// Signs in at a browser as far as it goes.
    pub(super) async fn sign_in(&self) -> Result<SignedIn, TokenError> {
        let (sign_in, url) = CodeSignIn::begin(&self.entra, Permission::Delegated, REDIRECT).unwrap();
        let said = said(&url);
        self.bend(|bent| bent.nonce = said["nonce"].clone());
        let query = format!("code=the-code&state={}&session_state=x", said["state"]);
        sign_in.finish(&self.entra, &IdTokens::new(self.entra.clone()), &query).await
    }
}

pub(super) fn said(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

pub(super) fn answer(seen: &Seen, bent: &mut Bent, now: i64) -> Reply {
    let address = format!("http://{}", seen.header("host"));
    let key = signer();
    if seen.target.ends_with("/.well-known/openid-configuration") {
        let discovery = json!({
            "issuer": format!("{address}/{TENANT}/v2.0"),
            "jwks_uri": format!("{address}/{TENANT}/discovery/v2.0/keys"),
        });
        return Reply::ok(with(discovery, &bent.discovery).to_string());
    }
    if seen.target.ends_with("/discovery/v2.0/keys") {
        // RSAPublicKey of 2048 bits: the modulus begins after nine bytes, and the exponent is 65537.
        let modulus = BASE64_URL_SAFE_NO_PAD.encode(&key.key().public_key().as_ref()[9..9 + 256]);
        let keys = json!({ "keys": [
            { "kty": "EC", "kid": "other", "crv": "P-256" },
            { "kty": "RSA", "use": "sig", "kid": "key-1", "n": modulus, "e": "AQAB" },
            { "kty": "RSA", "use": "enc", "kid": "enc-1", "n": modulus, "e": "AQAB" },
        ] });
        return Reply::ok(keys.to_string());
    }
    if seen.target.ends_with("/devicecode") {
        let begun = json!({
            "device_code": "the-device-code", "user_code": "ABCD1234", "expires_in": 900, "interval": 5,
            "verification_uri": "https://microsoft.com/devicelogin", "message": "…",
        });
        return Reply::ok(begun.to_string());
    }
    assert!(seen.target.ends_with("/oauth2/v2.0/token"), "{}", seen.target);
    if !bent.before.is_empty() {
        let (status, body) = bent.before.remove(0);
        return Reply::new(status, body.to_string());
    }
    let header = with(json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }), &bent.header);
    let claims = json!({
        "iss": format!("{address}/{TENANT}/v2.0"), "aud": "app-1", "tid": TENANT, "oid": "oid-1", "sub": "s",
        "iat": now, "nbf": now, "exp": now + 3600, "nonce": bent.nonce, "preferred_username": "ann@contoso.example",
    });
    let claims = with(claims, &bent.claims);
    let foreign = || {
        let (pem, key) = samples::another_rsa();
        Certificate::from_pem(&Secret::new(format!("{pem}{key}"))).unwrap()
    };
    let key = if bent.foreign_key { foreign() } else { key };
    let tokens = json!({
        "token_type": "Bearer", "expires_in": 3600, "access_token": "access-0", "refresh_token": "refresh-0",
        "scope": "https://graph.microsoft.com/User.Read.All", "id_token": jwt(&key, &header, &claims),
    });
    Reply::ok(with(tokens, &bent.tokens).to_string())
}
