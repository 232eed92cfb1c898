//! A plugin's settings: checked against its JSON Schema, with what is wrong said in an operator's words.

use crate::contract::model::Problem;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::types::JsonType;
use jsonschema::{ValidationError, Validator};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The schema of one plugin's settings.
pub(crate) struct Schema {
    validator: Validator,
    names: BTreeSet<String>,
    pub(crate) secrets: BTreeSet<String>,
    pub(crate) files: BTreeSet<String>,
}

impl Schema {
    /// Takes a schema that is one: draft 2020-12, of an object, without references to elsewhere.
    pub(crate) fn new(schema: &Json) -> Result<Self, String> {
        let why = |error: ValidationError<'_>| match error.instance_path().as_str() {
            "" => error.to_string(),
            place => format!("{place}: {error}"),
        };
        crate::unfold::check(schema)?;
        jsonschema::draft202012::meta::validate(schema).map_err(why)?;
        if schema.get("type").and_then(Json::as_str) != Some("object") {
            return Err("its `type` must be `object`".to_owned());
        }
        let validator = jsonschema::draft202012::new(schema).map_err(why)?;
        let mut found =
            Self { validator, names: BTreeSet::new(), secrets: BTreeSet::new(), files: BTreeSet::new() };
        for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            found.names.insert(name.clone());
            if says(schema, property, |part| part.get("writeOnly") == Some(&Json::Bool(true))) {
                found.secrets.insert(name.clone());
            }
            if says(schema, property, |part| part.get("format").and_then(Json::as_str) == Some("file")) {
                found.files.insert(name.clone());
            }
        }
        Ok(found)
    }

    /// What is wrong with these settings; nothing, if they fit.
    pub(crate) fn problems(&self, settings: &Json) -> Vec<Problem> {
        let mut problems = Vec::new();
        for error in self.validator.iter_errors(settings) {
            self.explain(&error, &mut problems);
        }
        problems
    }

    fn explain(&self, error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
        let place = place(error.instance_path().as_str());
        let mut add = |place: String, why: String| problems.push(Problem { place, why });
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                add(join(&place, name), "is missing".into());
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    let known = if place.is_empty() && !self.names.is_empty() {
                        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
                        format!("isn't a setting; there are {}", names.join(", "))
                    } else {
                        "isn't known here".to_owned()
                    };
                    add(join(&place, name), known);
                }
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                // What an optional value lacks is told by the branch that isn't `null`.
                let mut branches = context.iter().filter(|branch| !branch.iter().any(wants_null));
                match (branches.next(), branches.next()) {
                    (Some(only), None) => {
                        for error in only {
                            self.explain(error, problems);
                        }
                    }
                    _ => add(place, unsaid(error)),
                }
            }
            kind => add(place, words(kind).unwrap_or_else(|| unsaid(error))),
        }
    }
}

/// Any other mistake, without the value itself: it may be a secret.
fn unsaid(error: &ValidationError<'_>) -> String {
    error.masked_with("this").to_string()
}

/// The usual mistakes in plain words.
fn words(kind: &ValidationErrorKind) -> Option<String> {
    Some(match kind {
        ValidationErrorKind::Type { kind: TypeKind::Single(one) } => format!("must be {}", type_name(*one)),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(several) } => {
            let names: Vec<_> = several.iter().filter(|one| *one != JsonType::Null).map(type_name).collect();
            format!("must be {}", names.join(" or "))
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> =
                options.as_array()?.iter().filter(|option| !option.is_null()).map(plain).collect();
            format!("must be one of {}", options.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => format!("must be {}", plain(expected_value)),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".into(),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        ValidationErrorKind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        ValidationErrorKind::MinItems { limit: 1 } => "must name at least one".into(),
        ValidationErrorKind::MinItems { limit } => format!("must name at least {limit}"),
        ValidationErrorKind::MaxItems { limit } => format!("must name at most {limit}"),
        ValidationErrorKind::UniqueItems => "must not name anything twice".into(),
        ValidationErrorKind::Pattern { pattern } => format!("must match {pattern}"),
        ValidationErrorKind::Format { format } => format!("must be a valid {format}"),
        _ => return None,
    })
}

fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::String => "text",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::Boolean => "true or false",
        JsonType::Array => "a list",
        JsonType::Object => "a table",
        JsonType::Null => "nothing",
    }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn wants_null(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Null) })
}

/// A JSON Pointer as people write it: `columns.userName`, `files.0`.
fn place(pointer: &str) -> String {
    let parts: Vec<_> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    parts.join(".")
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// Whether a property says something, itself or through what it refers to. Each reference is followed once.
fn says(schema: &Json, property: &Json, what: impl Fn(&Json) -> bool) -> bool {
    let mut followed = BTreeSet::new();
    let mut parts = vec![property];
    while let Some(part) = parts.pop() {
        if what(part) {
            return true;
        }
        let within = ["allOf", "anyOf", "oneOf"].iter().filter_map(|keyword| part.get(keyword)?.as_array());
        parts.extend(within.flatten());
        let pointer =
            part.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
        if let Some(pointer) = pointer
            && followed.insert(pointer)
        {
            parts.extend(schema.pointer(pointer));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        Schema::new(&json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["users"],
            "properties": {
                "users": { "type": "string", "format": "file", "minLength": 1 },
                "groups": { "$ref": "#/$defs/Path" },
                "encoding": { "anyOf": [{ "enum": ["utf-8", "latin1"] }, { "type": "null" }] },
                "password": { "type": "string", "writeOnly": true, "not": { "pattern": "^hunter" } },
                "columns": { "type": "object", "additionalProperties": { "type": ["string", "null"] } },
            },
            "$defs": { "Path": { "type": "string", "format": "file" } },
        }))
        .unwrap()
    }

    fn said(settings: Json) -> Vec<String> {
        schema()
            .problems(&settings)
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.why))
            .collect()
    }

    #[test]
    fn problems_are_said_in_plain_words() {
        assert_eq!(said(json!({})), ["users: is missing"]);
        assert_eq!(said(json!({ "users": "" })), ["users: must not be empty"]);
        assert_eq!(said(json!({ "users": 7 })), ["users: must be text"]);
        assert_eq!(
            said(json!({ "users": "u", "encoding": "ebcdic" })),
            ["encoding: must be one of utf-8, latin1"]
        );
        assert_eq!(
            said(json!({ "users": "u", "colums": {} })),
            ["colums: isn't a setting; there are columns, encoding, groups, password, users"]
        );
        assert_eq!(said(json!({ "users": "u", "columns": { "mail": 3 } })), ["columns.mail: must be text"]);
        assert_eq!(said(json!({ "users": "u" })), Vec::<String>::new());
        let secret = said(json!({ "users": "u", "password": "hunter2" }));
        assert!(secret.len() == 1 && !secret[0].contains("hunter2"), "{secret:?}");
    }

    #[test]
    fn secrets_and_files_are_found_by_name() {
        assert_eq!(schema().secrets, BTreeSet::from(["password".to_owned()]));
        assert_eq!(schema().files, BTreeSet::from(["groups".to_owned(), "users".to_owned()]));
    }

    #[test]
    fn a_schema_that_goes_in_circles_does_no_harm() {
        for schema in [
            json!({ "type": "object", "$ref": "#" }),
            json!({ "type": "object", "properties": { "a": { "$ref": "#/properties/a" } } }),
            json!({ "type": "object", "properties": { "a": { "allOf": [{ "$ref": "#/$defs/b" }] } },
                    "$defs": { "b": { "anyOf": [{ "$ref": "#/$defs/c" }] }, "c": { "not": { "$ref": "#/$defs/b" } } } }),
        ] {
            let circling = Schema::new(&schema).unwrap();
            assert_eq!(circling.problems(&json!({ "a": 1 })), []);
        }
    }

    #[test]
    fn what_isnt_a_schema_is_refused() {
        for (schema, why) in [
            (json!({ "type": "objekt" }), "/type"),
            (json!({ "type": "string" }), "its `type` must be `object`"),
            (json!({ "type": "object", "$ref": "https://example.org/s.json" }), "example.org"),
        ] {
            let error = Schema::new(&schema).err().unwrap();
            assert!(error.contains(why), "{error}");
        }
    }
}
