use crate::memory::Memory;
use usher_method_csv::Csv;
use usher_plugin::{GroupQuery, Standing};

fn csv(memory: Memory) -> Csv<Memory> {
    Csv::new(memory.settings(), memory).unwrap()
}

fn company() -> Memory {
    Memory::of_users("id,userName,Password\n1,ann,x\n2,bob,x\n3,cat,x\n")
        .with("groups", "id,name\ng1,Eng\ng2,All\n")
        .with("memberships", "group,member\ng1,1\ng1,2\ng2,g1\ng2,3\n")
}

#[test]
fn f15_groups_are_listed_for_choosing() {
    let mut csv = csv(company());
    let page = csv.list_groups(&GroupQuery { search: None, after: None }).unwrap();
    let seen: Vec<_> = page.groups.iter().map(|s| (s.group.id.as_str(), s.members)).collect();
    assert_eq!(seen, [("g2", Some(2)), ("g1", Some(2))]);
    assert_eq!(page.next, None);
    let page = csv.list_groups(&GroupQuery { search: Some("en".into()), after: None }).unwrap();
    assert_eq!(page.groups.len(), 1);
}

#[test]
fn f15_many_groups_are_paged() {
    let names: Vec<String> = (0..1_200).map(|n| format!("g{n:04}")).collect();
    let mut csv = csv(Memory::of_users(format!("id,groups\n1,{}\n", names.join(";"))));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = csv.list_groups(&GroupQuery { search: None, after }).unwrap();
        seen.extend(page.groups.into_iter().map(|summary| summary.group.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, names);
}

#[test]
fn f16_members_of_a_group_are_shown_before_saving() {
    let mut csv = csv(company());
    let page = csv.list_members("g2", None).unwrap();
    assert_eq!(page.groups[0].id, "g1");
    assert_eq!(page.users[0].user_name.as_deref(), Some("cat"));
    assert_eq!(csv.list_members("none", None).unwrap().users, []);
}

#[test]
fn f16_many_members_are_paged() {
    let rows: String = (0..1_300).map(|n| format!("u{n:04},Eng\n")).collect();
    let mut csv = csv(Memory::of_users(format!("id,groups\n{rows}"))
        .with("memberships", "group,member\nEng,Sub\nSub,u0001\n"));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = csv.list_members("Eng", after.as_deref()).unwrap();
        assert!(page.users.len() + page.groups.len() <= 500);
        seen.extend(page.groups.into_iter().map(|group| group.id));
        seen.extend(page.users.into_iter().map(|user| user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut all = vec!["Sub".to_owned()];
    all.extend((0..1_300).map(|n| format!("u{n:04}")));
    assert_eq!(seen, all);
}

#[test]
fn f78_check_shows_how_files_are_understood() {
    let report = csv(company()).report().unwrap();
    let text: Vec<&str> = report.findings.iter().map(|finding| finding.what.as_str()).collect();
    let all = text.join("\n");
    for part in [
        "users.csv: 45 bytes, UTF-8 (ASCII only), 3 columns separated by commas",
        "read as plain columns",
        "the key is “id”",
        "attributes: userName ← userName",
        "not read: “Password” (passwords are never read)",
        "groups.csv:",
        "memberships.csv:",
        "groups: id ← id, displayName ← name",
        "memberships: group ← group, member ← member",
        "3 users, 2 groups, 4 memberships",
    ] {
        assert!(all.contains(part), "{part} is missing in\n{all}");
    }
    assert!(report.findings.iter().all(|finding| finding.standing == Standing::Good), "{all}");
    assert_eq!(report.counts.map(|c| c.users), Some(3));
}

#[test]
fn f78_check_names_what_is_wrong() {
    let memory = Memory::of_users("userName,active\nann,perhaps\nbob,yes\n,yes\n");
    let report = csv(memory).report().unwrap();
    let warnings: Vec<_> = report.findings.iter().filter(|f| f.standing == Standing::Warning).collect();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(warnings[1].what.starts_with("2 rows can't be read (users.csv line 2: “active” says"));

    let report = csv(Memory::of_users("<html>")).report().unwrap();
    assert_eq!(report.findings[0].standing, Standing::Failed);
    assert!(report.counts.is_none());

    let memory = company();
    let mut settings = memory.settings();
    settings.mapping.insert("title".into(), "Job".into());
    let report = Csv::new(settings, memory).unwrap().report().unwrap();
    let last = report.findings.last().unwrap();
    assert_eq!(
        (last.standing, last.advice.as_deref()),
        (Standing::Failed, Some("change the setting `mapping.title`"))
    );
}

#[test]
fn f78_check_changes_nothing() {
    let mut memory = company();
    let settings = memory.settings();
    usher_method_csv::check::report(&mut memory, &settings).unwrap();
    assert!(memory.kept.is_empty());
}

#[test]
fn f78_columns_with_names_of_the_hosts_own_are_told() {
    let mut memory = Memory::of_users("Nr,userName,path,Origin,id,meta\n1,ann,/hr,Bern,7,x\n")
        .with("groups", "id,name,Connection,meta\ng1,Eng,c,m\n");
    let mut settings = memory.settings();
    settings.mapping = [("id".into(), "Nr".into()), ("meta".into(), String::new())].into();
    let whole = memory.read_with(&settings).unwrap();
    assert!(whole.user("1").attributes.is_empty(), "{:?}", whole.user("1"));
    assert!(whole.groups()[0].attributes.iter().all(|(name, _)| name == "Nr"), "{:?}", whole.groups());
    let report = Csv::new(settings.clone(), memory.clone()).unwrap().report().unwrap();
    let warnings: Vec<_> = report.findings.iter().filter(|f| f.standing == Standing::Warning).collect();
    let told: Vec<_> =
        warnings.iter().map(|f| (f.what.as_str(), f.advice.as_deref().unwrap_or_default())).collect();
    assert_eq!(
        told,
        [
            (
                "not read: “id”, “path”, “Origin”, because Usher itself has something of that name",
                "map it to another name, such as `mapping.sourceId=id`; an empty header leaves it out"
            ),
            (
                "not read: “Connection”, “meta”, because Usher itself has something of that name",
                "map it to another name, such as `group_mapping.sourceConnection=Connection`; an empty header \
                 leaves it out"
            ),
        ]
    );

    settings.mapping.insert("sourcePath".into(), "path".into());
    let whole = memory.read_with(&settings).unwrap();
    assert_eq!(crate::memory::text(whole.user("1"), "sourcePath").as_deref(), Some("/hr"));
}

#[test]
fn f28_an_attribute_cannot_be_called_what_the_host_calls_its_own() {
    let memory = company();
    let mut settings = memory.settings();
    for name in ["path", "connection", "origin", "Id", "meta", "schemas", "sourcePath", "id", "groups"] {
        settings.mapping.insert(name.into(), "Nr".into());
    }
    settings.group_mapping = [("id".into(), "id".into()), ("groups".into(), "name".into())].into();
    let Err(problems) = Csv::new(settings, memory) else { panic!("accepted") };
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "mapping.Id",
            "mapping.connection",
            "mapping.meta",
            "mapping.origin",
            "mapping.path",
            "mapping.schemas",
            "group_mapping.groups"
        ]
    );
    assert_eq!(
        problems[4].why,
        "“path” is a name that Usher has itself: write another for the column “Nr”, such as `sourcePath`"
    );
}

#[test]
fn f28_settings_are_checked_with_their_place() {
    let memory = company();
    let mut settings = memory.settings();
    settings.mapping.insert("secret".into(), "Password".into());
    settings.mapping.insert("id".into(), " ".into());
    settings.group_separator = "".into();
    let Err(problems) = Csv::new(settings, memory) else { panic!("accepted") };
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["mapping.secret", "mapping.id", "group_separator"]);
}
