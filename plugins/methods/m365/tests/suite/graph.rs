//! Answers by path, and a host that remembers what was handed over.

use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use usher_method_m365::M365;
use usher_method_m365::outside::{Failure, Link, Outside, Page, Place, Refusal, Request};
use usher_method_m365::settings::Settings;
use usher_plugin::{Change, Coverage, Fault, Membership, Next, ObjectRef, Page as OurPage, Position, Scope};

/// What Graph says, and what the host knows.
#[derive(Clone, Default)]
pub struct Graph {
    /// Pages by path, or by link.
    pub pages: BTreeMap<String, Json>,
    /// Refusals by path.
    pub refusals: BTreeMap<String, (u16, &'static str)>,
    /// What was asked for.
    pub asked: Vec<String>,
    /// What the host has of this read.
    pub staged: Staged,
    /// What it had before.
    pub mirrored: BTreeSet<(bool, String)>,
}

/// The host's overlay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Staged {
    pub users: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub members: BTreeSet<(String, String)>,
    /// Groups whose lists are whole.
    pub whole: BTreeSet<String>,
}

impl Staged {
    pub fn take(&mut self, change: &Change) {
        match change {
            Change::User(user) | Change::UserPatch(user) => {
                self.users.insert(user.id.clone());
            }
            Change::Group(group) | Change::GroupPatch(group) => {
                self.groups.insert(group.id.clone());
            }
            Change::Member(member) => {
                self.members.insert((member.group.clone(), member.member.clone()));
            }
            Change::Members(slice) => {
                let members = slice.members.iter().map(|(member, _)| (slice.group.clone(), member.clone()));
                self.members.extend(members);
                if slice.last {
                    self.whole.insert(slice.group.clone());
                }
            }
            Change::ListsEnd(but) => {
                self.whole.extend(self.groups.iter().filter(|group| !but.contains(group)).cloned());
            }
            Change::TakenBack(ObjectRef::User(id)) => {
                assert!(self.users.remove(id), "{id} was never handed over");
            }
            Change::TakenBack(ObjectRef::Group(id)) => {
                assert!(self.groups.remove(id), "{id} was never handed over");
            }
            Change::MemberTakenBack(member) => {
                let pair = (member.group.clone(), member.member.clone());
                assert!(self.members.remove(&pair), "{pair:?} was never handed over");
            }
            Change::Unreadable(bad) => match &bad.what {
                Some(ObjectRef::User(id)) => {
                    self.users.insert(id.clone());
                }
                Some(ObjectRef::Group(id)) => {
                    self.groups.insert(id.clone());
                }
                None => {}
            },
            Change::UserGone(_) | Change::GroupGone(_) | Change::MemberGone(_) => {}
        }
    }
}

impl Graph {
    /// A page at a path or link, which leads to another or to the end of the round.
    pub fn page(mut self, at: &str, value: Json, next: &str) -> Self {
        let link = if next.contains("deltatoken") { "@odata.deltaLink" } else { "@odata.nextLink" };
        let mut body = json!({ "value": value });
        if !next.is_empty() {
            body[link] = next.into();
        }
        self.pages.insert(at.to_owned(), body);
        self
    }

    /// A single object.
    pub fn object(mut self, at: &str, object: Json) -> Self {
        self.pages.insert(at.to_owned(), object);
        self
    }

    /// A refusal.
    pub fn refuses(mut self, at: &str, status: u16, code: &'static str) -> Self {
        self.refusals.insert(at.to_owned(), (status, code));
        self
    }

    fn answer(&mut self, path: &str) -> Result<Json, Failure> {
        self.asked.push(path.to_owned());
        // Queries are long; a test names as much of the path as it needs.
        let hit = |key: &&String| path == key.as_str() || path.split('?').next() == Some(key.as_str());
        if let Some(key) = self.refusals.keys().find(hit) {
            let (status, code) = self.refusals[key];
            let refusal = Refusal { status, code: code.into(), message: "no".into(), request_id: None };
            return Err(Failure::Refused(refusal));
        }
        match self.pages.keys().find(hit) {
            Some(key) => Ok(self.pages[key].clone()),
            None => Err(Failure::Refused(Refusal {
                status: 404,
                code: "Request_ResourceNotFound".into(),
                message: format!("no {path}"),
                request_id: None,
            })),
        }
    }
}

/// One Graph for all instances of a read.
#[derive(Clone)]
pub struct Shared(pub Rc<RefCell<Graph>>);

impl Graph {
    pub fn shared(self) -> Shared {
        Shared(Rc::new(RefCell::new(self)))
    }
}

impl Outside for Shared {
    fn get(&mut self, at: &Place) -> Result<Page, Failure> {
        let path = match at {
            Place::First(request) => request.path.clone(),
            Place::At(link) => link.clone(),
        };
        let body = self.0.borrow_mut().answer(&path)?;
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let link = match (text("@odata.nextLink"), text("@odata.deltaLink")) {
            (Some(next), _) => Link::Next(next),
            (None, Some(delta)) => Link::Delta(delta),
            (None, None) => Link::None,
        };
        Ok(Page { body: body.to_string(), link })
    }

    fn batch(&mut self, requests: &[Request]) -> Result<Vec<Result<String, Failure>>, Fault> {
        Ok(requests
            .iter()
            .map(|request| self.0.borrow_mut().answer(&request.path).map(|body| body.to_string()))
            .collect())
    }

    fn known(&mut self, refs: &[ObjectRef]) -> Result<Vec<bool>, Fault> {
        let staged = self.handed_over(refs)?;
        let mirrored = refs.iter().map(|what| match what {
            ObjectRef::User(id) => self.0.borrow().mirrored.contains(&(true, id.clone())),
            ObjectRef::Group(id) => self.0.borrow().mirrored.contains(&(false, id.clone())),
        });
        Ok(mirrored.zip(staged).map(|(mirrored, staged)| mirrored || staged).collect())
    }

    fn handed_over(&mut self, refs: &[ObjectRef]) -> Result<Vec<bool>, Fault> {
        Ok(refs
            .iter()
            .map(|what| match what {
                ObjectRef::User(id) => self.0.borrow().staged.users.contains(id),
                ObjectRef::Group(id) => self.0.borrow().staged.groups.contains(id),
            })
            .collect())
    }

    fn handed_over_members(&mut self, members: &[Membership]) -> Result<Vec<bool>, Fault> {
        let pair = |member: &Membership| (member.group.clone(), member.member.clone());
        Ok(members.iter().map(|member| self.0.borrow().staged.members.contains(&pair(member))).collect())
    }
}

/// The full scope.
pub fn full() -> Scope {
    Scope {
        chosen: None,
        group_types: ["security", "distribution", "microsoft365", "mail-enabled-security", "other"]
            .map(str::to_owned)
            .to_vec(),
        include_groups: true,
        managers: true,
        guests: false,
    }
}

/// These groups.
pub fn chosen(ids: &[&str]) -> Scope {
    Scope { chosen: Some(ids.iter().map(|id| (*id).to_owned()).collect()), ..full() }
}

/// What a read handed over.
pub struct Whole {
    pub changes: Vec<Change>,
    pub covers: Coverage,
    pub cursor: Option<String>,
    pub pages: usize,
}

/// Reads to the seal. `fresh_every`: so often an instance is thrown away and another goes on.
pub fn read(graph: &Shared, scope: &Scope, from: Position, fresh_every: usize) -> Result<Whole, Fault> {
    let settings = Settings { tenant_id: "t".into(), client_id: "c".into(), ..Settings::default() };
    graph.0.borrow_mut().staged = Staged::default();
    let mut whole = Whole { changes: Vec::new(), covers: Coverage::Changes, cursor: None, pages: 0 };
    let mut at = from;
    loop {
        let mut method = M365::new(&settings, scope.clone(), graph.clone()).unwrap();
        for _ in 0..fresh_every {
            let OurPage { changes, next, .. } = method.read_page(at.clone())?;
            for change in &changes {
                graph.0.borrow_mut().staged.take(change);
            }
            whole.changes.extend(changes);
            whole.pages += 1;
            match next {
                Next::More(token) => {
                    assert_ne!(at_token(&at), Some(token.as_str()), "a page leads to itself");
                    at = Position::Resume(token);
                }
                Next::End(seal) => return Ok(Whole { covers: seal.covers, cursor: seal.cursor, ..whole }),
            }
        }
    }
}

fn at_token(at: &Position) -> Option<&str> {
    match at {
        Position::Resume(token) => Some(token),
        _ => None,
    }
}

/// A user as a delta query has him.
pub fn user(id: &str) -> Json {
    json!({ "id": id, "userPrincipalName": format!("{id}@acme.example"), "accountEnabled": true })
}

/// A security group with these users.
pub fn group<const N: usize>(id: &str, members: [&str; N]) -> Json {
    let members: Vec<_> = members.iter().map(|id| member(id, "user")).collect();
    json!({ "id": id, "displayName": id, "groupTypes": [], "mailEnabled": false, "securityEnabled": true,
        "members@delta": members })
}

/// A member.
pub fn member(id: &str, kind: &str) -> Json {
    json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": id })
}
