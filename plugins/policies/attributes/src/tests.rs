//! What people get from the policy, as tables.

use crate::Attributes;
use serde_json::{Value as Json, json};
use usher_plugin::{Candidate, Decision, Policy, User, Value, Verdict};

fn policy(settings: Json) -> Attributes {
    Attributes::configure(serde_json::from_value(settings).unwrap()).unwrap()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn ann(attributes: &[(&str, Value)]) -> Candidate {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let user =
        User { id: "7".into(), user_name: Some("ann@acme.example".into()), active: Some(true), attributes };
    Candidate { user, groups: Vec::new(), manager: None }
}

/// What is edited, in order.
fn edits(settings: Json, attributes: &[(&str, Value)]) -> Vec<(String, Value)> {
    let verdict = policy(settings).review_user(&ann(attributes), None);
    assert_eq!(verdict.decision, Decision::Keep);
    verdict.edits.into_iter().map(|edit| (edit.attribute, edit.value)).collect()
}

fn edited(expected: &[(&str, Value)]) -> Vec<(String, Value)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn places(settings: Json) -> Vec<(String, String)> {
    let problems = Attributes::configure(serde_json::from_value(settings).unwrap()).unwrap_err();
    problems.into_iter().map(|problem| (problem.place, problem.why)).collect()
}

#[test]
fn an_attribute_gets_the_value_of_another() {
    let map = || json!({ "map": { "title": "employeeType" } });
    let given = [("employeeType", text("Chief")), ("title", text("old"))];
    assert_eq!(edits(map(), &given), edited(&[("title", text("Chief"))]));
    assert_eq!(edits(map(), &[("title", text("old"))]), edited(&[("title", Value::Cleared)]));
    assert_eq!(edits(map(), &[]), []);
    let same = [("employeeType", text("Chief")), ("title", text("Chief"))];
    assert_eq!(edits(map(), &same), [], "what is so already is no edit");
    let many = Value::Many(vec!["a".into(), "b".into()]);
    assert_eq!(edits(map(), &[("employeeType", many.clone())]), edited(&[("title", many)]));
}

#[test]
fn two_attributes_can_be_swapped() {
    let given = [("department", text("Sales")), ("division", text("North"))];
    let swapped = edited(&[("department", text("North")), ("division", text("Sales"))]);
    assert_eq!(
        edits(json!({ "map": { "department": "division", "division": "department" } }), &given),
        swapped
    );
    assert_eq!(
        edits(json!({ "rename": { "department": "division", "division": "department" } }), &given),
        swapped
    );
}

#[test]
fn an_attribute_is_renamed_and_its_old_name_goes() {
    let rename = || json!({ "rename": { "extension_1_cost": "costCenter" } });
    let expected = edited(&[("costCenter", text("77")), ("extension_1_cost", Value::Cleared)]);
    assert_eq!(edits(rename(), &[("extension_1_cost", text("77"))]), expected);
    assert_eq!(edits(rename(), &[("extension_1_cost", text("77")), ("costCenter", text("1"))]), expected);
    assert_eq!(edits(rename(), &[("costCenter", text("1"))]), [], "who has it under that name keeps it");
    // The id of a record can be copied, as nothing else that is the source's.
    let copied = edits(json!({ "map": { "employeeNumber": "id" } }), &[]);
    assert_eq!(copied, edited(&[("employeeNumber", text("7"))]));
}

#[test]
fn what_is_missing_is_filled_and_what_is_there_stays() {
    let fill =
        || json!({ "default": { "department": "Staff", "vip": false, "floor": 3, "roles": ["reader"] } });
    let expected = edited(&[
        ("department", text("Staff")),
        ("floor", Value::Whole(3)),
        ("roles", Value::Many(vec!["reader".into()])),
        ("vip", Value::Truth(false)),
    ]);
    assert_eq!(edits(fill(), &[("department", text(" "))]), expected);
    let given = [("department", text("Sales")), ("vip", Value::Truth(true)), ("floor", Value::Whole(0))];
    assert_eq!(edits(fill(), &given), edited(&[("roles", Value::Many(vec!["reader".into()]))]));
    // What a mapping leaves empty is filled too.
    let both = json!({ "map": { "title": "employeeType" }, "default": { "title": "Member" } });
    assert_eq!(edits(both, &[("title", text("old"))]), edited(&[("title", text("Member"))]));
}

#[test]
fn an_attribute_is_dropped() {
    let drop = || json!({ "drop": ["phoneNumbers.mobile"] });
    let expected = edited(&[("phoneNumbers.mobile", Value::Cleared)]);
    assert_eq!(edits(drop(), &[("phoneNumbers.mobile", text("+1"))]), expected);
    assert_eq!(edits(drop(), &[]), []);
}

#[test]
fn a_user_name_can_be_mapped_and_not_lost() {
    let mapped = policy(json!({ "map": { "userName": "mail" } }));
    let verdict = mapped.review_user(&ann(&[("mail", text("a@x.example"))]), None);
    assert_eq!(verdict, Verdict::keep().with("userName", text("a@x.example")));
    for (attributes, why) in [
        (vec![], "map.userName (mail): would have no userName any more"),
        (vec![("mail", Value::Whole(3))], "map.userName (mail): would have a userName that is no text"),
    ] {
        assert_eq!(mapped.review_user(&ann(&attributes), None).decision, Decision::Hold(why.to_owned()));
    }
    let active = policy(json!({ "map": { "active": "enabled" } }));
    let off = active.review_user(&ann(&[("enabled", Value::Truth(false))]), None);
    assert_eq!(off, Verdict::keep().with("active", Value::Truth(false)));
    let held = active.review_user(&ann(&[("enabled", text("yes"))]), None);
    let why = "map.active (enabled): would have an `active` that is neither true nor false";
    assert_eq!(held.decision, Decision::Hold(why.to_owned()));
    let held = active.review_user(&ann(&[]), None);
    let why = "map.active (enabled): would be neither active nor inactive";
    assert_eq!(held.decision, Decision::Hold(why.to_owned()));
}

#[test]
fn what_cant_be_done_is_refused_with_its_place() {
    let table = [
        (json!({ "map": { "id": "mail" } }), "map.id", "a record's id is its source's; choose it there"),
        (json!({ "map": { "title": " x" } }), "map.title", "` x` is no attribute's name"),
        (json!({ "rename": { "a": "" } }), "rename.a", "`` is no attribute's name"),
        (json!({ "rename": { "a": "a" } }), "rename.a", "has that name already"),
        (json!({ "rename": { "a": "x", "b": "x" } }), "rename.b", "x gets two values"),
        (json!({ "map": { "x": "y" }, "rename": { "a": "x" } }), "rename.a", "x gets two values"),
        (json!({ "rename": { "id": "x" } }), "rename.id", "a record's id is its source's; `map` can copy it"),
        (
            json!({ "rename": { "userName": "x" } }),
            "rename.userName",
            "nobody can be without userName; `map` can copy it",
        ),
        (
            json!({ "rename": { "a": "b" }, "default": { "a": "x" } }),
            "rename.a",
            "a goes, and gets a default",
        ),
        (json!({ "map": { "path": "x" } }), "map.path", "path is the host's own word, and no attribute"),
        (json!({ "default": { "x": "" } }), "default.x", "is empty; give a value"),
        (
            json!({ "default": { "active": "yes" } }),
            "default.active",
            "would have an `active` that is neither true nor false",
        ),
        (json!({ "drop": ["userName"] }), "drop[0]", "nobody can be without userName"),
        (json!({ "drop": ["a", "a"] }), "drop[1]", "a stands here already"),
        (json!({ "drop": ["x"], "map": { "x": "y" } }), "drop[0]", "x gets a value by another setting"),
        (json!({ "drop": ["a"], "rename": { "a": "b" } }), "drop[0]", "a is renamed"),
    ];
    for (settings, place, why) in table {
        assert_eq!(places(settings.clone()), [(place.to_owned(), why.to_owned())], "{settings}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let told = places(json!({ "map": { "id": "" }, "default": { "x": [] }, "drop": [""] }));
    let told: Vec<_> = told.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(told, ["map.id", "map.id", "default.x", "drop[0]"]);
}
