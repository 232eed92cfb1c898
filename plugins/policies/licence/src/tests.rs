//! What people get from the policy, as a table.

use crate::{Licence, Settings};
use usher_plugin::{Candidate, Decision, Policy, User, Value};

const E3: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";
const FLOW: &str = "f30db892-07e9-47e9-837c-80727f46fd3d";

fn candidate(licences: Option<Value>) -> Candidate {
    let attributes = licences.into_iter().map(|skus| ("assignedLicenses".to_owned(), skus)).collect();
    let user = User {
        id: "7".into(),
        user_name: Some("shared@acme.example".into()),
        active: Some(true),
        attributes,
    };
    Candidate { user, groups: Vec::new(), manager: None }
}

fn many(skus: &[&str]) -> Option<Value> {
    Some(Value::Many(skus.iter().map(|&sku| sku.to_owned()).collect()))
}

/// Why somebody is left out, if he is.
fn out(counting: &[&str], licences: Option<Value>) -> Option<String> {
    let settings = Settings { skus: counting.iter().map(|&sku| sku.to_owned()).collect() };
    match Licence::configure(settings).unwrap().review_user(&candidate(licences), None).decision {
        Decision::Keep => None,
        Decision::LeaveOut(why) => Some(why),
        Decision::Hold(why) => panic!("held: {why}"),
    }
}

#[test]
fn f21_who_has_no_licence_is_left_out_until_there_is_one() {
    for none in [None, many(&[]), many(&["", " "]), Some(Value::Cleared)] {
        assert_eq!(out(&[], none.clone()).as_deref(), Some("has no product licence (`assignedLicenses`)"));
        assert_eq!(out(&[E3], none).as_deref(), Some("has no product licence (`assignedLicenses`)"));
    }
    assert_eq!(out(&[], many(&[FLOW])), None);
    assert_eq!(out(&[], Some(Value::Text(E3.to_owned()))), None);
}

#[test]
fn f21_only_the_named_licences_count() {
    assert_eq!(out(&[E3], many(&[FLOW])).as_deref(), Some("none of the licences is in `skus`"));
    assert_eq!(out(&[E3], many(&[FLOW, E3])), None);
    assert_eq!(out(&[&E3.to_uppercase(), "x"], many(&[&format!(" {E3}")])), None);
}

#[test]
fn f21_a_blank_licence_is_refused_with_its_place() {
    let problems = Licence::configure(Settings { skus: vec![E3.into(), " ".into()] }).unwrap_err();
    assert_eq!((problems.len(), problems[0].place.as_str()), (1, "skus[1]"));
}
