//! The private copy of one file.

use super::{CHUNK_BYTES, FILE_BYTES};
use sha2::{Digest, Sha256};
use std::fs::{self, File as Disk, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use usher_runtime::contract::files::File;
use usher_runtime::contract::model::{Fault, Problem};
use usher_runtime::one_line;

/// A frozen content. The folder lives as long as a copy in it.
#[derive(Debug)]
pub(super) struct Copy {
    name: String,
    sha256: String,
    size: u64,
    content: Disk,
    _folder: Arc<TempDir>,
}

impl Copy {
    /// Copies the file that a setting names, if it may be read and doesn't change meanwhile.
    pub(super) fn make(
        setting: &str,
        path: &Path,
        allowed: &[PathBuf],
        folder: Arc<TempDir>,
    ) -> Result<Self, Fault> {
        let shown = path.display();
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::NotFound => Fault::Source(format!("{setting}: {shown} doesn't exist")),
            ErrorKind::PermissionDenied => {
                Fault::Permission(format!("{setting}: this host's user may not read {shown}"))
            }
            _ => Fault::Source(format!("{setting}: can't read {shown}: {error}")),
        };
        let settings = |why: String| Fault::Settings(Problem { place: setting.to_owned(), why });

        let real = fs::canonicalize(path).map_err(failed)?;
        let folders: Vec<PathBuf> =
            allowed.iter().filter_map(|folder| fs::canonicalize(folder).ok()).collect();
        if !folders.iter().any(|folder| real.starts_with(folder)) {
            return Err(settings(format!(
                "{shown} lies outside the folders that may be read: {}",
                list(allowed)
            )));
        }
        let seen = fs::metadata(&real).map_err(failed)?;
        if !seen.is_file() {
            return Err(settings(format!("{shown} is not a file")));
        }
        if seen.len() > FILE_BYTES {
            return Err(Fault::Source(format!(
                "{setting}: {shown} has {} bytes; a file may have {FILE_BYTES}",
                seen.len()
            )));
        }
        let changed = || {
            Fault::Source(format!(
                "{setting}: {shown} changed while it was copied; run again when it is complete"
            ))
        };

        let mut original = Disk::open(&real).map_err(failed)?;
        let before = original.metadata().map_err(failed)?;
        // What was opened is what was looked at: no link was put in its place.
        if state(&before) != state(&seen) {
            return Err(changed());
        }
        let no_room = |error: io::Error| {
            Fault::Source(format!("{setting}: can't make a private copy of {shown}: {error}"))
        };
        let mut copy = tempfile::NamedTempFile::new_in(folder.path()).map_err(no_room)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut size = 0_u64;
        loop {
            let read = match original.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            size += read.len() as u64;
            if size > before.len() {
                return Err(changed());
            }
            hash.update(read);
            copy.write_all(read).map_err(no_room)?;
        }
        let after = fs::metadata(&real).map_err(|_| changed())?;
        if size != before.len() || state(&after) != state(&before) {
            return Err(changed());
        }
        // Kept under its name until the run is over, so that an operator can see what takes up the room.
        let (content, _) = copy.keep().map_err(|error| no_room(error.error))?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self {
            name: one_line(&name, 255),
            sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            size,
            content,
            _folder: folder,
        })
    }

    /// What the plugin is told.
    pub(super) fn facts(&self) -> File {
        File {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            size: self.size,
            chunks: u32::try_from(self.size.div_ceil(CHUNK_BYTES as u64)).unwrap_or(u32::MAX),
        }
    }

    /// One chunk, whole.
    pub(super) fn chunk(&self, number: u32) -> Result<Vec<u8>, Fault> {
        let offset = u64::from(number) * CHUNK_BYTES as u64;
        if offset >= self.size {
            let chunks = self.facts().chunks;
            return Err(Fault::Bug(format!("read chunk {number} of {}, which has {chunks}", self.name)));
        }
        let length = (self.size - offset).min(CHUNK_BYTES as u64);
        let mut chunk = vec![0; usize::try_from(length).unwrap_or(CHUNK_BYTES)];
        self.content.read_exact_at(&mut chunk, offset).map_err(|error| {
            Fault::Source(format!("can't read the private copy of {}: {error}", self.name))
        })?;
        Ok(chunk)
    }
}

/// What tells that a file is the same and unchanged; only a second write within one tick of the file system's clock, some
/// milliseconds, goes unseen.
fn state(found: &Metadata) -> (u64, u64, u64, i64, i64) {
    (found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec())
}

fn list(folders: &[PathBuf]) -> String {
    match folders {
        [] => "none".to_owned(),
        _ => folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}
