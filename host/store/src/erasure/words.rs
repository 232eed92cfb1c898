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
    /// The userNames that his records have, or had when they went; folded.
    pub last: BTreeSet<String>,
    /// E-mail addresses, folded.
    pub mails: BTreeSet<String>,
}

/// What to look for in a column before it is looked at word by word.
pub(super) struct Needle {
    /// As it stands in a text.
    pub plain: String,
    /// As it stands in a text within a JSON document.
    pub escaped: String,
    /// A part of it that stands there whatever its case and however it is escaped, in lower case.
    pub part: String,
}

/// A text as it stands within a JSON document.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

impl Needle {
    /// Of something that has one spelling.
    fn exact(text: String) -> Self {
        let escaped = escaped(&text);
        Self { part: escaped.to_lowercase(), plain: text, escaped }
    }

    /// Of a name, in any case. Engines know the lower case of ASCII alike, and of nothing else.
    fn of(name: &str) -> Self {
        let plain = |c: char| c.is_ascii() && !c.is_ascii_control() && !matches!(c, '"' | '\\');
        let part = name.split(|c| !plain(c)).max_by_key(|part| part.len()).unwrap_or_default();
        let exact = Self::exact(name.to_owned());
        if part.len() == name.len() || part.len() > 2 {
            Self { part: part.to_ascii_lowercase(), ..exact }
        } else {
            exact
        }
    }
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
                    self.mails.insert(fold(text));
                    self.own.insert(text.to_owned());
                }
            }
        }
    }

    pub fn user(&mut self, user: &User) {
        if let Some(name) = &user.user_name {
            self.user_name(name);
            self.last.insert(fold(name));
        }
        self.attributes(&user.attributes);
    }

    /// Whether this is one of his userNames.
    pub fn is_user_name(&self, name: &str) -> bool {
        let name = fold(name);
        self.user_names.iter().any(|own| fold(own) == name)
    }

    /// Leaves away what is others' by now, folded: userNames, and e-mail addresses.
    pub fn leave(&mut self, names: &BTreeSet<String>, mails: &BTreeSet<String>) {
        self.user_names.retain(|name| !names.contains(&fold(name)));
        let kept = |word: &String, words: &BTreeSet<String>| {
            let folded = fold(word);
            !names.contains(&folded) && (!mails.contains(&folded) || words.contains(word))
        };
        self.all.retain(|word| kept(word, &self.user_names));
        self.own.retain(|word| kept(word, &self.user_names));
        self.last.retain(|name| !names.contains(name));
        self.mails.retain(|mail| !mails.contains(mail));
    }

    /// How a source id stands in sentences. By itself it may be any number.
    fn named_ids(&self) -> impl Iterator<Item = (String, String)> {
        self.ids.iter().flat_map(|id| {
            [
                (format!("record {id}"), format!("record {ERASED}")),
                (format!("\"{id}\""), format!("\"{ERASED}\"")),
            ]
        })
    }

    /// What a sentence may have of him.
    pub fn needles(&self) -> impl Iterator<Item = Needle> {
        self.all.iter().map(|word| Needle::of(word)).chain(self.named_ids().map(|(id, _)| Needle::exact(id)))
    }

    /// What to look for where his userNames and e-mail addresses may stand.
    pub fn own_needles(&self) -> impl Iterator<Item = Needle> {
        self.own.iter().map(|word| Needle::of(word))
    }

    /// Whether one of his userNames or e-mail addresses stands in a text or a JSON document.
    pub fn own_stands_in(&self, text: &str) -> bool {
        let stands = |word: &str| without(text, word, ERASED) != text;
        self.own.iter().any(|word| stands(word) || stands(&escaped(word)))
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
        for (id, instead) in self.named_ids() {
            text = without(&text, &id, &instead);
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
        assert_eq!(
            taken("with none until he is: \"7\", \"8\""),
            Some("with none until he is: \"(erased)\", \"8\"".into())
        );
        for text in ["7 users", "Anna", "joann@acme.example", "ann@acme.example.net", "record 71", "mann"] {
            assert_eq!(taken(text), None, "{text}");
        }
    }

    #[test]
    fn f89_what_is_looked_for_stands_there_whatever_its_case_and_however_it_is_escaped() {
        let mut words = Words::default();
        words.user_name("ÄNN \"Zack\" Quark@acme.example");
        let needle = words.own_needles().next().unwrap();
        assert_eq!(needle.part, " quark@acme.example");
        assert_eq!(needle.escaped, "ÄNN \\\"Zack\\\" Quark@acme.example");
        assert!(words.own_stands_in(r#"{"note":"änn \"Zack\" quark@acme.example"}"#));
        assert!(!words.own_stands_in("quark@acme.example"));
        words.leave(&["änn \"zack\" quark@acme.example".to_owned()].into(), &BTreeSet::new());
        assert!(words.all.is_empty() && words.own.is_empty() && words.last.is_empty());
    }
}
