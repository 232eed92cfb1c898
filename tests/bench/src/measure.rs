//! All that is measured of one engine, size after size.

use crate::bare;
use crate::child;
use crate::error::{Error, system};
use crate::export::Export;
use crate::figure::{median, ms, people};
use crate::installation::{Installation, Place};
use crate::options::{Engine, Options, Part};
use crate::say;
use crate::table::{Budget, Table};
use crate::tax::Reading;
use std::path::Path;
use std::time::Duration;

/// How often an unchanged source is synced; the median counts.
const UNCHANGED: u32 = 3;
/// How often the card is shown; the median counts.
const CARDS: u32 = 20;
/// The size whose memory larger ones are held against, and where the bound on memory itself stands.
const SMALLER: u32 = 100_000;
const LARGE: u32 = 1_000_000;

const FIRST: Budget = Budget::Times(12.0);
const AGAIN: Budget = Budget::TimesAnd(1.5, Duration::from_millis(100));
const CHANGED: Budget = Budget::Times(2.0);
const MEMORY: u64 = 256_000_000;
const MEMORY_TIMES: f64 = 1.5;
const TAX: Budget = Budget::Times(1.25);
const CARD: Duration = Duration::from_millis(50);

/// Measures what is asked for on one engine.
pub fn engine(engine: Engine, program: &Path, options: &Options, table: &mut Table) -> Result<(), Error> {
    let place = Place::of(engine)?;
    let mut sizes = options.sizes.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let mut smaller = None;
    for size in sizes {
        say(&format!("{}, {} people: writing the export", engine.name(), people(size)));
        let folder = tempfile::Builder::new()
            .prefix("usher-bench-export-")
            .tempdir()
            .map_err(system("make a folder for the export"))?;
        let export = Export::write(folder.path(), size)?;
        let peak = one(&place, program, &export, options, smaller, table)?;
        if size == SMALLER {
            smaller = peak;
        }
    }
    Ok(())
}

/// Measures one size; gives the most memory that a sync had, where that was asked for.
fn one(
    place: &Place,
    program: &Path,
    export: &Export,
    options: &Options,
    smaller: Option<u64>,
    table: &mut Table,
) -> Result<Option<u64>, Error> {
    let size = people(export.people());
    // Each beside the sync that it is held against: the machine may be busier a few minutes later.
    let loaded = if options.wants(Part::P1) { Some(bare::loaded(place, export)?) } else { None };
    let installation = Installation::of(program, place, export)?;
    let first = installation.sync("success", "created", export.people())?;
    say(&format!("  first sync {}", ms(first.wall)));
    let mut peak = None;
    if let Some(loaded) = loaded {
        table.time(["P1", &size, "first sync"], (first.wall, Some(first.cpu)), loaded, FIRST);
        let hashed = bare::hashed(export)?;
        let (mut again, mut cpu) = (Vec::new(), Vec::new());
        let mut most = first.peak;
        for _ in 0..UNCHANGED {
            let ran = installation.sync("unchanged", "unchanged", export.people())?;
            again.push(ran.wall);
            cpu.push(ran.cpu);
            most = most.max(ran.peak);
        }
        table.time(["P1", &size, "unchanged"], (median(again), Some(median(cpu))), hashed, AGAIN);
        let loaded = bare::loaded(place, export)?;
        let number = export.change()?;
        let changed = installation.sync("success", "updated", number)?;
        most = most.max(changed.peak);
        table.time(["P1", &size, "1 % changed"], (changed.wall, Some(changed.cpu)), loaded, CHANGED);
        let beside = smaller.map(|smaller| ("100k", smaller, MEMORY_TIMES));
        let bound = (export.people() >= LARGE).then_some(MEMORY);
        table.memory(["P1", &size, "most memory"], most, beside, bound);
        peak = Some(most);
        export.restore()?;
    }
    if options.wants(Part::P5) {
        let reading = Reading::measure(export)?;
        let what =
            format!("first sync; of it reading {}, natively {}", ms(reading.sandboxed), ms(reading.natively));
        let natively = ("natively", reading.without(first.wall));
        table.time(["P5", &size, &what], (first.wall, None), natively, TAX);
    }
    if options.wants(Part::P6) {
        let mut cards = Vec::new();
        for _ in 0..CARDS {
            cards.push(child::run(&mut installation.usher(&["status"]))?.wall);
        }
        table.at_most(["P6", &size, "usher status"], median(cards), CARD);
    }
    installation.remove()?;
    Ok(peak)
}
