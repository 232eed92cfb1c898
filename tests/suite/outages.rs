//! The program killed, frozen, cut off from its database, or with no room left: whatever the moment, the database has the old state or the new
//! one whole, nobody has to mend anything, and the next run gets to where an undisturbed one does.

use crate::database::{Beside, on_files, server};
use crate::harness::{binary, compiled};
use rand::{RngExt, SeedableRng};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use usher_demo::{MEMBERSHIPS_FILE, Organisation, USERS_FILE};

const PEOPLE: u32 = 1_200;
/// Moments over the whole of a run, and as many over its last part.
const MOMENTS: u32 = 50;

struct Place {
    folder: TempDir,
    /// What the databases of this test begin with, where they lie on a server.
    prefix: String,
}

impl Place {
    /// A sample organisation that came in, and then changed at its source.
    async fn prepared() -> Self {
        let prefix = format!("k{}_", uuid::Uuid::now_v7().simple());
        let place = Self { folder: tempfile::tempdir().unwrap(), prefix };
        let source = place.source();
        let organisation = Organisation::sample(11, PEOPLE);
        organisation.write_first(&source).unwrap();
        place.connected("old").await;
        assert_eq!(place.usher("old", &["sync", "--yes"]).status().unwrap().code(), Some(0));
        organisation.write_drifted(&source, 3).unwrap();
        let leavers: Vec<_> =
            (9..PEOPLE).step_by(97).map(|number| format!("E{}", 100_000 + number)).collect();
        let leaver = |cell: Option<&str>| cell.is_some_and(|cell| leavers.iter().any(|id| id == cell));
        rewrite(
            &source.join(USERS_FILE),
            |row| !leaver(row.split(',').next()),
            |row| row.starts_with("E10000"),
        );
        rewrite(&source.join(MEMBERSHIPS_FILE), |row| !leaver(row.split(',').nth(1)), |_| false);
        place
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("in")
    }

    /// An installation that hasn't read the source yet.
    async fn connected(&self, name: &str) {
        if let Some(server) = server() {
            let beside = Beside::open(&format!("{server}/postgres")).await;
            let database = name.replace('-', "_");
            beside.execute(&format!("CREATE DATABASE {}{database} TEMPLATE template0", self.prefix)).await;
            beside.close().await;
        }
        let file = |key: &str| format!("{key}={}", self.source().join(format!("{key}.csv")).display());
        let (users, groups, memberships) = (file("users"), file("groups"), file("memberships"));
        let sets = ["--set", &users, "--set", &groups, "--set", &memberships];
        let connect = [&["connect", "csv", "--yes"][..], &sets].concat();
        assert_eq!(self.usher(name, &connect).status().unwrap().code(), Some(0));
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn usher(&self, data: &str, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("--data").arg(self.data(data)).arg("--cache").arg(compiled()).args(words);
        if !on_files() {
            command.arg("--database").arg(self.url(data));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn url(&self, name: &str) -> String {
        match server() {
            Some(server) => format!("{server}/{}{}", self.prefix, name.replace('-', "_")),
            None => format!("sqlite://{}", self.data(name).join("usher.db").display()),
        }
    }

    /// A copy of the installation as it was before anything changed at its source.
    async fn copy(&self, name: &str) {
        std::fs::create_dir(self.data(name)).unwrap();
        if let Some(server) = server() {
            let beside = Beside::open(&format!("{server}/postgres")).await;
            let copy = name.replace('-', "_");
            beside.execute(&format!("CREATE DATABASE {0}{copy} TEMPLATE {0}old", self.prefix)).await;
            beside.close().await;
            return;
        }
        for file in std::fs::read_dir(self.data("old")).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), self.data(name).join(file.file_name())).unwrap();
            }
        }
    }

    async fn open(&self, name: &str) -> Beside {
        Beside::open(&self.url(name)).await
    }

    /// Nothing of a copy is left.
    async fn drop(&self, name: &str) {
        if let Some(server) = server() {
            let beside = Beside::open(&format!("{server}/postgres")).await;
            let copy = name.replace('-', "_");
            beside.execute(&format!("DROP DATABASE {}{copy} WITH (FORCE)", self.prefix)).await;
            beside.close().await;
        }
        std::fs::remove_dir_all(self.data(name)).unwrap();
    }
}

/// Takes lines of a file away, and repeats some at its end as those of somebody new.
fn rewrite(path: &Path, keep: impl Fn(&str) -> bool, repeat: impl Fn(&str) -> bool) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().filter(|line| keep(line)).map(str::to_owned).collect();
    let new: Vec<_> =
        lines.iter().filter(|line| repeat(line)).map(|line| line.replacen("E1", "N1", 1)).collect();
    for line in new {
        let mut cells: Vec<&str> = line.splitn(3, ',').collect();
        let name = format!("new.{}", cells[1]);
        cells[1] = &name;
        lines.push(cells.join(","));
    }
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// Everything that a run leaves, without ids and times.
async fn state(beside: &Beside) -> Vec<String> {
    let mut rows = beside.essence(1).await;
    for sql in [
        "SELECT 'link', l.source_id, u.user_name, l.left_at IS NULL, l.manager_missing
         FROM user_links l JOIN users u ON u.tenant = l.tenant AND u.id = l.record",
        "SELECT 'group link', l.source_id, g.display_name
         FROM group_links l JOIN groups g ON g.tenant = l.tenant AND g.id = l.record",
        "SELECT 'mirrored user', source_id, hash, raw, user_name_key, manager, outcome, problem, place FROM mirror_users",
        "SELECT 'mirrored group', source_id, hash, raw, outcome, problem, place FROM mirror_groups",
        "SELECT 'mirrored membership', group_id, member_id, kind FROM mirror_members",
        "SELECT 'connection', cursor, fingerprint, admitted_by, state FROM connections",
        "SELECT 'kept', name, value FROM plugin_storage",
        "SELECT 'journal', l.kind, l.source_id, l.member_id, l.action, l.changes
         FROM lines l JOIN runs r ON r.tenant = l.tenant AND r.id = l.run WHERE r.applied = 1",
    ] {
        rows.extend(beside.rows(sql).await);
    }
    rows
}

/// Every named point of a run, and whether the new state is there by then.
const POINTS: [(&str, bool); 18] = [
    ("run.locked", false),
    ("read.before_commit", false),
    ("read.before_commit:2", false),
    ("read.after_commit", false),
    ("read.after_commit:3", false),
    ("read.sealed", false),
    ("admit.due", false),
    ("plan.lines", false),
    ("plan.hashed", false),
    ("apply.groups", false),
    ("apply.users", false),
    ("apply.memberships", false),
    ("apply.managers", false),
    ("apply.deletions", false),
    ("apply.mirror", false),
    ("apply.before_commit", false),
    ("apply.after_commit", true),
    ("report", true),
];

impl Place {
    /// A run that comes upon a named point.
    fn armed(&self, name: &str, point: &str) -> Command {
        let mut command = self.usher(name, &["sync", "--yes"]);
        command.env("USHER_FAILPOINT", point);
        command
    }

    /// The next run gets to where an undisturbed one does.
    async fn recovers(&self, name: &str, new: &[String], what: &str) {
        let beside = self.open(name).await;
        beside.execute("UPDATE leases SET expires_at = 0").await;
        beside.close().await;
        assert_eq!(self.usher(name, &["sync", "--yes"]).status().unwrap().code(), Some(0), "after {what}");
        let beside = self.open(name).await;
        assert_eq!(distance(&state(&beside).await, new), 0, "after {what}, then run again");
        assert_eq!(beside.number("SELECT COUNT(*) FROM runs WHERE state = 'running'").await, 0);
        beside.close().await;
        assert_eq!(
            self.usher(name, &["database", "check"]).status().unwrap().code(),
            Some(0),
            "after {what}"
        );
    }

    /// What an undisturbed run makes of it: the old state and the new.
    async fn calm(&self) -> (Vec<String>, Vec<String>) {
        let beside = self.open("old").await;
        let old = state(&beside).await;
        beside.close().await;
        self.copy("calm").await;
        assert_eq!(self.usher("calm", &["sync", "--yes"]).status().unwrap().code(), Some(0));
        let beside = self.open("calm").await;
        let new = state(&beside).await;
        beside.close().await;
        (old, new)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_a_run_that_dies_at_a_named_point_leaves_the_old_state_or_the_new() {
    let place = Place::prepared().await;
    let (old, new) = place.calm().await;
    for (at, (point, applied)) in POINTS.into_iter().enumerate() {
        let name = format!("point-{at}");
        place.copy(&name).await;
        let ended = place.armed(&name, &format!("{point}=kill")).status().unwrap();
        assert_eq!(ended.signal(), Some(9), "{point} was not reached");
        let beside = place.open(&name).await;
        let left = state(&beside).await;
        beside.close().await;
        assert_eq!(distance(&left, if applied { &new } else { &old }), 0, "killed at {point}");
        place.recovers(&name, &new, point).await;
        place.drop(&name).await;
    }
}

/// Waits until a process stands still, which its kernel tells.
fn stands_still(pid: u32) {
    for _ in 0..3_000 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        if stat.rsplit(") ").next().unwrap().starts_with('T') {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it never came to the point");
}

fn goes_on(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_a_host_that_was_frozen_past_its_lease_writes_nothing_any_more() {
    let place = Place::prepared().await;
    let (_, new) = place.calm().await;
    for (at, point) in
        ["run.locked", "read.after_commit:2", "read.sealed", "admit.due", "plan.lines", "plan.hashed"]
            .into_iter()
            .enumerate()
    {
        let name = format!("frozen-{at}");
        place.copy(&name).await;
        let mut frozen = place.armed(&name, &format!("{point}=stop")).spawn().unwrap();
        stands_still(frozen.id());
        // Another host takes over when the lease has ended, and finishes.
        place.recovers(&name, &new, point).await;
        goes_on(frozen.id());
        assert_eq!(frozen.wait().unwrap().code(), Some(1), "frozen at {point}");
        let beside = place.open(&name).await;
        assert_eq!(distance(&state(&beside).await, &new), 0, "frozen at {point}, and woken");
        assert_eq!(beside.number("SELECT COUNT(*) FROM runs WHERE applied = 1").await, 2);
        beside.close().await;
        place.drop(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f34_a_connection_to_postgres_that_is_cut_changes_nothing() {
    let Some(server) = server() else { return };
    let place = Place::prepared().await;
    let (old, new) = place.calm().await;
    for (at, (point, applied)) in POINTS.into_iter().enumerate() {
        let name = format!("cut-{at}");
        place.copy(&name).await;
        let mut run = place.armed(&name, &format!("{point}=stop"));
        let run = run.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        stands_still(run.id());
        let beside = Beside::open(&format!("{server}/postgres")).await;
        let database = place.url(&name);
        let database = database.rsplit('/').next().unwrap();
        beside
            .execute(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
            ))
            .await;
        beside.close().await;
        goes_on(run.id());
        let ended = run.wait_with_output().unwrap();
        let beside = place.open(&name).await;
        let left = state(&beside).await;
        beside.close().await;
        // Between two statements a new connection is made and the run goes on; in the midst of a transaction it ends.
        let said = String::from_utf8_lossy(&ended.stdout);
        let in_transaction = point.contains("before_commit") || (point.starts_with("apply.") && !applied);
        match ended.status.code() {
            Some(0) if in_transaction => panic!("cut at {point}, it went on\n{said}"),
            Some(0) => assert_eq!(distance(&left, &new), 0, "cut at {point}\n{said}"),
            Some(1) => {
                assert_eq!(distance(&left, if applied { &new } else { &old }), 0, "cut at {point}\n{said}");
                assert!(said.contains("database"), "cut at {point}\n{said}");
            }
            other => panic!("cut at {point}, it ended with {other:?}\n{said}"),
        }
        place.recovers(&name, &new, point).await;
        place.drop(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_of_two_processes_that_start_the_same_run_one_runs() {
    let place = Place::prepared().await;
    let (_, new) = place.calm().await;
    for (at, point) in ["run.locked", "read.after_commit", "plan.hashed"].into_iter().enumerate() {
        let name = format!("two-{at}");
        place.copy(&name).await;
        let mut first = place.armed(&name, &format!("{point}=stop")).spawn().unwrap();
        stands_still(first.id());
        let second = place.usher(&name, &["sync", "--yes"]).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(4), "{said}");
        assert!(said.contains("run 2"), "{said}");
        goes_on(first.id());
        assert_eq!(first.wait().unwrap().code(), Some(0), "{point}");
        let beside = place.open(&name).await;
        assert_eq!(distance(&state(&beside).await, &new), 0, "{point}");
        assert_eq!(beside.number("SELECT COUNT(*) FROM runs").await, 2, "who is refused leaves no run");
        beside.close().await;
        place.drop(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f36_a_switch_that_is_killed_leaves_one_turn_or_the_other() {
    let place = Place::prepared().await;
    let source = place.folder.path().join("in");
    let file = |key: &str| format!("{key}={}", source.join(format!("{key}.csv")).display());
    let sets = ["users", "groups", "memberships"].map(file);
    let mut connect = vec!["connect", "csv", "--name", "hr", "--yes"];
    connect.extend(sets.iter().flat_map(|set| ["--set", set]));
    assert_eq!(place.usher("old", &connect).status().unwrap().code(), Some(0));
    let switch = ["switch", "hr", "--yes"];
    let turn = async |name: &str| {
        let beside = place.open(name).await;
        let mut turn = beside.essence(1).await;
        turn.extend(beside.rows("SELECT name, state FROM connections ORDER BY name").await);
        turn.extend(
            beside.rows("SELECT 'linked', connection, COUNT(*) FROM user_links GROUP BY 2 ORDER BY 2").await,
        );
        beside.close().await;
        turn
    };
    let before = turn("old").await;
    place.copy("undisturbed").await;
    assert_eq!(place.usher("undisturbed", &switch).status().unwrap().code(), Some(0));
    let after = turn("undisturbed").await;
    assert!(distance(&before, &after) > 500, "the switch changed too little");
    for (at, (point, applied)) in [
        ("plan.hashed", false),
        ("apply.taken_over", false),
        ("apply.memberships", false),
        ("apply.before_commit", false),
        ("apply.after_commit", true),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("switch-{at}");
        place.copy(&name).await;
        let ended =
            place.usher(&name, &switch).env("USHER_FAILPOINT", format!("{point}=kill")).status().unwrap();
        assert_eq!(ended.signal(), Some(9), "{point} was not reached");
        assert_eq!(
            distance(&turn(&name).await, if applied { &after } else { &before }),
            0,
            "killed at {point}"
        );
        let beside = place.open(&name).await;
        beside.execute("UPDATE leases SET expires_at = 0").await;
        beside.close().await;
        let again = place.usher(&name, &switch).status().unwrap().code();
        assert_eq!(again, Some(if applied { 2 } else { 0 }), "after {point}");
        assert_eq!(distance(&turn(&name).await, &after), 0, "killed at {point}, then switched");
        let sound = place.usher(&name, &["database", "check"]).status().unwrap().code();
        assert_eq!(sound, Some(0), "after {point}");
        place.drop(&name).await;
    }
}

/// Points of an undo, in their order.
const UNDO_POINTS: [&str; 3] = ["undo.records", "undo.memberships", "undo.before_commit"];

#[tokio::test(flavor = "multi_thread")]
async fn f87_an_undo_that_is_killed_leaves_the_old_state_or_the_new() {
    let place = Place::prepared().await;
    assert_eq!(place.usher("old", &["sync", "--yes"]).status().unwrap().code(), Some(0));
    let directory = async |name: &str| {
        let beside = place.open(name).await;
        let essence = beside.essence(1).await;
        beside.close().await;
        essence
    };
    let undo = ["runs", "undo", "2", "--yes"];
    let before = directory("old").await;
    place.copy("undisturbed").await;
    assert_eq!(place.usher("undisturbed", &undo).status().unwrap().code(), Some(0));
    let after = directory("undisturbed").await;
    assert!(distance(&before, &after) > 500, "the undo changed too little");
    for point in UNDO_POINTS {
        let name = format!("undo-{}", point.replace('.', "-"));
        place.copy(&name).await;
        let ended =
            place.usher(&name, &undo).env("USHER_FAILPOINT", format!("{point}=kill")).status().unwrap();
        assert_eq!(ended.code(), None, "{point} was not passed");
        assert_eq!(distance(&directory(&name).await, &before), 0, "killed at {point}");
        let beside = place.open(&name).await;
        beside.execute("UPDATE leases SET expires_at = 0").await;
        beside.close().await;
        assert_eq!(place.usher(&name, &undo).status().unwrap().code(), Some(0));
        assert_eq!(distance(&directory(&name).await, &after), 0, "killed at {point}, then undone");
        place.drop(&name).await;
    }
}

/// Only the number of rows that differ: whole states are too long to read.
fn distance(one: &[String], other: &[String]) -> usize {
    let (one, other): (std::collections::BTreeSet<_>, std::collections::BTreeSet<_>) =
        (one.iter().collect(), other.iter().collect());
    one.symmetric_difference(&other).count()
}

/// Random moments of a run, the same in every test run: as a share of its whole length, from here to there.
fn moments(seed: u64, from: f64, to: f64) -> impl Iterator<Item = f64> {
    let mut random = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
    std::iter::repeat_with(move || random.random_range(from..to))
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_a_run_that_is_killed_leaves_the_old_state_or_the_new() {
    killed_at(moments(1, 0.0, 1.0)).await;
}

/// Where it writes the most.
#[tokio::test(flavor = "multi_thread")]
async fn f32_a_run_that_is_killed_late_leaves_the_old_state_or_the_new() {
    killed_at(moments(2, 0.5, 1.05)).await;
}

/// Kills a run at so many moments at which it was alive. How long a run takes depends on what else the machine
/// does, so a moment that came after its end counts for nothing and the next ones come sooner.
async fn killed_at(mut moments: impl Iterator<Item = f64>) {
    let place = Place::prepared().await;
    let (old, new) = place.calm().await;
    place.copy("timed").await;
    let began = Instant::now();
    assert_eq!(place.usher("timed", &["sync", "--yes"]).status().unwrap().code(), Some(0));
    let mut whole = began.elapsed();
    assert!(distance(&old, &new) > 500, "the source changed too little");

    let (mut killed, mut missed, mut taken_over) = (0, 0, 0);
    while killed < MOMENTS {
        let moment = whole.mul_f64(moments.next().unwrap());
        let name = format!("killed-{}", killed + missed);
        place.copy(&name).await;
        let mut run = place.usher(&name, &["sync", "--yes"]).spawn().unwrap();
        std::thread::sleep(moment);
        let alive = run.try_wait().unwrap().is_none();
        run.kill().unwrap();
        run.wait().unwrap();
        if alive {
            killed += 1;
            whole = whole.mul_f64(1.02);
        } else {
            missed += 1;
            whole = whole.mul_f64(0.9);
            assert!(missed <= 2 * MOMENTS, "only {killed} of {} kills found a run alive", killed + missed);
        }

        let beside = place.open(&name).await;
        let left = state(&beside).await;
        let applied = beside.number("SELECT COUNT(*) FROM runs WHERE applied = 1").await;
        assert!(alive || applied == 2, "it ended, and nothing was applied");
        let expected = if applied == 1 { &old } else { &new };
        assert_eq!(distance(&left, expected), 0, "killed after {moment:?}, {applied} runs applied");
        if beside.number("SELECT COUNT(*) FROM leases WHERE run IS NOT NULL").await == 1 {
            // The dead run still has its lease; as soon as that ends, the next one takes it over.
            if taken_over == 0 {
                assert_eq!(place.usher(&name, &["sync", "--yes"]).status().unwrap().code(), Some(4));
            }
            taken_over += 1;
            beside.execute("UPDATE leases SET expires_at = 0").await;
        }
        beside.close().await;

        assert_eq!(place.usher(&name, &["sync", "--yes"]).status().unwrap().code(), Some(0));
        let beside = place.open(&name).await;
        assert_eq!(distance(&state(&beside).await, &new), 0, "killed after {moment:?}, then run again");
        assert_eq!(beside.number("SELECT COUNT(*) FROM runs WHERE state = 'running'").await, 0);
        if on_files() {
            assert_eq!(beside.column("PRAGMA integrity_check").await, ["ok"]);
        }
        beside.close().await;
        place.drop(&name).await;
    }
    assert!(
        taken_over > MOMENTS / 4,
        "only {taken_over} of {MOMENTS} were killed with a lease in their hands"
    );
}

impl Place {
    /// A run of the binary by way of another program.
    fn by_way_of(&self, name: &str, program: &str, words: &[&str]) -> Command {
        let inner = self.usher(name, &["--json", "sync", "--yes"]);
        let mut command = Command::new(program);
        command.args(words).arg(inner.get_program()).args(inner.get_args());
        command.stdin(Stdio::null());
        command
    }
}

/// A disk that is full, as a limit on what a file may hold: the kernel refuses to write beyond it.
#[tokio::test(flavor = "multi_thread")]
async fn f34_a_full_disk_is_said_and_loses_nothing() {
    if !on_files() {
        return;
    }
    let place = Place::prepared().await;
    let (old, new) = place.calm().await;
    let size = std::fs::metadata(place.data("old").join("usher.db")).unwrap().len();
    let mut refused = 0;
    // Room for nothing, for a part of the read, for the read but not the plan, and so on.
    for (at, more) in [0, 200, 800, 2_000, 3_000].into_iter().enumerate() {
        let name = format!("full-{at}");
        place.copy(&name).await;
        let blocks = size / 1024 / 2 + more;
        let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let ended = place.by_way_of(&name, "bash", &["-c", &limited, "-"]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let beside = place.open(&name).await;
        let left = state(&beside).await;
        beside.close().await;
        if ended.status.code() == Some(0) {
            assert_eq!(distance(&left, &new), 0, "{said}");
            continue;
        }
        refused += 1;
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("\"storage\"") && said.contains("check the disk"), "{said}");
        assert_eq!(distance(&left, &old), 0, "{said}");
        place.recovers(&name, &new, "a full disk").await;
    }
    assert!(refused >= 2, "{refused} were refused");
}

/// A disk that can't be written: a folder of somebody else's, which this user may only read.
#[tokio::test(flavor = "multi_thread")]
async fn f34_a_read_only_disk_is_said_and_loses_nothing() {
    if !on_files() {
        return;
    }
    let place = Place::prepared().await;
    let (old, new) = place.calm().await;
    place.copy("read-only").await;
    let data = place.data("read-only");
    let mode = |mode: u32| std::os::unix::fs::PermissionsExt::from_mode(mode);
    for (path, bits) in
        [(place.folder.path().to_path_buf(), 0o755), (data.clone(), 0o555), (data.join("usher.db"), 0o444)]
    {
        std::fs::set_permissions(path, mode(bits)).unwrap();
    }
    let root = rustix::process::getuid().is_root();
    let ended = if root {
        let words = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        place.by_way_of("read-only", "setpriv", &words).output().unwrap()
    } else {
        place.by_way_of("read-only", "env", &[]).output().unwrap()
    };
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert!(said.contains("usher.db can't be opened") && said.contains("readonly"), "{said}");
    std::fs::set_permissions(&data, mode(0o700)).unwrap();
    std::fs::set_permissions(data.join("usher.db"), mode(0o600)).unwrap();
    let beside = place.open("read-only").await;
    assert_eq!(distance(&state(&beside).await, &old), 0);
    beside.close().await;
    place.recovers("read-only", &new, "a read-only disk").await;
}

/// A first read goes without an index that everything after it needs.
#[tokio::test(flavor = "multi_thread")]
async fn f34_a_first_run_that_is_killed_lacks_nothing_afterwards() {
    let place = Place::prepared().await;
    place.connected("first").await;
    let beside = place.open("first").await;
    let indexes = beside.indexes().await;
    beside.close().await;
    assert_eq!(place.usher("first", &["sync", "--yes"]).status().unwrap().code(), Some(0));
    let beside = place.open("first").await;
    let new = state(&beside).await;
    assert_eq!(beside.indexes().await, indexes);
    beside.close().await;
    let points = [
        "read.before_commit",
        "read.after_commit:3",
        "read.sealed",
        "admit.due",
        "apply.lifted",
        "apply.lifted:2",
    ];
    let points = points.into_iter().filter(|point| on_files() || !point.starts_with("apply.lifted"));
    for (at, point) in points.enumerate() {
        let name = format!("first-{at}");
        place.connected(&name).await;
        // That it dies there shows that an index was taken away.
        let mut run = place.armed(&name, &format!("{point}=kill"));
        assert_eq!(run.env("USHER_MANY_ROWS", "100").status().unwrap().signal(), Some(9), "at {point}");
        place.recovers(&name, &new, point).await;
        let beside = place.open(&name).await;
        assert_eq!(beside.indexes().await, indexes, "killed at {point}");
        beside.close().await;
        place.drop(&name).await;
    }
}

/// What the host copies of a source's files is personal data, which nobody may find on the disk when it is dead.
#[tokio::test(flavor = "multi_thread")]
async fn f34_a_run_that_is_killed_leaves_no_copy_of_its_files() {
    let place = Place::prepared().await;
    for (at, point) in ["read.before_commit", "read.after_commit:3", "read.sealed", "apply.users", "report"]
        .into_iter()
        .enumerate()
    {
        let name = format!("copies-{at}");
        place.copy(&name).await;
        let scratch = tempfile::tempdir().unwrap();
        let mut run = place.armed(&name, &format!("{point}=stop"));
        let mut run = run.env("TMPDIR", scratch.path()).spawn().unwrap();
        stands_still(run.id());
        // The copies are there, at least until the plan is made, and have no name; nor has what SQLite puts beside them.
        let open = std::fs::read_dir(format!("/proc/{}/fd", run.id())).unwrap();
        let open = open.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        let open: Vec<_> = open
            .filter(|path| path.starts_with(scratch.path()))
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        assert!(open.iter().all(|path| path.ends_with(" (deleted)")), "at {point}: {open:?}");
        let copies = open.iter().filter(|path| !path.contains("/etilqs_"));
        assert_eq!(copies.count(), 3, "at {point}: {open:?}");
        run.kill().unwrap();
        run.wait().unwrap();
        let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().collect();
        assert!(left.is_empty(), "killed at {point}: {left:?}");
        place.drop(&name).await;
    }
}

/// A run that comes to a point, and goes on while somebody else has the database locked.
async fn run_into_a_lock(
    place: &Place,
    name: &str,
    point: &str,
    wait_ms: u64,
    held: Option<Duration>,
) -> Output {
    let mut run = place.usher(name, &["--json", "sync", "--yes"]);
    run.env("USHER_FAILPOINT", format!("{point}=stop")).env("USHER_LOCK_WAIT", wait_ms.to_string());
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    stands_still(run.id());
    let beside = place.open(name).await;
    let lock = beside.lock().await;
    goes_on(run.id());
    let ended = match held {
        Some(held) => {
            tokio::time::sleep(held).await;
            lock.release().await;
            run.wait_with_output().unwrap()
        }
        None => {
            let ended = run.wait_with_output().unwrap();
            lock.release().await;
            ended
        }
    };
    beside.close().await;
    ended
}

/// What a person reads about a lock.
fn says_locked(said: &str) {
    assert!(
        said.contains("something else has the database locked, and did not let go of it in time"),
        "{said}"
    );
    let who = if on_files() { "fuser -v usher.db" } else { "pg_locks" };
    assert!(said.contains("nothing is lost: see who") && said.contains(who), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f34_a_database_that_something_else_has_locked_is_said_and_loses_nothing() {
    let place = Place::prepared().await;
    let (old, new) = place.calm().await;
    for (at, point) in ["run.locked", "read.after_commit:2", "read.sealed", "admit.due", "plan.hashed"]
        .into_iter()
        .enumerate()
    {
        let name = format!("locked-{at}");
        place.copy(&name).await;
        let ended = run_into_a_lock(&place, &name, point, 200, None).await;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(1), "locked at {point}\n{said}");
        says_locked(&said);
        let beside = place.open(&name).await;
        assert_eq!(distance(&state(&beside).await, &old), 0, "locked at {point}");
        beside.close().await;
        place.recovers(&name, &new, &format!("a lock at {point}")).await;
        place.drop(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f34_a_lock_that_is_let_go_of_in_time_is_waited_for() {
    let place = Place::prepared().await;
    let (_, new) = place.calm().await;
    for (at, point) in ["run.locked", "read.after_commit:2", "plan.hashed"].into_iter().enumerate() {
        let name = format!("waited-{at}");
        place.copy(&name).await;
        let held = Duration::from_millis(800);
        let ended = run_into_a_lock(&place, &name, point, 20_000, Some(held)).await;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.code(), Some(0), "locked at {point}\n{said}");
        let beside = place.open(&name).await;
        assert_eq!(distance(&state(&beside).await, &new), 0, "locked at {point}");
        beside.close().await;
        place.drop(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f34_commands_say_that_the_database_is_locked() {
    let place = Place::prepared().await;
    let beside = place.open("old").await;
    let before = state(&beside).await;
    let lock = beside.lock().await;
    for words in [&["sync", "--yes"][..], &["plan"], &["connect", "csv", "--set", "grace_days=9", "--yes"]] {
        let mut run = place.usher("old", words);
        let ended = run.env("USHER_LOCK_WAIT", "200").stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{words:?}\n{said}");
        says_locked(&said);
    }
    lock.release().await;
    assert_eq!(distance(&state(&beside).await, &before), 0);
    assert_eq!(beside.number("SELECT COUNT(*) FROM runs").await, 1, "no run began");
    beside.close().await;
    assert_eq!(place.usher("old", &["sync", "--yes"]).status().unwrap().code(), Some(0));
}
