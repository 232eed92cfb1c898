//! The list, made quick to ask.
//!
//! Addresses and domains are found by hash. So are wildcards: by what stands before their first `*`, after their last, and by the longest
//! piece between, tried for each combination of lengths that occurs. A hundred thousand entries therefore cost about what a hundred do;
//! which entry is named when several match depends only on the list.

use crate::entry::{Entry, fold};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The entries of a list.
#[derive(Clone, Debug, Default)]
pub struct DenyIndex {
    addresses: HashSet<String>,
    /// With their `@`.
    domains: HashSet<String>,
    wildcards: Wildcards,
}

impl DenyIndex {
    /// Takes an entry in. One that is there already does no harm.
    pub fn insert(&mut self, entry: Entry) {
        match entry {
            Entry::Address(text) => {
                self.addresses.insert(text);
            }
            Entry::Domain(text) => {
                self.domains.insert(text);
            }
            Entry::Wildcard(text) => self.wildcards.insert(text),
        }
    }

    /// The entry that matches an address, the narrowest kind first.
    pub fn matching(&self, address: &str) -> Option<&str> {
        let address = fold(address);
        if let Some(entry) = self.addresses.get(&address) {
            return Some(entry);
        }
        let domain = address.rfind('@').and_then(|at| address.get(at..));
        if let Some(entry) = domain.and_then(|domain| self.domains.get(domain)) {
            return Some(entry);
        }
        self.wildcards.matching(&address)
    }
}

/// A piece between stars is looked for by hash if it has so many bytes; shorter ones are in too many addresses to tell any apart.
const TELLING_BYTES: usize = 3;

#[derive(Clone, Debug, Default)]
struct Wildcards {
    /// Lengths in bytes of (head, telling piece, tail) that occur.
    lengths: BTreeSet<(usize, usize, usize)>,
    /// `head*piece*tail` to the entries that have these.
    by_pieces: HashMap<String, Vec<String>>,
}

impl Wildcards {
    fn insert(&mut self, entry: String) {
        let Parts { head, middle, tail } = Parts::of(&entry);
        let piece =
            middle.split('*').filter(|piece| piece.len() >= TELLING_BYTES).max_by_key(|piece| piece.len());
        let piece = piece.unwrap_or_default();
        self.lengths.insert((head.len(), piece.len(), tail.len()));
        let alike = self.by_pieces.entry(format!("{head}*{piece}*{tail}"));
        alike.or_insert_with(|| Vec::with_capacity(1)).push(entry);
    }

    /// The entry that fits, the one with the longest beginning first.
    fn matching(&self, address: &str) -> Option<&str> {
        let mut key = String::new();
        for &(head, piece, tail) in self.lengths.iter().rev() {
            let Some((head, inner, tail)) = cut(address, head, tail) else { continue };
            let places = if piece == 0 { 0 } else { inner.len().saturating_sub(piece) };
            for place in 0..=places {
                let Some(piece) = inner.get(place..place + piece) else { continue };
                key.clear();
                key.extend([head, "*", piece, "*", tail]);
                let alike = self.by_pieces.get(&key).into_iter().flatten();
                if let Some(entry) = alike.into_iter().find(|entry| holds(inner, Parts::of(entry).middle)) {
                    return Some(entry);
                }
            }
        }
        None
    }
}

/// What stands before the first `*`, between the first and the last, and after the last.
struct Parts<'a> {
    head: &'a str,
    middle: &'a str,
    tail: &'a str,
}

impl<'a> Parts<'a> {
    /// An `@` in front says the same as `*@`.
    fn of(entry: &'a str) -> Self {
        let free = entry.starts_with('@');
        let (head, rest) = if free { ("", entry) } else { entry.split_once('*').unwrap_or((entry, "")) };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        Self { head, middle, tail }
    }
}

/// An address cut into its first bytes, what is between, and its last bytes; none where it is too short or a cut would split a character.
fn cut(address: &str, head: usize, tail: usize) -> Option<(&str, &str, &str)> {
    let (head, rest) = address.split_at_checked(head)?;
    let (inner, tail) = rest.split_at_checked(rest.len().checked_sub(tail)?)?;
    Some((head, inner, tail))
}

/// Whether the pieces between the stars follow each other in a text. The earliest place of each leaves most to the next, so one pass does.
fn holds(text: &str, pieces: &str) -> bool {
    let mut rest = text;
    for piece in pieces.split('*').filter(|piece| !piece.is_empty()) {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}
