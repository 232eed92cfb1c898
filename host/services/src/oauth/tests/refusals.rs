//! What Entra's no becomes, and what no text may have in it.

use super::*;

async fn refused(reply: Reply, proof: Proof) -> TokenError {
    let server = Server::script([reply]).await;
    let tokens = Tokens::new(
        entra(&server, proof, &clock()).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    let error = tokens.token().await.unwrap_err();
    assert_eq!(server.count(), 1, "{error}");
    error
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_keeps_entras_ids() {
    let said = |error: &TokenError| (error.to_string(), error.is_passing());
    let secret =
        refused(refusal("invalid_client", 7_000_215, "Invalid client secret provided."), by_secret()).await;
    assert_eq!(
        said(&secret),
        (
            "client_secret: the client secret is not one of the application's; enter the secret's value, not its id, or make a new one under \
             Certificates & secrets (AADSTS7000215, correlation id c-1, trace id t-1)"
                .to_owned(),
            false
        )
    );
    let consent = refused(refusal("invalid_grant", 65_001, "DelegationDoesNotExist"), by_secret()).await;
    assert_eq!(
        consent.to_string(),
        "nobody has consented to the application's permissions; have an administrator grant consent (AADSTS65001, correlation id c-1, trace id t-1)"
    );
    assert!(matches!(consent, TokenError::SignIn(_)));
    let tenant = refused(refusal("invalid_request", 90_002, "Tenant not found"), by_secret()).await;
    assert!(matches!(tenant, TokenError::Setting { setting: "tenant_id", .. }));
    let looping = refused(refusal("invalid_request", 50_196, "LoopDetected"), by_secret()).await;
    assert!(looping.is_passing());
}

#[tokio::test]
async fn an_unknown_number_goes_by_oauths_word_and_hides_what_was_sent() {
    let echo = format!("No, `{SECRET}` is wrong.\u{1b}[31m");
    let error = refused(refusal("invalid_client", 1, &echo), by_secret()).await;
    assert_eq!(
        error.to_string(),
        r"client_secret: Entra doesn't take what proves the application: AADSTS1: No, `…` is wrong.\u{1b}[31m (AADSTS1, correlation id c-1, trace id t-1)"
    );
    let bare = refused(Reply::new(400, r#"{"error":"invalid_grant"}"#), by_secret()).await;
    assert_eq!(bare.to_string(), "the sign-in has expired or was revoked; sign in again");
}

#[tokio::test]
async fn what_is_no_token_endpoint_is_told_without_its_body() {
    let away = |path: &str| Reply::new(302, "").with("Location", path);
    let error = refused(away("https://evil.example/"), by_secret()).await;
    assert!(error.to_string().contains("sends the sign-in somewhere else, which is never followed"));
    // Tried again, since it may be a proxy that has trouble.
    for body in [
        "<html>hush</html>",
        "{\"access_token\":\"hush\"",
        "{\"access_token\":7,\"token_type\":\"hush\"}",
        "",
    ] {
        let server = Server::script([Reply::ok(body)]).await;
        let (entra, pauses) = entra(&server, by_secret(), &clock());
        let tokens = Tokens::new(entra, Permission::Application, Arc::new(MemoryStore::default()));
        let error = tokens.token().await.unwrap_err();
        assert!(
            matches!(&error, TokenError::Network(why) if why.ends_with("answers with something that is no token")),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("hush"));
        assert_eq!(pauses.made().len(), 4);
    }
}

#[tokio::test]
async fn who_is_busy_is_asked_again_at_the_time_he_says() {
    let server = Server::script([Reply::new(429, "").with("Retry-After", "9"), given(1)]).await;
    let (entra, pauses) = entra(&server, by_secret(), &clock());
    Tokens::new(entra, Permission::Application, Arc::new(MemoryStore::default())).token().await.unwrap();
    assert_eq!(pauses.made(), [Duration::from_secs(9)]);
    let server = Server::script([Reply::new(503, "").with("Retry-After", "300")]).await;
    let tokens = Tokens::new(
        super::entra(&server, by_secret(), &clock()).0,
        Permission::Application,
        Arc::new(MemoryStore::default()),
    );
    let error = tokens.token().await.unwrap_err();
    let fault = usher_runtime::contract::model::Fault::from(error);
    assert_eq!(fault, usher_runtime::contract::model::Fault::Throttled(Some(300)));
}

#[tokio::test]
async fn nothing_that_is_printed_has_a_secret_in_it() {
    let (pem, key) = crate::oauth::certificate::samples::rsa();
    let certificate = Certificate::from_pem(&Secret::new(format!("{pem}{key}"))).unwrap();
    let (server, clock, store) = (numbered().await, clock(), Arc::new(MemoryStore::default()));
    let tokens = Tokens::new(entra(&server, by_secret(), &clock).0, Permission::Application, store.clone());
    let token = tokens.token().await.unwrap();
    let printed =
        format!("{tokens:?} {token:?} {store:?} {:?} {:?}", by_secret(), Proof::Certificate(certificate));
    for secret in [SECRET, "access-1", "PRIVATE KEY"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn a_token_error_becomes_the_fault_that_says_who_must_act() {
    use usher_runtime::contract::model::{Fault, Problem};
    let why = Refusal { code: Some(7_000_222), ..Refusal::plain("expired") };
    let credential = TokenError::Setting { setting: "client_secret", why };
    assert_eq!(Fault::from(credential), Fault::Auth("client_secret: expired (AADSTS7000222)".into()));
    let setting = TokenError::setting("tenant_id", "there is none");
    let problem = Problem { place: "tenant_id".into(), why: "there is none".into() };
    assert_eq!(Fault::from(setting), Fault::Settings(problem));
    assert_eq!(Fault::from(TokenError::sign_in("again")), Fault::Auth("again".into()));
    let busy = TokenError::Busy { why: Refusal::plain("busy"), after: Some(Duration::from_millis(1_001)) };
    assert_eq!(Fault::from(busy), Fault::Throttled(Some(2)));
}

#[tokio::test]
async fn what_passes_is_tried_again_whatever_its_status_is() {
    let unavailable = json!({ "error": "temporarily_unavailable", "error_description": "AADSTS90033: x", "error_codes": [90033] });
    for status in [400, 503] {
        let server = Server::script([Reply::new(status, unavailable.to_string()), given(1)]).await;
        let (entra, pauses) = entra(&server, by_secret(), &clock());
        let tokens = Tokens::new(entra, Permission::Application, Arc::new(MemoryStore::default()));
        tokens.token().await.unwrap();
        assert_eq!(pauses.made(), [Duration::from_secs(1)]);

        let server = Server::script([Reply::new(status, unavailable.to_string())]).await;
        let tokens = Tokens::new(
            super::entra(&server, by_secret(), &clock()).0,
            Permission::Application,
            Arc::new(MemoryStore::default()),
        );
        assert_eq!(
            tokens.token().await.unwrap_err().to_string(),
            "Entra can't answer at the moment (AADSTS90033)"
        );
        assert_eq!(server.count(), 5);
    }
}
