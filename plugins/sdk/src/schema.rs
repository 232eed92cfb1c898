//! Schemas of settings as the operator sees them.

use schemars::Schema;
use schemars::transform::transform_subschemas;
use serde_json::Value as Json;

/// Makes the schema what a wizard can show: descriptions on one line, choices as a plain list with what each means.
pub fn one_line_each(schema: &mut Schema) {
    transform_subschemas(&mut one_line_each, schema);
    let text = |schema: &Schema, name: &str| schema.get(name).and_then(Json::as_str).map(str::to_owned);
    let choices: Vec<Schema> = match schema.get("oneOf") {
        Some(Json::Array(choices)) => {
            choices.iter().filter_map(|choice| Schema::try_from(choice.clone()).ok()).collect()
        }
        _ => Vec::new(),
    };
    let mut description = text(schema, "description").unwrap_or_default();
    if !choices.is_empty() && choices.iter().all(|choice| choice.get("const").is_some()) {
        let names: Vec<Json> = choices.iter().filter_map(|choice| choice.get("const").cloned()).collect();
        for choice in &choices {
            if let (Some(name), Some(means)) = (text(choice, "const"), text(choice, "description")) {
                description.push_str(&format!(" {name}: {means}"));
            }
        }
        schema.remove("oneOf");
        schema.insert("type".to_owned(), "string".into());
        schema.insert("enum".to_owned(), names.into());
    }
    if !description.is_empty() {
        schema.insert("description".to_owned(), description.replace('\n', " ").into());
    }
}
