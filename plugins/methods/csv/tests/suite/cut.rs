use crate::memory::Memory;
use usher_method_csv::settings::FinalNewline;

#[test]
fn f85_an_open_quote_at_the_end_is_a_cut_file() {
    let why = Memory::of_users("id,name\n1,Ann\n2,\"Bob\n3,Cy\n").refusal();
    assert!(why.contains("users.csv ends inside quotes that were opened on line 3"), "{why}");
    let why = Memory::of_users("id,a,b\n1,\"x\ny\",\"Bob").refusal();
    assert!(why.contains("line 3"), "{why}");
}

#[test]
fn f85_short_last_row_is_a_cut_file() {
    let why = Memory::of_users("id,name,mail\n1,Ann,a@x\n2,Bo").refusal();
    assert!(
        why.contains("the last row of users.csv, line 3, ends after 2 of 3 fields: the file is cut"),
        "{why}"
    );
    let why = Memory::of_users("id,name,mail\n1,Ann,a@x\n2").in_chunks_of(3).refusal();
    assert!(why.contains("line 3"), "{why}");
}

#[test]
fn f85_a_short_last_row_with_a_line_break_removes_nobody() {
    let whole = Memory::of_users("id,name,mail\n1,Ann,a@x\n2,Bo\n\n").read().unwrap();
    assert_eq!(whole.ids(), ["1"]);
    assert!(!whole.may_remove());
    assert!(whole.bad()[0].why.contains("the file may be cut"));
}

#[test]
fn f85_a_lost_last_line_break_removes_nobody_until_a_good_file() {
    let mut memory = Memory::of_users("id,name\n1,Ann\n2,Bob\n3,Cy\n");
    assert!(memory.read().unwrap().may_remove());

    let mut cut = memory.clone().with("users", "id,name\n1,Ann\n2,Bob");
    for _ in 0..2 {
        let whole = cut.read().unwrap();
        assert_eq!(whole.bad_places(), [("users.csv line 3", None)]);
        assert!(whole.bad()[0].why.contains("it may be cut"), "{}", whole.bad()[0].why);
        assert_eq!(whole.ids(), ["1"]);
    }
    let mut settings = cut.settings();
    settings.final_newline = FinalNewline::Optional;
    assert!(cut.clone().read_with(&settings).unwrap().may_remove());

    let mut healed = cut.with("users", "id,name\n1,Ann\n2,Bob\n");
    assert!(healed.read().unwrap().may_remove());
}

#[test]
fn f85_a_row_that_may_be_cut_is_not_applied() {
    let whole = "id,mail,groups\n1,a@x.example,Eng\n2,b@x.example,Sales\n";
    for (end, ids, groups) in [
        // In the last cell, where the groups are.
        (4, &["1"][..], &["Eng"][..]),
        // In the line break of the row before.
        ("2,b@x.example,Sales\n".len() + 1, &[], &[]),
    ] {
        let mut memory = Memory::of_users(whole);
        assert!(memory.read().unwrap().may_remove());
        let cut = memory.with("users", &whole[..whole.len() - end]).read().unwrap();
        assert_eq!(cut.ids(), ids);
        assert_eq!(cut.groups().iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), groups);
        assert!(!cut.may_remove());
    }
    // In the header, there is no row to be named.
    let mut memory = Memory::of_users(whole);
    memory.read().unwrap();
    assert_eq!(memory.with("users", "id,mail").read().unwrap().bad_places(), [("end of users.csv", None)]);
}

#[test]
fn f85_a_cut_row_of_groups_or_memberships_is_not_applied() {
    let mut memory = Memory::of_users("id\n1\n2\n")
        .with("groups", "id,name\ng1,Engineers\n")
        .with("memberships", "group,member\ng1,1\ng1,21\n");
    memory.read().unwrap();
    let mut cut = memory.with("groups", "id,name\ng1,Engi").with("memberships", "group,member\ng1,1\ng1,2");
    let whole = cut.read().unwrap();
    assert_eq!(whole.bad_places(), [("groups.csv line 2", None), ("memberships.csv line 3", None)]);
    assert_eq!((whole.groups().len(), whole.links()), (0, vec!["g1>1".to_owned()]));
}

#[test]
fn f85_a_file_that_never_ended_with_a_line_break_is_well() {
    let mut memory = Memory::of_users("id,name\n1,Ann");
    assert!(memory.read().unwrap().may_remove());
    assert!(memory.read().unwrap().may_remove());
}

#[test]
fn f85_rows_and_checksum_can_be_demanded() {
    let mut memory = Memory::of_users("id,name\n1,Ann\n2,Bob,x\n\n3,Cy\n");
    let mut settings = memory.settings();
    settings.rows = Some(3);
    assert!(memory.read_with(&settings).is_ok());
    settings.rows = Some(4);
    let why = memory.refusal_with(&settings);
    assert!(why.contains("users.csv has 3 rows, and `rows` asks for 4"), "{why}");
    settings.rows = None;
    settings.sha256 = Some("AB".repeat(32));
    let why = memory.refusal_with(&settings);
    assert!(why.contains("not the one in `sha256`"), "{why}");
}

#[test]
fn f85_empty_and_foreign_files_are_refused_with_a_sentence() {
    for (bytes, word) in [
        (&b""[..], "users.csv is empty"),
        (b"\xEF\xBB\xBF\r\n \n", "users.csv is empty"),
        (b"\n\n,,,\n", "users.csv is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
        (b"PK\x03\x04\x14\x00\x06\x00", "an Excel workbook, not CSV: open it and save it as"),
        (b"\x7FELF\x02\x01\x01\0\0\0\0", "binary"),
        (b"1,Ann,ann@x\n2,Bob,bob@x\n", "no column for the key"),
        (b"name,colour\nAnn,red\n", "its first line reads “name, colour”"),
        (b"id,ID,name\n1,2,Ann\n", "twice"),
        (b"\xFF\xFEi\0d\0\n\0a", "half a UTF-16 character"),
    ] {
        let why = Memory::of_users(bytes).refusal();
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn f85_endless_rows_are_refused() {
    let mut text = "id,name\n1,Ann\n2,\"".to_owned();
    text.push_str(&"x,y\n".repeat(600_000));
    let why = Memory::of_users(&text).refusal();
    assert!(why.contains("line 3 of users.csv goes on for more than a megabyte"), "{why}");
}

#[test]
fn f85_each_file_is_watched() {
    let memory = Memory::of_users("id,name\n1,Ann\n");
    let why = memory.clone().with("groups", "id,name\ng1").refusal();
    assert!(why.contains("the last row of groups.csv, line 2"), "{why}");
    let why = memory.clone().with("memberships", "group,member\ng1,\"1").refusal();
    assert!(why.contains("memberships.csv ends inside quotes"), "{why}");
    let why = memory.with("memberships", "a,b\ng1,1\n").refusal();
    assert!(why.contains("memberships.csv has no column for the group"), "{why}");
}
