//! What the first bytes of a file tell: whether it is CSV at all, which lines come before the header, and what separates columns.

use crate::broken::Broken;
use crate::records::{Record, Split, split};
use memchr::memchr2;

/// What stands before the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preamble {
    /// Its bytes.
    pub length: usize,
    /// Its lines.
    pub lines: u32,
    /// The delimiter that a line `sep=;` (Excel's) declares.
    pub delimiter: Option<u8>,
    /// What was skipped, for the operator.
    pub skipped: Vec<&'static str>,
}

/// Files that are often put in a CSV's place: the bytes they begin with, what they are, what to do.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "an Excel workbook", "open it and save it as “CSV UTF-8”"),
    (b"\xD0\xCF\x11\xE0", "an old Excel workbook", "open it and save it as “CSV UTF-8”"),
    (b"\x1F\x8B", "compressed (gzip)", "unpack it first"),
    (b"%PDF", "a PDF document", "export the list as CSV"),
    (b"{", "JSON", "export the list as CSV"),
    (b"[", "JSON", "export the list as CSV"),
];

/// Refuses what is known by its first bytes.
pub fn refuse_others(head: &[u8]) -> Result<(), Broken> {
    let start = head.trim_ascii_start();
    match OTHERS.iter().find(|(magic, ..)| start.starts_with(magic)) {
        Some((_, what, advice)) => Err(Broken::NotCsv(what, advice)),
        None => Ok(()),
    }
}

/// Refuses what is clearly no text with columns. `head` is without byte order mark, and UTF-8 if it was UTF-16.
pub fn refuse(head: &[u8]) -> Result<(), Broken> {
    refuse_others(head)?;
    if head.trim_ascii_start().first() == Some(&b'<') {
        return Err(Broken::NotCsv(
            "a web page (HTML or XML)",
            "the download probably ended at a sign-in or error page; look at where the file comes from",
        ));
    }
    // A zero in a row spoils that row; in the header, or everywhere, it shows that this is no text.
    let first_line = memchr2(b'\n', b'\r', head).and_then(|end| head.get(..end)).unwrap_or(head);
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    if first_line.contains(&0) || (zeros > 8 && zeros > head.len() / 100) {
        return Err(Broken::NotCsv("binary", "export the list as CSV"));
    }
    Ok(())
}

/// Finds the lines before the header: empty ones, the version line of Entra's templates (`version:v1.0`), Excel's `sep=;` and
/// PowerShell's `#TYPE …`.
pub fn preamble(text: &[u8]) -> Preamble {
    let mut found = Preamble::default();
    loop {
        let rest = text.get(found.length..).unwrap_or_default();
        let Some(stop) = memchr2(b'\n', b'\r', rest) else { return found };
        let line = rest.get(..stop).unwrap_or_default();
        let bare: Vec<u8> = line
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, b'"' | b',' | b';' | b'\t' | b'|' | b' '))
            .collect();
        let lower = bare.to_ascii_lowercase();
        if line.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case(b"sep=")) && line.len() == 5 {
            found.delimiter = line.last().copied();
            found.skipped.push("the line that names the delimiter");
        } else if lower.starts_with(b"version:") && bare.len() < 20 {
            found.skipped.push("the template's version line");
        } else if line.starts_with(b"#TYPE ") {
            found.skipped.push("PowerShell's type line");
        } else if !bare.is_empty() {
            return found;
        }
        let both = rest.get(stop..).is_some_and(|end| end.starts_with(b"\r\n"));
        found.length += stop + if both { 2 } else { 1 };
        found.lines += 1;
    }
}

/// How many rows are looked at for the delimiter.
const SAMPLE_ROWS: usize = 50;

/// The delimiter that gives the most rows as many fields as the header, then the one that gives the most fields; a comma where
/// no other splits the header at all.
pub fn delimiter(text: &[u8], last: bool) -> u8 {
    let mut best = (0, 0, b',');
    for candidate in [b',', b';', b'\t', b'|'] {
        let mut record = Record::default();
        let (mut at, mut header, mut rows, mut alike) = (0, 0, 0_usize, 0_usize);
        while rows < SAMPLE_ROWS {
            let rest = text.get(at..).unwrap_or_default();
            let Split::Whole { length, next } = split(rest, candidate, last, &mut record) else { break };
            if next == 0 {
                break;
            }
            at += next;
            if record.is_empty_line(length) {
                continue;
            }
            if header == 0 {
                header = record.fields.len();
            } else {
                rows += 1;
                alike += usize::from(record.fields.len() == header);
            }
        }
        // In twentieths, so that a bad row among fifty doesn't outweigh a column.
        let share = (alike * 20).checked_div(rows).unwrap_or(20);
        if header > 1 && (share, header) > (best.0, best.1) {
            best = (share, header, candidate);
        }
    }
    best.2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f85_delimiters_are_found_out() {
        assert_eq!(delimiter(b"id,name\n1,\"a;b;c\"\n", true), b',');
        assert_eq!(delimiter(b"id;name\n1;Lee, Ann\n2;Roe, Bob\n", true), b';');
        assert_eq!(delimiter(b"id\tname\n1\tLee, Ann\n", true), b'\t');
        assert_eq!(delimiter(b"id|groups\n1|a;b\n2|c\n", true), b'|');
        assert_eq!(delimiter(b"userName\nann\n", true), b',');
        assert_eq!(delimiter(b"", true), b',');
    }

    #[test]
    fn f85_lines_before_the_header_are_skipped() {
        let found = preamble(b"\r\nversion:v1.0,,,\r\nid,name\r\n");
        assert_eq!((found.length, found.lines), (19, 2));
        let found = preamble(b"sep=;\nid;name\n");
        assert_eq!((found.length, found.lines, found.delimiter), (6, 1, Some(b';')));
        assert_eq!(preamble(b"id,version:\n1,2").length, 0);
        assert_eq!(preamble(b"version:v1.0").length, 0);
    }

    #[test]
    fn f85_other_files_are_named_for_what_they_are() {
        for (bytes, word) in [
            (&b"PK\x03\x04zip"[..], "Excel"),
            (b"\xD0\xCF\x11\xE0", "Excel"),
            (b"  <!DOCTYPE html>", "web page"),
            (b"<html>", "web page"),
            (b"{\"a\":1}", "JSON"),
            (b"id,na\0me", "binary"),
        ] {
            let Err(Broken::NotCsv(what, _)) = refuse(bytes) else { panic!("{bytes:?} went through") };
            assert!(what.contains(word), "{what}");
        }
        assert_eq!(refuse(b"id,name\n"), Ok(()));
    }
}
