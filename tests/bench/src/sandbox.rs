//! The CSV method as it is shipped: a component in the host's sandbox, read from the first page to the seal.

use crate::error::{Error, system, words};
use crate::export::Export;
use crate::tax::Whole;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use usher_runtime::contract::files::File;
use usher_runtime::contract::source::{Coverage, Next, Position};
use usher_runtime::{Grant, Limits, Plugin, Runtime, RuntimeOptions};
use usher_services::{Clock, Services, SystemClock};

/// The method, compiled, with the run's private copies of the files made.
pub struct Sandbox {
    threads: tokio::runtime::Runtime,
    runtime: Runtime,
    plugin: Plugin,
    services: Services,
    settings: String,
}

impl Sandbox {
    /// Of an export; compiled code goes to a folder.
    pub fn of(export: &Export, settings: &serde_json::Value, cache: &Path) -> Result<Self, Error> {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(system("start threads"))?;
        let wasm = usher_bundle::plugins()
            .iter()
            .find(|bundled| bundled.id == "csv")
            .ok_or_else(|| Error::Amiss("no CSV method is bundled".to_owned()))?
            .wasm;
        let runtime =
            Runtime::new(RuntimeOptions::new(cache)).map_err(|error| Error::Amiss(words(&error)))?;
        let plugin = threads.block_on(runtime.load(wasm)).map_err(|error| Error::Amiss(words(&error)))?;
        let services = Services::new(SystemClock.now())
            .files(
                vec![export.folder().to_owned()],
                BTreeMap::from(export.files().map(|(setting, file)| (setting.to_owned(), file))),
                None,
            )
            .storage(BTreeMap::new());
        Ok(Self { threads, runtime, plugin, services, settings: settings.to_string() })
    }

    /// A read by a fresh instance, with the time it took, instance and all.
    pub fn read(&self) -> Result<(Whole, Duration), Error> {
        self.services.begin_again(&BTreeMap::new());
        self.threads.block_on(async {
            let broken = |error: usher_runtime::CallError| Error::Amiss(format!("in the sandbox: {error}"));
            let grant = Grant { interfaces: self.plugin.asks() };
            let started = Instant::now();
            let mut method = self
                .runtime
                .method(
                    &self.plugin,
                    &grant,
                    self.services.offer(),
                    &Limits::method(),
                    self.services.environment(0),
                )
                .await
                .map_err(broken)?;
            if let Err(problems) = method.configure(&self.settings).await.map_err(broken)? {
                return Err(Error::Amiss(format!("the CSV method refuses its settings: {problems:?}")));
            }
            let (mut position, mut pages, mut changes) = (Position::Fresh, 0, 0);
            loop {
                let page = method.read(&position).await.map_err(broken)?;
                pages += 1;
                changes += page.changes.len();
                match page.next {
                    Next::More(token) => position = Position::Resume(token),
                    Next::End(seal) => {
                        let Coverage::Everything(counts) = seal.covers else {
                            return Err(Error::Amiss("a whole read was sealed as changes".to_owned()));
                        };
                        let counts = [counts.users, counts.groups, counts.memberships];
                        return Ok((
                            Whole { pages, changes, counts, cursor: seal.cursor },
                            started.elapsed(),
                        ));
                    }
                }
            }
        })
    }

    /// The private copies' facts: names, sizes, hashes.
    pub fn opened(&self) -> BTreeMap<String, File> {
        self.threads.block_on(self.services.opened())
    }
}
