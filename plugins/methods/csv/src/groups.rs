//! Groups: rows of the groups file, or the names that the users file and the memberships file give.

use crate::broken::{BadRow, Broken};
use crate::columns::column_of;
use crate::headers::fold;
use crate::settings::Settings;
use crate::table::{Row, Table};
use crate::users::{cell, key};
use std::collections::{BTreeMap, BTreeSet};
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
        let mut others = Vec::new();
        for (attribute, header) in mapping {
            if !matches!(attribute.as_str(), "id" | "displayName" | "kind") && !header.trim().is_empty() {
                others.push((
                    column_of(headers, header, &format!("group_mapping.{attribute}"))?,
                    attribute.clone(),
                ));
            }
        }
        let left_out = |attribute: &str| mapping.get(attribute).is_some_and(|header| header.trim().is_empty());
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
            if !is_read && !header.is_empty() && !known && !left_out(&attribute) {
                others.push((column, attribute));
            }
        }
        Ok(Self { key, name, kind, others })
    }

    /// The row's key.
    pub fn key(&self, row: &Row<'_>, headers: &[String]) -> Result<String, BadRow> {
        key(row, self.key, headers)
    }

    /// The whole group.
    pub fn group(&self, row: &Row<'_>, headers: &[String], id: String) -> Result<Group, BadRow> {
        let text = |column: usize| cell(row, column, &|| headers.get(column).cloned().unwrap_or_default());
        let display_name = match self.name {
            Some(column) => Some(text(column)?.into_owned()).filter(|name| !name.is_empty()),
            None => None,
        };
        let kind = match self.kind {
            Some(column) => kind(&text(column)?),
            None => None,
        };
        let mut attributes = Vec::new();
        for (column, attribute) in &self.others {
            let value = text(*column)?;
            if !value.is_empty() {
                attributes.push((attribute.clone(), Value::Text(value.into_owned())));
            }
        }
        Ok(Group { id, display_name, kind, attributes })
    }
}

fn kind(cell: &str) -> Option<GroupKind> {
    Some(match fold(cell).as_str() {
        "" => return None,
        "security" | "securitygroup" => GroupKind::Security,
        "mailenabledsecurity" | "mailenabledsecuritygroup" => GroupKind::MailEnabledSecurity,
        "distribution" | "distributionlist" | "distributiongroup" => GroupKind::Distribution,
        "microsoft365" | "microsoft365group" | "m365" | "unified" | "office365" | "office" => {
            GroupKind::Microsoft365
        }
        _ => GroupKind::Other,
    })
}

/// A group that only has a name: its id is the name.
pub fn named_group(name: &str) -> Group {
    Group { id: name.to_owned(), display_name: Some(name.to_owned()), kind: None, attributes: Vec::new() }
}

/// The groups of one read, so that a reference to a group can be an id or a name.
#[derive(Debug, Default)]
pub struct GroupIndex {
    ids: BTreeSet<String>,
    /// By name; none where several groups have it.
    names: BTreeMap<String, Option<String>>,
}

impl GroupIndex {
    /// Adds a group; false where its id is there already.
    pub fn insert(&mut self, id: &str, name: Option<&str>) -> bool {
        if self.ids.contains(id) {
            return false;
        }
        self.ids.insert(id.to_owned());
        if let Some(name) = name
            && name != id
        {
            self.names.entry(name.to_owned()).and_modify(|id| *id = None).or_insert_with(|| Some(id.to_owned()));
        }
        true
    }

    /// The id that a reference means: ids go before names.
    pub fn id_of<'a>(&'a self, reference: &'a str) -> Option<&'a str> {
        match self.ids.get(reference) {
            Some(id) => Some(id),
            None => self.names.get(reference).and_then(Option::as_deref),
        }
    }
}
