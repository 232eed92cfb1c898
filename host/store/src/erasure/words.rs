//! What somebody is called, and taking that out of sentences about others.

use std::collections::BTreeSet;
use usher_model::{Attributes, DISPLAY_NAME, EMAILS, User, Value, fold};

/// What stands where a name stood.
pub(super) const ERASED: &str = "(erased)";

/// What a person is or was called.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// userNames.
    pub user_names: BTreeSet<String>,
    /// userNames, e-mail addresses and displayNames.
    pub all: BTreeSet<String>,
    /// userNames and e-mail addresses: nobody else has those.
    pub own: BTreeSet<String>,
    /// Source ids.
    pub ids: BTreeSet<String>,
}

impl Words {
    pub fn user_name(&mut self, name: &str) {
        let name = name.trim();
        if !name.is_empty() {
            self.user_names.insert(name.to_owned());
            self.own.insert(name.to_owned());
            self.all.insert(name.to_owned());
        }
    }

    pub fn attributes(&mut self, attributes: &Attributes) {
        for (name, value) in attributes {
            let known = name == DISPLAY_NAME || name == EMAILS || name == "name.formatted";
            let texts: Vec<&str> = match value {
                Value::Text(text) if known => vec![text],
                value if known => value.texts().iter().map(String::as_str).collect(),
                _ => continue,
            };
            for text in texts.into_iter().map(str::trim).filter(|text| !text.is_empty()) {
                self.all.insert(text.to_owned());
                if name == EMAILS {
                    self.own.insert(text.to_owned());
                }
            }
        }
    }

    pub fn user(&mut self, user: &User) {
        if let Some(name) = &user.user_name {
            self.user_name(name);
        }
        self.attributes(&user.attributes);
    }

    /// Whether this is one of his userNames.
    pub fn is_user_name(&self, name: &str) -> bool {
        let name = fold(name);
        self.user_names.iter().any(|own| fold(own) == name)
    }

    /// What a sentence may have of him. A source id stands behind the word `record`: by itself it may be any number.
    pub fn needles(&self) -> impl Iterator<Item = String> {
        self.all.iter().cloned().chain(self.ids.iter().map(|id| format!("record {id}")))
    }

    /// The sentence without him; none where he isn't in it.
    pub fn taken_from(&self, sentence: &str) -> Option<String> {
        let mut text = sentence.to_owned();
        // The longest first: a name may be part of another.
        let mut words: Vec<_> = self.all.iter().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        for word in words {
            text = without(&text, word, ERASED);
        }
        for id in &self.ids {
            text = without(&text, &format!("record {id}"), &format!("record {ERASED}"));
        }
        (text != sentence).then_some(text)
    }
}

/// Whether a character belongs to a name that it stands beside.
fn joins(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '@')
}

/// What is left of a text that begins with a word, whatever its case.
fn after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for wanted in word.chars() {
        if !rest.next()?.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    Some(rest.as_str())
}

/// A text with another in place of a word, wherever that stands by itself.
fn without(text: &str, word: &str, instead: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        if !joins(before)
            && let Some(left) = after(rest, word)
        {
            let mut next = left.chars();
            let ends = match next.next() {
                // A full stop, or part of a longer name.
                Some('.' | '-' | '_' | '+') => !joins(next.next()),
                next => !joins(next),
            };
            if ends {
                out.push_str(instead);
                rest = left;
                before = None;
                continue;
            }
        }
        out.push(first);
        before = Some(first);
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f89_a_name_is_taken_out_where_it_stands_by_itself() {
        let mut words = Words::default();
        words.user_name("ann@acme.example");
        words.all.insert("Ann".into());
        words.ids.insert("7".into());
        let taken = |text: &str| words.taken_from(text);
        assert_eq!(
            taken("Ann@acme.example is held by record 7 of the source.").as_deref(),
            Some("(erased) is held by record (erased) of the source.")
        );
        assert_eq!(taken("the same as ann."), Some("the same as (erased).".into()));
        for text in ["7 users", "Anna", "joann@acme.example", "ann@acme.example.net", "record 71", "mann"] {
            assert_eq!(taken(text), None, "{text}");
        }
    }
}
