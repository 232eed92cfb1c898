//! Which columns the last applied run had, so that the loss of one can be told by its name: what it fed looks emptied at the source.

use std::collections::BTreeMap;

/// A stored value may have 64 KiB; what is beyond this isn't kept, and its loss isn't told.
const MOST_BYTES: usize = 60 * 1024;

/// At most so many columns are named; a log takes 64 KiB a call.
const NAMED: usize = 10;

/// Headers and what they feed, in the order of the columns. A header may feed several attributes.
pub type Fed = Vec<(String, String)>;

/// For keeping.
pub fn write(fed: &Fed) -> String {
    let mut pairs = Vec::new();
    let mut bytes = 2;
    for pair in fed {
        let pair = serde_json::json!(pair);
        bytes += pair.to_string().len() + 1;
        if bytes > MOST_BYTES {
            break;
        }
        pairs.push(pair);
    }
    serde_json::Value::Array(pairs).to_string()
}

/// A sentence for every column that was there and isn't any more, and what it fed. Case doesn't count.
pub fn gone(file: &str, kept: &str, headers: &[String], fed: &Fed) -> Vec<String> {
    let Ok(before) = serde_json::from_str::<Fed>(kept) else { return Vec::new() };
    let there: Vec<String> = headers.iter().map(|header| header.to_lowercase()).collect();
    let mut lost: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (header, attribute) in &before {
        if !there.contains(&header.to_lowercase()) {
            lost.entry(header).or_default().push(attribute);
        }
    }
    let feeder = |wanted: &str| {
        fed.iter().find(|(_, attribute)| attribute == wanted).map(|(header, _)| header.as_str())
    };
    let mut lines: Vec<String> = lost
        .iter()
        .take(NAMED)
        .map(|(header, attributes)| {
            let now = match attributes.iter().map(|attribute| feeder(attribute)).collect::<Option<Vec<_>>>() {
                Some(headers) => {
                    headers.first().map_or_else(String::new, |header| format!("; “{header}” feeds it now"))
                }
                None => String::new(),
            };
            let fed = attributes.join(" and ");
            format!("{file}: the column “{header}”, which fed {fed}, is no longer there{now}")
        })
        .collect();
    if lost.len() > NAMED {
        lines.push(format!("{file}: {} other columns are no longer there", lost.len() - NAMED));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(pairs: &[(&str, &str)]) -> Fed {
        pairs.iter().map(|(header, attribute)| (header.to_string(), attribute.to_string())).collect()
    }

    #[test]
    fn f12_what_is_kept_always_fits() {
        let many: Fed = (0..900).map(|n| (format!("{n}{}", "\"".repeat(250)), "x".repeat(250))).collect();
        let kept = write(&many);
        assert!(kept.len() <= MOST_BYTES);
        let lines = gone("users.csv", &kept, &[], &Vec::new());
        assert_eq!(lines.len(), NAMED + 1);
        assert!(gone("users.csv", "junk", &[], &Vec::new()).is_empty());
    }

    #[test]
    fn f12_a_lost_column_is_told_with_what_it_fed() {
        let kept = write(&fed(&[
            ("ID", "the key"),
            ("mail", "userName"),
            ("mail", "emails"),
            ("Dept", "department"),
        ]));
        let now = fed(&[("id", "the key"), ("Division", "department")]);
        let headers = ["id".to_owned(), "Post".to_owned(), "Division".to_owned()];
        assert_eq!(
            gone("users.csv", &kept, &headers, &now),
            [
                "users.csv: the column “Dept”, which fed department, is no longer there; “Division” feeds it now",
                "users.csv: the column “mail”, which fed userName and emails, is no longer there"
            ]
        );
    }
}
