//! Batches.

use crate::client::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use usher_demo::{Budget, Fault, RetryAfter, Rule, Tenant};

fn requests(urls: &[&str]) -> Value {
    let requests: Vec<Value> = (1..)
        .zip(urls)
        .map(|(id, url)| json!({ "id": format!("r{id}"), "method": "GET", "url": url }))
        .collect();
    json!({ "requests": requests })
}

fn by_id(reply: &Value) -> BTreeMap<String, Value> {
    let responses = reply["responses"].as_array().unwrap();
    responses.iter().map(|response| (response["id"].as_str().unwrap().to_owned(), response.clone())).collect()
}

#[tokio::test]
async fn a_batch_is_answered_out_of_order_each_with_its_status() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let mut batch = requests(&[
        "/users/ann@acme.example",
        "users?$top=2",
        "/nonsense",
        "/groups/$count",
        "/users/nobody@acme.example",
    ]);
    batch["requests"][3]["headers"] = json!({ "ConsistencyLevel": "eventual" });
    let reply = client.post("/v1.0/$batch", &batch).await;
    assert_eq!(reply.status, 200);
    let reply = reply.json();
    let order: Vec<&str> = reply["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|response| response["id"].as_str().unwrap())
        .collect();
    assert_ne!(order, ["r1", "r2", "r3", "r4", "r5"]);
    let answers = by_id(&reply);
    assert_eq!(
        answers.values().map(|answer| answer["status"].as_u64().unwrap()).collect::<Vec<_>>(),
        [200, 200, 400, 200, 404]
    );
    assert_eq!(answers["r1"]["body"]["displayName"], "Ann Abbot");
    assert_eq!(answers["r1"]["headers"]["OData-Version"], "4.0");
    assert!(answers["r2"]["body"]["@odata.nextLink"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(answers["r4"]["body"], "7");
    assert_eq!(answers["r5"]["body"]["error"]["code"], "Request_ResourceNotFound");
    assert_eq!(answers["r5"]["headers"]["Content-Type"], "application/json");
    assert_eq!(tenant.requests().last().unwrap().items.len(), 5);
}

#[tokio::test]
async fn whole_addresses_are_taken_as_microsofts_sdk_sends_them() {
    let mut client = Client::of(&Tenant::t1()).await;
    let whole = format!("{}/v1.0/users?$top=1", client.server.url());
    let answers = by_id(&client.post("/v1.0/$batch", &requests(&[&whole])).await.json());
    assert_eq!(answers["r1"]["body"]["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn malformed_batches_are_refused_as_a_whole() {
    let mut client = Client::of(&Tenant::t1()).await;
    let twice = json!({ "requests": [
        { "id": "a", "method": "GET", "url": "/users" }, { "id": "A", "method": "GET", "url": "/groups" },
    ] });
    let untyped = json!({ "requests": [{ "id": "1", "method": "POST", "url": "/users", "body": {} }] });
    let lost = json!({ "requests": [{ "id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"] }] });
    let circle = json!({ "requests": [
        { "id": "1", "method": "GET", "url": "/users", "dependsOn": ["2"] },
        { "id": "2", "method": "GET", "url": "/users", "dependsOn": ["1"] },
    ] });
    let nameless = json!({ "requests": [{ "method": "GET", "url": "/users" }] });
    for batch in [requests(&["/users"; 21]), requests(&[]), twice, untyped, lost, circle, nameless, json!({})]
    {
        assert_eq!(client.post("/v1.0/$batch", &batch).await.status, 400, "{batch}");
    }
    assert_eq!(client.post("/v1.0/$batch", &requests(&["/users"; 20])).await.status, 200);
    assert_eq!(client.get("/v1.0/$batch").await.status, 405);
    assert_eq!(client.send("POST", "/v1.0/$batch", "{\"requests\":").await.unwrap().status, 400);
}

#[tokio::test]
async fn a_request_that_depends_on_a_failed_one_fails() {
    let mut client = Client::of(&Tenant::t1()).await;
    let mut batch = requests(&["/users/nobody@acme.example", "/users", "/groups"]);
    batch["requests"][1]["dependsOn"] = json!(["r1"]);
    batch["requests"][2]["dependsOn"] = json!(["r2"]);
    let answers = by_id(&client.post("/v1.0/$batch", &batch).await.json());
    assert_eq!((&answers["r2"]["status"], &answers["r3"]["status"]), (&json!(424), &json!(424)));
}

#[tokio::test]
async fn items_are_throttled_one_by_one() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    tenant.set_budget(Some(Budget {
        requests: 2,
        window: Duration::from_secs(10),
        retry_after: RetryAfter::Text("2.128".to_owned()),
    }));
    let reply = client.post("/v1.0/$batch", &requests(&["/users", "/groups", "/domains"])).await;
    assert_eq!(reply.status, 200);
    let answers = by_id(&reply.json());
    assert_eq!(
        answers.values().map(|answer| answer["status"].as_u64().unwrap()).collect::<Vec<_>>(),
        [200, 200, 429]
    );
    assert_eq!(answers["r3"]["headers"]["Retry-After"], "2.128");
    tenant.advance(Duration::from_secs(10));
    assert_eq!(client.get("/v1.0/users").await.status, 200);
}

#[tokio::test]
async fn faults_reach_into_batches_if_told() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let busy = Fault::Status {
        code: 503,
        error: "serviceNotAvailable".to_owned(),
        retry_after: Some("1".to_owned()),
    };
    tenant.add_fault(Rule::nth_with(1, "/groups", busy.clone()));
    tenant.add_fault(Rule::nth_with(1, "/domains", busy).in_batches());
    let answers = by_id(&client.post("/v1.0/$batch", &requests(&["/groups", "/domains"])).await.json());
    assert_eq!((&answers["r1"]["status"], &answers["r2"]["status"]), (&json!(200), &json!(503)));
    assert_eq!(answers["r2"]["headers"]["Retry-After"], "1");
    let logged = tenant.requests().pop().unwrap();
    assert_eq!(
        logged.items.iter().map(|item| (item.path.as_str(), item.status)).collect::<Vec<_>>(),
        [("/v1.0/groups", 200), ("/v1.0/domains", 503)]
    );
}
