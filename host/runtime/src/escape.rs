//! Text from a guest, made fit for a terminal and a log: control characters are escaped, and it is bounded.

use std::fmt::Write;

/// One line of at most `bytes` bytes and a mark where it was cut. Control characters, line breaks and the marks that turn the
/// direction of text around are written as escapes, so that a guest can't forge lines or hide what it says.
pub fn one_line(text: &str, bytes: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes));
    for character in text.trim_end().chars() {
        if line.len() >= bytes {
            line.push('…');
            break;
        }
        if character.is_control() || turns_text(character) {
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Bidirectional controls (UAX #9), line and paragraph separators, and the byte-order mark.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            one_line("a\u{1b}[31mred\r\nforged: line\0\n", 100),
            r"a\u{1b}[31mred\r\nforged: line\u{0}"
        );
        assert_eq!(one_line("abc\u{202e}gpj.exe", 100), r"abc\u{202e}gpj.exe");
    }

    #[test]
    fn long_text_is_cut_with_a_mark() {
        assert_eq!(one_line(&"ä".repeat(50), 10), "äääää…");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        assert_eq!(one_line("Renée Müller — 山田", 100), "Renée Müller — 山田");
    }
}
