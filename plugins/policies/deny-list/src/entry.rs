//! One entry of the list: an address, a domain or a wildcard, in lower case and known to be usable.

use std::fmt;

/// The longest address there can be: 64 bytes, the `@`, 255 bytes (RFC 5321, section 4.5.3.1).
const ADDRESS_BYTES: usize = 320;
/// Signs of a list's own syntax, which no address in the field has outside quotes.
const FOREIGN_SIGNS: &str = "<>()[]\",;:\\";

/// A usable entry. The texts are folded: trimmed and in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Exactly this address: `cat@alt.example`.
    Address(String),
    /// Everybody at this domain: `@alt.example`.
    Domain(String),
    /// Whoever fits, `*` standing for anything: `temp-*@acme.example`, `*contractor*`. With an `@` in front the local part is free.
    Wildcard(String),
}

/// Why a text is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Junk {
    /// There is nothing.
    Empty,
    /// Longer than 320 bytes.
    TooLong,
    /// A blank in its middle.
    Blank,
    /// This sign stands in no address.
    Sign(char),
    /// Neither address nor domain nor wildcard.
    Plain,
    /// Two addresses, perhaps.
    SeveralAt,
    /// `cat@`.
    NoDomain,
    /// `cat@.example`, `cat@alt..example`.
    StrayDot,
    /// `*`, `*@*`.
    Everybody,
}

impl fmt::Display for Junk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => f.write_str("is longer than any address"),
            Self::Blank => f.write_str("has a space in it"),
            Self::Sign(sign) => write!(f, "has a `{}` in it", sign.escape_debug()),
            Self::Plain => f.write_str("has neither an @ nor a *"),
            Self::SeveralAt => f.write_str("has more than one @"),
            Self::NoDomain => f.write_str("has nothing after its @"),
            Self::StrayDot => f.write_str("has a dot at the edge of its domain, or two together"),
            Self::Everybody => f.write_str("would leave out everybody"),
        }
    }
}

impl std::error::Error for Junk {}

impl Entry {
    /// Reads one entry as people write it.
    pub fn parse(text: &str) -> Result<Self, Junk> {
        let text = fold(text);
        if text.is_empty() {
            return Err(Junk::Empty);
        }
        if text.len() > ADDRESS_BYTES {
            return Err(Junk::TooLong);
        }
        match text.chars().find(|&c| c.is_whitespace() || c.is_control() || FOREIGN_SIGNS.contains(c)) {
            Some(c) if c.is_whitespace() => return Err(Junk::Blank),
            Some(c) => return Err(Junk::Sign(c)),
            None => {}
        }
        let wild = text.contains('*');
        match text.split_once('@') {
            None if !wild => return Err(Junk::Plain),
            None => {}
            Some((_, domain)) => check_domain(domain)?,
        }
        if wild && text.chars().all(|c| matches!(c, '*' | '@')) {
            return Err(Junk::Everybody);
        }
        Ok(match (wild, text.starts_with('@')) {
            (true, _) => Self::Wildcard(text),
            (false, true) => Self::Domain(text),
            (false, false) => Self::Address(text),
        })
    }

    /// The entry as it is stored and named in reasons.
    pub fn text(&self) -> &str {
        match self {
            Self::Address(text) | Self::Domain(text) | Self::Wildcard(text) => text,
        }
    }
}

fn check_domain(domain: &str) -> Result<(), Junk> {
    if domain.is_empty() {
        Err(Junk::NoDomain)
    } else if domain.contains('@') {
        Err(Junk::SeveralAt)
    } else if domain.split('.').any(str::is_empty) {
        Err(Junk::StrayDot)
    } else {
        Ok(())
    }
}

/// What is compared: without blanks around it, in lower case.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}
