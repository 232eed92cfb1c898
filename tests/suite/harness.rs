//! An installation of its own for each test: the whole command line in this process, with a clock that stands until it is moved.

use crate::database::{Beside, Place, on_files};
use jiff::Span;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::Notify;
use usher_cli::{Console, usher};
use usher_services::{Clock, FixedClock};

/// Where compiled plugins are kept between tests.
pub fn compiled() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// The `usher` binary, which a build of the whole workspace lays beside the tests.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path =
        test.parent().unwrap().parent().unwrap().join(format!("usher{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} isn't there: build the tests with --workspace", path.display());
    path
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>, Arc<Notify>);

/// What a command prints, while it runs.
#[derive(Clone)]
pub struct Heard {
    printed: [Written; 2],
    ended: Arc<AtomicBool>,
}

impl Heard {
    /// The first line that has this in it, when it is there.
    pub async fn line(&self, part: &str) -> String {
        let [out, err] = &self.printed;
        loop {
            let ended = self.ended.load(Ordering::Acquire);
            // The notice of one who writes between looking and waiting is kept.
            for written in [out, err] {
                let bytes = written.0.lock().unwrap().clone();
                let text = String::from_utf8_lossy(&bytes);
                let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
                if let Some(line) = whole.lines().find(|line| line.contains(part)) {
                    return line.to_owned();
                }
            }
            assert!(!ended, "the command ended, and didn't say {part}");
            tokio::select! {
                () = out.1.notified() => {}
                () = err.1.notified() => {}
            }
        }
    }

    /// Adds what somebody saw elsewhere, to be looked at with the rest.
    pub fn shown(&self, text: String) {
        let [_, err] = &self.printed;
        err.0.lock().unwrap().extend_from_slice(text.as_bytes());
    }
}

impl Written {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        self.1.notify_one();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How a command ended, and what it printed.
#[derive(Debug)]
pub struct Ran {
    /// The command, for messages.
    pub command: String,
    /// The exit status.
    pub status: u8,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Fails the test unless the command ended so.
    #[track_caller]
    pub fn ended(self, status: u8) -> Self {
        assert_eq!(
            self.status, status,
            "`{}` ended with {}\n--- out\n{}\n--- err\n{}",
            self.command, self.status, self.out, self.err
        );
        self
    }

    /// The one JSON value it printed.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| {
            panic!("`{}` printed no JSON ({error}):\n{}\n{}", self.command, self.out, self.err)
        })
    }

    /// Both outputs.
    pub fn text(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// An installation.
pub struct Installation {
    folder: TempDir,
    clock: Arc<FixedClock>,
    place: Place,
    on_file: bool,
}

impl Installation {
    /// A new one; its clock stands at 2026-03-02 08:00 UTC.
    pub fn new() -> Self {
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { folder, clock: Arc::new(FixedClock::new(now)), place: Place::default(), on_file: on_files() }
    }

    /// A new one whose database is a file, whatever the others have.
    pub fn on_file() -> Self {
        Self { on_file: true, ..Self::new() }
    }

    /// Where its files lie.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file of its database, where it lies in a file.
    pub fn database(&self) -> PathBuf {
        self.path().join("data/usher.db")
    }

    /// Its database, seen from beside the host.
    pub async fn beside(&self) -> Beside {
        Beside::open(&self.url().await).await
    }

    /// The address of its database.
    pub async fn url(&self) -> String {
        if self.on_file {
            format!("sqlite://{}", self.database().display())
        } else {
            self.place.url(&self.database()).await
        }
    }

    /// What every command begins with.
    pub async fn everywhere(&self) -> Vec<String> {
        let mut words = vec!["--data".to_owned(), self.path().join("data").display().to_string()];
        words.extend(["--cache".to_owned(), compiled().display().to_string()]);
        if !self.on_file {
            words.extend(["--database".to_owned(), self.url().await]);
        }
        words
    }

    /// Writes a file; gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Moves its clock.
    pub fn pass_days(&self, days: i64) {
        self.clock.set(self.clock.now() + Span::new().hours(24 * days));
    }

    /// What its clock says, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// Sets its clock.
    pub fn set_clock(&self, milliseconds: i64) {
        self.clock.set(jiff::Timestamp::from_millisecond(milliseconds).unwrap());
    }

    /// Runs a command.
    pub async fn usher(&self, words: &[&str]) -> Ran {
        self.usher_by(self.clock.clone(), words).await
    }

    /// Runs a command by another clock.
    pub async fn usher_by(&self, clock: Arc<dyn Clock>, words: &[&str]) -> Ran {
        self.run(clock, words, async |_| {}).await
    }

    /// Runs a command, and does something meanwhile.
    pub async fn usher_while(&self, words: &[&str], during: impl AsyncFnOnce(Heard)) -> Ran {
        self.run(self.clock.clone(), words, during).await
    }

    async fn run(&self, clock: Arc<dyn Clock>, words: &[&str], during: impl AsyncFnOnce(Heard)) -> Ran {
        let (out, err) = (Written::default(), Written::default());
        let console = Console::new(Box::new(out.clone()), Box::new(err.clone()), false, false);
        let mut line: Vec<std::ffi::OsString> = vec!["usher".into()];
        line.extend(self.everywhere().await.into_iter().map(Into::into));
        line.extend(words.iter().map(Into::into));
        let heard = Heard { printed: [out.clone(), err.clone()], ended: Arc::default() };
        let (ended, told) = (heard.ended.clone(), out.1.clone());
        let running = async {
            let status = usher(line, console, clock).await;
            ended.store(true, Ordering::Release);
            told.notify_one();
            status
        };
        let (status, ()) = tokio::join!(running, during(heard));
        Ran { command: words.join(" "), status, out: out.take(), err: err.take() }
    }

    /// Runs a command that prints JSON, and wants it to end with this status.
    pub async fn json(&self, status: u8, words: &[&str]) -> Value {
        let mut line = vec!["--json"];
        line.extend(words);
        self.usher(&line).await.ended(status).json()
    }

    /// Connects the CSV method with these settings.
    pub async fn connect_csv(&self, settings: &[&str]) {
        let mut line = vec!["connect", "csv", "--yes"];
        for setting in settings {
            line.extend(["--set", setting]);
        }
        self.usher(&line).await.ended(0);
    }

    /// All users, as `users list` gives them.
    pub async fn users(&self) -> Vec<Value> {
        self.json(0, &["users", "list"]).await.as_array().unwrap().clone()
    }

    /// One user by userName.
    pub async fn user(&self, user_name: &str) -> Value {
        let users = self.users().await;
        users
            .iter()
            .find(|user| user["userName"] == user_name)
            .cloned()
            .unwrap_or_else(|| panic!("{user_name} is not among {users:#?}"))
    }

    /// The userNames of the active, in order.
    pub async fn active(&self) -> Vec<String> {
        self.users()
            .await
            .iter()
            .filter(|user| user["active"] == true)
            .map(|user| user["userName"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The names of the direct and indirect members of a group.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let members = self.json(0, &["groups", "members", group]).await;
        let mut names: Vec<_> = members
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["display"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}
