//! The engine and its catalogue: bytes become a [`Plugin`], a plugin becomes an instance.

use crate::about::{About, BadAbout};
use crate::cache::{Cache, CacheError};
use crate::engine;
use crate::fault::{CallError, Ended};
use crate::grant::{Grant, Imports, PACKAGE, VERSION};
use crate::instance::Instance;
use crate::limits::Limits;
use crate::method::Method;
use crate::plugin::Plugin;
use crate::policy::Policy;
use crate::schema::Schema;
use crate::service::{Functions, LinkError, Service, Services};
use crate::state::{self, State};
use crate::wasi::{self, RunEnvironment};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

/// The largest component: a plugin in Python has 18 MB and takes 9 s to compile, so this bounds what a compile bomb can cost.
pub const COMPONENT_BYTES: usize = 64 << 20;

/// How to run plugins.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// The folder for compiled components; made if need be, private to this user.
    pub cache: PathBuf,
    /// The largest component.
    pub component_bytes: usize,
    /// Instances that can live at once in a pool. Without room for a pool, or with 0, each is allocated by itself, which takes longer
    /// and knows no bound.
    pub instances: u32,
}

impl RuntimeOptions {
    /// The usual, with this folder.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self { cache: cache.into(), component_bytes: COMPONENT_BYTES, instances: engine::POOLED_INSTANCES }
    }
}

/// The host can't run plugins at all.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine didn't start.
    #[error("can't start the plugin engine")]
    Engine(#[source] wasmtime::Error),
    /// The cache can't be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// A component that isn't a plugin for this host.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Beyond [`RuntimeOptions::component_bytes`].
    #[error("has {bytes} bytes; a plugin may have {most}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// Not a WebAssembly component, or one that needs what this engine lacks.
    #[error("isn't a WebAssembly component that this host can run")]
    Compile(#[source] wasmtime::Error),
    /// It was started to describe itself, and broke.
    #[error("can't describe itself: `about.describe` {what}{}", said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default())]
    Describe {
        /// What happened.
        what: String,
        /// The last it wrote to standard error.
        said: Option<String>,
    },
    /// Its description is wrong.
    #[error("what it says of itself {0}")]
    About(#[from] BadAbout),
    /// Its settings' schema is wrong.
    #[error("the schema of its settings isn't JSON Schema 2020-12: {0}")]
    Schema(String),
    /// It lacks what every plugin, or every one of its kind, exports.
    #[error("doesn't export {export}, as every {kind} must")]
    Exports {
        /// What it should be.
        kind: &'static str,
        /// The missing export.
        export: String,
    },
}

/// Loads and runs plugins. Cheap to clone; the ticker ends with the last clone and the last instance.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    engine: Engine,
    cache: Cache,
    component_bytes: usize,
    /// One compilation at a time: it uses every core by itself.
    compiling: Semaphore,
    /// By SHA-256.
    catalogue: Mutex<HashMap<String, Plugin>>,
}

impl Runtime {
    /// Starts the engine and its ticker.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let cache = Cache::open(options.cache)?;
        let engine = engine::start(options.instances).map_err(RuntimeError::Engine)?;
        Ok(Self(Arc::new(Inner {
            engine,
            cache,
            component_bytes: options.component_bytes,
            compiling: Semaphore::new(1),
            catalogue: Mutex::default(),
        })))
    }

    /// Makes a plugin of a component's bytes. What was loaded before is found again; what was compiled before is read from the cache.
    pub async fn load(&self, wasm: impl Into<Arc<[u8]>>) -> Result<Plugin, LoadError> {
        let wasm: Arc<[u8]> = wasm.into();
        if wasm.len() > self.0.component_bytes {
            return Err(LoadError::TooLarge { bytes: wasm.len(), most: self.0.component_bytes });
        }
        let (hash, component) = self.compile(wasm).await?;
        if let Some(plugin) = self.catalogued(&hash) {
            return Ok(plugin);
        }
        let component = component.map_err(LoadError::Compile)?;
        let kind = component.component_type();
        let imports = Imports::new(kind.imports(&self.0.engine).map(|(name, _)| name.to_owned()));
        exports(&component, "about", "plugin")?;
        let about = About::parse(&self.describe(&component).await?)?;
        exports(&component, about.kind.export(), about.kind.name())?;
        let schema = Schema::new(&about.settings).map_err(LoadError::Schema)?;
        let plugin = Plugin::new(hash.clone(), about, schema, component, imports);
        self.0.catalogue.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, plugin.clone());
        Ok(plugin)
    }

    fn catalogued(&self, hash: &str) -> Option<Plugin> {
        self.0.catalogue.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    /// Hashes and, if it isn't in the catalogue, compiles, off the async threads.
    async fn compile(&self, wasm: Arc<[u8]>) -> Result<(String, wasmtime::Result<Component>), LoadError> {
        let runtime = self.clone();
        let _turn = self.0.compiling.acquire().await;
        tokio::task::spawn_blocking(move || {
            let hash: String = Sha256::digest(&wasm).iter().map(|byte| format!("{byte:02x}")).collect();
            if let Some(plugin) = runtime.catalogued(&hash) {
                return (hash, Ok(plugin.component().clone()));
            }
            let component = runtime.0.cache.component(&runtime.0.engine, &hash, &wasm);
            (hash, component)
        })
        .await
        .map_err(|error| LoadError::Compile(wasmtime::Error::new(error)))
    }

    /// Asks a throwaway instance that has nothing but the empty WASI and an unheard log.
    async fn describe(&self, component: &Component) -> Result<String, LoadError> {
        let limits = Limits::policy();
        let environment = RunEnvironment { now: SystemTime::UNIX_EPOCH, seed: 0 };
        let services = Services::none().with(Unheard);
        let mut linker = Linker::<State>::new(&self.0.engine);
        let linked = wasi::link(&mut linker)
            .and_then(|()| Ok(services.link(&mut linker)?))
            .and_then(|()| linker.define_unknown_imports_as_traps(component));
        let mut store = State::store(&self.0.engine, &limits, services, &environment);
        state::begin(&mut store);
        let asked = tokio::time::timeout(Duration::from_millis(limits.wall_ms), async {
            linked?;
            let instance = linker.instantiate_async(&mut store, component).await?;
            let about = instance
                .get_export_index(&mut store, None, &format!("{PACKAGE}about@{VERSION}"))
                .and_then(|about| instance.get_export_index(&mut store, Some(&about), "describe"))
                .ok_or_else(|| wasmtime::Error::msg("it doesn't export `about.describe`"))?;
            let describe = instance.get_typed_func::<(), (String,)>(&mut store, &about)?;
            describe.call_async(&mut store, ()).await
        });
        match asked.await {
            Ok(Ok((document,))) => Ok(document),
            failed => {
                let what = match failed {
                    Ok(Err(error)) => Ended::with(&error, &limits).what,
                    _ => format!("took longer than {} ms", limits.wall_ms),
                };
                Err(LoadError::Describe { what, said: store.data().stderr.last_words() })
            }
        }
    }

    /// A fresh instance of a method. `services` are what the host offers; what isn't granted of them isn't linked.
    pub async fn method(
        &self,
        plugin: &Plugin,
        grant: &Grant,
        services: Services,
        limits: &Limits,
        run: RunEnvironment,
    ) -> Result<Method, CallError> {
        Ok(Method(Instance::start(plugin, grant, services, limits, run).await?))
    }

    /// A fresh instance of a policy. It gets the log, whatever else is offered.
    pub async fn policy(
        &self,
        plugin: &Plugin,
        grant: &Grant,
        services: Services,
        limits: &Limits,
        run: RunEnvironment,
    ) -> Result<Policy, CallError> {
        Ok(Policy(Instance::start(plugin, grant, services, limits, run).await?))
    }
}

fn exports(component: &Component, interface: &str, kind: &'static str) -> Result<(), LoadError> {
    let export = format!("{PACKAGE}{interface}@{VERSION}");
    match component.get_export_index(None, &export) {
        Some(_) => Ok(()),
        None => Err(LoadError::Exports { kind, export }),
    }
}

/// The log of a plugin that is only describing itself.
struct Unheard;

impl Service for Unheard {
    const INTERFACE: &'static str = crate::grant::LOG;

    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError> {
        functions.quick::<(crate::contract::log::Level, String), ()>("line", |_, _| ())?;
        Ok(())
    }
}
