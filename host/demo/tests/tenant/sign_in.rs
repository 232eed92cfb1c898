//! The token endpoint.

use crate::client::{Client, Reply};
use jiff::SignedDuration;
use std::time::Duration;
use usher_demo::Tenant;

async fn token(client: &mut Client, of: &str, form: &str) -> Reply {
    client.send("POST", &format!("/{of}/oauth2/v2.0/token"), form).await.unwrap()
}

const SCOPE: &str = "scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&grant_type=client_credentials";

#[tokio::test]
async fn an_application_signs_in_with_its_secret() {
    let tenant = Tenant::t1();
    let app = tenant.register_application("Usher");
    let secret = tenant.add_secret(app, SignedDuration::from_hours(24)).unwrap();
    tenant.grant(app, "User.Read.All").unwrap();
    let mut client = Client::of(&tenant).await;
    client.headers.clear();
    let (id, form) = (tenant.id().to_string(), format!("client_id={app}&client_secret={secret}&{SCOPE}"));
    let reply = token(&mut client, &id, &form).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let issued = reply.json();
    assert_eq!((&issued["token_type"], &issued["expires_in"]), (&"Bearer".into(), &3_599.into()));
    client = client.with_token(issued["access_token"].as_str().unwrap());
    assert_eq!(client.get("/v1.0/users").await.status, 200);
    assert_eq!(client.get("/v1.0/groups").await.status, 403);
    tenant.grant(app, "Group.Read.All").unwrap();
    assert_eq!(client.get("/v1.0/groups").await.status, 403, "a token keeps what it was issued with");
    let issued = token(&mut client, "ACME.example", &form).await.json();
    client = client.with_token(issued["access_token"].as_str().unwrap());
    assert_eq!(client.get("/v1.0/groups").await.status, 200);
    tenant.advance(Duration::from_secs(3_599));
    assert_eq!(client.get("/v1.0/users").await.status, 401);
}

#[tokio::test]
async fn basic_authentication_will_do() {
    use base64::Engine;
    let tenant = Tenant::t1();
    let app = tenant.register_application("Usher");
    let secret = tenant.add_secret(app, SignedDuration::from_hours(24)).unwrap();
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{app}:{secret}"));
    let mut client = Client::of(&tenant).await;
    client.headers.clear();
    client = client.with("authorization", &format!("Basic {basic}"));
    assert_eq!(token(&mut client, &tenant.id().to_string(), SCOPE).await.status, 200);
}

#[tokio::test]
async fn refusals_have_their_numbers() {
    let tenant = Tenant::t1();
    let app = tenant.register_application("Usher");
    let secret = tenant.add_secret(app, SignedDuration::from_hours(24)).unwrap();
    let old = tenant.add_secret(app, SignedDuration::from_hours(24)).unwrap();
    tenant.expire_secret(app, &old).unwrap();
    let mut client = Client::of(&tenant).await;
    client.headers.clear();
    let id = tenant.id().to_string();
    for (of, form, status, error, number) in [
        (
            id.as_str(),
            format!("client_id={app}&client_secret=guess&{SCOPE}"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (&id, format!("client_id={app}&client_secret={old}&{SCOPE}"), 401, "invalid_client", 7_000_222),
        (&id, format!("client_id={id}&client_secret={secret}&{SCOPE}"), 400, "unauthorized_client", 700_016),
        (
            &app.to_string(),
            format!("client_id={app}&client_secret={secret}&{SCOPE}"),
            400,
            "invalid_request",
            90_002,
        ),
        (&id, format!("client_id={app}&client_assertion=a.b.c&{SCOPE}"), 401, "invalid_client", 700_027),
        (&id, format!("client_id={app}&{SCOPE}"), 401, "invalid_client", 7_000_218),
        (&id, format!("client_secret={secret}&{SCOPE}"), 400, "invalid_request", 900_144),
        (
            &id,
            format!("client_id={app}&client_secret={secret}&grant_type=client_credentials&scope=User.Read"),
            400,
            "invalid_scope",
            1_002_012,
        ),
        (&id, format!("client_id={app}&grant_type=password"), 400, "unsupported_grant_type", 70_003),
    ] {
        let reply = token(&mut client, of, &form).await;
        let body = reply.json();
        assert_eq!((reply.status, body["error"].as_str().unwrap()), (status, error), "{form}");
        assert_eq!(body["error_codes"][0], number);
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        assert!(
            body["timestamp"] == "2026-01-05 08:00:00Z"
                && body["trace_id"].is_string()
                && body["correlation_id"].is_string()
        );
        assert!(!description.contains(&secret) && !description.contains("guess"));
    }
}

#[tokio::test]
async fn the_configuration_leads_to_the_token_endpoint() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let found = client.json(&format!("/{}/v2.0/.well-known/openid-configuration", tenant.id())).await;
    assert_eq!(found["issuer"], format!("{}/{}/v2.0", client.server.url(), tenant.id()));
    let endpoint = found["token_endpoint"].as_str().unwrap().to_owned();
    assert_eq!(
        client.send("POST", &endpoint, "grant_type=none").await.unwrap().json()["error"],
        "unsupported_grant_type"
    );
    assert_eq!(client.get("/elsewhere").await.status, 404);
}
