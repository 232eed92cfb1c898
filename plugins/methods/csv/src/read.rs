//! A read, row by row and page by page: groups first, then users, then memberships.
//!
//! It is a line of stages, each going once through one file. Where it stands is a stage and a number of rows, so a fresh instance can
//! go through the same rows without handing them over (which rebuilds what it knows) and go on from there. Nothing depends on
//! how rows are cut into pages.

use crate::broken::{BadRow, Broken, Note};
use crate::files::{File, Outside};
use crate::groups::{GroupColumns, GroupIndex};
use crate::kept::{self, Fed};
use crate::keys::Keys;
use crate::memberships::MembershipColumns;
use crate::names::Names;
use crate::pages::PAGE;
use crate::settings::{FinalNewline, Settings};
use crate::table::Table;
use crate::token::{Files, Mark, Stage, Token};
use crate::users::People;
use std::collections::BTreeMap;
use usher_plugin::{Change, Counts, Fault, MemberKind};

/// Takes what a read finds.
pub trait Sink {
    /// Whether this user is wanted whole. Making it is most of the work.
    fn wants(&self, user: &str) -> bool;
    /// One change, in order; users only if they are wanted, memberships never.
    fn take(&mut self, change: Change);
    /// One membership, in its place among the changes.
    fn member(&mut self, group: &str, member: &str, kind: MemberKind);
}

/// A stage's file.
struct Open {
    table: Table,
    columns: Columns,
}

/// What its columns mean.
enum Columns {
    Groups(GroupColumns),
    People(Box<People>),
    Links(MembershipColumns),
}

impl Columns {
    /// Which header feeds what, as the operator knows it.
    fn fed(&self, headers: &[String]) -> Fed {
        let mut fed: Vec<(usize, &str)> = Vec::new();
        match self {
            Self::Groups(columns) => {
                fed.push((columns.key, "the key"));
                fed.extend(columns.name.map(|column| (column, "displayName")));
                fed.extend(columns.kind.map(|column| (column, "kind")));
                fed.extend(columns.others.iter().map(|(column, attribute)| (*column, attribute.as_str())));
            }
            Self::People(people) => {
                let columns = &people.columns;
                fed.push((columns.key, "the key"));
                fed.extend(columns.feeds.iter().map(|(column, feed)| (*column, feed.attribute())));
                fed.extend(columns.groups.map(|column| (column, "groups")));
            }
            Self::Links(columns) => {
                fed.extend([(columns.group, "group"), (columns.member, "member")]);
                fed.extend(columns.kind.map(|column| (column, "kind")));
            }
        }
        fed.into_iter()
            .filter_map(|(column, attribute)| Some((headers.get(column)?.clone(), attribute.to_owned())))
            .collect()
    }
}

/// Memberships that name somebody or something that isn't in the files, or that several of them could be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers {
    /// How many.
    pub count: u32,
    /// The line of the first.
    pub first: u32,
    /// How the first is named.
    pub name: String,
}

impl Strangers {
    pub(crate) fn note(&mut self, line: u32, name: &str) {
        if self.count == 0 {
            self.first = line;
            self.name = name.chars().take(60).collect();
        }
        self.count = self.count.saturating_add(1);
    }
}

/// Where it is remembered whether the file of a setting ended with a line break.
fn newline_of(setting: &str) -> String {
    format!("newline.{setting}")
}

/// One read.
pub struct Reading {
    pub(crate) settings: Settings,
    /// Its files.
    pub files: Files,
    cursor: String,
    pub(crate) at: Mark,
    /// Boxed: it is taken out and put back for every row.
    open: Option<Box<Open>>,
    /// Up to here rows are gone through, not handed over.
    pub(crate) target: Option<Mark>,
    /// What the last page ended with.
    pub(crate) token: Option<String>,
    chunks_done: u32,
    /// Whether the last line break is looked at and remembered; not while only looking.
    remembers: bool,
    /// Changes that fill a page.
    pub(crate) page: usize,
    /// Bytes of the rows so far.
    pub(crate) bytes: usize,
    /// How many changes the files may hold, where that can be told from their first rows.
    pub(crate) expected: Option<u64>,
    /// Keys of user rows and their lines.
    pub(crate) user_lines: Keys<u32>,
    pub(crate) groups: GroupIndex,
    pub(crate) links: Keys<()>,
    /// Rows of people in the users file.
    pub user_rows: u32,
    /// Rows that the filter keeps out.
    pub filtered: u32,
    /// Users by name, where memberships name them so.
    pub(crate) names: Option<Names>,
    /// Whether users' keys are in lower case; known once the users' stage has begun.
    pub(crate) folds_case: bool,
    /// Members that aren't in the files.
    pub strange_members: Strangers,
    /// Groups that aren't in the groups file, named by memberships or by users.
    pub strange_groups: Strangers,
    /// Members named by a name or address that several have.
    pub doubtful_members: Strangers,
    /// Groups named by a name that several have.
    pub doubtful_groups: Strangers,
    /// What is to be said of guessed encodings, by setting.
    guesses: BTreeMap<&'static str, Note>,
    /// What is to be said of columns that were there last time.
    pub(crate) gone: Vec<String>,
    /// What is to be remembered once everything is read: until then a resumed read must find what was there before it.
    pub(crate) to_keep: Vec<(String, String)>,
}

impl Reading {
    /// From the beginning.
    pub fn fresh(outside: &mut dyn Outside, settings: &Settings) -> Result<Self, Fault> {
        let users =
            outside.open("users")?.ok_or_else(|| Fault::Bug("the host has no users file".to_owned()))?;
        let files =
            Files { users, groups: outside.open("groups")?, memberships: outside.open("memberships")? };
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
            bytes: 0,
            expected: None,
            user_lines: Keys::default(),
            groups: GroupIndex::default(),
            links: Keys::default(),
            user_rows: 0,
            filtered: 0,
            names: None,
            folds_case: false,
            strange_members: Strangers::default(),
            strange_groups: Strangers::default(),
            doubtful_members: Strangers::default(),
            doubtful_groups: Strangers::default(),
            guesses: BTreeMap::new(),
            gone: Vec::new(),
            to_keep: Vec::new(),
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
        Counts {
            users: self.user_lines.count(),
            groups: self.groups.count(),
            memberships: self.links.count(),
        }
    }

    /// Goes on until so many more chunks are read; false if that was not the end.
    pub fn run(
        &mut self,
        outside: &mut dyn Outside,
        sink: &mut dyn Sink,
        chunks: u32,
    ) -> Result<bool, Fault> {
        let begun = self.work();
        while self.step(outside, sink)? {
            if self.work() - begun >= chunks {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Chunks read so far.
    pub(crate) fn work(&self) -> u32 {
        self.chunks_done + self.open.as_ref().map_or(0, |open| open.table.chunks_read())
    }

    /// The stage's file; none where the stage has nothing to do.
    fn file(&self) -> Option<&File> {
        match self.at.stage {
            Stage::Groups => self.files.groups.as_ref(),
            Stage::UserGroups | Stage::MembershipGroups if self.files.groups.is_some() => None,
            Stage::UserGroups | Stage::Users => Some(&self.files.users),
            Stage::MembershipGroups | Stage::Memberships => self.files.memberships.as_ref(),
            Stage::End => None,
        }
    }

    fn fault(&self, broken: Broken) -> Fault {
        broken.in_file(self.file().map_or("the file", |file| &file.name))
    }

    /// One row, or the change from one stage to the next; false at the end.
    pub(crate) fn step(&mut self, outside: &mut dyn Outside, sink: &mut dyn Sink) -> Result<bool, Fault> {
        if self.at.stage == Stage::End {
            return Ok(false);
        }
        if self.file().is_none() {
            self.next_stage();
            return Ok(true);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.open_stage(outside).map_err(|broken| self.fault(broken))? {
                Some(open) => open,
                None => {
                    self.next_stage();
                    return Ok(true);
                }
            },
        };
        let Open { table, columns } = open.as_mut();
        if !table.advance(outside).map_err(|broken| self.fault(broken))? {
            self.finish(outside, table, sink).map_err(|broken| self.fault(broken))?;
            self.chunks_done += table.chunks_read();
            if let Some(guess) = table.guess() {
                self.guesses.insert(table.setting, guess);
            }
            self.next_stage();
            return Ok(true);
        }
        match (columns, self.at.stage) {
            (Columns::Groups(columns), _) => self.group_row(table, columns, sink),
            (Columns::People(people), Stage::UserGroups) => self.user_groups(table, people, sink),
            (Columns::People(people), _) => self.user_row(table, people, sink),
            (Columns::Links(columns), Stage::MembershipGroups) => self.membership_group(table, columns, sink),
            (Columns::Links(columns), _) => self.membership_row(table, columns, sink),
        }
        self.at.rows += 1;
        self.bytes = self.bytes.wrapping_add(table.row_bytes());
        self.open = Some(open);
        Ok(true)
    }

    pub(crate) fn is_first_row(&self) -> bool {
        self.at.rows == 0
    }

    /// What is to be said of guessed encodings so far.
    pub fn guesses(&self) -> Vec<Note> {
        let mut guesses = self.guesses.clone();
        if let Some(open) = &self.open
            && let Some(guess) = open.table.guess()
        {
            guesses.insert(open.table.setting, guess);
        }
        guesses.into_values().collect()
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
    fn open_stage(&mut self, outside: &mut dyn Outside) -> Result<Option<Box<Open>>, Broken> {
        let setting = match self.at.stage {
            Stage::Groups => "groups",
            Stage::UserGroups | Stage::Users => "users",
            Stage::MembershipGroups | Stage::Memberships => "memberships",
            Stage::End => return Ok(None),
        };
        let settings = &self.settings;
        let Some(mut table) = Table::open(outside, setting, settings)? else { return Ok(None) };
        if self.remembers
            && settings.final_newline == FinalNewline::Remembered
            && outside.recall(&newline_of(setting)).map_err(Broken::Host)?.as_deref() == Some("yes")
        {
            table.suspect_cut();
        }
        let columns = match self.at.stage {
            Stage::Groups => Columns::Groups(GroupColumns::of(&table, settings)?),
            Stage::UserGroups | Stage::Users => {
                let people = Box::new(People::of(&table, settings)?);
                if self.at.stage == Stage::Users {
                    self.prepare_users(outside, &table, &people)?;
                } else if people.columns.groups.is_none() {
                    return Ok(None);
                }
                Columns::People(people)
            }
            _ => {
                let columns = MembershipColumns::of(&table, settings)?;
                if self.at.stage == Stage::Memberships {
                    self.links.reserve(u64::from(self.links.count()) + table.expected_rows());
                }
                Columns::Links(columns)
            }
        };
        if self.remembers && !matches!(self.at.stage, Stage::UserGroups | Stage::MembershipGroups) {
            let key = format!("columns.{setting}");
            let fed = columns.fed(&table.headers);
            if let Some(kept) = outside.recall(&key).map_err(Broken::Host)? {
                self.gone.extend(kept::gone(&table.file.name, &kept, &table.headers, &fed));
            }
            self.to_keep.push((key, kept::write(&fed)));
        }
        Ok(Some(Box::new(Open { table, columns })))
    }

    /// What depends on both the users file and the memberships file.
    fn prepare_users(
        &mut self,
        outside: &mut dyn Outside,
        table: &Table,
        people: &People,
    ) -> Result<(), Broken> {
        self.folds_case = people.columns.folds_case;
        let users = table.expected_rows();
        self.user_lines.reserve(users);
        let mut links = 0;
        if let Some(file) = &self.files.memberships {
            let of_it = |broken: Broken| Broken::Host(broken.in_file(&file.name));
            if let Some(table) = Table::open(outside, "memberships", &self.settings).map_err(of_it)? {
                links = table.expected_rows();
                let by_name = MembershipColumns::of(&table, &self.settings).map_err(of_it)?.by_name;
                self.names = by_name.then(|| Names::of_users(users));
            }
        }
        // How many groups a cell names can't be told beforehand.
        if people.columns.groups.is_none() {
            self.expected = Some(u64::from(self.groups.count()) + users + links);
        }
        Ok(())
    }

    /// What only shows at the end of a file.
    fn finish(
        &mut self,
        outside: &mut dyn Outside,
        table: &Table,
        sink: &mut dyn Sink,
    ) -> Result<(), Broken> {
        let key = match self.at.stage {
            Stage::Groups => newline_of("groups"),
            Stage::Users => newline_of("users"),
            Stage::Memberships => newline_of("memberships"),
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
        let before = outside.recall(&key).map_err(Broken::Host)?;
        let now = if table.ends_with_newline { "yes" } else { "no" };
        let lost = before.as_deref() == Some("yes") && !table.ends_with_newline;
        if lost && self.settings.final_newline == FinalNewline::Remembered {
            // What was remembered stays: the suspicion ends with a file that ends well.
            if !table.cut_row {
                let place = format!("end of {}", table.file.name);
                sink.take(Change::Unreadable(BadRow::LostNewline.record(None, place)));
            }
        } else if before.as_deref() != Some(now) {
            outside.remember(&key, now).map_err(Broken::Host)?;
        }
        Ok(())
    }
}
