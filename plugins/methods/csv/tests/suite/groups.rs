use crate::memory::Memory;
use usher_plugin::{Change, GroupKind, MemberKind};

fn order(changes: &[Change]) -> String {
    changes
        .iter()
        .map(|change| match change {
            Change::Group(_) => 'g',
            Change::User(_) => 'u',
            Change::Member(_) => 'm',
            _ => '!',
        })
        .collect()
}

#[test]
fn f85_groups_come_before_users_and_users_before_memberships() {
    let whole = Memory::of_users("id,name\n1,Ann\n2,Bob\n")
        .with(
            "groups",
            "id,displayName,type,Description,owner\ng1,Eng,Microsoft 365,Builders,7\ng2,Ops,Security,,\n",
        )
        .with("memberships", "group,member\ng1,1\ng1,2\ng2,1\ng2,1\n")
        .read()
        .unwrap();
    assert_eq!(order(&whole.changes), "gguummmm");
    assert_eq!(whole.counts(), (2, 2, 3));
    let eng = whole.groups()[0];
    assert_eq!(eng.display_name.as_deref(), Some("Eng"));
    assert_eq!(eng.kind, Some(GroupKind::Microsoft365));
    assert_eq!(eng.attribute("description").and_then(|v| v.as_text()), Some("Builders"));
    assert_eq!(eng.attribute("owner").and_then(|v| v.as_text()), Some("7"));
    assert_eq!(whole.links(), ["g1>1", "g1>2", "g2>1", "g2>1"]);
}

#[test]
fn f85_groups_are_made_of_the_users_groups_column() {
    let whole = Memory::of_users("id,groups\n1,Eng; Ops\n2,Ops;;\n3,\n4, Eng ;Eng\n").read().unwrap();
    assert_eq!(whole.groups().iter().map(|g| g.id.as_str()).collect::<Vec<_>>(), ["Eng", "Ops"]);
    assert_eq!(whole.groups()[0].display_name.as_deref(), Some("Eng"));
    assert_eq!(whole.links(), ["Eng>1", "Ops>1", "Ops>2", "Eng>4", "Eng>4"]);
    assert_eq!(whole.counts(), (4, 2, 4));
    assert!(order(&whole.changes).starts_with("gg"));
}

#[test]
fn f85_another_group_separator() {
    let mut memory = Memory::of_users("id,groups\n1,\"Eng, Ops\"\n");
    let mut settings = memory.settings();
    settings.group_separator = ",".into();
    assert_eq!(memory.read_with(&settings).unwrap().links(), ["Eng>1", "Ops>1"]);
}

#[test]
fn f85_groups_are_made_of_the_memberships_file() {
    let whole = Memory::of_users("id\n1\n").with("memberships", "Team,User\nEng,1\nOps,1\nAll,Eng\n").read();
    let whole = whole.unwrap();
    assert_eq!(whole.groups().len(), 3);
    assert_eq!(whole.links(), ["Eng>1", "Ops>1", "All>Eng"]);
    assert_eq!(whole.members()[2].kind, MemberKind::Group);
}

#[test]
fn f17_subgroups_are_told_by_kind_or_by_being_groups() {
    let mut memory = Memory::of_users("userPrincipalName\nAnn@x\n")
        .with("groups", "id,name\ng1,Eng\ng2,All\n")
        .with("memberships", "group,member,kind\nAll,Eng,\ng1,ANN@X,user\ng2,g1,group\ng2,ann@x,\n");
    let whole = memory.read().unwrap();
    assert_eq!(whole.links(), ["g2>g1", "g1>ann@x", "g2>g1", "g2>ann@x"]);
    assert_eq!(whole.counts(), (1, 2, 3));
    assert!(memory.warnings.is_empty());
}

#[test]
fn f85_memberships_of_strangers_are_passed_on_and_told() {
    let mut memory = Memory::of_users("id,groups\n1,Nowhere\n")
        .with("groups", "id,name\ng1,Eng\n")
        .with("memberships", "group,member\ng1,1\ng1,9\ng9,1\n");
    let whole = memory.read().unwrap();
    assert_eq!(whole.links(), ["Nowhere>1", "g1>1", "g1>9", "g9>1"]);
    assert!(whole.may_remove());
    assert_eq!(
        memory.warnings,
        [
            "1 rows of memberships.csv name a member that is not in users.csv; the first is line 3",
            "2 memberships name a group that is not in groups.csv; the first is on line 2"
        ]
    );
}

#[test]
fn f85_bad_membership_rows_remove_nobody() {
    let whole = Memory::of_users("id\n1\n")
        .with("groups", "id\ng1\n")
        .with("memberships", "group,member,kind\ng1,,\ng1,1,robot\ng1,1,user,x\ng1,1,user\n")
        .read()
        .unwrap();
    assert_eq!(
        whole.bad_places(),
        [
            ("memberships.csv line 2", None),
            ("memberships.csv line 3", None),
            ("memberships.csv line 4", None)
        ]
    );
    assert_eq!(whole.links(), ["g1>1"]);
}

#[test]
fn f85_bad_group_rows_stay_as_they_are() {
    let whole = Memory::of_users("id\n1\n")
        .with("groups", "id,name\ng1,Eng,x\ng2,Ops\ng2,Ops 2\n,Nameless\n")
        .with("memberships", "group,member\ng1,1\n")
        .read()
        .unwrap();
    assert_eq!(
        whole.bad_places(),
        [
            ("groups.csv line 2", Some("g1")),
            ("groups.csv line 3", Some("g2")),
            ("groups.csv line 4", None),
            ("groups.csv line 5", None)
        ]
    );
    assert_eq!(whole.counts(), (1, 2, 1));
}

#[test]
fn f85_a_damaged_row_with_groups_that_only_it_may_name_removes_nothing() {
    let whole = Memory::of_users("id,name,groups\n1,Ann,Eng\n2,Lee, Bob,Ops\n3,Cy,\n").read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 3", None)]);
    let whole = Memory::of_users("id,active,groups\n1,yes,Eng\n2,perhaps,Ops\n").read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 3", Some("2"))]);
    assert_eq!(whole.groups().len(), 2, "a group stays for being named");
}

#[test]
fn f85_columns_of_groups_and_memberships_can_be_mapped() {
    let mut memory = Memory::of_users("id\n1\n")
        .with("groups", "Nr,Bezeichnung\n10,Bau\n")
        .with("memberships", "Wer,Wo\n1,10\n");
    let mut settings = memory.settings();
    settings.group_mapping =
        [("id".into(), "Nr".into()), ("displayName".into(), "Bezeichnung".into())].into();
    settings.membership_mapping = [("group".into(), "Wo".into()), ("member".into(), "Wer".into())].into();
    let whole = memory.read_with(&settings).unwrap();
    assert_eq!(whole.groups()[0].display_name.as_deref(), Some("Bau"));
    assert_eq!(whole.links(), ["10>1"]);
    settings.membership_mapping.insert("member".into(), "Wen".into());
    assert!(
        memory
            .refusal_with(&settings)
            .starts_with("membership_mapping.member: memberships.csv has no column")
    );
}

#[test]
fn f85_memberships_may_name_people_by_name_or_address() {
    for header in ["userName", "E-Mail"] {
        let mut memory = Memory::of_users("id,userName,email\n1,Ann,Ann@x\n2,bob,bob@x\n3,cat,bob@x\n").with(
            "memberships",
            format!("group,{header}\nEng,{}\nEng,2\n", if header == "userName" { "ANN" } else { "ann@X" }),
        );
        assert_eq!(memory.read().unwrap().links(), ["Eng>1", "Eng>2"]);
        assert!(memory.warnings.is_empty());
    }
    let mut memory =
        Memory::of_users("id,email\n2,bob@x\n3,bob@x\n").with("memberships", "group,email\nEng,bob@x\n");
    assert_eq!(memory.read().unwrap().links(), ["Eng>bob@x"], "whose address is it?");
    assert!(memory.warnings[0].contains("by a name or address that several have"), "{:?}", memory.warnings);
}

#[test]
fn f85_memberships_may_name_people_by_address_where_the_user_name_is_the_key() {
    let mut memory = Memory::of_users(
        "userPrincipalName,mail\nAnn@acme.example,ann.lee@acme.example\nbob@acme.example,bob.roe@acme.example\n",
    )
    .with(
        "memberships",
        "group,email\nEng,Ann.Lee@acme.example\nEng,BOB@acme.example\nEng,bob.roe@acme.example\n",
    );
    let whole = memory.read().unwrap();
    assert_eq!(whole.links(), ["Eng>ann@acme.example", "Eng>bob@acme.example", "Eng>bob@acme.example"]);
    assert!(memory.warnings.is_empty(), "{:?}", memory.warnings);
}

#[test]
fn f85_a_name_that_several_have_is_told_as_that() {
    let mut memory = Memory::of_users("id,userName,groups\n1,ann,Eng;g3\n2,bob,\n3,BOB,\n")
        .with("groups", "id,name\ng1,Eng\ng2,Eng\ng3,Ops\n")
        .with("memberships", "group,userName\nEng,bob\ng1,ann\nOps,Eng\neng,ann\n");
    let whole = memory.read().unwrap();
    assert_eq!(whole.links(), ["Eng>1", "g3>1", "Eng>bob", "g1>1", "g3>Eng", "eng>1"]);
    assert_eq!(
        memory.warnings,
        [
            "2 rows of memberships.csv name a member by a name or address that several have: use ids there; the \
             first is “bob” on line 2",
            // Case counts with groups.
            "1 memberships name a group that is not in groups.csv; the first is on line 5",
            "2 memberships name a group by a name that several groups in groups.csv have: use ids there; the first \
             is “Eng” on line 2"
        ]
    );
}

#[test]
fn f85_more_groups_than_fit_on_a_page_are_refused() {
    let names: Vec<String> = (0..5_001).map(|n| n.to_string()).collect();
    let whole = Memory::of_users(format!("id,groups\n1,{}\n2,7\n", names.join(";"))).read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 2", None)]);
    assert_eq!(whole.links(), ["7>2"]);
}
