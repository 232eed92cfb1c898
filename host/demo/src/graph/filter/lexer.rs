//! The words of a filter.

use crate::graph::error::{GraphError, bad_request};

/// A word and where it begins, in characters from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub word: Word,
    /// Where it begins.
    pub at: usize,
}

/// A word of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A name, an operator, a number, a GUID.
    Bare(String),
    /// Text in single quotes, two of which are one inside.
    Text(String),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `:`
    Colon,
}

/// Takes a filter apart.
pub fn words(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut words = Vec::new();
    let mut rest = text.chars().enumerate().peekable();
    while let Some((at, c)) = rest.next() {
        let word = match c {
            ' ' | '\t' => continue,
            '(' => Word::Open,
            ')' => Word::Close,
            ',' => Word::Comma,
            ':' => Word::Colon,
            '\'' => {
                let mut content = String::new();
                loop {
                    match rest.next() {
                        Some((_, '\'')) if rest.next_if(|(_, next)| *next == '\'').is_some() => {
                            content.push('\'')
                        }
                        Some((_, '\'')) => break,
                        Some((_, other)) => content.push(other),
                        None => {
                            return Err(bad_request(format!(
                                "Invalid filter clause: text from position {at} doesn't end."
                            )));
                        }
                    }
                }
                Word::Text(content)
            }
            c if is_bare(c) => {
                let mut content = String::from(c);
                while let Some((_, next)) = rest.next_if(|(_, next)| is_bare(*next)) {
                    content.push(next);
                }
                Word::Bare(content)
            }
            other => return Err(bad_request(format!("Invalid filter clause: '{other}' at position {at}."))),
        };
        words.push(Token { word, at });
    }
    Ok(words)
}

fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '/' | '@')
}
