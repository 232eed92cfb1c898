//! The options of a query: `$select`, `$filter` and the others, with and without their `$`, in any case.

use super::error::{GraphError, bad_request};
use percent_encoding::percent_decode_str;

/// The options that were given.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// `$select`: names as they were written.
    pub select: Option<Vec<String>>,
    /// `$filter`.
    pub filter: Option<String>,
    /// `$search`.
    pub search: Option<String>,
    /// `$orderby`.
    pub orderby: Option<String>,
    /// `$expand`.
    pub expand: Option<String>,
    /// `$top`, from 1 to 999.
    pub top: Option<usize>,
    /// `$count=true`.
    pub count: bool,
    /// `$skiptoken`.
    pub skiptoken: Option<String>,
    /// `$deltatoken`.
    pub deltatoken: Option<String>,
    /// The options as they were sent, without `$skiptoken`: next links repeat them.
    pub kept: String,
}

impl Query {
    /// Reads what is behind the question mark.
    pub fn read(text: &str) -> Result<Self, GraphError> {
        let mut query = Self::default();
        let mut kept: Vec<&str> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            let name = name.trim().trim_start_matches('$').to_ascii_lowercase();
            if name != "skiptoken" {
                kept.push(pair);
            }
            match name.as_str() {
                "select" => query.select = Some(names(&value)),
                "filter" => query.filter = Some(value),
                "search" => query.search = Some(value),
                "orderby" => query.orderby = Some(value),
                "expand" => query.expand = Some(value),
                "top" => query.top = Some(top(&value)?),
                "count" => query.count = truth(&value)?,
                "skiptoken" => query.skiptoken = Some(value),
                "deltatoken" => query.deltatoken = Some(value),
                "skip" => return Err(bad_request("'$skip' is not supported here; follow the next link.")),
                // What isn't known is silently left alone, as Graph does.
                _ => {}
            }
        }
        query.kept = kept.join("&");
        Ok(query)
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Names apart, commas inside of parentheses left alone.
pub fn names(text: &str) -> Vec<String> {
    let (mut names, mut depth) = (vec![String::new()], 0_u32);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                names.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(name) = names.last_mut() {
            name.push(c);
        }
    }
    names.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn top(value: &str) -> Result<usize, GraphError> {
    let top = value.trim().parse::<usize>().ok().filter(|top| (1..=999).contains(top));
    top.ok_or_else(|| bad_request(format!("The page size '{value}' of '$top' has to be from 1 to 999.")))
}

fn truth(value: &str) -> Result<bool, GraphError> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad_request(format!("'$count' has to be true or false, not '{value}'."))),
    }
}
