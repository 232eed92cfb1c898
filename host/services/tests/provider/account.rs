//! Somebody signs in: at a browser, from a terminal, with the wrong account, or not after all.

use crate::browser::{Browser, End, Says};
use crate::pauses::Held;
use crate::provider::*;
use crate::renewal::keep;
use std::sync::Arc;
use usher_services::oauth::{
    CodeSignIn, DeviceSignIn, Entra, IdTokens, MemoryStore, Permission, Proof, SignedIn, TokenError,
    TokenSource, Tokens, scopes,
};
use usher_services::web::Pace;

/// Signs in at a browser.
pub async fn signed_in(entra: &Entra, account: &str, says: Says) -> Result<SignedIn, TokenError> {
    let (sign_in, url) = CodeSignIn::begin(entra, Permission::Delegated, REDIRECT).unwrap();
    let back = Browser::of(account, says).come_back(&url).await;
    sign_in.finish(entra, &IdTokens::new(entra.clone()), &back).await
}

#[tokio::test]
async fn f3_somebody_signs_in_at_a_browser() {
    let (provider, clock) = (Provider::with_certificates().await, clock());
    for entra in [
        provider.application(&clock),
        provider.entra(PUBLIC, Proof::Public, &clock, Pace::default()),
        provider.entra(CERTIFIED, certificate().proof(), &clock, Pace::default()),
        // Of a tenant that is named by its domain, tokens have the id.
        provider.entra_of(DOMAIN, APPLICATION, by_secret(), &clock, Pace::default()),
    ] {
        let signed_in = signed_in(&entra, "ann@contoso.example", Says::Accept).await.unwrap();
        assert_eq!(signed_in.identity.tenant, TENANT);
        assert_eq!(signed_in.identity.object.as_deref(), Some("oid-ann"));
        assert_eq!(signed_in.identity.name.as_deref(), Some("ann@contoso.example"));
        let needed = ["User.Read.All", "GroupMember.Read.All", "Organization.Read.All"];
        let carried = scopes::permissions(&signed_in.granted.access).unwrap();
        assert_eq!(carried, SCOPES.map(str::to_owned).into());
        assert_eq!(scopes::lacking(&carried, &needed), ["Organization.Read.All"]);
        // Kept, it is the connection's own from now on.
        let store = Arc::new(MemoryStore::default());
        let tokens = Tokens::new(entra, Permission::Delegated, store.clone());
        keep(&tokens, &store, &signed_in.granted).await;
        assert!(
            tokens.token().await.unwrap().secret().expose() == signed_in.granted.access.secret().expose()
        );
    }
    assert_eq!(provider.seen_of("authorization_code").await, [None; 4]);
}

#[tokio::test]
async fn f4_who_cancels_at_the_browser_has_signed_nobody_in() {
    let (provider, clock) = (Provider::start().await, clock());
    let entra = provider.application(&clock);
    let error = signed_in(&entra, "ann@contoso.example", Says::Cancel).await.unwrap_err();
    let TokenError::SignIn(why) = &error else { panic!("{error:?}") };
    assert_eq!(why.code, Some(65_004));
    assert!(why.sentence.starts_with("consent was declined"), "{error}");
    assert_eq!(provider.seen().await, []);
}

#[tokio::test]
async fn f4_what_comes_back_counts_once_and_for_its_own_sign_in() {
    let (provider, clock) = (Provider::start().await, clock());
    let entra = provider.application(&clock);
    let id_tokens = IdTokens::new(entra.clone());
    let (first, url) = CodeSignIn::begin(&entra, Permission::Delegated, REDIRECT).unwrap();
    let back = Browser::of("ann@contoso.example", Says::Accept).come_back(&url).await;
    // Replayed into another sign-in, and with another state.
    let (second, _) = CodeSignIn::begin(&entra, Permission::Delegated, REDIRECT).unwrap();
    let (third, _) = CodeSignIn::begin(&entra, Permission::Delegated, REDIRECT).unwrap();
    for (sign_in, back) in [(second, back.clone()), (third, back.replace("state=", "state=x"))] {
        let error = sign_in.finish(&entra, &id_tokens, &back).await.unwrap_err().to_string();
        assert_eq!(error, "what the browser came back with doesn't belong to this sign-in; begin it again");
    }
    assert_eq!(provider.seen().await, [], "nothing was redeemed for them");
    first.finish(&entra, &id_tokens, &back).await.unwrap();

    // Whoever stole the code has no verifier for it: a sign-in of their own is refused.
    let (ours, url) = CodeSignIn::begin(&entra, Permission::Delegated, REDIRECT).unwrap();
    let (theirs, their_url) = CodeSignIn::begin(&entra, Permission::Delegated, REDIRECT).unwrap();
    let back = Browser::of("ann@contoso.example", Says::Accept).come_back(&url).await;
    let state = |url: &url::Url| url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let stolen = back.replace(&state(&url), &state(&their_url));
    let error = theirs.finish(&entra, &id_tokens, &stolen).await.unwrap_err();
    let TokenError::SignIn(why) = &error else { panic!("{error:?}") };
    assert_eq!(why.code, Some(501_481), "{error}");
    ours.finish(&entra, &id_tokens, &back).await.unwrap();
}

#[tokio::test]
async fn f7_accounts_that_are_none_of_the_tenants_are_told_so() {
    let (provider, clock) = (Provider::start().await, clock());
    for entra in [
        provider.application(&clock),
        provider.entra_of(DOMAIN, APPLICATION, by_secret(), &clock, Pace::default()),
    ] {
        for (account, why) in [
            (
                "stranger@elsewhere.example",
                format!(
                    "the account is of another tenant ({ELSEWHERE}); sign in with an account of the tenant that tenant_id names"
                ),
            ),
            (
                "somebody@outlook.example",
                "this is a personal Microsoft account; sign in with a work account of the tenant".to_owned(),
            ),
        ] {
            let error = signed_in(&entra, account, Says::Accept).await.unwrap_err();
            assert!(matches!(error, TokenError::SignIn(_)), "{error:?}");
            assert_eq!(error.to_string(), why);
        }
    }
}

/// Begins at a terminal, lets the provider be asked once, and enters the code then.
async fn at_a_terminal(provider: &Provider, says: Says) -> (Result<SignedIn, TokenError>, String) {
    let (pauses, mut begun, let_go) = Held::new();
    let pace = Pace { pauses: Arc::new(pauses), ..Pace::default() };
    let entra = provider.entra(PUBLIC, Proof::Public, &clock(), pace);
    let sign_in = DeviceSignIn::begin(&entra, Permission::Delegated).await.unwrap();
    let (address, code) = (sign_in.address().parse().unwrap(), sign_in.user_code().to_owned());
    assert_eq!(sign_in.lasts().as_secs(), 900);
    let finishing = tokio::spawn(async move { sign_in.finish(&entra, &IdTokens::new(entra.clone())).await });
    begun.recv().await.unwrap();
    let_go.send(()).unwrap();
    // The second pause: nobody had entered anything yet.
    begun.recv().await.unwrap();
    let End::Page(shown) = Browser::of("bob@contoso.example", says).with_code(&code).visit(&address).await
    else {
        panic!("a device has nowhere to go back to");
    };
    let_go.send(()).unwrap();
    (finishing.await.unwrap(), shown)
}

#[tokio::test]
async fn f3_somebody_signs_in_from_a_terminal() {
    let provider = Provider::start().await;
    let (signed_in, _) = at_a_terminal(&provider, Says::Accept).await;
    let signed_in = signed_in.unwrap();
    assert_eq!(signed_in.identity.name.as_deref(), Some("bob@contoso.example"));
    assert!(signed_in.granted.refresh.is_some());
    let polls = provider.seen_of("urn:ietf:params:oauth:grant-type:device_code").await;
    assert_eq!(polls, [Some(70_016), None]);
}

#[tokio::test]
async fn f4_who_declines_at_the_terminals_page_has_signed_nobody_in() {
    let provider = Provider::start().await;
    let (declined, _) = at_a_terminal(&provider, Says::Cancel).await;
    assert_eq!(declined.unwrap_err().to_string(), "the sign-in was declined; sign in again and accept");
    let polls = provider.seen_of("urn:ietf:params:oauth:grant-type:device_code").await;
    assert_eq!(polls, [Some(70_016), Some(70_018)]);
}
