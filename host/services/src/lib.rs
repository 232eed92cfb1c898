//! What plugins may ask the host for: each service behind the interface of its name in `wit/`.
//!
//! [`Services`] holds what one run offers. It outlives instances: a fresh one in the middle of a read sees the same private copies
//! and the same staged values.

pub mod clock;
pub mod files;
pub mod graph;
pub mod log;
pub mod oauth;
pub mod schedule;
pub mod storage;
pub mod web;

pub use clock::{Clock, FixedClock, Pauses, SystemClock};
pub use files::Files;
pub use graph::Graph;
pub use log::{Level, Line, Log};
pub use schedule::Schedule;
pub use storage::Storage;

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;
use usher_runtime::{RunEnvironment, Service};

/// The services of one run. Cheap to clone; clones are the same services.
#[derive(Clone, Debug)]
pub struct Services {
    now: Timestamp,
    files: Files,
    storage: Storage,
    schedule: Schedule,
    log: Log,
    graph: Option<Graph>,
}

/// Whether plugins can be served this interface.
pub fn serves(interface: &str) -> bool {
    interface == Graph::INTERFACE || Services::new(Timestamp::UNIX_EPOCH).offer().has(interface)
}

impl Services {
    /// A run at this moment, with no files and nothing stored.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            files: Files::default(),
            storage: Storage::default(),
            schedule: Schedule::new(now),
            log: Log::default(),
            graph: None,
        }
    }

    /// The connection's files, by setting. Only what lies in an allowed folder is read. Private copies go to `scratch`, or to the
    /// system's folder for temporary files.
    pub fn files(
        mut self,
        allowed: Vec<PathBuf>,
        paths: BTreeMap<String, PathBuf>,
        scratch: Option<PathBuf>,
    ) -> Self {
        self.files = Files::new(allowed, paths, scratch);
        self
    }

    /// The connection's stored values.
    pub fn storage(mut self, kept: BTreeMap<String, String>) -> Self {
        self.storage = Storage::new(kept);
        self
    }

    /// The connection's Graph, and the paths that its plugin was granted. A run without it doesn't offer it.
    pub fn graph(mut self, graph: Graph) -> Self {
        self.graph = Some(graph);
        self
    }

    /// What one instance is offered; the grant decides what it gets.
    pub fn offer(&self) -> usher_runtime::Services {
        let offered = usher_runtime::Services::none()
            .with(self.files.clone())
            .with(self.storage.clone())
            .with(self.schedule.clone())
            .with(self.log.clone());
        match &self.graph {
            Some(graph) => offered.with(graph.clone()),
            None => offered,
        }
    }

    /// The run's clock and randomness.
    pub fn environment(&self, seed: u64) -> RunEnvironment {
        RunEnvironment { now: SystemTime::from(self.now), seed }
    }

    /// The files opened so far, by setting, with their hashes.
    pub async fn opened(&self) -> BTreeMap<String, usher_runtime::contract::files::File> {
        self.files.opened().await
    }

    /// What an earlier part of the same read stored is there again, and nothing else that was staged.
    pub fn begin_again(&self, staged: &BTreeMap<String, Option<String>>) {
        self.storage.begin_again(staged);
    }

    /// Stored values that the run changed; `None` for those removed.
    pub fn changes(&self) -> BTreeMap<String, Option<String>> {
        self.storage.changes()
    }

    /// When the plugin asked to be run again.
    pub fn wake(&self) -> Option<Timestamp> {
        self.schedule.wake()
    }

    /// What the plugin wrote to the log.
    pub fn lines(&self) -> Vec<Line> {
        self.log.lines()
    }
}
