//! Clocks that jump, between runs and in the midst of one: nobody is removed by that, no lease is lost, and history stays in order.

use crate::database::{dump, seem_running};
use crate::harness::Installation;
use crate::t1::{GROUPS, MEMBERSHIPS, USERS, accept, holds, names, notes, sync, synced, write};
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use usher_services::Clock;

const CAT: &str = "3,cat@alt.example,Cat,cat@acme.example,true,\n";
const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;

/// A clock that says one time so many times it is asked, and another ever after.
struct Jumping {
    asked: AtomicU64,
    times: u64,
    before: i64,
    after: i64,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let now = if asked < self.times { self.before } else { self.after };
        Timestamp::from_millisecond(now).unwrap()
    }

    fn is_of_the_day(&self) -> bool {
        false
    }
}

/// The machine's own clock, off by so many milliseconds.
struct Off(i64);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(Timestamp::now().as_millisecond() + self.0).unwrap()
    }
}

/// Cat has left, and the run that saw it is applied.
async fn cat_left() -> Installation {
    let inst = synced(&[]).await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    inst
}

/// When a user is said to have left.
async fn left_at(inst: &Installation) -> i64 {
    let beside = inst.beside().await;
    let left = beside.number("SELECT MIN(left_at) FROM user_links WHERE left_at IS NOT NULL").await;
    beside.close().await;
    left
}

#[tokio::test]
async fn f41_a_clock_that_jumps_ahead_deletes_nobody_by_itself() {
    let inst = cat_left().await;
    let right = inst.now();
    inst.pass_days(365);
    let plan = inst.json(3, &["plan"]).await;
    assert!(holds(&plan).contains("passed without a run"), "{plan:#}");
    // It waits however often it is tried, and says why.
    for _ in 0..2 {
        let held = inst.usher(&["sync", "--yes"]).await.ended(3).out;
        assert!(held.contains("days passed without a run") && held.contains("is the clock right?"), "{held}");
        assert_eq!(names(&inst).await.len(), 7);
        inst.pass_days(1);
    }
    // Right again, everything goes on as if nothing had been.
    inst.set_clock(right + DAY);
    let report = sync(&inst, 0).await;
    assert!(notes(&report).contains("this host's clock says 2026-03-03"), "{report:#}");
    assert_eq!(names(&inst).await.len(), 7);
    assert_eq!(notes(&sync(&inst, 0).await), "");
    inst.set_clock(right + 30 * DAY);
    assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
}

#[tokio::test]
async fn f41_a_long_time_without_runs_is_accepted_by_whoever_has_seen_it() {
    let inst = cat_left().await;
    inst.pass_days(61);
    let held = sync(&inst, 3).await;
    accept(&inst, &held).await.ended(0);
    assert_eq!(names(&inst).await.len(), 6);
    // Without anybody whose grace ends there is nothing to ask.
    inst.pass_days(400);
    assert_eq!(sync(&inst, 0).await["result"], "unchanged");
}

#[tokio::test]
async fn f41_a_clock_that_jumps_ahead_isnt_forgotten_by_a_run_that_deletes_nobody() {
    let inst = cat_left().await;
    inst.pass_days(365);
    // A row that may be hers: this run is applied, and deletes nobody.
    write(&inst, &USERS.replace("3,cat@", ",cat@"), GROUPS, MEMBERSHIPS);
    sync(&inst, 0).await;
    write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
    let held = sync(&inst, 3).await;
    assert!(holds(&held).contains("passed without a run"), "{held:#}");
    assert_eq!(names(&inst).await.len(), 7);
}

#[tokio::test]
async fn f41_a_clock_that_jumps_back_takes_nothing_from_anybodys_grace() {
    for back in [DAY, 40 * DAY, 20_000 * DAY] {
        let inst = synced(&[]).await;
        let right = inst.now();
        inst.set_clock(right - back);
        write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
        let report = sync(&inst, 0).await;
        assert!(notes(&report).contains("one of the two is wrong"), "{report:#}");
        assert_eq!(inst.user("cat@alt.example").await["active"], false);
        // As long as it is behind, nobody's grace ends.
        inst.set_clock(right - back + 5 * DAY);
        sync(&inst, 0).await;
        inst.set_clock(right + DAY);
        let report = inst.json(if back > 60 * DAY { 3 } else { 0 }, &["sync", "--yes"]).await;
        assert_eq!(holds(&report).contains("passed without a run"), back > 60 * DAY, "{report:#}");
        assert_eq!(names(&inst).await.len(), 7, "back by {} days", back / DAY);
        if back <= 60 * DAY {
            assert_eq!(left_at(&inst).await, right);
            inst.set_clock(right + 30 * DAY);
            assert_eq!(sync(&inst, 0).await["users"]["deleted"], 1);
        }
    }
}

#[tokio::test]
async fn f41_a_clock_that_jumps_in_the_midst_of_a_run_takes_nothing_from_anybodys_grace() {
    for (times, after) in (0..8).flat_map(|times| [(times, 0), (times, 4_000_000_000_000)]) {
        let inst = synced(&[]).await;
        let right = inst.now();
        write(&inst, &USERS.replace(CAT, ""), GROUPS, MEMBERSHIPS);
        let clock = Jumping { asked: AtomicU64::new(0), times, before: right, after };
        let ran = inst.usher_by(Arc::new(clock), &["sync", "--yes"]).await.ended(0);
        let left = left_at(&inst).await;
        // Before it began the run has nothing to go by but that clock; from then on it is not believed.
        assert!(left == right || times < 1, "{times} {after} {left}\n{}", ran.out);
        inst.set_clock(right + DAY);
        let ended = inst.usher(&["sync", "--yes"]).await;
        assert!(matches!(ended.status, 0 | 3), "{}", ended.out);
        assert_eq!(names(&inst).await.len(), 7, "{times} {after}");
    }
}

#[tokio::test]
async fn f32_a_clock_that_jumps_loses_no_lease_and_takes_none() {
    let inst = synced(&[]).await;
    let right = inst.now();
    seem_running(&inst, 25).await;
    for clock in [0, right - DAY, right + 365 * DAY, 4_000_000_000_000] {
        inst.set_clock(clock);
        inst.usher(&["sync", "--yes"]).await.ended(4);
    }
    inst.set_clock(right);
    seem_running(&inst, -1).await;
    write(&inst, &USERS.replace(",Ann,", ",Anna,"), GROUPS, MEMBERSHIPS);
    let clock = Jumping { asked: AtomicU64::new(0), times: 4, before: right, after: 4_000_000_000_000 };
    inst.usher_by(Arc::new(clock), &["sync", "--yes"]).await.ended(0);
    assert_eq!(inst.user("ann@acme.example").await["displayName"], "Anna");
}

#[tokio::test]
async fn f87_a_clock_that_jumps_leaves_history_in_order() {
    let inst = synced(&[]).await;
    let right = inst.now();
    for (at, off) in [0, -2 * DAY, DAY, -DAY, 20 * DAY, 3 * DAY].into_iter().enumerate() {
        inst.set_clock(right + off);
        write(&inst, &USERS.replace(",Ann,", &format!(",Ann {at},")), GROUPS, MEMBERSHIPS);
        assert_eq!(sync(&inst, 0).await["users"]["updated"], 1);
    }
    let changes =
        inst.usher(&["runs", "changes", "--field", "displayName", "--format", "jsonl"]).await.ended(0).out;
    let told: Vec<_> = (0..6).map(|at| changes.find(&format!("\"Ann {at}\"")).unwrap()).collect();
    assert!(told.is_sorted() || told.iter().rev().is_sorted(), "{changes}");
    let beside = inst.beside().await;
    let times = beside.rows("SELECT started_at, finished_at FROM runs ORDER BY id").await;
    beside.close().await;
    let times: Vec<i64> =
        times.iter().flat_map(|row| serde_json::from_str::<Vec<i64>>(row).unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn f41_a_clock_that_jumps_away_from_the_databases_begins_no_run() {
    let inst = Installation::new();
    write(&inst, USERS, GROUPS, MEMBERSHIPS);
    let users = format!("users={}/users.csv", inst.path().display());
    inst.connect_csv(&[&users]).await;
    let before = dump(&inst).await;
    for days in [-2, 2, 365] {
        for words in [&["sync", "--yes"][..], &["plan"]] {
            let ran = inst.usher_by(Arc::new(Off(days * DAY + days.signum() * HOUR)), words).await.ended(1);
            let apart = format!("this host's clock and the database's are {} days apart", days.abs());
            assert!(ran.err.contains(&apart) && ran.err.contains("timedatectl"), "{}", ran.err);
        }
    }
    assert_eq!(dump(&inst).await, before);
    assert_eq!(inst.json(0, &["runs", "list"]).await, serde_json::json!([]));
    inst.usher_by(Arc::new(Off(-DAY / 2)), &["sync", "--yes"]).await.ended(0);
    assert_eq!(names(&inst).await.len(), 7);
}
