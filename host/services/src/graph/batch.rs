//! `$batch`: many GETs in one request (Microsoft Graph, "Combine multiple HTTP requests using JSON batching").
//!
//! 20 go into one request, several requests go at once within the budget. An item that failed for the moment is sent again, and
//! only that one; answers may come in any order, and one that doesn't come is asked for again.

use super::client::{GraphClient, Stopped};
use super::links::{BadPage, is_object};
use super::paths::Checked;
use super::verdict::{No, Passing, Verdict};
use crate::oauth::AccessToken;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;
use usher_runtime::contract::graph::Failure;
use usher_runtime::contract::model::Fault;

/// Most requests in one call (`wit/graph.wit`).
pub const REQUESTS: usize = 1_000;
/// What all answers of one call may have together: as much as one page may, four times over.
pub const BATCH_BYTES: usize = 64 << 20;
/// Most requests in one `$batch`, by Graph's rules.
const ITEMS: usize = 20;

type Outcome = Result<String, Failure>;

/// A path and whether it is asked for with `ConsistencyLevel: eventual`.
type Asked = (Checked, bool);

#[derive(Deserialize)]
struct Responses<'a> {
    #[serde(borrow)]
    responses: Vec<Response<'a>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    id: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, serde_json::Value>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// An item's answer, out of the body of its batch.
#[derive(Debug)]
struct Item {
    status: u16,
    retry_after: Option<String>,
    date: Option<String>,
    request_id: Option<String>,
    body: String,
}

/// Sends these GETs, in the order asked.
pub(crate) async fn batch(client: &GraphClient, asked: Vec<Asked>) -> Result<Vec<Outcome>, Fault> {
    if asked.len() > REQUESTS {
        return Err(Fault::Bug(format!("asked for {} answers in one batch; {REQUESTS} fit", asked.len())));
    }
    let mut outcomes: Vec<Option<Outcome>> = asked.iter().map(|_| None).collect();
    let mut tries = client.pace().begin();
    let mut is_renewed = false;
    let mut bytes = 0_usize;
    loop {
        let open: Vec<usize> =
            outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none()).map(|(at, _)| at).collect();
        if open.is_empty() {
            return Ok(outcomes.into_iter().flatten().collect());
        }
        let mut failed: Vec<(usize, Passing)> = Vec::new();
        let mut refused: Option<(AccessToken, String)> = None;
        let packs: Vec<&[usize]> = open.chunks(ITEMS).collect();
        // As many at once as the budget has, so that no more answers than that are held before they are counted.
        for some in packs.chunks(client.at_once()) {
            for answers in join_all(some.iter().map(|pack| send(client, &asked, pack))).await {
                let (verdicts, token) = answers?;
                for (at, verdict) in verdicts {
                    let Some(outcome) = outcomes.get_mut(at) else { continue };
                    match verdict {
                        Ok(body) => {
                            bytes += body.len();
                            *outcome = Some(Ok(body));
                        }
                        Err(Verdict::Final(failure)) => *outcome = Some(Err(failure)),
                        Err(Verdict::Unauthorized(why)) => refused = Some((token.clone(), why)),
                        Err(Verdict::Again(passing)) => failed.push((at, passing)),
                    }
                }
                if bytes > BATCH_BYTES {
                    return Err(Fault::Source(format!(
                        "{} answers a batch with more than {BATCH_BYTES} bytes; ask for fewer at once",
                        client.host()
                    )));
                }
            }
        }
        if let Some((token, why)) = refused {
            if is_renewed {
                return Err(Fault::Auth(why));
            }
            client.refused(&token).await;
            is_renewed = true;
        }
        if failed.is_empty() {
            continue;
        }
        // All wait for the one that asks for the longest pause: they go out together.
        let longest = failed.iter().filter_map(|(_, passing)| passing.after).max();
        if let Err(end) = tries.again(longest, Duration::ZERO).await {
            for (at, passing) in failed {
                if let Some(outcome) = outcomes.get_mut(at) {
                    *outcome = Some(Err(Failure::Failed(passing.fault(end))));
                }
            }
        }
    }
}

type Verdicts = Vec<(usize, Result<String, Verdict>)>;

/// One `$batch`: what became of each item of the pack, and the token that it was sent with.
async fn send(
    client: &GraphClient,
    asked: &[Asked],
    pack: &[usize],
) -> Result<(Verdicts, AccessToken), Fault> {
    let items = pack.iter().filter_map(|at| asked.get(*at).map(|asked| (*at, asked)));
    let requests: Vec<serde_json::Value> = items
        .clone()
        .map(|(at, (path, eventual))| {
            let mut request = json!({ "id": at.to_string(), "method": "GET", "url": client.item(path)? });
            if *eventual && let Some(request) = request.as_object_mut() {
                request.insert("headers".to_owned(), json!({ "ConsistencyLevel": "eventual" }));
            }
            Ok(request)
        })
        .collect::<Result<_, Fault>>()?;
    let body = json!({ "requests": requests }).to_string();
    let (mut answers, token) = match client.batch(&body, read).await {
        Ok(answers) => answers,
        // The whole batch, which the plugin doesn't know of.
        Err(Stopped::Failed(Failure::Refused(refusal))) => {
            let id = refusal.request_id.map(|id| format!(" (request-id {id})")).unwrap_or_default();
            return Err(Fault::Source(format!(
                "{} refuses a batch with {} {}: {}{id}",
                client.host(),
                refusal.status,
                refusal.code,
                refusal.message
            )));
        }
        Err(stopped) => match stopped.failure() {
            Failure::Failed(fault) => return Err(fault),
            Failure::Refused(refusal) => return Err(Fault::Source(refusal.message)),
        },
    };
    Ok((items.map(|(at, (path, _))| (at, judge(client, path, answers.remove(&at)))).collect(), token))
}

/// Reads the answers of a batch, by what they were asked under. Of two for the same the first counts.
fn read(body: String) -> Result<BTreeMap<usize, Item>, BadPage> {
    is_object(&body)?;
    let not_json = |_| BadPage::NotJson("it is no list of responses".to_owned());
    let responses: Responses<'_> = serde_json::from_str(&body).map_err(not_json)?;
    let mut items = BTreeMap::new();
    for response in responses.responses {
        let Ok(at) = response.id.parse() else { continue };
        let header = |wanted: &str| {
            let found = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let item = Item {
            status: response.status,
            retry_after: header("retry-after"),
            date: header("date"),
            request_id: header("request-id"),
            body: response.body.map(|body| body.get().to_owned()).unwrap_or_default(),
        };
        items.entry(at).or_insert(item);
    }
    Ok(items)
}

fn judge(client: &GraphClient, path: &Checked, item: Option<Item>) -> Result<String, Verdict> {
    let host = client.host();
    let again = |why: String| Err(Verdict::Again(Passing::unusable(why)));
    let Some(item) = item else {
        return again(format!("{host} leaves one of the answers of a batch away"));
    };
    if (200..300).contains(&item.status) {
        return match is_object(&item.body) {
            Ok(()) => Ok(item.body),
            Err(_) => again(format!(
                "{host} answers one of the requests of a batch with something that is no JSON object"
            )),
        };
    }
    let no = No {
        host,
        path: Some(path),
        status: item.status,
        retry_after: client.pause_asked(item.retry_after.as_deref(), item.date.as_deref()),
        request_id: item.request_id.as_deref(),
        body: &item.body,
    };
    Err(no.verdict())
}
