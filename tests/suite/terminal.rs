//! Commands that ask, at a real terminal: `script` of util-linux gives the program one, and types the answers.

use crate::harness::{Installation, Ran, binary};
use std::io::Write;
use std::process::{Command, Stdio};

const TEN: &str =
    "id,userName\n1,ann@acme.example\n2,bob@acme.example\n3,cat@acme.example\n4,dan@acme.example\n";

/// A command of the installation at a terminal.
pub async fn at_terminal(place: &Installation, words: &[&str]) -> Command {
    let mut line = vec![binary().display().to_string()];
    line.extend(place.everywhere().await);
    line.extend(words.iter().map(|&word| word.to_owned()));
    let line: Vec<_> = line.iter().map(|word| format!("'{word}'")).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]);
    script
}

/// Runs a command of the installation at a terminal on which this is typed.
async fn typed(place: &Installation, words: &[&str], answers: &str) -> Ran {
    let mut script = at_terminal(place, words)
        .await
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    Ran {
        command: words.join(" "),
        status: u8::try_from(output.status.code().unwrap()).unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn connected() -> Installation {
    let place = Installation::new();
    let users = place.file("users.csv", TEN);
    place.connect_csv(&[&format!("users={users}")]).await;
    place
}

#[tokio::test]
async fn f31_at_a_terminal_yes_applies_the_plan_that_was_shown() {
    let place = connected().await;
    let ran = typed(&place, &["sync"], "y\n").await.ended(0);
    let (shown, rest) = ran.out.split_once("Apply this plan? [y/N]").expect("a question");
    assert!(shown.contains("ann@acme.example"), "the plan comes before the question:\n{shown}");
    assert!(rest.contains("all of it is written"), "{rest}");
    assert_eq!(place.active().await.len(), 4);
}

#[tokio::test]
async fn f31_at_a_terminal_anything_but_yes_changes_nothing() {
    let place = connected().await;
    for answer in ["n\n", "\n", "yess\n", "\u{4}"] {
        let ran = typed(&place, &["sync"], answer).await.ended(3);
        assert!(ran.out.contains("Nothing was changed"), "{}", ran.out);
        assert!(place.users().await.is_empty());
    }
}

#[tokio::test]
async fn f41b_at_a_terminal_a_held_plan_says_why_and_asks() {
    let place = connected().await;
    typed(&place, &["sync"], "y\n").await.ended(0);
    place.file("users.csv", "id,userName\n4,dan@acme.example\n");
    let ran = typed(&place, &["sync"], "n\n").await.ended(3);
    assert!(ran.out.contains("The guard holds this"), "{}", ran.out);
    assert_eq!(place.active().await.len(), 4);
    typed(&place, &["sync"], "y\n").await.ended(0);
    assert_eq!(place.active().await, ["dan@acme.example"]);
}

#[tokio::test]
async fn f09_at_a_terminal_a_connection_goes_when_its_name_is_typed() {
    let place = connected().await;
    typed(&place, &["disconnect", "csv"], "cvs\n").await.ended(3);
    assert_eq!(place.json(0, &["status"]).await["connections"].as_array().map(Vec::len), Some(1));
    typed(&place, &["disconnect", "csv"], "csv\n").await.ended(0);
    assert_eq!(place.json(0, &["status"]).await["connections"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn f28_at_a_terminal_a_connection_without_settings_is_asked_for_them() {
    let place = Installation::new();
    let users = place.file("users.csv", TEN);
    let groups = place.file("groups.csv", "id,displayName\ng,Team\n");
    // Files in the order in which they are asked for, then whether to save.
    let ran = typed(&place, &["connect", "csv"], &format!("{users}\n{groups}\n\ny\n")).await.ended(0);
    assert!(ran.out.contains("Save these settings?"), "{}", ran.out);
    typed(&place, &["sync"], "y\n").await.ended(0);
    assert_eq!(place.active().await.len(), 4);
    assert_eq!(place.json(0, &["groups", "list"]).await.as_array().unwrap().len(), 1);
    // Nothing given, nothing saved.
    let none = typed(&place, &["connect", "csv", "--name", "other"], "\n\n\n").await.ended(2);
    assert!(none.out.contains("csv needs settings"), "{}", none.out);
}

#[tokio::test]
async fn f88_at_a_terminal_an_upload_is_shown_and_asks() {
    let place = Installation::new();
    let file = place.file("new.csv", TEN);
    let ran = typed(&place, &["users", "import", &file], "n\n").await.ended(3);
    let (shown, rest) = ran.out.split_once("Make 4 users? [y/N]").expect("a question");
    assert!(shown.contains("ann@acme.example"), "{shown}");
    assert!(rest.contains("Nothing was changed"), "{rest}");
    assert!(place.users().await.is_empty());
    typed(&place, &["users", "import", &file], "y\n").await.ended(0);
    assert_eq!(place.active().await.len(), 4);
}
