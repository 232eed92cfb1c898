//! `$search`: `"displayName:wa" OR "mail:x"`.
//!
//! Names and descriptions are searched word by word, everything else from its beginning; both without regard to case.

use super::error::{GraphError, bad_request};
use crate::tenant::Object;

/// Clauses, all of which hold in one of the alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(Vec<Vec<(String, String)>>);

impl Search {
    /// Reads clauses in double quotes, held together by `AND` and `OR`.
    pub fn read(text: &str) -> Result<Self, GraphError> {
        let wrong = || {
            bad_request(format!(
                "Syntax error in '$search': '{text}' has to be \"property:value\" in quotes."
            ))
        };
        let mut alternatives: Vec<Vec<(String, String)>> = vec![Vec::new()];
        let mut rest = text.trim();
        loop {
            let (clause, after) =
                rest.strip_prefix('"').and_then(|rest| rest.split_once('"')).ok_or_else(wrong)?;
            let (property, value) = clause.split_once(':').ok_or_else(wrong)?;
            let (property, value) = (property.trim(), value.trim());
            if property.is_empty() || value.is_empty() {
                return Err(wrong());
            }
            if let Some(all) = alternatives.last_mut() {
                all.push((property.to_owned(), value.to_lowercase()));
            }
            rest = after.trim_start();
            if rest.is_empty() {
                return Ok(Self(alternatives));
            }
            if let Some(after) = rest.strip_prefix("OR ") {
                alternatives.push(Vec::new());
                rest = after.trim_start();
            } else {
                rest = rest.strip_prefix("AND ").ok_or_else(wrong)?.trim_start();
            }
        }
    }

    /// Whether it finds an object.
    pub fn holds(&self, object: &Object) -> bool {
        self.0.iter().any(|all| all.iter().all(|(property, value)| finds(object, property, value)))
    }
}

fn finds(object: &Object, property: &str, value: &str) -> bool {
    let Some(text) = object.properties.text(property).map(str::to_lowercase) else { return false };
    if !matches!(property, "displayName" | "description") {
        return text.starts_with(value);
    }
    let apart = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let words = apart(&text);
    apart(value).iter().all(|wanted| words.iter().any(|word| word.starts_with(wanted.as_str())))
}
