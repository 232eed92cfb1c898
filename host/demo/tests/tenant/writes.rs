//! What an administrator writes, and what the directory refuses.

use crate::client::Client;
use serde_json::{Value, json};
use usher_demo::{E3, EditError, F3, Identity, Tenant};

async fn administrator(tenant: &Tenant) -> Client {
    let permissions = ["User.ReadWrite.All", "Group.ReadWrite.All"];
    tenant.accept_token("administrator", Identity::application(permissions));
    Client::of(tenant).await.with_token("administrator")
}

fn new_user(upn: &str) -> Value {
    json!({
        "accountEnabled": true,
        "displayName": "Gus",
        "mailNickname": "gus",
        "userPrincipalName": upn,
        "passwordProfile": { "password": "not kept" },
    })
}

#[tokio::test]
async fn users_are_made_changed_deleted_and_restored() {
    let tenant = Tenant::t1();
    let mut client = administrator(&tenant).await;
    let reply = client.post("/v1.0/users", &new_user("gus@beta.example")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert!(reply.headers["location"].ends_with(&format!("/v1.0/users/{id}")));
    assert!(
        !client
            .get(&format!("/v1.0/users/{id}?$select=passwordProfile,displayName"))
            .await
            .text()
            .contains("not kept")
    );
    let user = format!("/v1.0/users/{id}");
    assert_eq!(
        client
            .send("PATCH", &user, r#"{"jobTitle":"Boss","userPrincipalName":"gustav@acme.example"}"#)
            .await
            .unwrap()
            .status,
        204
    );
    assert_eq!(client.json("/v1.0/users/GUSTAV@acme.example").await["jobTitle"], "Boss");
    assert_eq!(client.get("/v1.0/users/gus@beta.example").await.status, 404);
    assert_eq!(client.send("DELETE", &user, "").await.unwrap().status, 204);
    assert_eq!(client.get(&user).await.status, 404);
    let deleted =
        client.all("/v1.0/directory/deletedItems/microsoft.graph.user?$select=id,deletedDateTime").await;
    assert_eq!(deleted, [json!({ "id": id, "deletedDateTime": "2026-01-05T08:00:00Z" })]);
    let restored = client.post(&format!("/v1.0/directory/deletedItems/{id}/restore"), &json!({})).await;
    assert_eq!((restored.status, &restored.json()["id"]), (200, &Value::from(id.as_str())));
    assert_eq!(client.get(&user).await.status, 200);
    client.send("DELETE", &user, "").await.unwrap();
    assert_eq!(
        client.send("DELETE", &format!("/v1.0/directory/deletedItems/{id}"), "").await.unwrap().status,
        204
    );
    assert_eq!(
        client.post(&format!("/v1.0/directory/deletedItems/{id}/restore"), &json!({})).await.status,
        404
    );
}

#[tokio::test]
async fn groups_members_managers_and_licences_are_written() {
    let tenant = Tenant::t1();
    let mut client = administrator(&tenant).await;
    let link = |id: String| json!({ "@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}") });
    let id = |upn: &str| tenant.user(upn).unwrap().to_string();
    let group = json!({
        "displayName": "New", "mailEnabled": false, "mailNickname": "new", "securityEnabled": true,
        "members@odata.bind": [format!("https://graph.microsoft.com/v1.0/users/{}", id("dan@acme.example"))],
    });
    let made = client.post("/v1.0/groups", &group).await;
    assert_eq!(made.status, 201);
    let group = format!("/v1.0/groups/{}", made.json()["id"].as_str().unwrap());
    assert_eq!(
        client.post(&format!("{group}/members/$ref"), &link(id("eve@acme.example"))).await.status,
        204
    );
    assert_eq!(
        client.post(&format!("{group}/members/$ref"), &link(id("eve@acme.example"))).await.status,
        400
    );
    assert_eq!(
        client.post(&format!("{group}/members/$ref"), &link(tenant.id().to_string())).await.status,
        404
    );
    assert_eq!(client.all(&format!("{group}/members")).await.len(), 2);
    let member = format!("{group}/members/{}/$ref", id("dan@acme.example"));
    assert_eq!(client.send("DELETE", &member, "").await.unwrap().status, 204);
    assert_eq!(client.send("DELETE", &member, "").await.unwrap().status, 404);
    let nested = link(tenant.group("G-eng").unwrap().to_string());
    let unified = tenant.group("U-proj").unwrap();
    assert_eq!(client.post(&format!("/v1.0/groups/{unified}/members/$ref"), &nested).await.status, 400);

    let manager = format!("/v1.0/users/{}/manager/$ref", id("dan@acme.example"));
    assert_eq!(
        client.send("PUT", &manager, &link(id("bob@acme.example")).to_string()).await.unwrap().status,
        204
    );
    assert_eq!(client.json("/v1.0/users/dan@acme.example/manager").await["displayName"], "Bob Brandt");
    assert_eq!(client.send("DELETE", &manager, "").await.unwrap().status, 204);
    assert_eq!(client.get("/v1.0/users/dan@acme.example/manager").await.status, 404);

    let body = json!({ "addLicenses": [{ "disabledPlans": [], "skuId": F3.id }], "removeLicenses": [E3.id] });
    let dan = client.post("/v1.0/users/dan@acme.example/assignLicense", &body).await;
    assert_eq!(dan.status, 200, "{}", dan.text());
    let licences = client.json("/v1.0/users/dan@acme.example?$select=assignedLicenses").await;
    assert_eq!(licences["assignedLicenses"], json!([{ "disabledPlans": [], "skuId": F3.id }]));
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_documented_status() {
    let tenant = Tenant::t1();
    let mut client = administrator(&tenant).await;
    for (upn, status) in [
        ("x@partner.example", 400),
        ("x@nowhere.example", 400),
        ("ANN@acme.example", 400),
        ("x@alt.example", 201),
    ] {
        assert_eq!(client.post("/v1.0/users", &new_user(upn)).await.status, status, "{upn}");
    }
    tenant.verify_domain("partner.example");
    assert_eq!(client.post("/v1.0/users", &new_user("x@partner.example")).await.status, 201);
    for missing in ["accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"] {
        let mut body = new_user("y@acme.example");
        body.as_object_mut().unwrap().remove(missing);
        let reply = client.post("/v1.0/users", &body).await;
        assert_eq!(reply.error(), (400, "Request_BadRequest".to_owned()));
        assert!(reply.text().contains(missing));
    }
    let list =
        json!({ "displayName": "L", "mailEnabled": true, "mailNickname": "l", "securityEnabled": false });
    assert_eq!(client.post("/v1.0/groups", &list).await.status, 400);
    assert_eq!(client.send("PUT", "/v1.0/users", "{}").await.unwrap().status, 405);
    assert_eq!(client.send("POST", "/v1.0/users", "[").await.unwrap().status, 400);
    client = client.with_token("reader");
    assert_eq!(client.post("/v1.0/users", &new_user("z@acme.example")).await.status, 403);
    assert_eq!(client.send("DELETE", "/v1.0/users/ann@acme.example", "").await.unwrap().status, 403);
}

#[tokio::test]
async fn edits_say_why_they_are_refused() {
    let tenant = Tenant::t1();
    let refused = |result: Result<(), EditError>| result.unwrap_err().to_string();
    assert_eq!(refused(tenant.delete("nobody")), "there is no nobody");
    assert_eq!(
        refused(tenant.rename("ann@acme.example", "bob@acme.example")),
        "bob@acme.example is the userPrincipalName of somebody else"
    );
    assert_eq!(
        refused(tenant.rename("ann@acme.example", "a@partner.example")),
        "the domain of a@partner.example isn't verified"
    );
    assert_eq!(
        refused(tenant.add_member("G-eng", "bob@acme.example")),
        "bob@acme.example is in G-eng already"
    );
    assert_eq!(refused(tenant.remove_member("G-eng", "ann@acme.example")), "ann@acme.example isn't in G-eng");
    assert_eq!(refused(tenant.add_member("U-proj", "G-eng")), "U-proj can't hold a group");
    assert_eq!(refused(tenant.restore("ann@acme.example")), "ann@acme.example isn't among the deleted items");
    tenant.delete("ann@acme.example").unwrap();
    tenant.create_user(json!({ "displayName": "Other", "userPrincipalName": "ann@acme.example" })).unwrap();
    assert_eq!(
        refused(tenant.restore("ann@acme.example")),
        "ann@acme.example is the userPrincipalName of somebody else"
    );
}
