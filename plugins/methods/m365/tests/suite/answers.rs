//! Pages that aren't as documented.

use serde_json::json;
use usher_method_m365::answer::{members, people, teams};
use usher_plugin::{Fault, MemberKind, ObjectRef};

#[test]
fn one_record_that_cant_be_read_doesnt_take_the_others_with_it() {
    let body = json!({ "value": [
        { "id": "A", "displayName": "a" },
        { "id": "B", "displayName": 7 },
        { "displayName": "nobody" },
        { "id": "C", "accountEnabled": "yes" },
        17,
    ] })
    .to_string();
    let people = people(&body).unwrap();
    assert_eq!(people.len(), 5);
    assert!(people[0].is_ok());
    let bad: Vec<_> = people[1..].iter().map(|person| person.as_ref().unwrap_err()).collect();
    let whose: Vec<_> = bad.iter().map(|bad| bad.what.clone()).collect();
    let user = |id: &str| Some(ObjectRef::User(id.into()));
    assert_eq!(whose, [user("b"), None, user("c"), None]);
    assert_eq!(bad[0].place, "users, record 2 of the page");
    assert_eq!(bad[1].why, "Graph gave a record without an id");
}

#[test]
fn what_is_no_page_is_a_fault() {
    for body in ["{}", r#"{"value": {}}"#, "[]", "null", ""] {
        assert!(matches!(people(body), Err(Fault::Source(_))), "{body}");
        assert!(matches!(teams(body), Err(Fault::Source(_))), "{body}");
        assert!(matches!(members(body), Err(Fault::Source(_))), "{body}");
    }
}

#[test]
fn f17_devices_and_contacts_are_no_members_of_ours() {
    let kind = |kind: &str| json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": kind });
    let value = ["user", "device", "group", "orgContact", "servicePrincipal"].map(kind);
    let (members, more) = members(&json!({ "value": value, "@odata.nextLink": "x" }).to_string()).unwrap();
    let found: Vec<_> = members.iter().map(|member| (member.id.as_str(), member.kind)).collect();
    assert_eq!(found, [("user", MemberKind::User), ("group", MemberKind::Group)]);
    assert!(more);
}
