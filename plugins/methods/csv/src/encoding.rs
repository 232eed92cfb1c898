//! Which encoding a file has, and text out of its bytes.
//!
//! UTF-16 is turned into UTF-8 while it is read. The other encodings leave the bytes of `"`, the delimiters and line
//! breaks alone (a trail byte of CP949 is a letter or 0x81–0xFE), so rows are split on the raw bytes and decoded field
//! by field: one bad byte spoils one row.

use crate::settings::Charset;
use std::borrow::Cow;

/// An encoding that was set, marked or found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Only ASCII so far: no byte has decided yet.
    Ascii,
    /// RFC 3629.
    Utf8,
    /// Little endian.
    Utf16Le,
    /// Big endian.
    Utf16Be,
    /// Western European Windows.
    Windows1252,
    /// Korean Windows.
    Cp949,
}

/// How many bytes from the first non-ASCII one on are looked at: some thousand words are plenty to tell languages apart.
pub const SAMPLE: usize = 64 * 1024;

impl Encoding {
    /// As the operator knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascii => "UTF-8 (ASCII only)",
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
            Self::Cp949 => "CP949",
        }
    }

    /// As it is written in the setting `encoding`.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Ascii | Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
            Self::Cp949 => "cp949",
        }
    }

    /// Whether the bytes are turned into UTF-8 before rows are split.
    pub fn is_wide(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }

    /// From the beginning of a file: its byte order mark and the mark's length; else the setting; else the place of
    /// the zero bytes that UTF-16 has in any header.
    pub fn at_start(first: &[u8], charset: Charset) -> (Self, usize) {
        match first {
            [0xEF, 0xBB, 0xBF, ..] => return (Self::Utf8, 3),
            [0xFF, 0xFE, ..] => return (Self::Utf16Le, 2),
            [0xFE, 0xFF, ..] => return (Self::Utf16Be, 2),
            _ => {}
        }
        let encoding = match charset {
            Charset::Utf8 => Self::Utf8,
            Charset::Utf16Le => Self::Utf16Le,
            Charset::Utf16Be => Self::Utf16Be,
            Charset::Windows1252 => Self::Windows1252,
            Charset::Cp949 => Self::Cp949,
            Charset::Auto => Self::by_zeros(first).unwrap_or(Self::Ascii),
        };
        (encoding, 0)
    }

    fn by_zeros(first: &[u8]) -> Option<Self> {
        let (pairs, _) = first.as_chunks::<2>();
        let pairs = pairs.get(..64).unwrap_or(pairs);
        let low = pairs.iter().filter(|[first, second]| *first != 0 && *second == 0).count();
        let high = pairs.iter().filter(|[first, second]| *first == 0 && *second != 0).count();
        let most = pairs.len().div_ceil(2).max(1);
        if low >= most && high == 0 {
            Some(Self::Utf16Le)
        } else if high >= most && low == 0 {
            Some(Self::Utf16Be)
        } else {
            None
        }
    }

    /// From bytes that begin with the first non-ASCII one. UTF-8 where most sequences are valid in it (chance hits are rare in other
    /// encodings, and a few broken rows shouldn't turn the whole file); Korean where Hangul syllables of KS X 1001
    /// (lead B0–C8, trail A1–FE) far outnumber the lone high bytes that mark accented letters; else Windows-1252.
    pub fn by_bytes(bytes: &[u8]) -> Self {
        let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
        let (mut valid, mut broken) = (0_usize, 0_usize);
        for part in sample.utf8_chunks() {
            valid += part.valid().chars().filter(|c| !c.is_ascii()).count();
            broken += usize::from(!part.invalid().is_empty());
        }
        if valid > 0 && valid >= broken {
            return Self::Utf8;
        }
        let (mut hangul, mut lone) = (0_usize, 0_usize);
        let mut bytes = sample.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if byte.is_ascii() {
                continue;
            }
            match bytes.next_if(|next| *next >= 0xA1) {
                Some(_) => hangul += usize::from((0xB0..=0xC8).contains(&byte)),
                None => lone += 1,
            }
        }
        if hangul > 2 * lone { Self::Cp949 } else { Self::Windows1252 }
    }

    /// The text of some bytes (of UTF-8 where the file is UTF-16); none where they aren't in this encoding.
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        if bytes.is_ascii() {
            return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
        }
        match self {
            Self::Ascii | Self::Utf8 | Self::Utf16Le | Self::Utf16Be => {
                std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
            }
            // The five bytes that Windows leaves undefined: the WHATWG decoder makes control characters of them.
            Self::Windows1252
                if bytes.iter().any(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D)) =>
            {
                None
            }
            Self::Windows1252 => {
                encoding_rs::WINDOWS_1252.decode_without_bom_handling_and_without_replacement(bytes)
            }
            Self::Cp949 => encoding_rs::EUC_KR.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }
}

/// Turns UTF-16 into UTF-8, chunk by chunk. A unit that is no text becomes the byte FF, which no UTF-8 has: its row is
/// then undecodable.
pub struct Narrower(encoding_rs::Decoder);

impl Narrower {
    /// For a wide encoding.
    pub fn of(encoding: Encoding) -> Self {
        let from = if encoding == Encoding::Utf16Be { encoding_rs::UTF_16BE } else { encoding_rs::UTF_16LE };
        Self(from.new_decoder_without_bom_handling())
    }

    /// Appends the text of one chunk.
    pub fn append(&mut self, mut bytes: &[u8], last: bool, to: &mut Vec<u8>) {
        let mut text = [0_u8; 4096];
        loop {
            let (result, read, written) = self.0.decode_to_utf8_without_replacement(bytes, &mut text, last);
            to.extend_from_slice(text.get(..written).unwrap_or_default());
            bytes = bytes.get(read..).unwrap_or_default();
            match result {
                encoding_rs::DecoderResult::InputEmpty => return,
                encoding_rs::DecoderResult::OutputFull => {}
                encoding_rs::DecoderResult::Malformed(..) => to.push(0xFF),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> Encoding {
        let first = bytes.iter().position(|byte| !byte.is_ascii()).unwrap();
        Encoding::by_bytes(&bytes[first..])
    }

    #[test]
    fn f85_encodings_are_told_apart() {
        assert_eq!(found("id,name\n1,Müller\n2,김철수".as_bytes()), Encoding::Utf8);
        assert_eq!(found(b"id,name\n1,M\xFCller\n2,Ren\xE9e\n3,M\xFC\xDFig"), Encoding::Windows1252);
        assert_eq!(
            found(b"id,name\n1,\xB1\xE8\xC3\xB6\xBC\xF6\n2,\xC0\xCC\xBF\xB5\xC8\xF1"),
            Encoding::Cp949
        );
        assert_eq!(found(b"1,CONCEI\xC7\xC3O\n2,JO\xC3O\n3,ANDR\xC9"), Encoding::Windows1252);
    }

    #[test]
    fn f85_one_bad_byte_does_not_turn_a_utf8_file() {
        let mut bytes = "1,Müller\n2,Jürgen\n".as_bytes().to_vec();
        bytes.extend(b"3,Ren\xE9e\n");
        assert_eq!(found(&bytes), Encoding::Utf8);
    }

    #[test]
    fn f85_marks_and_zeros_show_utf16() {
        let le: Vec<u8> = "id,userName".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = "id,userName".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(Encoding::at_start(&le, Charset::Auto), (Encoding::Utf16Le, 0));
        assert_eq!(Encoding::at_start(&be, Charset::Auto), (Encoding::Utf16Be, 0));
        assert_eq!(Encoding::at_start(b"\xFF\xFEi\0", Charset::Cp949), (Encoding::Utf16Le, 2));
        assert_eq!(Encoding::at_start(b"\xEF\xBB\xBFid", Charset::Auto), (Encoding::Utf8, 3));
        assert_eq!(Encoding::at_start(b"id,name", Charset::Auto), (Encoding::Ascii, 0));
    }

    #[test]
    fn f85_undefined_bytes_are_not_text() {
        assert_eq!(Encoding::Windows1252.decode(b"a\x81"), None);
        assert_eq!(Encoding::Windows1252.decode(b"M\xFCller").as_deref(), Some("Müller"));
        assert_eq!(Encoding::Cp949.decode(b"\xB1\xE8").as_deref(), Some("김"));
        assert_eq!(Encoding::Cp949.decode(b"\xB1"), None);
        assert_eq!(Encoding::Utf8.decode(b"\xFF"), None);
    }

    #[test]
    fn f85_utf16_is_read_across_chunks() {
        let text = "id,이름\n1,𝄞é\n".repeat(900);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut narrow = Narrower::of(Encoding::Utf16Le);
        let mut out = Vec::new();
        for chunk in bytes.chunks(7) {
            narrow.append(chunk, false, &mut out);
        }
        narrow.append(&[], true, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);

        let mut narrow = Narrower::of(Encoding::Utf16Le);
        let mut out = Vec::new();
        narrow.append(&[0x00, 0xD8, b'a', 0], true, &mut out);
        assert_eq!(out, b"\xFFa");
    }
}
