//! Erasing a person: nothing that tells who it was is left, others are as they were, and the sources don't bring him back.

use crate::database::{execute, on_files};
use crate::directory::{Directory, member, person};
use crate::harness::Installation;
use crate::t1::{self, sync};
use serde_json::{Value, json};
use std::path::Path;
use usher_store::{By, Erasing, VaultKey};
use usher_sync::HostOptions;
use usher_test_scripted::{Change, Fault, Group, Read, Script, User};

const USERS: &str = "id,userName,displayName,mail,active,manager
emp-0001,ann@acme.example,Ann Able,ann@acme.example,true,emp-4711-xq
emp-4711-xq,zebulon.quark@acme.example,Zebulon Quark,zeb.quark@alias.example,true,emp-0003
emp-0003,cat@acme.example,Cat Cable,cat@acme.example,true,zebulon.quark@acme.example
emp-0004,dan@other.example,Dan Dable,dan@other.example,true,
";
const GROUPS: &str = "id,displayName,type\ng-eng,G-eng,security\ng-all,G-all,security\n";
const MEMBERSHIPS: &str = "group,member,kind\ng-all,g-eng,group\ng-eng,emp-4711-xq,user\ng-eng,emp-0001,user\ng-all,emp-0003,user\n";

const NEEDLES: [&str; 6] = [
    "zebulon.quark@acme.example",
    "zeb.quark@alias.example",
    "zebulon quark",
    "emp-4711-xq",
    "zeb.newname@acme.example",
    "zebulon",
];

/// Everything that is kept, in lower case: every column of every table.
async fn everything(inst: &Installation) -> Vec<String> {
    let beside = inst.beside().await;
    let tables = beside
        .column(if on_files() {
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        } else {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
        })
        .await;
    let mut all = Vec::new();
    for table in tables.iter().filter(|table| !table.starts_with('_')) {
        for row in beside.rows(&format!("SELECT * FROM {table}")).await {
            all.push(format!("{table}: {}", row.to_lowercase()));
        }
    }
    beside.close().await;
    assert!(all.len() > 20);
    all
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap().to_ascii_lowercase()));
        }
    }
}

/// Where any of these stands, in tables or in bytes of files.
async fn found(inst: &Installation, needles: &[&str]) -> Vec<String> {
    let mut places: Vec<String> = everything(inst)
        .await
        .into_iter()
        .filter(|row| needles.iter().any(|needle| row.contains(needle)))
        .collect();
    if on_files() {
        let mut all = Vec::new();
        files(&inst.path().join("data"), &mut all);
        assert!(all.iter().any(|(name, bytes)| name.ends_with("usher.db") && bytes.len() > 10_000));
        for (name, bytes) in all {
            for needle in needles {
                if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                    places.push(format!("{name}: {needle}"));
                }
            }
        }
    }
    places
}

async fn connected() -> Installation {
    let inst = Installation::new();
    t1::write(&inst, USERS, GROUPS, MEMBERSHIPS);
    t1::connect(&inst, &[]).await;
    inst
}

/// A person who left traces of every kind.
async fn lived() -> Installation {
    let inst = connected().await;
    inst.json(0, &["plan"]).await;
    sync(&inst, 0).await;
    inst.pass_days(2);
    inst.usher(&["users", "set", "zebulon.quark@acme.example", "title=Strange"]).await.ended(0);
    inst.usher(&["groups", "add", "Chess"]).await.ended(0);
    inst.usher(&["groups", "add", "Chess", "--member", "zebulon.quark@acme.example"]).await.ended(0);
    inst.usher(&["groups", "add", "Chess", "--member", "ann@acme.example"]).await.ended(0);
    // Somebody under another key claims his name, and the report says whose it is.
    let twice = format!("{USERS}emp-0009,Zebulon.Quark@acme.example,Other,,true,\n");
    t1::write(&inst, &twice, GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    let renamed = USERS.replace(",zebulon.quark@acme.example,Zebulon", ",zeb.newname@acme.example,Zebulon");
    t1::write(&inst, &renamed, GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    t1::write(&inst, USERS, GROUPS, MEMBERSHIPS);
    // Read, planned, and not applied.
    inst.json(0, &["plan"]).await;
    inst
}

async fn list(inst: &Installation) -> Vec<Value> {
    let mut users = inst.users().await;
    for user in &mut users {
        user["manager"] = Value::Null;
    }
    users.retain(|user| !user["userName"].as_str().unwrap().starts_with("zeb"));
    users
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_a_search_of_the_database_after_erasing() {
    let inst = lived().await;
    assert!(found(&inst, &NEEDLES).await.len() > 10, "he is found before");
    let (others, before) = (list(&inst).await, everything(&inst).await);

    let unconfirmed = inst.usher(&["users", "erase", "zeb.newname@acme.example"]).await.ended(3);
    assert!(unconfirmed.out.contains("record emp-4711-xq of csv stays out"), "{}", unconfirmed.out);
    assert!(unconfirmed.err.contains("nobody was erased"), "{}", unconfirmed.err);
    assert_eq!(everything(&inst).await, before, "asking changes nothing");

    let erased = inst.json(0, &["users", "erase", "zeb.newname@acme.example", "--yes"]).await;
    assert_eq!(
        (&erased["records"], &erased["links"], &erased["remains"]),
        (&json!(1), &json!(1), &json!([]))
    );
    assert_eq!(erased["left_in_files"], Value::Null);
    assert_eq!(found(&inst, &NEEDLES).await, Vec::<String>::new());
    inst.usher(&["database", "check"]).await.ended(0);
    assert_eq!(list(&inst).await, others, "others are unharmed");
    assert_eq!(inst.members("Chess").await, ["ann@acme.example"]);

    // The source still has him, and names him as a manager.
    for turn in 0..3 {
        if turn == 2 {
            // From nothing, as if the source had never been read.
            execute(&inst, "UPDATE connections SET cursor = NULL").await;
        }
        let report = sync(&inst, 0).await;
        assert_eq!((&report["users"]["created"], &report["users"]["updated"]), (&json!(0), &json!(0)));
        // The second turn goes on from the cursor, where the file says nothing new of anybody.
        if turn != 1 {
            assert_eq!(report["users"]["skipped"], 1, "{report:#}");
            assert!(report["skipped"][0]["reason"].as_str().unwrap().starts_with("erased"), "{report:#}");
        }
        assert_eq!(found(&inst, &NEEDLES).await, Vec::<String>::new());
        assert_eq!(list(&inst).await, others);
    }
    inst.usher(&["database", "check"]).await.ended(0);
    // A change of the file, and somebody new in his group.
    let more = USERS.replace("Ann Able", "Ann Abler") + "emp-0005,eve@acme.example,Eve,,true,\n";
    t1::write(&inst, &more, GROUPS, &format!("{MEMBERSHIPS}g-eng,emp-0005,user\n"));
    sync(&inst, 0).await;
    assert_eq!(inst.members("G-eng").await, ["ann@acme.example", "eve@acme.example"]);
    assert_eq!(found(&inst, &NEEDLES).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_the_past_and_undo_of_others_stay_after_erasing() {
    let inst = lived().await;
    inst.pass_days(1);
    let at = "2026-03-03T00:00:00Z";
    let then = inst.json(0, &["users", "list", "--as-of", at]).await;
    assert_eq!(then.as_array().unwrap().len(), 4);
    let erased = inst.json(0, &["users", "erase", "zeb.newname@acme.example", "--yes"]).await;
    let then = inst.json(0, &["users", "list", "--as-of", at]).await;
    let names: Vec<_> =
        then.as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap()).collect();
    assert_eq!(names, ["ann@acme.example", "cat@acme.example", "dan@other.example"]);
    let members = inst.json(0, &["groups", "members", "G-eng", "--direct", "--as-of", at]).await;
    assert_eq!(members.as_array().unwrap().len(), 1);

    // The run that stands for it counts, and can't be undone; those before and after can.
    let run = erased["run"].to_string();
    let shown = inst.json(0, &["runs", "show", &run]).await;
    assert_eq!((&shown["intent"], &shown["erased"]["records"]), (&json!("erase"), &json!(1)));
    let never = inst.usher(&["runs", "undo", &run, "--yes"]).await.ended(2);
    assert!(never.err.contains("gone for good"), "{}", never.err);
    let chess = inst.json(0, &["runs", "changes", "--group", "Chess", "--action", "create"]).await;
    let made = chess[0]["run"].to_string();
    let report = inst.json(0, &["runs", "undo", &made]).await;
    assert_eq!(report["groups"]["deleted"], 0, "others have to do with it since: {report:#}");
    inst.usher(&["users", "set", "dan@other.example", "title=Boss"]).await.ended(0);
    let runs = inst.json(0, &["runs", "list", "--limit", "1"]).await;
    inst.usher(&["runs", "undo", &runs[0]["run"].to_string(), "--yes"]).await.ended(0);
    assert_eq!(inst.user("dan@other.example").await["title"], Value::Null);
    inst.usher(&["database", "check"]).await.ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_who_is_only_in_history_or_at_a_source_is_erased_too() {
    let inst = connected().await;
    inst.usher(&["policy", "add", "domain", "--set", "domain=acme.example"]).await.ended(0);
    // Made by hand, and gone.
    inst.usher(&["users", "add", "gone.person@acme.example", "displayName=Gone Person"]).await.ended(0);
    inst.usher(&["users", "remove", "gone.person@acme.example", "--yes"]).await.ended(0);
    sync(&inst, 0).await;
    inst.usher(&["users", "erase", "gone.person@acme.example", "--yes"]).await.ended(0);
    assert_eq!(found(&inst, &["gone.person", "gone person"]).await, Vec::<String>::new());
    // Left out by a policy: known by source id.
    assert!(!found(&inst, &["dan@other", "dan dable", "emp-0004"]).await.is_empty());
    inst.usher(&["users", "erase", "emp-0004", "--yes"]).await.ended(0);
    assert_eq!(found(&inst, &["dan@other", "dan dable", "emp-0004"]).await, Vec::<String>::new());
    sync(&inst, 0).await;
    assert_eq!(found(&inst, &["dan@other", "dan dable", "emp-0004"]).await, Vec::<String>::new());
    let nobody = inst.usher(&["users", "erase", "emp-0004", "--yes"]).await.ended(2);
    assert!(nobody.err.contains("is emp-0004"), "{}", nobody.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_words_of_others_that_name_him_are_told() {
    let inst = lived().await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=zebulon.quark@acme.example"]).await.ended(0);
    let ran = inst.usher(&["users", "erase", "emp-4711-xq", "--yes"]).await.ended(0);
    assert!(
        ran.out.contains("stays: his userName or e-mail address in settings of policies (1)"),
        "{}",
        ran.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_tombstones_are_listed_forgotten_and_bound_to_their_key() {
    let inst = lived().await;
    let erased = inst.json(0, &["users", "erase", "emp-4711-xq", "--yes"]).await;
    let all = inst.json(0, &["users", "erase", "--list"]).await;
    assert_eq!((&all[0]["run"], &all[0]["connections"]), (&erased["run"], &json!(["csv"])));

    // Without the key nobody would be known again: nothing is read.
    let key = inst.path().join("data/key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let failed = sync(&inst, 1).await;
    assert!(failed["fault"]["advice"].as_str().unwrap().contains("USHER_KEY"), "{failed:#}");
    std::fs::write(&key, "11".repeat(32)).unwrap();
    sync(&inst, 1).await;
    std::fs::write(&key, kept).unwrap();
    sync(&inst, 0).await;

    let run = erased["run"].to_string();
    inst.usher(&["users", "erase", "--forget", &run]).await.ended(0);
    inst.usher(&["users", "erase", "--forget", &run]).await.ended(2);
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["created"], 1, "{report:#}");
    assert_eq!(inst.user("ann@acme.example").await["manager"]["displayName"], "zebulon.quark@acme.example");
}

#[tokio::test]
async fn f89_nobody_is_erased_while_a_run_goes_on() {
    let inst = connected().await;
    sync(&inst, 0).await;
    crate::database::seem_running(&inst, 30).await;
    inst.usher(&["users", "erase", "emp-4711-xq", "--yes"]).await.ended(4);
    crate::database::seem_running(&inst, -1).await;
    inst.usher(&["users", "erase", "emp-4711-xq", "--yes"]).await.ended(0);
}

/// A source that tells what changed goes on naming him, and nobody asks it who that is.
#[tokio::test(flavor = "multi_thread")]
async fn f89_changes_of_somebody_who_was_erased_are_passed_over() {
    let key = VaultKey::from_hex(&"ab".repeat(32), "the test").unwrap();
    let directory = Directory::with(HostOptions { key: Some(key.clone()), ..HostOptions::default() }).await;
    let ids = ["ann", "bob", "zebulon"];
    let mut all: Vec<Change> = vec![Group::new("g").named("G").into(), Group::new("h").named("H").into()];
    all.extend(ids.iter().flat_map(|id| [person(id).into(), member("g", id)]));
    let mut script = Script::full(all);
    script.fresh.cursor = Some("1".into());
    script.faults.lookup = Some(Fault::Source("nobody is to be asked for".into()));
    let source = directory.scripted("acme", &script).await;
    source.sync().await;
    let by = By { tenant: source.tenant, who: "a test", now: directory.host.now() };
    let user = directory.store.find_users(source.tenant, usher_store::View::NOW, "zebulon").await.unwrap();
    let erasing = Erasing { record: Some(user[0].id.clone()), sources: Vec::new() };
    let erased = directory.store.erase(by, &key, &erasing).await.unwrap();
    assert_eq!((erased.records, erased.memberships, erased.mirrored), (1, 1, 2));
    assert!(directory.store.wipe().await.unwrap());
    let changes = [
        Change::UserPatch(User::new("zebulon").with("title", "Lead")),
        member("h", "zebulon"),
        member("h", "ann"),
        person("bob").with("manager", "zebulon").into(),
    ];
    let script = script
        .since("1", Read::of(changes).cursor("2"))
        .since("2", Read::of([Change::UserGone("zebulon".into())]).cursor("3"));
    let report = source.takes(&script).await;
    assert_eq!(
        (report.users.created, report.users.skipped, report.memberships.added),
        (0, 1, 1),
        "{report:#?}"
    );
    assert_eq!(source.takes(&script).await.users.deactivated, 0);
    assert_eq!(source.people().await, ["ann", "bob"]);
    let dump = directory.dump(source.tenant).await;
    assert!(!dump.iter().any(|row| row.contains("zebulon")), "{dump:#?}");
}

/// A file of people with a title and a manager.
async fn people(inst: &Installation, rows: &[&str]) {
    inst.file("users.csv", format!("id,userName,mail,title,manager\n{}\n", rows.join("\n")));
}

const STAFF: [&str; 3] =
    ["1,cat@acme.example,,Clerk,", "2,dan@acme.example,,Clerk,", "3,eve@acme.example,,Clerk,"];

/// The staff with others.
async fn staff(inst: &Installation, others: &[&str]) {
    people(inst, &[&STAFF[..], others].concat()).await;
}

async fn staffed(others: &[&str]) -> Installation {
    let inst = Installation::new();
    staff(&inst, others).await;
    inst.connect_csv(&[&format!("users={}/users.csv", inst.path().display())]).await;
    sync(&inst, 0).await;
    inst
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_who_left_and_came_again_is_erased_with_both_records() {
    let inst = staffed(&[]).await;
    inst.usher(&["groups", "add", "Chess"]).await.ended(0);
    for title in ["title=Topmost Secret", "title=Clerk"] {
        inst.usher(&["users", "add", "zora@acme.example", title]).await.ended(0);
        inst.usher(&["groups", "add", "Chess", "--member", "zora@acme.example"]).await.ended(0);
        if title.contains("Secret") {
            inst.usher(&["users", "remove", "zora@acme.example", "--yes"]).await.ended(0);
        }
    }
    let shown = inst.usher(&["users", "erase", "zora@acme.example"]).await.ended(3);
    assert_eq!(shown.out.matches("his record ").count(), 2, "{}", shown.out);
    assert!(shown.out.contains("(zora@acme.example, in the directory until 2026-03-02"), "{}", shown.out);
    let zora = inst.user("zora@acme.example").await["id"].as_str().unwrap().to_owned();
    let erased = inst.json(0, &["users", "erase", "zora@acme.example", "--yes"]).await;
    assert_eq!((&erased["people"], &erased["remains"]), (&json!(2), &json!([])));
    assert_eq!(found(&inst, &["zora@", "topmost secret", &zora]).await, Vec::<String>::new());
    let beside = inst.beside().await;
    for table in ["users_was", "memberships", "memberships_was", "lines WHERE run > 1 AND kind <> 'group'"] {
        assert_eq!(beside.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    beside.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_a_key_that_others_had_too_stays_theirs() {
    let inst = staffed(&["7,ann@acme.example,,Clerk,"]).await;
    for others in [&[][..], &["7,bob@acme.example,,Clerk,"], &[]] {
        staff(&inst, others).await;
        sync(&inst, 0).await;
        inst.pass_days(31);
        sync(&inst, 0).await;
    }
    let bobs = async || inst.json(0, &["runs", "changes", "--who", "bob@acme.example"]).await;
    let before = bobs().await;
    assert_eq!(before.as_array().unwrap().len(), 3, "{before:#}");
    // Under the key either may be meant, and it isn't guessed who.
    let either = inst.usher(&["users", "erase", "7", "--yes"]).await.ended(2);
    for name in ["ann@acme.example, in the directory until", "bob@acme.example, in the directory until"] {
        assert!(either.err.contains(name), "{}", either.err);
    }
    let erased = inst.json(0, &["users", "erase", "ann@acme.example", "--yes"]).await;
    assert_eq!((&erased["people"], &erased["tombstones"]), (&json!(1), &json!(0)));
    assert_eq!(found(&inst, &["ann@acme"]).await, Vec::<String>::new());
    assert_eq!(bobs().await, before);
    // Whoever has the key next comes in.
    staff(&inst, &["7,carl@acme.example,,Clerk,"]).await;
    assert_eq!(sync(&inst, 0).await["users"]["created"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_a_user_name_that_somebody_else_has_by_now_is_his() {
    let inst = staffed(&["7,z@acme.example,,Clerk,"]).await;
    staff(&inst, &["7,zeb@acme.example,,Clerk,"]).await;
    sync(&inst, 0).await;
    let hired = [
        "7,zeb@acme.example,,Clerk,",
        "8,z@acme.example,,Clerk,",
        "9,fay@acme.example,,Clerk,Z@acme.example",
    ];
    staff(&inst, &hired).await;
    sync(&inst, 0).await;
    let manager = async || inst.user("fay@acme.example").await["manager"]["displayName"].clone();
    assert_eq!(manager().await, "z@acme.example");
    let lines = inst.json(0, &["runs", "changes", "--who", "z@acme.example"]).await;

    let erased = inst.json(0, &["users", "erase", "zeb@acme.example", "--yes"]).await;
    assert_eq!(
        (&erased["people"], &erased["records"], &erased["tombstones"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(found(&inst, &["zeb@acme"]).await, Vec::<String>::new());
    assert_eq!(inst.json(0, &["runs", "changes", "--who", "z@acme.example"]).await, lines);
    for title in ["Boss", "Queen"] {
        staff(&inst, &[hired[0], hired[1], &hired[2].replace("Clerk", title)]).await;
        sync(&inst, 0).await;
        assert_eq!(inst.user("fay@acme.example").await["title"], title);
        assert_eq!(manager().await, "z@acme.example");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_a_user_name_that_somebody_gets_later_is_his() {
    let inst = staffed(&["7,z@acme.example,,Clerk,", "9,fay@acme.example,,Clerk,z@acme.example"]).await;
    inst.usher(&["users", "erase", "z@acme.example", "--yes"]).await.ended(0);
    sync(&inst, 0).await;
    let manager = async || inst.user("fay@acme.example").await["manager"].clone();
    assert_eq!(manager().await, Value::Null);
    assert_eq!(found(&inst, &["z@acme"]).await, Vec::<String>::new());
    staff(
        &inst,
        &["7,z@acme.example,,Clerk,", "8,z@acme.example,,Clerk,", "9,fay@acme.example,,Clerk,z@acme.example"],
    )
    .await;
    sync(&inst, 0).await;
    assert_eq!(inst.user("fay@acme.example").await["manager"]["displayName"], "z@acme.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_what_others_were_and_odd_names_are_searched_too() {
    let inst = staffed(&[]).await;
    let name = "zé\"b\\x@acme.example";
    inst.usher(&["users", "add", name]).await.ended(0);
    inst.usher(&["users", "set", "dan@acme.example", "nickName=wie ZÉ\"B\\X@acme.example"]).await.ended(0);
    inst.usher(&["users", "set", "dan@acme.example", "nickName="]).await.ended(0);
    inst.usher(&["users", "set", "eve@acme.example", &format!("nickName={name}")]).await.ended(0);
    // Contains his name, and isn't his.
    inst.usher(&["users", "set", "cat@acme.example", &format!("nickName=a{name}")]).await.ended(0);
    let erased = inst.json(0, &["users", "erase", name, "--yes"]).await;
    let remains: Vec<_> = erased["remains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| (place["in"].as_str().unwrap(), place["count"].as_i64().unwrap()))
        .collect();
    assert_eq!(
        remains,
        [
            ("attributes of other people", 1),
            ("attributes of other people as they were", 1),
            ("changes of others", 3)
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_a_manager_who_isnt_in_is_erased_from_notes() {
    let inst = staffed(&[]).await;
    inst.usher(&["policy", "add", "deny-list", "--set", "entries=@other.example"]).await.ended(0);
    let rows = ["4711-quark,boss@other.example,,Boss,", "9,fay@acme.example,,Clerk,4711-quark"];
    staff(&inst, &rows).await;
    let report = sync(&inst, 0).await;
    assert!(t1::notes(&report).contains("until he is: \"4711-quark\""), "{report:#}");
    inst.usher(&["users", "erase", "4711-quark", "--yes"]).await.ended(0);
    assert_eq!(found(&inst, &["4711-quark", "boss@other"]).await, Vec::<String>::new());
    sync(&inst, 0).await;
    assert_eq!(found(&inst, &["4711-quark", "boss@other"]).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_reads_that_were_left_open_begin_again_when_tombstones_go() {
    let inst = lived().await;
    let erased = inst.json(0, &["users", "erase", "emp-4711-xq", "--yes"]).await;
    inst.json(0, &["plan"]).await;
    inst.usher(&["users", "erase", "--forget", &erased["run"].to_string()]).await.ended(0);
    let beside = inst.beside().await;
    let open =
        beside.number("SELECT (SELECT COUNT(*) FROM reads) + (SELECT COUNT(*) FROM staged_users)").await;
    beside.close().await;
    assert_eq!(open, 0);
    assert_eq!(sync(&inst, 0).await["users"]["created"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f89_a_sources_own_id_that_looks_like_a_tombstone_is_nobodys() {
    let inst = staffed(&["erased:7,z@acme.example,,Clerk,"]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(report["users"]["skipped"], 0, "{report:#}");
    inst.usher(&["users", "erase", "z@acme.example", "--yes"]).await.ended(0);
    staff(&inst, &["erased:7,z@acme.example,,Clerk,", "erased:8,y@acme.example,,Clerk,"]).await;
    let report = sync(&inst, 0).await;
    assert_eq!(
        (&report["users"]["skipped"], &report["users"]["created"]),
        (&json!(1), &json!(1)),
        "{report:#}"
    );
    // Seen again as it was.
    staff(
        &inst,
        &["erased:7,z@acme.example,,Clerk,", "erased:8,y@acme.example,,Clerk,", "10,x@acme.example,,,"],
    )
    .await;
    assert_eq!(sync(&inst, 0).await["users"]["skipped"], 1);
}
