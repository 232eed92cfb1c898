//! What everything else stands on: the store, the runtime, the clock.

use crate::catalogue::{Catalogue, Entry};
use crate::fault::{Class, Fault};
use crate::mirror::Mirror;
use crate::offer::Offer;
use crate::sign_in::Secrets;
use std::path::PathBuf;
use std::sync::Arc;
use usher_runtime::contract::model::Problem;
use usher_runtime::contract::source::Report as CheckReport;
use usher_runtime::{Limits, Method, Policy};
use usher_services::graph::GraphOptions;
use usher_services::{Clock, Services};
use usher_store::{Connection, Store, Tombstones, VaultKey};

/// How a host is set up.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Limits of methods.
    pub method_limits: Limits,
    /// Limits of policies.
    pub policy_limits: Limits,
    /// Pages that a read may have. A method that never seals ends here; 1,000 changes a page leave room for a hundred million.
    pub pages: u64,
    /// The key that secrets are sealed with, and that people who were erased are known again by; none where there is none yet.
    pub key: Option<VaultKey>,
    /// How Graph is asked. Pauses are those of the clock.
    pub graph: GraphOptions,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            method_limits: Limits::method(),
            policy_limits: Limits::policy(),
            pages: 100_000,
            key: None,
            graph: GraphOptions::default(),
        }
    }
}

/// Runs connections. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    pub(crate) store: Store,
    pub(crate) catalogue: Catalogue,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: HostOptions,
}

impl Host {
    /// Puts a host together.
    pub fn new(store: Store, catalogue: Catalogue, clock: Arc<dyn Clock>, options: HostOptions) -> Self {
        Self { store, catalogue, clock, options }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The plugins.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// What one run of a connection's method is offered.
    pub(crate) async fn offer(
        &self,
        connection: &Connection,
        entry: &Entry,
        tombstones: Tombstones,
        given: Option<&Secrets>,
    ) -> Result<Offer, Fault> {
        let kept = self.store.plugin_storage(connection.tenant, connection.id).await?;
        let paths = entry
            .plugin
            .files()
            .iter()
            .filter_map(|setting| {
                let path = connection.settings.get(setting)?.as_str()?;
                Some((setting.clone(), PathBuf::from(path)))
            })
            .collect();
        let allowed = connection.rules.folders.iter().map(PathBuf::from).collect();
        let mut services = Services::new(self.clock.now()).files(allowed, paths, None).storage(kept);
        if let Some(graph) = self.graph(connection, entry, given).await? {
            services = services.graph(graph);
        }
        Ok(Offer { services, mirror: Mirror::new(self.store.clone(), connection, Arc::new(tombstones)) })
    }

    /// How Graph is asked, by the host's own clock.
    pub(crate) fn graph_options(&self) -> GraphOptions {
        let mut options = self.options.graph.clone();
        options.pace.pauses = self.clock.pauses();
        options
    }

    /// What a method is offered that is only looked at.
    async fn offer_to_look(
        &self,
        connection: &Connection,
        entry: &Entry,
        given: Option<&Secrets>,
    ) -> Result<Offer, Fault> {
        let key = self.options.key.as_ref();
        let tombstones = self.store.tombstones(key, connection.tenant, connection.id).await?;
        self.offer(connection, entry, tombstones, given).await
    }

    /// A configured instance of a connection's method.
    pub(crate) async fn method(
        &self,
        connection: &Connection,
        entry: &Entry,
        offer: &Offer,
        seed: u64,
    ) -> Result<Method, Fault> {
        let id = entry.plugin.about().id.clone();
        let failed = |error| Fault::of_call(&id, error);
        let mut method = self
            .catalogue
            .runtime()
            .method(
                &entry.plugin,
                &entry.grant,
                offer.to_instance(),
                &limits(&self.options.method_limits, entry)?,
                offer.services.environment(seed),
            )
            .await
            .map_err(failed)?;
        let mut settings = connection.settings.clone();
        if let Some(settings) = settings.as_object_mut() {
            // A secret never enters a sandbox, even if one came to lie among the settings.
            settings.retain(|name, _| !entry.plugin.secrets().contains(name));
            settings.insert(
                "scope".to_owned(),
                serde_json::json!({
                    "chosen": connection.scope.chosen,
                    "group_types": connection.scope.group_types.names(),
                    "include_groups": connection.scope.include_groups,
                    "managers": connection.scope.managers,
                    "guests": connection.scope.guests,
                }),
            );
        }
        match method.configure(&settings.to_string()).await.map_err(failed)? {
            Ok(()) => Ok(method),
            Err(problems) => Err(Fault::new(
                Class::Settings,
                words(problems).join("; "),
                "correct the settings with `usher connect`, then run it again",
            )),
        }
    }

    /// Asks a connection's method what it can see. `given` are secrets that aren't kept yet.
    pub async fn check(
        &self,
        connection: &Connection,
        given: Option<&Secrets>,
    ) -> Result<CheckReport, Fault> {
        let entry = self.entry(connection).await?;
        let offer = self.offer_to_look(connection, &entry, given).await?;
        let mut method = self.method(connection, &entry, &offer, 0).await?;
        let report = method.check().await;
        let mut report = report.map_err(|error| Fault::of_call(&connection.method, error).at(connection))?;
        report.findings.extend(self.certificate_ends(connection, &entry, given).await?);
        let ungranted = self.ungranted(connection, given, &report).await;
        report.findings.extend(ungranted);
        Ok(report)
    }

    /// What a policy says to its settings: nothing where it takes them.
    pub async fn check_policy(
        &self,
        tenant: i64,
        plugin: &str,
        settings: &serde_json::Value,
    ) -> Result<Vec<String>, Fault> {
        let entry = self.find(tenant, plugin).await?;
        Ok(self.policy(&entry, settings).await?.err().unwrap_or_default())
    }

    /// An instance of a policy that took its settings, or what it says against them.
    pub(crate) async fn policy(
        &self,
        entry: &Entry,
        settings: &serde_json::Value,
    ) -> Result<Result<Policy, Vec<String>>, Fault> {
        let id = &entry.plugin.about().id;
        let failed = |error| Fault::of_call(id, error);
        let services = Services::new(self.clock.now());
        let mut policy = self
            .catalogue
            .runtime()
            .policy(
                &entry.plugin,
                &entry.grant,
                services.offer(),
                &limits(&self.options.policy_limits, entry)?,
                services.environment(0),
            )
            .await
            .map_err(failed)?;
        let answer = policy.configure(&settings.to_string()).await.map_err(failed)?;
        Ok(answer.map(|()| policy).map_err(words))
    }

    /// A configured method outside a run: for looking at the source.
    pub async fn look(&self, connection: &Connection) -> Result<Method, Fault> {
        let entry = self.entry(connection).await?;
        let offer = self.offer_to_look(connection, &entry, None).await?;
        self.method(connection, &entry, &offer, 0).await
    }

    pub(crate) async fn entry(&self, connection: &Connection) -> Result<Entry, Fault> {
        self.find(connection.tenant, &connection.method).await
    }

    pub(crate) async fn find(&self, tenant: i64, plugin: &str) -> Result<Entry, Fault> {
        self.catalogue.find(tenant, plugin).await.map_err(|error| {
            Fault::new(
                Class::Plugin,
                error.to_string(),
                "`usher plugin list` shows which plugins there are; add it again, or do without it",
            )
        })
    }
}

/// The host's limits, with those that the operator set for this plugin.
fn limits(base: &Limits, entry: &Entry) -> Result<Limits, Fault> {
    base.overridden(&entry.limits).map_err(|error| {
        let id = &entry.plugin.about().id;
        Fault::new(
            Class::Settings,
            format!("plugin {id}: {error}"),
            format!("see `usher plugin limits {id}`"),
        )
    })
}

fn words(problems: Vec<Problem>) -> Vec<String> {
    problems.into_iter().map(|problem| format!("{}: {}", problem.place, problem.why)).collect()
}
