//! The plugins a tenant can use: those that come with the host, and those the operator added with a grant.

use std::collections::BTreeSet;
use thiserror::Error;
use usher_runtime::{Grant, LoadError, Plugin, Runtime};
use usher_store::{Store, StoreError};

/// Why a plugin can't be used.
#[derive(Debug, Error)]
pub enum PluginError {
    /// There is none with this id.
    #[error("there is no plugin {id}; `usher plugin list` shows what there is")]
    Unknown {
        /// The id.
        id: String,
    },
    /// It can't be loaded.
    #[error("plugin {id} can't be loaded: {source}")]
    Load {
        /// The id.
        id: String,
        /// Why.
        source: Box<LoadError>,
    },
    /// Its bytes are not those that were granted.
    #[error(
        "plugin {id} is not the one that was added: its hash differs; add it again with `usher plugin add`"
    )]
    Changed {
        /// The id.
        id: String,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A plugin with what it is granted.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The plugin.
    pub plugin: Plugin,
    /// What the operator granted; a bundled plugin is granted what it asks for.
    pub grant: Grant,
    /// Whether it comes with the host.
    pub bundled: bool,
    /// The limits that the operator set, by name.
    pub limits: serde_json::Value,
}

/// Finds plugins.
#[derive(Clone)]
pub struct Catalogue {
    store: Store,
    runtime: Runtime,
}

impl Catalogue {
    /// Over a store and a runtime.
    pub fn new(store: Store, runtime: Runtime) -> Self {
        Self { store, runtime }
    }

    /// The plugin of this id: an added one before a bundled one.
    pub async fn find(&self, tenant: i64, id: &str) -> Result<Entry, PluginError> {
        let failed = |source| PluginError::Load { id: id.to_owned(), source: Box::new(source) };
        let limits = self.store.plugin_limits(tenant, id).await?;
        let added = self.store.plugins(tenant).await?.into_iter().find(|added| added.id == id);
        if let Some(added) = added {
            let wasm = self.store.plugin_wasm(tenant, id).await?;
            let plugin = self.runtime.load(wasm).await.map_err(failed)?;
            if plugin.hash() != added.hash {
                return Err(PluginError::Changed { id: id.to_owned() });
            }
            return Ok(Entry { plugin, grant: Grant { interfaces: added.granted }, bundled: false, limits });
        }
        let bundled = usher_bundle::plugins().iter().find(|bundled| bundled.id == id);
        let Some(bundled) = bundled else { return Err(PluginError::Unknown { id: id.to_owned() }) };
        let plugin = self.runtime.load(bundled.wasm).await.map_err(failed)?;
        let grant = Grant { interfaces: plugin.asks() };
        Ok(Entry { plugin, grant, bundled: true, limits })
    }

    /// Whether a plugin of this id comes with the host.
    pub fn bundled(&self, id: &str) -> bool {
        usher_bundle::plugins().iter().any(|bundled| bundled.id == id)
    }

    /// The ids of all plugins.
    pub async fn ids(&self, tenant: i64) -> Result<BTreeSet<String>, PluginError> {
        let mut ids: BTreeSet<_> =
            usher_bundle::plugins().iter().map(|bundled| bundled.id.to_owned()).collect();
        ids.extend(self.store.plugins(tenant).await?.into_iter().map(|added| added.id));
        Ok(ids)
    }

    /// The runtime behind it.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}
