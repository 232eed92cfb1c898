//! What becomes of a token that Graph refuses.

use super::*;

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = Server::answering(|_, seen: Seen| async move {
        match seen.header("authorization") {
            "Bearer token-1" => Reply::new(401, error("InvalidAuthenticationToken")),
            _ => Reply::ok("{}"),
        }
    })
    .await;
    let set = set(server).await;
    set.graph.page(first("/users")).await.unwrap();
    assert_eq!(set.server.count(), 2);
    assert!(set.pauses.made().is_empty());
}

#[tokio::test]
async fn a_token_that_stays_refused_wants_a_sign_in() {
    let set = set(Server::script([Reply::new(401, error("InvalidAuthenticationToken"))]).await).await;
    let Fault::Auth(why) = fault(set.graph.page(first("/users")).await.unwrap_err()) else { panic!() };
    assert!(
        why.ends_with(
            "refuses the connection's token with 401 InvalidAuthenticationToken: Said so. (request-id r-1)"
        ),
        "{why}"
    );
    assert!(!why.contains("token-"));
    assert_eq!(set.server.count(), 2);
}

#[tokio::test]
async fn no_token_no_request() {
    #[derive(Debug)]
    struct None;
    impl TokenSource for None {
        fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
            Box::pin(async { Err(TokenError::sign_in("sign in again")) })
        }
        fn refused<'a>(&'a self, _: &'a AccessToken) -> BoxFuture<'a, ()> {
            Box::pin(async {})
        }
    }
    let server = Server::script([Reply::ok("{}")]).await;
    let graph = graph_with(server.address(), GraphOptions::default(), Arc::new(None));
    assert_eq!(fault(graph.page(first("/users")).await.unwrap_err()), Fault::Auth("sign in again".into()));
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn nothing_that_is_printed_has_the_token_in_it() {
    let set = set(Server::script([Reply::ok("{}")]).await).await;
    set.graph.page(first("/users")).await.unwrap();
    assert!(!format!("{:?}", set.graph).contains("token-1"));
}
