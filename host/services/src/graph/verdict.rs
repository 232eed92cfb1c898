//! What an answer means: good, final, or worth another try. The same for a request of its own and for an item of a batch.

use super::paths::Checked;
use super::permissions;
use crate::oauth::TokenError;
use crate::web::{Broken, GaveUp};
use serde::Deserialize;
use std::time::Duration;
use usher_runtime::contract::graph::{Failure, Refusal};
use usher_runtime::contract::model::Fault;
use usher_runtime::one_line;

/// Longest part of Graph's own words in a sentence.
const WORDS: usize = 500;

/// What an answer other than a good one is.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// 401: once with a new token.
    Unauthorized(String),
    /// Trying again doesn't change it.
    Final(Failure),
    /// It may pass.
    Again(Passing),
}

/// Trouble that may pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Passing {
    /// How long the server asks to wait.
    pub(crate) after: Option<Duration>,
    kind: Kind,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Throttled,
    Unreached,
    Unusable,
}

impl Passing {
    /// No answer.
    pub(crate) fn broken(broken: &Broken) -> Self {
        Self { after: None, kind: Kind::Unreached, why: broken.why().to_owned() }
    }

    /// An answer that can't be used.
    pub(crate) fn unusable(why: String) -> Self {
        Self { after: None, kind: Kind::Unusable, why }
    }

    /// What it is in the end.
    pub(crate) fn fault(self, end: GaveUp) -> Fault {
        let seconds = |time: Duration| u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        match (end, self.kind) {
            (GaveUp::TooLong(after), _) => Fault::Throttled(Some(seconds(after))),
            (GaveUp::Tried(_), Kind::Throttled) => Fault::Throttled(self.after.map(seconds)),
            (GaveUp::Tried(_), Kind::Unreached) if self.after.is_some() => {
                Fault::Throttled(self.after.map(seconds))
            }
            (GaveUp::Tried(tries), Kind::Unreached) => {
                Fault::Network(format!("{}{}", self.why, times(tries)))
            }
            (GaveUp::Tried(tries), Kind::Unusable) => Fault::Source(format!("{}{}", self.why, times(tries))),
        }
    }
}

fn times(tries: u32) -> String {
    if tries > 1 { format!("; tried {tries} times") } else { String::new() }
}

/// Graph's error, as it stands in a body (Microsoft Graph, "error responses").
#[derive(Deserialize)]
struct ErrorBody {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    code: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<InnerError>,
}

#[derive(Deserialize)]
struct InnerError {
    #[serde(default, rename = "request-id")]
    request_id: Option<String>,
}

/// An answer that isn't 2xx.
pub(crate) struct No<'a> {
    pub(crate) host: &'a str,
    /// What was asked for; none of a batch as a whole.
    pub(crate) path: Option<&'a Checked>,
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) body: &'a str,
}

impl No<'_> {
    pub(crate) fn verdict(&self) -> Verdict {
        let (host, status) = (self.host, self.status);
        let error = serde_json::from_str::<ErrorBody>(self.body).ok().map(|body| body.error);
        let inner = error
            .as_ref()
            .and_then(|error| error.inner.as_ref())
            .and_then(|inner| inner.request_id.as_deref());
        let id = self.request_id.or(inner).map(|id| one_line(id, 64));
        let told = id.as_ref().map(|id| format!(" (request-id {id})")).unwrap_or_default();
        let words = error.as_ref().map(|error| {
            let message = error.message.as_deref().unwrap_or_default();
            format!("{}: {}", one_line(&error.code, 100), one_line(message, WORDS))
        });
        let why = |what: &str| match &words {
            Some(words) => format!("{host} {what} with {status} {words}{told}"),
            None => format!("{host} {what} with {status}, and not in Graph's words{told}"),
        };
        match status {
            300..=399 => Verdict::Final(Failure::Failed(Fault::Source(format!(
                "{host} sends the request somewhere else ({status}), which is never followed{told}"
            )))),
            401 => Verdict::Unauthorized(why("refuses the connection's token")),
            408 | 429 | 500..=599 => {
                let kind = if status == 429 { Kind::Throttled } else { Kind::Unreached };
                Verdict::Again(Passing { after: self.retry_after, kind, why: why("answers") })
            }
            400..=499 => match error {
                Some(_) if status == 403 => {
                    let missing = self.path.and_then(permissions::missing);
                    let missing = missing
                        .map(|name| format!("; the application probably lacks {name}"))
                        .unwrap_or_default();
                    Verdict::Final(Failure::Failed(Fault::Permission(format!("{}{missing}", why("refuses")))))
                }
                Some(error) => Verdict::Final(Failure::Refused(Refusal {
                    status,
                    code: one_line(&error.code, 100),
                    message: one_line(error.message.as_deref().unwrap_or_default(), WORDS),
                    request_id: id,
                })),
                // Graph means "begin anew" by it, whatever else it says.
                None if status == 410 => Verdict::Final(Failure::Refused(Refusal {
                    status,
                    code: String::new(),
                    message: String::new(),
                    request_id: id,
                })),
                // Somebody in between says no. A plugin would take it for Graph's word that somebody is gone.
                None => Verdict::Again(Passing::unusable(why("refuses"))),
            },
            _ => Verdict::Again(Passing::unusable(why("answers"))),
        }
    }
}

/// No token, no request.
pub(crate) fn tokenless(error: TokenError) -> Failure {
    Failure::Failed(Fault::from(error))
}
