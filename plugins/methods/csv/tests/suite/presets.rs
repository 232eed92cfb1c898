use crate::memory::{Memory, Whole, text};
use usher_method_csv::check;
use usher_plugin::User;

fn read(bytes: &[u8]) -> Whole {
    let whole = Memory::of_users(bytes).read().unwrap();
    assert!(whole.bad().is_empty(), "{:?}", whole.bad());
    assert!(!format!("{whole:?}").to_lowercase().contains("pass"), "a password came through: {whole:#?}");
    whole
}

#[track_caller]
fn has(user: &User, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        assert_eq!(text(user, name).as_deref(), Some(*value), "{name} of {user:#?}");
    }
}

fn shown(bytes: &[u8]) -> String {
    let mut memory = Memory::of_users(bytes);
    let settings = memory.settings();
    let report = check::report(&mut memory, &settings).unwrap();
    report.findings.iter().map(|finding| finding.what.clone()).collect::<Vec<_>>().join("\n")
}

#[test]
fn f85_entras_bulk_template_needs_no_mapping() {
    let bytes = include_bytes!("../files/entra-bulk.csv");
    let whole = read(bytes);
    assert_eq!(whole.ids(), ["ann.lee@acme.example", "bob.roe@acme.example", "cat.o'hara@acme.example"]);
    let ann = whole.user("ann.lee@acme.example");
    assert_eq!(ann.active, Some(true));
    assert_eq!(ann.user_name.as_deref(), Some("Ann.Lee@acme.example"));
    has(
        ann,
        &[
            ("displayName", "Ann Lee"),
            ("name.givenName", "Ann"),
            ("name.familyName", "Lee"),
            ("title", "Engineer"),
            ("department", "Engineering"),
            ("usageLocation", "CH"),
            ("addresses.work.streetAddress", "1 Mill Lane, 2nd floor"),
            ("addresses.work.region", "ZH"),
            ("addresses.work.country", "Switzerland"),
            ("officeLocation", "Z-12"),
            ("addresses.work.locality", "Zürich"),
            ("addresses.work.postalCode", "8001"),
            ("phoneNumbers.work", "+41 44 000 00 00"),
            ("phoneNumbers.mobile", "+41 79 000 00 00"),
        ],
    );
    assert_eq!(whole.user("bob.roe@acme.example").active, Some(false), "sign-in is blocked");
    let shown = shown(bytes);
    for part in [
        "Entra's bulk template",
        "the template's version line is skipped",
        "active ← Block sign in",
        "(inverted)",
    ] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
}

#[test]
fn f85_entras_download_needs_no_mapping() {
    let whole = read(include_bytes!("../files/entra-users.csv"));
    assert_eq!(
        whole.ids(),
        [
            "7cc0c81b-f2a2-489a-8243-eda96da4214d",
            "05f9eb61-470e-426c-b631-6db6bf429063",
            "0a53bd10-1f7b-4c9b-9f35-5c6c9a3a1f11"
        ]
    );
    let ann = whole.user("7cc0c81b-f2a2-489a-8243-eda96da4214d");
    assert_eq!((ann.user_name.as_deref(), ann.active), (Some("ann@acme.example"), Some(true)));
    has(
        ann,
        &[
            ("emails", "ann.lee@acme.example"),
            ("userType", "Member"),
            ("title", "Engineer"),
            ("organization", "Acme, Inc."),
            ("officeLocation", "Z-12"),
            ("phoneNumbers.mobile", "+41 79 000 00 00"),
            ("otherMails", "ann@home.example|ann2@home.example"),
        ],
    );
    let guest = whole.user("0a53bd10-1f7b-4c9b-9f35-5c6c9a3a1f11");
    assert_eq!(guest.active, Some(false));
    has(guest, &[("userType", "Guest"), ("otherMails", "gus@partner.example")]);
    assert_eq!(guest.emails().count(), 0, "an alternate address is no primary one");
}

#[test]
fn f85_googles_export_needs_no_mapping() {
    let bytes = include_bytes!("../files/google.csv");
    let whole = read(bytes);
    assert_eq!(whole.ids(), ["ann@acme.example", "bob@acme.example"]);
    let ann = whole.user("ann@acme.example");
    assert_eq!((ann.user_name.as_deref(), ann.active), (Some("Ann@acme.example"), Some(true)));
    has(
        ann,
        &[
            ("displayName", "Ann Lee"),
            ("name.familyName", "Lee"),
            ("emails", "Ann@acme.example|ann.work@acme.example"),
            ("orgUnitPath", "/Engineering"),
            ("employeeNumber", "E-7"),
            ("title", "Engineer"),
            ("userType", "Staff"),
            ("manager", "bob@acme.example"),
            ("department", "R&D"),
            ("costCenter", "4711"),
            ("phoneNumbers.work", "+41440000000"),
            ("addresses.work.formatted", "1 Mill Lane, Zürich"),
        ],
    );
    assert_eq!(whole.user("bob@acme.example").active, Some(false), "suspended");
    for churning in ["Last Sign In", "Email Usage", "Recovery Email", "2sv Enrolled"] {
        assert!(text(ann, churning).is_none());
    }
    assert!(shown(bytes).contains("“Last Sign In [READ ONLY]” (it changes with every sign-in)"));
}

#[test]
fn f85_an_okta_like_export_needs_no_mapping() {
    let whole = read(include_bytes!("../files/okta.csv"));
    assert_eq!(whole.ids(), ["00u1", "00u2", "00u3", "00u4"]);
    let ann = whole.user("00u1");
    assert_eq!((ann.user_name.as_deref(), ann.active), (Some("ann@acme.example"), Some(true)));
    has(
        ann,
        &[
            ("displayName", "Ann Lee"),
            ("emails", "ann@acme.example"),
            ("name.givenName", "Ann"),
            ("manager", "00u2"),
            ("addresses.work.region", "ZH"),
            ("addresses.work.postalCode", "8001"),
            ("phoneNumbers.mobile", "+41790000000"),
            ("employeeNumber", "7"),
        ],
    );
    let active: Vec<_> = whole.users().iter().map(|user| user.active).collect();
    assert_eq!(active, [Some(true), Some(false), Some(true), Some(false)]);
}

#[test]
fn f85_oktas_profile_without_an_id_is_keyed_by_login() {
    let whole = read(b"login,firstName,lastName,email,secondEmail\nAnn@Acme.example,Ann,Lee,ann@acme.example,a@home.example\n");
    let ann = whole.user("ann@acme.example");
    assert_eq!(text(ann, "emails").as_deref(), Some("ann@acme.example"));
}

#[test]
fn f85_oktas_export_with_words_for_headers_is_recognised() {
    let bytes = b"User Id,First Name,Last Name,Username,Primary Email,Status,Secondary Email\n\
                  00u1,Ann,Lee,Ann@acme.example,ann.lee@acme.example,Active,ann@home.example\n\
                  00u2,Bob,Roe,bob@acme.example,,Suspended,bob@home.example\n";
    let whole = read(bytes);
    assert_eq!(whole.ids(), ["00u1", "00u2"]);
    let ann = whole.user("00u1");
    assert_eq!((ann.user_name.as_deref(), ann.active), (Some("Ann@acme.example"), Some(true)));
    has(ann, &[("emails", "ann.lee@acme.example"), ("displayName", "Ann Lee")]);
    assert_eq!(whole.user("00u2").active, Some(false));
    assert!(!format!("{whole:?}").contains("home.example"), "{whole:#?}");
    let shown = shown(bytes);
    assert!(shown.contains("Okta's profile columns"), "{shown}");
    assert!(shown.contains("“Secondary Email” (it is often private, for recovering the account)"), "{shown}");
}

#[test]
fn f85_second_and_recovery_addresses_are_read_only_if_mapped() {
    for header in [
        "Secondary Email",
        "secondEmail",
        "Secondary E-mail Address",
        "Home Secondary Email",
        "Recovery Email",
        "account.recovery_email",
        "Recovery Phone",
        "Backup Email",
    ] {
        let mut memory = Memory::of_users(format!("id,mail,{header}\n1,ann@acme.example,ann@home.example\n"));
        let mut settings = memory.settings();
        let whole = memory.read_with(&settings).unwrap();
        assert!(!format!("{whole:?}").contains("home.example"), "{header}: {whole:#?}");
        settings.mapping.insert("otherMails".into(), header.into());
        let whole = memory.read_with(&settings).unwrap();
        has(whole.user("1"), &[("emails", "ann@acme.example"), ("otherMails", "ann@home.example")]);
    }
}

#[test]
fn f85_a_plain_file_shows_what_feeds_what() {
    let shown = shown(include_bytes!("../files/plain.csv"));
    for part in [
        "read as plain columns",
        "the key is “id”",
        "userName ← userName",
        "name.givenName ← First Name",
        "groups ← groups",
    ] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
}
