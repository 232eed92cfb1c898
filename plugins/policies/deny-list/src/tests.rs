//! What people get from the policy and from reading a list.

use crate::{DenyList, Entries, Parsed, Settings, parse_list};
use usher_plugin::{Candidate, Decision, Policy, Problem, User, Value, Verdict};

fn list(entries: &[&str]) -> Entries {
    Entries::List(entries.iter().map(|&entry| entry.to_owned()).collect())
}

fn denying(entries: &[&str]) -> DenyList {
    DenyList::configure(Settings { entries: list(entries) }).unwrap()
}

fn problems(entries: Entries) -> Vec<Problem> {
    DenyList::configure(Settings { entries }).unwrap_err()
}

fn candidate(user_name: &str, emails: &[&str]) -> Candidate {
    let emails = Value::Many(emails.iter().map(|&email| email.to_owned()).collect());
    let user = User {
        id: "3".into(),
        user_name: Some(user_name.to_owned()),
        active: Some(true),
        attributes: vec![("emails".into(), emails)],
    };
    Candidate { user, groups: Vec::new(), manager: None }
}

fn reason(policy: &DenyList, user_name: &str, emails: &[&str]) -> Option<String> {
    match policy.review_user(&candidate(user_name, emails), None).decision {
        Decision::LeaveOut(reason) => Some(reason),
        Decision::Keep => None,
        Decision::Hold(reason) => panic!("held: {reason}"),
    }
}

#[test]
fn f23_cat_is_left_out_by_user_name_or_any_email() {
    let policy = denying(&["@alt.example"]);
    let named = Some("@alt.example matches cat@alt.example".to_owned());
    assert_eq!(reason(&policy, "cat@alt.example", &["cat@acme.example"]), named);
    assert_eq!(reason(&policy, "cat", &["cat@acme.example", "cat@alt.example"]), named);
    assert_eq!(reason(&policy, "ann@acme.example", &["ann@acme.example"]), None);
    let nobody = User { id: "1".into(), user_name: None, active: None, attributes: Vec::new() };
    let nobody = Candidate { user: nobody, groups: Vec::new(), manager: None };
    assert_eq!(policy.review_user(&nobody, None), Verdict::keep());
}

#[test]
fn f23_addresses_domains_and_wildcards() {
    let table = [
        // (entry, address, whether it matches)
        ("cat@alt.example", "cat@alt.example", true),
        ("cat@alt.example", " CAT@Alt.Example ", true),
        ("  Cat@ALT.example ", "cat@alt.example", true),
        ("cat@alt.example", "tomcat@alt.example", false),
        ("cat@alt.example", "cat@alt.example.org", false),
        ("ÉLODIE@alt.example", "élodie@alt.example", true),
        ("@alt.example", "cat@alt.example", true),
        ("@alt.example", "cat@sub.alt.example", false),
        ("@alt.example", "cat@notalt.example", false),
        ("@alt.example", "alt.example", false),
        ("@*.alt.example", "cat@sub.alt.example", true),
        ("@*.alt.example", "cat@alt.example", false),
        ("@alt.*", "cat@alt.example", true),
        ("@alt.*", "alt.example@acme.example", false),
        ("*@alt.example", "cat@alt.example", true),
        ("temp-*@acme.example", "temp-7@acme.example", true),
        ("temp-*@acme.example", "temp-@acme.example", true),
        ("temp-*@acme.example", "a.temp-7@acme.example", false),
        ("*contractor*", "the.contractors@acme.example", true),
        ("*contractor*", "ann@contractor.example", true),
        ("*contractor*", "ann@acme.example", false),
        ("gd.*", "gd.hong", true),
        ("*.example", "cat@alt.example", true),
        ("a*b*c@x.example", "aXbYc@x.example", true),
        ("a*b*c@x.example", "acb@x.example", false),
        ("a*a@x.example", "a@x.example", false),
        ("*robot*@x.example", "a.robot@x.example", true),
        ("*robot*@x.example", "robot@x.example", true),
        ("*robot*@x.example", "robo@x.example", false),
        ("b*robot*of*", "brobot@of.example", true),
        ("b*of*robot*", "brobot@of.example", false),
        ("*łódź*", "biuro.łódź@x.example", true),
        ("*한*", "김한솔@acme.example", true),
        ("é*", "e@x.example", false),
    ];
    for (entry, address, matches) in table {
        let told = reason(&denying(&[entry]), address, &[]);
        let expected = format!("{} matches {}", entry.trim().to_lowercase(), address.trim());
        assert_eq!(told, matches.then_some(expected), "{entry} against {address}");
    }
}

#[test]
fn f23_the_narrowest_entry_is_named_whatever_their_order() {
    let mut entries = ["*@alt.example", "c*@alt.example", "@alt.example", "cat@alt.example"];
    for _ in 0..entries.len() {
        entries.rotate_left(1);
        let policy = denying(&entries);
        let told = |address: &str| reason(&policy, address, &[]).unwrap();
        assert_eq!(told("cat@alt.example"), "cat@alt.example matches cat@alt.example");
        assert_eq!(told("cow@alt.example"), "@alt.example matches cow@alt.example");
    }
    let policy = denying(&["*@alt.example", "c*@alt.example"]);
    let told = reason(&policy, "cow@alt.example", &[]);
    assert_eq!(told.as_deref(), Some("c*@alt.example matches cow@alt.example"));
}

#[test]
fn f23_junk_is_refused_with_its_place() {
    let table = [
        ("", "`` is empty"),
        ("alt.example", "`alt.example` has neither an @ nor a *"),
        ("cat alt@alt.example", "`cat alt@alt.example` has a space in it"),
        ("cat@alt.example@acme.example", "`cat@alt.example@acme.example` has more than one @"),
        ("cat@", "`cat@` has nothing after its @"),
        ("@", "`@` has nothing after its @"),
        ("cat@.example", "`cat@.example` has a dot at the edge of its domain, or two together"),
        ("cat@alt..example", "`cat@alt..example` has a dot at the edge of its domain, or two together"),
        ("Cat <cat@alt.example>", "`Cat <cat@alt.example>` has a space in it"),
        ("<cat@alt.example>", "`<cat@alt.example>` has a `<` in it"),
        ("*", "`*` would leave out everybody"),
        ("*@*", "`*@*` would leave out everybody"),
        ("@*", "`@*` would leave out everybody"),
    ];
    for (entry, why) in table {
        let told = problems(list(&["ann@acme.example", "@x.example", "*y*", entry]));
        assert_eq!(told, [Problem { place: "entries[3]".into(), why: why.into() }]);
    }
    let long = problems(list(&[&format!("{}@alt.example", "x".repeat(400))]));
    assert!(long[0].why.ends_with("…` is longer than any address"), "{}", long[0].why);
    assert!(long[0].why.len() < 150);
}

#[test]
fn f23_a_thousand_mistakes_are_told_in_a_hundred_lines() {
    let told = problems(Entries::List(vec!["junk".to_owned(); 1_000]));
    assert_eq!(told.len(), 101);
    assert_eq!(told[100], Problem { place: "entries".into(), why: "900 more entries can't be used".into() });
}

#[test]
fn f23_settings_are_a_list_or_a_text() {
    let read = |json: &str| DenyList::configure(serde_json::from_str(json).unwrap());
    let text = read(r#"{"entries":"@alt.example, cat@x.example;\n\n*tmp*\r\n"}"#).unwrap();
    for address in ["a@alt.example", "cat@x.example", "mytmp@y.example"] {
        assert!(reason(&text, address, &[]).is_some(), "{address}");
    }
    let twice = read(r#"{"entries":["@alt.example","@ALT.example "]}"#).unwrap();
    assert!(reason(&twice, "a@alt.example", &[]).is_some());
    assert_eq!(reason(&read("{}").unwrap(), "a@alt.example", &[]), None);
    assert_eq!(read(r#"{"entries":"@alt.example,,junk"}"#).unwrap_err()[0].place, "entries[1]");
}

#[test]
fn f23_a_hundred_thousand_entries_of_every_kind() {
    let entries = (0..20_000).flat_map(|n| {
        [
            format!("user{n}@acme.example"),
            format!("*robot{n}x*"),
            format!("@domain{n}.example"),
            format!("@*.spam{n}.example"),
            format!("temp{n}-*@acme.example"),
        ]
    });
    let policy = DenyList::configure(Settings { entries: Entries::List(entries.collect()) }).unwrap();
    for n in (0..20_000).step_by(25) {
        let denied = [
            format!("my.robot{n}x@b.example"),
            format!("user{n}@acme.example"),
            format!("ann@domain{n}.example"),
            format!("ann@mail.spam{n}.example"),
            format!("temp{n}-ann@acme.example"),
        ];
        assert!(denied.iter().all(|address| reason(&policy, address, &[]).is_some()), "{n}");
        assert_eq!(reason(&policy, &format!("person{n}@acme.example"), &["x@spam.example"]), None);
    }
}

/// Entries, repeated lines (line, entry, first) and bad lines (line, text, why).
type Told<'a> = (Vec<&'a str>, Vec<(u64, &'a str, u64)>, Vec<(u64, &'a str, &'a str)>);

fn told(parsed: &Parsed) -> Told<'_> {
    (
        parsed.entries.iter().map(String::as_str).collect(),
        parsed.repeated.iter().map(|line| (line.line, line.entry.as_str(), line.first)).collect(),
        parsed.bad.iter().map(|line| (line.line, line.text.as_str(), line.why.as_str())).collect(),
    )
}

const NO_SIGN: &str = "has neither an @ nor a *";

#[test]
fn f24_three_rows_with_a_duplicate_and_junk() {
    let parsed = parse_list("cat@alt.example\nCAT@Alt.example \njunk\n");
    let expected = (vec!["cat@alt.example"], vec![(2, "cat@alt.example", 1)], vec![(3, "junk", NO_SIGN)]);
    assert_eq!(told(&parsed), expected);
}

#[test]
fn f24_lines_are_counted_as_an_editor_counts_them() {
    let text = "\u{feff}# who left\r\n\r\n@alt.example\r\n  \r\n# and\r\n\r\nnobody\r\n*tmp*\r\n\r\n@ALT.example\r\nlast";
    let expected = (
        vec!["@alt.example", "*tmp*"],
        vec![(10, "@alt.example", 3)],
        vec![(7, "nobody", NO_SIGN), (11, "last", NO_SIGN)],
    );
    assert_eq!(told(&parse_list(text)), expected);
    assert_eq!(told(&parse_list(&text.replace("\r\n", "\n"))), expected);
    assert_eq!(told(&parse_list(&text.replace("\r\n", "\r"))), expected);
}

#[test]
fn f24_the_fittest_column_of_a_table_counts() {
    let text = "Name;\"E-Mail\";Note\n\"Cat; the old\";cat@alt.example;\"two\nlines with boss@acme.example\"\n;dan@alt.example\nEve;;x\n";
    let expected = (vec!["cat@alt.example", "dan@alt.example"], vec![], vec![(5, "", "is empty")]);
    assert_eq!(told(&parse_list(text)), expected);
    let export = "id,userName,email\n1,cat,cat@alt.example\n2,dan,cat@alt.example\n";
    assert_eq!(told(&parse_list(export)), (vec!["cat@alt.example"], vec![(3, "cat@alt.example", 2)], vec![]));
}

#[test]
fn f24_without_a_header_every_field_counts() {
    let expected = (vec!["a@x.example", "b@x.example", "@y.example"], vec![], vec![(2, "left", NO_SIGN)]);
    assert_eq!(told(&parse_list("a@x.example,\"b@x.example\"\n@y.example,left,\n")), expected);
    assert_eq!(told(&parse_list("a@x.example\tb@x.example\n@y.example\tleft")), expected);
}

#[test]
fn f24_an_open_quote_is_told_where_it_opens() {
    let parsed = parse_list("a@x.example\n\"b@x.example\nc@x.example\n\nd@x.example\n");
    let why = "runs over 4 lines; a closing quote may be missing";
    let expected =
        (vec!["a@x.example"], vec![], vec![(2, r"b@x.example\nc@x.example\n\nd@x.example\n", why)]);
    assert_eq!(told(&parsed), expected);
}

#[test]
fn f24_nothing_in_nothing_out() {
    for text in ["", "\u{feff}", "\n\n", "# only this", "email\n"] {
        assert_eq!(parse_list(text), Parsed::default(), "{text:?}");
    }
}

#[test]
fn f24_a_list_is_appended_or_replaced() {
    let old = ["Cat@alt.example".to_owned(), "@old.example".to_owned()];
    let parsed = parse_list("@new.example\ncat@ALT.example\n");
    assert_eq!(parsed.appended_to(&old), ["Cat@alt.example", "@old.example", "@new.example"]);
    assert_eq!(parsed.entries, ["@new.example", "cat@alt.example"]);
    assert!(DenyList::configure(Settings { entries: Entries::List(parsed.entries) }).is_ok());
}
