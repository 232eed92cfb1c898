//! Tenants of any size.

use crate::client::Client;
use serde_json::{Value, json};
use usher_demo::{Size, Tenant};

#[tokio::test]
async fn a_generated_tenant_is_of_its_size_and_always_the_same() {
    let size = Size { users: 120, groups: 30, members_a_group: 12, nested: 9, guests: 20 };
    let mut seen: Vec<Vec<Value>> = Vec::new();
    for seed in [1, 1, 2] {
        let tenant = Tenant::generated(size, seed);
        let mut client = Client::of(&tenant).await.with("ConsistencyLevel", "eventual");
        let users = client.all("/v1.0/users?$select=id,displayName,userPrincipalName,userType,mail").await;
        assert_eq!((users.len(), client.get("/v1.0/groups/$count").await.text().as_str()), (120, "30"));
        let guests = users.iter().filter(|user| user["userType"] == "Guest").count();
        assert!((10..40).contains(&guests), "{guests}");
        let mut nested = 0;
        for group in client.all("/v1.0/groups?$select=id").await {
            let group = format!("/v1.0/groups/{}/members", group["id"].as_str().unwrap());
            assert_eq!(client.get(&format!("{group}/microsoft.graph.user/$count")).await.text(), "12");
            nested += client.all(&format!("{group}/microsoft.graph.group")).await.len();
        }
        assert_eq!(nested, 9);
        let led = client.all("/v1.0/users?$select=id&$expand=manager($select=id)").await;
        assert_eq!(
            led.iter().filter(|user| user.get("manager").is_none()).count(),
            1,
            "only the chief has nobody"
        );
        seen.push(users);
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn a_small_change_in_a_large_tenant_is_a_small_round() {
    let tenant =
        Tenant::generated(Size { users: 5_000, groups: 50, members_a_group: 100, nested: 20, guests: 5 }, 9);
    let mut client = Client::of(&tenant).await;
    let latest = client.json("/v1.0/users/delta?$deltatoken=latest&$select=jobTitle").await;
    let people = client.json("/v1.0/users?$top=50&$select=id").await["value"].clone();
    for user in people.as_array().unwrap() {
        tenant.update(user["id"].as_str().unwrap(), json!({ "jobTitle": "Other" })).unwrap();
    }
    let page = client.json(latest["@odata.deltaLink"].as_str().unwrap()).await;
    assert_eq!(page["value"].as_array().unwrap().len(), 50);
}

#[test]
fn no_size_is_too_small() {
    for size in [
        Size { users: 0, groups: 0, members_a_group: 0, nested: 0, guests: 0 },
        Size { users: 0, groups: 3, members_a_group: 5, nested: 9, guests: 0 },
        Size { users: 1, groups: 1, members_a_group: 9, nested: 1, guests: 100 },
    ] {
        Tenant::generated(size, 0);
    }
}
