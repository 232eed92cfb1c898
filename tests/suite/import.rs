//! People made by hand, once, from a file.

use crate::database::dump;
use crate::harness::{Installation, binary};
use crate::t1::{people, sync};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

const FILE: &str = "id,userName,First Name,Last Name,E-Mail,Dept,active\n\
    7,ann@acme.example,Ann,Example,ann@acme.example,Sales,yes\n\
    8,bob@acme.example,Bob,Example,bob@acme.example;b@acme.example,,no\n";

async fn import(inst: &Installation, status: u8, file: &str, flags: &[&str]) -> Value {
    let line: Vec<_> = ["users", "import", file].into_iter().chain(flags.iter().copied()).collect();
    inst.json(status, &line).await
}

fn lines(report: &Value, of: &str) -> Vec<(u64, String)> {
    let rows = report[of].as_array().unwrap();
    rows.iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn f88_a_good_file_makes_people_by_hand() {
    let inst = Installation::new();
    let file = inst.file("new.csv", FILE);
    let report = import(&inst, 0, &file, &["--yes"]).await;
    assert_eq!((&report["result"], &report["applied"]), (&"success".into(), &true.into()), "{report:#}");
    assert_eq!(report["users"]["created"], 2);
    assert_eq!((&report["lines"][0]["line"], &report["lines"][0]["action"]), (&2.into(), &"create".into()));
    let ann = inst.user("ann@acme.example").await;
    assert_eq!((&ann["origin"], &ann["connection"]), (&"manual".into(), &Value::Null));
    assert_eq!((&ann["displayName"], &ann["department"]), (&"Ann Example".into(), &"Sales".into()));
    assert_eq!(ann["externalId"], Value::Null, "no key binds him to the file");
    let bob = inst.user("bob@acme.example").await;
    assert_eq!((&bob["active"], &bob["department"]), (&false.into(), &Value::Null));
    assert_eq!(bob["emails"][1]["value"], "b@acme.example");
    // By his address too, as anybody made by hand.
    inst.usher(&["users", "show", "b@acme.example"]).await.ended(0);
    assert!(inst.json(0, &["status"]).await["connections"].as_array().unwrap().is_empty());
    // Once more there is nothing to do.
    let again = import(&inst, 0, &file, &["--yes"]).await;
    assert_eq!((&again["result"], &again["users"]["unchanged"]), (&"unchanged".into(), &2.into()));
}

#[tokio::test]
async fn f88_what_is_shown_before_and_after() {
    let inst = people("id,userName\n1,cat@acme.example\n", &[]).await;
    sync(&inst, 0).await;
    inst.usher(&["users", "add", "dan@acme.example", "title=Boss"]).await.ended(0);
    let file = inst.file(
        "new.csv",
        "userName,title,groups\nann@acme.example,Engineer,G\nCAT@acme.example,x,\ndan@acme.example,Chief,\n\
         eve@acme.example,a,b,c\nfay@acme.example,1,\nFay@acme.example,2,\n,x,\n",
    );
    let out = inst.usher(&["users", "import", &file, "--update", "--yes"]).await.ended(0).out;
    insta::assert_snapshot!(out, @r#"
    new.csv:
      ✓ new.csv: 161 bytes, UTF-8 (ASCII only), 3 columns separated by commas
      ✓ read as plain columns
      ✓ attributes: userName ← userName, title ← title, groups ← groups
      ! not taken over: groups
        they name others, and come in by a connection; by hand, `usher groups add GROUP --member WHO` adds somebody to a group

      + ann@acme.example  line 2: new
      ~ dan@acme.example  line 4: title: Boss → Chief
      ! line 5 can't be used: the row has 4 fields, the header has 3
      ! line 6 can't be used: fay@acme.example stands on line 7 too: which row is right?
      ! line 7 can't be used: Fay@acme.example stands on line 6 too: which row is right?
      ! line 8 can't be used: the row has no userName, so who is it?
      · line 3 is passed over: CAT@acme.example comes from the connection csv, whose source decides about him

    Done: 1 made, 1 changed; 0 as they are, 1 passed over, 4 that can't be used.
    "#);
}

#[tokio::test]
async fn f88_a_bad_row_is_named_with_its_line_and_the_others_go_on() {
    let inst = Installation::new();
    let file =
        inst.file("new.csv", "userName,active\nann@a.x,yes\n,yes\nbob@a.x,perhaps\ncat@a.x\ndan@a.x,no\n");
    let report = import(&inst, 0, &file, &["--yes"]).await;
    assert_eq!(inst.users().await.len(), 2);
    let bad = lines(&report, "quarantined");
    assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5], "{bad:?}");
    assert!(bad[0].1.contains("no userName") && bad[1].1.contains("perhaps"), "{bad:?}");
    assert_eq!(report["users"]["quarantined"], 3);
    // Of a file that isn't whole nothing is taken, nor of one that is no list of people.
    for broken in ["userName\neve@a.x\n\"fay", "", "colour\nred\n"] {
        let file = inst.file("broken.csv", broken);
        let ran = inst.usher(&["users", "import", &file, "--yes"]).await.ended(1);
        assert!(ran.err.contains("broken.csv"), "{}", ran.err);
    }
    let useless = inst.file("useless.csv", "userName,active\n,yes\n");
    inst.usher(&["users", "import", &useless, "--yes"]).await.ended(1);
    let missing = inst.path().join("none.csv").display().to_string();
    inst.usher(&["users", "import", &missing, "--yes"]).await.ended(2);
    assert_eq!(inst.users().await.len(), 2);
}

#[tokio::test]
async fn f88_who_comes_from_a_connection_is_passed_over() {
    let inst = people("id,userName,title\n1,ann@a.x,Engineer\n", &[]).await;
    sync(&inst, 0).await;
    let before = dump(&inst).await;
    let file = inst.file("new.csv", "userName,title\n ANN@A.X ,Boss\n");
    let report = import(&inst, 0, &file, &["--yes", "--update"]).await;
    let passed = lines(&report, "skipped");
    assert_eq!(passed.len(), 1);
    assert_eq!(passed[0].0, 2);
    assert!(passed[0].1.contains("the connection csv"), "{passed:?}");
    assert_eq!(dump(&inst).await, before);
}

#[tokio::test]
async fn f88_of_a_name_that_stands_twice_neither_row_counts() {
    let inst = Installation::new();
    let file = inst.file("new.csv", "userName,title\nann@a.x,Boss\nbob@a.x,\nAnn@A.X,Chief\n");
    let report = import(&inst, 0, &file, &["--yes"]).await;
    let bad = lines(&report, "quarantined");
    assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    assert!(bad[0].1.contains("line 4") && bad[1].1.contains("line 2"), "{bad:?}");
    assert_eq!(inst.active().await, ["bob@a.x"]);
}

#[tokio::test]
async fn f88_a_dry_run_writes_nothing() {
    let inst = Installation::new();
    inst.usher(&["users", "add", "bob@acme.example"]).await.ended(0);
    let before = dump(&inst).await;
    let file = inst.file("new.csv", FILE);
    let report = import(&inst, 0, &file, &["--dry-run", "--update", "--yes"]).await;
    assert_eq!((&report["applied"], &report["users"]["created"]), (&false.into(), &1.into()));
    assert_eq!(report["users"]["updated"], 1);
    assert_eq!(report["lines"][1]["changes"]["active"], json!([true, false]));
    assert_eq!(dump(&inst).await, before);
    let text = inst.usher(&["users", "import", &file, "--dry-run"]).await.ended(0).out;
    assert!(text.contains("Nothing was changed: 1 would be made"), "{text}");
}

#[tokio::test]
async fn f88_without_a_terminal_it_wants_to_be_confirmed() {
    let inst = Installation::new();
    let file = inst.file("new.csv", FILE);
    let ran = inst.usher(&["users", "import", &file]).await.ended(3);
    assert!(ran.out.contains("give --yes"), "{}", ran.out);
    assert_eq!(import(&inst, 3, &file, &[]).await["result"], "held");
    assert!(inst.users().await.is_empty());
}

#[tokio::test]
async fn f88_who_is_there_already_is_changed_only_if_that_is_wanted() {
    let inst = Installation::new();
    let words = ["users", "add", "Bob@acme.example", "department=IT", "title=Boss"];
    inst.usher(&words).await.ended(0);
    let id = inst.user("Bob@acme.example").await["id"].clone();
    let file = inst.file("new.csv", FILE);
    let report = import(&inst, 0, &file, &["--yes"]).await;
    assert_eq!((&report["users"]["created"], &report["users"]["updated"]), (&1.into(), &0.into()));
    assert!(lines(&report, "skipped")[0].1.contains("--update"), "{report:#}");
    assert_eq!(inst.user("Bob@acme.example").await["active"], true);

    let report = import(&inst, 0, &file, &["--yes", "--update"]).await;
    assert_eq!((&report["users"]["updated"], &report["users"]["unchanged"]), (&1.into(), &1.into()));
    let bob = inst.user("Bob@acme.example").await;
    assert_eq!(
        (&bob["id"], &bob["active"], &bob["displayName"]),
        (&id, &false.into(), &"Bob Example".into())
    );
    assert_eq!(
        (&bob["department"], &bob["title"]),
        (&"IT".into(), &"Boss".into()),
        "empty cells say nothing"
    );
}

#[tokio::test]
async fn f88_files_are_recognised_as_those_of_a_connection_are() {
    let inst = Installation::new();
    let utf16: Vec<u8> =
        "\u{feff}아이디;이름\nkim;김철수\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = inst.file("excel.csv", utf16);
    import(&inst, 0, &file, &["--yes"]).await;
    assert_eq!(inst.user("kim").await["displayName"], "김철수");
    let file = inst.file("odd.csv", "Kennung|Stelle\nlea|Chefin\n");
    inst.usher(&["users", "import", &file, "--yes"]).await.ended(1);
    import(&inst, 0, &file, &["--yes", "--set", "mapping.userName=Kennung", "--set", "mapping.title=Stelle"])
        .await;
    assert_eq!(inst.user("lea").await["title"], "Chefin");
    for wrong in ["mapping.userName=Nobody", "colour=red", "groups=/etc/passwd"] {
        inst.usher(&["users", "import", &file, "--yes", "--set", wrong]).await.ended(2);
    }
}

#[tokio::test]
async fn f88_a_file_can_come_by_standard_input() {
    let inst = Installation::new();
    let mut command = Command::new(binary());
    command.args(inst.everywhere().await).args(["users", "import", "-", "--yes"]);
    let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    run.stdin.take().unwrap().write_all(FILE.as_bytes()).unwrap();
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("standard input"));
    assert_eq!(inst.users().await.len(), 2);
}

#[tokio::test]
async fn f88_a_source_that_has_them_later_asks_as_for_anybody_made_by_hand() {
    let inst = people("id,userName\n1,ann@acme.example\n", &[]).await;
    let file = inst.file("new.csv", FILE);
    import(&inst, 0, &file, &["--yes"]).await;
    let report = sync(&inst, 0).await;
    assert_eq!((&report["users"]["created"], &report["users"]["held"]), (&0.into(), &1.into()), "{report:#}");
    assert_eq!(inst.user("ann@acme.example").await["origin"], "manual");
}
