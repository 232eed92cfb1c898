//! People and groups from Microsoft 365: users, groups, memberships, managers and licences, by delta queries of Microsoft Graph.
//!
//! The host signs in, adds the token and waits for a throttled service; what is here says what is asked for and what the answers
//! mean. The full scope is read by the first rounds of two delta queries, chosen groups by walking them; from then on both follow
//! what changed. The way of an answer: [`outside`] → [`answer`], [`user`], [`group`] → [`reading`], whose [`place`] is its token and
//! which counts by what it has [`seen`].

pub mod answer;
pub mod browse;
pub mod check;
pub mod group;
pub mod lookup;
pub mod outside;
pub mod paths;
pub mod place;
pub mod reading;
pub mod refused;
pub mod seen;
pub mod settings;
pub mod user;

use outside::{Host, Outside};
use reading::{Reading, Terms};
use settings::Settings;
use usher_plugin::{
    About, Absence, Capabilities, Fault, GroupPage, GroupQuery, MemberPage, Method, Next, ObjectRef, Page,
    Position, Presence, Problem, Reads, Report, Scope,
};

/// The method.
pub struct M365<O: Outside = Host> {
    terms: Terms,
    outside: O,
    reading: Option<Reading>,
}

impl<O: Outside> M365<O> {
    /// With settings that have no problems.
    pub fn new(settings: &Settings, scope: Scope, outside: O) -> Result<Self, Vec<Problem>> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let terms = Terms { select: user::select(&settings.attributes), scope };
        Ok(Self { terms, outside, reading: None })
    }

    /// One page of a read.
    pub fn read_page(&mut self, at: Position) -> Result<Page, Fault> {
        let kept = self.reading.take();
        let mut reading = match at {
            Position::Fresh => Reading::fresh(&self.terms),
            Position::Since(cursor) => Reading::since(&cursor)?,
            Position::Resume(token) => match kept {
                Some(reading) if reading.stands_at(&token) => reading,
                _ => Reading::resumed(&token)?,
            },
        };
        let page = reading.page(&mut self.outside, &self.terms)?;
        // Not after a fault: what was taken out of the backlog would be lost. The token goes on from the last page.
        if matches!(page.next, Next::More(_)) {
            self.reading = Some(reading);
        }
        Ok(page)
    }

    /// What became of records.
    pub fn presences(&mut self, refs: &[ObjectRef]) -> Result<Vec<Presence>, Fault> {
        lookup::presences(&mut self.outside, refs, &self.terms.select, self.terms.scope.managers)
    }
}

impl Method for M365 {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "m365",
            version: env!("CARGO_PKG_VERSION"),
            summary: "People and groups from Microsoft 365 (Entra ID)",
            capabilities: Capabilities::none().and_for("graph", paths::grant()).and("mirror"),
            reads: Reads::default(),
            absence: Absence::Lookup,
        }
    }

    fn configure(settings: Settings, scope: Scope) -> Result<Self, Vec<Problem>> {
        Self::new(&settings, scope, Host)
    }

    fn check(&mut self) -> Result<Report, Fault> {
        check::report(&mut self.outside, &self.terms.scope)
    }

    fn groups(&mut self, query: GroupQuery) -> Result<GroupPage, Fault> {
        browse::groups(&mut self.outside, query, &self.terms.scope)
    }

    fn members(&mut self, of: String, after: Option<String>) -> Result<MemberPage, Fault> {
        let select =
            "id,displayName,userPrincipalName,accountEnabled,userType,groupTypes,mailEnabled,securityEnabled";
        browse::members(&mut self.outside, &of, after, select)
    }

    fn read(&mut self, at: Position) -> Result<Page, Fault> {
        self.read_page(at)
    }

    fn lookup(&mut self, refs: Vec<ObjectRef>) -> Result<Vec<Presence>, Fault> {
        self.presences(&refs)
    }
}

usher_plugin::register_method!(M365);
