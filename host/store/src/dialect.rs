//! One text for every statement: written for SQLite, in words that Postgres mostly shares, and put into its own words here.
//!
//! What differs: how rows become JSON and JSON becomes rows, that Postgres wants a name for every subquery, and that it chooses its own
//! indexes. That a column of text can be read as JSON by `->` and `->>` is taught to Postgres by its first migration.

use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a database runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file of this machine.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// The engine that an address is of, if there is one.
    pub fn of(url: &str) -> Option<Self> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Some(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => Some(Self::Postgres),
            _ => None,
        }
    }
}

/// A statement with what is bound to it.
pub(crate) type Statement<'q> = Query<'q, Any, <Any as sqlx::Database>::Arguments>;

/// How statements are put for an engine. What was translated once is kept.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    engine: Engine,
    translated: Arc<Mutex<HashMap<String, Arc<str>>>>,
}

impl Dialect {
    pub(crate) fn of(engine: Engine) -> Self {
        Self { engine, translated: Arc::default() }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    pub(crate) fn query<'q>(&self, sql: Cow<'static, str>) -> Statement<'q> {
        match (self.engine, sql) {
            (Engine::Sqlite, sql) if sql.contains(PAGES) => sqlx::query(AssertSqlSafe(self.translated(&sql))),
            (Engine::Sqlite, Cow::Borrowed(sql)) => sqlx::query(sql),
            (Engine::Sqlite, Cow::Owned(sql)) => sqlx::query(AssertSqlSafe(sql)),
            (Engine::Postgres, sql) => sqlx::query(AssertSqlSafe(self.translated(&sql))),
        }
    }

    fn translated(&self, sql: &str) -> Arc<str> {
        let mut known = self.translated.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(translated) = known.get(sql) {
            return translated.clone();
        }
        let translated: Arc<str> = match self.engine {
            // Rows come out of the binary form a third faster, which a page of them is parsed into at first.
            Engine::Sqlite => sql.replace(PAGES, "jsonb_each($").into(),
            Engine::Postgres => postgres(sql).into(),
        };
        known.insert(sql.to_owned(), translated.clone());
        translated
    }
}

/// Where a bound page of rows is taken apart.
const PAGES: &str = "json_each($";

/// A statement in Postgres' words.
fn postgres(sql: &str) -> String {
    let mut scribe = Scribe { out: String::with_capacity(sql.len() + 64), derived: 0 };
    scribe.translate(sql);
    scribe.out
}

/// What can follow a subquery that has no name.
const AFTER: [&str; 14] = [
    "where",
    "order",
    "group",
    "limit",
    "left",
    "cross",
    "join",
    "inner",
    "union",
    "on",
    "having",
    "set",
    "returning",
    "except",
];

struct Scribe {
    out: String,
    derived: u32,
}

/// The first word of a text in lower case; empty where it doesn't begin with one.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What stands in a text between an opening parenthesis, with which it begins, and the closing one; and what follows.
fn inside(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some((text.get(1..at)?, text.get(at + 1..)?));
                }
            }
            _ => {}
        }
    }
    None
}

impl Scribe {
    fn translate(&mut self, sql: &str) {
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            if first == '\'' {
                let end = rest.get(1..).and_then(|text| text.find('\'')).map_or(rest.len(), |at| at + 2);
                rest = self.copy(rest, end);
            } else if first.is_ascii_alphabetic() || first == '_' {
                let name = word(rest);
                let after = rest.get(name.len()..).unwrap_or_default();
                rest = match self.function(name, after) {
                    Some(rest) => rest,
                    None => self.copy(rest, name.len()),
                };
            } else {
                rest = self.copy(rest, first.len_utf8());
            }
        }
    }

    fn copy<'a>(&mut self, text: &'a str, bytes: usize) -> &'a str {
        self.out.push_str(text.get(..bytes).unwrap_or(text));
        text.get(bytes..).unwrap_or_default()
    }

    /// Writes what Postgres calls otherwise; gives what is left to be translated.
    fn function<'a>(&mut self, name: &str, after: &'a str) -> Option<&'a str> {
        match name.to_ascii_lowercase().as_str() {
            "json_group_array" => {
                let (rows, rest) = inside(after)?;
                self.out.push_str("COALESCE(json_agg(");
                self.translate(rows);
                self.out.push_str("), '[]'::json)::text");
                Some(rest)
            }
            "json" => {
                let (text, rest) = inside(after)?;
                self.out.push('(');
                self.translate(text);
                self.out.push_str(")::json");
                Some(rest)
            }
            "json_each" => {
                let (from, rest) = inside(after)?;
                self.rows(from, rest);
                Some(rest)
            }
            "json_array" => {
                self.out.push_str("json_build_array");
                Some(after)
            }
            "json_object" => {
                self.out.push_str("json_build_object");
                Some(after)
            }
            "instr" => {
                self.out.push_str("strpos");
                Some(after)
            }
            "indexed" => {
                let by = after.trim_start().strip_prefix("BY")?.trim_start();
                by.get(word(by).len()..)
            }
            "from" | "join" if after.trim_start().starts_with('(') => {
                let (query, rest) = inside(after.trim_start())?;
                self.out.push_str(name);
                self.out.push_str(" (");
                self.translate(query);
                self.out.push(')');
                let next = word(rest.trim_start()).to_ascii_lowercase();
                if next.is_empty() || AFTER.contains(&next.as_str()) {
                    self.derived += 1;
                    self.out.push_str(&format!(" AS derived_{}", self.derived));
                }
                Some(rest)
            }
            _ => None,
        }
    }

    /// The rows of a JSON document. A page of texts goes by the name `texts`, or is all that is selected from; else the page's rows are
    /// documents themselves. A path leads to texts, and anything but a parameter is an object whose fields are wanted.
    fn rows(&mut self, from: &str, rest: &str) {
        let texts = word(rest.trim_start()) == "texts" || self.out.ends_with("SELECT value FROM ");
        if let Some((document, path)) = from.split_once(", '$.") {
            let path = path.trim_end_matches('\'').replace('.', ",");
            self.out.push_str(&format!("json_array_elements_text({document}::json #> '{{{path}}}')"));
        } else if !from.starts_with('$') {
            self.out.push_str(&format!("json_each({from}::json)"));
        } else if texts {
            self.out.push_str(&format!("json_array_elements_text({from}::json)"));
        } else {
            self.out.push_str(&format!("json_array_elements({from}::json)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_json_and_json_rows() {
        assert_eq!(
            postgres(
                "SELECT json_group_array(json_array(id, raw)) FROM (SELECT texts.value AS id FROM json_each($4) texts)"
            ),
            "SELECT COALESCE(json_agg(json_build_array(id, raw)), '[]'::json)::text FROM (SELECT texts.value AS id \
             FROM json_array_elements_text($4::json) texts) AS derived_1"
        );
        assert_eq!(
            postgres(
                "DELETE FROM x WHERE id IN (SELECT value FROM json_each($1)) AND n = (SELECT 1 FROM json_each($2) j)"
            ),
            "DELETE FROM x WHERE id IN (SELECT value FROM json_array_elements_text($1::json)) \
             AND n = (SELECT 1 FROM json_array_elements($2::json) j)"
        );
        assert_eq!(
            postgres("SELECT 1 FROM json_each(m.raw, '$.attributes.emails') e, json_each(l.changes) j"),
            "SELECT 1 FROM json_array_elements_text(m.raw::json #> '{attributes,emails}') e, json_each(l.changes::json) j"
        );
        assert_eq!(postgres("json(CASE a WHEN 1 THEN 'true' END)"), "(CASE a WHEN 1 THEN 'true' END)::json");
    }

    #[test]
    fn subqueries_get_a_name_where_they_have_none() {
        assert_eq!(
            postgres("SELECT 1 FROM (SELECT 2) WHERE (a) IN (SELECT 3 FROM (SELECT 4) x)"),
            "SELECT 1 FROM (SELECT 2) AS derived_1 WHERE (a) IN (SELECT 3 FROM (SELECT 4) x)"
        );
    }

    #[test]
    fn what_is_quoted_is_left_alone() {
        let text = "SELECT 'from (json_each($1)) it''s' || instr";
        assert_eq!(postgres(text), "SELECT 'from (json_each($1)) it''s' || strpos");
        assert_eq!(
            postgres("SELECT 1 FROM staged_users s INDEXED BY by_name WHERE 1"),
            "SELECT 1 FROM staged_users s  WHERE 1"
        );
    }
}
