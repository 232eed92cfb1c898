//! What a plugin says is checked before anybody believes it.

use super::*;

#[tokio::test]
async fn f91_log_lines_cant_be_forged() {
    let runtime = runtime();
    let services = services();
    let mut method = method(&runtime, "whisper", &small(), &services).await;
    method.read(&Position::Fresh).await.unwrap();
    let lines = services.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].level, lines[0].text.as_str()), (Level::Info, r"one line\nand another\u{7}"));
}

#[tokio::test]
async fn f91_answers_are_bounded() {
    let runtime = runtime();
    let roomy = Limits { cpu_ms: 60_000, memory_bytes: 256 << 20, ..small() };
    let mut said = Vec::new();
    for act in ["wide-page", "long-page"] {
        let fault = misdeed(&runtime, act, &roomy).await;
        assert_eq!(fault.kind, FaultKind::TooMuchData, "{fault}");
        said.push(fault.to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    plugin hostile-method: `read` handed over more than 16777216 bytes at once; tell its author, or raise its limit `transfer_bytes`
    plugin hostile-method: `read` gave 10001 changes at once; 10000 fit; tell its author, or raise its limit `changes`
    ");
}

#[tokio::test]
async fn f91_text_that_isnt_text_is_a_bad_answer() {
    let runtime = runtime();
    let mut said = Vec::new();
    for act in ["not-utf8", "absurd-length"] {
        let fault = misdeed(&runtime, act, &small()).await;
        assert_eq!(fault.kind, FaultKind::BadAnswer, "{fault}");
        said.push(fault.to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    plugin hostile-method: `read` handed over text that isn't UTF-8; this is a bug, tell its author
    plugin hostile-method: `read` broke the contract: string pointer/length out of bounds of memory; this is a bug, tell its author
    ");
}

#[tokio::test]
async fn f91_a_record_with_a_bad_id_doesnt_stop_the_others() {
    let mut method = method(&runtime(), "bad-ids", &small(), &services()).await;
    let page = method.read(&Position::Fresh).await.unwrap();
    let read: Vec<_> = page
        .changes
        .iter()
        .map(|change| match change {
            Change::User(user) => user.id.clone(),
            Change::Unreadable(record) => format!("{}: {}", record.place, record.why),
            other => panic!("{other:?}"),
        })
        .collect();
    insta::assert_snapshot!(read.join("\n"), @r"
    change 1: an id has 0 bytes; 1 to 512 are allowed
    good
    change 3: an id has 600 bytes; 1 to 512 are allowed
    ");
}

#[tokio::test]
async fn f91_lies_about_a_read_reach_the_host_as_they_are() {
    let runtime = runtime();
    let mut endless = method(&runtime, "never-seal", &small(), &services()).await;
    for _ in 0..3 {
        assert_eq!(endless.read(&Position::Resume("on".into())).await.unwrap().next, Next::More("on".into()));
    }
    let mut wrong = method(&runtime, "wrong-count", &small(), &services()).await;
    let page = wrong.read(&Position::Fresh).await.unwrap();
    assert!(
        matches!(&page.next, Next::End(seal) if matches!(seal.covers, Coverage::Everything(counts) if counts.users == 99))
    );
    let mut twice = method(&runtime, "repeat-ids", &small(), &services()).await;
    assert_eq!(ids(&twice.read(&Position::Fresh).await.unwrap()), ["same", "same"]);
}

#[tokio::test]
async fn f91_every_reference_is_answered() {
    let mut method = method(&runtime(), "fewer-answers", &small(), &services()).await;
    let refs = [ObjectRef::User("a".into()), ObjectRef::User("b".into())];
    let fault = broken(method.lookup(&refs).await);
    assert_eq!(fault.kind, FaultKind::BadAnswer);
    insta::assert_snapshot!(fault, @"plugin hostile-method: `lookup` answered 2 references with 0 answers; this is a bug, tell its author");
}

#[tokio::test]
async fn f91_a_fault_of_the_contract_breaks_nothing() {
    let runtime = runtime();
    let mut method = method(&runtime, "fault", &small(), &services()).await;
    for _ in 0..2 {
        let Err(CallError::Fault(fault)) = method.read(&Position::Fresh).await else { panic!() };
        assert_eq!(fault, Fault::Source(r"broken\nin two".into()));
    }
    let problems = method.configure(r#"{"act":"refuse"}"#).await.unwrap().unwrap_err();
    assert_eq!(problems[0].why, r"no\nthanks");
}
