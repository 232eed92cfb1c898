//! The rules of delta queries, one by one.

use crate::client::Client;
use crate::merge::Follower;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use usher_demo::{ExpiredToken, Pages, Size, Tenant, Unruly};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// All entries of a round, and its delta link.
async fn round(client: &mut Client, link: &str) -> (Vec<Value>, String) {
    let (mut entries, mut link) = (Vec::new(), link.to_owned());
    loop {
        let page = client.json(&link).await;
        entries.extend(page["value"].as_array().unwrap().iter().cloned());
        match page["@odata.nextLink"].as_str() {
            Some(next) => link = next.to_owned(),
            None => return (entries, page["@odata.deltaLink"].as_str().unwrap().to_owned()),
        }
    }
}

#[tokio::test]
async fn a_first_round_has_the_documented_shape() {
    let tenant = Tenant::t1();
    tenant.set_pages(Pages { users: 3, ..Pages::default() });
    let mut client = Client::of(&tenant).await;
    let page = client.json("/v1.0/users/delta?$select=displayName,givenName,surname").await;
    assert_eq!(keys(&page), ["@odata.context", "@odata.nextLink", "value"].into());
    let context = page["@odata.context"].as_str().unwrap();
    assert!(context.starts_with("http://127.0.0.1:"), "{context}");
    assert!(context.ends_with("/v1.0/$metadata#users(displayName,givenName,surname)"), "{context}");
    assert_eq!(page["value"].as_array().unwrap().len(), 3);
    assert_eq!(keys(&page["value"][0]), ["displayName", "givenName", "id", "surname"].into());
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(next.contains("/v1.0/users/delta?$skiptoken=") && !next.contains("select"), "{next}");

    let (entries, link) = round(&mut client, next).await;
    assert_eq!(entries.len(), 4);
    assert!(link.contains("/v1.0/users/delta?$deltatoken="), "{link}");
    // Never set: absent. `shared` has neither name.
    let shared = entries.iter().find(|user| user["displayName"] == "Shared").unwrap();
    assert_eq!(keys(shared), ["displayName", "id"].into());
    // The same page again is the same page.
    assert_eq!(client.json(next).await, client.json(next).await);
}

#[tokio::test]
async fn groups_come_with_their_members() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    for address in [
        "/v1.0/groups/delta",
        "/beta/groups/delta()",
        "/v1.0/groups/microsoft.graph.delta()",
        "/v1.0/groups/microsoft.graph.delta",
    ] {
        let (entries, _) = round(&mut client, address).await;
        assert_eq!(entries.len(), 7, "{address}");
        let root = entries.iter().find(|group| group["displayName"] == "G-root").unwrap();
        let inside: BTreeSet<String> = root["members@delta"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(inside, ["G-eng", "G-sales"].map(|name| tenant.group(name).unwrap().to_string()).into());
        assert_eq!(root["members@delta"][0]["@odata.type"], "#microsoft.graph.group");
    }
}

#[tokio::test]
async fn a_later_round_tells_what_changed_and_nothing_else() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let (_, link) = round(&mut client, "/v1.0/users/delta?$select=displayName,jobTitle,mobilePhone").await;
    tenant.update("bob@acme.example", json!({ "department": "Elsewhere" })).unwrap();
    let (entries, link) = round(&mut client, &link).await;
    assert_eq!(entries, [] as [Value; 0], "nobody selected departments");

    tenant.update("ann@acme.example", json!({ "jobTitle": null })).unwrap();
    let ann = tenant.user("ann@acme.example").unwrap().to_string();
    let (entries, later) = round(&mut client, &link).await;
    assert_eq!(entries, [json!({ "id": ann, "displayName": "Ann Abbot", "jobTitle": null })]);
    assert_ne!(link, later);

    // The older link still tells it, and the header asks for less of it.
    client = client.with("Prefer", "return=minimal");
    let (entries, _) = round(&mut client, &link).await;
    assert_eq!(entries, [json!({ "id": ann, "jobTitle": null })]);
    assert_eq!(client.get(&link).await.headers["preference-applied"], "return=minimal");
}

#[tokio::test]
async fn deletions_say_whether_something_can_be_restored() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let (_, users) = round(&mut client, "/v1.0/users/delta?$select=displayName").await;
    let (_, groups) = round(&mut client, "/v1.0/groups/delta?$select=displayName").await;
    let (dan, proj, sales) = (
        tenant.user("dan@acme.example").unwrap(),
        tenant.group("U-proj").unwrap(),
        tenant.group("G-sales").unwrap(),
    );
    tenant.delete("dan@acme.example").unwrap();
    tenant.delete("U-proj").unwrap();
    tenant.delete("G-sales").unwrap();
    let removed =
        |id: &dyn ToString, reason| json!({ "id": id.to_string(), "@removed": { "reason": reason } });
    let (entries, users) = round(&mut client, &users).await;
    assert_eq!(entries, [removed(&dan, "changed")]);
    let (entries, groups) = round(&mut client, &groups).await;
    assert_eq!(entries, [removed(&proj, "changed"), removed(&sales, "deleted")]);

    tenant.restore("dan@acme.example").unwrap();
    let (entries, users) = round(&mut client, &users).await;
    assert_eq!(entries, [json!({ "id": dan.to_string(), "displayName": "Dan Doyle" })]);

    // Thirty days in the deleted items are the end.
    tenant.delete("dan@acme.example").unwrap();
    let (_, mut users) = round(&mut client, &users).await;
    let mut groups = groups;
    for _ in 0..6 {
        tenant.advance(5 * DAY);
        (_, groups) = round(&mut client, &groups).await;
        let (entries, link) = round(&mut client, &users).await;
        users = link;
        if !entries.is_empty() {
            assert_eq!(entries, [removed(&dan, "deleted")]);
        }
    }
    assert!(tenant.restore("dan@acme.example").is_err());
    assert!(tenant.restore("U-proj").is_err());
    // A first round knows nothing of them.
    let (entries, _) = round(&mut client, "/v1.0/users/delta").await;
    assert_eq!(entries.len(), 6);
}

#[tokio::test]
async fn members_and_managers_are_told_as_links() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let (_, groups) = round(&mut client, "/v1.0/groups/delta?$select=displayName,members").await;
    let (_, users) = round(&mut client, "/v1.0/users/delta?$select=manager").await;
    tenant.remove_member("G-sales", "cat@alt.example").unwrap();
    tenant.add_member("G-sales", "dan@acme.example").unwrap();
    tenant.set_manager("ann@acme.example", Some("cat@alt.example")).unwrap();
    let id = |name: &str| tenant.user(name).unwrap().to_string();
    let link = |name: &str| json!({ "@odata.type": "#microsoft.graph.user", "id": id(name) });
    let gone = |name: &str| json!({ "@odata.type": "#microsoft.graph.user", "id": id(name), "@removed": { "reason": "deleted" } });
    let (entries, _) = round(&mut client, &groups).await;
    let sales = tenant.group("G-sales").unwrap().to_string();
    let members = json!([gone("cat@alt.example"), link("dan@acme.example")]);
    assert_eq!(entries, [json!({ "id": sales, "displayName": "G-sales", "members@delta": members })]);
    let (entries, _) = round(&mut client, &users).await;
    let managers = json!([gone("bob@acme.example"), link("cat@alt.example")]);
    assert_eq!(entries, [json!({ "id": id("ann@acme.example"), "manager@delta": managers })]);
}

#[tokio::test]
async fn a_large_group_comes_in_slices_on_pages_of_their_own() {
    let tenant =
        Tenant::generated(Size { users: 100, groups: 2, members_a_group: 50, nested: 0, guests: 0 }, 7);
    tenant.set_pages(Pages { members_a_slice: 20, ..Pages::default() });
    let mut client = Client::of(&tenant).await;
    let mut link = "/v1.0/groups/delta?$select=displayName,members".to_owned();
    let mut slices = Vec::new();
    while !link.contains("deltatoken") {
        let page = client.json(&link).await;
        let sizes = page["value"].as_array().unwrap().iter().map(|group| {
            assert!(group["displayName"].is_string());
            group["members@delta"].as_array().unwrap().len()
        });
        slices.push(sizes.collect::<Vec<_>>());
        link = page["@odata.nextLink"].as_str().or(page["@odata.deltaLink"].as_str()).unwrap().to_owned();
    }
    assert_eq!(slices, [vec![20], vec![20], vec![10, 20], vec![20], vec![10]]);
}

#[tokio::test]
async fn only_named_objects_are_followed() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let id = |name: &str| tenant.user(name).unwrap().to_string();
    let filter =
        format!("id eq '{}' or id eq '{}'", id("ann@acme.example"), id("bob@acme.example").to_uppercase());
    let (entries, link) =
        round(&mut client, &format!("/v1.0/users/delta?$select=jobTitle&$filter={filter}")).await;
    assert_eq!(entries.len(), 2);
    tenant.update("cat@alt.example", json!({ "jobTitle": "Head of Sales" })).unwrap();
    tenant.update("bob@acme.example", json!({ "jobTitle": "Chief" })).unwrap();
    let (entries, _) = round(&mut client, &link).await;
    assert_eq!(entries, [json!({ "id": id("bob@acme.example"), "jobTitle": "Chief" })]);

    let many = vec![format!("id eq '{}'", id("ann@acme.example")); 51].join(" or ");
    for refused in [many.as_str(), "displayName eq 'x'", "id eq 'x'", "id ne 'x' and id eq 'y'"] {
        let reply = client.get(&format!("/v1.0/users/delta?$filter={refused}")).await;
        assert_eq!(reply.status, 400, "{refused}");
    }
    for refused in ["$expand=manager", "$search=\"displayName:x\"", "$select=nonsense"] {
        assert_eq!(client.get(&format!("/v1.0/users/delta?{refused}")).await.status, 400, "{refused}");
    }
    let (entries, _) = round(&mut client, "/v1.0/users/delta?$top=1&$orderby=displayName&$select=id").await;
    assert_eq!(entries.len(), 7);
}

#[tokio::test]
async fn the_latest_token_begins_now() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let (entries, link) =
        round(&mut client, "/v1.0/users/delta?$deltaToken=latest&$select=displayName").await;
    assert!(entries.is_empty());
    tenant.update("eve@acme.example", json!({ "displayName": "Eva" })).unwrap();
    let (entries, _) = round(&mut client, &link).await;
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn tokens_expire_and_are_for_one_collection() {
    let tenant = Tenant::t1();
    tenant.set_pages(Pages { users: 2, ..Pages::default() });
    let mut client = Client::of(&tenant).await;
    let first = client.json("/v1.0/users/delta").await;
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    let (_, link) = round(&mut client, &next).await;
    tenant.advance(6 * DAY);
    assert_eq!(client.get(&link).await.status, 200);
    tenant.advance(7 * DAY);
    assert_eq!(client.get(&link).await.error(), (400, "syncStateNotFound".to_owned()));
    assert_eq!(client.get(&next).await.error(), (400, "Directory_ExpiredPageToken".to_owned()));

    tenant.set_expired_token(ExpiredToken::Gone("SyncStateNotFound".to_owned()));
    let reply = client.get(&link).await;
    assert_eq!(reply.error(), (410, "SyncStateNotFound".to_owned()));
    let anew = reply.headers["location"].clone();
    assert!(anew.ends_with("/v1.0/users/delta?$deltatoken="), "{anew}");
    let (entries, link) = round(&mut client, &anew).await;
    assert_eq!(entries.len(), 7);

    tenant.set_expired_token(ExpiredToken::BadRequest("resyncRequired".to_owned()));
    for bad in [
        link.replace("/users/", "/groups/"),
        link.replace("deltatoken=", "deltatoken=x"),
        "/v1.0/users/delta?$deltatoken=1".to_owned(),
    ] {
        assert_eq!(client.get(&bad).await.error(), (400, "resyncRequired".to_owned()), "{bad}");
    }
    tenant.expire_state_tokens();
    assert_eq!(client.get(&link).await.status, 400);
}

#[tokio::test]
async fn each_unruly_switch_shows() {
    let size = Size { users: 60, groups: 12, members_a_group: 30, nested: 5, guests: 0 };
    let orderly = Tenant::generated(size, 3);
    let pages = Pages { users: 10, groups: 4, members_a_slice: 10, list: 100 };
    orderly.set_pages(pages);
    let mut client = Client::of(&orderly).await;
    let (users, _) = round(&mut client, "/v1.0/users/delta?$select=displayName").await;
    let (groups, _) = round(&mut client, "/v1.0/groups/delta").await;
    let ids = |entries: &[Value]| {
        entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let with = |unruly| {
        orderly.set_unruly(unruly);
    };
    with(Unruly { shuffled: true, ..Unruly::default() });
    let (told, _) = round(&mut client, "/v1.0/users/delta?$select=displayName").await;
    assert_ne!(ids(&told), ids(&users));
    assert_eq!(ids(&told).into_iter().collect::<BTreeSet<_>>(), ids(&users).into_iter().collect());

    with(Unruly { replays: true, ..Unruly::default() });
    let (told, _) = round(&mut client, "/v1.0/users/delta?$select=displayName").await;
    assert!(told.len() > users.len());

    with(Unruly { interleaved: true, ..Unruly::default() });
    let (told, _) = round(&mut client, "/v1.0/groups/delta").await;
    assert_eq!(told.len(), groups.len());
    let first: Vec<_> = ids(&told).into_iter().take(2).collect();
    assert_ne!(first[0], first[1], "the second slice of the first group lies apart");
    assert_eq!(ids(&groups)[0], ids(&groups)[1]);

    with(Unruly { changing_case: true, ..Unruly::default() });
    let (told, _) = round(&mut client, "/v1.0/users/delta?$select=displayName").await;
    assert!(ids(&told).iter().any(|id| id.contains(|c: char| c.is_ascii_uppercase())));
    assert!(ids(&told).iter().any(|id| id.contains(|c: char| c.is_ascii_lowercase())));

    with(Unruly { empty_pages: true, ..Unruly::default() });
    let page = client.json("/v1.0/users/delta").await;
    assert_eq!(page["value"], json!([]));
    assert!(page["@odata.nextLink"].is_string());

    orderly.delete(&ids(&users)[0]).unwrap();
    with(Unruly { removed_first: true, ..Unruly::default() });
    let (told, _) = round(&mut client, "/v1.0/users/delta?$select=displayName").await;
    assert_eq!(told[0]["@removed"]["reason"], "changed");
}

#[tokio::test]
async fn a_replayed_older_state_is_corrected_in_the_same_round() {
    let tenant = Tenant::generated(Size { users: 200, ..Size::default() }, 11);
    let mut client = Client::of(&tenant).await;
    let mut follower = Follower::new("/v1.0/users/delta?$select=jobTitle");
    follower.round(&mut client).await;
    let ids: Vec<String> = follower.objects.keys().cloned().collect();
    for id in &ids {
        tenant.update(id, json!({ "jobTitle": "Newest" })).unwrap();
    }
    tenant.set_unruly(Unruly { replays: true, ..Unruly::default() });
    let (entries, _) = round(&mut client, &follower.link).await;
    assert!(entries.iter().any(|entry| entry["jobTitle"] != "Newest"), "an older state was told");
    for id in &ids {
        let last = entries.iter().rfind(|entry| entry["id"] == id.as_str()).unwrap();
        assert_eq!(last["jobTitle"], "Newest");
    }
}
