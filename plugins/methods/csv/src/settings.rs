//! What the operator sets. Names and descriptions here are what he sees in the wizard and in `--set name=value`.

use crate::headers::{instead_of, is_password, is_reserved};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use usher_plugin::{Problem, one_line_each};

/// Which files, and how they are to be read. Everything but `users` has a default that suits most exports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_line_each)]
pub struct Settings {
    /// The file of people: CSV with a header line, one person a row.
    #[schemars(extend("format" = "file"), example = "/srv/hr/users.csv")]
    pub users: String,

    /// The file of groups, one a row. Without it the groups are those that the users' groups column and the
    /// memberships file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "file"), example = "/srv/hr/groups.csv")]
    pub groups: Option<String>,

    /// The file of memberships, one a row: a group, a member and optionally the member's kind (user or group).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "file"), example = "/srv/hr/memberships.csv")]
    pub memberships: Option<String>,

    /// The shape of the users file. `auto` recognises it by its header.
    #[serde(default)]
    pub preset: Preset,

    /// Attribute to column header, where the recognised columns don't suit: `id` is the key that stays when a person
    /// is renamed; then `userName`, `active` (or `blocked` for a column that says the opposite), `groups`, and any
    /// attribute of RFC 7643 such as `name.givenName`, `emails`, `department`. An empty header leaves an attribute out.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"id": "Employee No", "userName": "Login"}))]
    pub mapping: BTreeMap<String, String>,

    /// The same for the groups file: `id`, `displayName`, `kind`, and any other attribute.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"id": "Group No", "displayName": "Group"}))]
    pub group_mapping: BTreeMap<String, String>,

    /// The same for the memberships file: `group`, `member`, `kind`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"group": "Team", "member": "Employee No"}))]
    pub membership_mapping: BTreeMap<String, String>,

    /// What stands between the groups in one cell of the users' groups column.
    #[serde(default = "semicolon")]
    #[schemars(length(min = 1, max = 8), example = ";")]
    pub group_separator: String,

    /// What stands between the columns. `auto` finds it out.
    #[serde(default)]
    pub delimiter: Delimiter,

    /// How the files are encoded. `auto` finds it out; a byte order mark always wins.
    #[serde(default)]
    pub encoding: Charset,

    /// Which rows of the users file come in: those that meet every condition.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{"column": "Department", "is": ["Sales", "IT"]}]))]
    pub filter: Vec<Condition>,

    /// Words in the users' `active` column that mean active, besides the usual ones (true, yes, 1, active, enabled, …).
    #[serde(default)]
    #[schemars(example = serde_json::json!(["employed", "on leave"]))]
    pub active_values: Vec<String>,

    /// Words in the users' `active` column that mean inactive, besides the usual ones (false, no, 0, suspended, …).
    #[serde(default)]
    #[schemars(example = serde_json::json!(["left", "retired"]))]
    pub inactive_values: Vec<String>,

    /// Exactly how many rows of people the users file must have; any other number fails the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", example = 1200)]
    pub rows: Option<u32>,

    /// The SHA-256 that the users file must have, in hex; any other fails the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", regex(pattern = "^[0-9a-fA-F]{64}$"))]
    pub sha256: Option<String>,

    /// `remembered`: a file that ended with a line break last time and doesn't now may be cut, so nobody is removed
    /// in that run and its last row is left out of it. `optional`: the last line break means nothing.
    #[serde(default)]
    pub final_newline: FinalNewline,
}

/// The shapes of users files that are known by their headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Preset {
    /// Recognised by its header.
    #[default]
    Auto,
    /// Any file whose headers have common names, such as `id,userName,mail,…`.
    Plain,
    /// Microsoft Entra's template for creating users in bulk.
    EntraBulk,
    /// Microsoft Entra's "Download users".
    EntraUsers,
    /// Google Workspace's "Download users".
    Google,
    /// Okta's profile columns: `login,firstName,lastName,…`.
    Okta,
}

impl Preset {
    /// As it is written in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Plain => "plain",
            Self::EntraBulk => "entra-bulk",
            Self::EntraUsers => "entra-users",
            Self::Google => "google",
            Self::Okta => "okta",
        }
    }
}

/// What separates columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Delimiter {
    /// Found out from the first rows.
    #[default]
    Auto,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// The byte, unless it is to be found out.
    pub fn byte(self) -> Option<u8> {
        match self {
            Self::Auto => None,
            Self::Comma => Some(b','),
            Self::Semicolon => Some(b';'),
            Self::Tab => Some(b'\t'),
            Self::Pipe => Some(b'|'),
        }
    }
}

/// How text is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Charset {
    /// Found out from the bytes.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little endian: Excel's "Unicode text".
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big endian.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Western European Windows.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Korean Windows (also called EUC-KR, UHC, ks_c_5601).
    #[serde(rename = "cp949")]
    Cp949,
}

/// One condition on a row: the column's value must be one of `is` (if given) and none of `is_not`. Case and outer
/// blanks don't count; an empty text stands for an empty cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Condition {
    /// The column's header.
    pub column: String,
    /// Values that come in.
    #[serde(default)]
    pub is: Vec<String>,
    /// Values that don't.
    #[serde(default)]
    pub is_not: Vec<String>,
}

/// Whether the loss of the last line break is a sign of a cut file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum FinalNewline {
    /// It is, if it was there last time.
    #[default]
    Remembered,
    /// It isn't.
    Optional,
}

fn semicolon() -> String {
    ";".to_owned()
}

impl Settings {
    /// The settings with nothing but a users file.
    pub fn of_users(users: &str) -> Self {
        Self {
            users: users.to_owned(),
            groups: None,
            memberships: None,
            preset: Preset::Auto,
            mapping: BTreeMap::new(),
            group_mapping: BTreeMap::new(),
            membership_mapping: BTreeMap::new(),
            group_separator: semicolon(),
            delimiter: Delimiter::Auto,
            encoding: Charset::Auto,
            filter: Vec::new(),
            active_values: Vec::new(),
            inactive_values: Vec::new(),
            rows: None,
            sha256: None,
            final_newline: FinalNewline::Remembered,
        }
    }

    /// What a schema can't say.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |place: String, why: &str| problems.push(Problem { place, why: why.to_owned() });
        for (name, mapping, own) in [
            ("mapping", &self.mapping, &["id", "groups"][..]),
            ("group_mapping", &self.group_mapping, &["id"]),
            ("membership_mapping", &self.membership_mapping, &[]),
        ] {
            for (attribute, header) in mapping {
                if attribute.trim().is_empty() {
                    wrong(name.to_owned(), "an entry has no attribute name: write attribute = column header");
                } else if is_password(attribute) || is_password(header) {
                    wrong(format!("{name}.{attribute}"), "passwords are never read: take this entry out");
                } else if is_reserved(attribute)
                    && !own.contains(&attribute.trim())
                    && !header.trim().is_empty()
                {
                    let (attribute, other) = (attribute.trim(), instead_of(attribute));
                    wrong(
                        format!("{name}.{attribute}"),
                        &format!(
                            "“{attribute}” is a name that Usher has itself: write another for the column \
                             “{header}”, such as `{other}`"
                        ),
                    );
                }
            }
        }
        if self.mapping.get("id").is_some_and(|header| header.trim().is_empty()) {
            wrong("mapping.id".to_owned(), "the key can't be left out: name the column that holds it");
        }
        if self.group_separator.trim().is_empty() && self.group_separator != "\t" {
            wrong("group_separator".to_owned(), "write the character that stands between groups, such as ;");
        }
        for (at, condition) in self.filter.iter().enumerate() {
            if condition.is.is_empty() && condition.is_not.is_empty() {
                wrong(format!("filter[{at}]"), "say which values come in (is) or which don't (is_not)");
            }
        }
        if let Some(word) = self.active_values.iter().find(|word| {
            self.inactive_values.iter().any(|other| other.trim().to_lowercase() == word.trim().to_lowercase())
        }) {
            wrong("active_values".to_owned(), &format!("“{word}” is among the inactive values too"));
        }
        problems
    }

    /// The part that decides what is made of a file's content: part of the cursor.
    pub fn reading(&self) -> serde_json::Value {
        let mut reading = serde_json::to_value(self).unwrap_or_default();
        if let Some(reading) = reading.as_object_mut() {
            for path in ["users", "groups", "memberships"] {
                reading.remove(path);
            }
        }
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f28_the_schema_draws_a_wizard() {
        let schema = serde_json::to_value(schemars::schema_for!(Settings)).unwrap();
        let property = |name: &str| schema["properties"][name].clone();
        assert_eq!(schema["required"], serde_json::json!(["users"]));
        assert_eq!(property("users")["format"], "file");
        assert_eq!(property("groups")["type"], "string");
        assert_eq!(property("mapping")["additionalProperties"]["type"], "string");
        assert_eq!(property("rows")["type"], "integer");
        assert_eq!(
            property("delimiter")["enum"],
            serde_json::json!(["auto", "comma", "semicolon", "tab", "pipe"])
        );
        assert_eq!(property("preset")["default"], "auto");
        for (name, property) in schema["properties"].as_object().unwrap() {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty() && !description.contains('\n'), "{name}: {description}");
        }
    }

    #[test]
    fn f28_defaults_are_enough() {
        let settings: Settings = serde_json::from_str(r#"{"users":"/srv/users.csv"}"#).unwrap();
        assert_eq!(settings, Settings::of_users("/srv/users.csv"));
        assert!(settings.problems().is_empty());
        assert!(serde_json::from_str::<Settings>(r#"{"users":"u","colour":1}"#).is_err());
    }
}
