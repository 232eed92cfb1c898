//! One users file by itself, natively: for whoever takes people out of it once, without a connection. Rows are recognised as a read recognises
//! them, and each keeps its line.
//!
//! Nothing is bound to anything here, so the key doesn't matter: a person is his userName. Groups and managers name records of a source, and
//! are left where they are.

use crate::broken::{BadRow, Broken};
use crate::check;
use crate::columns::Feed;
use crate::files::{File, Outside};
use crate::settings::Settings;
use crate::table::{Row, Table};
use crate::users::{People, is_key};
use sha2::{Digest, Sha256};
use usher_plugin::{Fault, Finding};

pub use usher_plugin::{Fault as ReadFault, Finding as Seen, Standing, Value};

/// What is handed over at once.
const CHUNK: usize = 256 << 10;

/// One file's content in memory.
struct Content {
    file: File,
    bytes: Vec<u8>,
}

impl Outside for Content {
    fn open(&mut self, setting: &str) -> Result<Option<File>, Fault> {
        Ok((setting == "users").then(|| self.file.clone()))
    }
    fn read(&mut self, _: &str, chunk: u32) -> Result<Vec<u8>, Fault> {
        Ok(self.bytes.chunks(CHUNK).nth(chunk as usize).unwrap_or_default().to_vec())
    }
    fn recall(&mut self, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }
    fn remember(&mut self, _: &str, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    fn warn(&mut self, _: &str) {}
}

/// A person of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// RFC 7643 section 4.1.1; never blank.
    pub user_name: String,
    /// Whether he may act, where the file says so.
    pub active: Option<bool>,
    /// Everything else that isn't blank.
    pub attributes: Vec<(String, Value)>,
}

/// A row of the file: its person, or why it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The number of its first line.
    pub line: u32,
    /// What could be read.
    pub read: Result<Person, String>,
}

/// The file, and the row it stands at.
pub struct Upload {
    content: Content,
    table: Table,
    people: People,
    /// Rows of people gone through.
    rows: u32,
    /// How many there must be, where that was set.
    expected: Option<u32>,
    /// Rows that the filter keeps out.
    pub filtered: u32,
}

impl Upload {
    /// Opens a file of this name and content. A fault is for one that can't be read as people at all.
    pub fn open(name: &str, bytes: Vec<u8>, settings: &Settings) -> Result<Self, Fault> {
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if settings.sha256.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&sha256)) {
            return Err(Broken::Checksum(sha256).in_file(name));
        }
        let chunks = u32::try_from(bytes.len().div_ceil(CHUNK)).unwrap_or(u32::MAX);
        let file = File { name: name.to_owned(), sha256, size: bytes.len() as u64, chunks };
        let mut content = Content { file, bytes };
        let (table, people) = understood(&mut content, settings).map_err(|broken| broken.in_file(name))?;
        Ok(Self { content, table, people, rows: 0, expected: settings.rows, filtered: 0 })
    }

    /// How the file is understood; what is to be said of a guessed encoding shows only once its rows were read.
    pub fn findings(&self) -> Vec<Finding> {
        let columns = &self.people.columns;
        let mut findings = vec![
            check::good(check::describe(&self.table)),
            check::shape(columns),
            check::attributes(columns, &self.table.headers),
        ];
        findings.extend(check::not_read(columns));
        let manager = columns.feeds.iter().any(|(_, feed)| *feed == Feed::Manager);
        let left: Vec<_> = [("groups", columns.groups.is_some()), ("manager", manager)]
            .into_iter()
            .filter_map(|(name, there)| there.then_some(name))
            .collect();
        if !left.is_empty() {
            findings.push(check::warning(
                format!("not taken over: {}", left.join(", ")),
                "they name others, and come in by a connection; by hand, `usher groups add GROUP --member WHO` adds somebody to a group",
            ));
        }
        findings.extend(self.table.guess().map(|note| check::warning(note.what, &note.advice)));
        findings
    }

    /// The next row of a person; none at the end of the file. A fault is for a file that isn't whole: what came before then counts for nothing.
    pub fn advance(&mut self) -> Result<Option<Taken>, Fault> {
        let Self { content, table, people, rows, expected, filtered } = self;
        while table.advance(content).map_err(|broken| broken.in_file(&content.file.name))? {
            let row = table.row();
            let flaw = row.flaw();
            if flaw.is_none() && *rows == 0 && people.is_example(&row) {
                continue;
            }
            *rows += 1;
            if flaw.is_none() && !people.admits(&row) {
                *filtered += 1;
                continue;
            }
            let read = match flaw {
                Some(flaw) => Err(flaw.sentence()),
                None => person(people, &row, &table.headers),
            };
            return Ok(Some(Taken { line: row.line(), read }));
        }
        match *expected {
            Some(expected) if expected != *rows => {
                Err(Broken::Rows { found: *rows, expected }.in_file(&content.file.name))
            }
            _ => Ok(None),
        }
    }
}

fn understood(content: &mut Content, settings: &Settings) -> Result<(Table, People), Broken> {
    let table = Table::open(content, "users", settings)?.ok_or(Broken::Empty)?;
    let people = People::of(&table, &keyed(settings))?;
    if people.columns.feeds.iter().any(|(_, feed)| feed.attribute() == "userName") {
        return Ok((table, people));
    }
    Err(Broken::NoColumn {
        what: "the userName",
        usual: "userName, login, email",
        mapping: "mapping.userName",
        headers: table.headers,
    })
}

/// A file in which only the userName is mapped needs no other key.
fn keyed(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    if let Some(header) = settings.mapping.get("userName").cloned() {
        settings.mapping.entry("id".to_owned()).or_insert(header);
    }
    settings
}

fn person(people: &People, row: &Row<'_>, headers: &[String]) -> Result<Person, String> {
    let active = people.active(row, headers).map_err(|flaw: BadRow| flaw.sentence())?;
    let user = people.user(row, String::new(), active);
    let user_name = user.user_name.unwrap_or_default();
    if user_name.trim().is_empty() {
        return Err("the row has no userName, so who is it?".to_owned());
    }
    if !is_key(&user_name) {
        return Err("the userName is longer than 512 bytes or holds control characters".to_owned());
    }
    let attributes = user
        .attributes
        .into_iter()
        .filter(|(name, _)| name != "manager" && name != "externalId")
        .filter(|(_, value)| match value {
            Value::Text(text) => !text.is_empty(),
            Value::Many(many) => !many.is_empty(),
            _ => true,
        })
        .collect();
    Ok(Person { user_name, active, attributes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(u32, Result<String, String>)> {
        let mut upload =
            Upload::open("p.csv", text.as_bytes().to_vec(), &Settings::of_users("p.csv")).unwrap();
        let mut found = Vec::new();
        while let Some(taken) = upload.advance().unwrap() {
            found.push((taken.line, taken.read.map(|person| person.user_name)));
        }
        found
    }

    #[test]
    fn f88_every_row_keeps_its_line() {
        let found = lines("id,userName\n1,ann\n\n,bob\n3\n\"4\",\"c\nd\"\n5,eve\n");
        assert_eq!(found[0], (2, Ok("ann".to_owned())));
        assert_eq!(found[1], (4, Ok("bob".to_owned())), "a blank key is nobody's fault here");
        assert_eq!(found[2], (5, Err("the row has 1 fields, the header has 2".to_owned())));
        assert_eq!(found[3].0, 6);
        assert!(found[3].1.is_err(), "a userName of two lines");
        assert_eq!(found[4], (8, Ok("eve".to_owned())));
    }

    #[test]
    fn f88_a_file_without_names_is_refused() {
        let open = |text: &str| {
            Upload::open("p.csv", text.as_bytes().to_vec(), &Settings::of_users("p.csv")).err().unwrap()
        };
        let Fault::Source(why) = open("id,title\n1,Boss\n") else { panic!("another fault") };
        assert!(why.contains("the userName") && why.contains("mapping.userName"), "{why}");
        assert!(matches!(open(""), Fault::Source(_)));
    }

    #[test]
    fn f88_a_mapped_name_needs_no_key() {
        let mut settings = Settings::of_users("p.csv");
        settings.mapping.insert("userName".to_owned(), "Kennung".to_owned());
        let mut upload = Upload::open("p.csv", b"Kennung,Name\nann,Ann\n".to_vec(), &settings).unwrap();
        assert_eq!(upload.advance().unwrap().unwrap().read.unwrap().user_name, "ann");
        assert_eq!(upload.advance().unwrap(), None);
    }
}
