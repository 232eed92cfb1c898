//! A row of the users file as a user.

use crate::broken::{BadRow, Broken};
use crate::columns::{Columns, Feed, column_of};
use crate::settings::{Preset, Settings};
use crate::table::{Row, Table};
use crate::truth::Words;
use std::borrow::Cow;
use usher_plugin::{User, Value};

/// The contract's longest id, in bytes.
const LONGEST_KEY: usize = 512;

/// Where the rows of one users file are read from, and which come in.
pub struct People {
    /// What the columns feed.
    pub columns: Columns,
    /// The filter's conditions, by column: values that come in, values that don't, in lower case.
    conditions: Vec<(usize, Vec<String>, Vec<String>)>,
    /// The columns of `active`, and whether yes means no.
    active: Vec<(usize, bool)>,
    /// The columns of `userName` and of the first address.
    names: [Option<usize>; 2],
    words: Words,
    separator: String,
}

/// A cell that names a record: not blank, at most 512 bytes, no control characters.
pub fn key<'a>(row: &Row<'a>, column: usize, headers: &[String]) -> Result<Cow<'a, str>, BadRow> {
    let header = || headers.get(column).cloned().unwrap_or_default();
    let text = row.text(column).ok_or_else(|| BadRow::Undecodable { column: header(), encoding: "text" })?;
    if text.is_empty() {
        Err(BadRow::Blank(header()))
    } else if is_key(&text) {
        Ok(text)
    } else {
        Err(BadRow::BadKey(header()))
    }
}

/// Whether the contract allows it as an id.
pub fn is_key(text: &str) -> bool {
    let has_control = match text.is_ascii() {
        true => text.bytes().any(|byte| byte.is_ascii_control()),
        false => text.chars().any(char::is_control),
    };
    !text.is_empty() && text.len() <= LONGEST_KEY && !has_control
}

/// In lower case; the same text where it is already.
pub fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        text
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

impl People {
    /// For a table that has just been opened.
    pub fn of(table: &Table, settings: &Settings) -> Result<Self, Broken> {
        let lower = |values: &[String]| values.iter().map(|value| value.trim().to_lowercase()).collect();
        let conditions = settings
            .filter
            .iter()
            .enumerate()
            .map(|(at, condition)| {
                let column = column_of(&table.headers, &condition.column, &format!("filter[{at}].column"))?;
                Ok((column, lower(&condition.is), lower(&condition.is_not)))
            })
            .collect::<Result<_, Broken>>()?;
        let columns = Columns::of(&table.headers, settings)?;
        let active = columns
            .feeds
            .iter()
            .filter_map(|(column, feed)| match feed {
                Feed::Active { inverted } => Some((*column, *inverted)),
                _ => None,
            })
            .collect();
        let names = [Feed::UserName, Feed::Email]
            .map(|wanted| columns.feeds.iter().find(|(_, feed)| *feed == wanted).map(|(column, _)| *column));
        Ok(Self {
            columns,
            names,
            conditions,
            active,
            words: Words::of(settings),
            separator: settings.group_separator.clone(),
        })
    }

    /// Whether it is the row of examples that Entra's template has below its header.
    pub fn is_example(&self, row: &Row<'_>) -> bool {
        self.columns.shape.preset == Preset::EntraBulk
            && (0..row.cells()).filter_map(|column| row.text(column)).any(|text| {
                text.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("example:"))
                    || text.to_ascii_lowercase().ends_with("chris@contoso.com")
            })
    }

    /// Whether the filter lets a row in. What can't be read is let in, to be named as unreadable.
    pub fn admits(&self, row: &Row<'_>) -> bool {
        self.conditions.iter().all(|(column, is, is_not)| {
            row.text(*column).is_none_or(|text| {
                let text = text.to_lowercase();
                (is.is_empty() || is.contains(&text)) && !is_not.contains(&text)
            })
        })
    }

    /// The row's key.
    pub fn key<'a>(&self, row: &Row<'a>, headers: &[String]) -> Result<Cow<'a, str>, BadRow> {
        let key = key(row, self.columns.key, headers)?;
        Ok(if self.columns.folds_case { lower(key) } else { key })
    }

    /// The user's name and first address, each empty where there is none.
    pub fn names<'a>(&self, row: &Row<'a>) -> [Cow<'a, str>; 2] {
        self.names.map(|column| column.and_then(|column| row.text(column)).unwrap_or_default())
    }

    /// The names or ids in the groups column, without blanks.
    pub fn groups<'r>(&self, cell: &'r str) -> impl Iterator<Item = &'r str> + use<'r, '_> {
        cell.split(self.separator.as_str()).map(str::trim).filter(|name| !name.is_empty())
    }

    /// Whether the user is active: not if any column says so; none where no column says anything.
    pub fn active(&self, row: &Row<'_>, headers: &[String]) -> Result<Option<bool>, BadRow> {
        let mut said = Ok(None);
        for (column, inverted) in &self.active {
            let Some(text) = row.text(*column).filter(|text| !text.is_empty()) else { continue };
            match self.words.active(&text, *inverted) {
                Some(false) => return Ok(Some(false)),
                Some(true) if said.is_ok() => said = Ok(Some(true)),
                Some(true) => {}
                None => {
                    said = Err(BadRow::Truth {
                        column: headers.get(*column).cloned().unwrap_or_default(),
                        value: text.into_owned(),
                        is_alone: self.active.len() == 1,
                    });
                }
            }
        }
        said
    }

    /// The whole user, of a row without flaw.
    pub fn user(&self, row: &Row<'_>, id: String, active: Option<bool>) -> User {
        let mut user = User { id, user_name: None, active, attributes: Vec::new() };
        user.attributes.reserve_exact(self.columns.feeds.len() + 1);
        let mut emails: Vec<String> = Vec::new();
        let mut others: Vec<String> = Vec::new();
        let mut displayed = false;
        for (column, feed) in &self.columns.feeds {
            let Some(text) = row.text(*column).filter(|text| !text.is_empty()) else { continue };
            match feed {
                Feed::UserName => user.user_name = Some(text.into_owned()),
                Feed::FirstAddress => user.user_name = several(&text).into_iter().next(),
                Feed::Active { .. } => {}
                Feed::Text(name) => {
                    displayed |= name == "displayName";
                    user.attributes.push((name.clone(), Value::Text(text.into_owned())));
                }
                Feed::Manager => {
                    let manager = if self.columns.folds_case { lower(text) } else { text };
                    user.attributes.push(("manager".to_owned(), Value::Text(manager.into_owned())));
                }
                Feed::Many(name) => {
                    user.attributes.push((name.clone(), Value::Many(several(&text))));
                }
                Feed::Email => emails = several(&text),
                Feed::OtherEmail => others.extend(several(&text)),
            }
        }
        // Without a primary address, a second one must not become it.
        if !emails.is_empty() {
            for other in others {
                if !emails.contains(&other) {
                    emails.push(other);
                }
            }
            user.attributes.push(("emails".to_owned(), Value::Many(emails)));
        }
        if !displayed && let Some((given, family)) = self.columns.display_name {
            let part = |column: Option<usize>| column.and_then(|column| row.text(column)).unwrap_or_default();
            let name = both(&part(given), &part(family));
            if !name.is_empty() {
                user.attributes.push(("displayName".to_owned(), Value::Text(name)));
            }
        }
        user
    }
}

/// The parts of a cell: between semicolons where there are some, else between commas.
fn several(cell: &str) -> Vec<String> {
    let separator = if cell.contains(';') { ';' } else { ',' };
    cell.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Given and family name as one: Korean and Chinese names have the family's first, without a blank.
fn both(given: &str, family: &str) -> String {
    let eastern = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| matches!(c, '\u{AC00}'..='\u{D7A3}' | '\u{4E00}'..='\u{9FFF}'))
    };
    if eastern(given) && eastern(family) {
        format!("{family}{given}")
    } else {
        format!("{given} {family}").trim().to_owned()
    }
}
