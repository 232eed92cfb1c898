//! Compiled components on disk, by what they were compiled from and for which engine.
//!
//! Compiled code is trusted like the host's own: a file counts only if this user owns it and nobody else can write it, in a
//! folder of which the same is true. Files are written under another name and moved into place when they are whole.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It can't be made or read.
    #[error("can't use {} for compiled plugins", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could put code there.
    #[error("{} must be a folder of this user that nobody else can write to: it holds compiled plugins", path.display())]
    Untrusted {
        /// The folder.
        path: PathBuf,
    },
}

/// The folder of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Makes the folder (0700) if it isn't there.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, CacheError> {
        let unusable = |source| CacheError::Unusable { path: folder.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(unusable)?;
        let found = fs::symlink_metadata(&folder).map_err(unusable)?;
        if !found.is_dir() || !is_private(&found) {
            return Err(CacheError::Untrusted { path: folder });
        }
        Ok(Self { folder })
    }

    /// The component from the cache, or compiled and kept. Takes seconds in the worst case: not for an async thread.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        sha256: &str,
        wasm: &[u8],
    ) -> wasmtime::Result<Component> {
        let path = self.path(engine, sha256);
        if let Some(component) = load(engine, &path) {
            return Ok(component);
        }
        let compiled = engine.precompile_component(wasm)?;
        if let Err(error) = self.keep(&path, &compiled) {
            tracing::warn!(%error, path = %path.display(), "can't keep a compiled plugin; it will be compiled again");
            return Component::new(engine, wasm);
        }
        match load(engine, &path) {
            Some(component) => Ok(component),
            None => Component::new(engine, wasm),
        }
    }

    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{sha256}-{:016x}.cwasm", hasher.finish()))
    }

    fn keep(&self, path: &Path, compiled: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".compiling-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.folder)?;
        file.write_all(compiled)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// Owned by this user, and written by nobody else.
fn is_private(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
}

/// A compiled component, if there is one that can be trusted and that this engine takes.
fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let found = fs::symlink_metadata(path).ok()?;
    if !found.is_file() || !is_private(&found) {
        tracing::warn!(path = %path.display(), "ignoring a compiled plugin that others could have written");
        return None;
    }
    // Safety: `deserialize_file` trusts what it maps to be code that this engine's compiler wrote, and to stay so while mapped.
    // The file lies in a folder that only this user can write to (checked when it was opened), is a plain file of this user that
    // nobody else can write to (checked above), got there by a rename of what `precompile_component` gave, and is never
    // written again: a newer one replaces the name, not the content. Whoever can break this can replace this program too.
    // That version, target and settings fit is checked by Wasmtime itself.
    #[allow(unsafe_code)]
    let loaded = unsafe { Component::deserialize_file(engine, path) };
    loaded
        .inspect_err(|error| tracing::info!(%error, "a compiled plugin doesn't fit; compiling it again"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A component of nothing but its header.
    const EMPTY: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];

    #[test]
    fn a_compiled_component_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::engine::start(0).unwrap();
        let cache = Cache::open(folder.path().join("compiled")).unwrap();
        cache.component(&engine, "abc", &EMPTY).unwrap();
        assert!(load(&engine, &cache.path(&engine, "abc")).is_some());
        assert_eq!(fs::metadata(folder.path().join("compiled")).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o777);
        let error = Cache::open(folder.path().to_owned()).unwrap_err();
        assert!(error.to_string().contains("nobody else can write to"), "{error}");
    }

    #[test]
    fn a_file_that_others_can_write_to_is_compiled_anew() {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::engine::start(0).unwrap();
        let cache = Cache::open(folder.path().join("compiled")).unwrap();
        cache.component(&engine, "abc", &EMPTY).unwrap();
        let path = cache.path(&engine, "abc");
        set_mode(&path, 0o666);
        assert!(load(&engine, &path).is_none());
        cache.component(&engine, "abc", &EMPTY).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_broken_file_is_compiled_anew() {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::engine::start(0).unwrap();
        let cache = Cache::open(folder.path().join("compiled")).unwrap();
        let path = cache.path(&engine, "abc");
        fs::write(&path, b"half a file").unwrap();
        set_mode(&path, 0o600);
        cache.component(&engine, "abc", &EMPTY).unwrap();
        assert!(load(&engine, &path).is_some());
    }
}
