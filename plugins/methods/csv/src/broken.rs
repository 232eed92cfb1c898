//! What can be wrong with a file or a row, and the one place where it becomes a sentence for the operator.

use usher_plugin::{BadRecord, Fault, ObjectRef, Problem};

/// A file from which nothing can be proven: the run fails and nothing is changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Broken {
    /// The host could not give the file, or the fault is of another file and told already.
    Host(Fault),
    /// No bytes, or only blanks.
    Empty,
    /// Not text with columns: what it is, and what to do about it.
    NotCsv(&'static str, &'static str),
    /// The header line holds bytes that the encoding doesn't have.
    UnreadableHeader(&'static str),
    /// No column can be the key (or the group, or the member).
    NoColumn {
        /// Which column is missing: `the key`, …
        what: &'static str,
        /// Headers that would have been recognised.
        usual: &'static str,
        /// The setting that can name another.
        mapping: &'static str,
        /// The headers that are there.
        headers: Vec<String>,
    },
    /// The column stands twice, so which one is meant?
    TwiceColumn(String),
    /// A setting names a column that isn't there.
    Unmatched {
        /// The setting.
        setting: String,
        /// The header it names.
        header: String,
        /// The headers that are there.
        headers: Vec<String>,
    },
    /// The file ends inside quotes that began on this line.
    OpenQuote(u32),
    /// The last row, on this line, ends early and without a line break.
    ShortLastRow {
        /// The line.
        line: u32,
        /// Its number of fields.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// A file of two-byte units with an odd number of bytes.
    HalfUnit,
    /// A record that goes on for longer than any row would.
    Endless(u32),
    /// More columns than a record may have attributes.
    TooManyColumns(usize),
    /// More lines than can be counted.
    TooLong,
    /// The number of rows isn't the one set.
    Rows {
        /// Rows in the file.
        found: u32,
        /// Rows set.
        expected: u32,
    },
    /// The SHA-256 isn't the one set.
    Checksum(String),
}

/// At most so many headers are quoted in a sentence.
const QUOTED_HEADERS: usize = 12;

fn listed(headers: &[String]) -> String {
    let mut text = headers
        .iter()
        .take(QUOTED_HEADERS)
        .map(|header| header.chars().take(60).collect::<String>())
        .collect::<Vec<_>>()
        .join(", ");
    if headers.len() > QUOTED_HEADERS {
        text.push_str(", …");
    }
    text
}

impl Broken {
    /// The fault for the host, in the file of this name.
    pub fn in_file(self, file: &str) -> Fault {
        let again = "nothing was changed; have the file written again";
        Fault::Source(match self {
            Self::Host(fault) => return fault,
            Self::Unmatched { setting, header, headers } => {
                return Fault::Settings(Problem {
                    place: setting,
                    why: format!("{file} has no column “{header}”; its columns are: {}", listed(&headers)),
                });
            }
            Self::Empty => format!("{file} is empty: not even a header line; {again}"),
            Self::NotCsv(what, advice) => format!("{file} is {what}, not CSV: {advice}"),
            Self::UnreadableHeader(encoding) => {
                format!("the header line of {file} is not {encoding}: set `encoding` to the file's own")
            }
            Self::NoColumn { what, usual, mapping, headers } => format!(
                "{file} has no column for {what}: its first line reads “{}”. Usual headers are {usual}; \
                 for another, set it in `{mapping}`; if the file has no header line, give it one",
                listed(&headers)
            ),
            Self::TwiceColumn(header) => {
                format!("{file} has the column “{header}” twice: which one is meant? Rename one of them")
            }
            Self::OpenQuote(line) => format!(
                "{file} ends inside quotes that were opened on line {line}: the file is cut, or that quote is one \
                 too many; {again}"
            ),
            Self::ShortLastRow { line, found, expected } => format!(
                "the last row of {file}, line {line}, ends after {found} of {expected} fields: the file is cut; \
                 {again}"
            ),
            Self::HalfUnit => format!("{file} ends in half a UTF-16 character: the file is cut; {again}"),
            Self::Endless(line) => format!(
                "line {line} of {file} goes on for more than a megabyte: a quote is opened there and never closed, \
                 or it isn't CSV"
            ),
            Self::TooManyColumns(found) => {
                format!("{file} has {found} columns, more than a record may have attributes")
            }
            Self::TooLong => format!("{file} has more than four thousand million lines"),
            Self::Rows { found, expected } => format!(
                "{file} has {found} rows, and `rows` asks for {expected}: it may be cut; nothing was changed"
            ),
            Self::Checksum(found) => format!(
                "{file} has the SHA-256 {found}, not the one in `sha256`: it may be cut or another file; nothing \
                 was changed"
            ),
        })
    }
}

/// What the operator should look at and that belongs to no single record: a note of the run, a warning in `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is so.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// A row that can't be read. It is quarantined and the others go on.
#[derive(Clone, Debug, PartialEq)]
pub enum BadRow {
    /// More or fewer fields than the header.
    Fields {
        /// The row's.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// As [`BadRow::Fields`], in the file's last row: what is missing may be more than a field.
    ShortAtEnd {
        /// The row's.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// The header once more.
    Header {
        /// The line.
        line: u32,
    },
    /// Text behind a closing quote, in this column (from 1).
    Astray(usize),
    /// A quote in the wrong place of a row that goes over several lines, or lines inside it that look like rows: rows may
    /// have been swallowed.
    Swallowed {
        /// Its first line.
        from: u32,
        /// Its last line.
        until: u32,
    },
    /// Bytes that the encoding doesn't have, in this column.
    Undecodable {
        /// Its header.
        column: String,
        /// The encoding.
        encoding: &'static str,
    },
    /// A zero byte.
    Zero,
    /// A cell that is longer than any attribute.
    LongCell(String),
    /// More groups than one row can name.
    TooManyGroups(usize),
    /// An empty key (of a user or a group, or of one side of a membership).
    Blank(String),
    /// A key of more than 512 bytes, or with control characters.
    BadKey(String),
    /// Neither active nor inactive.
    Truth {
        /// Its header.
        column: String,
        /// What stands there.
        value: String,
        /// Whether no other column feeds `active`.
        is_alone: bool,
    },
    /// Neither user nor group.
    MemberKind(String),
    /// The same key stands on another line.
    Repeated {
        /// The other line.
        other: u32,
    },
    /// The last line break was there last time, so the file may be cut, and its last row with it.
    LostNewline,
}

impl BadRow {
    /// The record for the host: of whom, if that is known, and why, in a sentence for the operator.
    pub fn record(&self, what: Option<ObjectRef>, place: String) -> BadRecord {
        let mut why = self.sentence();
        if what.is_none() {
            why.push_str("; nobody is removed in this run");
        }
        BadRecord { what, place, why }
    }

    /// Why, in a sentence for the operator.
    pub(crate) fn sentence(&self) -> String {
        let short = |text: &str| text.chars().take(60).collect::<String>();
        match self {
            Self::Fields { found, expected } => {
                format!("the row has {found} fields, the header has {expected}")
            }
            Self::ShortAtEnd { found, expected } => {
                format!("the last row has {found} of {expected} fields: the file may be cut")
            }
            Self::Astray(column) => format!("there is text behind the closing quote of field {column}"),
            Self::Swallowed { from, until } => format!(
                "a quote is in the wrong place: the row begins on line {from} and goes on to line {until}, so it may \
                 have swallowed others"
            ),
            Self::Header { line } => {
                format!("line {line} repeats the header, as if two files were put together")
            }
            Self::Undecodable { column, encoding } => {
                format!("“{column}” holds bytes that are not {encoding}")
            }
            Self::Zero => "the row holds zero bytes".to_owned(),
            Self::LongCell(column) => format!("“{column}” is longer than 64 KiB"),
            Self::TooManyGroups(found) => format!("the row names {found} groups, more than fit on a page"),
            Self::Blank(column) => format!("“{column}” is empty, so whose row is it?"),
            Self::BadKey(column) => {
                format!("“{column}” is longer than 512 bytes or holds control characters")
            }
            Self::Truth { column, value, is_alone } => format!(
                "“{column}” says “{}”, which is neither active nor inactive: add the word to `active_values` or \
                 `inactive_values`{}",
                short(value),
                if *is_alone {
                    ""
                } else {
                    ", or set `mapping.active` to the only column that is to be read"
                }
            ),
            Self::MemberKind(value) => {
                format!("the member's kind is “{}”, neither user nor group", short(value))
            }
            Self::Repeated { other } => {
                format!("the same key stands on line {other}: which row is right? What is stored stays")
            }
            Self::LostNewline => {
                "the file ended with a line break last time and doesn't now, so it may be cut (if \
                                  that is how it is written now, set `final_newline` to `optional`)"
                    .to_owned()
            }
        }
    }
}
