//! A loaded plugin: compiled, described, and ready to be instantiated any number of times.

use crate::about::{About, Kind};
use crate::contract::model::Problem;
use crate::fault::{Ended, FaultKind, PluginFault};
use crate::grant::{Grant, Imports, Refusal};
use crate::schema::Schema;
use crate::service::{Links, Services};
use crate::state::State;
use crate::wasi;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::{Component, InstancePre, Linker};

/// A plugin of the catalogue. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    hash: String,
    about: About,
    schema: Schema,
    component: Component,
    imports: Imports,
    /// Linked once for each set of services.
    linked: Mutex<BTreeMap<Links, InstancePre<State>>>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Plugin({} {} {})", self.id(), self.0.about.version, self.0.hash)
    }
}

impl Plugin {
    pub(crate) fn new(
        hash: String,
        about: About,
        schema: Schema,
        component: Component,
        imports: Imports,
    ) -> Self {
        Self(Arc::new(Inner { hash, about, schema, component, imports, linked: Mutex::default() }))
    }

    /// Lower-case hex of the component's SHA-256.
    pub fn hash(&self) -> &str {
        &self.0.hash
    }

    pub(crate) fn component(&self) -> &Component {
        &self.0.component
    }

    /// What it says of itself.
    pub fn about(&self) -> &About {
        &self.0.about
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.0.about.id
    }

    /// What the component really imports, by full names.
    pub fn imports(&self) -> &BTreeSet<String> {
        &self.0.imports.all
    }

    /// The interfaces it asks for in `about`.
    pub fn asks(&self) -> BTreeSet<String> {
        self.0.about.asks()
    }

    /// What is wrong with these settings, by their schema; nothing, if they fit.
    pub fn problems(&self, settings: &Json) -> Vec<Problem> {
        self.0.schema.problems(settings)
    }

    /// Settings that hold a secret (`writeOnly`).
    pub fn secrets(&self) -> &BTreeSet<String> {
        &self.0.schema.secrets
    }

    /// Settings that name a file (`format: file`).
    pub fn files(&self) -> &BTreeSet<String> {
        &self.0.schema.files
    }

    /// Compares what the component imports with what it asks for and what is granted; gives the interfaces that will be linked.
    pub fn admit(&self, grant: &Grant) -> Result<BTreeSet<String>, Refusal> {
        self.0.imports.admit(self.id(), &self.asks(), grant)
    }

    /// What is needed to instantiate under a grant: the component linked with just the services it was granted, and these.
    pub(crate) fn prepare(
        &self,
        kind: Kind,
        grant: &Grant,
        mut services: Services,
    ) -> Result<(InstancePre<State>, Services), PluginFault> {
        let refuse = |kind, what: String| self.fault("", Ended::by(kind, what));
        if self.0.about.kind != kind {
            let what = format!("is a {}, not a {}", self.0.about.kind.name(), kind.name());
            return Err(refuse(FaultKind::BadAnswer, what));
        }
        let linked = self.admit(grant).map_err(|refusal| refuse(FaultKind::Ungranted, refusal.what()))?;
        services.keep(|interface| linked.contains(interface));
        if let Some(missing) = linked.iter().find(|interface| !services.has(interface)) {
            return Err(refuse(FaultKind::Ungranted, format!("imports {missing}, which isn't offered here")));
        }
        let pre = self
            .link(&services)
            .map_err(|error| refuse(FaultKind::BadAnswer, format!("can't be linked: {error:#}")))?;
        Ok((pre, services))
    }

    fn link(&self, services: &Services) -> wasmtime::Result<InstancePre<State>> {
        let links = services.links();
        let mut linked = self.0.linked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pre) = linked.get(&links) {
            return Ok(pre.clone());
        }
        let mut linker = Linker::new(self.0.component.engine());
        wasi::link(&mut linker)?;
        services.link(&mut linker)?;
        let pre = linker.instantiate_pre(&self.0.component)?;
        linked.insert(links, pre.clone());
        Ok(pre)
    }

    pub(crate) fn fault(&self, call: &'static str, ended: Ended) -> PluginFault {
        let Ended { kind, what, limit } = ended;
        PluginFault { plugin: self.id().to_owned(), call, kind, what, limit, said: None }
    }
}
