//! Upkeep of the database: damage is found and healed, copies are whole, and an installation moves to Postgres.

use crate::database::{execute, on_files, server};
use crate::harness::Installation;
use crate::t1::{USERS, sync, synced};
use serde_json::json;

#[tokio::test]
async fn a_sound_database_is_called_sound() {
    let inst = synced(&[]).await;
    inst.usher(&["users", "add", "man@acme.example"]).await.ended(0);
    assert_eq!(
        inst.json(0, &["database", "check"]).await,
        json!({ "sound": true, "damage": [], "forgotten": 0 })
    );
}

#[tokio::test]
async fn a_mirrored_record_that_is_damaged_is_found_and_taken_anew() {
    for damage in ["replace(raw, 'Ann', 'Eve')", "'{\"id\":'"] {
        let inst = synced(&[]).await;
        let before = inst.users().await;
        execute(&inst, &format!("UPDATE mirror_users SET raw = {damage} WHERE source_id = '1'")).await;
        let found = inst.usher(&["database", "check"]).await.ended(1);
        assert!(found.out.contains("record 1 of connection 1"), "{}", found.out);
        // A run that works from it says so, and plans nothing.
        inst.usher(&["policy", "add", "domain", "--set", "domain=acme.example"]).await.ended(0);
        let report = sync(&inst, 1).await;
        assert_eq!(report["fault"]["class"], "storage", "{report:#}");
        assert!(
            report["fault"]["message"].as_str().unwrap().contains("record 1 is not what was read"),
            "{report:#}"
        );
        assert!(report["fault"]["advice"].as_str().unwrap().contains("usher database check"), "{report:#}");
        assert_eq!(inst.users().await, before);
        // A read that was left open has seen it as it was.
        execute(&inst, "INSERT INTO reads (tenant, id, connection, basis, incremental, started_at) VALUES (1, 99, 1, '', 0, 0)").await;
        execute(&inst, "INSERT INTO staged_users (tenant, read, source_id, op) VALUES (1, 99, '1', 0)").await;
        assert!(
            found.out.contains("tenant ") && found.out.contains("database check --heal"),
            "{}",
            found.out
        );
        assert!(!found.out.contains("last copy"), "{}", found.out);
        inst.usher(&["database", "check", "--heal"]).await.ended(0);
        let beside = inst.beside().await;
        assert_eq!(beside.number("SELECT COUNT(*) FROM staged_users").await, 0);
        beside.close().await;
        sync(&inst, 0).await;
        inst.usher(&["database", "check"]).await.ended(0);
        assert_eq!(inst.users().await, before);
        assert_eq!(sync(&inst, 0).await["result"], "unchanged");
    }
}

#[tokio::test]
async fn a_database_that_cant_be_reached_is_told_with_what_to_do() {
    let inst = Installation::on_file();
    let wrong = inst.usher(&["--database", "mysql://root:hunter2@localhost/x", "status"]).await.ended(2);
    assert!(wrong.err.contains("mysql://localhost/x is no address of a database"), "{}", wrong.err);
    let away = inst.usher(&["--database", "postgres://me:hunter2@127.0.0.1:9/x", "status"]).await.ended(1);
    assert!(away.err.contains("postgres://127.0.0.1:9/x can't be opened"), "{}", away.err);
    assert!(away.err.contains("that the server runs"), "{}", away.err);
    assert!(!wrong.text().contains("hunter2") && !away.text().contains("hunter2"));
}

#[tokio::test]
async fn what_refers_to_nothing_is_damage() {
    let inst = synced(&[]).await;
    execute(&inst, "DELETE FROM users WHERE user_name = 'bob@acme.example'").await;
    let found = inst.json(1, &["database", "check"]).await;
    let text = found["damage"].to_string();
    for place in ["user_links", "memberships", "manager of ann@acme.example"] {
        assert!(text.contains(place), "{text}");
    }
    let tenant = inst.json(0, &["tenant", "list"]).await[0]["name"].as_str().unwrap().to_owned();
    let told = inst.usher(&["database", "check"]).await.ended(1);
    assert!(
        told.out.contains(&format!("tenant {tenant}: manager of ann@acme.example: there is none")),
        "{}",
        told.out
    );
    assert!(told.out.contains("last copy that is sound") && !told.out.contains("--heal"), "{}", told.out);
}

#[tokio::test]
async fn what_belongs_to_a_connection_that_doesnt_have_it_is_damage() {
    for (damage, place, what) in [
        ("DELETE FROM group_links WHERE source_id = 'g-sales'", "groups", "owner of G-sales: there is none"),
        ("UPDATE memberships SET owner = 7", "memberships", "link of connection 7, which says that"),
        (
            "UPDATE users SET user_name_key = 'somebody' WHERE user_name = 'bob@acme.example'",
            "users",
            "bob@acme.example isn't kept under this name",
        ),
    ] {
        let inst = synced(&[]).await;
        execute(&inst, damage).await;
        let found = inst.json(1, &["database", "check"]).await;
        let damages = found["damage"].as_array().unwrap();
        assert!(
            damages.iter().all(|one| one["where"] == place
                && one["what"].as_str().unwrap().contains(what)
                && one["heals"] == false),
            "{found:#}"
        );
    }
}

#[tokio::test]
async fn every_table_is_moved() {
    let inst = synced(&[]).await;
    let beside = inst.beside().await;
    let mut tables = beside
        .column(if on_files() {
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        } else {
            "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'"
        })
        .await;
    if !on_files() {
        // Rows are compared in the order of their keys, which is that of bytes on either engine.
        let others = "SELECT CAST(k.table_name || '.' || k.column_name AS TEXT) FROM information_schema.key_column_usage k
             JOIN information_schema.columns c USING (table_schema, table_name, column_name)
             WHERE c.table_schema = 'public' AND c.data_type = 'text' AND COALESCE(c.collation_name, '') <> 'C'";
        assert_eq!(beside.column(others).await, Vec::<String>::new());
    }
    beside.close().await;
    // Those of the engine, and of the migrations.
    tables.retain(|table| !table.starts_with('_') && !table.starts_with("sqlite_"));
    tables.sort();
    let mut moved = usher_store::TABLES;
    moved.sort_unstable();
    assert_eq!(tables, moved);
}

#[tokio::test]
async fn a_file_that_is_there_is_no_place_for_a_backup() {
    if !on_files() {
        return;
    }
    let inst = synced(&[]).await;
    let file = inst.file("mine.txt", "precious");
    let store = usher_store::Store::open(&inst.database()).await.unwrap();
    store.backup(std::path::Path::new(&file)).await.unwrap_err();
    store.close().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn a_backup_is_everything_but_the_key() {
    let inst = synced(&[]).await;
    let file = inst.path().join("copy/usher.db");
    std::fs::create_dir(inst.path().join("copy")).unwrap();
    let file = file.display().to_string();
    if !on_files() {
        let refused = inst.usher(&["database", "backup", &file]).await.ended(2);
        assert!(refused.err.contains("pg_dump"), "{}", refused.err);
        return;
    }
    inst.usher(&["database", "backup", &file]).await.ended(0);
    inst.usher(&["database", "backup", &file]).await.ended(2);
    let copy = format!("sqlite://{file}");
    let users = inst.json(0, &["--database", &copy, "users", "list"]).await;
    assert_eq!(users.as_array().unwrap(), &inst.users().await);
    assert_eq!(inst.json(0, &["--database", &copy, "database", "check"]).await["sound"], true);
    assert_eq!(inst.json(0, &["--database", &copy, "sync", "--yes"]).await["result"], "unchanged");
}

#[tokio::test]
async fn an_installation_moves_to_postgres_with_everything() {
    let Some(server) = server() else { return };
    let name = format!("m{}", uuid::Uuid::now_v7().simple());
    let beside = crate::database::Beside::open(&format!("{server}/postgres")).await;
    beside.execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    let url = format!("{server}/{name}");

    let inst = Installation::on_file();
    crate::t1::write(&inst, USERS, crate::t1::GROUPS, crate::t1::MEMBERSHIPS);
    crate::t1::connect(&inst, &[]).await;
    let bundled = usher_bundle::plugins().iter().find(|plugin| plugin.id == "csv").unwrap();
    let plugin = inst.file("csv.wasm", bundled.wasm);
    inst.usher(&["plugin", "add", &plugin, "--yes"]).await.ended(0);
    sync(&inst, 0).await;
    inst.usher(&["users", "add", "man@acme.example", "nickName=Ünï \"quoted\" \\ 山田"]).await.ended(0);
    inst.usher(&["tenant", "add", "other"]).await.ended(0);
    // Somebody is erased, and somebody is not what he was.
    inst.usher(&["users", "erase", "cat@alt.example", "--yes"]).await.ended(0);
    inst.pass_days(1);
    inst.usher(&["users", "set", "dan@acme.example", "title=Boss"]).await.ended(0);
    let before = inst.users().await;
    let then = ["users", "list", "--as-of", "2026-03-02T20:00:00Z"];
    let (was, erased) = (inst.json(0, &then).await, inst.json(0, &["users", "erase", "--list"]).await);
    assert_eq!(erased[0]["connections"], json!(["csv"]));

    inst.usher(&["database", "move", &url]).await.ended(3);
    crate::database::seem_running(&inst, 30).await;
    inst.usher(&["database", "move", &url, "--yes"]).await.ended(4);
    crate::database::seem_running(&inst, -1).await;
    let moved = inst.json(0, &["database", "move", &url, "--yes"]).await;
    let of = |table: &str| {
        let tables = moved["moved"].as_array().unwrap();
        tables.iter().find(|moved| moved["table"] == table).unwrap()["rows"].clone()
    };
    assert_eq!((of("tenants"), of("users"), of("plugins")), (json!(2), json!(7), json!(1)));
    // It goes on there as if nothing had happened.
    let there = ["--database", url.as_str()];
    let run = async |words: &[&str]| inst.json(0, &[&there[..], words].concat()).await;
    assert_eq!(run(&["users", "list"]).await.as_array().unwrap(), &before);
    assert_eq!((run(&then).await, run(&["users", "erase", "--list"]).await), (was, erased));
    // Who was erased stays out there, with all of the source read again.
    inst.file("users.csv", format!("{USERS}9,new@acme.example,New,,true,\n"));
    let synced = run(&["sync", "--yes"]).await;
    assert_eq!(
        (&synced["users"]["created"], &synced["users"]["skipped"]),
        (&json!(1), &json!(1)),
        "{synced:#}"
    );
    assert_eq!(run(&["database", "check"]).await["sound"], true);
    // And nothing is moved over it.
    let again = inst.usher(&["database", "move", &url, "--yes"]).await.ended(2);
    assert!(again.err.contains("has tenants already"), "{}", again.err);
    assert!(again.err.contains("give an empty database"), "{}", again.err);
    beside.close().await;
}
