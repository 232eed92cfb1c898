//! Messy files, from the file to what a person reads. The CSV method's own tests have the rest.

use crate::t1::{names, notes, people, sync};
use serde_json::Value;

fn places(report: &Value) -> Vec<(String, Value)> {
    let list = report["quarantined"].as_array().unwrap();
    list.iter().map(|bad| (bad["where"].as_str().unwrap().to_owned(), bad["id"].clone())).collect()
}

#[tokio::test]
async fn f85_a_bad_row_is_reported_by_line_and_the_others_go_on() {
    let inst =
        people("id,userName,active\n1,ann@a.x,yes\n2,bob@a.x,perhaps\n3,cat,c@a.x,yes\n4,dan@a.x,no\n", &[])
            .await;
    let report = sync(&inst, 0).await;
    assert_eq!(
        places(&report),
        [("users.csv line 3".to_owned(), "2".into()), ("users.csv line 4".to_owned(), "3".into())]
    );
    assert_eq!(report["users"]["quarantined"], 2);
    assert_eq!(report["users"]["found"], 4);
    assert_eq!(names(&inst).await, ["ann@a.x", "dan@a.x"]);
    let text = inst.usher(&["plan"]).await.ended(0).out;
    assert!(text.contains("(users.csv line 3): "), "{text}");
    // Still told while the file stays as it is, and healed by the next good one.
    assert_eq!(places(&sync(&inst, 0).await).len(), 2);
    inst.file("users.csv", "id,userName,active\n1,ann@a.x,yes\n2,bob@a.x,yes\n3,cat@a.x,yes\n4,dan@a.x,no\n");
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["created"], &report["users"]["quarantined"]), (&2.into(), &0.into()));
}

#[tokio::test]
async fn f85_a_row_without_a_key_removes_nobody() {
    let inst = people("id,userName\n1,ann@a.x\n2,bob@a.x\n3,cat@a.x\n", &["grace_days=0"]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName\n1,anna@a.x\n,bob@a.x\n9,gus@a.x\n");
    let report = sync(&inst, 0).await;
    assert_eq!(places(&report), [("users.csv line 3".to_owned(), Value::Null)]);
    assert_eq!((&report["users"]["deleted"], &report["users"]["updated"]), (&0.into(), &1.into()));
    assert_eq!(names(&inst).await, ["anna@a.x", "bob@a.x", "cat@a.x", "gus@a.x"]);
    inst.file("users.csv", "id,userName\n1,anna@a.x\n2,bob@a.x\n9,gus@a.x\n");
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
}

#[tokio::test]
async fn f85_a_repeated_key_names_both_lines_and_removes_nobody() {
    let inst = people("id,userName\n1,ann@a.x\n2,bob@a.x\n3,cat@a.x\n", &["grace_days=0"]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName\n1,ann@a.x\n2,bob@a.x\n2,other@a.x\n");
    let report = sync(&inst, 0).await;
    let mut lines: Vec<_> = places(&report).into_iter().map(|(place, _)| place).collect();
    lines.sort();
    assert_eq!(lines, ["users.csv line 3", "users.csv line 4"]);
    assert_eq!(names(&inst).await, ["ann@a.x", "bob@a.x", "cat@a.x"]);
}

#[tokio::test]
async fn f85_a_cut_file_removes_nobody() {
    let whole = "id,userName,displayName\n1,ann@a.x,Ann\n2,bob@a.x,Bob\n3,cat@a.x,\"Cat\"\n4,dan@a.x,Dan\n";
    for (cut, status) in [
        // In a quote, in a row, before the last line break.
        ("id,userName,displayName\n1,ann@a.x,Ann\n2,bob@a.x,Bob\n3,cat@a.x,\"C", 1),
        ("id,userName,displayName\n1,ann@a.x,Ann\n2,bob@a", 1),
        ("id,userName,displayName\n1,ann@a.x,Ann\n2,bob@a.x,Bob", 0),
        // Between rows nobody can tell: the guard.
        ("id,userName,displayName\n1,ann@a.x,Ann\n", 3),
        ("id,userName,displayName\n", 3),
    ] {
        let inst = people(whole, &["grace_days=0"]).await;
        sync(&inst, 0).await;
        inst.file("users.csv", cut);
        sync(&inst, status).await;
        assert_eq!(inst.active().await.len(), 4, "{cut:?}");
        inst.file("users.csv", whole);
        assert_eq!(sync(&inst, 0).await["result"], "unchanged", "{cut:?}");
    }
}

#[tokio::test]
async fn f85_encodings() {
    let utf16 = |text: &str| -> Vec<u8> {
        [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    };
    let text = "id,userName,displayName\n1,jurgen@a.x,Jürgen Größe\n";
    let bom = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let western = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let korean = [&b"id,userName,displayName\n1,hong@a.x,"[..], b"\xC8\xAB\xB1\xE6\xB5\xBF\n"].concat();
    for (bytes, settings, name) in [
        (text.as_bytes().to_vec(), vec![], "Jürgen Größe"),
        (bom, vec![], "Jürgen Größe"),
        (utf16(text), vec![], "Jürgen Größe"),
        (western, vec!["encoding=windows-1252"], "Jürgen Größe"),
        (korean, vec!["encoding=cp949"], "홍길동"),
    ] {
        let inst = crate::harness::Installation::new();
        let file = format!("users={}", inst.file("users.csv", bytes));
        let all: Vec<&str> = std::iter::once(file.as_str()).chain(settings).collect();
        inst.connect_csv(&all).await;
        sync(&inst, 0).await;
        assert_eq!(inst.users().await[0]["displayName"], name);
    }
}

#[tokio::test]
async fn f85_delimiters_quotes_and_mappings() {
    let inst = people(
        "Nr;Login;Note\n1;ann@a.x;\"two\nlines; and \"\"quotes\"\"\"\n2;bob@a.x;\n",
        &["mapping.id=Nr", "mapping.userName=Login", "mapping.title=Note"],
    )
    .await;
    sync(&inst, 0).await;
    assert_eq!(inst.user("ann@a.x").await["title"], "two\nlines; and \"quotes\"");
    for delimiter in ["\t", "|"] {
        let text = "id,userName\n1,ann@a.x\n".replace(',', delimiter);
        let inst = people(&text, &[]).await;
        sync(&inst, 0).await;
        assert_eq!(names(&inst).await, ["ann@a.x"]);
    }
}

#[tokio::test]
async fn f85_a_row_filter_and_demands_on_the_file() {
    let inst = people(
        "id,userName,Dept\n1,ann@a.x,Sales\n2,bob@a.x,IT\n",
        &[r#"filter=[{"column": "Dept", "is": ["sales"]}]"#],
    )
    .await;
    sync(&inst, 0).await;
    assert_eq!(names(&inst).await, ["ann@a.x"]);
    let inst = people("id,userName\n1,ann@a.x\n2,bob@a.x\n", &["rows=2"]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName\n1,ann@a.x\n");
    let report = sync(&inst, 1).await;
    assert!(report["fault"]["message"].as_str().unwrap().contains("`rows` asks for 2"), "{report:#}");
    assert_eq!(inst.active().await.len(), 2);
}

#[tokio::test]
async fn f85_a_file_outside_the_allowed_folders_is_not_read() {
    let inst = people("id,userName\n1,ann@a.x\n", &[]).await;
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("users.csv"), "id,userName\n1,eve@a.x\n").unwrap();
    let link = inst.path().join("linked.csv");
    std::os::unix::fs::symlink(other.path().join("users.csv"), &link).unwrap();
    inst.connect_csv(&[&format!("users={}", link.display())]).await;
    let report = sync(&inst, 2).await;
    assert!(report["fault"]["message"].as_str().unwrap().contains("linked.csv"), "{report:#}");
    assert!(names(&inst).await.is_empty());
}

#[tokio::test]
async fn f85_members_nobody_described_are_told() {
    let inst = crate::t1::connected(&[]).await;
    inst.file("memberships.csv", format!("{}g-eng,99,user\n", crate::t1::MEMBERSHIPS));
    let report = sync(&inst, 0).await;
    assert_eq!(report["memberships"]["added"], 9);
    assert!(notes(&report).contains("memberships.csv"), "{report:#}");
}

#[tokio::test]
async fn f85_a_row_without_a_key_is_told_in_every_run() {
    let inst = people("id,userName\n1,ann@a.x\n,bob@a.x\n3,cat@a.x\n", &[]).await;
    for result in ["success", "unchanged", "unchanged"] {
        let report = sync(&inst, 0).await;
        assert_eq!(report["result"], result, "{report:#}");
        assert_eq!(report["quarantined"][0]["where"], "users.csv line 3", "{report:#}");
    }
    // Who leaves beside it stays until it can be told, and leaves then.
    inst.file("users.csv", "id,userName\n1,ann@a.x\n,bob@a.x\n");
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 0);
    assert_eq!(inst.active().await, ["ann@a.x", "cat@a.x"]);
    inst.file("users.csv", "id,userName\n1,ann@a.x\n2,bob@a.x\n");
    assert_eq!(sync(&inst, 0).await["users"]["deactivated"], 1);
    assert_eq!(inst.active().await, ["ann@a.x", "bob@a.x"]);
}

#[tokio::test]
async fn f85_a_last_row_that_may_be_cut_is_not_applied() {
    let whole = "id,userName,emails,groups\n1,ann@a.x,ann@a.x,Eng\n6,u6@a.x,u6@acme.example,Sales\n";
    for cut in [whole.len() - "les\n".len(), whole.len() - ".example,Sales\n".len()] {
        let inst = people(whole, &["grace_days=0"]).await;
        sync(&inst, 0).await;
        inst.file("users.csv", &whole[..cut]);
        // A row without its last cell is provably cut; one that only may be is named, and stays as it is.
        let is_short = !whole[..cut].ends_with("Sa");
        let report = sync(&inst, u8::from(is_short)).await;
        if !is_short {
            assert_eq!(places(&report), [("users.csv line 3".to_owned(), Value::Null)]);
            assert_eq!(report["groups"]["created"], 0, "{report:#}");
            assert_eq!(report["memberships"]["removed"], 0, "{report:#}");
        }
        assert_eq!(inst.user("u6@a.x").await["emails"][0]["value"], "u6@acme.example");
        inst.file("users.csv", whole);
        assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    }
}

#[tokio::test]
async fn f85_two_stray_quotes_remove_nobody() {
    let inst =
        people("id,userName,title\n1,a@a.x,A\n2,b@a.x,B\n3,c@a.x,C\n4,d@a.x,D\n", &["grace_days=0"]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", "id,userName,title\n1,a@a.x,\"A\n2,b@a.x,B\n3,c@a.x,C\"\n4,d@a.x,Director\n");
    let report = sync(&inst, 0).await;
    assert_eq!(places(&report), [("users.csv line 2".to_owned(), Value::Null)]);
    assert!(report["quarantined"][0]["reason"].as_str().unwrap().contains("goes on to line 4"), "{report:#}");
    assert_eq!(names(&inst).await, ["a@a.x", "b@a.x", "c@a.x", "d@a.x"]);
    assert_eq!(inst.user("d@a.x").await["title"], "Director");
    assert_eq!(inst.user("a@a.x").await["title"], "A");
}

#[tokio::test]
async fn f12_a_renamed_column_is_told_while_the_run_waits() {
    let rows: String = (0..40).map(|n| format!("{n},u{n}@a.x,u{n}@acme.example\n")).collect();
    let inst = people(&format!("id,userName,mail\n{rows}"), &[]).await;
    sync(&inst, 0).await;
    inst.file("users.csv", format!("id,userName,Post\n{rows}"));
    let told = "users.csv: the column “mail”, which fed emails, is no longer there";
    // What was only planned isn't remembered.
    for _ in 0..2 {
        let report: Value = serde_json::from_str(&inst.usher(&["--json", "plan"]).await.out).unwrap();
        assert!(notes(&report).contains(told), "{report:#}");
    }
}

#[tokio::test]
async fn f85_a_guessed_encoding_is_a_note_of_the_run() {
    let inst = crate::harness::Installation::new();
    let text: Vec<u8> = "id,userName,displayName\n1,rene@a.x,René\n"
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let file = format!("users={}", inst.file("users.csv", text));
    inst.connect_csv(&[&file]).await;
    let report = sync(&inst, 0).await;
    assert!(notes(&report).contains("Line 2 reads “René” in Windows-1252"), "{report:#}");
    let checked = inst.usher(&["check"]).await.out;
    assert!(checked.contains("set `encoding` to windows-1252"), "{checked}");
}
