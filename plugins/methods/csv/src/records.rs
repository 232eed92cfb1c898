//! Splits bytes into records as RFC 4180 has them, strictly enough to notice where a quote went astray.
//!
//! A forgiving parser would do for reading, but not for proving: an unclosed quote swallows the rows behind it, and
//! people in swallowed rows would look absent. So a record says whether it broke the grammar and over how many lines it
//! goes.

use memchr::{memchr, memchr3};

/// Where a field lies in its record's bytes, without its outer quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether it holds doubled quotes.
    pub doubled: bool,
}

/// One record, as places in the bytes that were split.
#[derive(Debug, Default)]
pub struct Record {
    /// The fields, in order; an empty line has one empty field.
    pub fields: Vec<Field>,
    /// The first field (from 0) with text behind its closing quote.
    pub astray: Option<usize>,
    /// Line breaks inside quoted fields.
    pub breaks: u32,
}

/// What came of splitting at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// A record.
    Whole {
        /// Its length without the line break.
        length: usize,
        /// Its length with the line break: where the next one begins.
        next: usize,
    },
    /// The bytes end within a record.
    More,
    /// There are no more bytes, and a quoted field is open.
    Open {
        /// How many line breaks lie between the record's beginning and the open quote.
        breaks: u32,
    },
}

/// Splits off the first record. `last` says that nothing follows the bytes.
pub fn split(bytes: &[u8], delimiter: u8, last: bool, record: &mut Record) -> Split {
    record.fields.clear();
    record.astray = None;
    record.breaks = 0;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let (field, stop) = if rest.first() == Some(&b'"') {
            match quoted(rest, delimiter) {
                Quoted::Closed { end, doubled, stop, astray } => {
                    let inside = rest.get(1..end).unwrap_or_default();
                    record.breaks += breaks(inside);
                    if astray {
                        record.astray.get_or_insert(record.fields.len());
                    }
                    (Field { start: at + 1, end: at + end, doubled }, stop)
                }
                Quoted::Open if last => return Split::Open { breaks: record.breaks },
                Quoted::Open => return Split::More,
            }
        } else {
            let stop = memchr3(delimiter, b'\n', b'\r', rest);
            (Field { start: at, end: at + stop.unwrap_or(rest.len()), doubled: false }, stop)
        };
        record.fields.push(field);
        let Some(stop) = stop else {
            return if last { Split::Whole { length: bytes.len(), next: bytes.len() } } else { Split::More };
        };
        let stop = at + stop;
        match bytes.get(stop) {
            Some(b'\n') => return Split::Whole { length: stop, next: stop + 1 },
            Some(b'\r') => {
                return match bytes.get(stop + 1) {
                    Some(b'\n') => Split::Whole { length: stop, next: stop + 2 },
                    None if !last => Split::More,
                    _ => Split::Whole { length: stop, next: stop + 1 },
                };
            }
            _ => at = stop + 1,
        }
    }
}

enum Quoted {
    Closed {
        /// Where the inside ends.
        end: usize,
        doubled: bool,
        /// Where the delimiter or line break behind it is; none where the bytes end.
        stop: Option<usize>,
        /// Whether there is text between.
        astray: bool,
    },
    Open,
}

/// A field that begins with a quote (RFC 4180 section 2, rules 5 to 7).
fn quoted(rest: &[u8], delimiter: u8) -> Quoted {
    let mut at = 1;
    let mut doubled = false;
    loop {
        let Some(found) = memchr(b'"', rest.get(at..).unwrap_or_default()) else { return Quoted::Open };
        let end = at + found;
        match rest.get(end + 1) {
            Some(b'"') => {
                doubled = true;
                at = end + 2;
            }
            None => return Quoted::Closed { end, doubled, stop: None, astray: false },
            Some(next) if *next == delimiter || *next == b'\n' || *next == b'\r' => {
                return Quoted::Closed { end, doubled, stop: Some(end + 1), astray: false };
            }
            Some(_) => {
                let behind = rest.get(end + 1..).unwrap_or_default();
                let stop = memchr3(delimiter, b'\n', b'\r', behind).map(|stop| end + 1 + stop);
                // Blanks that pad a column do no harm.
                let between = rest.get(end + 1..stop.unwrap_or(rest.len())).unwrap_or_default();
                let astray = !between.iter().all(|byte| *byte == b' ' || *byte == b'\t');
                return Quoted::Closed { end, doubled, stop, astray };
            }
        }
    }
}

/// How many line breaks (LF, CRLF or CR) lie in some bytes.
pub fn breaks(bytes: &[u8]) -> u32 {
    let mut count = 0_u32;
    let mut before = 0;
    for byte in bytes {
        count += u32::from(*byte == b'\r' || (*byte == b'\n' && before != b'\r'));
        before = *byte;
    }
    count
}

/// Whether a record that goes over several lines holds lines which look like rows of so many fields: two stray quotes, one on a
/// row and one on a later row, make one valid record of both and of what lies between. A line between the first and the
/// last is taken for a row by itself. The last one isn't (`… Zürich",CH` may well have as many fields), unless the first is one as well.
pub fn has_rows_inside(bytes: &[u8], delimiter: u8, fields: usize) -> bool {
    let is_row = |line: &&[u8]| !line.is_empty() && fields_alone(line, delimiter) == fields;
    let mut lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    let first = lines.next().filter(is_row);
    let last = lines.next_back().filter(is_row);
    (first.is_some() && last.is_some()) || lines.any(|line| is_row(&line))
}

/// How many fields a line has by itself; a quote that isn't closed on it is text.
fn fields_alone(line: &[u8], delimiter: u8) -> usize {
    let (mut at, mut fields) = (0, 1);
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let quoted = (rest.first() == Some(&b'"')).then(|| quoted(rest, delimiter));
        let stop = match quoted {
            Some(Quoted::Closed { stop, .. }) => stop,
            Some(Quoted::Open) | None => memchr(delimiter, rest),
        };
        let Some(stop) = stop else { return fields };
        at += stop + 1;
        fields += 1;
    }
}

impl Record {
    /// Whether it is an empty line.
    pub fn is_empty_line(&self, length: usize) -> bool {
        length == 0 && self.fields.len() == 1
    }

    /// Whether an unquoted field holds a quote, which RFC 4180 forbids and which is harmless on one line (`5" disk`).
    pub fn has_loose_quote(&self, bytes: &[u8]) -> bool {
        self.fields.iter().any(|field| {
            let quoted = field.start.checked_sub(1).and_then(|at| bytes.get(at)) == Some(&b'"');
            !quoted && memchr(b'"', bytes.get(field.start..field.end).unwrap_or_default()).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(bytes: &[u8]) -> Vec<String> {
        let mut record = Record::default();
        split(bytes, b',', true, &mut record);
        record
            .fields
            .iter()
            .map(|field| String::from_utf8_lossy(&bytes[field.start..field.end]).into_owned())
            .collect()
    }

    #[test]
    fn f85_quotes_delimiters_and_breaks() {
        assert_eq!(fields(b"a,,c"), ["a", "", "c"]);
        assert_eq!(fields(b"\"a,b\",\"c\nd\",e\nnext"), ["a,b", "c\nd", "e"]);
        assert_eq!(fields(b"\"\",\"x\"\"y\""), ["", "x\"\"y"]);
        assert_eq!(fields(b"5\" disk,b"), ["5\" disk", "b"]);
        assert_eq!(fields(b"a,"), ["a", ""]);
        assert_eq!(fields(b"\"a\" ,b"), ["a", "b"]);
    }

    #[test]
    fn f85_line_breaks_of_every_kind_end_a_record() {
        let mut record = Record::default();
        assert_eq!(split(b"a\r\nb", b',', true, &mut record), Split::Whole { length: 1, next: 3 });
        assert_eq!(split(b"a\nb", b',', true, &mut record), Split::Whole { length: 1, next: 2 });
        assert_eq!(split(b"a\rb", b',', true, &mut record), Split::Whole { length: 1, next: 2 });
        assert_eq!(split(b"a\r", b',', false, &mut record), Split::More);
        assert_eq!(split(b"a", b',', false, &mut record), Split::More);
        assert_eq!(split(b"\"a\"", b',', false, &mut record), Split::More);
        assert_eq!(split(b"a,\"b\nc", b',', true, &mut record), Split::Open { breaks: 0 });
        assert_eq!(breaks(b"a\r\nb\nc\rd"), 3);
    }

    #[test]
    fn f85_text_behind_a_closing_quote_is_noticed() {
        let mut record = Record::default();
        split(b"7,\"Bob,b@x\n8,\"Ann\",a@x\n", b',', true, &mut record);
        assert_eq!((record.fields.len(), record.astray, record.breaks), (3, Some(1), 1));
    }

    #[test]
    fn f85_rows_inside_a_row_are_noticed() {
        for swallowed in [
            "1,a,\"A\n2,b,B\n3,c,C\"",
            "1,a,\"A\r\n2,b,B\"",
            "1,\"a,A\n2,b\",B",
            "1,a,\"\n2,\"\",B\n3,\",C",
            "1,\"Lee, Ann\",\"A\r2,b,B\"",
        ] {
            assert!(has_rows_inside(swallowed.as_bytes(), b',', 3), "{swallowed}");
        }
        for whole in [
            "1,\"1 Mill Lane\n8001 Zürich\",CH",
            "\"Lee\nAnn\",1,CH",
            "1,x,\"one\n\ntwo, three\r\nfour\"",
            "1,\"Mill Lane\n8001 Zürich, ZH\",CH",
        ] {
            assert!(!has_rows_inside(whole.as_bytes(), b',', 3), "{whole}");
        }
    }

    /// csv-core's reading of the first record.
    fn oracle(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut out, mut ends) = (vec![0; bytes.len() + 1], vec![0; bytes.len() + 1]);
        let mut reader = csv_core::Reader::new();
        let (_, mut read, mut written, mut fields) = reader.read_record(bytes, &mut out, &mut ends);
        if read == bytes.len() {
            let (_, _, w, f) = reader.read_record(&[], &mut out[written..], &mut ends[fields..]);
            written += w;
            fields += f;
            read += 0;
        }
        let _ = (read, written);
        let mut start = 0;
        ends[..fields]
            .iter()
            .map(|end| {
                let field = out[start..*end].to_vec();
                start = *end;
                field
            })
            .collect()
    }

    proptest! {
        #[test]
        fn f85_well_formed_records_read_as_other_parsers_read_them(
            cells in prop::collection::vec("[a-c\",\n\r ]{0,6}", 1..6),
            behind in "[ab,]{0,4}",
        ) {
            let line: Vec<String> =
                cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let bytes = format!("{}\n{behind}", line.join(","));
            let mut record = Record::default();
            split(bytes.as_bytes(), b',', true, &mut record);
            let mine: Vec<Vec<u8>> = record
                .fields
                .iter()
                .map(|f| {
                    let text = &bytes[f.start..f.end];
                    if f.doubled { text.replace("\"\"", "\"").into_bytes() } else { text.as_bytes().to_vec() }
                })
                .collect();
            prop_assert_eq!(&mine, &oracle(bytes.as_bytes()));
            prop_assert_eq!(mine, cells.iter().map(|cell| cell.as_bytes().to_vec()).collect::<Vec<_>>());
            prop_assert_eq!(record.astray, None);
        }

        #[test]
        fn f85_any_bytes_split_and_make_progress(bytes in prop::collection::vec(any::<u8>(), 1..80), last: bool) {
            let mut record = Record::default();
            match split(&bytes, b',', last, &mut record) {
                Split::Whole { length, next } => {
                    prop_assert!(next > 0 && length <= next && next <= bytes.len());
                    prop_assert!(record.fields.iter().all(|f| f.start <= f.end && f.end <= length));
                }
                Split::More => prop_assert!(!last),
                Split::Open { .. } => prop_assert!(last),
            }
        }

        #[test]
        fn f85_splitting_in_pieces_is_splitting_at_once(bytes in "[ab\",\n\r]{1,40}", cut in 0_usize..40) {
            let bytes = bytes.as_bytes();
            let (mut whole, mut piece) = (Record::default(), Record::default());
            let at_once = split(bytes, b',', true, &mut whole);
            let part = split(&bytes[..cut.min(bytes.len())], b',', false, &mut piece);
            if part != Split::More {
                prop_assert_eq!(part, at_once);
                prop_assert_eq!(piece.fields, whole.fields);
            }
        }
    }
}
