//! Pages, their links, and what Graph refuses.

use super::*;

#[tokio::test]
async fn a_page_comes_unchanged_with_its_link() {
    let server = Server::answering(|_, seen: Seen| async move {
        let next = format!("http://{}/v1.0/users/delta?$deltatoken=later", seen.header("host"));
        Reply::ok(format!("{{ \"value\" : [ ] ,\n\"@odata.deltaLink\":\"{next}\" }}"))
    })
    .await;
    let set = set(server).await;
    let page = set.graph.page(first("/users/delta?$select=id,displayName")).await.unwrap();
    assert!(page.body.starts_with("{ \"value\" : [ ] ,\n"));
    assert_eq!(page.link, Link::Delta("/users/delta?$deltatoken=later".into()));
    let seen = &set.server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("GET", "/v1.0/users/delta?$select=id,displayName")
    );
    assert_eq!(seen.header("authorization"), "Bearer token-1");
    assert_eq!(seen.header("user-agent"), concat!("usher/", env!("CARGO_PKG_VERSION")));
    assert_eq!(seen.header("client-request-id").len(), 36);
    assert_eq!(seen.header("consistencylevel"), "");
    assert!(seen.header("accept-encoding").contains("gzip"));
}

#[tokio::test]
async fn the_samples_of_microsofts_pages_are_understood() {
    for (body, status, code) in [
        (
            r#"{"error":{"code":"syncStateNotFound","message":"The sync state generation is not found.","innerError":{}}}"#,
            400,
            "syncStateNotFound",
        ),
        (
            r#"{"error":{"code":"SyncStateNotFound","message":"generation=149;[highest=157]","innerError":{"request-id":"1137f277"}}}"#,
            410,
            "SyncStateNotFound",
        ),
        (
            r#"{"error":{"code":"Request_ResourceNotFound","message":"Resource does not exist."}}"#,
            404,
            "Request_ResourceNotFound",
        ),
    ] {
        let set = set(Server::script([Reply::new(status, body).with("request-id", "r-2")]).await).await;
        let Err(Failure::Refused(refusal)) = set.graph.page(first("/users/delta")).await else { panic!() };
        assert_eq!((refusal.status, refusal.code.as_str()), (status, code));
        assert_eq!(refusal.request_id.as_deref(), Some("r-2"));
        assert_eq!(set.server.count(), 1, "a refusal isn't tried again");
    }
    let gone =
        Reply::new(410, "").with("Location", "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=");
    let set = set(Server::script([gone]).await).await;
    let refused = Refusal { status: 410, code: String::new(), message: String::new(), request_id: None };
    assert_eq!(set.graph.page(first("/users/delta")).await, Err(Failure::Refused(refused)));
}

#[tokio::test]
async fn a_chain_with_an_eventual_beginning_stays_so() {
    let server = Server::answering(|number, seen: Seen| async move {
        let next = format!("http://{}/v1.0/users?$skiptoken={number}", seen.header("host"));
        Reply::ok(if number < 2 { json!({ "@odata.nextLink": next }) } else { json!({}) }.to_string())
    })
    .await;
    let set = set(server).await;
    let begin = Place::First(Request { path: "/users?$count=true".into(), eventual: true });
    let mut page = set.graph.page(begin).await.unwrap();
    while let Link::Next(link) = page.link {
        // In another instance of another run.
        page = graph(&set.server, GraphOptions::default()).page(Place::At(link)).await.unwrap();
    }
    let seen = set.server.seen();
    assert!(seen.len() >= 3 && seen.iter().all(|seen| seen.header("consistencylevel") == "eventual"));
}

#[tokio::test]
async fn what_isnt_granted_is_never_sent() {
    let set = set(Server::script([Reply::ok("{}")]).await).await;
    for path in [
        "/me",
        "/users/delta()",
        "/users/1-2%2fmessages",
        "https://evil.example/v1.0/users",
        "//evil.example/users",
        "/../beta/users",
    ] {
        for at in [first(path), Place::At(path.to_owned())] {
            let failure = set.graph.page(at).await.unwrap_err();
            assert!(matches!(fault(failure), Fault::Bug(why) if why.starts_with("asked Graph for `")));
        }
        let fault = set.graph.batch(requests(["/users".to_owned(), path.to_owned()])).await.unwrap_err();
        assert!(matches!(fault, Fault::Bug(_)));
    }
    assert_eq!(set.server.count(), 0);
}

#[tokio::test]
async fn foreign_links_are_the_sources_fault() {
    for link in ["https://evil.example/v1.0/users", "https://graph.microsoft.com/v1.0/users", "/v1.0/users"] {
        let body = json!({ "value": [], "@odata.nextLink": link }).to_string();
        let set = set(Server::script([Reply::ok(body).with("request-id", "r-3")]).await).await;
        let Fault::Source(why) = fault(set.graph.page(first("/users")).await.unwrap_err()) else { panic!() };
        assert!(why.contains("answers with a link") && why.ends_with("(request-id r-3)"), "{why}");
        assert_eq!(set.server.count(), 1);
    }
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let elsewhere = Server::script([Reply::ok("{}")]).await;
    let there = format!("{}/v1.0/users", elsewhere.address());
    for status in [301, 302, 303, 307, 308] {
        let set = set(Server::script([Reply::new(status, "").with("Location", &there)]).await).await;
        let Fault::Source(why) = fault(set.graph.page(first("/users")).await.unwrap_err()) else { panic!() };
        assert!(
            why.contains(&format!("sends the request somewhere else ({status}), which is never followed"))
        );
        assert_eq!(set.server.count(), 1);
    }
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn the_missing_permission_is_named() {
    let reply = Reply::new(403, error("Authorization_RequestDenied"));
    let set = set(Server::script([reply]).await).await;
    let Fault::Permission(why) = fault(set.graph.page(first("/groups/1-2/members")).await.unwrap_err())
    else {
        panic!()
    };
    let why = why.replace(&set.server.address()["http://".len()..], "HOST");
    assert_eq!(
        why,
        "HOST refuses with 403 Authorization_RequestDenied: Said so. (request-id r-1); the application probably lacks GroupMember.Read.All or Group.Read.All"
    );
    assert_eq!(set.server.count(), 1);
}
