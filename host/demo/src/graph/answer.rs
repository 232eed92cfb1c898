//! What goes back: a status, headers, a body.

use super::error::GraphError;
use super::json::Fields;
use crate::tenant::{Guid, Moment};

/// The media type of Graph's JSON.
pub const JSON: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, but those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body, empty if there is none.
    pub body: Vec<u8>,
    /// The requests of a batch: method, path, status.
    pub items: Vec<crate::tenant::BatchItem>,
}

impl Answer {
    /// JSON.
    pub fn json(status: u16, body: Vec<u8>) -> Self {
        let headers = vec![
            ("content-type", JSON.to_owned()),
            ("odata-version", "4.0".to_owned()),
            ("cache-control", "no-cache".to_owned()),
        ];
        Self { status, headers, body, items: Vec::new() }
    }

    /// A number as plain text, as `/$count` gives it.
    pub fn count(count: usize) -> Self {
        let headers = vec![("content-type", "text/plain".to_owned()), ("odata-version", "4.0".to_owned())];
        Self { status: 200, headers, body: count.to_string().into_bytes(), items: Vec::new() }
    }

    /// Done, and nothing to say.
    pub fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new(), items: Vec::new() }
    }
}

/// What names a request: Graph's id of it and the client's.
#[derive(Clone, Debug)]
pub struct Ids {
    /// `request-id`.
    pub request: Guid,
    /// `client-request-id`: what the client sent, or the same as the other.
    pub client: String,
}

impl GraphError {
    /// Graph's envelope of an error.
    pub fn answer(&self, ids: &Ids, now: Moment) -> Answer {
        let date = now.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let request = ids.request.to_string();
        let mut body = Vec::new();
        let mut outer = Fields::open(&mut body);
        let mut error = Fields::open(outer.name("error"));
        error.field("code", &self.code);
        error.field("message", &self.message);
        let mut inner = Fields::open(error.name("innerError"));
        if self.status == 429 {
            inner.field("code", "429");
            inner.field("message", "Come again when the time in Retry-After has passed.");
            inner.field("status", "429");
        }
        inner.field("date", &date);
        inner.field("request-id", &request);
        inner.field("client-request-id", &ids.client);
        inner.close();
        error.close();
        outer.close();
        let mut headers =
            vec![("content-type", "application/json".to_owned()), ("cache-control", "no-cache".to_owned())];
        headers.extend(self.headers.iter().cloned());
        Answer { status: self.status, headers, body, items: Vec::new() }
    }
}
