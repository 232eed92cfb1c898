//! The exports, written row by row.

use crate::organisation::{Group, MemberKind, Membership, Organisation, Person};
use crate::story::{BadRow, Story};
use csv::Writer;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The file of people.
pub const USERS_FILE: &str = "users.csv";
/// The file of groups.
pub const GROUPS_FILE: &str = "groups.csv";
/// The file of memberships.
pub const MEMBERSHIPS_FILE: &str = "memberships.csv";

const USERS_HEADER: [&str; 10] = [
    "id",
    "userName",
    "displayName",
    "givenName",
    "familyName",
    "email",
    "title",
    "department",
    "manager",
    "active",
];
const GROUPS_HEADER: [&str; 3] = ["id", "displayName", "kind"];
const MEMBERSHIPS_HEADER: [&str; 3] = ["group", "member", "kind"];

/// A file of the export could not be written.
#[derive(Debug, thiserror::Error)]
#[error("can't write {}", path.display())]
pub struct Error {
    /// Which file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Where a file is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Inside a row, which then is too short: the cut shows.
    MidRow,
    /// Behind a row and its line break: nothing shows that more should follow.
    BetweenRows,
}

impl Organisation {
    /// Writes the first export into a folder, which is made if it isn't there.
    pub fn write_first(&self, dir: &Path) -> Result<Story, Error> {
        self.write(dir, self.people(), None)?;
        Ok(self.story())
    }

    /// Writes the second export over whatever lies there.
    pub fn write_second(&self, dir: &Path) -> Result<Story, Error> {
        let story = self.story();
        self.write(dir, story.retold(self.people()), Some(&story.bad_row))?;
        Ok(story)
    }

    /// Writes the second export with the second half of its users file missing.
    pub fn write_cut(&self, dir: &Path, cut: Cut) -> Result<Story, Error> {
        let story = self.write_second(dir)?;
        let path = dir.join(USERS_FILE);
        halve(&path, cut).map_err(|source| Error { path, source })?;
        Ok(story)
    }

    /// Writes the first export with another title for one person in so many; `1` is everybody. Returns how many that were.
    pub fn write_drifted(&self, dir: &Path, one_in: u32) -> Result<u32, Error> {
        let one_in = one_in.max(1);
        let people = (0_u32..).zip(self.people()).map(|(number, mut person)| {
            if number % one_in == 0 {
                person.title.insert_str(0, "Acting ");
            }
            person
        });
        self.write(dir, people, None)?;
        Ok(self.size().div_ceil(one_in))
    }

    fn write(
        &self,
        dir: &Path,
        people: impl Iterator<Item = Person>,
        bad: Option<&BadRow>,
    ) -> Result<(), Error> {
        std::fs::create_dir_all(dir).map_err(|source| Error { path: dir.to_owned(), source })?;
        let mut groups = Table::create(dir, GROUPS_FILE, GROUPS_HEADER)?;
        for Group { id, display_name, kind } in self.groups() {
            groups.row([id.as_str(), &display_name, kind])?;
        }
        groups.close()?;

        let mut users = Table::create(dir, USERS_FILE, USERS_HEADER)?;
        let mut memberships = Table::create(dir, MEMBERSHIPS_FILE, MEMBERSHIPS_HEADER)?;
        for membership in self.nested() {
            memberships.row(membership.row())?;
        }
        for person in people {
            let bad = bad.filter(|bad| bad.person.id == person.id);
            users.row(person.row(bad.map(|bad| bad.value)))?;
            for membership in person.memberships() {
                memberships.row(membership.row())?;
            }
        }
        users.close()?;
        memberships.close()
    }
}

impl Person {
    fn row<'a>(&'a self, active: Option<&'a str>) -> [&'a str; 10] {
        [
            &self.id,
            &self.user_name,
            &self.display_name,
            &self.given_name,
            &self.family_name,
            &self.email,
            &self.title,
            &self.department,
            self.manager.as_deref().unwrap_or_default(),
            active.unwrap_or(if self.active { "true" } else { "false" }),
        ]
    }
}

impl Membership {
    fn row(&self) -> [&str; 3] {
        let kind = match self.kind {
            MemberKind::User => "user",
            MemberKind::Group => "group",
        };
        [&self.group, &self.member, kind]
    }
}

/// One file being written, with errors that name it.
struct Table {
    path: PathBuf,
    writer: Writer<File>,
}

impl Table {
    fn create<const N: usize>(dir: &Path, file: &str, header: [&str; N]) -> Result<Self, Error> {
        let path = dir.join(file);
        let file = File::create(&path).map_err(|source| Error { path: path.clone(), source })?;
        let mut table =
            Self { path, writer: csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(file) };
        table.row(header)?;
        Ok(table)
    }

    fn row<const N: usize>(&mut self, row: [&str; N]) -> Result<(), Error> {
        self.writer.write_record(row).map_err(|error| Error { path: self.path.clone(), source: error.into() })
    }

    fn close(mut self) -> Result<(), Error> {
        self.writer.flush().map_err(|source| Error { path: self.path, source })
    }
}

/// Cuts a file near its middle. No row of the export holds a line break, so every line is a row.
fn halve(path: &Path, cut: Cut) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut reader = BufReader::new(&file);
    let middle = reader.seek(SeekFrom::End(0))? / 2;
    let mut keep = reader.seek(SeekFrom::Start(middle))?;
    // The rest of the row that lies in the middle, then the next one.
    let mut row = Vec::new();
    keep += reader.read_until(b'\n', &mut row)? as u64;
    if cut == Cut::MidRow {
        row.clear();
        reader.read_until(b'\n', &mut row)?;
        let second_comma = row.iter().enumerate().filter(|&(_, &byte)| byte == b',').nth(1);
        keep += second_comma.map_or(1, |(at, _)| at as u64);
    }
    file.set_len(keep)
}
