//! `POST /$batch`: up to twenty requests in one, answered out of order.

use super::answer::{Answer, Ids};
use super::error::{GraphError, invalid_option, no_method};
use super::json::{Fields, put, put_array};
use super::request::Request;
use crate::chance::Chance;
use crate::tenant::{Guid, Tenant};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// How many requests a batch may have.
const MOST: usize = 20;

/// A request of a batch.
struct Part {
    id: String,
    request: Request,
    after: Vec<String>,
}

/// Answers a batch: 200, whatever its requests get.
pub fn batch(tenant: &Tenant, request: &Request, ids: &Ids) -> Result<Answer, GraphError> {
    if request.method != "POST" {
        return Err(no_method());
    }
    let parts = parts(request)?;
    let mut answers: HashMap<String, Answer> = HashMap::new();
    let mut order: Vec<&Part> = Vec::new();
    let mut waiting: Vec<&Part> = parts.iter().collect();
    while !waiting.is_empty() {
        let ready = |part: &&Part| part.after.iter().all(|id| answers.contains_key(id));
        let at = waiting
            .iter()
            .position(ready)
            .ok_or_else(|| invalid_option("The dependencies of the batch go in a circle."))?;
        let part = waiting.remove(at);
        let failed = part.after.iter().any(|id| answers.get(id).is_some_and(|answer| answer.status >= 400));
        let number = u32::try_from(order.len()).unwrap_or(0);
        let ids =
            Ids { request: Guid::of(Chance(ids.request.low()), "item", number), client: ids.client.clone() };
        let answer = if failed {
            super::error(424, "FailedDependency", "A request that this one depends on has failed.")
                .answer(&ids, tenant.now())
        } else {
            super::item(tenant, &part.request, &ids)
        };
        answers.insert(part.id.clone(), answer);
        order.push(part);
    }
    // Whoever relies on the order of the requests is to notice.
    let turn = usize::try_from(ids.request.low() % 20).unwrap_or(0).checked_rem(order.len()).unwrap_or(0);
    order.reverse();
    order.rotate_left(turn);
    if order.len() > 1 && order.iter().zip(&parts).all(|(answered, asked)| answered.id == asked.id) {
        order.reverse();
    }

    let mut body = Vec::new();
    let mut fields = Fields::open(&mut body);
    put_array(
        fields.name("responses"),
        order.iter().filter_map(|part| Some((part, answers.get(&part.id)?))),
        |out, (part, answer)| {
            put_answer(out, &part.id, answer);
        },
    );
    fields.close();
    let mut whole = Answer::json(200, body);
    whole.items =
        parts.iter().filter_map(|part| answers.remove(&part.id)).flat_map(|answer| answer.items).collect();
    Ok(whole)
}

fn put_answer(out: &mut Vec<u8>, id: &str, answer: &Answer) {
    let mut fields = Fields::open(out);
    fields.field("id", id);
    fields.field("status", &answer.status);
    let mut headers = Fields::open(fields.name("headers"));
    for (name, value) in &answer.headers {
        headers.field(&header_name(name), value);
    }
    // What was looked at has its cost, whether it was given or not; what was sent away has none.
    if !matches!(answer.status, 429 | 500..) {
        headers.field("x-ms-resource-unit", "1");
    }
    headers.close();
    if !answer.body.is_empty() {
        let is_json = answer
            .headers
            .iter()
            .any(|(name, value)| *name == "content-type" && value.starts_with("application/json"));
        let body = fields.name("body");
        if is_json {
            body.extend_from_slice(&answer.body);
        } else {
            put(body, &String::from_utf8_lossy(&answer.body));
        }
    }
    fields.close();
}

/// `Retry-After`, as headers are written in the bodies of batches.
fn header_name(name: &str) -> String {
    match name {
        "odata-version" => return "OData-Version".to_owned(),
        "www-authenticate" => return "WWW-Authenticate".to_owned(),
        _ => {}
    }
    let capital = |word: &str| {
        let mut word = word.to_owned();
        if let Some(initial) = word.get_mut(..1) {
            initial.make_ascii_uppercase();
        }
        word
    };
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}

fn parts(request: &Request) -> Result<Vec<Part>, GraphError> {
    let body = request.object()?;
    let asked = body
        .get("requests")
        .and_then(Value::as_array)
        .ok_or_else(|| invalid_option("'requests' is missing in the batch."))?;
    if asked.is_empty() || asked.len() > MOST {
        return Err(invalid_option(format!("A batch has from 1 to {MOST} requests, not {}.", asked.len())));
    }
    let (version, _) =
        request.path.trim_start_matches('/').split_once('/').unwrap_or((request.path.as_str(), ""));
    let mut seen = HashSet::new();
    let mut parts = Vec::with_capacity(asked.len());
    for asked in asked {
        let text = |name: &str| asked.get(name).and_then(Value::as_str);
        let id = text("id")
            .ok_or_else(|| invalid_option("A request of the batch has no 'id', which has to be a text."))?;
        if !seen.insert(id.to_lowercase()) {
            return Err(invalid_option(format!("The id '{id}' is there more than once in the batch.")));
        }
        let (Some(method), Some(url)) = (text("method"), text("url")) else {
            return Err(invalid_option(format!(
                "The request '{id}' of the batch has no 'method' or no 'url'."
            )));
        };
        let after = asked.get("dependsOn").and_then(Value::as_array).cloned().unwrap_or_default();
        let after: Vec<String> = after.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        parts.push(Part {
            id: id.to_owned(),
            request: part(request, version, id, method, url, asked)?,
            after,
        });
    }
    let known: HashSet<&str> = parts.iter().map(|part| part.id.as_str()).collect();
    match parts.iter().flat_map(|part| &part.after).find(|id| !known.contains(id.as_str())) {
        Some(id) => Err(invalid_option(format!("The batch has no request '{id}' to depend on."))),
        None => Ok(parts),
    }
}

/// A request of a batch as if it had come alone. It speaks for the same identity; all other headers are its own.
fn part(
    whole: &Request,
    version: &str,
    id: &str,
    method: &str,
    url: &str,
    asked: &Value,
) -> Result<Request, GraphError> {
    let (path, query) = relative(url).split_once('?').unwrap_or((relative(url), ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    if let Some(own) = asked.get("headers").and_then(Value::as_object) {
        headers.extend(own.iter().map(|(name, value)| {
            (name.to_lowercase(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        }));
    }
    let body = match asked.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(body) => {
            if !headers.iter().any(|(name, _)| name == "content-type") {
                return Err(invalid_option(format!(
                    "The request '{id}' of the batch has a body and no Content-Type header."
                )));
            }
            let mut bytes = Vec::new();
            put(&mut bytes, body);
            bytes
        }
    };
    headers.retain(|(name, _)| name != "authorization");
    headers.extend(whole.header("authorization").map(|value| ("authorization".to_owned(), value.to_owned())));
    Ok(Request {
        method: method.to_uppercase(),
        path: format!("/{version}/{}", path.trim_start_matches('/')),
        query: query.to_owned(),
        headers,
        body,
        base: whole.base.clone(),
    })
}

/// What is behind the version. Addresses are relative; Microsoft's SDK for Python also sends whole ones.
fn relative(url: &str) -> &str {
    match url.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
        Some((_, path)) => path.split_once('/').map_or("", |(_, path)| path),
        None => url,
    }
}
