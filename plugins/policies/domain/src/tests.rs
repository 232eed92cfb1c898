//! What people get from the policy, as tables.

use crate::{Attribute, Domain, Settings};
use usher_plugin::{Candidate, Decision, Policy, User, Value, Verdict};

fn domain(domain: &str, attributes: &[Attribute]) -> Domain {
    Domain::configure(Settings { domain: domain.into(), attributes: attributes.to_vec() }).unwrap()
}

fn both() -> Domain {
    domain("domain.com", &[Attribute::UserName, Attribute::Emails])
}

fn candidate(user_name: Option<&str>, emails: Option<Value>) -> Candidate {
    let attributes = emails.into_iter().map(|emails| ("emails".to_owned(), emails)).collect();
    let user =
        User { id: "7".into(), user_name: user_name.map(str::to_owned), active: Some(true), attributes };
    Candidate { user, groups: Vec::new(), manager: None }
}

fn many(emails: &[&str]) -> Value {
    Value::Many(emails.iter().map(|&email| email.to_owned()).collect())
}

fn edited<'a>(verdict: &'a Verdict, attribute: &str) -> Option<&'a Value> {
    verdict.edits.iter().find(|edit| edit.attribute == attribute).map(|edit| &edit.value)
}

fn why_refused(given: &str) -> String {
    let settings = Settings { domain: given.into(), attributes: vec![Attribute::Emails] };
    let problems = Domain::configure(settings).expect_err(given);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place, "domain");
    problems[0].why.clone()
}

#[test]
fn f79_a_bare_id_becomes_an_address() {
    let table = [
        ("gd.hong", Some("gd.hong@domain.com")),
        ("  gd.hong ", Some("gd.hong@domain.com")),
        ("GD.Hong", Some("GD.Hong@domain.com")),
        ("o'brien+x", Some("o'brien+x@domain.com")),
        ("홍길동", Some("홍길동@domain.com")),
        ("gd.hong@other.example", None),
        ("gd.hong@", None),
        ("", None),
        ("  ", None),
    ];
    for (given, expected) in table {
        let verdict = both().review_user(&candidate(Some(given), Some(many(&["x@y.example"]))), None);
        assert_eq!(verdict.decision, Decision::Keep, "{given}");
        let expected = expected.map(|address| Value::Text(address.to_owned()));
        assert_eq!(edited(&verdict, "userName"), expected.as_ref(), "{given}");
        assert_eq!(edited(&verdict, "emails"), None, "{given}");
    }
}

#[test]
fn f79_emails_are_completed_and_nobody_stays_without_one() {
    /// userName, e-mails, and the e-mails afterwards where they change.
    type Row = (Option<&'static str>, Option<Value>, Option<&'static [&'static str]>);
    let table: [Row; 12] = [
        (Some("gd.hong"), Some(many(&["gd.hong"])), Some(&["gd.hong@domain.com"])),
        (Some("gd.hong"), Some(Value::Text("hong".into())), Some(&["hong@domain.com"])),
        (Some("gd.hong"), Some(many(&["a@b.example", "hong"])), Some(&["a@b.example", "hong@domain.com"])),
        (Some("gd.hong"), Some(many(&["hong", "HONG@domain.com"])), Some(&["hong@domain.com"])),
        (Some("gd.hong"), Some(many(&["a@b.example"])), None),
        (Some("gd.hong"), Some(Value::Text("a@b.example".into())), None),
        (Some("gd.hong"), None, Some(&["gd.hong@domain.com"])),
        (Some("gd.hong"), Some(many(&[])), Some(&["gd.hong@domain.com"])),
        (Some("gd.hong"), Some(many(&["", " "])), Some(&["gd.hong@domain.com"])),
        (Some("gd.hong@b.example"), None, Some(&["gd.hong@b.example"])),
        (None, Some(many(&["hong"])), Some(&["hong@domain.com"])),
        (None, None, None),
    ];
    for (user_name, emails, expected) in table {
        let verdict = both().review_user(&candidate(user_name, emails.clone()), None);
        assert_eq!(verdict.decision, Decision::Keep, "{user_name:?} {emails:?}");
        assert_eq!(edited(&verdict, "emails"), expected.map(many).as_ref(), "{user_name:?} {emails:?}");
    }
}

#[test]
fn f79_only_the_named_attributes_are_completed() {
    let bare = candidate(Some("gd.hong"), Some(many(&["hong"])));
    let verdict = domain("domain.com", &[Attribute::UserName]).review_user(&bare, None);
    assert_eq!(edited(&verdict, "userName"), Some(&Value::Text("gd.hong@domain.com".into())));
    assert_eq!(edited(&verdict, "emails"), None);

    let verdict =
        domain("domain.com", &[Attribute::Emails]).review_user(&candidate(Some("gd.hong"), None), None);
    assert_eq!(edited(&verdict, "userName"), None);
    assert_eq!(edited(&verdict, "emails"), Some(&many(&["gd.hong@domain.com"])));
}

#[test]
fn f79_an_id_that_cannot_be_an_address_is_held_with_the_reason() {
    let table = [
        ("gd hong", "userName `gd hong` can't be the local part of an address: it has a space"),
        (
            ".hong",
            "userName `.hong` can't be the local part of an address: a dot stands at its edge or beside another",
        ),
        (
            "gd..hong",
            "userName `gd..hong` can't be the local part of an address: a dot stands at its edge or beside another",
        ),
        (r"CORP\hong", r"userName `CORP\\hong` can't be the local part of an address: it has `\\`"),
        (
            "gd\u{202e}hong",
            r"userName `gd\u{202e}hong` can't be the local part of an address: it has `\u{202e}`",
        ),
    ];
    for (given, why) in table {
        let verdict = both().review_user(&candidate(Some(given), None), None);
        assert_eq!(verdict, Verdict::hold(why));
    }
    let verdict = both().review_user(&candidate(Some("hong"), Some(many(&["see the phone book"]))), None);
    let why = "e-mail `see the phone book` can't be the local part of an address: it has a space";
    assert_eq!(verdict, Verdict::hold(why));
    let long = "x".repeat(65);
    let verdict = both().review_user(&candidate(Some(&long), None), None);
    assert!(matches!(verdict.decision, Decision::Hold(why) if why.ends_with("longer than 64 bytes")));
}

#[test]
fn f79_domains_are_taken_as_people_write_them() {
    let table = [
        ("domain.com", "domain.com"),
        (" @Domain.COM ", "domain.com"),
        ("mail.corp.example", "mail.corp.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("München.example", "münchen.example"),
        ("한국.example", "한국.example"),
        ("हिन्दी.example", "हिन्दी.example"),
    ];
    for (given, expected) in table {
        let verdict = domain(given, &[Attribute::UserName]).review_user(&candidate(Some("a"), None), None);
        assert_eq!(edited(&verdict, "userName"), Some(&Value::Text(format!("a@{expected}"))), "{given}");
    }
}

#[test]
fn f79_what_is_no_domain_is_refused_with_the_reason() {
    let table = [
        ("", "it is empty"),
        ("@", "it is empty"),
        ("acme", "it needs a dot, as in acme.example"),
        ("acme..example", "a dot stands at its edge or beside another"),
        ("acme.example.", "a dot stands at its edge or beside another"),
        ("-acme.example", "`-acme` has a hyphen at its edge"),
        ("a_b.example", "it has `_`"),
        ("a b.example", "it has a space"),
        ("@@acme.example", "it has `@`"),
        ("https://acme.example", "it has `:`"),
        ("192.0.2.7", "it ends in a number, as an IP address does"),
        ("acme\u{3002}example", "it has `。`"),
    ];
    for (given, why) in table {
        assert_eq!(why_refused(given), format!("`{given}` is not a mail domain: {why}"));
    }
    assert!(why_refused(&format!("{}.example", "a".repeat(64))).ends_with("longer than 63 bytes"));
    assert!(why_refused(&"abc.".repeat(70)).ends_with("longer than 253 bytes"));
}

#[test]
fn f79_settings_come_as_json_with_defaults() {
    let settings: Settings = serde_json::from_str(r#"{"domain":"domain.com"}"#).unwrap();
    assert_eq!(settings.attributes, [Attribute::UserName, Attribute::Emails]);
    assert!(serde_json::from_str::<Settings>(r#"{"domain":"d.example","attributes":["title"]}"#).is_err());
    let nothing = Settings { domain: "d.example".into(), attributes: Vec::new() };
    assert_eq!(Domain::configure(nothing).unwrap_err()[0].place, "attributes");
}
