//! Faults, throttling and what every answer carries.

use crate::client::Client;
use serde_json::Value;
use std::io::ErrorKind;
use std::time::Duration;
use usher_demo::{Budget, Fault, RetryAfter, Rule, Size, Tenant};

#[tokio::test]
async fn every_answer_says_what_it_is() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let reply = client.get("/v1.0/users").await;
    assert_eq!(reply.headers["x-usher-simulated"], "true");
    assert_eq!(reply.headers["date"], "Mon, 05 Jan 2026 08:00:00 GMT");
    assert_eq!(reply.headers["client-request-id"], reply.headers["request-id"]);
    assert!(reply.headers["content-type"].starts_with("application/json;odata.metadata=minimal"));
    client = client.with("client-request-id", "mine-1");
    let reply = client.get("/v1.0/users/nobody@acme.example").await;
    assert_eq!(reply.headers["client-request-id"], "mine-1");
    let inner = reply.json()["error"]["innerError"].clone();
    assert_eq!(
        (&inner["date"], &inner["client-request-id"]),
        (&Value::from("2026-01-05T08:00:00"), &Value::from("mine-1"))
    );
    assert_eq!(inner["request-id"], reply.headers["request-id"]);
    let logged: Vec<_> =
        tenant.requests().into_iter().map(|logged| (logged.number, logged.path, logged.status)).collect();
    assert_eq!(
        logged,
        [(1, "/v1.0/users".to_owned(), 200), (2, "/v1.0/users/nobody@acme.example".to_owned(), 404)]
    );
    tenant.clear_requests();
    assert!(tenant.requests().is_empty());
}

#[tokio::test]
async fn links_lead_to_where_the_client_came_from() {
    let mut client = Client::of(&Tenant::t1()).await.with("x-forwarded-proto", "https");
    let page = client.json("/v1.0/users?$top=1").await;
    let host = client.server.url().replace("http://", "https://");
    assert!(page["@odata.nextLink"].as_str().unwrap().starts_with(&host));
}

#[tokio::test]
async fn statuses_are_struck_once_several_times_or_for_ever() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let status = |code, retry_after: Option<&str>| Fault::Status {
        code,
        error: "serviceNotAvailable".to_owned(),
        retry_after: retry_after.map(str::to_owned),
    };
    tenant.add_fault(Rule::nth(2, status(503, Some("0.5"))));
    tenant.add_fault(Rule::nth_with(1, "$top=3", status(504, None)).times(2));
    tenant.add_fault(Rule::nth_with(2, "/domains", status(500, None)).for_ever());
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    let reply = client.get("/v1.0/users").await;
    assert_eq!(
        (reply.error(), reply.headers["retry-after"].as_str()),
        ((503, "serviceNotAvailable".to_owned()), "0.5")
    );
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    let mut statuses = Vec::new();
    for target in ["users?%24top=3", "users?$top=3", "users?$top=3", "domains", "domains", "domains", "users"]
    {
        statuses.push(client.get(&format!("/v1.0/{target}")).await.status);
    }
    assert_eq!(statuses, [504, 504, 200, 200, 500, 500, 200]);
    tenant.clear_faults();
    assert_eq!(client.get("/v1.0/domains").await.status, 200);
}

#[tokio::test]
async fn connections_break_where_they_are_told_to() {
    let tenant = Tenant::generated(Size { users: 900, ..Size::default() }, 1);
    let mut client = Client::of(&tenant).await;
    let whole = client.get("/v1.0/users?$top=900").await.body.len();
    for bytes in [0, 1, 1_000, whole - 1, whole] {
        tenant.add_fault(Rule::nth(1, Fault::CutBody(bytes)));
        let error = client.send("GET", "/v1.0/users?$top=900", "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        if bytes > 0 {
            assert_eq!(error.to_string(), format!("{bytes} of {} bytes", whole.max(bytes + 1)));
        }
        tenant.clear_faults();
    }
    tenant.add_fault(Rule::nth(1, Fault::Drop));
    let error = client.send("GET", "/v1.0/users", "").await.unwrap_err();
    assert!([ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()), "{error}");
    assert_eq!(tenant.requests().last().unwrap().status, 0);
    assert_eq!(client.get("/v1.0/users").await.status, 200);
}

#[tokio::test]
async fn wrong_answers_of_every_kind() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    tenant.add_fault(Rule::nth(1, Fault::WrongJson));
    let reply = client.get("/v1.0/users").await;
    assert_eq!((reply.status, serde_json::from_slice::<Value>(&reply.body).is_err()), (200, true));
    tenant.add_fault(Rule::nth(1, Fault::WrongShape));
    assert!(!client.json("/v1.0/users").await["value"].is_array());
    tenant.add_fault(Rule::nth(1, Fault::ForeignLink("https://graph.elsewhere.example".to_owned())));
    let page = client.json("/v1.0/users/delta").await;
    assert!(
        page["@odata.deltaLink"]
            .as_str()
            .unwrap()
            .starts_with("https://graph.elsewhere.example/v1.0/users/delta?")
    );
    tenant.add_fault(Rule::nth(1, Fault::Redirect("https://graph.elsewhere.example/".to_owned())));
    let reply = client.get("/v1.0/users").await;
    assert_eq!((reply.status, reply.headers["location"].as_str()), (302, "https://graph.elsewhere.example/"));
    for bytes in [25, 1_000_000] {
        tenant.add_fault(Rule::nth(1, Fault::Huge(bytes)));
        let reply = client.get("/v1.0/users").await;
        assert_eq!(
            (reply.status, reply.body.len() as u64, reply.json()["value"].is_array()),
            (200, bytes, true)
        );
    }
    tenant.add_fault(Rule::nth(1, Fault::Slow(Duration::from_millis(1))));
    assert_eq!(client.get("/v1.0/users").await.status, 200);
}

#[tokio::test]
async fn a_budget_throttles_until_its_window_ends() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let budget = |retry_after| Some(Budget { requests: 1, window: Duration::from_secs(10), retry_after });
    tenant.set_budget(budget(RetryAfter::Remaining));
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    tenant.advance(Duration::from_millis(2_500));
    let reply = client.get("/v1.0/users").await;
    assert_eq!(
        (reply.error(), reply.headers["retry-after"].as_str()),
        ((429, "TooManyRequests".to_owned()), "8")
    );
    assert_eq!(reply.json()["error"]["innerError"]["code"], "429");
    tenant.advance(Duration::from_millis(7_500));
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    tenant.set_budget(budget(RetryAfter::Missing));
    client.get("/v1.0/users").await;
    assert!(!client.get("/v1.0/users").await.headers.contains_key("retry-after"));
    tenant.set_budget(None);
    assert_eq!(client.get("/v1.0/users").await.status, 200);
}

#[tokio::test]
async fn a_stopped_server_takes_no_more() {
    let tenant = Tenant::t1();
    let other = tenant.serve_at("127.0.0.1:0").await.unwrap();
    let mut client = Client::of(&tenant).await;
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    let address = other.url().replace("http://", "");
    other.stop().await;
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    client.server.stop().await;
}
