//! Consent, and signing in at a browser or from a terminal: what is asked for, what is believed, and whose account is taken.

use super::provider::{Bent, Provider, REDIRECT, TENANT, jwt, said, signer};
use super::*;
use serde_json::{Value, json};

#[tokio::test]
async fn an_administrator_consents_at_the_tenants_own_page() {
    let provider = Provider::new(TENANT).await;
    let begin = || AdminConsent::begin(&provider.entra, REDIRECT).unwrap();
    let (consent, url) = begin();
    assert_eq!(url.path(), format!("/{TENANT}/v2.0/adminconsent"));
    let asked = said(&url);
    assert_eq!(asked["client_id"], "app-1");
    assert_eq!(asked["scope"], "https://graph.microsoft.com/.default");
    assert_eq!(asked["redirect_uri"], REDIRECT);
    let state = &asked["state"];
    consent
        .finish(&provider.entra, &format!("?admin_consent=True&tenant={TENANT}&state={state}&scope=x"))
        .unwrap();

    let ended = |query: &dyn Fn(&str) -> String| {
        let (consent, url) = begin();
        consent.finish(&provider.entra, &query(&said(&url)["state"])).unwrap_err().to_string()
    };
    let declined = ended(&|state| {
        format!(
            "error=access_denied&error_description=AADSTS65004%3A+The+resource+owner+denied%0D%0ATrace+ID%3A+t-1%0D%0ACorrelation+ID%3A+c-1%0D%0ATimestamp%3A+x&state={state}"
        )
    });
    assert!(
        declined.starts_with("consent was declined")
            && declined.ends_with("(AADSTS65004, correlation id c-1, trace id t-1)"),
        "{declined}"
    );
    let elsewhere =
        ended(&|state| format!("admin_consent=True&tenant={}&state={state}", TENANT.replace('a', "b")));
    assert!(elsewhere.starts_with("consent was given in another tenant"), "{elsewhere}");
    assert!(ended(&|state| format!("tenant={TENANT}&state={state}")).starts_with("consent was not given"));
    let ours = "doesn't belong to this sign-in";
    assert!(ended(&|_| format!("admin_consent=True&tenant={TENANT}&state=guess")).contains(ours));
    assert!(ended(&|_| format!("admin_consent=True&tenant={TENANT}")).contains(ours));
    assert!(
        ended(&|state| format!("state={state}&state={state}&admin_consent=True&tenant={TENANT}"))
            .contains(ours)
    );
    assert_eq!(provider.server.count(), 0);
}

#[tokio::test]
async fn a_browser_comes_back_with_a_code_that_is_redeemed_with_its_verifier() {
    let provider = Provider::new(TENANT).await;
    let signed_in = provider.sign_in().await.unwrap();
    assert_eq!(signed_in.identity.tenant, TENANT);
    assert_eq!(signed_in.identity.name.as_deref(), Some("ann@contoso.example"));
    let redeemed = &provider.server.seen()[0];
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "the-code"),
        ("redirect_uri", REDIRECT),
        ("client_id", "app-1"),
        ("client_secret", SECRET),
        ("scope", "https://graph.microsoft.com/.default offline_access openid profile"),
    ] {
        assert_eq!(redeemed.field(name).as_deref(), Some(value));
    }
    assert_eq!(redeemed.field("code_verifier").unwrap().len(), 43);

    let (sign_in, url) = CodeSignIn::begin(&provider.entra, Permission::Delegated, REDIRECT).unwrap();
    let asked = said(&url);
    assert_eq!(url.path(), format!("/{TENANT}/oauth2/v2.0/authorize"));
    assert_eq!((asked["response_type"].as_str(), asked["response_mode"].as_str()), ("code", "query"));
    assert_eq!((asked["code_challenge_method"].as_str(), asked["code_challenge"].len()), ("S256", 43));
    assert_eq!(asked["prompt"], "select_account");
    let printed = format!("{sign_in:?}");
    assert!(!printed.contains(&asked["state"]) && !printed.contains(&asked["nonce"]));
    let (_, other) = CodeSignIn::begin(&provider.entra, Permission::Delegated, REDIRECT).unwrap();
    assert_ne!(said(&other)["state"], asked["state"]);
}

#[tokio::test]
async fn nothing_is_redeemed_for_who_comes_back_wrongly() {
    let provider = Provider::new(TENANT).await;
    let id_tokens = IdTokens::new(provider.entra.clone());
    for query in [
        "code=c&state=guess",
        "code=c",
        "code=c&state=",
        "code=c&code=d&state=STATE",
        "state=STATE",
        "error=access_denied&state=STATE",
        "error=access_denied&state=guess&error_description=AADSTS65004",
    ] {
        let (sign_in, url) = CodeSignIn::begin(&provider.entra, Permission::Delegated, REDIRECT).unwrap();
        let query = query.replace("STATE", &said(&url)["state"]);
        let error = sign_in.finish(&provider.entra, &id_tokens, &query).await.unwrap_err();
        assert!(matches!(error, TokenError::SignIn(_)), "{error}");
    }
    assert_eq!(provider.server.count(), 0);
    let plain = CodeSignIn::begin(&provider.entra, Permission::Delegated, "http://usher.example/callback")
        .unwrap_err();
    assert!(plain.to_string().starts_with("redirect_uri: `http://usher.example/callback` is plain http"));
}

#[tokio::test]
async fn a_code_that_was_used_is_not_sent_again() {
    let provider = Provider::new(TENANT).await;
    let used = json!({ "error": "invalid_grant", "error_description": "AADSTS54005: the-code was already redeemed", "error_codes": [54005] });
    provider.bend(|bent| bent.before = vec![(400, used)]);
    let error = provider.sign_in().await.unwrap_err();
    assert_eq!(error.to_string(), "the code of this sign-in was used before; sign in again (AADSTS54005)");
    assert_eq!(provider.server.count(), 1);
}

#[tokio::test]
async fn an_id_token_is_believed_only_if_everything_is_right() {
    type Bending = fn(&mut Bent, i64);
    let cases: [(Bending, &str); 16] = [
        (|bent, _| drop(bent.claims.insert("aud".into(), json!("app-2"))), "it is for another application"),
        (|bent, _| drop(bent.claims.insert("nonce".into(), json!("other"))), "it belongs to another sign-in"),
        (|bent, _| drop(bent.claims.insert("nonce".into(), json!(null))), "it belongs to another sign-in"),
        (|bent, now| drop(bent.claims.insert("exp".into(), json!(now - 301))), "it has expired"),
        (|bent, now| drop(bent.claims.insert("nbf".into(), json!(now + 301))), "it isn't valid yet"),
        (|bent, _| drop(bent.claims.insert("exp".into(), json!(null))), "it lacks what it must say"),
        (|bent, _| drop(bent.claims.insert("tid".into(), json!(null))), "it lacks what it must say"),
        (
            |bent, _| drop(bent.claims.insert("iss".into(), json!("https://evil.example"))),
            "the account is of another tenant",
        ),
        (
            |bent, _| drop(bent.claims.insert("tid".into(), json!("bbbbbbbb-0000-cccc-1111-dddd2222eeee"))),
            "the account is of another tenant (bbbbbbbb-0000-cccc-1111-dddd2222eeee)",
        ),
        (
            |bent, _| drop(bent.claims.insert("tid".into(), json!("9188040d-6c67-4c5b-b112-36a304b66dad"))),
            "this is a personal Microsoft account; sign in with a work account of the tenant",
        ),
        (|bent, _| bent.foreign_key = true, "its signature is wrong"),
        (|bent, _| drop(bent.header.insert("alg".into(), json!("none"))), "it is no signed token"),
        (|bent, _| drop(bent.header.insert("alg".into(), json!("HS256"))), "it isn't signed with RS256"),
        (|bent, _| drop(bent.header.insert("alg".into(), json!("PS256"))), "it isn't signed with RS256"),
        (
            |bent, _| drop(bent.header.insert("kid".into(), json!("enc-1"))),
            "its key isn't one of the tenant's",
        ),
        (|bent, _| drop(bent.header.insert("kid".into(), json!(null))), "it doesn't name its key"),
    ];
    for (bending, why) in cases {
        let provider = Provider::new(TENANT).await;
        // The nonce that was asked for comes where it isn't bent.
        let now = provider.clock.now().as_second();
        provider.bend(|bent| bending(bent, now));
        let error = provider.sign_in().await.unwrap_err();
        assert!(matches!(error, TokenError::SignIn(_)));
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}

#[tokio::test]
async fn keys_from_elsewhere_are_not_fetched() {
    for (name, value) in [
        ("jwks_uri", "https://evil.example/keys"),
        ("issuer", "https://evil.example/v2.0"),
        ("jwks_uri", "keys"),
    ] {
        let provider = Provider::new(TENANT).await;
        provider.bend(|bent| drop(bent.discovery.insert(name.into(), json!(value))));
        let error = provider.sign_in().await.unwrap_err();
        assert!(
            matches!(&error, TokenError::Network(why) if why.ends_with("names keys or an issuer that are elsewhere")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn of_a_tenant_that_is_named_by_its_domain_the_issuer_has_the_id() {
    let provider = Provider::new("contoso.example").await;
    assert_eq!(provider.sign_in().await.unwrap().identity.tenant, TENANT);
    provider
        .bend(|bent| drop(bent.claims.insert("tid".into(), json!("bbbbbbbb-0000-cccc-1111-dddd2222eeee"))));
    assert!(provider.sign_in().await.unwrap_err().to_string().contains("of another tenant"));
}

#[tokio::test]
async fn keys_are_kept_for_a_day_and_fetched_again_for_an_unknown_one() {
    let provider = Provider::new(TENANT).await;
    let id_tokens = IdTokens::new(provider.entra.clone());
    let token = |kid: &str, provider: &Provider| {
        let now = provider.clock.now().as_second();
        let claims = json!({ "iss": format!("{}/{TENANT}/v2.0", provider.server.address()), "aud": "app-1", "tid": TENANT, "exp": now + 60 });
        Secret::new(jwt(&signer(), &json!({ "alg": "RS256", "kid": kid }), &claims))
    };
    for _ in 0..3 {
        id_tokens.validate(&token("key-1", &provider), None).await.unwrap();
    }
    assert_eq!(provider.server.count(), 2);
    assert!(id_tokens.validate(&token("new", &provider), None).await.is_err());
    assert_eq!(provider.server.count(), 2, "not at every turn");
    later(&provider.clock, 6);
    assert!(id_tokens.validate(&token("new", &provider), None).await.is_err());
    assert_eq!(provider.server.count(), 4);
    later(&provider.clock, 24 * 60);
    id_tokens.validate(&token("key-1", &provider), None).await.unwrap();
    assert_eq!(provider.server.count(), 6);
}

#[tokio::test]
async fn a_sign_in_without_a_refresh_token_is_none() {
    let provider = Provider::new(TENANT).await;
    provider.bend(|bent| drop(bent.tokens.insert("refresh_token".into(), json!(null))));
    assert!(provider.sign_in().await.unwrap_err().to_string().contains("allow offline access"));
    provider.bend(|bent| drop(bent.tokens.insert("id_token".into(), json!(null))));
    assert!(provider.sign_in().await.unwrap_err().to_string().contains("no id token came with it"));
}

/// The device's own state, with the pauses that were made.
async fn device(before: Vec<(u16, Value)>) -> (Result<SignedIn, TokenError>, Vec<u64>, Provider) {
    let provider = Provider::new(TENANT).await;
    provider.bend(|bent| bent.before = before);
    let (pace, pauses) = still();
    let mut entra = provider.entra.clone();
    entra.pace = pace;
    let sign_in = DeviceSignIn::begin(&entra, Permission::Delegated).await.unwrap();
    assert_eq!((sign_in.user_code(), sign_in.address()), ("ABCD1234", "https://microsoft.com/devicelogin"));
    assert!(!format!("{sign_in:?}").contains("the-device-code"));
    let done = sign_in.finish(&entra, &IdTokens::new(entra.clone())).await;
    (done, pauses.made().iter().map(Duration::as_secs).collect(), provider)
}

fn polled(error: &str) -> (u16, Value) {
    (
        400,
        json!({ "error": error, "error_description": format!("AADSTS70016: {error}"), "error_codes": [70016] }),
    )
}

#[tokio::test]
async fn a_device_asks_at_the_pace_that_it_is_told() {
    let before = vec![
        polled("authorization_pending"),
        polled("slow_down"),
        (503, json!({})),
        polled("authorization_pending"),
    ];
    let (done, pauses, provider) = device(before).await;
    assert_eq!(done.unwrap().identity.tenant, TENANT);
    assert_eq!(pauses, [5, 5, 10, 20, 20]);
    let seen = provider.server.seen();
    assert_eq!(
        seen[0].field("scope").unwrap(),
        "https://graph.microsoft.com/.default offline_access openid profile"
    );
    assert_eq!(seen[1].field("grant_type").unwrap(), "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(seen[1].field("device_code").unwrap(), "the-device-code");
}

#[tokio::test]
async fn a_device_that_is_declined_or_late_is_told_so() {
    for (error, why) in [
        ("authorization_declined", "the sign-in was declined; sign in again and accept"),
        ("expired_token", "the code was not entered in time; sign in again"),
        ("code_expired", "the code was not entered in time; sign in again"),
        (
            "invalid_grant",
            "the sign-in has expired or was revoked; sign in again: AADSTS70016: invalid_grant (AADSTS70016)",
        ),
    ] {
        let (done, ..) = device(vec![polled(error)]).await;
        assert_eq!(done.unwrap_err().to_string(), why);
    }
    let (done, pauses, _) = device(vec![polled("authorization_pending"); 400]).await;
    assert_eq!(done.unwrap_err().to_string(), "the code was not entered in time; sign in again");
    assert_eq!(pauses.iter().sum::<u64>(), 900);
}

#[tokio::test]
async fn what_a_sign_in_brought_is_kept_for_the_connection() {
    let provider = Provider::new(TENANT).await;
    let signed_in = provider.sign_in().await.unwrap();
    let (entra, store) = (provider.entra.clone(), Arc::new(MemoryStore::default()));
    let tokens = Tokens::new(entra, Permission::Delegated, store.clone());
    assert!(store.save(0, &tokens.text_of(&signed_in.granted)).await.unwrap());
    assert_eq!(text(&tokens.token().await.unwrap()), "access-0");
    assert!(!format!("{signed_in:?}").contains("refresh-0"));
}
