//! The private copy of one file. It has no name on the disk, so that it ends with this process, however that ends.

use super::{CHUNK_BYTES, FILE_BYTES};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::fs::{self, File as Disk, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use usher_runtime::contract::files::File;
use usher_runtime::contract::model::{Fault, Problem};
use usher_runtime::one_line;

/// Read at once, and how many of these are under way between reading and hashing.
const BUFFER_BYTES: usize = 1 << 20;
const BUFFERS: usize = 4;

/// A frozen content, which nobody else can open.
#[derive(Debug)]
pub(super) struct Copy {
    name: String,
    sha256: String,
    size: u64,
    content: Disk,
}

impl Copy {
    /// Copies the file that a setting names, if it may be read and doesn't change meanwhile.
    pub(super) fn make(
        setting: &str,
        path: &Path,
        allowed: &[PathBuf],
        scratch: &Path,
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

        // Opened first and judged by what was opened: whoever may write into the folder can swap a link in between looking and opening.
        let mut original = open(path).map_err(failed)?;
        let real = place(&original, path).map_err(failed)?;
        let folders: Vec<PathBuf> =
            allowed.iter().filter_map(|folder| fs::canonicalize(folder).ok()).collect();
        if !folders.iter().any(|folder| real.starts_with(folder)) {
            return Err(settings(format!(
                "{shown} lies outside the folders that may be read: {}",
                list(allowed)
            )));
        }
        let before = original.metadata().map_err(failed)?;
        if !before.is_file() {
            return Err(settings(format!("{shown} is not a file")));
        }
        if before.len() > FILE_BYTES {
            return Err(Fault::Source(format!(
                "{setting}: {shown} has {} bytes; a file may have {FILE_BYTES}",
                before.len()
            )));
        }
        let changed = || {
            Fault::Source(format!(
                "{setting}: {shown} changed while it was copied; run again when it is complete"
            ))
        };
        let no_room = |error: io::Error| {
            let folder = scratch.display();
            Fault::Source(format!("{setting}: can't make a private copy of {shown} in {folder}: {error}"))
        };
        // Without a name from the beginning (`O_TMPFILE`), or where a file system can't do that without one before anything is in it: the
        // kernel frees it with the last descriptor. Under a name it would stay behind, full of personal data, when the host is killed.
        let mut content = tempfile::tempfile_in(scratch).map_err(no_room)?;
        let (size, sha256) =
            pour(&mut original, &mut content, before.len()).map_err(|error| match error {
                Pouring::Reading(error) => failed(error),
                Pouring::Writing(error) => no_room(error),
            })?;
        let after = original.metadata().map_err(failed)?;
        let named = fs::metadata(path).map_err(|_| changed())?;
        if size != before.len() || state(&after) != state(&before) || state(&named) != state(&before) {
            return Err(changed());
        }
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self { name: one_line(&name, 255), sha256, size, content })
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

/// Opens what the path leads to now. A pipe doesn't hold up whoever opens it so, and is told by its kind.
fn open(path: &Path) -> io::Result<Disk> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(Disk::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Where an opened file lies. The kernel's own word where it gives one; else the path's, if it still leads to the very file.
fn place(file: &Disk, path: &Path) -> io::Result<PathBuf> {
    if let Ok(real) = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) {
        return Ok(real);
    }
    let real = fs::canonicalize(path)?;
    let (opened, found) = (file.metadata()?, fs::symlink_metadata(&real)?);
    if (opened.dev(), opened.ino()) == (found.dev(), found.ino()) {
        Ok(real)
    } else {
        Err(io::Error::other("another file was put in its place while it was opened"))
    }
}

enum Pouring {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies and hashes; gives the size and the hash. Hashing takes about as long as copying, so it has a thread of its own. Ends soon after
/// `expected` bytes: the file has grown.
fn pour(from: &mut Disk, to: &mut Disk, expected: u64) -> Result<(u64, String), Pouring> {
    std::thread::scope(|scope| {
        let (full, filled) = mpsc::sync_channel::<Vec<u8>>(BUFFERS);
        let (empty, emptied) = mpsc::channel();
        let hashing = scope.spawn(move || {
            let mut hash = Sha256::new();
            for buffer in filled {
                hash.update(&buffer);
                // Nobody wants it back once everything is read.
                let _ = empty.send(buffer);
            }
            hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        });
        let mut size = 0;
        let mut made = 0;
        while size <= expected {
            let mut buffer = if made < BUFFERS { Vec::new() } else { emptied.recv().unwrap_or_default() };
            made += 1;
            buffer.clear();
            let most = BUFFER_BYTES as u64;
            let read = from.take(most).read_to_end(&mut buffer).map_err(Pouring::Reading)?;
            if read == 0 {
                break;
            }
            to.write_all(&buffer).map_err(Pouring::Writing)?;
            size += read as u64;
            // The other end is only gone if hashing panicked, which `join` tells.
            let _ = full.send(buffer);
        }
        drop(full);
        match hashing.join() {
            Ok(sha256) => Ok((size, sha256)),
            Err(_) => Err(Pouring::Reading(io::Error::other("hashing failed"))),
        }
    })
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
