//! What holds for any source and any sequence of reads, good and bad.

mod worlds;

use crate::directory::{Directory, Source, removals, unguarded};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use usher_planner::GuardRules;
use usher_store::{Intent, Settings};
use usher_sync::{Consent, Report, RunResult};
use usher_test_scripted::{CallFaults, Change, Counts, Fault, Read, ResumeLost, Script, Seal, Unreadable};
use worlds::{World, contested, world, worlds};

/// Runs a property on one directory, each case in tenants of its own. `PROPTEST_CASES` makes it more cases.
fn holds<S: Strategy>(cases: u32, strategy: S, property: impl AsyncFn(&Tenants, S::Value)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let tenants =
        runtime.block_on(async { Tenants { directory: Directory::new().await, made: AtomicU32::new(0) } });
    // A case that fails is told whole: shrinking it would take minutes of runs.
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 24, ..Config::default() };
    let ran = TestRunner::new(config).run(&strategy, |value| {
        runtime.block_on(property(&tenants, value));
        Ok(())
    });
    if let Err(failure) = ran {
        panic!("{failure}");
    }
}

struct Tenants {
    directory: Directory,
    made: AtomicU32,
}

impl Tenants {
    async fn source(&self, script: &Script) -> Source<'_> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.directory.scripted(&format!("t{number}"), script).await
    }

    /// What a new installation has that was fed this state only.
    async fn fresh(&self, world: &World) -> Vec<String> {
        let source = self.source(&world.script()).await;
        settled(&source, &world.script()).await;
        source.essence().await
    }
}

/// A confirmed run; what waits because the source is empty is accepted.
async fn taken(source: &Source<'_>) -> Report {
    let report = source.sync().await;
    if report.result != RunResult::Held {
        return report;
    }
    let hash = report.plan.unwrap();
    source.run(Intent::Sync, Consent::Accept(&hash)).await
}

/// The source says this, a run takes it, and the next finds nothing to do.
async fn settled(source: &Source<'_>, script: &Script) {
    source.says(script);
    let report = taken(source).await;
    assert!(report.applied, "{report:#?}");
    let again = source.plan().await;
    assert_eq!(again.result, RunResult::Unchanged, "{again:#?}");
}

#[test]
fn a_plan_of_what_was_applied_is_empty() {
    holds(12, worlds(1..4), async |tenants: &Tenants, worlds: Vec<World>| {
        let source = tenants.source(&Script::default()).await;
        for world in &worlds {
            settled(&source, &world.script()).await;
        }
    });
}

#[test]
fn pages_and_order_make_no_other_plan() {
    let strategy = (world(), world()).prop_flat_map(|(before, after)| {
        let changes = after.changes();
        (Just(before), Just(changes.clone()), Just(changes).prop_shuffle(), 1..4_u32, 4..40_u32)
    });
    holds(12, strategy, async |tenants: &Tenants, (before, listed, shuffled, small, large)| {
        let source = tenants.source(&before.script()).await;
        settled(&source, &before.script()).await;
        let mut plans = Vec::new();
        for (changes, page) in [(&listed, 500), (&listed, small), (&shuffled, small), (&shuffled, large)] {
            let mut script = Script::full(changes.clone());
            script.fresh.page = Some(page);
            source.says(&script);
            let report = source.plan().await;
            plans.push((report.plan, report.users, report.groups, report.memberships));
        }
        assert!(plans.windows(2).all(|pair| pair[0] == pair[1]), "{plans:#?}");
    });
}

#[test]
fn f34_no_sequence_of_faults_removes_anything() {
    let strategy = (world(), proptest::collection::vec(bad_read(), 1..6));
    holds(16, strategy, async |tenants: &Tenants, (world, reads): (World, Vec<BadRead>)| {
        let good = world.script();
        let source = tenants.source(&good).await;
        settled(&source, &good).await;
        let before = source.essence().await;
        for read in reads {
            let mut script = read.spoil(&world);
            // Whatever the read lacks is there all the same.
            script.lookup = world.answers();
            source.says(&script);
            let report = source.sync().await;
            assert_eq!(removals(&report), 0, "{read:?} {report:#?}");
            assert_eq!(source.essence().await, before, "{read:?} {report:#?}");
        }
        settled(&source, &good).await;
        assert_eq!(source.essence().await, before);
    });
}

#[test]
fn any_history_ends_as_if_only_its_last_state_had_been() {
    let step = (world(), 0..4_u8, proptest::option::of(bad_read()));
    let strategy = proptest::collection::vec(step, 1..5);
    holds(16, strategy, async |tenants: &Tenants, steps: Vec<(World, u8, Option<BadRead>)>| {
        let source = tenants.source(&Script::default()).await;
        let mut last: Option<&World> = None;
        for (number, (world, way, bad)) in steps.iter().enumerate() {
            let mut script = world.script();
            script.fresh.page = Some(u32::from(*way) * 3 + 1);
            script.fresh.cursor = Some(format!("c{number}"));
            if let (Some(before), 1..) = (last, way) {
                // What happened since, once or told twice over.
                let mut since = before.until(world, *way == 3);
                if *way == 2 {
                    since.extend(since.clone());
                }
                let read = Read::of(since).paged(u32::from(*way) * 2).cursor(&format!("c{number}"));
                script = script.since(&format!("c{}", number - 1), read);
            }
            if let Some(bad) = bad {
                // Whoever is in this state is there, whatever the bad read lacks.
                let faults = CallFaults::default();
                source.says(&Script { faults, lookup: world.answers(), ..bad.spoil(world) });
                source.sync().await;
            }
            settled(&source, &script).await;
            last = Some(world);
        }
        let (world, ..) = steps.last().unwrap();
        assert_eq!(source.essence().await, tenants.fresh(world).await);
    });
}

#[test]
fn names_that_change_hands_settle() {
    let strategy = proptest::collection::vec(contested(), 1..5);
    holds(16, strategy, async |tenants: &Tenants, worlds: Vec<World>| {
        let source = tenants.source(&Script::default()).await;
        // Who left is gone at once and holds no name.
        source.ruled(Settings { grace_days: 0, ..unguarded() }).await;
        for world in &worlds {
            source.says(&world.script());
            let mut results = Vec::new();
            // A name that somebody gives up is free for the next run.
            while results.last() != Some(&RunResult::Unchanged) {
                let report = taken(&source).await;
                assert!(report.applied && results.len() < 6, "{report:#?}");
                results.push(report.result);
            }
        }
        let world = worlds.last().unwrap();
        if world.is_clear() {
            assert_eq!(source.essence().await, tenants.fresh(world).await);
        }
    });
}

#[test]
fn f41b_what_one_run_takes_away_is_bounded() {
    let strategy = (4..60_u32, any::<prop::sample::Index>(), 0..2_u8);
    holds(12, strategy, async |tenants: &Tenants, (people, gone, groups): (u32, prop::sample::Index, u8)| {
        let all = World::of_people(people, groups > 0);
        let source = tenants.source(&all).await;
        source.ruled(Settings { guard: GuardRules::default(), ..Settings::default() }).await;
        settled(&source, &all).await;
        let gone = u32::try_from(gone.index(people as usize)).unwrap();
        source.says(&World::of_people(people - gone, groups > 0));
        let before = source.dump().await;
        let report = source.sync().await;
        let too_many = (gone > 10 && gone * 10 > people) || gone * 2 > people;
        assert_eq!(report.result == RunResult::Held, too_many, "{gone} of {people}: {report:#?}");
        assert_eq!(report.users.deactivated, u64::from(gone));
        if too_many {
            assert_eq!(source.dump().await, before);
        }
    });
}

/// A read that must not remove anything.
#[derive(Clone, Debug)]
enum BadRead {
    /// A page answers with a fault.
    Fault { page: u32, size: u32, fault: Fault },
    /// It is sealed, but what the seal counts was not handed over.
    Cut { keep: prop::sample::Index, size: u32 },
    /// The seal counts something else.
    Miscounted { more: u32 },
    /// The seal is of another kind.
    Mistaken,
    /// A record can't be told, and others are missing.
    Untold { keep: prop::sample::Index },
    /// Marks are lost, and then a page fails.
    Lost { page: u32, size: u32 },
    /// The question who is still there fails.
    Dumb { keep: prop::sample::Index },
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Throttled(None)),
        Just(Fault::Throttled(Some(900))),
        Just(Fault::Network("gone".into())),
        Just(Fault::Source("not JSON".into())),
        Just(Fault::Auth("expired".into())),
        Just(Fault::ResumeLost),
        Just(Fault::CursorExpired),
        Just(Fault::Bug("oops".into())),
    ]
}

fn bad_read() -> impl Strategy<Value = BadRead> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        3 => (1..6_u32, 1..5_u32, fault()).prop_map(|(page, size, fault)| BadRead::Fault { page, size, fault }),
        2 => (index(), 1..8_u32).prop_map(|(keep, size)| BadRead::Cut { keep, size }),
        1 => (1..3_u32).prop_map(|more| BadRead::Miscounted { more }),
        1 => Just(BadRead::Mistaken),
        2 => index().prop_map(|keep| BadRead::Untold { keep }),
        1 => (1..4_u32, 1..4_u32).prop_map(|(page, size)| BadRead::Lost { page, size }),
        1 => index().prop_map(|keep| BadRead::Dumb { keep }),
    ]
}

impl BadRead {
    /// The world's script with this wrong about it.
    fn spoil(&self, world: &World) -> Script {
        let mut script = world.script();
        let whole = world.counts();
        let stated = |more: u32| {
            Seal::Everything(Counts {
                users: Some(whole.users + more),
                groups: Some(whole.groups),
                memberships: Some(whole.memberships),
            })
        };
        let cut = |keep: &prop::sample::Index, changes: &mut Vec<Change>| {
            let keep = keep.index(changes.len() + 1);
            changes.truncate(keep);
        };
        match self {
            Self::Fault { page, size, fault } => {
                script.fresh = script.fresh.paged(*size).fault(*page, fault.clone());
            }
            Self::Cut { keep, size } => {
                cut(keep, &mut script.fresh.changes);
                script.fresh = script.fresh.paged(*size).sealed(stated(0));
            }
            Self::Miscounted { more } => script.fresh.seal = Some(stated(*more)),
            Self::Mistaken => script.fresh.seal = Some(Seal::Changes),
            Self::Untold { keep } => {
                cut(keep, &mut script.fresh.changes);
                let (place, why) = ("row 3".into(), "the id is blank".into());
                script.fresh.changes.push(Change::Unreadable(Unreadable { what: None, place, why }));
            }
            Self::Lost { page, size } => {
                script.resume_lost = ResumeLost::Every(true);
                script.fresh = script.fresh.paged(*size).fault(*page, Fault::Network("gone".into()));
            }
            Self::Dumb { keep } => {
                // Only users are missing: their memberships are handed over.
                let from = keep.index(script.fresh.changes.len() + 1);
                let mut at = 0;
                script.fresh.changes.retain(|change| {
                    at += 1;
                    at <= from || !matches!(change, Change::User(_))
                });
                script.faults.lookup = Some(Fault::Network("gone".into()));
            }
        }
        script
    }
}

/// What `lookup` says, by reference.
type Answers = BTreeMap<String, usher_test_scripted::Answer>;
