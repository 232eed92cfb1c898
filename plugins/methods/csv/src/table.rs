//! A file as a header and rows, read chunk by chunk. Memory is one chunk and one row.
//!
//! It stops with [`Broken`] where the file is provably not whole: what came before then counts for nothing.

use crate::broken::{BadRow, Broken, Note};
use crate::dialect::{self, Preamble};
use crate::encoding::{Encoding, Narrower, SAMPLE};
use crate::files::{File, Outside};
use crate::records::{Field, Record, Split, has_rows_inside, split};
use crate::settings::Settings;
use memchr::memchr_iter;
use std::borrow::Cow;

/// A row longer than this is no row: 100 columns of 10 KB each fit.
const LONGEST_ROW: usize = 1024 * 1024;

/// So many bytes show the encoding, the lines before the header and the delimiter.
const HEAD: usize = 64 * 1024;

/// A record of the contract may have a thousand attributes; no directory has so many.
const MOST_COLUMNS: usize = 900;

/// The longest cell. What is longer was never meant for an attribute.
const LONGEST_CELL: usize = 64 * 1024;

/// A header as one line: spreadsheets break long ones.
fn on_one_line(header: &str) -> String {
    header.trim_matches('\u{feff}').split(|c: char| c.is_whitespace() || c.is_control()).fold(
        String::new(),
        |mut line, word| {
            if !line.is_empty() && !word.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            line
        },
    )
}

/// One file, and the row it stands at.
pub struct Table {
    /// The setting that names it.
    pub setting: &'static str,
    /// What the host says of the file.
    pub file: File,
    /// The encoding, as far as it is known.
    pub encoding: Encoding,
    /// What separates columns.
    pub delimiter: u8,
    /// The header line's cells, trimmed.
    pub headers: Vec<String>,
    /// What came before the header.
    pub preamble: Preamble,
    /// Rows without any text, which are skipped.
    pub blank_rows: u32,
    /// Whether the file's last byte so far is a line break's.
    pub ends_with_newline: bool,
    narrower: Option<Narrower>,
    buffer: Vec<u8>,
    next_chunk: u32,
    /// Where in the buffer the row begins, and its length without line break.
    start: usize,
    length: usize,
    /// Where the next one begins.
    next: usize,
    line: u32,
    next_line: u32,
    record: Record,
    short_at_end: bool,
    /// Whether nothing but the look of its bytes shows the encoding.
    is_guess: bool,
    /// The first text that depends on the guess, and its line.
    sample: Option<(String, u32)>,
    suspects_cut: bool,
    /// Whether it stands at, or ended with, a row that may have been cut off.
    pub cut_row: bool,
}

impl Table {
    /// Opens the file of a setting and reads its header; none where the setting isn't given.
    pub fn open(
        outside: &mut dyn Outside,
        setting: &'static str,
        settings: &Settings,
    ) -> Result<Option<Self>, Broken> {
        let Some(file) = outside.open(setting).map_err(Broken::Host)? else { return Ok(None) };
        let mut table = Self {
            setting,
            file,
            encoding: Encoding::Ascii,
            delimiter: b',',
            headers: Vec::new(),
            preamble: Preamble::default(),
            blank_rows: 0,
            ends_with_newline: false,
            narrower: None,
            buffer: Vec::new(),
            next_chunk: 0,
            start: 0,
            length: 0,
            next: 0,
            line: 0,
            next_line: 1,
            record: Record::default(),
            short_at_end: false,
            is_guess: false,
            sample: None,
            suspects_cut: false,
            cut_row: false,
        };
        table.read_head(outside, settings)?;
        table.preamble = dialect::preamble(&table.buffer);
        table.next = table.preamble.length;
        table.next_line += table.preamble.lines;
        let head = table.buffer.get(..HEAD).unwrap_or(&table.buffer);
        let text = head.get(table.next..).unwrap_or_default();
        let is_all = table.is_drained() && head.len() == table.buffer.len();
        table.delimiter = settings
            .delimiter
            .byte()
            .or(table.preamble.delimiter)
            .unwrap_or_else(|| dialect::delimiter(text, is_all));
        if !table.advance(outside)? {
            return Err(Broken::Empty);
        }
        table.headers = (0..table.record.fields.len())
            .map(|column| table.row().text(column).map(|text| on_one_line(&text)))
            .collect::<Option<_>>()
            .ok_or(Broken::UnreadableHeader(table.encoding.name()))?;
        if table.headers.len() > MOST_COLUMNS {
            return Err(Broken::TooManyColumns(table.headers.len()));
        }
        Ok(Some(table))
    }

    /// Fills the buffer with the bytes that everything is found out from.
    fn read_head(&mut self, outside: &mut dyn Outside, settings: &Settings) -> Result<(), Broken> {
        let mut head = Vec::new();
        while head.len() < HEAD && !self.is_drained() {
            head.append(&mut self.read_chunk(outside)?);
        }
        dialect::refuse_others(&head)?;
        let (encoding, mark) = Encoding::at_start(&head, settings.encoding);
        self.encoding = encoding;
        if encoding.is_wide() {
            if self.file.size % 2 == 1 {
                return Err(Broken::HalfUnit);
            }
            self.narrower = Some(Narrower::of(encoding));
        }
        self.append(head.get(mark..).unwrap_or_default());
        self.settle_encoding(outside)?;
        if self.buffer.trim_ascii().is_empty() && self.is_drained() {
            return Err(Broken::Empty);
        }
        dialect::refuse(self.buffer.get(..HEAD).unwrap_or(&self.buffer))
    }

    fn read_chunk(&mut self, outside: &mut dyn Outside) -> Result<Vec<u8>, Broken> {
        if self.is_drained() {
            return Ok(Vec::new());
        }
        let chunk = outside.read(self.setting, self.next_chunk).map_err(Broken::Host)?;
        self.next_chunk += 1;
        Ok(chunk)
    }

    fn append(&mut self, bytes: &[u8]) {
        let last = self.is_drained();
        match &mut self.narrower {
            None => self.buffer.extend_from_slice(bytes),
            Some(narrower) => narrower.append(bytes, last, &mut self.buffer),
        }
        if let Some(byte) = self.buffer.last() {
            self.ends_with_newline = matches!(byte, b'\n' | b'\r');
        }
    }

    /// Finds the encoding out once a byte depends on it. The same bytes are looked at however the file comes in chunks.
    fn settle_encoding(&mut self, outside: &mut dyn Outside) -> Result<(), Broken> {
        if self.encoding != Encoding::Ascii {
            return Ok(());
        }
        if self.buffer.is_ascii() {
            return Ok(());
        }
        let first = self.buffer.iter().position(|byte| !byte.is_ascii()).unwrap_or_default();
        while self.buffer.len() < first + SAMPLE && !self.is_drained() {
            let chunk = self.read_chunk(outside)?;
            self.append(&chunk);
        }
        self.encoding = Encoding::by_bytes(self.buffer.get(first..).unwrap_or_default());
        self.is_guess = self.encoding != Encoding::Utf8;
        Ok(())
    }

    /// Whether all bytes are in the buffer.
    pub fn is_drained(&self) -> bool {
        self.next_chunk >= self.file.chunks
    }

    /// Forgets what lies before the current row, and reads a chunk.
    fn fill(&mut self, outside: &mut dyn Outside) -> Result<(), Broken> {
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.next -= self.start;
        self.start = 0;
        let chunk = self.read_chunk(outside)?;
        self.append(&chunk);
        self.settle_encoding(outside)
    }

    /// From here on a last row without a line break is taken for one that was cut off.
    pub fn suspect_cut(&mut self) {
        self.suspects_cut = true;
    }

    /// Goes to the next row that has any text; false at the end of the file.
    pub fn advance(&mut self, outside: &mut dyn Outside) -> Result<bool, Broken> {
        loop {
            self.start = self.next;
            let last = self.is_drained();
            let rest = self.buffer.get(self.start..).unwrap_or_default();
            if rest.is_empty() && last {
                self.length = 0;
                self.record.fields.clear();
                return Ok(false);
            }
            match split(rest, self.delimiter, last, &mut self.record) {
                Split::More if rest.len() > LONGEST_ROW => return Err(Broken::Endless(self.next_line)),
                Split::More => self.fill(outside)?,
                Split::Open { breaks } => return Err(Broken::OpenQuote(self.next_line + breaks)),
                Split::Whole { length, next } => {
                    if length > LONGEST_ROW {
                        return Err(Broken::Endless(self.next_line));
                    }
                    self.length = length;
                    self.next = self.start + next;
                    self.line = self.next_line;
                    self.next_line = self.line.checked_add(self.record.breaks + 1).ok_or(Broken::TooLong)?;
                    if self.is_blank() {
                        self.blank_rows += u32::from(length > 0);
                        continue;
                    }
                    self.cut_row = self.suspects_cut && next == length;
                    self.look_for_a_cut(outside, next > length)?;
                    if self.is_guess && self.sample.is_none() {
                        self.take_sample();
                    }
                    return Ok(true);
                }
            }
        }
    }

    /// Blank cells only; or the 1A with which DOS ended files.
    fn is_blank(&self) -> bool {
        let bytes = self.bytes();
        bytes.first().is_none_or(|byte| !byte.is_ascii_alphanumeric())
            && self.record.fields.iter().all(|field| {
                bytes
                    .get(field.start..field.end)
                    .is_none_or(|cell| cell.iter().all(|byte| matches!(byte, b' ' | b'\t' | 0x1A)))
            })
    }

    /// A short row is harmless among others; at the very end it is where the file was cut.
    fn look_for_a_cut(&mut self, outside: &mut dyn Outside, terminated: bool) -> Result<(), Broken> {
        self.short_at_end = false;
        let (found, expected) = (self.record.fields.len(), self.headers.len());
        if found >= expected {
            return Ok(());
        }
        let more = loop {
            let behind = self.buffer.get(self.next..).unwrap_or_default();
            if behind.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
                break true;
            }
            if self.is_drained() {
                break false;
            }
            self.fill(outside)?;
        };
        self.short_at_end = !more;
        if more || terminated {
            Ok(())
        } else {
            Err(Broken::ShortLastRow { line: self.line, found, expected })
        }
    }

    /// Keeps the first cell of the row that isn't ASCII.
    fn take_sample(&mut self) {
        let row = self.row();
        let cells = (0..row.cells()).filter_map(|column| row.text(column));
        let text = cells.map(Cow::into_owned).find(|text| !text.is_ascii());
        self.sample = text.map(|text| (on_one_line(&text).chars().take(60).collect(), self.line));
    }

    /// Whether the encoding was guessed: no byte order mark, no setting, and no UTF-8.
    pub fn is_guess(&self) -> bool {
        self.is_guess
    }

    /// What is to be said of a guessed encoding, and what is to be done.
    pub fn guess(&self) -> Option<Note> {
        let (text, line) = self.sample.as_ref()?;
        let (file, name, setting) = (&self.file.name, self.encoding.name(), self.encoding.setting());
        Some(Note {
            what: format!(
                "the encoding of {file} is guessed: it isn't UTF-8 and has no byte order mark. Line {line} reads \
                 “{text}” in {name}"
            ),
            advice: format!("if that is right, set `encoding` to {setting}, else to the file's own"),
        })
    }

    /// How many rows the file may have, by the length of the first ones.
    pub fn expected_rows(&self) -> u64 {
        let rest = self.buffer.get(self.next..).unwrap_or_default();
        let head = rest.get(..HEAD).unwrap_or(rest);
        let rows = memchr_iter(b'\n', head).count() as u64;
        let bytes = if self.encoding.is_wide() { self.file.size / 2 } else { self.file.size };
        bytes * rows / (head.len().max(1) as u64)
    }

    /// Chunks read so far: a measure of work and progress.
    pub fn chunks_read(&self) -> u32 {
        self.next_chunk
    }

    /// How long the row is, in bytes.
    pub fn row_bytes(&self) -> usize {
        self.length
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.start + self.length).unwrap_or_default()
    }

    /// The row it stands at.
    pub fn row(&self) -> Row<'_> {
        let bytes = self.bytes();
        let text = match self.encoding {
            Encoding::Windows1252 | Encoding::Cp949 if !bytes.is_ascii() => None,
            _ => std::str::from_utf8(bytes).ok(),
        };
        Row { table: self, bytes, text }
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    bytes: &'a [u8],
    /// All of it, where it is UTF-8.
    text: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// The number of its first line.
    pub fn line(&self) -> u32 {
        self.table.line
    }

    /// How many cells it has.
    pub fn cells(&self) -> usize {
        self.table.record.fields.len()
    }

    /// Where it stands, for messages.
    pub fn place(&self) -> String {
        format!("{} line {}", self.table.file.name, self.table.line)
    }

    /// A cell without outer blanks: empty where the row is too short, none where the bytes are no text.
    pub fn text(&self, column: usize) -> Option<Cow<'a, str>> {
        let Some(field) = self.table.record.fields.get(column) else { return Some(Cow::Borrowed("")) };
        let Field { start, end, doubled } = *field;
        let text = match self.text.and_then(|text| text.get(start..end)) {
            Some(text) => Cow::Borrowed(text),
            None => self.table.encoding.decode(self.bytes.get(start..end).unwrap_or_default())?,
        };
        let text = if doubled { Cow::Owned(text.replace("\"\"", "\"")) } else { text };
        Some(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        })
    }

    /// Whether it is the header once more, as where two exports were put one behind the other.
    fn repeats_header(&self) -> bool {
        // A second byte order mark turns the quotes behind it into text.
        let is_odd = |text: &str| text.contains(|c: char| c == '\u{feff}' || c.is_whitespace());
        self.table.headers.iter().enumerate().all(|(column, header)| {
            self.text(column).is_some_and(|text| {
                text == header.as_str() || (is_odd(&text) && on_one_line(&text).trim_matches('"') == header)
            })
        })
    }

    /// What is wrong with it as a row, whatever its cells mean.
    pub fn flaw(&self) -> Option<BadRow> {
        let Table { record, headers, encoding, line, .. } = self.table;
        let surplus = record.fields.get(headers.len()..).unwrap_or_default();
        let (found, expected) = (record.fields.len(), headers.len());
        if self.table.cut_row {
            return Some(BadRow::LostNewline);
        }
        if self.repeats_header() {
            return Some(BadRow::Header { line: *line });
        }
        let miscounted = found < expected || surplus.iter().any(|field| field.end > field.start);
        let is_suspect = || {
            miscounted
                || record.astray.is_some()
                || record.has_loose_quote(self.bytes)
                || has_rows_inside(self.bytes, self.table.delimiter, expected)
        };
        if record.breaks > 0 && is_suspect() {
            return Some(BadRow::Swallowed { from: *line, until: line + record.breaks });
        }
        if miscounted && self.table.short_at_end {
            return Some(BadRow::ShortAtEnd { found, expected });
        }
        if miscounted {
            return Some(BadRow::Fields { found, expected });
        }
        if let Some(column) = record.astray {
            return Some(BadRow::Astray(column + 1));
        }
        if self.bytes.contains(&0) {
            return Some(BadRow::Zero);
        }
        if self.bytes.len() > LONGEST_CELL
            && let Some(column) =
                record.fields.iter().position(|field| field.end - field.start > LONGEST_CELL)
        {
            return Some(BadRow::LongCell(headers.get(column).cloned().unwrap_or_default()));
        }
        if self.text.is_some() {
            return None;
        }
        let (at, _) = record.fields.iter().enumerate().find(|(column, _)| self.text(*column).is_none())?;
        Some(BadRow::Undecodable {
            column: headers.get(at).cloned().unwrap_or_default(),
            encoding: encoding.name(),
        })
    }
}
