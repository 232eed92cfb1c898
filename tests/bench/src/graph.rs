//! Microsoft 365: a first sync and a delta sync of a simulated tenant, beside fetching the same pages with curl, one by one.
//!
//! The tenant runs in this process and on the same processors as what is measured, curl's side as well as Usher's.

use crate::child::{self, Ran};
use crate::error::{Error, system};
use crate::figure::{ms, people};
use crate::installation::{Installation, Place};
use crate::say;
use crate::table::{Budget, Table};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};
use usher_demo::{Identity, Server, Size, Tenant};

/// What is measured: 100,000 people, 5,000 groups of 200.
const SIZE: Size = Size { users: 100_000, groups: 5_000, members_a_group: 200, nested: 2_500, guests: 0 };
/// What the tenant is made from.
const SEED: u64 = 365;
/// How many people change before the delta sync.
const CHANGES: usize = 50;
/// What a delta sync may ask.
const REQUESTS: u64 = 10;

const FIRST: Budget = Budget::Times(1.5);
const BEYOND: Duration = Duration::from_secs(1);
const MEMORY: u64 = 200_000_000;

/// The properties of people and groups that the method asks for.
fn selections() -> (String, String) {
    use usher_method_m365::{group, paths, user};
    (paths::users_delta(&user::select(&[]), true, false), paths::groups_delta(group::SELECT, false))
}

/// A tenant that is served, with the rights of an app in it.
struct Source {
    tenant: Tenant,
    server: Server,
    threads: tokio::runtime::Runtime,
    settings: Vec<String>,
    secret: tempfile::NamedTempFile,
}

impl Source {
    fn serve() -> Result<Self, Error> {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(system("start threads"))?;
        let amiss = |error: &dyn std::fmt::Display| Error::Amiss(format!("the simulated tenant: {error}"));
        let tenant = Tenant::generated(SIZE, SEED);
        let now = jiff::Timestamp::try_from(SystemTime::now()).map_err(|error| amiss(&error))?;
        tenant.set_now(now);
        let app = tenant.register_application("Usher");
        for right in ["User.Read.All", "Group.Read.All", "Organization.Read.All"] {
            tenant.grant(app, right).map_err(|error| amiss(&error))?;
        }
        let day = jiff::SignedDuration::from_hours(24);
        let text = tenant.add_secret(app, day).map_err(|error| amiss(&error))?;
        let mut secret = tempfile::NamedTempFile::new().map_err(system("keep a secret"))?;
        std::io::Write::write_all(&mut secret, text.as_bytes()).map_err(system("keep a secret"))?;
        let server =
            threads.block_on(tenant.serve_at("127.0.0.1:0")).map_err(system("serve the simulated tenant"))?;
        let settings = vec![
            format!("tenant_id={}", tenant.id()),
            format!("client_id={app}"),
            "cloud=custom".to_owned(),
            format!("graph_url={}", server.url()),
            format!("login_url={}", server.url()),
        ];
        Ok(Self { tenant, server, threads, settings, secret })
    }

    /// Both chains with curl, one page after the other, each into a file as somebody would who wants to read it.
    fn curled(&self) -> Result<(Duration, u64), Error> {
        const TOKEN: &str = "a token of the bench's own";
        self.tenant.accept_token(TOKEN, Identity::application(["User.Read.All", "Group.Read.All"]));
        let folder = tempfile::tempdir().map_err(system("make a folder"))?;
        let file = folder.path().join("page.json");
        let (users, groups) = selections();
        let (started, mut pages) = (Instant::now(), 0);
        for first in [users, groups] {
            let mut next = Some(format!("{}/v1.0{first}", self.server.url()));
            while let Some(url) = next {
                let mut curl = Command::new("curl");
                curl.args(["-sS", "--fail", "-g", "-H", &format!("Authorization: Bearer {TOKEN}"), "-o"]);
                child::run(curl.arg(&file).arg(&url))?;
                pages += 1;
                let body = std::fs::read(&file).map_err(system("read a page"))?;
                next = link(&body);
            }
        }
        Ok((started.elapsed(), pages))
    }

    /// Fifty people with another title.
    fn change(&self) -> Result<(), Error> {
        let sample = usher_demo::Organisation::sample(SEED, SIZE.users);
        for person in sample.people().step_by(997).take(CHANGES) {
            let title = json!({ "jobTitle": "Changed" });
            self.tenant
                .update(&person.email, title)
                .map_err(|error| Error::Amiss(format!("the simulated tenant: {error}")))?;
        }
        Ok(())
    }

    fn requests(&self) -> u64 {
        let requests = self.tenant.requests().len() as u64;
        self.tenant.clear_requests();
        requests
    }
}

/// The next page's address, picked out as a shell script would.
fn link(body: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\"@odata.nextLink\":\"";
    let at = body.windows(KEY.len()).position(|part| part == KEY)? + KEY.len();
    let rest = body.get(at..)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    String::from_utf8(rest.get(..end)?.to_vec()).ok()
}

fn sync(bare: &Installation<'_>, what: &str, users: u64) -> Result<Ran, Error> {
    let ran = child::run(&mut bare.usher(&["--json", "sync", "--yes"]))?;
    let report: Json = serde_json::from_str(&ran.out).unwrap_or_default();
    if report.pointer(&format!("/users/{what}")).and_then(Json::as_u64) != Some(users) {
        return Err(Error::Amiss(format!("a sync was to have {users} users {what}, and said:\n{}", ran.out)));
    }
    Ok(ran)
}

/// Measures it.
pub fn measure(program: &Path, table: &mut Table) -> Result<(), Error> {
    let size = people(SIZE.users);
    say(&format!("m365, {size} people: making the tenant"));
    let source = Source::serve()?;
    let (curled, pages) = source.curled()?;
    say(&format!("  curl fetched {pages} pages in {}", ms(curled)));
    let place = Place::Sqlite;
    let bare = Installation::new(program, &place, SIZE.users)?;
    let secret = format!("client_secret=@{}", source.secret.path().display());
    let mut connect = bare.usher(&["connect", "m365", "--yes", "--secret", &secret]);
    for setting in &source.settings {
        connect.args(["--set", setting]);
    }
    child::run(&mut connect)?;
    source.requests();
    let first = sync(&bare, "created", SIZE.users.into())?;
    say(&format!("  first sync {}, {} requests", ms(first.wall), source.requests()));
    let what = format!("first sync, {} groups × {}", SIZE.groups, SIZE.members_a_group);
    table.time(["P3", &size, &what], (first.wall, Some(first.cpu)), ("curl", curled), FIRST);
    source.change()?;
    let changed = sync(&bare, "updated", CHANGES as u64)?;
    let requests = source.requests();
    if requests > REQUESTS {
        return Err(Error::Amiss(format!(
            "{CHANGES} changes took {requests} requests; {REQUESTS} are allowed"
        )));
    }
    let what = format!("{CHANGES} changes, {requests} requests");
    table.at_most(["P3", &size, &what], changed.wall, BEYOND);
    let most = first.peak.max(changed.peak);
    table.memory(["P3", &size, "most memory"], most, None, Some(MEMORY));
    source.threads.block_on(source.server.stop());
    Ok(())
}
