//! An application for itself: by secret, by certificate, and what an administrator consents to.

use crate::browser::{Browser, Says};
use crate::provider::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use url::Url;
use usher_services::oauth::{
    AdminConsent, Entra, MemoryStore, Permission, Proof, Secret, TokenError, TokenSource, Tokens, scopes,
};
use usher_services::web::Pace;

fn tokens(entra: Entra) -> Tokens {
    Tokens::new(entra, Permission::Application, Arc::new(MemoryStore::default()))
}

/// The permissions of the token that an application gets.
async fn permitted(entra: Entra) -> BTreeSet<String> {
    let token = tokens(entra).token().await.unwrap();
    scopes::permissions(&token).expect("a token that can be read")
}

/// Which setting is wrong, Entra's number, and the sentence.
async fn wrong(entra: Entra) -> (&'static str, u32, String) {
    let error = tokens(entra).token().await.unwrap_err();
    let TokenError::Setting { setting, why } = &error else { panic!("{error:?}") };
    assert!(why.correlation_id.is_some() && why.trace_id.is_some(), "{error}");
    assert!(!error.to_string().contains("guess") && !error.to_string().contains(SECRET), "{error}");
    (setting, why.code.unwrap(), why.sentence.clone())
}

fn roles() -> BTreeSet<String> {
    ROLES.map(str::to_owned).into()
}

#[tokio::test]
async fn f3_an_application_signs_in_with_its_secret() {
    let (provider, clock) = (Provider::start().await, clock());
    assert_eq!(permitted(provider.application(&clock)).await, roles());
    // The tenant goes by its domain too.
    let by_domain = provider.entra_of(DOMAIN, APPLICATION, by_secret(), &clock, Pace::default());
    assert_eq!(permitted(by_domain).await, roles());
    assert_eq!(provider.seen_of("client_credentials").await, [None, None]);
}

#[tokio::test]
async fn f5_a_secret_that_opens_nothing_says_which_setting_is_wrong() {
    let (provider, clock) = (Provider::start().await, clock());
    let of = |client, secret: &str| {
        provider.entra(client, Proof::Secret(Secret::new(secret)), &clock, Pace::default())
    };
    assert_eq!(
        wrong(of(APPLICATION, "a guess")).await,
        (
            "client_secret",
            7_000_215,
            "the client secret is not one of the application's; enter the secret's value, not its id, or make a new one under \
             Certificates & secrets"
                .to_owned()
        )
    );
    let (setting, number, sentence) = wrong(of(LATE, SECRET)).await;
    assert_eq!((setting, number), ("client_secret", 7_000_222));
    assert!(sentence.starts_with("the client secret has expired"), "{sentence}");
    let (setting, number, sentence) = wrong(of("11111111-aaaa-4000-8000-00000000ffff", SECRET)).await;
    assert_eq!((setting, number), ("client_id", 700_016));
    assert!(sentence.starts_with("there is no such application in this tenant"), "{sentence}");
    let nowhere = provider.entra_of("nowhere.example", APPLICATION, by_secret(), &clock, Pace::default());
    let (setting, number, _) = wrong(nowhere).await;
    assert_eq!((setting, number), ("tenant_id", 90_002));
    // Each was asked for once: trying again would lock the application out.
    assert_eq!(
        provider.seen_of("client_credentials").await,
        [Some(7_000_215), Some(7_000_222), Some(700_016)]
    );
}

#[tokio::test]
async fn f3_an_application_signs_in_with_its_certificate() {
    let (provider, clock) = (Provider::with_certificates().await, clock());
    let entra = provider.entra(CERTIFIED, certificate().proof(), &clock, Pace::default());
    assert_eq!(permitted(entra.clone()).await, roles());
    // Each assertion is good once, so a second token needs a second one.
    assert_eq!(permitted(entra).await, roles());
    assert_eq!(provider.seen_of("client_credentials").await, [None, None]);
}

#[tokio::test]
async fn f5_a_certificate_that_opens_nothing_says_why() {
    let (provider, clock) = (Provider::with_certificates().await, clock());
    let of = |proof| provider.entra(CERTIFIED, proof, &clock, Pace::default());
    let (setting, number, sentence) = wrong(of(expired_certificate().proof())).await;
    assert_eq!((setting, number), ("certificate", 1_000_502));
    assert!(sentence.starts_with("the certificate is expired or not valid yet"), "{sentence}");
    let (setting, number, sentence) = wrong(of(foreign_certificate().proof())).await;
    assert_eq!((setting, number), ("certificate", 700_027));
    assert!(sentence.starts_with("Entra can't verify the certificate's signature"), "{sentence}");
    // A clock that is an hour behind signs what has expired already.
    later(&clock, -60);
    let (setting, number, sentence) = wrong(of(certificate().proof())).await;
    assert_eq!((setting, number), ("certificate", 700_024));
    assert!(sentence.ends_with("set this host's clock right"), "{sentence}");
}

/// Asks for consent, and reads what the browser comes back with.
async fn consented(entra: &Entra, account: &str, says: Says) -> Result<(), TokenError> {
    let (consent, url) = AdminConsent::begin(entra, REDIRECT).unwrap();
    let back = Browser::of(account, says).come_back(&url).await;
    consent.finish(entra, &back)
}

#[tokio::test]
async fn f2_an_application_may_what_an_administrator_consents_to() {
    let (provider, clock) = (Provider::with_certificates().await, clock());
    let entra = provider.entra(NEW, certificate().proof(), &clock, Pace::default());
    assert_eq!(permitted(entra.clone()).await, BTreeSet::new());

    let declined = consented(&entra, "ann@contoso.example", Says::Cancel).await.unwrap_err().to_string();
    assert!(declined.starts_with("consent was declined; sign in again and accept"), "{declined}");
    let no_administrator =
        consented(&entra, "bob@contoso.example", Says::Accept).await.unwrap_err().to_string();
    assert!(
        no_administrator.starts_with("the permissions need an administrator's consent"),
        "{no_administrator}"
    );
    assert_eq!(permitted(entra.clone()).await, BTreeSet::new());

    consented(&entra, "ann@contoso.example", Says::Accept).await.unwrap();
    assert_eq!(permitted(entra).await, roles());
}

#[tokio::test]
async fn f4_consent_counts_for_who_asked_for_it() {
    let (provider, clock) = (Provider::start().await, clock());
    let entra = provider.application(&clock);
    let (first, url) = AdminConsent::begin(&entra, REDIRECT).unwrap();
    let back = Browser::of("ann@contoso.example", Says::Accept).come_back(&url).await;
    // Somebody sends the operator's browser what came to another one.
    let (second, _) = AdminConsent::begin(&entra, REDIRECT).unwrap();
    let foreign = second.finish(&entra, &back).unwrap_err().to_string();
    assert_eq!(foreign, "what the browser came back with doesn't belong to this sign-in; begin it again");
    // Consent of another tenant is none of this one's.
    let elsewhere = back.replace(TENANT, ELSEWHERE);
    let (third, url) = AdminConsent::begin(&entra, REDIRECT).unwrap();
    let elsewhere = with_state(&elsewhere, &url);
    let elsewhere = third.finish(&entra, &elsewhere).unwrap_err().to_string();
    assert!(elsewhere.starts_with("consent was given in another tenant"), "{elsewhere}");
    first.finish(&entra, &back).unwrap();
}

/// What a browser came back with, as if it had been begun with this address.
fn with_state(query: &str, begun: &Url) -> String {
    let state = begun.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let pairs =
        pairs.map(|(name, value)| if name == "state" { (name, state.clone()) } else { (name, value) });
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
