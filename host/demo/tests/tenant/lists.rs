//! Lists and single objects: their shapes, their pages, their links.

use crate::client::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use usher_demo::{Size, Tenant};

fn names(elements: &[Value]) -> BTreeSet<&str> {
    elements.iter().map(|element| element["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn t1_is_as_the_feature_list_says() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let users =
        client.all("/v1.0/users?$select=userPrincipalName,mail,accountEnabled,assignedLicenses").await;
    let upns: Vec<&str> = users.iter().map(|user| user["userPrincipalName"].as_str().unwrap()).collect();
    assert_eq!(
        upns,
        [
            "ann@acme.example",
            "bob@acme.example",
            "cat@alt.example",
            "dan@acme.example",
            "eve@acme.example",
            "shared@acme.example",
            "fay@acme.example"
        ]
    );
    assert_eq!(users[2]["mail"], "cat@acme.example");
    assert_eq!(users[5]["assignedLicenses"], json!([]));
    assert_eq!(users[6]["accountEnabled"], false);
    let groups = client.all("/v1.0/groups?$select=displayName,groupTypes,mailEnabled,securityEnabled").await;
    let kinds: Vec<_> = groups
        .iter()
        .map(|group| {
            let unified = group["groupTypes"] == json!(["Unified"]);
            (
                group["displayName"].as_str().unwrap(),
                unified,
                group["mailEnabled"] == true,
                group["securityEnabled"] == true,
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("G-root", false, false, true),
            ("G-eng", false, false, true),
            ("G-eng-be", false, false, true),
            ("G-sales", false, false, true),
            ("M-all", false, true, false),
            ("U-proj", true, true, false),
            ("US-sec", true, true, true),
        ]
    );
    let below = client
        .all(&format!(
            "/v1.0/groups/{}/transitiveMembers/microsoft.graph.user",
            tenant.group("G-root").unwrap()
        ))
        .await;
    assert_eq!(names(&below), ["Ann Abbot", "Bob Brandt", "Cat Castaño", "Fay Fletcher", "Shared"].into());
    let manager = client.json("/v1.0/users/ann@acme.example/manager").await;
    assert_eq!(manager["@odata.type"], "#microsoft.graph.user");
    assert_eq!(manager["userPrincipalName"], "bob@acme.example");
    assert_eq!(client.get("/v1.0/users/dan@acme.example/manager").await.status, 404);
}

#[tokio::test]
async fn defaults_are_the_documented_ones() {
    let mut client = Client::of(&Tenant::t1()).await;
    let page = client.json("/v1.0/users").await;
    let shared = page["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["displayName"] == "Shared")
        .unwrap()
        .clone();
    assert_eq!(shared.as_object().unwrap().len(), 11);
    assert_eq!((&shared["businessPhones"], &shared["givenName"]), (&json!([]), &Value::Null));
    assert!(page["@odata.context"].as_str().unwrap().ends_with("/v1.0/$metadata#users"));
    let group = &client.json("/v1.0/groups").await["value"][0];
    for name in [
        "id",
        "createdDateTime",
        "groupTypes",
        "mailNickname",
        "proxyAddresses",
        "visibility",
        "onPremisesProvisioningErrors",
    ] {
        assert!(group.get(name).is_some(), "{name}");
    }
    assert!(group.get("members").is_none());
    let one = client.json("/v1.0/users/CAT@alt.example?$select=mail,DISPLAYNAME").await;
    assert!(one["@odata.context"].as_str().unwrap().ends_with("#users(mail,displayName)/$entity"));
    assert_eq!(one.as_object().unwrap().len(), 3);
    assert_eq!(
        client.get("/v1.0/users/nobody@acme.example").await.error(),
        (404, "Request_ResourceNotFound".to_owned())
    );
    assert_eq!(client.get("/v1.0/users?$select=nonsense").await.status, 400);
    assert_eq!(client.get("/v1.0/nonsense").await.error().0, 400);
    assert_eq!(client.get("/v2.0/users").await.status, 404, "no version of Graph");
}

#[tokio::test]
async fn pages_are_followed_to_the_end_and_repeat_what_was_asked() {
    let tenant = Tenant::generated(Size { users: 250, ..Size::default() }, 5);
    let mut client = Client::of(&tenant).await;
    assert_eq!(client.json("/v1.0/users").await["value"].as_array().unwrap().len(), 100);
    for target in [
        "/v1.0/users?$top=7&$select=id",
        "/v1.0/users?$select=id",
        "/v1.0/users?$select=id&$orderby=displayName desc",
    ] {
        let all = client.all(target).await;
        let distinct: BTreeSet<String> = all.iter().map(Value::to_string).collect();
        assert_eq!((all.len(), distinct.len()), (250, 250), "{target}");
        assert!(all.iter().all(|user| user.as_object().unwrap().len() == 1));
    }
    let sorted = client.all("/v1.0/users?$select=displayName&$orderby=displayName&$top=13").await;
    let sorted: Vec<String> =
        sorted.iter().map(|user| user["displayName"].as_str().unwrap().to_lowercase()).collect();
    assert!(sorted.is_sorted());
    let next = client.json("/v1.0/users?$top=7").await["@odata.nextLink"].as_str().unwrap().to_owned();
    assert!(next.contains("$top=7&$skiptoken="), "{next}");
    for top in ["0", "1000", "-1", "many"] {
        assert_eq!(
            client.get(&format!("/v1.0/users?$top={top}")).await.error(),
            (400, "Request_BadRequest".to_owned())
        );
    }
    assert_eq!(client.get("/v1.0/users?$skip=5").await.status, 400);
    assert_eq!(
        client.get("/v1.0/users?$skiptoken=abc").await.error(),
        (400, "Directory_ExpiredPageToken".to_owned())
    );
    tenant.advance(std::time::Duration::from_secs(8 * 24 * 3_600));
    assert_eq!(client.get(&next).await.status, 400);
    assert_eq!(client.all("/v1.0/users?$top=999").await.len(), 250);
}

#[tokio::test]
async fn memberships_can_be_cast_and_counted() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await.with("ConsistencyLevel", "eventual");
    let eng = format!("/v1.0/groups/{}", tenant.group("G-eng").unwrap());
    let members = client.all(&format!("{eng}/members")).await;
    let types: BTreeSet<_> = members.iter().map(|member| member["@odata.type"].as_str().unwrap()).collect();
    assert_eq!(types, ["#microsoft.graph.group", "#microsoft.graph.user"].into());
    assert!(members.iter().all(|member| member["id"].is_string()));
    let groups =
        client.json(&format!("{eng}/members/microsoft.graph.group?$count=true&$select=displayName")).await;
    assert!(groups["@odata.context"].as_str().unwrap().ends_with("#groups(displayName)"));
    assert_eq!(
        (&groups["@odata.count"], &groups["value"]),
        (&json!(1), &json!([{ "displayName": "G-eng-be" }]))
    );
    for (path, count) in [
        ("members/$count", "2"),
        ("members/microsoft.graph.user/$count", "1"),
        ("transitiveMembers/$count", "3"),
        ("transitiveMembers/graph.user/$count", "2"),
    ] {
        let reply = client.get(&format!("{eng}/{path}")).await;
        assert_eq!(
            (reply.headers["content-type"].as_str(), reply.text().as_str()),
            ("text/plain", count),
            "{path}"
        );
    }
    let above = client.all("/v1.0/users/ann@acme.example/transitiveMemberOf/microsoft.graph.group").await;
    assert_eq!(names(&above), ["G-eng", "G-eng-be", "G-root"].into());
    let direct = client.all("/v1.0/users/ann@acme.example/memberOf").await;
    assert_eq!(names(&direct), ["G-eng-be"].into());
    tenant.assign_role("User Administrator", "ann@acme.example").unwrap();
    let direct = client.all("/v1.0/users/ann@acme.example/memberOf").await;
    assert_eq!(direct[1]["@odata.type"], "#microsoft.graph.directoryRole");
}

#[tokio::test]
async fn a_group_inside_itself_ends() {
    let tenant = Tenant::t1();
    tenant.add_member("G-eng-be", "G-root").unwrap();
    let mut client = Client::of(&tenant).await;
    let below = client
        .all(&format!(
            "/v1.0/groups/{}/transitiveMembers/microsoft.graph.group",
            tenant.group("G-root").unwrap()
        ))
        .await;
    assert_eq!(names(&below), ["G-eng", "G-eng-be", "G-root", "G-sales"].into());
}

#[tokio::test]
async fn links_are_written_out_on_request() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let users = client.all("/v1.0/users?$select=id,displayName&$expand=manager($select=id,mail)").await;
    assert_eq!(
        users[0]["manager"],
        json!({ "@odata.type": "#microsoft.graph.user", "id": tenant.user("bob@acme.example").unwrap().to_string(), "mail": "bob@acme.example" })
    );
    assert!(users[1].get("manager").is_none());
    let big = tenant.create_group(json!({ "displayName": "Big" })).unwrap().to_string();
    for number in 0..25 {
        let upn = format!("more{number}@acme.example");
        tenant.create_user(json!({ "displayName": "More", "userPrincipalName": upn })).unwrap();
        tenant.add_member(&big, &upn).unwrap();
    }
    let group = client.json(&format!("/v1.0/groups/{big}?$expand=members($select=id)")).await;
    assert_eq!(group["members"].as_array().unwrap().len(), 20);
    for refused in [
        "/v1.0/users?$expand=photo",
        "/v1.0/groups?$expand=manager",
        "/v1.0/users?$expand=manager($levels=max)",
    ] {
        assert_eq!(client.get(refused).await.status, 400, "{refused}");
    }
}

#[tokio::test]
async fn the_organisation_and_what_it_has() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let organisation = client.json("/v1.0/organization").await["value"][0].clone();
    assert_eq!(organisation["id"], tenant.id().to_string());
    let verified: Vec<&str> = organisation["verifiedDomains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|domain| domain["name"].as_str().unwrap())
        .collect();
    assert_eq!(verified, ["acme.example", "beta.example", "alt.example"]);
    assert_eq!(
        (&organisation["verifiedDomains"][0]["isDefault"], &organisation["verifiedDomains"][1]["isDefault"]),
        (&json!(true), &json!(false))
    );
    let domains = client.json("/v1.0/domains?$select=id,isVerified").await;
    assert_eq!(domains["value"][3], json!({ "id": "partner.example", "isVerified": false }));
    let skus = client.json("/v1.0/subscribedSkus").await;
    assert_eq!(
        (&skus["value"][0]["skuPartNumber"], &skus["value"][0]["consumedUnits"]),
        (&json!("SPE_E3"), &json!(5))
    );
    assert_eq!(skus["value"][0]["prepaidUnits"]["enabled"], 25);
    let roles = client.json("/v1.0/directoryRoles").await;
    let global = roles["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["displayName"] == "Global Administrator")
        .unwrap();
    tenant.assign_role("Global Administrator", "bob@acme.example").unwrap();
    let members =
        client.all(&format!("/v1.0/directoryRoles/{}/members", global["id"].as_str().unwrap())).await;
    assert_eq!(names(&members), ["Bob Brandt"].into());
}

#[tokio::test]
async fn an_application_finds_what_it_was_granted() {
    let tenant = Tenant::t1();
    let app = tenant.register_application("Usher");
    tenant.grant(app, "User.Read.All").unwrap();
    tenant.grant(app, "GroupMember.Read.All").unwrap();
    tenant.revoke(app, "User.Read.All").unwrap();
    let mut client = Client::of(&tenant).await;
    let found = client.json(&format!("/v1.0/servicePrincipals?$filter=appId eq '{app}'")).await;
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let principal = found["value"][0]["id"].as_str().unwrap().to_owned();
    let granted = client.json(&format!("/v1.0/servicePrincipals/{principal}/appRoleAssignments")).await;
    let graph =
        client.json("/v1.0/servicePrincipals?$filter=appId eq '00000003-0000-0000-c000-000000000000'").await;
    let roles = graph["value"][0]["appRoles"].as_array().unwrap().clone();
    let names: Vec<&Value> = granted["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|granted| &roles.iter().find(|role| role["id"] == granted["appRoleId"]).unwrap()["value"])
        .collect();
    assert_eq!(names, ["GroupMember.Read.All"]);
    assert_eq!(granted["value"][0]["resourceId"], graph["value"][0]["id"]);
}
