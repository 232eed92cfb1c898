//! Filters, searches, sorting and counting, and what they need.

use crate::client::Client;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::prelude::*;
use serde_json::json;
use usher_demo::{E3, Tenant};

/// The first names that a query finds.
async fn found(client: &mut Client, target: &str) -> Vec<String> {
    let all = client.all(target).await;
    all.iter()
        .map(|element| element["displayName"].as_str().unwrap().split(' ').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn plain_filters_find() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    let ann = tenant.user("ann@acme.example").unwrap();
    for (filter, expected) in [
        ("accountEnabled eq false", vec!["Fay"]),
        ("startswith(displayName,'c')", vec!["Cat"]),
        ("startswith(displayName,'C') eq true", vec!["Cat"]),
        ("userPrincipalName eq 'CAT@ALT.EXAMPLE'", vec!["Cat"]),
        ("department eq 'Sales' and accountEnabled eq true", vec!["Cat", "Shared"]),
        ("department eq 'Finance' or department eq 'Product'", vec!["Dan", "Eve"]),
        (
            "(department eq 'Sales' or department eq 'Product') and accountEnabled eq true",
            vec!["Cat", "Eve", "Shared"],
        ),
        ("surname in ('Doyle', 'Brandt')", vec!["Bob", "Dan"]),
        ("userType eq 'Guest'", vec![]),
        ("createdDateTime ge 2026-01-05T08:00:00Z and startswith(mail,'eve')", vec!["Eve"]),
        (&format!("id eq '{ann}'"), vec!["Ann"]),
        (&format!("id in ('{}')", ann.to_string().to_uppercase()), vec!["Ann"]),
        (
            &format!("assignedLicenses/any(l:l/skuId eq {}) and startswith(displayName,'d')", E3.id),
            vec!["Dan"],
        ),
        ("proxyAddresses/any(p:startswith(p,'smtp:bob'))", vec!["Bob"]),
        ("surname eq 'O''Neil'", vec![]),
    ] {
        assert_eq!(found(&mut client, &format!("/v1.0/users?$filter={filter}")).await, expected, "{filter}");
    }
    for (filter, expected) in [
        ("groupTypes/any(c:c eq 'Unified')", vec!["U-proj", "US-sec"]),
        ("groupTypes/any(c:c+eq+'Unified') and securityEnabled eq true", vec!["US-sec"]),
        ("mailEnabled eq true and securityEnabled eq false", vec!["M-all", "U-proj"]),
        ("displayName eq 'G-eng'", vec!["G-eng"]),
    ] {
        assert_eq!(found(&mut client, &format!("/v1.0/groups?$filter={filter}")).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn advanced_filters_need_the_header_and_the_count() {
    let tenant = Tenant::t1();
    let mut client = Client::of(&tenant).await;
    tenant.update("dan@acme.example", json!({ "companyName": "Acme" })).unwrap();
    let filters = [
        ("accountEnabled ne true", vec!["Fay"]),
        ("not startswith(displayName,'S') and not(department eq 'Sales')", vec!["Ann", "Bob", "Dan", "Eve"]),
        ("endswith(userPrincipalName,'@alt.example')", vec!["Cat"]),
        ("assignedLicenses/$count eq 0", vec!["Shared"]),
        ("assignedLicenses/$count ne 0 and department eq 'Sales'", vec!["Cat", "Fay"]),
        ("companyName eq 'Acme'", vec!["Dan"]),
        ("givenName eq null", vec!["Shared"]),
        ("companyName ne null and NOT(companyName eq 'Other')", vec!["Dan"]),
    ];
    for (filter, _) in &filters {
        for count in ["", "&$count=true"] {
            let reply = client.get(&format!("/v1.0/users?$filter={filter}{count}")).await;
            assert_eq!(reply.error(), (400, "Request_UnsupportedQuery".to_owned()), "{filter}");
        }
    }
    let many =
        |count| format!("/v1.0/users?$count=true&$filter=surname in ({})", vec!["'Doyle'"; count].join(","));
    assert_eq!(found(&mut client, &many(15)).await, ["Dan"]);
    assert_eq!(client.get(&many(16)).await.status, 400);
    client = client.with("ConsistencyLevel", "eventual");
    assert_eq!(found(&mut client, &many(16)).await, ["Dan"]);
    for (filter, expected) in &filters {
        assert_eq!(client.get(&format!("/v1.0/users?$filter={filter}")).await.status, 400, "{filter}");
        assert_eq!(
            &found(&mut client, &format!("/v1.0/users?$count=true&$filter={filter}")).await,
            expected,
            "{filter}"
        );
        let reply = client.get(&format!("/v1.0/users/$count?$filter={filter}")).await;
        assert_eq!(reply.text(), expected.len().to_string(), "{filter}");
    }
}

#[tokio::test]
async fn what_is_unsupported_or_wrong_names_its_place() {
    let mut client = Client::of(&Tenant::t1()).await;
    for (target, code, place) in [
        ("users?$filter=aboutMe eq 'x'", "Request_UnsupportedQuery", "aboutMe"),
        ("groups?$filter=createdDateTime ge 2021-11-01", "Request_UnsupportedQuery", "createdDateTime"),
        ("users?$filter=startswith(jobTitle,'x')", "Request_UnsupportedQuery", "jobTitle"),
        ("users?$filter=displayName gt 'x'", "Request_UnsupportedQuery", "displayName"),
        ("users?$filter=displayName eq", "Request_BadRequest", "position 14"),
        ("users?$filter=displayName eq 'x", "Request_BadRequest", "position 15"),
        ("users?$filter=(displayName eq 'x'", "Request_BadRequest", "position 19"),
        ("users?$filter=displayName like 'x'", "Request_BadRequest", "position 12"),
        ("users?$filter=contains(displayName,'x')", "Request_BadRequest", "position 0"),
        ("users?$filter=displayName eq 'x' displayName", "Request_BadRequest", "position 19"),
        (&format!("users?$filter=displayName eq '{}'", "x".repeat(121)), "Request_BadRequest", "displayName"),
        ("users?$orderby=jobTitle", "Request_UnsupportedQuery", "jobTitle"),
        ("users?$orderby=displayName sideways", "Request_BadRequest", "sideways"),
        ("users?$count=perhaps", "Request_BadRequest", "perhaps"),
        ("users/$count", "Request_BadRequest", "$count"),
    ] {
        let reply = client.get(&format!("/v1.0/{target}")).await;
        assert_eq!(reply.error(), (400, code.to_owned()), "{target}: {}", reply.text());
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(place), "{target}: {message}");
    }
}

#[tokio::test]
async fn endless_filters_are_refused() {
    let mut client = Client::of(&Tenant::t1()).await;
    for filter in [vec!["id eq 'x'"; 30_000].join(" or "), "not ".repeat(30_000), "(".repeat(30_000)] {
        let url = format!("/users?$filter={filter}");
        let batch = json!({ "requests": [{ "id": "1", "method": "GET", "url": url }] });
        let reply = client.post("/v1.0/$batch", &batch).await.json();
        assert_eq!(reply["responses"][0]["status"], 400);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_is_answered(
        resource in prop::sample::select(vec!["users", "groups", "users/delta", "groups/delta", "servicePrincipals", "directoryRoles"]),
        option in prop::sample::select(vec!["$filter", "$search", "$orderby", "$select", "$expand", "$skiptoken", "$deltatoken", "$top"]),
        words in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "displayName", "eq", "ne", "not", "and", "or", "(", ")", ",", ":", "'x'", "null", "true", "5", "any", "in", "c",
                    "groupTypes/any(c:c", "startswith(", "/$count", "\"mail:x\"", "AND ", "id", "manager($select=id)", "'", "''", "-",
                ]).prop_map(str::to_owned),
                "[^\\x00-\\x1f&#]{0,4}",
            ],
            0..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = Client::of(&Tenant::t1()).await;
            let value: String = percent_encode(words.join(" ").as_bytes(), NON_ALPHANUMERIC).to_string();
            let reply = client.get(&format!("/v1.0/{resource}?{option}={value}")).await;
            prop_assert!([200, 400].contains(&reply.status), "{}", reply.text());
            prop_assert!(reply.json()["value"].is_array() || reply.json()["error"]["code"].is_string());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn searches_need_the_header_and_find_words() {
    let mut client = Client::of(&Tenant::t1()).await;
    let reply = client.get("/v1.0/users?$search=\"displayName:ann\"").await;
    assert_eq!(reply.error(), (400, "Request_UnsupportedQuery".to_owned()));
    client = client.with("ConsistencyLevel", "eventual");
    for (search, expected) in [
        ("\"displayName:doy\"", vec!["Dan"]),
        ("\"displayName:dan doy\"", vec!["Dan"]),
        ("\"displayName:oyle\"", vec![]),
        ("\"mail:bob\" OR \"displayName:Abbot\"", vec!["Ann", "Bob"]),
        ("\"mail:bob\" AND \"displayName:Abbot\"", vec![]),
    ] {
        assert_eq!(found(&mut client, &format!("/v1.0/users?$search={search}")).await, expected, "{search}");
    }
    for wrong in ["displayName:ann", "\"ann\"", "\"displayName:ann"] {
        assert_eq!(client.get(&format!("/v1.0/users?$search={wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn counts_are_there_only_for_who_takes_what_may_be_old() {
    let mut client = Client::of(&Tenant::t1()).await;
    assert!(client.json("/v1.0/users?$count=true&$top=2").await.get("@odata.count").is_none());
    client = client.with("consistencylevel", "Eventual");
    let page = client.json("/v1.0/users?$count=true&$top=2").await;
    assert_eq!((&page["@odata.count"], page["value"].as_array().unwrap().len()), (&json!(7), 2));
    assert_eq!(client.get("/v1.0/groups/$count").await.text(), "7");
    let target = "/v1.0/users?$filter=startswith(department,'s')&$orderby=displayName desc";
    assert_eq!(client.get(target).await.status, 400);
    assert_eq!(found(&mut client, &format!("{target}&$count=true&$top=1")).await, ["Shared", "Fay", "Cat"]);
    assert_eq!(
        client.get("/v1.0/users?$expand=manager&$count=true").await.error().1,
        "Request_UnsupportedQuery"
    );
}
