//! What a command stands on, opened when it is first needed: `usher status` doesn't start a WebAssembly engine.

use crate::args::Cli;
use crate::console::Console;
use crate::error::{CliError, words};
use crate::given;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use usher_runtime::{Runtime, RuntimeOptions};
use usher_services::Clock;
use usher_store::{By, Connection, Store, Tenant, VaultKey, View};
use usher_sync::{Catalogue, Host, HostOptions};

/// The tenant that is made when it is first needed.
const DEFAULT_TENANT: &str = "default";

/// Who starts runs and changes things from here.
pub const COMMAND_LINE: &str = "command line";

/// One command's surroundings.
pub struct Context {
    /// Where people read.
    pub console: Console,
    /// The data folder.
    pub data: PathBuf,
    database: Option<String>,
    cache: Option<PathBuf>,
    tenant: String,
    clock: Arc<dyn Clock>,
    store: Option<Store>,
    host: Option<Host>,
}

impl Context {
    /// From the global flags.
    pub fn new(cli: &Cli, console: Console, clock: Arc<dyn Clock>) -> Self {
        Self {
            console,
            data: cli.data.clone(),
            database: cli.database.clone(),
            cache: cli.cache.clone(),
            tenant: cli.tenant.clone(),
            clock,
            store: None,
            host: None,
        }
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// The same console and clock over another data folder with a database of its own, for the demo.
    pub fn over(&mut self, data: PathBuf) {
        self.data = data;
        self.database = None;
        self.store = None;
        self.host = None;
    }

    /// Goes on in another tenant, for the demo.
    pub fn in_tenant(&mut self, name: &str) {
        name.clone_into(&mut self.tenant);
    }

    /// Whose changes by hand these are.
    pub async fn by(&mut self) -> Result<By<'static>, CliError> {
        Ok(By { tenant: self.tenant().await?.id, who: COMMAND_LINE, now: self.now() })
    }

    /// The directory now, or as of a day or moment.
    pub async fn view(&mut self, as_of: Option<&str>) -> Result<View, CliError> {
        let Some(moment) = as_of else { return Ok(View::NOW) };
        let moment = given::moment(moment)?;
        let (tenant, store) = (self.tenant().await?, self.store().await?);
        Ok(store.as_of(tenant.id, moment).await?)
    }

    /// The store, made with its folder where there is none.
    pub async fn store(&mut self) -> Result<Store, CliError> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data).map_err(|error| {
            CliError::usage(
                format!("the data folder {} can't be made: {error}", self.data.display()),
                "choose another with --data DIR",
            )
        })?;
        let store = match &self.database {
            Some(url) => Store::connect(url).await?,
            None => Store::open(&self.data.join("usher.db")).await?,
        };
        self.store = Some(store.clone());
        Ok(store)
    }

    /// The key that seals secrets, made where there is none.
    pub fn key(&mut self) -> Result<VaultKey, CliError> {
        if let Ok(hex) = std::env::var("USHER_KEY") {
            return Ok(VaultKey::from_hex(&hex, "in USHER_KEY")?);
        }
        let file = self.data.join("key");
        if !file.is_file() {
            // A host from before there was a key has none.
            self.host = None;
        }
        Ok(VaultKey::from_file(&file)?)
    }

    /// The tenant of this command.
    pub async fn tenant(&mut self) -> Result<Tenant, CliError> {
        let store = self.store().await?;
        if let Some(tenant) = store.tenant(&self.tenant).await? {
            return Ok(tenant);
        }
        if self.tenant == DEFAULT_TENANT {
            return Ok(store.add_tenant(DEFAULT_TENANT, self.now()).await?);
        }
        Err(CliError::usage(
            format!("there is no tenant named {}", self.tenant),
            format!("make it with `usher tenant add {}`, or see `usher tenant list`", self.tenant),
        ))
    }

    /// The host, with its engine and plugins.
    pub async fn host(&mut self) -> Result<Host, CliError> {
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        let store = self.store().await?;
        let cache = self.cache.clone().unwrap_or_else(|| self.data.join("cache"));
        let runtime =
            Runtime::new(RuntimeOptions::new(cache)).map_err(|error| CliError::failed(words(&error)))?;
        let catalogue = Catalogue::new(store.clone(), runtime);
        // Where there is no key yet, nothing was sealed or erased with it.
        let keyed = std::env::var_os("USHER_KEY").is_some() || self.data.join("key").is_file();
        let key = if keyed { Some(self.key()?) } else { None };
        let options = HostOptions { key, ..HostOptions::default() };
        let host = Host::new(store, catalogue, self.clock.clone(), options);
        self.host = Some(host.clone());
        Ok(host)
    }

    /// The connection that is meant: the named one, the active one, or the only one.
    pub async fn connection(&mut self, named: Option<&str>) -> Result<Connection, CliError> {
        let tenant = self.tenant().await?;
        let store = self.store().await?;
        if let Some(name) = named {
            return Ok(store.connection(tenant.id, name).await?);
        }
        let mut all = store.connections(tenant.id).await?;
        let mut live = all.iter().filter(|connection| connection.state.is_live());
        if let (Some(active), None) = (live.next(), live.next()) {
            return Ok(active.clone());
        }
        match (all.len(), all.pop()) {
            (1, Some(only)) => Ok(only),
            (0, _) => Err(CliError::usage(
                "nothing is connected yet",
                "connect a source first: `usher connect csv --set users=/path/to/users.csv`",
            )),
            (_, last) => {
                let mut names: Vec<_> =
                    all.into_iter().chain(last).map(|connection| connection.name).collect();
                names.sort();
                Err(CliError::usage(
                    format!("there are several connections: {}", names.join(", ")),
                    "say which with --connection NAME",
                ))
            }
        }
    }

    /// Closes what was opened.
    pub async fn close(&mut self) {
        self.host = None;
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }
}
