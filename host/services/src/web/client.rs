//! The client: one request, one answer, both within limits.

use super::address::Address;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Request, RequestBuilder};
use std::error::Error;
use std::time::Duration;
use usher_runtime::one_line;

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To reach the server, TLS included.
    pub connect: Duration,
    /// For all of it, to the last byte of the answer.
    pub whole: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, as long as a lost packet needs to be sent again three times; 60 s in all: a page comes within seconds or not at all.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), whole: Duration::from_secs(60) }
    }
}

/// A client that can't be made, because the system's certificates can't be read.
#[derive(Debug, thiserror::Error)]
#[error("can't make an HTTPS client for {host}: {why}")]
pub struct WebError {
    host: String,
    why: String,
}

/// An HTTP client for one server.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    client: Client,
    host: String,
    timeouts: Timeouts,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A request without a usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nothing was sent: no name, no route, nobody listens, no trust.
    Unreached(String),
    /// Sent, and not answered in time.
    Late { why: String, spent: Duration },
    /// The connection broke, or the answer isn't HTTP.
    CutOff(String),
    /// The answer is longer than was allowed.
    TooLarge { most: usize, why: String },
}

impl Broken {
    /// What happened, with the host's name: no query, no header.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Unreached(why)
            | Self::Late { why, .. }
            | Self::CutOff(why)
            | Self::TooLarge { why, .. } => why,
        }
    }

    /// The time it took, where that is what went wrong.
    pub(crate) fn spent(&self) -> Duration {
        match self {
            Self::Late { spent, .. } => *spent,
            Self::Unreached(_) | Self::CutOff(_) | Self::TooLarge { .. } => Duration::ZERO,
        }
    }
}

impl Web {
    /// A client for the server at this address.
    pub(crate) fn to(address: &Address, timeouts: Timeouts) -> Result<Self, WebError> {
        let mut builder = Client::builder()
            .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.whole)
            .https_only(!address.is_this_machine());
        if address.is_this_machine() {
            // A proxy for plain http would see the token.
            builder = builder.no_proxy();
        }
        let host = address.host();
        match builder.build() {
            Ok(client) => Ok(Self { client, host, timeouts }),
            Err(error) => Err(WebError { host, why: root_cause(&error) }),
        }
    }

    /// The server's name and port, for sentences.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn get(&self, url: reqwest::Url) -> RequestBuilder {
        self.client.get(url)
    }

    pub(crate) fn post(&self, url: reqwest::Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Sends a request and reads its answer, of at most so many bytes, counted unfolded.
    pub(crate) async fn send(&self, request: RequestBuilder, most: usize) -> Result<Answer, Broken> {
        self.execute(request.build().map_err(|error| self.broken(&error))?, most).await
    }

    /// As `send`.
    pub(crate) async fn execute(&self, request: Request, most: usize) -> Result<Answer, Broken> {
        let mut response = self.client.execute(request).await.map_err(|error| self.broken(&error))?;
        let too_large =
            || Broken::TooLarge { most, why: format!("{} answers with more than {most} bytes", self.host) };
        let expected = response.content_length().and_then(|length| usize::try_from(length).ok());
        if expected.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(expected.unwrap_or_default());
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if body.len() + chunk.len() > most {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }

    fn broken(&self, error: &reqwest::Error) -> Broken {
        let (host, cause) = (&self.host, root_cause(error));
        if error.is_timeout() {
            let spent = if error.is_connect() { self.timeouts.connect } else { self.timeouts.whole };
            let what = if error.is_connect() { "can't be reached" } else { "doesn't answer" };
            return Broken::Late { why: format!("{host} {what} within {} s", spent.as_secs_f64()), spent };
        }
        if error.is_connect() || error.is_builder() {
            return Broken::Unreached(format!("can't reach {host}: {cause}"));
        }
        Broken::CutOff(format!("the answer of {host} broke off: {cause}"))
    }
}

/// The innermost reason. The outer texts name the whole address, with its query.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: Option<&dyn Error> = error.source();
    let mut text = None;
    while let Some(inner) = cause {
        text = Some(inner.to_string());
        cause = inner.source();
    }
    one_line(&text.unwrap_or_else(|| "the request can't be made".to_owned()), 300)
}
