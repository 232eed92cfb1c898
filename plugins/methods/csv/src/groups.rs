//! Groups: rows of the groups file, or the names that the users file and the memberships file give.

use crate::broken::{BadRow, Broken};
use crate::columns::column_of;
use crate::headers::{fold, is_reserved};
use crate::keys::{Keys, fingerprint};
use crate::settings::Settings;
use crate::table::{Row, Table};
use crate::users::key;
use std::borrow::Cow;
use std::collections::BTreeMap;
use usher_plugin::{Group, GroupKind, Value};

/// What the columns of a groups file feed.
pub struct GroupColumns {
    /// The column of the key.
    pub key: usize,
    /// The name's.
    pub name: Option<usize>,
    /// The kind's.
    pub kind: Option<usize>,
    /// The other columns and their attributes.
    pub others: Vec<(usize, String)>,
    /// Headers that feed nothing because an attribute can't be called so.
    pub reserved: Vec<String>,
}

const IDS: &[&str] =
    &["id", "externalid", "objectid", "groupid", "groupexternalid", "guid", "uuid", "groupno", "code", "key"];
const NAMES: &[&str] = &["displayname", "name", "groupname", "group", "title", "cn", "그룹", "그룹명"];
const KINDS: &[&str] = &["kind", "type", "grouptype", "groupkind"];
const DESCRIPTIONS: &[&str] = &["description", "notes"];

/// The first of these names that a header has.
pub fn named(headers: &[String], names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| headers.iter().position(|header| fold(header) == *name))
}

/// A column by the mapping, else by its usual names.
pub fn mapped(
    headers: &[String],
    mapping: &BTreeMap<String, String>,
    setting: &str,
    attribute: &str,
    names: &[&str],
) -> Result<Option<usize>, Broken> {
    match mapping.get(attribute) {
        Some(header) if header.trim().is_empty() => Ok(None),
        Some(header) => column_of(headers, header, &format!("{setting}.{attribute}")).map(Some),
        None => Ok(named(headers, names)),
    }
}

impl GroupColumns {
    /// For a table that has just been opened.
    pub fn of(table: &Table, settings: &Settings) -> Result<Self, Broken> {
        let (headers, mapping) = (&table.headers, &settings.group_mapping);
        let find = |attribute, names| mapped(headers, mapping, "group_mapping", attribute, names);
        let name = find("displayName", NAMES)?;
        let key = find("id", IDS)?.or(name).ok_or_else(|| Broken::NoColumn {
            what: "the key (which group a row is about)",
            usual: "id, externalId, displayName, name",
            mapping: "group_mapping.id",
            headers: headers.clone(),
        })?;
        let kind = find("kind", KINDS)?;
        let (mut others, mut reserved) = (Vec::new(), Vec::new());
        for (attribute, header) in mapping {
            if !matches!(attribute.as_str(), "id" | "displayName" | "kind") && !header.trim().is_empty() {
                others.push((
                    column_of(headers, header, &format!("group_mapping.{attribute}"))?,
                    attribute.clone(),
                ));
            }
        }
        let left_out =
            |attribute: &str| mapping.get(attribute).is_some_and(|header| header.trim().is_empty());
        for (column, header) in headers.iter().enumerate() {
            let is_read = column == key
                || Some(column) == name
                || Some(column) == kind
                || others.iter().any(|(other, _)| *other == column);
            let attribute = match fold(header) {
                folded if DESCRIPTIONS.contains(&folded.as_str()) => "description".to_owned(),
                _ => header.clone(),
            };
            let known = others.iter().any(|(_, other)| *other == attribute);
            if is_read || header.is_empty() || header.len() > 256 || known || left_out(&attribute) {
                continue;
            }
            match is_reserved(&attribute) {
                true => reserved.push(attribute),
                false => others.push((column, attribute)),
            }
        }
        Ok(Self { key, name, kind, others, reserved })
    }

    /// The row's key.
    pub fn key<'a>(&self, row: &Row<'a>, headers: &[String]) -> Result<Cow<'a, str>, BadRow> {
        key(row, self.key, headers)
    }

    /// The whole group, of a row without flaw.
    pub fn group(&self, row: &Row<'_>, id: String) -> Group {
        let text = |column: usize| row.text(column).filter(|text| !text.is_empty());
        let value = |column: usize| text(column).map(|text| Value::Text(text.into_owned()));
        Group {
            id,
            display_name: self.name.and_then(text).map(Cow::into_owned),
            kind: self.kind.and_then(text).map(|word| kind(&word)),
            attributes: self
                .others
                .iter()
                .filter_map(|(column, attribute)| Some((attribute.clone(), value(*column)?)))
                .collect(),
        }
    }
}

fn kind(word: &str) -> GroupKind {
    match fold(word).as_str() {
        "security" | "securitygroup" => GroupKind::Security,
        "mailenabledsecurity" | "mailenabledsecuritygroup" => GroupKind::MailEnabledSecurity,
        "distribution" | "distributionlist" | "distributiongroup" => GroupKind::Distribution,
        "microsoft365" | "microsoft365group" | "m365" | "unified" | "office365" | "office" => {
            GroupKind::Microsoft365
        }
        _ => GroupKind::Other,
    }
}

/// A group that only has a name: its id is the name.
pub fn named_group(name: &str) -> Group {
    Group { id: name.to_owned(), display_name: Some(name.to_owned()), kind: None, attributes: Vec::new() }
}

/// The groups of one read, so that a reference to a group can be an id or a name.
#[derive(Debug, Default)]
pub struct GroupIndex {
    /// With the line of each.
    ids: Keys<u32>,
    /// Ids by name; none where several groups have it.
    names: BTreeMap<String, Option<String>>,
}

impl GroupIndex {
    /// How many groups there are.
    pub fn count(&self) -> u32 {
        self.ids.count()
    }

    /// Adds a group; where its id is there already, the line.
    pub fn insert(&mut self, id: &str, line: u32) -> Option<u32> {
        self.ids.insert(fingerprint(id), line)
    }

    /// A name by which the group can be meant.
    pub fn name(&mut self, name: &str, id: &str) {
        self.names.entry(name.to_owned()).and_modify(|id| *id = None).or_insert_with(|| Some(id.to_owned()));
    }

    /// Whether a reference is a name that several groups have.
    pub fn is_doubtful(&self, reference: &str) -> bool {
        !self.ids.contains(fingerprint(reference)) && self.names.get(reference) == Some(&None)
    }

    /// The id that a reference means: ids go before names.
    pub fn id_of<'a>(&'a self, reference: &'a str) -> Option<&'a str> {
        if self.ids.contains(fingerprint(reference)) {
            Some(reference)
        } else if self.names.is_empty() {
            None
        } else {
            self.names.get(reference).and_then(Option::as_deref)
        }
    }
}
