//! A simulated Microsoft 365 tenant, served on this machine, and an installation that is connected to it.

use crate::harness::{Installation, Ran};
use jiff::SignedDuration;
use serde_json::Value;
use usher_demo::{Guid, Server, Tenant};

/// The rights that the method asks for.
pub const RIGHTS: [&str; 3] = ["User.Read.All", "Group.Read.All", "Organization.Read.All"];

/// A tenant, an app registration in it, and an installation.
pub struct Cloud {
    /// The tenant; edits of it are what an administrator would do.
    pub tenant: Tenant,
    /// The app registration.
    pub app: Guid,
    /// Where Usher is installed.
    pub inst: Installation,
    secret: String,
    server: Server,
}

impl Cloud {
    /// T1, with an app that has its rights; nothing is connected.
    pub async fn t1() -> Self {
        Self::of(Tenant::t1()).await
    }

    /// Any tenant.
    pub async fn of(tenant: Tenant) -> Self {
        let app = tenant.register_application("Usher");
        for right in RIGHTS {
            tenant.grant(app, right).unwrap();
        }
        let secret = tenant.add_secret(app, SignedDuration::from_hours(24 * 365)).unwrap();
        let server = tenant.serve_at("127.0.0.1:0").await.unwrap();
        let inst = Installation::new();
        // Entra's clock and the host's are the same one.
        tenant.set_now(jiff::Timestamp::from_millisecond(inst.now()).unwrap());
        Self { tenant, app, inst, secret, server }
    }

    /// T1, connected with these settings besides those that it takes to sign in.
    pub async fn connected(settings: &[&str]) -> Self {
        let cloud = Self::t1().await;
        cloud.connect(settings).await.ended(0);
        cloud
    }

    /// T1, synchronised.
    pub async fn synced(settings: &[&str]) -> Self {
        let cloud = Self::connected(settings).await;
        cloud.inst.usher(&["sync", "--yes"]).await.ended(0);
        cloud
    }

    /// Where the secret lies.
    pub fn secret_file(&self) -> String {
        self.inst.file("client_secret", &self.secret)
    }

    /// The secret itself, to be searched for.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Where the tenant is served.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// `usher connect m365` with what it takes to sign in, and more.
    pub async fn connect(&self, settings: &[&str]) -> Ran {
        self.connect_with(&["--yes"], settings).await
    }

    /// The same with other flags.
    pub async fn connect_with(&self, flags: &[&str], settings: &[&str]) -> Ran {
        self.connect_by(&format!("client_secret=@{}", self.secret_file()), flags, settings).await
    }

    /// The same with another credential than the secret.
    pub async fn connect_by(&self, credential: &str, flags: &[&str], settings: &[&str]) -> Ran {
        let own = [
            format!("tenant_id={}", self.tenant.id()),
            format!("client_id={}", self.app),
            "cloud=custom".to_owned(),
            format!("graph_url={}", self.url()),
            format!("login_url={}", self.url()),
        ];
        let mut line = vec!["connect", "m365", "--secret", credential];
        line.extend(flags);
        for setting in own.iter().map(String::as_str).chain(settings.iter().copied()) {
            line.extend(["--set", setting]);
        }
        self.inst.usher(&line).await
    }

    /// The object id of a user or group.
    pub fn id(&self, name: &str) -> String {
        let found = self.tenant.user(name).or_else(|| self.tenant.group(name));
        found.unwrap_or_else(|| panic!("the tenant has no {name}")).to_string()
    }

    /// A sync that is applied.
    pub async fn sync(&self) -> Value {
        self.inst.json(0, &["sync", "--yes"]).await
    }

    /// The paths that were asked for since the last time, those inside of batches too.
    pub fn asked(&self) -> Vec<String> {
        let requests = self.tenant.requests();
        self.tenant.clear_requests();
        let paths = requests.into_iter().flat_map(|request| {
            let items = request.items.into_iter().map(|item| format!("  {}", item.path));
            std::iter::once(request.path).chain(items)
        });
        paths.collect()
    }

    /// How many requests to Graph there were since the last time.
    pub fn requests(&self) -> usize {
        let requests = self.tenant.requests();
        self.tenant.clear_requests();
        requests.iter().filter(|request| request.path.starts_with("/v1.0")).count()
    }

    /// The userNames of everybody who is active here.
    pub async fn active(&self) -> Vec<String> {
        self.inst.active().await
    }
}
