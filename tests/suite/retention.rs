//! How long things are kept: history, plans, and what the source says of people who are left out.

use crate::database::execute;
use crate::directory::{Directory, member, person};
use crate::harness::Installation;
use crate::t1::{self, GROUPS, MEMBERSHIPS, USERS, names, sync};
use serde_json::{Value, json};
use usher_planner::Scope;
use usher_store::{Connection, NewConnection};
use usher_test_scripted::{Answer, Change, Group, Read, Script};

async fn number(inst: &Installation, sql: &str) -> i64 {
    let beside = inst.beside().await;
    let number = beside.number(sql).await;
    beside.close().await;
    number
}

async fn title(inst: &Installation, title: &str) {
    inst.usher(&["users", "set", "dan@acme.example", &format!("title={title}")]).await.ended(0);
}

async fn title_as_of(inst: &Installation, moment: &str) -> Value {
    inst.json(0, &["users", "show", "dan@acme.example", "--as-of", moment]).await["title"].clone()
}

/// What goes, which is what a dry run said.
async fn apply(inst: &Installation) -> Value {
    let dry = inst.json(0, &["retention", "apply", "--dry-run"]).await;
    let gone = inst.json(0, &["retention", "apply", "--yes", "--clock-is-right"]).await;
    assert_eq!(dry["past"], gone["past"]);
    gone["past"].clone()
}

#[tokio::test]
async fn f89_days_are_shown_and_set() {
    let inst = t1::connected(&[]).await;
    let shown = inst.json(0, &["retention"]).await;
    assert_eq!(shown["days"], json!({ "history": 400, "plans": 30, "left-out": 30 }));
    inst.usher(&["retention", "set", "plans=7", "left-out=1"]).await.ended(0);
    let shown = inst.usher(&["retention", "show"]).await.ended(0);
    for line in ["history\t400\t", "plans\t7\t", "left-out\t1\t"] {
        assert!(shown.out.contains(line), "{}", shown.out);
    }
    for wrong in ["plans=0", "plans", "plans=soon", "mirror=3", "history=99999"] {
        let refused = inst.usher(&["retention", "set", wrong]).await.ended(2);
        assert!(refused.err.contains("history=400"), "{}", refused.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_older_history_goes_and_newer_stays() {
    let inst = t1::synced(&[]).await; // 2026-03-02
    title(&inst, "One").await; // run 2
    inst.pass_days(100); // 2026-06-10
    title(&inst, "Two").await; // run 3
    inst.pass_days(200); // 2026-12-27
    title(&inst, "Three").await; // run 4
    inst.pass_days(150); // 2027-05-26: 450 days after the first, 350 after the second
    let before = crate::database::dump(&inst).await;
    let dry = inst.json(0, &["retention", "apply", "--dry-run"]).await;
    assert_eq!((&dry["applied"], &dry["past"]["rows"]), (&json!(false), &json!(1)), "{dry:#}");
    let asked = inst.usher(&["retention", "apply"]).await.ended(3);
    assert!(asked.out.contains("rows of the directory as it was"), "{}", asked.out);
    assert_eq!(crate::database::dump(&inst).await, before, "a dry run changes nothing");
    assert_eq!(title_as_of(&inst, "2026-03-03T00:00:00Z").await, "One");

    apply(&inst).await;
    let early = inst.usher(&["users", "list", "--as-of", "2026-03-01T00:00:00Z"]).await.ended(2);
    assert!(early.err.contains("that time is past recall: history is kept for 400 days"), "{}", early.err);
    assert!(early.err.contains("it is known from 2026-03-02"), "{}", early.err);
    for (moment, title) in [("2026-03-03", "One"), ("2026-07-01", "Two"), ("2027-01-01", "Three")] {
        assert_eq!(title_as_of(&inst, moment).await, title, "{moment}");
    }
    let past = inst.usher(&["runs", "undo", "2", "--yes"]).await.ended(2);
    assert!(past.err.contains("run 2 is past recall: history is kept for 400 days"), "{}", past.err);
    // The connection's latest run stays, without its lines.
    assert_eq!(inst.json(0, &["runs", "show", "1"]).await["applied"], true);
    assert_eq!(number(&inst, "SELECT COUNT(*) FROM lines WHERE run IN (1, 2)").await, 0);
    assert_eq!(number(&inst, "SELECT COUNT(*) FROM lines WHERE run IN (3, 4)").await, 2);
    assert_eq!(apply(&inst).await["rows"], 0, "once is enough");
    inst.usher(&["runs", "undo", "4", "--yes"]).await.ended(0);
    assert_eq!(inst.user("dan@acme.example").await["title"], "Two");

    // Every sync does it by itself; later still even the run that the history began with goes, and undo says so.
    inst.pass_days(100);
    sync(&inst, 0).await;
    // So many days at once may be a clock that is wrong: nothing goes for a week.
    inst.usher(&["runs", "show", "2"]).await.ended(0);
    inst.pass_days(8);
    sync(&inst, 0).await;
    let past = inst.usher(&["runs", "undo", "2", "--yes"]).await.ended(2);
    assert!(past.err.contains("run 2 is past recall"), "{}", past.err);
    inst.usher(&["runs", "show", "2"]).await.ended(2);
    inst.usher(&["runs", "undo", "99", "--yes"]).await.ended(2);
    assert_eq!(title_as_of(&inst, "2026-07-01").await, "Two");
    inst.usher(&["users", "list", "--as-of", "2026-05-01"]).await.ended(2);
    inst.usher(&["database", "check"]).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_the_guard_and_undo_of_settings_stand_after_the_history_is_gone() {
    let inst = t1::synced(&[]).await;
    inst.pass_days(500);
    sync(&inst, 0).await;
    inst.pass_days(8);
    // One of seven goes today by a run, and more than half of the rest with the next: the day counts together.
    let without = |ids: &[&str]| {
        let rows = USERS.lines().filter(|row| !ids.iter().any(|id| row.starts_with(&format!("{id},"))));
        rows.map(|row| format!("{row}\n")).collect::<String>()
    };
    t1::write(&inst, &without(&["4", "5"]), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    assert_eq!(number(&inst, "SELECT COUNT(*) FROM lines WHERE run = 1").await, 0);
    t1::write(&inst, &without(&["4", "5", "6", "3"]), GROUPS, MEMBERSHIPS);
    let held = sync(&inst, 3).await;
    assert!(t1::holds(&held).contains("4 of 7 users would go"), "{held:#}");
    t1::write(&inst, USERS, GROUPS, MEMBERSHIPS);
    t1::connect(&inst, &["scope=groups", "chosen=g-eng"]).await;
    let held = sync(&inst, 3).await;
    t1::accept(&inst, &held).await.ended(0);
    // Settings return to those of the run before, whose lines are long gone.
    let runs = inst.json(0, &["runs", "list", "--limit", "1"]).await;
    let plan = inst.json(3, &["runs", "undo", &runs[0]["run"].to_string()]).await;
    assert!(t1::notes(&plan).contains("settings and scope of csv return"), "{plan:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_plans_that_nobody_applied_go() {
    let inst = t1::connected(&[]).await;
    inst.json(0, &["plan"]).await;
    sync(&inst, 0).await;
    t1::write(&inst, &USERS.replace("Dan", "Daniel"), GROUPS, MEMBERSHIPS);
    inst.json(0, &["plan"]).await;
    assert!(number(&inst, "SELECT COUNT(*) FROM staged_users").await > 0);
    inst.pass_days(29);
    assert_eq!(apply(&inst).await["plans"], 0);
    inst.pass_days(2);
    let past = apply(&inst).await;
    assert_eq!((&past["plans"], &past["reads"]), (&json!(1), &json!(1)));
    // The newest keeps its number, and nothing else; what was applied stays.
    let runs = inst.json(0, &["runs", "list"]).await;
    let ids: Vec<_> = runs.as_array().unwrap().iter().map(|run| run["run"].as_i64().unwrap()).collect();
    assert_eq!(ids, [3, 2]);
    assert_eq!(number(&inst, "SELECT COUNT(*) FROM lines WHERE run <> 2").await, 0);
    assert_eq!(number(&inst, "SELECT COUNT(*) FROM staged_users").await, 0);
    assert_eq!(sync(&inst, 0).await["run"], 4);
}

/// How many of the mirror's people have a text.
const TEXTS: &str = "SELECT COUNT(*) FROM mirror_users WHERE raw IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn f89_who_is_left_out_is_forgotten_and_read_anew_when_he_may_come_in() {
    let inst = t1::synced(&["scope=groups", "chosen=g-eng"]).await;
    assert_eq!(number(&inst, TEXTS).await, 7);
    inst.pass_days(29);
    sync(&inst, 0).await;
    assert_eq!(number(&inst, TEXTS).await, 7);
    inst.pass_days(2);
    for _ in 0..2 {
        let report = sync(&inst, 0).await;
        assert_eq!((&report["result"], &report["users"]["skipped"]), (&json!("unchanged"), &json!(5)));
        assert_eq!(number(&inst, TEXTS).await, 2);
    }
    inst.usher(&["database", "check"]).await.ended(0);
    let why = inst.json(0, &["why", "3"]).await;
    assert!(why["because"].as_str().unwrap().contains("only the id is kept"), "{why:#}");
    // By her name she isn't known any more.
    let why = inst.usher(&["why", "cat@alt.example"]).await.ended(0);
    assert!(why.out.contains("nobody at csv or in the directory is cat@alt.example"), "{}", why.out);

    // Into a chosen group, with nothing else changed of him.
    t1::write(&inst, USERS, GROUPS, &format!("{MEMBERSHIPS}g-eng,3,user\n"));
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 1, "{report:#}");
    assert_eq!(names(&inst).await, ["ann@acme.example", "bob@acme.example", "cat@alt.example"]);
    assert_eq!(number(&inst, TEXTS).await, 3);
    // The scope becomes wider.
    t1::connect(&inst, &["scope=full"]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 4, "{report:#}");
    assert_eq!(names(&inst).await, t1::EVERYBODY);
    assert_eq!(number(&inst, TEXTS).await, 7);
    assert_eq!(number(&inst, "SELECT COUNT(*) FROM mirror_users WHERE left_out_at IS NOT NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_whom_a_policy_left_out_comes_in_without_it() {
    let inst = t1::connected(&[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=@alt.example"]).await.ended(0);
    sync(&inst, 0).await;
    inst.pass_days(31);
    sync(&inst, 0).await;
    assert_eq!(number(&inst, TEXTS).await, 6);
    let beside = inst.beside().await;
    for table in ["mirror_users", "findings"] {
        let rows = beside.rows(&format!("SELECT * FROM {table}")).await;
        assert!(!rows.iter().any(|row| row.contains("alt.example")), "{table}: {rows:#?}");
    }
    beside.close().await;
    // Read again as he was: known by his hash.
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    assert_eq!(number(&inst, TEXTS).await, 6);
    // Read again with a change: judged anew, and still out.
    t1::write(&inst, &USERS.replace("Cat", "Catherine"), GROUPS, MEMBERSHIPS);
    assert_eq!(sync(&inst, 0).await["users"]["created"], 0);
    inst.usher(&["policy", "remove", "deny-list"]).await.ended(0);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 1, "{report:#}");
    assert_eq!(inst.user("cat@alt.example").await["displayName"], "Catherine");
}

/// A source that tells what changed doesn't tell again who he is: it is asked.
#[tokio::test(flavor = "multi_thread")]
async fn f89_who_comes_into_the_scope_of_a_source_that_tells_changes_is_asked_for() {
    let directory = Directory::new().await;
    let mut all: Vec<Change> = vec![Group::new("g").named("G").into(), Group::new("h").named("H").into()];
    all.extend(["ann", "bob", "cat"].iter().map(|id| person(id).into()));
    all.extend([member("g", "ann"), member("h", "bob"), member("h", "cat")]);
    let mut script = Script::full(all);
    script.fresh.cursor = Some("1".into());
    let source = directory.scripted("acme", &script).await;
    let Connection { name, method, settings, rules, .. } = source.connection().await;
    let scope = Scope { chosen: Some(["g".to_owned()].into()), ..Scope::default() };
    let new = NewConnection { name, method, settings, scope, rules };
    directory.store.save_connection(source.tenant, &new, directory.host.now()).await.unwrap();
    source.sync().await;
    assert_eq!(source.people().await, ["ann"]);
    let later = directory.host.now() + 31 * 24 * 60 * 60 * 1000;
    let gone = directory.store.apply_retention(source.tenant, later).await.unwrap();
    assert_eq!(gone.left_out, 2);

    // Only cat is asked for: bob is as far outside as he was.
    let script = script
        .since("1", Read::of([member("g", "cat")]).cursor("2"))
        .lookup_user("cat", Answer::Here(vec![person("cat").into()]))
        .lookup_user("bob", Answer::Gone);
    let report = source.takes(&script).await;
    assert_eq!((report.users.created, report.users.deactivated), (1, 0), "{report:#?}");
    assert_eq!(source.people().await, ["ann", "cat"]);
    assert_eq!(source.members("G").await, ["ann", "cat"]);
    let kept = directory.column("SELECT source_id FROM mirror_users ORDER BY source_id").await;
    assert_eq!(kept, ["ann", "bob", "cat"]);
}

#[tokio::test]
async fn f89_nothing_is_let_go_of_while_a_run_goes_on() {
    let inst = t1::synced(&[]).await;
    inst.json(0, &["plan"]).await;
    inst.pass_days(500);
    crate::database::seem_running(&inst, 30).await;
    inst.usher(&["retention", "apply", "--yes", "--clock-is-right"]).await.ended(4);
    inst.usher(&["retention", "show"]).await.ended(0);
    crate::database::seem_running(&inst, -1).await;
    execute(&inst, "UPDATE runs SET state = 'success' WHERE state = 'running'").await;
    apply(&inst).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_nothing_is_let_go_of_by_a_clock_that_leapt() {
    let inst = t1::synced(&[]).await;
    title(&inst, "One").await;
    inst.pass_days(1);
    title(&inst, "Two").await;
    let right = inst.now();
    inst.pass_days(5 * 365);
    inst.json(0, &["plan"]).await;
    // Runs that see the same wrong time don't make it right.
    for _ in 0..3 {
        sync(&inst, 0).await;
        let refused = inst.usher(&["retention", "apply", "--yes"]).await.ended(3);
        assert!(
            refused.err.contains("1825 days passed without a run: is the clock right? It says 2031-"),
            "{}",
            refused.err
        );
        inst.pass_days(2);
    }
    inst.set_clock(right + 24 * 60 * 60 * 1000);
    sync(&inst, 0).await;
    assert_eq!(title_as_of(&inst, "2026-03-02T20:00:00Z").await, "One");
    // Where somebody says that the clock is right, or who runs for a week by it, what is past goes.
    inst.pass_days(5 * 365 + 10);
    inst.usher(&["retention", "apply", "--yes"]).await.ended(3);
    sync(&inst, 0).await;
    inst.pass_days(8);
    sync(&inst, 0).await;
    inst.usher(&["users", "show", "dan@acme.example", "--as-of", "2026-03-02T20:00:00Z"]).await.ended(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_a_leap_of_the_clock_isnt_forgotten_where_history_is_short() {
    let cat = "3,cat@alt.example,Cat,cat@acme.example,true,\n";
    let inst = t1::synced(&[]).await;
    inst.usher(&["retention", "set", "history=1"]).await.ended(0);
    t1::write(&inst, &USERS.replace(cat, ""), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    inst.pass_days(365);
    // A row that may be hers: these runs are applied, and delete nobody.
    t1::write(&inst, &USERS.replace("3,cat@", ",cat@"), GROUPS, MEMBERSHIPS);
    for _ in 0..12 {
        sync(&inst, 0).await;
        inst.pass_days(1);
    }
    assert_eq!(number(&inst, "SELECT COUNT(*) FROM lines").await, 0, "history is let go of");
    t1::write(&inst, &USERS.replace(cat, ""), GROUPS, MEMBERSHIPS);
    let held = sync(&inst, 3).await;
    assert!(t1::holds(&held).contains("days passed without a run"), "{held:#}");
    t1::accept(&inst, &held).await.ended(0);
    // Nobody is leaving any more: the runs that told of it go too.
    for _ in 0..3 {
        inst.pass_days(9);
        sync(&inst, 0).await;
    }
    assert!(number(&inst, "SELECT COUNT(*) FROM runs").await < 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_who_is_linked_when_only_his_hash_is_kept_is_read_anew() {
    for at_once in [true, false] {
        let inst = t1::synced(&["scope=groups", "chosen=g-eng"]).await;
        inst.pass_days(31);
        sync(&inst, 0).await;
        assert_eq!(number(&inst, TEXTS).await, 2);
        inst.usher(&["retention", "set", "plans=1"]).await.ended(0);
        inst.json(0, &["plan"]).await;
        inst.pass_days(2);
        inst.usher(&["users", "add", "cat.cable@acme.example"]).await.ended(0);
        inst.usher(&["users", "link", "cat.cable@acme.example", "3"]).await.ended(0);
        assert_eq!(apply(&inst).await["plans"], 1);
        inst.usher(&["database", "check"]).await.ended(0);
        if !at_once {
            sync(&inst, 0).await;
            inst.usher(&["database", "check"]).await.ended(0);
        }
        t1::connect(&inst, &["scope=full"]).await;
        sync(&inst, 0).await;
        assert_eq!(number(&inst, TEXTS).await, 7);
        inst.usher(&["database", "check"]).await.ended(0);
        if at_once {
            let cat = inst.user("cat.cable@acme.example").await;
            assert_eq!(inst.json(0, &["users", "show", "3"]).await["id"], cat["id"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_names_of_managers_who_were_left_out_go_from_notes() {
    let inst =
        t1::people("id,userName,manager\n1,ann@acme.example,boss-17\n17,boss@other.example,\n", &[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=@other.example"]).await.ended(0);
    sync(&inst, 0).await;
    let notes = async || t1::notes(&inst.json(0, &["runs", "show", "1"]).await);
    assert!(notes().await.ends_with("with none until he is: \"boss-17\""), "{}", notes().await);
    inst.pass_days(31);
    sync(&inst, 0).await;
    assert!(
        notes().await.ends_with("1 user names a manager who isn't in, with none until he is"),
        "{}",
        notes().await
    );
}

#[tokio::test]
async fn f89_what_is_past_its_days_is_counted_while_others_write() {
    if !crate::database::on_files() {
        return;
    }
    let inst = t1::synced(&[]).await;
    title(&inst, "One").await;
    inst.pass_days(500);
    let beside = inst.beside().await;
    let lock = beside.lock().await;
    assert_eq!(inst.json(0, &["retention", "show"]).await["past"]["rows"], 1);
    lock.release().await;
    beside.close().await;
}
