//! One record of Graph as one of the contract.

use serde_json::json;
use usher_method_m365::group::Team;
use usher_method_m365::settings::{Cloud, Settings};
use usher_method_m365::user::{Person, select};
use usher_plugin::{GroupKind, Value};

fn person(value: serde_json::Value) -> Person {
    serde_json::from_value(value).unwrap()
}

#[test]
fn f12_a_user_has_the_names_of_rfc_7643() {
    let user = person(json!({
        "@odata.type": "#microsoft.graph.user",
        "id": "AB0F8E34-0000-4000-8000-00000000000F",
        "userPrincipalName": "Ann@acme.example", "accountEnabled": false, "displayName": "Ann Ähn",
        "givenName": "Ann", "surname": "Ähn", "jobTitle": "Lead", "department": "R&D", "companyName": "Acme",
        "employeeId": "007", "businessPhones": ["+1 2", "+3 4"], "mobilePhone": null, "faxNumber": "",
        "city": "Seoul", "country": "KR", "mail": "ann@acme.example", "userType": "Member",
        "proxyAddresses": ["smtp:b@acme.example", "SMTP:ann@acme.example"], "otherMails": [],
        "assignedLicenses": [{ "skuId": "BB", "disabledPlans": [] }, { "skuId": "aa" }],
        "employeeOrgData": { "costCenter": "42", "division": null },
        "onPremisesSyncEnabled": true,
        "manager": { "@odata.type": "#microsoft.graph.user", "id": "BOB" },
        "extension_00000000000000000000000000000000_badge": 7,
        "somethingNew": { "deep": [1] },
    }))
    .whole();
    assert_eq!(user.id, "ab0f8e34-0000-4000-8000-00000000000f");
    assert_eq!((user.user_name.as_deref(), user.active), (Some("Ann@acme.example"), Some(false)));
    let text = |name: &str| user.attribute(name).and_then(Value::as_text);
    for (name, value) in [
        ("displayName", "Ann Ähn"),
        ("name.givenName", "Ann"),
        ("name.familyName", "Ähn"),
        ("title", "Lead"),
        ("department", "R&D"),
        ("organization", "Acme"),
        ("employeeNumber", "007"),
        ("phoneNumbers.work", "+1 2"),
        ("addresses.work.locality", "Seoul"),
        ("addresses.work.country", "KR"),
        ("mail", "ann@acme.example"),
        ("userType", "Member"),
        ("costCenter", "42"),
        ("manager", "bob"),
    ] {
        assert_eq!(text(name), Some(value), "{name}");
    }
    let many = |name: &str| user.attribute(name).cloned();
    assert_eq!(many("emails"), Some(Value::Many(vec!["Ann@acme.example".into()])));
    assert_eq!(
        many("proxyAddresses"),
        Some(Value::Many(vec!["SMTP:ann@acme.example".into(), "smtp:b@acme.example".into()]))
    );
    assert_eq!(many("assignedLicenses"), Some(Value::Many(vec!["aa".into(), "bb".into()])));
    assert_eq!(many("onPremisesSyncEnabled"), Some(Value::Truth(true)));
    assert_eq!(many("extension_00000000000000000000000000000000_badge"), Some(Value::Whole(7)));
    for nothing in ["phoneNumbers.mobile", "phoneNumbers.fax", "otherMails", "division", "somethingNew"] {
        assert_eq!(user.attribute(nothing), None, "{nothing}");
    }
}

#[test]
fn f12_a_change_tells_cleared_from_not_named() {
    let user = person(json!({ "id": "a", "jobTitle": null, "otherMails": [], "manager@delta": [
        { "id": "BOB", "@odata.type": "#microsoft.graph.user", "@removed": { "reason": "deleted" } } ] }))
    .patch();
    assert_eq!((user.user_name, user.active), (None, None));
    let cleared = ["title", "manager", "otherMails"].map(|name| (name.to_owned(), Value::Cleared));
    assert_eq!(user.attributes, cleared);
    let user = person(json!({ "id": "a", "manager@delta": [
        { "id": "BOB", "@removed": { "reason": "deleted" } }, { "id": "CAT" } ] }));
    assert_eq!(user.patch().attributes, [("manager".to_owned(), Value::Text("cat".into()))]);
}

#[test]
fn f12_attributes_of_the_operator_s_are_asked_for() {
    let own = "extension_0123456789abcdef0123456789abcdef_costCentre".to_owned();
    let asked = select(&[own.clone(), "extensionAttribute7".into()]);
    assert!(asked.starts_with("id,userPrincipalName,"), "{asked}");
    assert!(asked.contains(&own) && asked.contains("onPremisesExtensionAttributes"), "{asked}");
    assert!(!select(&[]).contains("onPremisesExtensionAttributes"));
    let user = person(json!({ "id": "a", "onPremisesExtensionAttributes":
        { "extensionAttribute7": "seven", "extensionAttribute8": null } }));
    assert_eq!(user.whole().attributes, [("extensionAttribute7".to_owned(), Value::Text("seven".into()))]);
}

#[test]
fn f18_a_group_s_type() {
    for (types, mail, security, kind) in [
        (vec![], false, true, GroupKind::Security),
        (vec![], true, true, GroupKind::MailEnabledSecurity),
        (vec![], true, false, GroupKind::Distribution),
        (vec!["Unified"], true, false, GroupKind::Microsoft365),
        (vec!["Unified"], true, true, GroupKind::Microsoft365),
        (vec!["DynamicMembership"], false, true, GroupKind::Security),
        (vec!["DynamicMembership", "Unified"], true, false, GroupKind::Microsoft365),
    ] {
        let team: Team = serde_json::from_value(serde_json::json!({ "id": "G", "displayName": "g",
            "groupTypes": types, "mailEnabled": mail, "securityEnabled": security }))
        .unwrap();
        assert_eq!(team.whole().kind, Some(kind), "{types:?} {mail} {security}");
    }
    let team: Team = serde_json::from_value(json!({ "id": "G", "securityEnabled": true })).unwrap();
    assert!(team.has_doubtful_kind());
    let team: Team = serde_json::from_value(json!({ "id": "G", "displayName": "x" })).unwrap();
    assert!(!team.has_doubtful_kind());
}

#[test]
fn settings_say_what_is_wrong_with_them() {
    let base = Settings { tenant_id: "t".into(), client_id: "c".into(), ..Settings::default() };
    assert!(base.problems().is_empty());
    let places = |settings: Settings| -> Vec<String> {
        settings.problems().into_iter().map(|problem| problem.place).collect()
    };
    let custom = Settings { cloud: Cloud::Custom, ..base.clone() };
    assert_eq!(places(custom), ["graph_url", "login_url"]);
    assert_eq!(places(Settings { login_url: Some("https://x".into()), ..base.clone() }), ["login_url"]);
    for wrong in ["costCentre", "extensionAttribute16", "extensionAttribute01", "extension_short_x", "a,b"] {
        assert_eq!(places(Settings { attributes: vec![wrong.into()], ..base.clone() }), ["attributes"]);
    }
}
