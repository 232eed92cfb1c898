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

/// The bare acts, each with the name it has in a table.
pub struct Bare {
    /// The users file loaded into a table by the engine's own means.
    pub loaded: (&'static str, Duration),
    /// All files hashed.
    pub hashed: (&'static str, Duration),
}

impl Bare {
    /// Measures them.
    pub fn measure(place: &Place, export: &Export) -> Result<Self, Error> {
        let hashed = rounds(|_| {
            Ok(child::run(Command::new("sha256sum").args(export.files().map(|(_, file)| file)))?.wall)
        })?;
        let loaded = match place {
            Place::Sqlite => (".import", rounds(|round| import(export, round))?),
            Place::Postgres(server) => {
                let columns = header(&export.users())?;
                ("COPY", rounds(|round| server.copy(&format!("bare_{round}"), &columns, &export.users()))?)
            }
        };
        say(&format!("  {} {}, sha256sum {}", loaded.0, ms(loaded.1), ms(hashed)));
        Ok(Self { loaded, hashed: ("sha256sum", hashed) })
    }
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
