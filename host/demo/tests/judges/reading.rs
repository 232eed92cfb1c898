//! Lists, single objects, links, and what surrounds them.

use crate::library::{ADMINISTRATOR, READER, by, each, id, made_of};
use serde_json::json;
use usher_demo::{E3, F3, Tenant};

const USERS: [&str; 7] = [
    "ann@acme.example",
    "bob@acme.example",
    "cat@alt.example",
    "dan@acme.example",
    "eve@acme.example",
    "fay@acme.example",
    "shared@acme.example",
];
const GROUPS: [&str; 7] = ["G-eng", "G-eng-be", "G-root", "G-sales", "M-all", "U-proj", "US-sec"];

#[tokio::test]
async fn f12_microsofts_library_reads_what_the_tenant_has() {
    let tenant = Tenant::t1();
    let read = made_of(&tenant, "read", &READER).await;

    assert_eq!(read["first_page"], 3);
    let users = by(&read["users"], "userPrincipalName");
    assert_eq!(users.keys().copied().collect::<Vec<_>>(), USERS);
    for (upn, user) in &users {
        assert_eq!(user["type"], "User");
        assert_eq!(user["id"], id(&tenant, upn));
        assert_eq!(user["accountEnabled"], *upn != "fay@acme.example");
        let licences = match *upn {
            "shared@acme.example" => json!([]),
            "eve@acme.example" => json!([{ "disabledPlans": [], "skuId": F3.id }]),
            _ => json!([{ "disabledPlans": [], "skuId": E3.id }]),
        };
        assert_eq!(user["assignedLicenses"], licences, "{upn}");
    }
    let groups = by(&read["groups"], "displayName");
    assert_eq!(groups.keys().copied().collect::<Vec<_>>(), GROUPS);
    for (name, types, mail, security) in [
        ("G-root", json!([]), false, true),
        ("M-all", json!([]), true, false),
        ("U-proj", json!(["Unified"]), true, false),
        ("US-sec", json!(["Unified"]), true, true),
    ] {
        let group = groups[name];
        assert_eq!(group["id"], id(&tenant, name));
        assert_eq!(
            (&group["groupTypes"], &group["mailEnabled"], &group["securityEnabled"]),
            (&types, &mail.into(), &security.into())
        );
    }

    // One object by its name, with the properties that come unasked.
    let ann = &read["default"];
    assert_eq!((&ann["id"], &ann["givenName"]), (&id(&tenant, "ann@acme.example").into(), &"Ann".into()));
    assert!(ann.get("accountEnabled").is_none() && ann.get("assignedLicenses").is_none(), "{ann}");

    assert_eq!(each(&read["disabled"], "displayName"), ["Fay Fletcher"]);
    assert_eq!(each(&read["starting"], "displayName"), ["Bob Brandt"]);
    assert_eq!((&read["counted"], read["ending"].as_array().unwrap().len()), (&7.into(), 7));
    assert_eq!(each(&read["searched"], "displayName"), ["Cat Castaño"]);
    let sorted: Vec<_> =
        read["sorted"].as_array().unwrap().iter().map(|user| user["displayName"].as_str().unwrap()).collect();
    assert_eq!((sorted[0], sorted[6]), ("Shared", "Ann Abbot"));
    assert_eq!(read["count_of_users"], 7);
}

#[tokio::test]
async fn f22_microsofts_library_finds_managers() {
    let tenant = Tenant::t1();
    let read = made_of(&tenant, "managers", &READER).await;
    let bob = id(&tenant, "bob@acme.example");
    for (upn, user) in by(&read["led"], "userPrincipalName") {
        if upn == "ann@acme.example" {
            assert_eq!(user["manager"]["@odata.type"], "#microsoft.graph.user", "{user}");
            assert_eq!(user["manager"]["id"], bob);
            assert_eq!(user["manager"]["displayName"], "Bob Brandt");
        } else {
            assert!(user.get("manager").is_none(), "{user}");
        }
    }
    // Behind the link is a directory object, which the library takes for what it says it is.
    assert_eq!((&read["manager"]["type"], &read["manager"]["id"]), (&"User".into(), &bob.into()));
    assert_eq!(read["of_nobody"]["code"], "Request_ResourceNotFound");
}

#[tokio::test]
async fn f17_microsofts_library_walks_nested_groups() {
    let tenant = Tenant::t1();
    let read = made_of(&tenant, "links", &READER).await;
    let ids = |names: &[&str]| {
        let mut ids: Vec<String> = names.iter().map(|name| id(&tenant, name)).collect();
        ids.sort();
        ids
    };
    for (what, inside) in [
        ("members", &["G-eng", "G-sales"][..]),
        ("member_users", &["bob@acme.example"]),
        ("member_groups", &["G-eng-be"]),
        (
            "transitive",
            &[
                "G-eng",
                "G-sales",
                "G-eng-be",
                "ann@acme.example",
                "bob@acme.example",
                "cat@alt.example",
                "shared@acme.example",
                "fay@acme.example",
            ],
        ),
        (
            "transitive_users",
            &[
                "ann@acme.example",
                "bob@acme.example",
                "cat@alt.example",
                "shared@acme.example",
                "fay@acme.example",
            ],
        ),
        ("transitive_groups", &["G-eng", "G-sales", "G-eng-be"]),
        ("member_of", &["G-eng-be"]),
        ("transitive_member_of", &["G-eng-be", "G-eng", "G-root"]),
    ] {
        assert_eq!(each(&read[what], "id"), ids(inside), "{what}");
    }
    assert_eq!(read["count_of_transitive"], 8);
    // What is mixed says what it is, and the library makes models of it.
    for member in read["transitive"].as_array().unwrap() {
        let is_user = member.get("userPrincipalName").is_some();
        assert_eq!(member["type"], if is_user { "User" } else { "Group" }, "{member}");
    }
    let expanded = by(&read["expanded"], "displayName");
    assert_eq!(each(&expanded["G-root"]["members"], "id"), ids(&["G-eng", "G-sales"]));
    assert_eq!(expanded["M-all"].get("members").unwrap_or(&json!([])), &json!([]));
}

#[tokio::test]
async fn microsofts_library_reads_what_surrounds_users_and_groups() {
    let tenant = Tenant::t1();
    tenant.assign_role("Global Administrator", "bob@acme.example").unwrap();
    let read = made_of(&tenant, "organisation", &READER).await;

    let organisation = &read["organization"][0];
    assert_eq!(
        (&organisation["type"], &organisation["displayName"]),
        (&"Organization".into(), &"Acme".into())
    );
    assert_eq!(organisation["id"], tenant.id().to_string());
    assert_eq!(
        each(&organisation["verifiedDomains"], "name"),
        ["acme.example", "alt.example", "beta.example"]
    );
    let domains = by(&read["domains"], "id");
    assert_eq!(domains.len(), 4);
    assert_eq!(domains["partner.example"]["isVerified"], false);
    assert_eq!((&read["domain"]["id"], &read["domain"]["isDefault"]), (&"acme.example".into(), &true.into()));

    let skus = by(&read["skus"], "skuId");
    for (sku, consumed) in [(E3, 5), (F3, 1)] {
        let told = skus[sku.id];
        assert_eq!((&told["skuPartNumber"], &told["consumedUnits"]), (&sku.part.into(), &consumed.into()));
        assert_eq!(told["prepaidUnits"]["enabled"], sku.units);
        assert_eq!(told["servicePlans"][0]["servicePlanId"], sku.plan.0);
    }

    let administrators = by(&read["roles"], "displayName")["Global Administrator"];
    assert_eq!(administrators["roleTemplateId"], "62e90394-69f5-4237-9190-012177145e10");
    assert_eq!(each(&read["role_members"], "id"), [id(&tenant, "bob@acme.example")]);
    assert_eq!(read["role_members"][0]["type"], "User");
    let roles = by(&read["principal"][0]["appRoles"], "value");
    assert_eq!(roles["User.Read.All"]["id"], "df021288-bdef-4463-88db-98f22de89214");
}

#[tokio::test]
async fn microsofts_library_sends_several_requests_at_once() {
    let tenant = Tenant::t1();
    let said = made_of(&tenant, "batch", &[READER, ADMINISTRATOR].concat()).await;
    assert_eq!(said["statuses"], json!({ "list": 200, "one": 200, "none": 404, "patch": 204 }));
    assert_eq!(each(&said["users"], "userPrincipalName"), USERS);
    assert_eq!(said["one"]["id"], id(&tenant, "ann@acme.example"));
    assert_eq!(said["error"]["error"]["code"], "Request_ResourceNotFound");
    assert_eq!(said["dan"]["jobTitle"], "Auditor");
    let sent = tenant.requests();
    assert_eq!(sent.iter().filter(|request| request.path.contains("$batch")).count(), 1);
}
