use crate::memory::{Memory, text};

#[test]
fn f85_a_bad_row_is_named_by_line_and_the_others_go_on() {
    let mut memory = Memory::of_users(
        "id,name,active\n\
         1,Ann,yes\n\
         2,Lee, Bob,yes\n\
         3,\"Cy\nand more\",yes\n\
         4,Dan,perhaps\n\
         5,Eve,yes\n",
    );
    let whole = memory.read().unwrap();
    assert_eq!(whole.ids(), ["1", "3", "5"]);
    assert_eq!(whole.bad_places(), [("users.csv line 3", Some("2")), ("users.csv line 6", Some("4"))]);
    assert_eq!(whole.bad()[0].why, "the row has 4 fields, the header has 3");
    assert!(whole.bad()[1].why.contains("“active” says “perhaps”"), "{}", whole.bad()[1].why);
    assert!(whole.may_remove());
    assert_eq!(whole.counts().0, 5);
    assert_eq!(text(whole.user("3"), "displayName").as_deref(), Some("Cy\nand more"));
}

#[test]
fn f85_a_blank_key_removes_nobody() {
    let whole = Memory::of_users("id,name\n1,Ann\n ,Bob\n3,Cy\n").read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 3", None)]);
    assert_eq!(whole.counts().0, 2);
}

#[test]
fn f85_a_shifted_key_is_not_believed() {
    // The comma in the name shifts the id away: “bob@x” would be taken for a key.
    let whole = Memory::of_users("name,mail,id\nAnn,ann@x,1\nLee, Bob,bob@x,2\nCy,cy@x,3\n").read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 3", None)]);
    let why = "the row has 4 fields, the header has 3; nobody is removed in this run";
    assert_eq!(whole.bad()[0].why, why);
    assert_eq!(whole.ids(), ["1", "3"]);
}

#[test]
fn f85_a_repeated_key_names_both_rows_and_removes_nobody() {
    let whole = Memory::of_users("id,name\n7,Ann\n8,Bob\n7,Ann again\n").read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 2", Some("7")), ("users.csv line 4", None)]);
    assert!(whole.bad()[0].why.contains("line 4") && whole.bad()[1].why.contains("line 2"));
    assert_eq!(whole.counts().0, 2);
    assert!(!whole.may_remove());

    let whole = Memory::of_users("userName\nAnn@x\nann@X\n").read().unwrap();
    assert_eq!(whole.bad().len(), 2, "user names differ by more than case");
}

#[test]
fn f85_a_stray_quote_that_swallows_rows_removes_nobody() {
    let whole = Memory::of_users("id,name,mail\n7,\"Bob,bob@x\n8,\"Ann\",ann@x\n9,Cy,cy@x\n").read().unwrap();
    assert_eq!(whole.ids(), ["9"]);
    assert_eq!(whole.bad_places(), [("users.csv line 2", None)]);
    assert!(whole.bad()[0].why.contains("goes on to line 3"));
}

#[test]
fn f85_two_stray_quotes_that_swallow_rows_remove_nobody() {
    for (text, ids) in [
        ("id,name,dept\n1,a,\"A\n2,b,B\n3,c,C\"\n4,d,D\n", &["4"][..]),
        ("id,name,dept\n1,a,\"A\r\n2,b,B\"\r\n4,d,D\r\n", &["4"]),
        ("id,name,dept\n1,\"a,A\n2,b\",B\n4,d,D\n", &["4"]),
    ] {
        let whole = Memory::of_users(text).read().unwrap();
        assert_eq!(whole.ids(), ids, "{text}");
        assert_eq!(whole.bad_places(), [("users.csv line 2", None)], "{text}");
        let until = if text.contains("3,c") { 4 } else { 3 };
        let why = format!("the row begins on line 2 and goes on to line {until}, so it may have swallowed");
        assert!(whole.bad()[0].why.contains(&why), "{}", whole.bad()[0].why);
    }
    let whole = Memory::of_users(
        "id,name,address,dept\n\
         1,a,\"1 Mill Lane\n8001 Zürich, ZH\",CH\n\
         2,b,\"one\ntwo, three\n\nfour\",\n\
         3,c,d,\"says \"\"so\"\",\nand goes\"\n",
    )
    .read()
    .unwrap();
    assert_eq!(whole.ids(), ["1", "2", "3"]);
    assert!(whole.bad().is_empty());
}

#[test]
fn f85_a_header_in_the_middle_is_nobody() {
    for again in
        ["id,userName,Shoe size", "\u{feff}\"id\",userName,\"Shoe\n size\"", "id, userName ,Shoe size,,"]
    {
        let text = format!("id,userName,\"Shoe\n size\"\n1,ann,40\n{again}\n2,bob,41\n");
        let whole = Memory::of_users(text).read().unwrap();
        assert_eq!(whole.ids(), ["1", "2"]);
        assert_eq!(whole.bad_places(), [("users.csv line 4", None)]);
        assert_eq!(
            whole.bad()[0].why,
            "line 4 repeats the header, as if two files were put together; nobody is removed in this run"
        );
    }
    let whole = Memory::of_users("userName,groups\nann,Eng\nuserName,groups\nbob,Ops\n")
        .with("memberships", "group,member\nEng,bob\ngroup,member\n")
        .read()
        .unwrap();
    assert_eq!(whole.ids(), ["ann", "bob"]);
    assert_eq!(whole.bad_places(), [("users.csv line 3", None), ("memberships.csv line 3", None)]);
    assert_eq!(whole.groups().len(), 2);
}

#[test]
fn f85_a_stray_quote_on_one_line_spoils_one_row() {
    let whole =
        Memory::of_users("id,name\n1,\"Bob\" Roe\n2,5\" disk\n3,\"C\"\"y\"\n4,\"Dan\" \n").read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 2", Some("1"))]);
    assert_eq!(text(whole.user("2"), "displayName").as_deref(), Some("5\" disk"));
    assert_eq!(text(whole.user("3"), "displayName").as_deref(), Some("C\"y"));
    assert_eq!(text(whole.user("4"), "displayName").as_deref(), Some("Dan"));
}

#[test]
fn f85_blank_lines_and_blank_cells_are_no_rows() {
    let whole =
        Memory::of_users("\r\nid,name,\r\n\r\n1,Ann,\r\n,,\r\n2,Bob,,,\r\n\r\n \r\n\x1a").read().unwrap();
    assert_eq!(whole.ids(), ["1", "2"]);
    assert!(whole.bad().is_empty());
}

#[test]
fn f85_line_numbers_are_an_editors() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["id,name", "1,\"a\nb\r\nc\"", "", "2,Bob,x", "3,Cy", ""].join(end);
        let whole = Memory::of_users(&text).read().unwrap();
        assert_eq!(whole.bad_places(), [("users.csv line 6", Some("2"))], "{text:?}");
        assert_eq!(whole.ids(), ["1", "3"]);
    }
}

#[test]
fn f85_undecodable_bytes_and_zeros_spoil_their_row_only() {
    let mut bytes = "id,name\n1,Jürgen\n".as_bytes().to_vec();
    bytes.extend(b"2,Ren\xE9e\n3,\0\0\n4,Zo\xC3\xAB\n");
    let whole = Memory::of_users(bytes).read().unwrap();
    assert_eq!(whole.ids(), ["1", "4"]);
    assert_eq!(whole.bad_places(), [("users.csv line 3", Some("2")), ("users.csv line 4", Some("3"))]);
}

#[test]
fn f85_bad_keys_are_refused() {
    let long = "x".repeat(513);
    let whole = Memory::of_users(format!("id,name\n{long},Ann\n\"a\tb\",Bob\n{},Cy\n", "y".repeat(512)))
        .read()
        .unwrap();
    assert_eq!(whole.users().len(), 1);
    assert_eq!(whole.bad_places(), [("users.csv line 2", None), ("users.csv line 3", None)]);
}

#[test]
fn f85_other_delimiters() {
    for (delimiter, name) in [(";", "Lee, Ann"), ("\t", "Lee; Ann"), ("|", "Lee, Ann")] {
        let text = "id,name,mail\n1,NAME,a@x\n".replace(',', delimiter).replace("NAME", name);
        let whole = Memory::of_users(text).read().unwrap();
        assert_eq!(crate::memory::text(whole.user("1"), "displayName").as_deref(), Some(name));
    }
    let whole = Memory::of_users("sep=|\nid|a,b\n1|c,d\n").read().unwrap();
    assert_eq!(whole.ids(), ["1"]);
}

#[test]
fn f85_a_cell_beyond_any_attribute_spoils_its_row() {
    let whole = Memory::of_users(format!("id,note\n1,{}\n2,b\n", "x".repeat(70_000))).read().unwrap();
    assert_eq!(whole.bad_places(), [("users.csv line 2", Some("1"))]);
    assert_eq!(whole.bad()[0].why, "“note” is longer than 64 KiB");
}

#[test]
fn f85_headers_over_several_lines_are_one_name() {
    let whole = Memory::of_users("id,\"Shoe\r\n size \"\n1,43\n").read().unwrap();
    assert_eq!(text(whole.user("1"), "Shoe size").as_deref(), Some("43"));
}
