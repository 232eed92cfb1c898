//! Tokens of an application: proven, kept, renewed early, by one request for all who want one.

use super::*;

#[tokio::test]
async fn a_secret_goes_in_the_body_of_the_request() {
    let (server, clock) = (numbered().await, clock());
    let tokens = Tokens::new(
        entra(&server, by_secret(), &clock).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    let token = tokens.token().await.unwrap();
    assert_eq!(text(&token), "access-1");
    assert_eq!(token.expires() - clock.now(), jiff::Span::new().seconds(3600).fieldwise());
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/contoso.example/oauth2/v2.0/token"));
    let field = |name| seen.field(name).unwrap_or_default();
    assert_eq!(field("grant_type"), "client_credentials");
    assert_eq!(field("client_id"), "app-1");
    assert_eq!(field("client_secret"), SECRET);
    assert_eq!(field("scope"), "https://graph.microsoft.com/.default");
    assert_eq!(seen.header("authorization"), "");
}

#[tokio::test]
async fn a_certificate_signs_an_assertion_for_each_request() {
    let (server, clock) = (Server::script([Reply::new(503, ""), given(1)]).await, clock());
    let (pem, key) = crate::oauth::certificate::samples::rsa();
    let certificate = Certificate::from_pem(&Secret::new(format!("{pem}{key}"))).unwrap();
    let tokens = Tokens::new(
        entra(&server, Proof::Certificate(certificate), &clock).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    tokens.token().await.unwrap();
    let seen = server.seen();
    assert_eq!(
        seen[0].field("client_assertion_type").unwrap(),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!(seen[0].field("client_secret"), None);
    assert_eq!(seen[0].field("client_id").unwrap(), "app-1");
    let [first, second] = [&seen[0], &seen[1]].map(|seen| seen.field("client_assertion").unwrap());
    assert_eq!(first.split('.').count(), 3);
    assert_ne!(first, second, "an assertion is used once");
}

#[tokio::test]
async fn a_token_is_kept_and_renewed_five_minutes_early() {
    let (server, clock, store) = (numbered().await, clock(), Arc::new(MemoryStore::default()));
    let tokens =
        || Tokens::new(entra(&server, by_secret(), &clock).0, Permission::Application, store.clone());
    let first = tokens();
    assert_eq!(text(&first.token().await.unwrap()), "access-1");
    later(&clock, 54);
    assert_eq!(text(&first.token().await.unwrap()), "access-1");
    assert_eq!(text(&tokens().token().await.unwrap()), "access-1", "another process has it from the store");
    later(&clock, 1);
    assert_eq!(text(&first.token().await.unwrap()), "access-2");
    assert_eq!(text(&tokens().token().await.unwrap()), "access-2");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_short_token_is_renewed_at_half_of_its_life() {
    let short =
        || Reply::ok(json!({ "token_type": "Bearer", "expires_in": 120, "access_token": "a" }).to_string());
    let (server, clock) = (Server::script([short()]).await, clock());
    let tokens = Tokens::new(
        entra(&server, by_secret(), &clock).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    tokens.token().await.unwrap();
    clock.set(clock.now() + SignedDuration::from_secs(59));
    tokens.token().await.unwrap();
    assert_eq!(server.count(), 1);
    clock.set(clock.now() + SignedDuration::from_secs(1));
    tokens.token().await.unwrap();
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_refused_token_is_never_given_again() {
    let (server, clock, store) = (numbered().await, clock(), Arc::new(MemoryStore::default()));
    let tokens = Tokens::new(entra(&server, by_secret(), &clock).0, Permission::Application, store);
    let first = tokens.token().await.unwrap();
    tokens.refused(&first).await;
    let second = tokens.token().await.unwrap();
    assert_eq!(text(&second), "access-2", "although the store still has the first");
    // Somebody who had the first one comes late.
    tokens.refused(&first).await;
    assert_eq!(text(&tokens.token().await.unwrap()), "access-2");
}

#[tokio::test]
async fn tokens_of_other_settings_count_for_nothing() {
    let (server, clock, store) = (numbered().await, clock(), Arc::new(MemoryStore::default()));
    let tokens = |client: &str| {
        let cloud = Cloud::custom("https://graph.microsoft.com", server.address()).unwrap();
        let registration = Registration::new(cloud, "contoso.example", client).unwrap();
        let entra = Entra::new(registration, by_secret(), clock.clone(), still().0).unwrap();
        Tokens::new(entra, Permission::Application, store.clone())
    };
    tokens("app-1").token().await.unwrap();
    assert_eq!(text(&tokens("app-2").token().await.unwrap()), "access-2");
}

#[tokio::test]
async fn many_who_want_a_token_make_one_request() {
    let (server, clock) = (numbered().await, clock());
    let tokens = Tokens::new(
        entra(&server, by_secret(), &clock).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    let all = (0..64).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { tokens.token().await.unwrap() })
    });
    for task in all.collect::<Vec<_>>() {
        assert_eq!(text(&task.await.unwrap()), "access-1");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn many_who_want_a_token_share_its_failure() {
    let server = Server::script([refusal("invalid_client", 7_000_222, "expired")]).await;
    let tokens = Tokens::new(
        entra(&server, by_secret(), &clock()).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    let got = futures_util::future::join_all((0..64).map(|_| tokens.token())).await;
    assert!(got.iter().all(|got| matches!(got, Err(TokenError::Setting { setting: "client_secret", .. }))));
    assert_eq!(server.count(), 1);
    // Who comes later asks anew.
    assert!(tokens.token().await.is_err());
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_store_that_fails_costs_a_request_and_no_more() {
    let (server, clock) = (numbered().await, clock());
    let tokens = Tokens::new(
        entra(&server, by_secret(), &clock).0,
        Permission::Application,
        Arc::new(super::delegated::Failing),
    );
    assert_eq!(text(&tokens.token().await.unwrap()), "access-1");
    assert_eq!(text(&tokens.token().await.unwrap()), "access-1");
}

#[tokio::test]
async fn while_entra_is_away_the_old_token_is_used_to_its_end() {
    let server = Server::script([given(1), Reply::new(503, "")]).await;
    let clock = clock();
    let tokens = Tokens::new(
        entra(&server, by_secret(), &clock).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    tokens.token().await.unwrap();
    later(&clock, 57);
    assert_eq!(text(&tokens.token().await.unwrap()), "access-1");
    later(&clock, 3);
    assert!(matches!(tokens.token().await, Err(TokenError::Busy { .. })));
}
