//! Signing in to Microsoft 365 and consenting, at a real identity provider that has Entra's addresses and errors: who may, what blocks, and what is
//! kept of it. Graph is the simulated tenant, which takes the provider's tokens.

use crate::database;
use crate::harness::{Heard, Installation, Ran};
use crate::terminal::at_terminal;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use url::Url;
use usher_demo::{Identity, Server, Tenant};
use usher_test_judges::browser::{Browser, End, Says, called};
use usher_test_judges::provider::{PERSONAL, Provider, Seen};

/// A client that proves itself by nothing, for sign-ins in somebody's name.
const PUBLIC: &str = "11111111-aaaa-4000-8000-000000000003";
/// A client with a secret, to which nobody has consented yet.
const APPLICATION: &str = "11111111-aaaa-4000-8000-000000000001";
const SECRET: &str = "s3cret~of.the-application";
const ELSEWHERE: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
const NEEDED: [&str; 3] = ["User.Read.All", "GroupMember.Read.All", "Organization.Read.All"];
const ADMINISTRATOR: &str = "ann@acme.example";

/// T1 behind the provider, and an installation.
struct Entrance {
    tenant: Tenant,
    server: Server,
    provider: Provider,
    port: u16,
    /// Accounts whose tokens Graph takes no more.
    revoked: Arc<Mutex<BTreeSet<String>>>,
    inst: Installation,
}

/// Whom a token of the provider's speaks for.
fn identity(token: &str, revoked: &Mutex<BTreeSet<String>>) -> Option<Identity> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    match claims["scp"].as_str() {
        Some(scopes) => {
            let account = claims["oid"].as_str()?;
            let taken = !revoked.lock().unwrap().contains(account);
            taken.then(|| Identity::delegated(account, scopes.split(' ')))
        }
        None => Some(Identity::application(claims["roles"].as_array()?.iter().filter_map(Value::as_str))),
    }
}

impl Entrance {
    async fn open() -> Self {
        Self::with(&NEEDED).await
    }

    /// One whose registrations list these permissions.
    async fn with(permissions: &[&str]) -> Self {
        let tenant = Tenant::t1();
        let server = tenant.serve_at("127.0.0.1:0").await.unwrap();
        // Free now; the command that is given it opens it in a moment.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let client = |id: &str, more: Value| {
            let mut client = json!({ "id": id, "principal": "principal", "redirects": [format!("http://localhost:{port}")],
                "roles": permissions, "scopes": permissions, "consented": false });
            client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            client
        };
        let account = |name: &str| json!({ "name": name, "oid": tenant.user(name).unwrap().to_string(), "admin": true });
        let provider = Provider::knowing(json!({
            "tenant": tenant.id().to_string(), "domain": "acme.example", "graph": server.url(),
            "clients": [client(PUBLIC, json!({ "public": true })), client(APPLICATION, json!({ "secret": SECRET }))],
            "users": [
                account(ADMINISTRATOR), account("bob@acme.example"),
                { "name": "stranger@elsewhere.example", "oid": "oid-stranger", "tid": ELSEWHERE },
                { "name": "somebody@outlook.example", "oid": "oid-somebody", "tid": PERSONAL },
            ],
        }))
        .await;
        let revoked = Arc::new(Mutex::new(BTreeSet::new()));
        let known = revoked.clone();
        tenant.accept_tokens_by(move |token| identity(token, &known));
        tenant.assign_role("Global Administrator", ADMINISTRATOR).unwrap();
        // The provider goes by the real time.
        let (inst, now) = (Installation::new(), jiff::Timestamp::now());
        inst.set_clock(now.as_millisecond());
        tenant.set_now(now);
        Self { tenant, server, provider, port, revoked, inst }
    }

    /// What `connect` takes for a client; `permission` with it.
    fn settings(&self, client: &str, permission: &str) -> Vec<String> {
        let settings = [
            format!("tenant_id={}", self.tenant.id()),
            format!("client_id={client}"),
            format!("permission={permission}"),
            "cloud=custom".to_owned(),
            format!("graph_url={}", self.server.url()),
            format!("login_url={}", self.provider.address),
        ];
        settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]).collect()
    }

    /// `usher connect m365` in somebody's name, while this happens.
    async fn connecting(&self, flags: &[&str], during: impl AsyncFnOnce(Heard)) -> Ran {
        let port = self.port.to_string();
        let settings = self.settings(PUBLIC, "delegated");
        let mut line = vec!["connect", "m365", "--yes"];
        line.extend(flags);
        if !flags.contains(&"--device") {
            line.extend(["--callback-port", &port]);
        }
        line.extend(settings.iter().map(String::as_str));
        self.inst.usher_while(&line, during).await
    }

    /// An application is connected: its secret is taken, and may nothing.
    async fn application(&self) {
        let settings = self.settings(APPLICATION, "application");
        let secret = format!("client_secret=@{}", self.inst.file("client_secret", SECRET));
        let mut line = vec!["connect", "m365", "--yes", "--secret", &secret];
        line.extend(settings.iter().map(String::as_str));
        self.inst.usher(&line).await.ended(0);
    }

    /// The same, and its consent is asked for.
    async fn consenting(&self, during: impl AsyncFnOnce(Heard)) -> Ran {
        let port = self.port.to_string();
        self.application().await;
        self.inst.usher(&["check"]).await.ended(1);
        self.tenant.clear_requests();
        self.inst
            .usher_while(&["connect", "m365", "--yes", "--reauthorise", "--callback-port", &port], during)
            .await
    }

    async fn connected(&self) {
        self.connecting(&[], signs_in(ADMINISTRATOR)).await.ended(0);
    }

    async fn state(&self) -> Value {
        self.inst.json(0, &["status"]).await["connections"][0]["state"].clone()
    }

    /// How often tokens were asked for in this way.
    async fn redeemed(&self, grant: &str) -> usize {
        self.provider.seen_of(grant).await.len()
    }

    /// Whether Graph was asked for anything since the last time.
    fn asked_graph(&self) -> bool {
        let asked = !self.tenant.requests().is_empty();
        self.tenant.clear_requests();
        asked
    }

    /// Whether a sign-in is kept.
    async fn keeps_tokens(&self) -> bool {
        let kept = database::dump(&self.inst).await;
        kept["secrets"].iter().any(|row| format!("{row:?}").contains("tokens"))
    }
}

fn address(line: &str) -> Url {
    line.trim().parse().unwrap()
}

/// Where a browser ends up that signs in so, as an address of the command that waits.
async fn signed_in(account: &str, says: Says, begun: &Url) -> Url {
    match Browser::of(account, says).visit(begun).await {
        End::Elsewhere(back) => back,
        End::Page(text) => panic!("nobody came back from {begun}: {text}"),
    }
}

/// Somebody signs in and agrees to everything.
fn signs_in(account: &str) -> impl AsyncFnOnce(Heard) {
    let account = account.to_owned();
    async move |heard: Heard| {
        let back =
            signed_in(&account, Says::Accept, &address(&heard.line("oauth2/v2.0/authorize").await)).await;
        let mut end = called(&back).await;
        if let End::Elsewhere(consent) = end {
            end = called(&signed_in(&account, Says::Accept, &consent).await).await;
        }
        let End::Page(text) = end else { panic!("it goes on to {end:?}") };
        heard.shown(text);
    }
}

#[tokio::test]
async fn f3_f4_somebody_signs_in_at_a_browser_and_nothing_is_imported() {
    let place = Entrance::open().await;
    let ran = place.connecting(&[], signs_in(ADMINISTRATOR)).await.ended(0);
    assert!(ran.text().contains("Signed in. Go back to the terminal."), "{}", ran.text());
    assert!(ran.text().contains("Nothing is imported yet"), "{}", ran.text());
    assert_eq!(place.state().await, "authorised");
    assert!(place.inst.users().await.is_empty());
    let report = place.inst.json(0, &["sync", "--yes"]).await;
    assert_eq!(
        (report["users"]["created"].as_u64(), report["groups"]["created"].as_u64()),
        (Some(7), Some(7))
    );
    // F10: another process needs no sign-in, nor does other work of the connection.
    place.inst.usher(&["connect", "m365", "--yes", "--set", "managers=false"]).await.ended(0);
    place.inst.usher(&["check"]).await.ended(0);
    assert_eq!(place.redeemed("authorization_code").await, 1);
    assert_eq!(place.state().await, "active");
}

#[tokio::test]
async fn f3_somebody_signs_in_by_a_code_at_a_browser_elsewhere() {
    let place = Entrance::open().await;
    let ran = place
        .connecting(&["--device"], async |heard: Heard| {
            let line = heard.line("enter the code").await;
            let words: Vec<_> = line.split_whitespace().collect();
            let after = |word: &str| words[words.iter().position(|said| *said == word).unwrap() + 1];
            let browser = Browser::of(ADMINISTRATOR, Says::Accept).with_code(after("code"));
            browser.visit(&address(after("Open"))).await;
        })
        .await
        .ended(0);
    assert!(ran.text().contains("m365 is connected."), "{}", ran.text());
    assert_eq!(place.state().await, "authorised");
}

#[tokio::test]
async fn f2_who_consents_holds_enough_rights() {
    let roles = [
        (Some("Global Administrator"), true, true),
        (Some("Privileged Role Administrator"), true, true),
        (Some("Cloud Application Administrator"), true, false),
        (Some("Application Administrator"), true, false),
        (Some("User Administrator"), false, false),
        (None, false, false),
    ];
    let mut place = Entrance::open().await;
    place.tenant.remove_role("Global Administrator", ADMINISTRATOR).unwrap();
    for (role, delegated, application) in roles {
        if let Some(role) = role {
            place.tenant.assign_role(role, ADMINISTRATOR).unwrap();
        }
        for (as_application, allowed) in [(false, delegated), (true, application)] {
            let ran = match as_application {
                false => place.connecting(&["--json"], signs_in(ADMINISTRATOR)).await,
                true => place.consenting(signs_in(ADMINISTRATOR)).await,
            };
            let case = format!("{role:?}, as application: {as_application}\n{}", ran.text());
            assert_eq!(ran.status == 0, allowed, "{case}");
            if !allowed {
                assert!(ran.text().contains("Global Administrator"), "{case}");
                assert!(ran.text().contains("ann@acme.example may not consent"), "{case}");
                assert!(as_application || ran.json()["fault"]["class"] == "not_an_administrator", "{case}");
                assert!(as_application || !place.keeps_tokens().await, "{case}");
                assert!(!as_application || place.state().await == "configured", "{case}");
            }
            // The next one begins with nothing.
            place.provider.withdraw(APPLICATION).await;
            let now = place.inst.now();
            place.inst = Installation::new();
            place.inst.set_clock(now);
        }
        if let Some(role) = role {
            place.tenant.remove_role(role, ADMINISTRATOR).unwrap();
        }
    }
}

#[tokio::test]
async fn f3_an_application_may_once_an_administrator_consents() {
    let place = Entrance::open().await;
    let ran = place.consenting(signs_in(ADMINISTRATOR)).await.ended(0);
    assert!(ran.text().contains("Consented. Go back to the terminal."), "{}", ran.text());
    assert_eq!(place.state().await, "authorised");
    let report = place.inst.json(0, &["sync", "--yes"]).await;
    assert_eq!(report["users"]["created"], 7, "{report:#}");
    // It goes on when who consented has left.
    place.revoked.lock().unwrap().insert(place.tenant.user(ADMINISTRATOR).unwrap().to_string());
    place.provider.forget(ADMINISTRATOR).await;
    assert_eq!(place.inst.json(0, &["sync", "--yes"]).await["result"], "unchanged");
}

#[tokio::test]
async fn f4_f7_what_blocks_has_a_name_and_leaves_nothing_behind() {
    let place = Entrance::open().await;
    let back_with = async |change: fn(&Url) -> Url, heard: Heard| {
        let begun = address(&heard.line("oauth2/v2.0/authorize").await);
        let back = signed_in(ADMINISTRATOR, Says::Accept, &begun).await;
        let End::Page(text) = called(&change(&back)).await else { panic!("it goes on") };
        heard.shown(text);
    };
    let who = |account: &'static str, says: Says| {
        async move |heard: Heard| {
            let begun = address(&heard.line("oauth2/v2.0/authorize").await);
            let End::Page(text) = called(&signed_in(account, says, &begun).await).await else {
                panic!("it goes on")
            };
            heard.shown(text);
        }
    };
    let blocked = async |ran: Ran, code: &str, said: &str| {
        let ran = ran.ended(1);
        let json = ran.json();
        assert_eq!(json["fault"]["class"], code, "{}", ran.text());
        let message = json["fault"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
        // The browser says it too.
        assert!(ran.err.contains(said), "{}", ran.err);
        assert!(!place.asked_graph(), "Graph was asked, {code}");
        assert!(!place.keeps_tokens().await);
        assert_eq!(place.inst.json(0, &["status"]).await["connections"], json!([]));
    };
    let ran = place.connecting(&["--json"], who(ADMINISTRATOR, Says::Cancel)).await;
    blocked(ran, "consent_refused", "consent was declined").await;
    let ran = place.connecting(&["--json"], who("stranger@elsewhere.example", Says::Accept)).await;
    blocked(ran, "other_tenant", "the account is of another tenant").await;
    let ran = place.connecting(&["--json"], who("somebody@outlook.example", Says::Accept)).await;
    blocked(ran, "personal_account", "this is a personal Microsoft account").await;
    fn with(back: &Url, name: &str, value: &str) -> Url {
        let mut changed = back.clone();
        let kept: Vec<(String, String)> = back
            .query_pairs()
            .filter(|(known, _)| known != name)
            .map(|(n, v)| (n.into(), v.into()))
            .collect();
        changed.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
        changed
    }
    let foreign = async |heard: Heard| back_with(|back| with(back, "state", "another"), heard).await;
    let ran = place.connecting(&["--json"], foreign).await;
    blocked(ran, "foreign_callback", "doesn't belong to this sign-in").await;
    let redeemed = place.redeemed("authorization_code").await;
    // What came back once is replayed into the next sign-in: not a request is made with it.
    let first = Mutex::new(None::<Url>);
    let ran = place
        .connecting(&["--json"], async |heard: Heard| {
            let begun = address(&heard.line("oauth2/v2.0/authorize").await);
            let back = signed_in(ADMINISTRATOR, Says::Accept, &begun).await;
            let End::Page(text) = called(&with(&back, "state", "x")).await else { panic!("it goes on") };
            heard.shown(text);
            *first.lock().unwrap() = Some(back);
        })
        .await;
    blocked(ran, "foreign_callback", "doesn't belong to this sign-in").await;
    let ran = place
        .connecting(&["--json"], async |heard: Heard| {
            heard.line("oauth2/v2.0/authorize").await;
            let replayed = first.lock().unwrap().clone().unwrap();
            let End::Page(text) = called(&replayed).await else { panic!("it goes on") };
            heard.shown(text);
        })
        .await;
    blocked(ran, "foreign_callback", "doesn't belong to this sign-in").await;
    assert_eq!(place.redeemed("authorization_code").await, redeemed);
    // Whatever else a browser asks for is no sign-in.
    let ran = place
        .connecting(&[], async |heard: Heard| {
            let begun = heard.line("oauth2/v2.0/authorize").await;
            let mut icon = Url::parse(&format!("http://localhost:{}", place.port)).unwrap();
            for path in ["/favicon.ico", "/"] {
                icon.set_path(path);
                assert!(matches!(called(&icon).await, End::Page(_)), "{path}");
            }
            let back = signed_in(ADMINISTRATOR, Says::Accept, &address(&begun)).await;
            called(&back).await;
        })
        .await;
    ran.ended(0);
}

#[tokio::test]
async fn f5_f6_a_sign_in_that_ended_is_renewed_and_everything_goes_on() {
    let place = Entrance::open().await;
    place.connected().await;
    place.inst.usher(&["sync", "--yes"]).await.ended(0);
    let before = database::dump(&place.inst).await;
    // The account is deleted.
    place.revoked.lock().unwrap().insert(place.tenant.user(ADMINISTRATOR).unwrap().to_string());
    place.provider.forget(ADMINISTRATOR).await;
    let failed = place.inst.json(1, &["sync", "--yes"]).await;
    assert_eq!(failed["fault"]["class"], "auth", "{failed:#}");
    assert!(
        failed["fault"]["advice"].as_str().unwrap().contains("usher connect m365 --reauthorise"),
        "{failed:#}"
    );
    assert_eq!(place.state().await, "needs_reauthorisation");
    let after = database::dump(&place.inst).await;
    for table in ["users", "groups", "memberships", "user_links", "group_links"] {
        assert_eq!(before[table], after[table], "{table}");
    }
    // Somebody else signs in: the same connection goes on, by delta.
    place.tenant.assign_role("Application Administrator", "bob@acme.example").unwrap();
    let port = place.port.to_string();
    let line = ["connect", "m365", "--reauthorise", "--callback-port", &port];
    let ran = place.inst.usher_while(&line, signs_in("bob@acme.example")).await.ended(0);
    assert!(ran.text().contains("m365 is authorised."), "{}", ran.text());
    assert_eq!(place.state().await, "active");
    place.tenant.clear_requests();
    assert_eq!(place.inst.json(0, &["sync", "--yes"]).await["result"], "unchanged");
    let read = place.tenant.requests();
    assert!(read.len() <= 4 && read.iter().all(|request| request.path.contains("delta")), "{read:#?}");
}

#[tokio::test]
async fn f5_a_permission_that_was_not_granted_is_named() {
    let place = Entrance::with(&["User.Read.All"]).await;
    let ran = place.connecting(&[], signs_in(ADMINISTRATOR)).await.ended(0);
    for name in ["GroupMember.Read.All", "Organization.Read.All"] {
        assert!(ran.text().contains(name), "{name}: {}", ran.text());
    }
    assert!(ran.text().contains("The test failed: see above."), "{}", ran.text());
    assert_eq!(place.state().await, "configured");
}

/// A sync at a terminal, while somebody signs in at a browser when it asks for that; its plan is agreed to.
async fn synced_at_terminal(place: &Entrance, account: &str) -> (i32, String) {
    let mut script = Command::from(at_terminal(&place.inst, &["sync"]).await)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = script.stdin.take().unwrap();
    let mut out = BufReader::new(script.stdout.take().unwrap());
    let mut text = String::new();
    loop {
        let mut line = Vec::new();
        if out.read_until(b'\n', &mut line).await.unwrap() == 0 {
            break;
        }
        let line = String::from_utf8(line).unwrap();
        text.push_str(&line);
        if line.contains("oauth2/v2.0/authorize") {
            let mut next = address(&line);
            while let End::Elsewhere(consent) = called(&signed_in(account, Says::Accept, &next).await).await {
                next = consent;
            }
            input.write_all(b"y\n").await.unwrap();
            let mut rest = Vec::new();
            out.read_to_end(&mut rest).await.unwrap();
            text.push_str(&String::from_utf8(rest).unwrap());
            break;
        }
    }
    (script.wait().await.unwrap().code().unwrap(), text)
}

#[tokio::test]
async fn f45_sync_on_an_unlinked_connection_begins_with_the_sign_in() {
    let place = Entrance::open().await;
    place.connected().await;
    place.inst.usher(&["sync", "--yes"]).await.ended(0);
    place.revoked.lock().unwrap().insert(place.tenant.user(ADMINISTRATOR).unwrap().to_string());
    place.provider.forget(ADMINISTRATOR).await;
    place.inst.usher(&["sync", "--yes"]).await.ended(1);
    place.tenant.assign_role("Global Administrator", "bob@acme.example").unwrap();
    let (status, text) = synced_at_terminal(&place, "bob@acme.example").await;
    assert_eq!(status, 0, "{text}");
    for said in ["m365 isn't linked", "m365 is linked."] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert_eq!(place.state().await, "active");
}

#[tokio::test]
async fn f45_sync_of_an_application_begins_with_the_consent_that_it_lacks() {
    let place = Entrance::open().await;
    place.application().await;
    // A token from before the consent is kept, and is good for an hour.
    place.inst.usher(&["check"]).await.ended(1);
    place.inst.usher(&["sync", "--yes"]).await.ended(1);
    assert_eq!(place.state().await, "configured");
    let (status, text) = synced_at_terminal(&place, ADMINISTRATOR).await;
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("m365 is linked.") && text.contains("all of it is written"), "{text}");
    assert_eq!(place.state().await, "active");
}

#[tokio::test]
async fn f6_settings_that_are_only_tried_leave_the_sign_in_as_it_is() {
    let place = Entrance::open().await;
    let secret = format!("client_secret=@{}", place.inst.file("client_secret", SECRET));
    let port = place.port.to_string();
    let settings = place.settings(APPLICATION, "delegated");
    let mut line = vec!["connect", "m365", "--yes", "--secret", &secret, "--callback-port", &port];
    line.extend(settings.iter().map(String::as_str));
    place.inst.usher_while(&line, signs_in(ADMINISTRATOR)).await.ended(0);
    place.inst.usher(&["sync", "--yes"]).await.ended(0);
    // Another permission is tried, and not agreed to.
    place.inst.usher(&["connect", "m365", "--set", "permission=application"]).await.ended(3);
    // Another secret is tried, although there is a token that is good for an hour.
    let wrong = format!("client_secret=@{}", place.inst.file("wrong", "not the secret"));
    let refused = place.inst.usher(&["connect", "m365", "--secret", &wrong]).await.ended(3);
    assert!(
        refused.text().contains("the client secret is not one of the application's"),
        "{}",
        refused.text()
    );
    // The kept one isn't sent to somebody else.
    let elsewhere = format!("login_url={}", place.server.url());
    let refused = place.inst.usher(&["connect", "m365", "--yes", "--set", &elsewhere]).await.ended(2);
    assert!(refused.text().contains("isn't sent to this one"), "{}", refused.text());
    assert!(!place.tenant.requests().iter().any(|request| request.path.contains("oauth2")));
    assert_eq!(place.inst.json(0, &["sync", "--yes"]).await["result"], "unchanged");
    assert_eq!(place.redeemed("authorization_code").await, 1);
    assert_eq!(place.state().await, "active");
}

#[tokio::test]
async fn f45_where_nobody_can_sign_in_a_run_says_what_to_do() {
    let place = Entrance::open().await;
    place.connected().await;
    place.revoked.lock().unwrap().insert(place.tenant.user(ADMINISTRATOR).unwrap().to_string());
    place.provider.forget(ADMINISTRATOR).await;
    let failed = place.inst.json(1, &["sync", "--yes"]).await;
    assert_eq!(failed["fault"]["class"], "auth");
    assert_eq!(place.state().await, "configured");
    let seen: Vec<Seen> = place.provider.seen().await;
    assert_eq!(seen.last().unwrap().grant_type, "refresh_token");
    let reauthorise = place.inst.usher(&["connect", "csv", "--reauthorise"]).await.ended(2);
    assert!(reauthorise.text().contains("nothing to authorise"), "{}", reauthorise.text());
}
