//! A directory whose source does what a script says: the host in this process over a database of its own, and what tests ask of it.

use crate::database::{Beside, Place};
use crate::harness::compiled;
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;
use usher_planner::{GuardRules, Scope};
use usher_runtime::{Grant, Runtime, RuntimeOptions};
use usher_services::FixedClock;
use usher_store::{AddedPlugin, Asked, Connection, Intent, NewConnection, PolicyRow, Settings, State, Store};
use usher_sync::{Catalogue, Class, Consent, Host, HostOptions, Report, RunRequest, RunResult, Silent};
use usher_test_scripted::{Change, Membership, Script, User};

/// What a run that isn't applied leaves as it is.
const TABLES: [&str; 10] = [
    "users",
    "groups",
    "memberships",
    "user_links",
    "group_links",
    "mirror_users",
    "mirror_groups",
    "mirror_members",
    "connections",
    "plugin_storage",
];

/// A database and a host.
pub struct Directory {
    folder: TempDir,
    beside: Beside,
    pub store: Store,
    pub host: Host,
}

/// One connection of one tenant.
pub struct Source<'a> {
    directory: &'a Directory,
    pub tenant: i64,
    name: String,
}

/// Host settings of a connection under which the guard holds nothing but an empty source.
pub fn unguarded() -> Settings {
    Settings {
        guard: GuardRules { percent: 100, floor: 10_000, half_from: 1_000_000 },
        ..Settings::default()
    }
}

/// A user `ID` who is called `ID@acme.example`.
pub fn person(id: &str) -> User {
    User::new(id).named(format!("{id}@acme.example"))
}

/// A user of a group, as a change.
pub fn member(group: &str, user: &str) -> Change {
    Membership::user(group, user).into()
}

impl Directory {
    /// A new one with the host's own limits.
    pub async fn new() -> Self {
        Self::with(HostOptions::default()).await
    }

    /// A new one.
    pub async fn with(options: HostOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = Place::default().url(&folder.path().join("usher.db")).await;
        let store = Store::connect(&url).await.unwrap();
        let beside = Beside::open(&url).await;
        let clock = Arc::new(FixedClock::new("2026-03-02T08:00:00Z".parse().unwrap()));
        let runtime = Runtime::new(RuntimeOptions::new(compiled())).unwrap();
        let catalogue = Catalogue::new(store.clone(), runtime);
        let host = Host::new(store.clone(), catalogue, clock, options);
        Self { folder, beside, store, host }
    }

    /// A new tenant.
    pub async fn tenant(&self, name: &str) -> i64 {
        self.store.add_tenant(name, self.host.now()).await.unwrap().id
    }

    /// Adds a component to a tenant's plugins, granting all that it asks for. Gives its id.
    pub async fn add_plugin(&self, tenant: i64, component: &str) -> String {
        let wasm = std::fs::read(component).unwrap();
        let plugin = self.host.catalogue().runtime().load(wasm.clone()).await.unwrap();
        let about = plugin.about();
        let added = AddedPlugin {
            id: about.id.clone(),
            version: about.version.clone(),
            kind: about.kind.name().to_owned(),
            summary: about.summary.clone(),
            hash: plugin.hash().to_owned(),
            granted: Grant { interfaces: plugin.asks() }.interfaces,
        };
        self.store.add_plugin(tenant, &added, &wasm, self.host.now()).await.unwrap();
        added.id
    }

    /// Connects a method.
    pub async fn connect(
        &self,
        tenant: i64,
        name: &str,
        method: &str,
        settings: serde_json::Value,
    ) -> Source<'_> {
        let source = Source { directory: self, tenant, name: name.to_owned() };
        source.set(method, settings, unguarded()).await;
        source
    }

    /// A new tenant with a scripted source, which the guard doesn't hold.
    pub async fn scripted(&self, tenant: &str, script: &Script) -> Source<'_> {
        let tenant_id = self.tenant(tenant).await;
        let method = self.add_plugin(tenant_id, env!("USHER_TEST_SCRIPTED")).await;
        let source = Source { directory: self, tenant: tenant_id, name: tenant.to_owned() };
        source.says(script);
        source.set(&method, json!({ "script": source.script() }), unguarded()).await;
        source
    }

    /// Replaces a tenant's chain by one policy, or by none.
    pub async fn policy(&self, tenant: i64, policy: Option<(&str, serde_json::Value)>) {
        let chain: Vec<_> = policy
            .into_iter()
            .map(|(plugin, settings)| PolicyRow {
                name: plugin.to_owned(),
                plugin: plugin.to_owned(),
                settings,
                asked: Asked::default(),
            })
            .collect();
        self.store.set_policies(tenant, &chain).await.unwrap();
    }

    /// One column of a query, in its order.
    pub async fn column(&self, sql: &str) -> Vec<String> {
        self.beside.column(sql).await
    }

    /// Every row of the tables that only an applied run writes.
    pub async fn dump(&self, tenant: i64) -> Vec<String> {
        let all = self.beside.dump(&TABLES, Some(tenant)).await;
        all.into_iter()
            .flat_map(|(table, rows)| rows.into_iter().map(move |row| format!("{table} {row}")))
            .collect()
    }
}

impl Source<'_> {
    /// The file of what the source does.
    pub fn script(&self) -> String {
        self.directory.folder.path().join(format!("{}.json", self.name)).display().to_string()
    }

    /// What the source does from now on.
    pub fn says(&self, script: &Script) {
        std::fs::write(self.script(), script.to_json().unwrap()).unwrap();
    }

    /// Other settings.
    pub async fn set(&self, method: &str, settings: serde_json::Value, mut rules: Settings) {
        rules.folders = vec![self.directory.folder.path().display().to_string()];
        let scope = Scope::default();
        let new =
            NewConnection { name: self.name.clone(), method: method.to_owned(), settings, scope, rules };
        self.directory.store.save_connection(self.tenant, &new, self.directory.host.now()).await.unwrap();
    }

    /// Other rules of the host.
    pub async fn ruled(&self, rules: Settings) {
        let Connection { method, settings, .. } = self.connection().await;
        self.set(&method, settings, rules).await;
    }

    /// As it is stored.
    pub async fn connection(&self) -> Connection {
        self.directory.store.connection(self.tenant, &self.name).await.unwrap()
    }

    /// Where the next incremental read begins.
    pub async fn cursor(&self) -> Option<String> {
        self.connection().await.cursor
    }

    /// A run.
    pub async fn run(&self, intent: Intent, consent: Consent<'_>) -> Report {
        let connection = self.connection().await;
        let request =
            RunRequest { connection: &connection, intent, consent, started_by: "a test", progress: &Silent };
        self.directory.host.run(request).await.unwrap()
    }

    /// A real run, confirmed.
    pub async fn sync(&self) -> Report {
        self.run(Intent::Sync, Consent::Given).await
    }

    /// A test run.
    pub async fn plan(&self) -> Report {
        self.run(Intent::Plan, Consent::None).await
    }

    /// The source says this, and a run takes it over.
    pub async fn takes(&self, script: &Script) -> Report {
        self.says(script);
        let report = self.sync().await;
        assert!(report.applied, "{report:#?}");
        report
    }

    /// The source says this, and a run fails by it with the directory as it was. Gives what the failure says.
    pub async fn refuses(&self, script: &Script, class: Class) -> String {
        self.says(script);
        self.fails(class).await
    }

    /// A run fails with the directory as it was. Gives what the failure says.
    pub async fn fails(&self, class: Class) -> String {
        let before = self.dump().await;
        let report = self.sync().await;
        assert_eq!(report.result, RunResult::Failed, "{report:#?}");
        if class == Class::Auth {
            // A credential that is refused shows in the connection's state, and nowhere else.
            let connection = self.connection().await;
            let store = &self.directory.store;
            store
                .move_connection_state(&connection, State::NeedsReauthorisation, State::Active)
                .await
                .unwrap();
        }
        assert!(!report.applied);
        assert_eq!(removals(&report), 0, "{report:#?}");
        let fault = report.fault.unwrap();
        assert_eq!(fault.class, class, "{fault:#?}");
        assert!(!fault.message.trim().is_empty() && !fault.advice.trim().is_empty(), "{fault:#?}");
        assert_eq!(self.dump().await, before);
        fault.message
    }

    /// See [`Directory::dump`].
    pub async fn dump(&self) -> Vec<String> {
        self.directory.dump(self.tenant).await
    }

    /// See [`Beside::essence`].
    pub async fn essence(&self) -> Vec<String> {
        self.directory.beside.essence(self.tenant).await
    }

    /// The userNames of the active without their domain.
    pub async fn people(&self) -> Vec<String> {
        let sql = "SELECT replace(user_name, '@acme.example', '') FROM users WHERE active = 1 AND tenant = ";
        self.directory.column(&format!("{sql}{} ORDER BY user_name", self.tenant)).await
    }

    /// The displayNames of groups.
    pub async fn groups(&self) -> Vec<String> {
        let sql = "SELECT display_name FROM groups WHERE tenant = ";
        self.directory.column(&format!("{sql}{} ORDER BY display_name", self.tenant)).await
    }

    /// Who is directly in a group: users without their domain, and groups.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let sql = format!(
            "SELECT COALESCE((SELECT replace(u.user_name, '@acme.example', '') FROM users u
                 WHERE u.tenant = m.tenant AND u.id = m.member_id),
                 (SELECT h.display_name FROM groups h WHERE h.tenant = m.tenant AND h.id = m.member_id))
             FROM memberships m JOIN groups g ON g.tenant = m.tenant AND g.id = m.group_id
             WHERE m.tenant = {} AND g.display_name = '{group}' ORDER BY 1",
            self.tenant
        );
        self.directory.column(&sql).await
    }

    /// An attribute of a user, as JSON text; `null` where there is none.
    pub async fn attribute(&self, user: &str, name: &str) -> String {
        let sql = format!(
            "SELECT attributes FROM users WHERE tenant = {} AND user_name = '{user}@acme.example'",
            self.tenant
        );
        let found = self.directory.column(&sql).await;
        let of = |attributes: &String| {
            serde_json::from_str::<serde_json::Value>(attributes).unwrap()[name].to_string()
        };
        found.iter().map(of).collect::<Vec<_>>().join(" and ")
    }
}

/// How much a plan takes away.
pub fn removals(report: &Report) -> u64 {
    let users = &report.users;
    users.deactivated + users.deleted + users.unlinked + report.groups.deleted + report.memberships.removed
}
