//! `files`: the connection's files, by the name of the setting that holds the path.
//!
//! A file is copied once a run and read from the copy only, so what a plugin reads is one frozen content, whatever happens to the
//! original meanwhile. The copy belongs to the run, not to an instance: a fresh instance goes on with the same content.

mod copy;

use copy::Copy;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;
use usher_runtime::contract::files::File;
use usher_runtime::contract::model::Fault;
use usher_runtime::{BoxFuture, Functions, LinkError, Service, one_line};

/// What `read` gives at once (`wit/files.wit`).
pub const CHUNK_BYTES: usize = 256 << 10;
/// The largest file: ten million people. A disk that fills up hurts every tenant.
pub const FILE_BYTES: u64 = 4 << 30;

/// The files of one run, shared by its instances.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    allowed: Vec<PathBuf>,
    paths: BTreeMap<String, PathBuf>,
    scratch: Option<PathBuf>,
    /// By setting.
    copies: Mutex<BTreeMap<String, Arc<Copy>>>,
}

impl Files {
    /// The files that settings name. Only what lies in an allowed folder, after symbolic links, is read. Copies go to `scratch`,
    /// or to the system's folder for temporary files.
    pub(crate) fn new(
        allowed: Vec<PathBuf>,
        paths: BTreeMap<String, PathBuf>,
        scratch: Option<PathBuf>,
    ) -> Self {
        Self(Arc::new(Shared { allowed, paths, scratch, copies: Mutex::default() }))
    }

    /// The files opened so far, by setting, with their hashes.
    pub async fn opened(&self) -> BTreeMap<String, File> {
        let copies = self.0.copies.lock().await;
        copies.iter().map(|(setting, copy)| (setting.clone(), copy.facts())).collect()
    }

    async fn open(&self, setting: &str) -> Result<Option<File>, Fault> {
        Ok(self.copy(setting).await?.map(|copy| copy.facts()))
    }

    async fn read(&self, setting: &str, chunk: u32) -> Result<Vec<u8>, Fault> {
        let Some(copy) = self.copy(setting).await? else {
            let setting = one_line(setting, 100);
            return Err(Fault::Bug(format!("read the file of `{setting}`, which isn't given")));
        };
        blocking(move || copy.chunk(chunk)).await
    }

    /// The private copy, made when it is first asked for. A failure isn't remembered: the next run of the same services tries again.
    async fn copy(&self, setting: &str) -> Result<Option<Arc<Copy>>, Fault> {
        let Some(path) = self.0.paths.get(setting).cloned() else { return Ok(None) };
        let mut copies = self.0.copies.lock().await;
        if let Some(copy) = copies.get(setting) {
            return Ok(Some(copy.clone()));
        }
        let (shared, name) = (self.0.clone(), setting.to_owned());
        let copy = blocking(move || {
            let scratch = shared.scratch.clone().unwrap_or_else(std::env::temp_dir);
            Copy::make(&name, &path, &shared.allowed, &scratch)
        })
        .await?;
        let copy = Arc::new(copy);
        copies.insert(setting.to_owned(), copy.clone());
        Ok(Some(copy))
    }
}

/// Work on the disk, off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Fault::Source("the host was stopped while it read a file".into())),
    }
}

impl Service for Files {
    const INTERFACE: &'static str = "files";

    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError> {
        type Opened = (Result<Option<File>, Fault>,);
        type Read = (Result<Vec<u8>, Fault>,);
        fn open(files: &mut Files, (setting,): (String,)) -> BoxFuture<'_, Opened> {
            Box::pin(async move { (files.open(&setting).await,) })
        }
        fn read(files: &mut Files, (setting, chunk): (String, u32)) -> BoxFuture<'_, Read> {
            Box::pin(async move { (files.read(&setting, chunk).await,) })
        }
        functions.waiting("open", open)?.waiting("read", read)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use tempfile::TempDir;

    struct Place {
        folder: TempDir,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("in")).unwrap();
            fs::create_dir(folder.path().join("out")).unwrap();
            Self { folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn files(&self, path: &Path) -> Files {
            Files::new(vec![self.path("in")], BTreeMap::from([("users".into(), path.to_owned())]), None)
        }

        async fn refused(&self, path: &Path) -> String {
            let fault = self.files(path).open("users").await.unwrap_err();
            let text = match fault {
                Fault::Source(why) | Fault::Permission(why) => why,
                Fault::Settings(problem) => format!("{}: {}", problem.place, problem.why),
                other => panic!("{other:?}"),
            };
            text.replace(&*self.folder.path().canonicalize().unwrap().to_string_lossy(), "")
                .replace(&*self.folder.path().to_string_lossy(), "")
        }
    }

    #[tokio::test]
    async fn a_file_is_read_in_chunks_of_one_frozen_content() {
        let place = Place::new();
        let content: Vec<u8> = (0..CHUNK_BYTES * 2 + 5).map(|n| (n % 251) as u8).collect();
        fs::write(place.path("in/users.csv"), &content).unwrap();
        let files = place.files(&place.path("in/users.csv"));
        let file = files.open("users").await.unwrap().unwrap();
        assert_eq!((file.name.as_str(), file.size, file.chunks), ("users.csv", content.len() as u64, 3));
        fs::write(place.path("in/users.csv"), "changed").unwrap();
        let fresh_instance = files.clone();
        let mut read = Vec::new();
        for chunk in 0..file.chunks {
            read.extend(fresh_instance.read("users", chunk).await.unwrap());
        }
        assert_eq!(read, content);
        assert!(matches!(files.read("users", 3).await, Err(Fault::Bug(_))));
        assert_eq!(fresh_instance.open("users").await.unwrap().unwrap().sha256, file.sha256);
    }

    #[tokio::test]
    async fn the_hash_is_sha_256_of_the_content() {
        let place = Place::new();
        fs::write(place.path("in/users.csv"), "abc").unwrap();
        let file = place.files(&place.path("in/users.csv")).open("users").await.unwrap().unwrap();
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[tokio::test]
    async fn a_setting_that_isnt_given_has_no_file() {
        let place = Place::new();
        assert_eq!(place.files(&place.path("in/users.csv")).open("groups").await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_empty_file_has_no_chunks() {
        let place = Place::new();
        fs::write(place.path("in/users.csv"), "").unwrap();
        let file = place.files(&place.path("in/users.csv")).open("users").await.unwrap().unwrap();
        assert_eq!((file.size, file.chunks), (0, 0));
    }

    #[tokio::test]
    async fn only_allowed_folders_are_read_whatever_links_say() {
        let place = Place::new();
        fs::write(place.path("out/secret"), "s").unwrap();
        symlink(place.path("out/secret"), place.path("in/link.csv")).unwrap();
        assert_eq!(
            place.refused(&place.path("in/link.csv")).await,
            "users: /in/link.csv lies outside the folders that may be read: /in"
        );
        assert_eq!(
            place.refused(&place.path("in/../out/secret")).await,
            "users: /in/../out/secret lies outside the folders that may be read: /in"
        );
        fs::write(place.path("in/real.csv"), "r").unwrap();
        symlink(place.path("in/real.csv"), place.path("in/inside.csv")).unwrap();
        assert!(place.files(&place.path("in/inside.csv")).open("users").await.is_ok());
    }

    /// Swaps a file and a link out of the folder for each other until it is dropped.
    struct Swapping {
        done: Arc<std::sync::atomic::AtomicBool>,
        thread: Option<std::thread::JoinHandle<()>>,
    }

    impl Swapping {
        fn of(name: PathBuf, next: PathBuf, secret: PathBuf) -> Self {
            let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let seen = done.clone();
            let thread = std::thread::spawn(move || {
                let mut is_link = false;
                while !seen.load(std::sync::atomic::Ordering::Relaxed) {
                    match is_link {
                        true => symlink(&secret, &next).unwrap(),
                        false => fs::write(&next, "public").unwrap(),
                    }
                    // Atomic: the name is always there, as the one or the other.
                    fs::rename(&next, &name).unwrap();
                    is_link = !is_link;
                }
            });
            Self { done, thread: Some(thread) }
        }
    }

    impl Drop for Swapping {
        fn drop(&mut self) {
            self.done.store(true, std::sync::atomic::Ordering::Relaxed);
            let _ = self.thread.take().map(std::thread::JoinHandle::join);
        }
    }

    #[tokio::test]
    async fn a_link_that_is_put_there_meanwhile_leads_nowhere() {
        let place = Place::new();
        fs::write(place.path("out/secret"), "secret").unwrap();
        let name = place.path("in/users.csv");
        fs::write(&name, "public").unwrap();
        let _swapping = Swapping::of(name.clone(), place.path("next"), place.path("out/secret"));
        let (mut read, mut refused) = (0, 0);
        while read < 3 || refused < 50 {
            let files = place.files(&name);
            match files.open("users").await {
                Ok(Some(_)) => {
                    assert_eq!(files.read("users", 0).await.unwrap(), b"public");
                    read += 1;
                }
                _ => refused += 1,
            }
        }
    }

    #[tokio::test]
    async fn what_cant_be_read_is_said_plainly() {
        let place = Place::new();
        assert_eq!(place.refused(&place.path("in/none.csv")).await, "users: /in/none.csv doesn't exist");
        assert_eq!(place.refused(&place.path("in")).await, "users: /in is not a file");
    }

    #[tokio::test]
    async fn copies_have_no_name_and_are_read_all_the_same() {
        let place = Place::new();
        fs::write(place.path("in/users.csv"), "abc").unwrap();
        let paths = BTreeMap::from([("users".to_owned(), place.path("in/users.csv"))]);
        let files = Files::new(vec![place.path("in")], paths, Some(place.path("out")));
        files.open("users").await.unwrap();
        assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 0);
        fs::remove_file(place.path("in/users.csv")).unwrap();
        assert_eq!(files.read("users", 0).await.unwrap(), b"abc");
    }

    #[tokio::test]
    async fn a_place_for_copies_that_cant_be_used_is_named() {
        let place = Place::new();
        fs::write(place.path("in/users.csv"), "abc").unwrap();
        let paths = BTreeMap::from([("users".to_owned(), place.path("in/users.csv"))]);
        let files = Files::new(vec![place.path("in")], paths, Some(place.path("none")));
        let Err(Fault::Source(why)) = files.open("users").await else { panic!("it was opened") };
        assert!(why.contains("can't make a private copy of") && why.contains("/none"), "{why}");
    }
}
