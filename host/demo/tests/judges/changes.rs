//! Rounds of changes, which the library's own edits bring about.

use crate::library::{ADMINISTRATOR, READER, by, each, id, made_of};
use serde_json::{Value, json};
use usher_demo::{Pages, Tenant};

/// What came in a round, without what the library's models say of themselves.
fn came(said: &Value, round: usize) -> Vec<Value> {
    let mut came = said["rounds"][round]["came"].as_array().unwrap_or_else(|| panic!("{said}")).clone();
    for object in &mut came {
        let object = object.as_object_mut().unwrap();
        object.remove("type");
        object.remove("@odata.type");
    }
    came
}

fn link(id: &str, reason: Option<&str>) -> Value {
    let mut link = json!({ "@odata.type": "#microsoft.graph.user", "id": id });
    if let Some(reason) = reason {
        link["@removed"] = json!({ "reason": reason });
    }
    link
}

#[tokio::test]
async fn f12_microsofts_library_follows_users_that_it_edits() {
    let tenant = Tenant::t1();
    tenant.set_pages(Pages { users: 3, ..Pages::default() });
    let said = made_of(&tenant, "users_delta", &[READER, ADMINISTRATOR].concat()).await;
    let gus = said["gus"].as_str().unwrap();
    let bob = id(&tenant, "bob@acme.example");

    // Everybody once, page by page, with the manager as a link.
    assert_eq!(said["rounds"][0]["pages"], json!([3, 3, 1]));
    let first = by(&said["rounds"][0]["came"], "id");
    assert_eq!(first.len(), 7);
    let ann = first[id(&tenant, "ann@acme.example").as_str()];
    assert_eq!(ann["manager@delta"], json!([link(&bob, None)]));
    assert_eq!((&ann["type"], &ann["jobTitle"]), (&"User".into(), &"Software Engineer".into()));

    let rounds: Vec<Vec<Value>> = (1..11).map(|round| came(&said, round)).collect();
    let object = |fields: Value| {
        let mut object = json!({ "id": gus });
        object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        vec![object]
    };
    let gone = |reason: &str| object(json!({ "@removed": { "reason": reason } }));
    let expected = [
        ("nothing happened", vec![]),
        ("made", object(json!({ "displayName": "Gus Grün", "accountEnabled": true }))),
        ("changed, the least of it", object(json!({ "jobTitle": "Gardener", "accountEnabled": false }))),
        (
            "led",
            object(json!({
                "displayName": "Gus Grün", "jobTitle": "Gardener", "accountEnabled": false,
                "manager@delta": [link(&bob, None)],
            })),
        ),
        (
            "not led",
            object(json!({
                "displayName": "Gus Grün", "jobTitle": "Gardener", "accountEnabled": false,
                "manager@delta": [link(&bob, Some("deleted"))],
            })),
        ),
        (
            "cleared, which the library's models have no word for",
            object(json!({ "displayName": "Gus Grün", "accountEnabled": false })),
        ),
        ("deleted", gone("changed")),
        ("restored", object(json!({ "displayName": "Gus Grün", "accountEnabled": false }))),
        ("deleted for good", gone("deleted")),
        ("nothing happened again", vec![]),
    ];
    for (number, (what, expected)) in expected.into_iter().enumerate() {
        assert_eq!(rounds[number], expected, "{what}");
    }

    assert_eq!(each(&said["in_bin"], "id"), [gus]);
    assert!(
        said["in_bin"][0]["deletedDateTime"].as_str().unwrap().starts_with("2026-01-05T08:00:00"),
        "{said}"
    );
    assert_eq!((&said["restored"]["type"], &said["restored"]["id"]), (&"User".into(), &gus.into()));
    assert_eq!(said["gone"]["code"], "Request_ResourceNotFound");
    assert_eq!(tenant.user("gus@beta.example"), None);
}

#[tokio::test]
async fn f12_microsofts_library_follows_groups_and_members_that_it_edits() {
    let tenant = Tenant::t1();
    tenant.set_pages(Pages { groups: 2, ..Pages::default() });
    let said = made_of(&tenant, "groups_delta", &[READER, ADMINISTRATOR].concat()).await;
    let new = said["new"].as_str().unwrap();

    assert_eq!(said["rounds"][0]["pages"], json!([2, 2, 2, 1]));
    let first = by(&said["rounds"][0]["came"], "displayName");
    let inside = |group: &str| each(&first[group]["members@delta"], "id");
    let mut below: Vec<String> = ["G-eng", "G-sales"].map(|name| id(&tenant, name)).to_vec();
    below.sort();
    assert_eq!(inside("G-root"), below);
    assert_eq!(first["G-root"]["members@delta"][0]["@odata.type"], "#microsoft.graph.group");
    assert!(first["M-all"].get("members@delta").is_none(), "{said}");

    let (dan, eve) = (id(&tenant, "dan@acme.example"), id(&tenant, "eve@acme.example"));
    let group = |name: &str, members: Option<Value>| {
        let mut group = json!({ "id": new, "displayName": name });
        if let Some(members) = members {
            group["members@delta"] = members;
        }
        vec![group]
    };
    for (round, what, expected) in [
        (1, "made with a member", group("G-new", Some(json!([link(&dan, None)])))),
        (2, "somebody came", group("G-new", Some(json!([link(&eve, None)])))),
        (3, "somebody went", group("G-new", Some(json!([link(&eve, Some("deleted"))])))),
        (4, "a change that isn't followed", vec![]),
        (5, "another name", group("G-newer", None)),
        // Only Microsoft 365 groups come back.
        (6, "deleted for good", vec![json!({ "id": new, "@removed": { "reason": "deleted" } })]),
    ] {
        assert_eq!(came(&said, round), expected, "{what}");
    }
}
