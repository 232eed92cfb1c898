//! A deny list from a file: one entry a line, or a CSV table with a column of them.
//!
//! Every line is accounted for: it is an entry, a repetition, bad, a header, a comment or blank.

use crate::entry::{Entry, fold};
use crate::shortened;
use csv::{Position, ReaderBuilder, StringRecord};
use std::collections::{HashMap, HashSet};

/// A line that begins with it says nothing.
const COMMENT: u8 = b'#';

/// Columns that hold entries, the fittest first, as headers name them; compared in lower case without blanks, hyphens and underscores.
const ENTRY_COLUMNS: &[&str] = &[
    "entry",
    "entries",
    "pattern",
    "denylist",
    "deny",
    "denied",
    "blocked",
    "email",
    "emails",
    "mail",
    "emailaddress",
    "address",
    "addresses",
    "upn",
    "userprincipalname",
    "username",
    "domain",
    "domains",
    "이메일",
    "주소",
    "아이디",
    "도메인",
];

/// What a file held. Lines count from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Usable entries in the order of the file, trimmed and in lower case, each once.
    pub entries: Vec<String>,
    /// Lines that say again what was said.
    pub repeated: Vec<RepeatedLine>,
    /// Lines that can't be used.
    pub bad: Vec<BadLine>,
}

/// An entry that the file had before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedLine {
    /// Where it is repeated.
    pub line: u64,
    /// The entry.
    pub entry: String,
    /// Where it stood first.
    pub first: u64,
}

/// A line that holds no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Where it begins.
    pub line: u64,
    /// What stands there, made printable and shortened.
    pub text: String,
    /// Why it can't be used: `has neither an @ nor a *`.
    pub why: String,
}

impl Parsed {
    /// A list with this one's entries added, those it has already left as they are.
    pub fn appended_to(&self, list: &[String]) -> Vec<String> {
        let known: HashSet<String> = list.iter().map(|entry| fold(entry)).collect();
        let new = self.entries.iter().filter(|entry| !known.contains(*entry));
        list.iter().chain(new).cloned().collect()
    }
}

/// Reads a list. A byte order mark, lines that begin with `#`, quotes and a header are understood; columns may be separated by commas,
/// semicolons or tabs. With a header the fittest column counts (an `email` before a `userName`) and the others don't; without one, every
/// filled field is an entry.
pub fn parse_list(text: &str) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(COMMENT))
        .delimiter(delimiter_of(&text))
        .from_reader(text.as_bytes());
    let mut list = List::default();
    let mut record = StringRecord::new();
    loop {
        let line = next_line(&text, reader.position());
        match reader.read_record(&mut record) {
            Ok(true) => list.take(&record, line),
            // The text is UTF-8 and in memory: there is nothing that could fail.
            Ok(false) | Err(_) => return list.parsed,
        }
    }
}

/// Where the next record begins: the reader stands behind the last one and will pass over blank lines and comments.
fn next_line(text: &str, at: &Position) -> u64 {
    let rest = usize::try_from(at.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let passed = rest.lines().take_while(|line| line.is_empty() || line.as_bytes().first() == Some(&COMMENT));
    at.line() + passed.count() as u64
}

#[derive(Default)]
struct List {
    parsed: Parsed,
    /// Entry to the line it stood in first.
    known: HashMap<String, u64>,
    columns: Columns,
}

#[derive(Default)]
enum Columns {
    /// No record was seen yet.
    #[default]
    Unknown,
    Every,
    One(usize),
}

impl List {
    fn take(&mut self, record: &StringRecord, line: u64) {
        if record.iter().all(is_blank) {
            return;
        }
        match self.columns {
            Columns::Unknown => {
                if let Some(column) = header_column(record) {
                    self.columns = Columns::One(column);
                } else {
                    self.columns = Columns::Every;
                    self.take(record, line);
                }
            }
            Columns::Every => {
                record.iter().filter(|field| !is_blank(field)).for_each(|field| self.entry(field, line))
            }
            Columns::One(column) => self.entry(record.get(column).unwrap_or_default(), line),
        }
    }

    fn entry(&mut self, field: &str, line: u64) {
        let lines = field.trim_end().lines().count();
        let why = match Entry::parse(field) {
            Ok(entry) => return self.usable(entry, line),
            Err(_) if lines > 1 => format!("runs over {lines} lines; a closing quote may be missing"),
            Err(junk) => junk.to_string(),
        };
        self.parsed.bad.push(BadLine { line, text: shortened(field), why });
    }

    fn usable(&mut self, entry: Entry, line: u64) {
        let entry = entry.text().to_owned();
        match self.known.get(&entry) {
            Some(&first) => self.parsed.repeated.push(RepeatedLine { line, entry, first }),
            None => {
                self.known.insert(entry.clone(), line);
                self.parsed.entries.push(entry);
            }
        }
    }
}

/// The column to read, if this first record is a header: none of its fields is an entry and one has a known name.
fn header_column(record: &StringRecord) -> Option<usize> {
    if record.iter().any(|field| Entry::parse(field).is_ok()) {
        return None;
    }
    let name = |field: &str| fold(field).replace([' ', '-', '_'], "");
    let names: Vec<String> = record.iter().map(name).collect();
    ENTRY_COLUMNS.iter().find_map(|column| names.iter().position(|name| name == column))
}

/// The separator that the first telling line has most of.
fn delimiter_of(text: &str) -> u8 {
    let telling = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let line = text.lines().find(telling).unwrap_or_default();
    let count = |delimiter: u8| line.bytes().filter(|&b| b == delimiter).count();
    [b'\t', b';', b','].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

fn is_blank(field: &str) -> bool {
    field.trim().is_empty()
}
