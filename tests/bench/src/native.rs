//! The CSV method's code compiled for this machine: the same trait, the same pages, and the files read by plain system calls.

use crate::error::{Error, system};
use crate::export::Export;
use crate::tax::Whole;
use std::collections::BTreeMap;
use std::fs::File as Disk;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};
use usher_method_csv::Csv;
use usher_method_csv::files::{File, Outside};
use usher_method_csv::settings::Settings;
use usher_plugin::{Coverage, Fault, Next, Position};
use usher_services::files::CHUNK_BYTES;

/// Stands where the sandbox has the host.
struct Plain {
    files: BTreeMap<String, (File, Disk)>,
    kept: BTreeMap<String, String>,
}

impl Outside for Plain {
    fn open(&mut self, setting: &str) -> Result<Option<File>, Fault> {
        Ok(self.files.get(setting).map(|(facts, _)| facts.clone()))
    }

    fn read(&mut self, setting: &str, chunk: u32) -> Result<Vec<u8>, Fault> {
        let failed = |why: String| Fault::Source(format!("{setting}: {why}"));
        let (facts, disk) = self.files.get(setting).ok_or_else(|| failed("isn't there".to_owned()))?;
        let offset = u64::from(chunk) * CHUNK_BYTES as u64;
        let length = facts.size.saturating_sub(offset).min(CHUNK_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(CHUNK_BYTES)];
        disk.read_exact_at(&mut bytes, offset).map_err(|error| failed(error.to_string()))?;
        Ok(bytes)
    }

    fn recall(&mut self, key: &str) -> Result<Option<String>, Fault> {
        Ok(self.kept.get(key).cloned())
    }

    fn remember(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        self.kept.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn warn(&mut self, _: &str) {}
}

/// A read from the first page to the seal, with the time it took. `facts` are what the sandbox is told of the files.
pub fn read(
    export: &Export,
    settings: &serde_json::Value,
    facts: BTreeMap<String, usher_runtime::contract::files::File>,
) -> Result<(Whole, Duration), Error> {
    let mut files = BTreeMap::new();
    for (setting, path) in export.files() {
        let disk = Disk::open(&path).map_err(system(format!("open {}", path.display())))?;
        let Some(facts) = facts.get(setting).cloned() else { continue };
        let facts = File { name: facts.name, sha256: facts.sha256, size: facts.size, chunks: facts.chunks };
        files.insert(setting.to_owned(), (facts, disk));
    }
    let broken = |fault: Fault| Error::Amiss(format!("natively: {fault:?}"));
    let started = Instant::now();
    let settings: Settings =
        serde_json::from_value(settings.clone()).map_err(|error| Error::Amiss(error.to_string()))?;
    let mut method = Csv::new(settings, Plain { files, kept: BTreeMap::new() })
        .map_err(|problems| Error::Amiss(format!("the CSV method refuses its settings: {problems:?}")))?;
    let (mut position, mut pages, mut changes) = (Position::Fresh, 0, 0);
    loop {
        let page = method.read_page(position).map_err(broken)?;
        pages += 1;
        changes += page.changes.len();
        match page.next {
            Next::More(token) => position = Position::Resume(token),
            Next::End(seal) => {
                let Coverage::Everything(counts) = seal.covers else {
                    return Err(Error::Amiss("a whole read was sealed as changes".to_owned()));
                };
                let counts = [counts.users, counts.groups, counts.memberships];
                return Ok((Whole { pages, changes, counts, cursor: seal.cursor }, started.elapsed()));
            }
        }
    }
}
