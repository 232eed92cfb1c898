//! People and groups from CSV files: a users file with an optional groups column, an optional groups file, an optional memberships
//! file.
//!
//! Files are recognised by their headers and can be mapped. What is damaged is named by line; what is provably not
//! whole changes nothing. The host hands over a private copy of each file, so a read is of one frozen content.
//!
//! The way of a byte: [`files`] → [`encoding`] → [`records`] → [`table`] → [`columns`], [`users`], [`groups`],
//! [`memberships`] → [`read`] → [`pages`].

pub mod broken;
pub mod browse;
pub mod check;
pub mod columns;
pub mod dialect;
pub mod encoding;
pub mod files;
pub mod groups;
pub mod headers;
pub mod kept;
pub mod keys;
pub mod memberships;
pub mod names;
pub mod pages;
pub mod read;
pub mod records;
mod rows;
pub mod settings;
pub mod shape;
pub mod table;
pub mod token;
pub mod truth;
pub mod upload;
pub mod users;

use browse::{Listing, Members};
use files::{Host, Outside};
use read::Reading;
use settings::Settings;
use usher_plugin::{
    About, Absence, Capabilities, Coverage, Fault, GroupPage, GroupQuery, MemberPage, Method, Next, Page,
    Position, Problem, Reads, Report, Scope, Seal,
};

/// The method.
pub struct Csv<O: Outside = Host> {
    settings: Settings,
    outside: O,
    reading: Option<Reading>,
    listing: Option<Listing>,
    members: Option<Members>,
}

impl<O: Outside> Csv<O> {
    /// With settings that have no problems.
    pub fn new(settings: Settings, outside: O) -> Result<Self, Vec<Problem>> {
        let problems = settings.problems();
        if problems.is_empty() {
            Ok(Self { settings, outside, reading: None, listing: None, members: None })
        } else {
            Err(problems)
        }
    }

    /// One page of a read.
    pub fn read_page(&mut self, at: Position) -> Result<Page, Fault> {
        let kept = self.reading.take();
        let mut reading = match at {
            Position::Fresh => Reading::fresh(&mut self.outside, &self.settings)?,
            Position::Since(cursor) => {
                let now = Reading::fresh(&mut self.outside, &self.settings)?;
                if now.cursor() != cursor {
                    return Err(Fault::CursorExpired);
                }
                let seal = Seal { covers: Coverage::Changes, cursor: Some(cursor) };
                return Ok(Page { changes: Vec::new(), next: Next::End(seal), expected: Some(0) });
            }
            Position::Resume(token) => match kept {
                Some(reading) if reading.stands_at(&token) => reading,
                _ => Reading::resumed(&mut self.outside, &self.settings, &token)?,
            },
        };
        let page = reading.page(&mut self.outside)?;
        if matches!(page.next, Next::More(_)) {
            self.reading = Some(reading);
        }
        Ok(page)
    }

    /// What would be read, and how.
    pub fn report(&mut self) -> Result<Report, Fault> {
        check::report(&mut self.outside, &self.settings)
    }

    /// Groups, for choosing.
    pub fn list_groups(&mut self, query: &GroupQuery) -> Result<GroupPage, Fault> {
        let mut listing = Listing::kept(self.listing.take(), &mut self.outside, &self.settings)?;
        let page = listing.groups(&mut self.outside, query)?;
        self.listing = Some(listing);
        Ok(page)
    }

    /// Direct members of a group.
    pub fn list_members(&mut self, of: &str, after: Option<&str>) -> Result<MemberPage, Fault> {
        let mut members = Members::kept(self.members.take(), &mut self.outside, &self.settings, of)?;
        let page = members.page(&mut self.outside, &self.settings, after)?;
        self.members = Some(members);
        Ok(page)
    }
}

impl Method for Csv {
    type Settings = Settings;

    fn about() -> About {
        About {
            id: "csv",
            version: env!("CARGO_PKG_VERSION"),
            summary: "People and groups from CSV files",
            capabilities: Capabilities::none().and("files").and("storage"),
            reads: Reads::default(),
            absence: Absence::Snapshot,
        }
    }

    fn configure(settings: Settings, _: Scope) -> Result<Self, Vec<Problem>> {
        Self::new(settings, Host)
    }

    fn check(&mut self) -> Result<Report, Fault> {
        self.report()
    }

    fn groups(&mut self, query: GroupQuery) -> Result<GroupPage, Fault> {
        self.list_groups(&query)
    }

    fn members(&mut self, of: String, after: Option<String>) -> Result<MemberPage, Fault> {
        self.list_members(&of, after.as_deref())
    }

    fn read(&mut self, at: Position) -> Result<Page, Fault> {
        self.read_page(at)
    }
}

usher_plugin::register_method!(Csv);
