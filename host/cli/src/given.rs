//! Settings as people give them: `key=value` flags and TOML files, made into what the plugin's schema and the host want.

use crate::args::Given;
use crate::error::CliError;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use usher_model::{ACTIVE, MANAGER, USER_NAME, Value};
use usher_planner::{GroupTypes, Scope};
use usher_runtime::Plugin;
use usher_store::Settings as Rules;

/// Longest name of a tenant, a connection or a policy, in characters: they are columns of tables.
const NAME: usize = 64;

/// A name for something of the operator's: what can be typed again and seen in a list.
pub fn name(what: &str, name: &str) -> Result<String, CliError> {
    let name = name.trim();
    let wrong = |why: &str| {
        CliError::usage(
            format!("this can't be the name of a {what}: {why}"),
            format!("give 1 to {NAME} characters on one line"),
        )
    };
    if name.is_empty() {
        return Err(wrong("it is empty"));
    }
    if name.chars().count() > NAME {
        return Err(wrong("it is too long"));
    }
    if usher_runtime::one_line(name, usize::MAX) != name {
        return Err(wrong("it has characters that can't be seen"));
    }
    Ok(name.to_owned())
}

/// Settings by dotted name, in the order they were given.
pub type Pairs = Vec<(String, Json)>;

/// Reads flags and file. Flags win.
pub fn pairs(given: &Given) -> Result<(Pairs, Option<PathBuf>), CliError> {
    let mut pairs = Vec::new();
    let mut folder = None;
    if let Some(file) = &given.settings {
        let place = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| CliError::usage(format!("{place}: {error}"), "give the path of a TOML file"))?;
        let table: Map<String, Json> = toml::from_str(&text)
            .map_err(|error| CliError::usage(format!("{place}: {error}"), "correct the file"))?;
        pairs.extend(table);
        folder = file.parent().map(Path::to_path_buf);
    }
    for pair in &given.set {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            CliError::usage(format!("--set {pair}: there is no `=`"), "write it as --set key=value")
        })?;
        pairs.push((key.trim().to_owned(), Json::String(value.to_owned())));
    }
    Ok((pairs, folder))
}

fn property<'a>(schema: &'a Json, key: &str) -> Option<&'a Json> {
    schema.get("properties")?.get(key)
}

/// The types that a property's schema admits.
fn types(schema: Option<&Json>) -> Vec<&str> {
    let Some(schema) = schema else { return Vec::new() };
    let mut found: Vec<&str> = match schema.get("type") {
        Some(Json::String(one)) => vec![one.as_str()],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    for word in ["anyOf", "oneOf"] {
        if let Some(Json::Array(options)) = schema.get(word) {
            found.extend(options.iter().flat_map(|option| types(Some(option))));
        }
    }
    found
}

/// A text from a flag, as the schema's type wants it. What can't be read as that type stays text, and the schema says so.
fn typed(text: &str, schema: Option<&Json>) -> Json {
    let types = types(schema);
    let has = |name: &str| types.contains(&name);
    if (has("boolean") || has("integer") || has("number"))
        && !has("string")
        && let Ok(value) = serde_json::from_str::<Json>(text.trim())
    {
        return value;
    }
    // Where text fits as well, a number may be text: `0` of a cost centre.
    if has("boolean")
        && has("string")
        && let Ok(truth) = text.trim().parse::<bool>()
    {
        return truth.into();
    }
    let list = has("array") && text.trim_start().starts_with('[');
    let table = has("object") && text.trim_start().starts_with('{');
    if (list || table)
        && let Ok(value) = serde_json::from_str::<Json>(text)
    {
        return value;
    }
    if has("array") && !has("string") {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return items.map(|item| typed(item, schema.and_then(|schema| schema.get("items")))).collect();
    }
    Json::String(text.to_owned())
}

/// Puts given settings over those that a plugin's settings are now; checks them against its schema.
pub fn for_plugin(
    plugin: &Plugin,
    now: Json,
    pairs: &Pairs,
    folder: Option<&Path>,
) -> Result<Json, CliError> {
    let schema = &plugin.about().settings;
    let mut settings = match now {
        Json::Object(map) => map,
        _ => Map::new(),
    };
    for (key, value) in pairs {
        let (key, inner) = match key.split_once('.') {
            Some((outer, inner)) if property(schema, key).is_none() => (outer, Some(inner)),
            _ => (key.as_str(), None),
        };
        if plugin.secrets().contains(key) {
            return Err(CliError::usage(
                format!("{key} is a secret: it is never given among the settings"),
                format!("give it with --secret {key}=env:NAME, {key}=@FILE or {key}=-"),
            ));
        }
        let shape = property(schema, key);
        if let Some(inner) = inner {
            let table = settings.entry(key).or_insert_with(|| Json::Object(Map::new()));
            if let (Some(table), Json::String(text)) = (table.as_object_mut(), value) {
                table
                    .insert(inner.to_owned(), typed(text, shape.and_then(|s| s.get("additionalProperties"))));
            }
            continue;
        }
        let value = match value {
            Json::String(text) if text.is_empty() => {
                settings.remove(key);
                continue;
            }
            Json::String(text) if plugin.files().contains(key) => {
                let path = folder.map_or_else(|| PathBuf::from(text), |folder| folder.join(text));
                let path = std::path::absolute(&path).unwrap_or(path);
                Json::String(path.display().to_string())
            }
            Json::String(text) => typed(text, shape),
            other => other.clone(),
        };
        settings.insert(key.to_owned(), value);
    }
    let settings = Json::Object(settings);
    let mut problems = plugin.problems(&settings);
    // A secret that is kept sealed isn't in the settings, and isn't missing.
    problems.retain(|problem| !plugin.secrets().contains(&problem.place));
    if problems.is_empty() {
        return Ok(settings);
    }
    let words: Vec<_> = problems
        .iter()
        .map(|problem| {
            if problem.place.is_empty() {
                problem.why.clone()
            } else {
                format!("{}: {}", problem.place, problem.why)
            }
        })
        .collect();
    Err(CliError::usage(
        format!("settings of {}: {}", plugin.id(), words.join("; ")),
        format!(
            "`usher plugin show {}` lists its settings; give them with --set key=value or --settings FILE",
            plugin.id()
        ),
    ))
}

fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::Array(items) => items.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        Json::String(text) => {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        }
        other => vec![other.to_string()],
    }
}

fn parsed<T: serde::de::DeserializeOwned>(key: &str, value: &Json, wanted: &str) -> Result<T, CliError> {
    let candidate = match value {
        Json::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    };
    serde_json::from_value(candidate).map_err(|_| {
        CliError::usage(format!("{key}: {value} is not {wanted}"), format!("write it as --set {key}=…"))
    })
}

/// Takes the settings that are the host's own, the same for every method, and gives back the plugin's. A name that the plugin's own
/// schema has is the plugin's.
pub fn for_host(
    plugin: &Plugin,
    pairs: Pairs,
    scope: &mut Scope,
    rules: &mut Rules,
) -> Result<Pairs, CliError> {
    let mut rest = Vec::new();
    for (key, value) in pairs {
        if property(&plugin.about().settings, &key).is_some() {
            rest.push((key, value));
            continue;
        }
        match key.as_str() {
            "scope" => match value.as_str() {
                Some("full") => scope.chosen = None,
                Some("groups") => {
                    scope.chosen.get_or_insert_with(std::collections::BTreeSet::new);
                }
                _ => {
                    return Err(CliError::usage(
                        format!("scope: {value} is neither full nor groups"),
                        "write --set scope=full or --set scope=groups",
                    ));
                }
            },
            "chosen" | "groups" => scope.chosen = Some(texts(&value).into_iter().collect()),
            "group_types" => {
                scope.group_types = GroupTypes::parse(&texts(&value)).map_err(|word| {
                    CliError::usage(
                        format!("group_types: there is no type {word}"),
                        "the types are security, mail-enabled-security, distribution, microsoft365, other; the presets all, security365, usecure",
                    )
                })?;
            }
            "include_groups" => scope.include_groups = parsed(&key, &value, "true or false")?,
            "managers" => scope.managers = parsed(&key, &value, "true or false")?,
            "guests" => scope.guests = parsed(&key, &value, "true or false")?,
            "root" => scope.root = value.as_str().filter(|root| !root.is_empty()).map(str::to_owned),
            "grace_days" => rules.grace_days = parsed(&key, &value, "a number of days")?,
            "matching" => {
                rules.matching = serde_json::from_value(value.clone()).map_err(|_| {
                    CliError::usage(
                        format!("matching: {value} is not one of ask, link, skip, fail"),
                        "write --set matching=ask",
                    )
                })?;
            }
            "authoritative" => rules.authoritative = texts(&value),
            "folders" => rules.folders = texts(&value),
            "interval" => {
                rules.interval = match &value {
                    Json::String(text) if text == "off" || text.is_empty() => None,
                    value => Some(parsed::<u32>(&key, value, "a number of minutes, or off")?.max(1)),
                };
            }
            "guard_percent" => rules.guard.percent = parsed(&key, &value, "a number")?,
            "guard_floor" => rules.guard.floor = parsed(&key, &value, "a number")?,
            "guard_half_from" => rules.guard.half_from = parsed(&key, &value, "a number")?,
            _ => rest.push((key, value)),
        }
    }
    Ok(rest)
}

/// `attribute=value` arguments. An empty value is none; `emails` and other names with a comma in the value are lists.
pub fn attributes(given: &[String]) -> Result<BTreeMap<String, Option<Value>>, CliError> {
    given
        .iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                CliError::usage(format!("{pair}: there is no `=`"), "write attributes as name=value")
            })?;
            let value = value.trim();
            let value = match (name, value) {
                (USER_NAME | ACTIVE, "") => {
                    return Err(CliError::usage(format!("{name} can't be taken away"), format!("write {name}=VALUE")));
                }
                ("id" | "externalId" | "groups" | "path" | MANAGER | "origin" | "connection", _) => {
                    return Err(CliError::usage(
                        format!("{name} is no attribute that can be set"),
                        "members are added with `usher groups add GROUP --member WHO`; the rest comes from a source",
                    ));
                }
                (_, "") => None,
                ("active", "true" | "yes") => Some(Value::Truth(true)),
                ("active", "false" | "no") => Some(Value::Truth(false)),
                ("active", other) => {
                    return Err(CliError::usage(
                        format!("active={other}: it is either true or false"),
                        "write active=true or active=false",
                    ));
                }
                ("emails", list) => Some(Value::Many(list.split(',').map(|one| one.trim().to_owned()).collect())),
                (_, text) => Some(Value::Text(text.to_owned())),
            };
            Ok((name.trim().to_owned(), value))
        })
        .collect()
}

/// A day, which begins where this machine is, or a moment.
pub fn moment(text: &str) -> Result<i64, CliError> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    text.parse::<Date>()
        .and_then(|day| day.to_zoned(TimeZone::system()))
        .map(|day| day.timestamp().as_millisecond())
        .map_err(|_| {
            CliError::usage(
                format!("{text} is no day and no moment"),
                "write 2026-03-01, or 2026-03-01T08:00:00Z",
            )
        })
}
