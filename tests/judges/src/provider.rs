//! A running identity provider, and what this host has to do with it.

use crate::installed::{program, said};
use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use serde::Deserialize;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use usher_services::clock::{Clock, FixedClock};
use usher_services::oauth::{Certificate, Cloud, Entra, Proof, Registration, Secret};
use usher_services::web::Pace;

pub const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub const DOMAIN: &str = "contoso.example";
pub const ELSEWHERE: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
/// The tenant of all personal accounts.
pub const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// What access tokens are for.
pub const GRAPH: &str = "https://graph.microsoft.com";
pub const REDIRECT: &str = "http://127.0.0.1:8400/callback";

/// A confidential client with [`SECRET`].
pub const APPLICATION: &str = "11111111-aaaa-4000-8000-000000000001";
pub const SECRET: &str = "s3cret~of.the-application";
/// One whose only secret has expired.
pub const LATE: &str = "11111111-aaaa-4000-8000-000000000002";
/// A public client.
pub const PUBLIC: &str = "11111111-aaaa-4000-8000-000000000003";
/// A confidential client with certificates: [`certificate`], and one that has expired.
pub const CERTIFIED: &str = "11111111-aaaa-4000-8000-000000000004";
/// Another one with the same certificates, to which nobody has consented yet.
pub const NEW: &str = "11111111-aaaa-4000-8000-000000000005";

/// What an application may do once an administrator has consented.
pub const ROLES: [&str; 2] = ["User.Read.All", "GroupMember.Read.All"];
/// What somebody may do who has signed in.
pub const SCOPES: [&str; 2] = ["User.Read.All", "Group.Read.All"];

/// Certificate and key, PEM.
pub struct Pem {
    pub certificate: String,
    pub key: String,
}

impl Pem {
    fn made(from: i32, to: i32) -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let mut of = CertificateParams::new(vec!["usher".to_owned()]).unwrap();
        (of.not_before, of.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        Self { certificate: of.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    pub fn proof(&self) -> Proof {
        let both = Secret::new(format!("{}{}", self.certificate, self.key));
        Proof::Certificate(Certificate::from_pem(&both).unwrap())
    }
}

/// One that is good for as long as anybody runs this.
pub fn certificate() -> &'static Pem {
    static MADE: OnceLock<Pem> = OnceLock::new();
    MADE.get_or_init(|| Pem::made(2020, 4000))
}

/// One that was good once.
pub fn expired_certificate() -> &'static Pem {
    static MADE: OnceLock<Pem> = OnceLock::new();
    MADE.get_or_init(|| Pem::made(2020, 2021))
}

/// One that nobody has uploaded.
pub fn foreign_certificate() -> Pem {
    Pem::made(2020, 4000)
}

/// A request for tokens, as the provider saw it.
#[derive(Debug, Deserialize, PartialEq)]
pub struct Seen {
    pub grant_type: String,
    pub client_id: Option<String>,
    /// Of the refusal, if it was refused.
    pub number: Option<u32>,
}

#[derive(Deserialize)]
struct Addresses {
    address: String,
    secure: String,
}

/// A running provider. It ends with the value: by its id, and if nobody can do that any more, because its input ends.
pub struct Provider {
    /// Plain http.
    pub address: String,
    /// The same with TLS.
    pub secure: String,
    /// What TLS is trusted by.
    pub authority: NamedTempFile,
    _input: ChildStdin,
    _process: Child,
}

impl Provider {
    /// Starts one with all clients but the certified ones: keys take their time.
    pub async fn start() -> Self {
        Self::with(false).await
    }

    /// Starts one with all clients.
    pub async fn with_certificates() -> Self {
        Self::with(true).await
    }

    async fn with(certified: bool) -> Self {
        let known = |id: &str, more: Value| {
            let mut client = json!({
                "id": id, "principal": format!("principal of {id}"), "redirects": [REDIRECT], "roles": ROLES, "scopes": SCOPES,
                "consented": true,
            });
            client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            client
        };
        let mut clients = vec![
            known(APPLICATION, json!({ "secret": SECRET })),
            known(LATE, json!({ "secret": SECRET, "expires": 1_600_000_000 })),
            known(PUBLIC, json!({ "public": true })),
        ];
        if certified {
            let both = [&certificate().certificate, &expired_certificate().certificate];
            clients.push(known(CERTIFIED, json!({ "certificates": both })));
            clients.push(known(NEW, json!({ "certificates": both, "consented": false })));
        }
        Self::knowing(json!({
            "tenant": TENANT, "domain": DOMAIN, "graph": GRAPH, "clients": clients,
            "users": [
                { "name": "ann@contoso.example", "oid": "oid-ann", "admin": true },
                { "name": "bob@contoso.example", "oid": "oid-bob" },
                { "name": "stranger@elsewhere.example", "oid": "oid-stranger", "tid": ELSEWHERE },
                { "name": "somebody@outlook.example", "oid": "oid-somebody", "tid": PERSONAL },
            ],
        }))
        .await
    }

    /// Starts one that knows this tenant, its clients and users, and where Graph is.
    pub async fn knowing(mut knows: Value) -> Self {
        let tls = KeyPair::generate().unwrap();
        let of = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&tls).unwrap();
        knows["node_modules"] = said("USHER_TEST_NODE_MODULES").into();
        knows["tls"] = json!({ "cert": of.pem(), "key": tls.serialize_pem() });
        let mut process = Command::new(said("USHER_TEST_NODE"))
            .arg(program("provider.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        input.write_all(format!("{knows}\n").as_bytes()).await.unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("the provider ended before it was there");
        let Addresses { address, secure } = serde_json::from_str(&line).unwrap();
        let authority = NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), of.pem()).unwrap();
        Self { address, secure, authority, _input: input, _process: process }
    }

    /// The tenant's own provider, as an application of it sees it.
    pub fn entra(&self, client: &str, proof: Proof, clock: &Arc<FixedClock>, pace: Pace) -> Entra {
        self.entra_of(TENANT, client, proof, clock, pace)
    }

    pub fn entra_of(
        &self,
        tenant: &str,
        client: &str,
        proof: Proof,
        clock: &Arc<FixedClock>,
        pace: Pace,
    ) -> Entra {
        let cloud = Cloud::custom(GRAPH, &self.address).unwrap();
        let registration = Registration::new(cloud, tenant, client).unwrap();
        Entra::new(registration, proof, clock.clone(), pace).unwrap()
    }

    /// The application with its secret.
    pub fn application(&self, clock: &Arc<FixedClock>) -> Entra {
        self.entra(APPLICATION, by_secret(), clock, Pace::default())
    }

    /// All requests for tokens until now.
    pub async fn seen(&self) -> Vec<Seen> {
        let (_, text) = crate::browser::fetch(&format!("{}/harness/seen", self.address)).await;
        serde_json::from_str(&text).unwrap()
    }

    /// An account is deleted there, and its sign-ins with it.
    pub async fn forget(&self, account: &str) {
        self.done(&format!("forget/{account}")).await;
    }

    /// The consent to a client's permissions is taken back.
    pub async fn withdraw(&self, client: &str) {
        self.done(&format!("withdraw/{client}")).await;
    }

    async fn done(&self, what: &str) {
        let (status, _) = crate::browser::fetch(&format!("{}/harness/{what}", self.address)).await;
        assert_eq!(status, 204);
    }

    /// Requests for tokens by one grant: the numbers of their refusals.
    pub async fn seen_of(&self, grant: &str) -> Vec<Option<u32>> {
        let seen = self.seen().await.into_iter();
        seen.filter(|seen| seen.grant_type == grant).map(|seen| seen.number).collect()
    }
}

pub fn by_secret() -> Proof {
    Proof::Secret(Secret::new(SECRET))
}

/// Stands at this very moment, which is the provider's too.
pub fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::new(Timestamp::now()))
}

pub fn later(clock: &FixedClock, minutes: i64) {
    clock.set(clock.now() + SignedDuration::from_mins(minutes));
}
