//! The answers that Microsoft's pages show, as shapes: the same keys, and the same kinds of values behind them, come from the tenant in
//! the situation that the page is about. Pages shorten what they show; what the tenant says beyond that stands here too.

use crate::client::{Client, Reply};
use serde_json::{Value, json};
use std::time::Duration;
use usher_demo::{ExpiredToken, Fault, Identity, Pages, Rule, Tenant, Unruly};

/// Keys as they are, kinds in place of values, each shape once in a list.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("truth"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
        Value::Array(elements) => {
            let mut shapes: Vec<Value> = Vec::new();
            for shape in elements.iter().map(shape) {
                if !shapes.contains(&shape) {
                    shapes.push(shape);
                }
            }
            shapes.into()
        }
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
    }
}

/// What stands behind `$metadata`.
fn context(page: &Value) -> &str {
    page["@odata.context"].as_str().unwrap().split_once("/v1.0/$metadata").unwrap().1
}

/// Up to where a token begins.
fn link<'p>(page: &'p Value, name: &str) -> &'p str {
    let link = page[name].as_str().unwrap();
    let (address, token) = link.split_once('=').unwrap();
    assert!(!token.is_empty() && !token.contains('&'), "{link}");
    address.split_once("/v1.0").unwrap().1
}

/// Shapes of all pages of a round, its first and its last page.
async fn pages(client: &mut Client, first: &str) -> (Value, Value, Vec<Value>) {
    let first = client.json(first).await;
    let (mut last, mut told) = (first.clone(), first["value"].as_array().unwrap().clone());
    while let Some(next) = last["@odata.nextLink"].as_str().map(str::to_owned) {
        last = client.json(&next).await;
        told.extend(last["value"].as_array().unwrap().iter().cloned());
    }
    (first, last, told)
}

#[tokio::test]
async fn a_first_round_of_users_is_as_documented() {
    let tenant = Tenant::t1();
    tenant.set_pages(Pages { users: 3, ..Pages::default() });
    tenant.set_unruly(Unruly { removed_first: true, ..Unruly::default() });
    tenant.delete("dan@acme.example").unwrap();
    tenant.purge("dan@acme.example").unwrap();
    let mut client = Client::of(&tenant).await;
    let (first, last, told) =
        pages(&mut client, "/v1.0/users/delta?$select=displayName,givenName,surname").await;

    let person = json!({ "id": "text", "displayName": "text", "givenName": "text", "surname": "text" });
    // What goes by one name alone, as a room does, has no others that were cleared.
    let room = json!({ "id": "text", "displayName": "text" });
    let removed = json!({ "id": "text", "@removed": { "reason": "text" } });
    assert_eq!(shape(&told.clone().into()), json!([person, removed, room]));
    assert_eq!(
        told.iter().find(|user| user["@removed"].is_object()).unwrap()["@removed"]["reason"],
        "deleted"
    );

    let page = |link: &str| json!({ "@odata.context": "text", link: "text", "value": [] });
    let around = |page: &Value| {
        let mut page = shape(page);
        page["value"] = json!([]);
        page
    };
    assert_eq!(around(&first), page("@odata.nextLink"));
    assert_eq!(context(&first), "#users(displayName,givenName,surname)");
    assert_eq!(link(&first, "@odata.nextLink"), "/users/delta?$skiptoken");
    assert_eq!(around(&last), page("@odata.deltaLink"));
    assert_eq!(link(&last, "@odata.deltaLink"), "/users/delta?$deltatoken");
}

#[tokio::test]
async fn a_first_round_of_groups_is_as_documented() {
    let tenant = Tenant::t1();
    tenant.set_pages(Pages { groups: 1, ..Pages::default() });
    tenant.update("U-proj", json!({ "description": "Whoever works on the project" })).unwrap();
    tenant.add_member("U-proj", "ann@acme.example").unwrap();
    let mut client = Client::of(&tenant).await;
    let (first, _, told) = pages(&mut client, "/v1.0/groups/delta").await;
    assert_eq!(context(&first), "#groups");
    assert_eq!(link(&first, "@odata.nextLink"), "/groups/delta?$skiptoken");
    let project = told.iter().find(|group| group["displayName"] == "U-proj").unwrap();
    assert_eq!(
        shape(project),
        json!({
            "createdDateTime": "text",
            "description": "text",
            "displayName": "text",
            "groupTypes": ["text"],
            "mail": "text",
            "members@delta": [{ "@odata.type": "text", "id": "text" }],
            // Beyond what the page shows:
            "id": "text",
            "mailEnabled": "truth",
            "mailNickname": "text",
            "proxyAddresses": ["text"],
            "securityEnabled": "truth",
        })
    );
    assert_eq!(project["members@delta"].as_array().unwrap().len(), 2);
    assert_eq!(project["members@delta"][0]["@odata.type"], "#microsoft.graph.user");
}

#[tokio::test]
async fn a_later_round_of_groups_is_as_documented() {
    let tenant = Tenant::t1();
    tenant.update("G-sales", json!({ "description": "Who sells" })).unwrap();
    let mut client = Client::of(&tenant).await;
    let (_, last, _) = pages(&mut client, "/v1.0/groups/delta?$select=displayName,description,members").await;
    tenant.remove_member("G-sales", "cat@alt.example").unwrap();
    tenant.add_member("G-sales", "dan@acme.example").unwrap();
    let changes = client.json(last["@odata.deltaLink"].as_str().unwrap()).await;
    assert_eq!(
        shape(&changes),
        json!({
            "@odata.context": "text",
            "@odata.deltaLink": "text",
            "value": [{
                "displayName": "text",
                "description": "text",
                "id": "text",
                "members@delta": [
                    { "@odata.type": "text", "id": "text", "@removed": { "reason": "text" } },
                    { "@odata.type": "text", "id": "text" },
                ],
            }],
        })
    );
    // Of a member it means that the membership ended, whatever became of the user.
    assert_eq!(changes["value"][0]["members@delta"][0]["@removed"]["reason"], "deleted");
    assert_eq!(link(&changes, "@odata.deltaLink"), "/groups/delta?$deltatoken");
}

#[tokio::test]
async fn a_batch_is_answered_as_documented() {
    let tenant = Tenant::t1();
    tenant.accept_token("little", Identity::application(["User.Read.All"]));
    let mut client = Client::of(&tenant).await.with_token("little");
    let get = |id: &str, url: String| json!({ "id": id, "method": "GET", "url": url });
    let ann = tenant.user("ann@acme.example").unwrap();
    let mut some = get("5", "/users?$select=id,displayName,userPrincipalName&$count=true&$top=1".to_owned());
    some["headers"] = json!({ "ConsistencyLevel": "eventual" });
    let batch = json!({ "requests": [
        get("1", format!("/users/{ann}/memberOf")),
        get("3", "/organization".to_owned()),
        some,
    ] });
    let reply = client.post("/v1.0/$batch", &batch).await;
    assert_eq!(reply.status, 200);
    let reply = reply.json();
    let of = |id: &str| reply["responses"].as_array().unwrap().iter().find(|part| part["id"] == id).unwrap();

    let headers = json!({
        "Cache-Control": "text", "x-ms-resource-unit": "text", "OData-Version": "text", "Content-Type": "text",
    });
    assert_eq!(shape(&of("1")["headers"]), headers);
    assert_eq!(
        of("1")["headers"]["Content-Type"],
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    );
    assert_eq!(context(&of("1")["body"]), "#directoryObjects");
    assert_eq!(
        shape(of("3")),
        json!({
            "id": "text",
            "status": "number",
            "headers": { "Cache-Control": "text", "x-ms-resource-unit": "text", "Content-Type": "text" },
            "body": { "error": {
                "code": "text",
                "message": "text",
                "innerError": { "date": "text", "request-id": "text", "client-request-id": "text" },
            } },
        })
    );
    assert_eq!(
        (&of("3")["status"], &of("3")["headers"]["Content-Type"]),
        (&403.into(), &"application/json".into())
    );
    assert_eq!(of("3")["body"]["error"]["code"], "Authorization_RequestDenied");
    // With the zone left out.
    assert_eq!(of("3")["body"]["error"]["innerError"]["date"], "2026-01-05T08:00:00");
    assert_eq!(
        shape(of("5")),
        json!({
            "id": "text",
            "status": "number",
            "headers": headers,
            "body": {
                "@odata.context": "text",
                "@odata.count": "number",
                // The page has no second one in its example.
                "@odata.nextLink": "text",
                "value": [{ "id": "text", "displayName": "text", "userPrincipalName": "text" }],
            },
        })
    );
    assert_eq!(context(&of("5")["body"]), "#users(id,displayName,userPrincipalName)");
}

/// Graph's envelope, with what stands in `innerError`.
fn envelope(inner: &[&str]) -> Value {
    let inner: Value = inner.iter().map(|name| ((*name).to_owned(), json!("text"))).collect();
    json!({ "error": { "code": "text", "message": "text", "innerError": inner } })
}

/// A round that nobody remembers.
async fn forgotten(tenant: &Tenant) -> Reply {
    let mut client = Client::of(tenant).await;
    let (_, last, _) = pages(&mut client, "/v1.0/users/delta?$select=id").await;
    tenant.advance(Duration::from_secs(8 * 24 * 3_600));
    client.get(last["@odata.deltaLink"].as_str().unwrap()).await
}

const EVERY_ERRORS: [&str; 3] = ["date", "request-id", "client-request-id"];

#[tokio::test]
async fn a_forgotten_round_of_the_directory_is_as_documented() {
    let reply = forgotten(&Tenant::t1()).await;
    assert_eq!(reply.error(), (400, "syncStateNotFound".to_owned()));
    assert_eq!(shape(&reply.json()), envelope(&EVERY_ERRORS));
}

#[tokio::test]
async fn a_round_that_is_gone_is_as_documented() {
    let tenant = Tenant::t1();
    tenant.set_expired_token(ExpiredToken::Gone("SyncStateNotFound".to_owned()));
    let reply = forgotten(&tenant).await;
    assert_eq!(reply.error(), (410, "SyncStateNotFound".to_owned()));
    assert_eq!(shape(&reply.json()), envelope(&EVERY_ERRORS));
    // The same address, with an empty token.
    let anew = reply.headers["location"].split_once("/v1.0").unwrap().1.to_lowercase();
    assert_eq!(anew, "/users/delta?$deltatoken=");
}

#[tokio::test]
async fn too_many_requests_are_answered_as_documented() {
    let tenant = Tenant::t1();
    let fault = Fault::Status {
        code: 429,
        error: "TooManyRequests".to_owned(),
        retry_after: Some("2.128".to_owned()),
    };
    tenant.add_fault(Rule::nth(1, fault));
    let reply = Client::of(&tenant).await.get("/v1.0/users").await;
    assert_eq!(
        (reply.error(), reply.headers["retry-after"].as_str()),
        ((429, "TooManyRequests".to_owned()), "2.128")
    );
    let inner = ["code", "date", "message", "request-id", "status", "client-request-id"];
    assert_eq!(shape(&reply.json()), envelope(&inner));
    let inner = &reply.json()["error"]["innerError"];
    assert_eq!((&inner["code"], &inner["status"]), (&"429".into(), &"429".into()));
}
