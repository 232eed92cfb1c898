//! What people get from the policy, as tables.

use crate::{EmailMethod, Method, Settings};
use usher_plugin::{Candidate, Decision, Policy, User, Value, Verdict};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn many(texts: &[&str]) -> Value {
    Value::Many(texts.iter().map(|&text| text.to_owned()).collect())
}

fn candidate(user_name: Option<&str>, attributes: &[(&str, Value)]) -> Candidate {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let user =
        User { id: "7".into(), user_name: user_name.map(str::to_owned), active: Some(true), attributes };
    Candidate { user, groups: Vec::new(), manager: None }
}

fn review(method: Method, candidate: &Candidate) -> Verdict {
    EmailMethod::configure(Settings { method }).unwrap().review_user(candidate, None)
}

/// The e-mails after the policy, those that stay as they are among them, or why somebody is left out.
fn emails(method: Method, candidate: &Candidate) -> Result<Vec<String>, String> {
    let verdict = review(method, candidate);
    match verdict.decision {
        Decision::Keep => {}
        Decision::LeaveOut(why) => return Err(why),
        Decision::Hold(why) => panic!("held: {why}"),
    }
    assert!(verdict.edits.len() <= 1);
    Ok(match verdict.edits.into_iter().next() {
        None => candidate.user.emails().map(str::to_owned).collect(),
        Some(edit) => {
            assert_eq!(edit.attribute, "emails");
            let Value::Many(emails) = edit.value else { panic!("{:?}", edit.value) };
            emails
        }
    })
}

fn cat() -> Candidate {
    let addresses = ["smtp:kitty@acme.example", "SMTP:Cat.Black@acme.example", "sip:cat@acme.example"];
    let attributes = [
        ("mail", text("cat@acme.example")),
        ("emails", many(&["cat@acme.example"])),
        ("proxyAddresses", many(&addresses)),
    ];
    candidate(Some("cat@alt.example"), &attributes)
}

#[test]
fn f25_cat_under_each_method() {
    let table = [
        (Method::Upn, &["cat@alt.example", "cat@acme.example"][..]),
        (Method::Mail, &["cat@acme.example"]),
        (Method::MailThenUpn, &["cat@acme.example"]),
        (Method::PrimarySmtp, &["Cat.Black@acme.example", "cat@acme.example"]),
    ];
    for (method, expected) in table {
        assert_eq!(emails(method, &cat()).unwrap(), expected, "{method:?}");
    }
    assert_eq!(review(Method::Mail, &cat()), Verdict::keep(), "what is so already is no edit");
    assert_eq!(Settings::default().method, Method::Upn);
}

#[test]
fn f25_who_has_no_such_address_is_left_out_with_the_reason() {
    let bare = candidate(Some("dan@acme.example"), &[]);
    let blank = candidate(Some("dan@acme.example"), &[("mail", text("  ")), ("emails", many(&[" "]))]);
    for dan in [bare, blank] {
        assert_eq!(emails(Method::Upn, &dan).unwrap(), ["dan@acme.example"]);
        assert_eq!(emails(Method::MailThenUpn, &dan).unwrap(), ["dan@acme.example"]);
        assert_eq!(emails(Method::Mail, &dan).unwrap_err(), "has no attribute `mail`");
        let why = emails(Method::PrimarySmtp, &dan).unwrap_err();
        assert_eq!(why, "has no primary address (SMTP:) among the proxyAddresses");
    }
    let nobody = candidate(None, &[]);
    assert_eq!(emails(Method::Upn, &nobody).unwrap_err(), "has no user principal name (userName)");
    let why = emails(Method::MailThenUpn, &nobody).unwrap_err();
    assert_eq!(why, "has neither an attribute `mail` nor a user principal name (userName)");
    for no_address in ["gd.hong", "@", "ann@", "@acme.example"] {
        let why = emails(Method::Upn, &candidate(Some(no_address), &[])).unwrap_err();
        assert_eq!(why, format!("`{no_address}` is no e-mail address"));
    }
    // Aliases alone make no mailbox's primary address.
    let aliases = candidate(Some("dan@acme.example"), &[("proxyAddresses", many(&["smtp:d@acme.example"]))]);
    assert!(emails(Method::PrimarySmtp, &aliases).is_err());
}

#[test]
fn f25_an_address_is_there_once_in_whatever_case() {
    let eve = candidate(
        Some(" Eve@acme.example "),
        &[("emails", many(&["eve@ACME.example", "e@acme.example", "EVE@acme.example"]))],
    );
    assert_eq!(emails(Method::Upn, &eve).unwrap(), ["Eve@acme.example", "e@acme.example"]);
    assert_eq!(emails(Method::Mail, &eve).unwrap_err(), "has no attribute `mail`", "`emails` are no `mail`");
}
