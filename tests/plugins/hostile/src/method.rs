//! A method that misbehaves while it reads.

use crate::Settings;
use crate::acts::{absurdly_long, burn, not_utf8, perform};
use std::time::{Instant, SystemTime};
use usher_plugin::host::{log, schedule};
use usher_plugin::{
    About, Absence, Capabilities, Change, Counts, Coverage, Fault, GroupPage, GroupQuery, MemberPage, Method,
    Next, ObjectRef, Page, Position, Presence, Problem, Reads, Report, Scope, Seal, User, Value,
};

/// The method.
pub struct HostileMethod {
    act: String,
}

impl Method for HostileMethod {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "hostile-method",
            version: env!("CARGO_PKG_VERSION"),
            summary: "Misbehaves on request",
            capabilities: Capabilities::none().and("schedule").and("storage").and("files"),
            reads: Reads::default(),
            absence: Absence::Lookup,
        }
    }

    fn configure(settings: Settings, _scope: Scope) -> Result<Self, Vec<Problem>> {
        if settings.act == "refuse" {
            let why = "no\nthanks".to_owned();
            return Err(vec![Problem { place: "act".to_owned(), why }]);
        }
        Ok(Self { act: settings.act })
    }

    fn check(&mut self) -> Result<Report, Fault> {
        perform(&self.act);
        Ok(Report { findings: Vec::new(), counts: None, verified_domains: Vec::new() })
    }

    fn groups(&mut self, _query: GroupQuery) -> Result<GroupPage, Fault> {
        Ok(GroupPage { groups: Vec::new(), next: None })
    }

    fn members(&mut self, _of: String, _after: Option<String>) -> Result<MemberPage, Fault> {
        Ok(MemberPage { users: Vec::new(), groups: Vec::new(), next: None })
    }

    fn read(&mut self, at: Position) -> Result<Page, Fault> {
        perform(&self.act);
        match self.act.as_str() {
            "host-calls" => {
                for _ in 0..1_000_000 {
                    schedule::now();
                }
            }
            "flood" => {
                let line = "flood ".repeat(1_000);
                for _ in 0..1_000_000 {
                    log::warning(&line);
                }
            }
            "whisper" => log::info("one line\nand another\u{7}"),
            "store" => return stored(),
            "open" => return opened(),
            "burn" => {
                burn(60_000_000);
            }
            "panic-midway" if matches!(at, Position::Resume(_)) => panic!("lost the second page"),
            "panic-midway" => return Ok(more(vec![user("first")])),
            "huge-page" => return Ok(ended((0..10_000_000).map(|_| user("x")).collect(), 10_000_000)),
            "wide-page" => return Ok(ended(vec![user("x"); 300_000], 300_000)),
            "long-page" => return Ok(ended(vec![user("x"); 10_001], 10_001)),
            "not-utf8" => return Ok(ended(vec![user(&not_utf8())], 1)),
            "absurd-length" => {
                let mut absurd = user("x");
                absurd.id = absurdly_long();
                return Ok(ended(vec![absurd], 1));
            }
            "bad-ids" => return Ok(ended(vec![user(""), user("good"), user(&"x".repeat(600))], 3)),
            "never-seal" => return Ok(more(vec![user("again")])),
            "wrong-count" => return Ok(ended(vec![user("one"), user("two")], 99)),
            "repeat-ids" => return Ok(ended(vec![user("same"), user("same")], 2)),
            "fault" => return Err(Fault::Source("broken\nin two".to_owned())),
            "look-around" => return Ok(ended(vec![look_around()], 1)),
            _ => {}
        }
        Ok(ended(vec![user("good")], 1))
    }

    fn lookup(&mut self, refs: Vec<ObjectRef>) -> Result<Vec<Presence>, Fault> {
        match self.act.as_str() {
            "fewer-answers" => Ok(Vec::new()),
            _ => Ok(refs.iter().map(|_| Presence::Gone).collect()),
        }
    }
}

fn user(id: &str) -> User {
    User { id: id.to_owned(), user_name: None, active: None, attributes: Vec::new() }
}

fn more(users: Vec<User>) -> Page {
    let changes = users.into_iter().map(Change::User).collect();
    Page { changes, next: Next::More("on".to_owned()), expected: None }
}

fn ended(users: Vec<User>, claimed: u32) -> Page {
    let counts = Counts { users: claimed, groups: 0, memberships: 0 };
    let next = Next::End(Seal { covers: Coverage::Everything(counts), cursor: None });
    Page { changes: users.into_iter().map(Change::User).collect(), next, expected: None }
}

/// Counts up in the connection's storage and asks to be woken.
fn stored() -> Result<Page, Fault> {
    use usher_plugin::host::storage;
    let count = storage::get("count")?.map_or(0, |count| count.parse().unwrap_or(0)) + 1;
    storage::set("count", &count.to_string())?;
    schedule::wake_at("2026-11-23T00:00:00Z")?;
    let mut found = user("stored");
    found.attributes.push(("count".to_owned(), Value::Whole(count)));
    Ok(ended(vec![found], 1))
}

/// Reads the connection's users file to its end.
fn opened() -> Result<Page, Fault> {
    use usher_plugin::host::files;
    let mut found = user("opened");
    if let Some(file) = files::open("users")? {
        let mut size = 0;
        for chunk in 0..file.chunks {
            size += files::read("users", chunk)?.len() as i64;
        }
        found.attributes.push(("size".to_owned(), Value::Whole(size)));
        found.attributes.push(("sha256".to_owned(), Value::Text(file.sha256)));
    }
    Ok(ended(vec![found], 1))
}

/// What can be seen from in here.
fn look_around() -> User {
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hasher};
    use std::io::Read;

    let mut input = Vec::new();
    let read = std::io::stdin().read_to_end(&mut input);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let start = Instant::now();
    let moves = (0..1_000).any(|_| start.elapsed().as_nanos() > 0);
    let seen = [
        ("environment", std::env::vars().count().to_string()),
        ("arguments", std::env::args().count().to_string()),
        ("input", format!("{:?}", read.map(|_| input.len()).ok())),
        ("root", std::fs::read_dir("/").is_ok().to_string()),
        ("passwd", std::fs::read("/etc/passwd").is_ok().to_string()),
        ("write", std::fs::write("trace", "x").is_ok().to_string()),
        ("now", now.as_secs().to_string()),
        ("moves", moves.to_string()),
        ("random", RandomState::new().build_hasher().finish().to_string()),
    ];
    let mut found = user("seen");
    found.attributes = seen.into_iter().map(|(name, value)| (name.to_owned(), Value::Text(value))).collect();
    found
}
