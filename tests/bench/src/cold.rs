//! From a clone to the first sync: everything is built anew.

use crate::child;
use crate::error::{Error, system};
use crate::installation::{cargo, root};
use crate::say;
use crate::table::Table;
use std::process::Command;
use std::time::{Duration, Instant};

const MOST: Duration = Duration::from_secs(12 * 60);

/// Clones what is committed, builds it in an empty target folder, and takes the tour, whose first sync is one of its steps.
pub fn measure(table: &mut Table) -> Result<(), Error> {
    say("cold: cloning, building and taking the tour, about ten minutes");
    let folder = tempfile::Builder::new()
        .prefix("usher-bench-clone-")
        .tempdir()
        .map_err(system("make a folder for the clone"))?;
    let clone = folder.path().join("usher");
    let started = Instant::now();
    child::run(Command::new("git").args(["clone", "--quiet", "--no-local"]).arg(root()).arg(&clone))?;
    child::run(
        cargo()
            .current_dir(&clone)
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO_BUILD_TARGET_DIR")
            .args(["run", "--release", "--locked", "--", "demo", "--keep"])
            .arg(folder.path().join("tour")),
    )?;
    table.at_most(["P8", "400", "git clone, then cargo run --release -- demo"], started.elapsed(), MOST);
    Ok(())
}
