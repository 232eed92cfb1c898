//! What a sync is held against: the same files, only loaded into a table, or only hashed.

use crate::child;
use crate::error::{Error, system};
use crate::export::Export;
use crate::figure::{median, ms};
use crate::installation::Place;
use crate::say;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How often each is measured; the median counts.
const ROUNDS: u32 = 3;

/// The users file loaded into a table by the engine's own means; with the name that this has in a table.
pub fn loaded(place: &Place, export: &Export) -> Result<(&'static str, Duration), Error> {
    let (name, took) = match place {
        Place::Sqlite => (".import", rounds(|round| import(export, round))?),
        Place::Postgres(server) => {
            let columns = header(&export.users())?;
            ("COPY", rounds(|round| server.copy(&format!("bare_{round}"), &columns, &export.users()))?)
        }
    };
    say(&format!("  {name} {}", ms(took)));
    Ok((name, took))
}

/// All files hashed; with the name that this has in a table.
pub fn hashed(export: &Export) -> Result<(&'static str, Duration), Error> {
    let files = export.files().map(|(_, file)| file);
    let took = rounds(|_| Ok(child::run(Command::new("sha256sum").args(&files))?.wall))?;
    say(&format!("  sha256sum {}", ms(took)));
    Ok(("sha256sum", took))
}

fn rounds(mut round: impl FnMut(u32) -> Result<Duration, Error>) -> Result<Duration, Error> {
    Ok(median((0..ROUNDS).map(&mut round).collect::<Result<_, _>>()?))
}

/// `sqlite3 .import` into a new database; columns are made of the header.
fn import(export: &Export, round: u32) -> Result<Duration, Error> {
    let database = export.folder().join(format!("bare-{round}.db"));
    let read = format!(".import --csv \"{}\" users", export.users().display());
    let ran = child::run(Command::new("sqlite3").arg(&database).arg(read))?;
    std::fs::remove_file(&database).map_err(system(format!("remove {}", database.display())))?;
    Ok(ran.wall)
}

fn header(file: &Path) -> Result<Vec<String>, Error> {
    use std::io::{BufRead, BufReader};
    let failed = || system(format!("read {}", file.display()));
    let mut line = String::new();
    BufReader::new(std::fs::File::open(file).map_err(failed())?).read_line(&mut line).map_err(failed())?;
    Ok(line.trim_end().split(',').map(str::to_owned).collect())
}
