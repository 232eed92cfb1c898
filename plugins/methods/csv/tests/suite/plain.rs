use crate::memory::{Memory, text};
use usher_method_csv::settings::{Condition, Preset};
use usher_plugin::Coverage;

#[test]
fn f85_a_plain_file_needs_no_settings() {
    let mut memory = Memory::of_users(
        "id,userName,displayName,mail,department,manager,active\n\
         1,ann,Ann Lee,ann@acme.example,Sales,2,true\n\
         2,bob,Bob Roe,bob@acme.example,,,no\n",
    );
    let whole = memory.read().unwrap();
    assert_eq!(whole.counts(), (2, 0, 0));
    let ann = whole.user("1");
    assert_eq!(ann.user_name.as_deref(), Some("ann"));
    assert_eq!(ann.active, Some(true));
    assert_eq!(text(ann, "displayName").as_deref(), Some("Ann Lee"));
    assert_eq!(ann.emails().collect::<Vec<_>>(), ["ann@acme.example"]);
    assert_eq!(text(ann, "manager").as_deref(), Some("2"));
    let bob = whole.user("2");
    assert_eq!(bob.active, Some(false));
    assert_eq!(text(bob, "department"), None);
    assert!(whole.bad().is_empty());
}

#[test]
fn f85_a_person_is_inactive_if_any_column_says_so() {
    let text = "id,enabled,suspended,status\n\
                1,true,false,Active\n\
                2,true,true,Active\n\
                3,false,false,\n\
                4,true,,terminated\n\
                5,,,\n\
                6,yes,no,on leave\n\
                7,yes,yes,on leave\n";
    let mut memory = Memory::of_users(text);
    let whole = memory.read().unwrap();
    let active: Vec<_> = whole.users().iter().map(|user| (user.id.as_str(), user.active)).collect();
    assert_eq!(
        active,
        [
            ("1", Some(true)),
            ("2", Some(false)),
            ("3", Some(false)),
            ("4", Some(false)),
            ("5", None),
            ("7", Some(false))
        ]
    );
    assert_eq!(whole.bad_places(), [("users.csv line 7", Some("6"))]);
    assert!(whole.bad()[0].why.ends_with("or set `mapping.active` to the only column that is to be read"));

    let mut settings = memory.settings();
    let report = usher_method_csv::check::report(&mut memory, &settings).unwrap();
    let shown = "active ← enabled, active ← suspended (inverted), active ← status";
    assert!(report.findings.iter().any(|finding| finding.what.contains(shown)), "{report:#?}");

    settings.mapping.insert("active".into(), "enabled".into());
    let whole = memory.read_with(&settings).unwrap();
    assert_eq!(whole.user("2").active, Some(true), "the mapping stands over what is recognised");
}

#[test]
fn f85_unknown_columns_are_open_attributes_and_passwords_never_leave() {
    let mut memory = Memory::of_users("id,Shoe size,password\n1,43,hunter2\n");
    let whole = memory.read().unwrap();
    assert_eq!(text(whole.user("1"), "Shoe size").as_deref(), Some("43"));
    assert!(!format!("{whole:?}").contains("hunter2"));
}

#[test]
fn f85_a_mapping_names_the_columns() {
    let mut memory = Memory::of_users("Employee No;Login;Wohnort\nA7;Ann@Acme.example;Bern\n");
    let mut settings = memory.settings();
    for (attribute, header) in
        [("id", "Employee No"), ("userName", "login"), ("addresses.work.locality", "Wohnort")]
    {
        settings.mapping.insert(attribute.into(), header.into());
    }
    let whole = memory.read_with(&settings).unwrap();
    let ann = whole.user("A7");
    assert_eq!(ann.user_name.as_deref(), Some("Ann@Acme.example"));
    assert_eq!(text(ann, "addresses.work.locality").as_deref(), Some("Bern"));
}

#[test]
fn f85_a_mapping_to_no_column_is_a_settings_error_that_names_the_columns() {
    let mut memory = Memory::of_users("id,Login\n1,ann\n");
    let mut settings = memory.settings();
    settings.mapping.insert("userName".into(), "Logon".into());
    let why = memory.refusal_with(&settings);
    assert_eq!(why, "mapping.userName: users.csv has no column “Logon”; its columns are: id, Login");
}

#[test]
fn f85_a_filter_lets_rows_in_by_a_columns_value() {
    let mut memory = Memory::of_users("id,Dept,State\n1,Sales,x\n2, it ,x\n3,HR,x\n4,Sales,gone\n5,,x\n");
    let mut settings = memory.settings();
    settings.filter = vec![
        Condition { column: "dept".into(), is: vec!["sales".into(), "IT".into(), "".into()], is_not: vec![] },
        Condition { column: "State".into(), is: vec![], is_not: vec!["gone".into()] },
    ];
    let whole = memory.read_with(&settings).unwrap();
    assert_eq!(whole.ids(), ["1", "2", "5"]);
    assert_eq!(whole.counts().0, 3);
    settings.filter[0].column = "Abteilung".into();
    assert!(memory.refusal_with(&settings).starts_with("filter[0].column: users.csv has no column"));
}

#[test]
fn f85_without_an_id_the_user_name_is_the_key_in_lower_case() {
    let mut memory = Memory::of_users("UserName,Manager\nAnn@Acme.example,BOB@acme.example\n");
    let whole = memory.read().unwrap();
    let ann = whole.user("ann@acme.example");
    assert_eq!(ann.user_name.as_deref(), Some("Ann@Acme.example"));
    assert_eq!(text(ann, "manager").as_deref(), Some("bob@acme.example"));
}

#[test]
fn f85_names_and_addresses_are_completed() {
    let mut memory =
        Memory::of_users("id,First Name,Last Name,mail\n1,Ann,Lee,a@x;b@x\n2,철수,김,\n3,Cher,,c@x\n");
    let whole = memory.read().unwrap();
    assert_eq!(text(whole.user("1"), "displayName").as_deref(), Some("Ann Lee"));
    assert_eq!(text(whole.user("2"), "displayName").as_deref(), Some("김철수"));
    assert_eq!(text(whole.user("3"), "displayName").as_deref(), Some("Cher"));
    assert_eq!(text(whole.user("1"), "emails").as_deref(), Some("a@x|b@x"));
    assert_eq!(whole.user("1").user_name.as_deref(), Some("a@x"));
    assert_eq!(whole.user("2").user_name, None);
}

#[test]
fn f85_header_only_seals_with_nobody() {
    let whole = Memory::of_users("id,userName\r\n").read().unwrap();
    assert_eq!(whole.counts(), (0, 0, 0));
    assert!(matches!(whole.seal.covers, Coverage::Everything(_)));
    assert!(whole.bad().is_empty());
}

#[test]
fn f85_a_preset_can_be_forced() {
    let mut memory = Memory::of_users("login,firstName,lastName,email,id\nann,Ann,Lee,a@x,7\n");
    let mut settings = memory.settings();
    settings.preset = Preset::Plain;
    assert_eq!(memory.read_with(&settings).unwrap().ids(), ["7"]);
}
