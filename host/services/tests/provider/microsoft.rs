//! MSAL for Python judges the provider: what Microsoft's own library takes for Entra, this host may be tested with.

use crate::browser::{Browser, End, Says};
use crate::installed::{program, said};
use crate::provider::*;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A flow under way.
struct Msal {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    process: Child,
}

impl Msal {
    /// Begins a flow with what it needs to know.
    async fn begin(provider: &Provider, client: &str, flow: &str, knows: &Value) -> Self {
        let mut process = Command::new(said("USHER_TEST_PYTHON"))
            .arg(program("sign_in.py"))
            // The library speaks TLS alone.
            .args([&format!("{}/{TENANT}", provider.secure), client, flow])
            .env("REQUESTS_CA_BUNDLE", provider.authority.path())
            .env("NO_PROXY", "*")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut msal = Self { input: process.stdin.take().unwrap(), output, process };
        msal.tell(knows).await;
        msal
    }

    async fn tell(&mut self, what: &Value) {
        self.input.write_all(format!("{what}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        let line = self.output.next_line().await.unwrap().expect("the library gave up, and says why above");
        serde_json::from_str(&line).unwrap()
    }

    /// What the flow came to.
    async fn end(mut self) -> Value {
        let said = self.hear().await;
        assert!(self.process.wait().await.unwrap().success());
        said
    }
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap_or_else(|| panic!("no token: {token}")).split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// An access token of an application's, as Entra makes them for Graph.
fn assert_of_application(answer: &Value, client: &str) {
    assert_eq!(answer["token_type"], "Bearer", "{answer}");
    assert_eq!(answer["token_source"], "identity_provider");
    assert_eq!((&answer["expires_in"], &answer["ext_expires_in"]), (&3599.into(), &3599.into()));
    let token = claims(&answer["access_token"]);
    assert_eq!((&token["aud"], &token["tid"]), (&"https://graph.microsoft.com".into(), &TENANT.into()));
    assert_eq!((&token["appid"], &token["roles"]), (&client.into(), &json!(ROLES)));
    assert!(token["oid"].is_string() && token.get("scp").is_none(), "{token}");
}

#[tokio::test]
async fn microsofts_library_takes_the_provider_for_entra_with_a_secret() {
    let provider = Provider::start().await;
    let said = Msal::begin(&provider, APPLICATION, "secret", &json!({ "secret": SECRET })).await.end().await;
    assert_of_application(&said["first"], APPLICATION);
    assert_eq!(said["again"]["token_source"], "cache");
    assert_eq!(
        (&said["wrong"]["error"], &said["wrong"]["error_codes"]),
        (&"invalid_client".into(), &json!([7_000_215]))
    );
    let words = said["wrong"]["error_description"].as_str().unwrap();
    assert!(words.starts_with("AADSTS7000215: ") && words.contains("Correlation ID: "), "{words}");
    assert_eq!(provider.seen_of("client_credentials").await, [None, Some(7_000_215)]);
}

#[tokio::test]
async fn microsofts_library_takes_the_provider_for_entra_with_a_certificate() {
    let provider = Provider::with_certificates().await;
    let Pem { certificate, key } = certificate();
    // It names the certificate by its SHA-256 where it has it, and by its SHA-1 where that is all it is told.
    let der = rustls_pki_types::CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
    let thumbprint: String = sha1.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    for credential in [
        json!({ "private_key": key, "public_certificate": certificate }),
        json!({ "private_key": key, "thumbprint": thumbprint }),
    ] {
        let said = Msal::begin(&provider, CERTIFIED, "certificate", &credential).await.end().await;
        assert_of_application(&said["first"], CERTIFIED);
    }
    let Pem { certificate, key } = expired_certificate();
    let expired = json!({ "private_key": key, "public_certificate": certificate });
    let said = Msal::begin(&provider, CERTIFIED, "certificate", &expired).await.end().await;
    assert_eq!(said["first"]["error_codes"], json!([1_000_502]));
}

/// Somebody has signed in, was renewed twice, and lost everything when a used-up refresh token came again.
fn assert_of_somebody(said: &Value, account: &str, object: &str) {
    let signed_in = &said["signed_in"];
    assert_eq!(signed_in["id_token_claims"]["preferred_username"], account, "{signed_in}");
    assert_eq!(signed_in["id_token_claims"]["tid"], TENANT);
    let token = claims(&signed_in["access_token"]);
    assert_eq!((&token["oid"], &token["tid"]), (&object.into(), &TENANT.into()));
    assert_eq!((&token["scp"], token.get("roles")), (&SCOPES.join(" ").into(), None));
    // The library names accounts by object and tenant, which only `client_info` says.
    assert_eq!(said["accounts"].as_array().unwrap().len(), 1, "{said}");
    assert_eq!(said["accounts"][0]["home_account_id"], format!("{object}.{TENANT}"));
    assert_eq!(said["accounts"][0]["username"], account);
    let tokens =
        [signed_in, &said["first"], &said["second"]].map(|answer| answer["access_token"].as_str().unwrap());
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2], "{said}");
    assert_eq!(said["second"]["token_source"], "identity_provider");
    for refused in ["reused", "after"] {
        assert_eq!(said[refused]["error"], "invalid_grant", "{refused}: {}", said[refused]);
    }
}

#[tokio::test]
async fn microsofts_library_signs_somebody_in_at_a_browser() {
    for (client, secret) in [(APPLICATION, Some(SECRET)), (PUBLIC, None)] {
        let provider = Provider::start().await;
        let knows = json!({ "secret": secret, "redirect": REDIRECT });
        let mut msal = Msal::begin(&provider, client, "code", &knows).await;
        let open = msal.hear().await["open"].as_str().unwrap().replace(&provider.secure, &provider.address);
        let browser = Browser::of("ann@contoso.example", Says::Accept);
        let back = browser.come_back(&open.parse().unwrap()).await;
        let back: serde_json::Map<String, Value> = url::form_urlencoded::parse(back.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
            .collect();
        msal.tell(&back.into()).await;
        assert_of_somebody(&msal.end().await, "ann@contoso.example", "oid-ann");
        assert_eq!(
            provider.seen().await.iter().map(|seen| seen.number).collect::<Vec<_>>(),
            [None, None, None, Some(70_000), Some(50_173)]
        );
    }
}

/// Signs in from a terminal as far as it goes.
async fn at_a_terminal(provider: &Provider, says: Says) -> Value {
    let mut msal = Msal::begin(provider, PUBLIC, "device", &json!({})).await;
    let begun = msal.hear().await;
    let code = begun["code"].as_str().unwrap();
    assert!(begun["message"].as_str().unwrap().contains(code), "{begun}");
    let open = begun["open"].as_str().unwrap().replace(&provider.secure, &provider.address);
    let browser = Browser::of("bob@contoso.example", says).with_code(code);
    assert!(matches!(browser.visit(&open.parse().unwrap()).await, End::Page(_)));
    msal.tell(&json!({})).await;
    msal.end().await
}

#[tokio::test]
async fn microsofts_library_signs_somebody_in_from_a_terminal() {
    let provider = Provider::start().await;
    assert_of_somebody(&at_a_terminal(&provider, Says::Accept).await, "bob@contoso.example", "oid-bob");
    let declined = &at_a_terminal(&provider, Says::Cancel).await["signed_in"];
    assert_eq!(declined["error"], "authorization_declined", "{declined}");
    let polls = provider.seen_of("urn:ietf:params:oauth:grant-type:device_code").await;
    assert_eq!(polls, [None, Some(70_018)]);
}
