//! A read, row by row and page by page: groups first, then users, then memberships.
//!
//! It is a line of stages, each going once through one file. Where it stands is a stage and a number of rows, so a fresh instance can
//! go through the same rows without handing them over (which rebuilds what it knows) and go on from there. Nothing depends on
//! how rows are cut into pages.

use crate::broken::{BadRow, Broken};
use crate::files::Outside;
use crate::groups::{GroupColumns, GroupIndex};
use crate::keys::Keys;
use crate::memberships::MembershipColumns;
use crate::settings::{FinalNewline, Settings};
use crate::table::Table;
use crate::token::{Files, Mark, Stage, Token};
use crate::users::People;
use usher_plugin::{BadRecord, Change, Counts, Coverage, Fault, Next, Page, Seal};

/// A page is full from here on; a row's changes stay together, so it may have a few more.
pub const PAGE: usize = 800;

/// At most so many chunks (16 MiB) are read for one page: going through a large file for its groups' names, or catching up after
/// a restart, then takes several calls, each well within its limits.
pub const CHUNKS_A_CALL: u32 = 64;

/// Takes what a read finds.
pub trait Sink {
    /// Whether this user is wanted whole. Making it is most of the work.
    fn wants(&self, user: &str) -> bool;
    /// One change, in order. A user may come as unreadable even if it isn't wanted.
    fn take(&mut self, change: Change);
}

/// A stage's file and what its columns mean.
pub(crate) enum Open {
    Groups(Table, GroupColumns),
    People(Table, People),
    Links(Table, MembershipColumns),
}

impl Open {
    fn table(&mut self) -> &mut Table {
        match self {
            Self::Groups(table, _) | Self::People(table, _) | Self::Links(table, _) => table,
        }
    }
}

/// Memberships that name somebody or something that isn't in the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// How many.
    pub count: u32,
    /// The line of the first.
    pub first: u32,
}

impl Strangers {
    pub(crate) fn note(&mut self, line: u32) {
        if self.count == 0 {
            self.first = line;
        }
        self.count = self.count.saturating_add(1);
    }
}

/// One read.
pub struct Reading {
    pub(crate) settings: Settings,
    /// Its files.
    pub files: Files,
    cursor: String,
    at: Mark,
    open: Option<Open>,
    /// Up to here rows are gone through, not handed over.
    target: Option<Mark>,
    token: Option<String>,
    chunks_done: u32,
    /// Whether the last line break is looked at and remembered; not while only looking.
    remembers: bool,
    page: usize,
    /// Keys of user rows and their lines; of group rows.
    pub(crate) user_lines: Keys<u32>,
    pub(crate) group_lines: Keys<u32>,
    pub(crate) groups: GroupIndex,
    pub(crate) links: Keys<()>,
    /// Rows of people in the users file.
    pub user_rows: u32,
    /// Rows that the filter keeps out.
    pub filtered: u32,
    /// Whether users' keys are in lower case; known once the users' stage has begun.
    pub(crate) folds_case: bool,
    pub(crate) group_count: u32,
    /// Members that aren't in the files.
    pub strange_members: Strangers,
    /// Groups that aren't in the groups file, named by memberships or by users.
    pub strange_groups: Strangers,
}

impl Reading {
    /// From the beginning.
    pub fn fresh(outside: &mut dyn Outside, settings: &Settings) -> Result<Self, Fault> {
        let users = outside.open("users")?.ok_or_else(|| Fault::Bug("the host has no users file".to_owned()))?;
        let files = Files { users, groups: outside.open("groups")?, memberships: outside.open("memberships")? };
        if let Some(wanted) = &settings.sha256
            && !wanted.eq_ignore_ascii_case(&files.users.sha256)
        {
            return Err(Broken::Checksum(files.users.sha256).in_file(&files.users.name));
        }
        Ok(Self {
            cursor: files.cursor(settings),
            settings: settings.clone(),
            files,
            at: Mark { stage: Stage::Groups, rows: 0 },
            open: None,
            target: None,
            token: None,
            chunks_done: 0,
            remembers: true,
            page: PAGE,
            user_lines: Keys::default(),
            group_lines: Keys::default(),
            groups: GroupIndex::default(),
            links: Keys::default(),
            user_rows: 0,
            filtered: 0,
            folds_case: false,
            group_count: 0,
            strange_members: Strangers::default(),
            strange_groups: Strangers::default(),
        })
    }

    /// From a token, in an instance that knows nothing of the read.
    pub fn resumed(outside: &mut dyn Outside, settings: &Settings, token: &str) -> Result<Self, Fault> {
        let token: Token = serde_json::from_str(token).map_err(|_| Fault::ResumeLost)?;
        let mut reading = Self::fresh(outside, settings)?;
        if reading.cursor != token.of {
            return Err(Fault::ResumeLost);
        }
        reading.target = Some(token.at);
        Ok(reading)
    }

    /// With pages of another size.
    pub fn with_pages_of(mut self, changes: usize) -> Self {
        self.page = changes;
        self
    }

    /// Without looking at what was remembered, or remembering anything.
    pub fn only_looking(mut self) -> Self {
        self.remembers = false;
        self
    }

    /// Stands for what is read: the same contents and settings give the same.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Whether its next page is the one that this token asks for.
    pub fn stands_at(&self, token: &str) -> bool {
        self.token.as_deref() == Some(token)
    }

    /// Distinct ids handed over, or gone through, so far, those of damaged rows among them.
    pub fn counts(&self) -> Counts {
        Counts { users: self.user_lines.count(), groups: self.group_count, memberships: self.links.count() }
    }

    /// The next page.
    pub fn page(&mut self, outside: &mut dyn Outside) -> Result<Page, Fault> {
        let mut out = Pages { changes: Vec::with_capacity(self.page + 8), silent: self.target.is_some() };
        let begun = self.work();
        loop {
            if self.target.is_some_and(|target| self.at >= target) {
                self.target = None;
            }
            out.silent = self.target.is_some();
            if out.changes.len() >= self.page || self.work() - begun >= CHUNKS_A_CALL {
                let token = self.next_token()?;
                self.token = Some(token.clone());
                return Ok(Page { changes: out.changes, next: Next::More(token), expected: None });
            }
            if !self.step(outside, &mut out)? {
                break;
            }
        }
        self.token = None;
        self.tell_strangers(outside);
        let seal = Seal { covers: Coverage::Everything(self.counts()), cursor: Some(self.cursor.clone()) };
        Ok(Page { changes: out.changes, next: Next::End(seal), expected: None })
    }

    fn next_token(&self) -> Result<String, Fault> {
        let (at, passed) = match self.target {
            Some(target) => (target, Some(self.at)),
            None => (self.at, None),
        };
        let token = Token { of: self.cursor.clone(), at, passed };
        serde_json::to_string(&token).map_err(|error| Fault::Bug(error.to_string()))
    }

    /// Everything at once, for those who only look.
    pub fn run(&mut self, outside: &mut dyn Outside, sink: &mut dyn Sink) -> Result<(), Fault> {
        while self.step(outside, sink)? {}
        Ok(())
    }

    fn work(&self) -> u32 {
        let open = match &self.open {
            Some(Open::Groups(table, _) | Open::People(table, _) | Open::Links(table, _)) => table.chunks_read(),
            None => 0,
        };
        self.chunks_done + open
    }

    /// One row, or the change from one stage to the next; false at the end.
    fn step(&mut self, outside: &mut dyn Outside, sink: &mut dyn Sink) -> Result<bool, Fault> {
        let file = match self.at.stage {
            Stage::Groups => self.files.groups.as_ref(),
            Stage::UserGroups if self.files.groups.is_some() => None,
            Stage::MembershipGroups if self.files.groups.is_some() => None,
            Stage::UserGroups | Stage::Users => Some(&self.files.users),
            Stage::MembershipGroups | Stage::Memberships => self.files.memberships.as_ref(),
            Stage::End => return Ok(false),
        };
        let Some(name) = file.map(|file| file.name.clone()) else {
            self.next_stage();
            return Ok(true);
        };
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.open_stage(outside).map_err(|broken| broken.in_file(&name))? {
                Some(open) => open,
                None => {
                    self.next_stage();
                    return Ok(true);
                }
            },
        };
        if open.table().advance(outside).map_err(|broken| broken.in_file(&name))? {
            match (&open, self.at.stage) {
                (Open::Groups(table, columns), _) => self.group_row(table, columns, sink),
                (Open::People(table, people), Stage::UserGroups) => self.user_groups(table, people, sink),
                (Open::People(table, people), _) => self.user_row(table, people, sink),
                (Open::Links(table, columns), Stage::MembershipGroups) => self.membership_group(table, columns, sink),
                (Open::Links(table, columns), _) => self.membership_row(table, columns, sink),
            }
            self.at.rows += 1;
            self.open = Some(open);
            return Ok(true);
        }
        self.finish(outside, open.table(), sink).map_err(|broken| broken.in_file(&name))?;
        self.chunks_done += open.table().chunks_read();
        self.next_stage();
        Ok(true)
    }

    pub(crate) fn is_first_row(&self) -> bool {
        self.at.rows == 0
    }

    fn next_stage(&mut self) {
        let stage = match self.at.stage {
            Stage::Groups => Stage::UserGroups,
            Stage::UserGroups => Stage::MembershipGroups,
            Stage::MembershipGroups => Stage::Users,
            Stage::Users => Stage::Memberships,
            Stage::Memberships | Stage::End => Stage::End,
        };
        self.at = Mark { stage, rows: 0 };
    }

    /// Opens the stage's file; none where there is nothing to be read from it.
    fn open_stage(&mut self, outside: &mut dyn Outside) -> Result<Option<Open>, Broken> {
        let settings = &self.settings;
        Ok(match self.at.stage {
            Stage::Groups => match Table::open(outside, "groups", settings)? {
                Some(table) => {
                    let columns = GroupColumns::of(&table, settings)?;
                    Some(Open::Groups(table, columns))
                }
                None => None,
            },
            Stage::UserGroups | Stage::Users => match Table::open(outside, "users", settings)? {
                Some(table) => {
                    let people = People::of(&table, settings)?;
                    self.folds_case = people.columns.folds_case;
                    let needless = self.at.stage == Stage::UserGroups && people.columns.groups.is_none();
                    if needless { None } else { Some(Open::People(table, people)) }
                }
                None => None,
            },
            Stage::MembershipGroups | Stage::Memberships => {
                match Table::open(outside, "memberships", settings)? {
                    Some(table) => {
                        let columns = MembershipColumns::of(&table, settings)?;
                        Some(Open::Links(table, columns))
                    }
                    None => None,
                }
            }
            Stage::End => None,
        })
    }

    /// What only shows at the end of a file.
    fn finish(
        &mut self,
        outside: &mut dyn Outside,
        table: &Table,
        sink: &mut dyn Sink,
    ) -> Result<(), Broken> {
        let key = match self.at.stage {
            Stage::Groups => "newline.groups",
            Stage::Users => "newline.users",
            Stage::Memberships => "newline.memberships",
            _ => return Ok(()),
        };
        if let (Stage::Users, Some(expected)) = (self.at.stage, self.settings.rows)
            && expected != self.user_rows
        {
            return Err(Broken::Rows { found: self.user_rows, expected });
        }
        if !self.remembers {
            return Ok(());
        }
        let before = outside.recall(key).map_err(Broken::Host)?;
        let now = if table.ends_with_newline { "yes" } else { "no" };
        let lost = before.as_deref() == Some("yes") && !table.ends_with_newline;
        if lost && self.settings.final_newline == FinalNewline::Remembered {
            // What was remembered stays: the suspicion ends with a file that ends well.
            let place = format!("end of {}", table.file.name);
            sink.take(Change::Unreadable(BadRecord { what: None, place, why: BadRow::LostNewline.sentence() }));
        } else if before.as_deref() != Some(now) {
            outside.remember(key, now).map_err(Broken::Host)?;
        }
        Ok(())
    }

    fn tell_strangers(&self, outside: &mut dyn Outside) {
        for line in self.stranger_lines() {
            outside.warn(&line);
        }
    }

    /// What the operator should know about memberships that name nobody, or no group, of the files.
    pub fn stranger_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let Strangers { count, first } = self.strange_members;
        if count > 0
            && let Some(file) = &self.files.memberships
        {
            lines.push(format!(
                "{count} rows of {} name a member that is not in {}; the first is line {first}",
                file.name, self.files.users.name
            ));
        }
        let Strangers { count, first } = self.strange_groups;
        if count > 0
            && let Some(groups) = &self.files.groups
        {
            lines.push(format!(
                "{count} memberships name a group that is not in {}; the first is on line {first}",
                groups.name
            ));
        }
        lines
    }
}

/// Gathers a page.
struct Pages {
    changes: Vec<Change>,
    silent: bool,
}

impl Sink for Pages {
    fn wants(&self, _: &str) -> bool {
        !self.silent
    }

    fn take(&mut self, change: Change) {
        if !self.silent {
            self.changes.push(change);
        }
    }
}
