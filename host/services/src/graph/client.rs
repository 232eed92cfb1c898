//! The client of one connection: adds the token, keeps to the budget, tries again.

use super::links::{BadPage, Root};
use super::paths::Checked;
use super::verdict::{No, Passing, Verdict, tokenless};
use crate::clock::Clock;
use crate::oauth::{AccessToken, Cloud, TokenSource};
use crate::web::{Answer, Broken, Pace, Timeouts, Web, WebError, retry_after};
use reqwest::RequestBuilder;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use usher_runtime::contract::graph::{Failure, Page};
use usher_runtime::contract::model::Fault;
use uuid::Uuid;

/// What a client may use of Graph and of this host.
#[derive(Clone, Debug)]
pub struct GraphOptions {
    /// How failed requests are tried again.
    pub pace: Pace,
    /// Requests at once: Graph throttles an application that has too many, and one line is rarely faster with more.
    pub at_once: usize,
    /// The longest answer, unfolded. As much as one call may hand over.
    pub body_bytes: usize,
    /// How long a request may take.
    pub timeouts: Timeouts,
}

impl Default for GraphOptions {
    fn default() -> Self {
        Self { pace: Pace::default(), at_once: 4, body_bytes: 16 << 20, timeouts: Timeouts::default() }
    }
}

/// A client for Microsoft Graph in the name of one connection. Cheap to clone; clones share budget, tokens and lines.
#[derive(Clone)]
pub struct GraphClient(pub(super) Arc<Shared>);

pub(super) struct Shared {
    root: Root,
    web: Web,
    tokens: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    budget: Semaphore,
    options: GraphOptions,
}

impl fmt::Debug for GraphClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("GraphClient").field("root", &self.0.root).field("tokens", &self.0.tokens).finish()
    }
}

/// Why a request has no answer for the plugin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stopped {
    /// The plugin is told.
    Failed(Failure),
    /// The answer is longer than this request was allowed.
    TooLarge(String),
}

impl Stopped {
    pub(crate) fn failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::TooLarge(why) => Failure::Failed(Fault::Source(why)),
        }
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Failed(Failure::Failed(fault))
    }
}

impl GraphClient {
    /// A client for this cloud's Graph, version v1.0.
    pub fn new(
        cloud: &Cloud,
        tokens: Arc<dyn TokenSource>,
        clock: Arc<dyn Clock>,
        options: GraphOptions,
    ) -> Result<Self, WebError> {
        let web = Web::to(cloud.graph(), options.timeouts)?;
        let budget = Semaphore::new(options.at_once.max(1));
        let root = Root::new(cloud.graph().clone());
        Ok(Self(Arc::new(Shared { root, web, tokens, clock, budget, options })))
    }

    pub(crate) fn host(&self) -> &str {
        self.0.web.host()
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.0.options.pace
    }

    pub(crate) fn at_once(&self) -> usize {
        self.0.options.at_once.max(1)
    }

    pub(crate) fn body_bytes(&self) -> usize {
        self.0.options.body_bytes
    }

    /// How long an answer asks to wait.
    pub(crate) fn pause_asked(&self, value: Option<&str>, date: Option<&str>) -> Option<Duration> {
        retry_after(value?, date, self.0.clock.now())
    }

    /// A path as it stands in a batch.
    pub(crate) fn item(&self, path: &Checked) -> Result<String, Fault> {
        self.0.root.item(path).ok_or_else(|| unaddressable("a path"))
    }

    /// A page of at most so many bytes.
    pub(crate) async fn page(&self, path: &Checked, eventual: bool, most: usize) -> Result<Page, Stopped> {
        let url = self.0.root.url(path).ok_or_else(|| unaddressable("a path"))?;
        let request = || {
            let request = self.0.web.get(url.clone());
            if eventual { request.header("ConsistencyLevel", "eventual") } else { request }
        };
        let root = &self.0.root;
        self.ask(Some(path), most, request, |body| {
            let link = root.link(&body, eventual)?;
            Ok(Page { body, link })
        })
        .await
        .map(|(page, _)| page)
    }

    /// The answers to a batch, read from its body, and the token that it was sent with.
    pub(crate) async fn batch<T>(
        &self,
        requests: &str,
        read: impl Fn(String) -> Result<T, BadPage>,
    ) -> Result<(T, AccessToken), Stopped> {
        let url = self.0.root.batch().ok_or_else(|| unaddressable("$batch"))?;
        let request = || {
            self.0.web.post(url.clone()).header(CONTENT_TYPE, "application/json").body(requests.to_owned())
        };
        self.ask(None, self.0.options.body_bytes, request, read).await
    }

    /// The token was refused for an item of a batch: it isn't used any more.
    pub(crate) async fn refused(&self, token: &AccessToken) {
        self.0.tokens.refused(token).await;
    }

    /// Sends a request until there is an answer that can be read, or it is enough.
    async fn ask<T>(
        &self,
        path: Option<&Checked>,
        most: usize,
        request: impl Fn() -> RequestBuilder,
        read: impl Fn(String) -> Result<T, BadPage>,
    ) -> Result<(T, AccessToken), Stopped> {
        let mut tries = self.0.options.pace.begin();
        let mut is_renewed = false;
        loop {
            let token = self.0.tokens.token().await.map_err(|error| Stopped::Failed(tokenless(error)))?;
            let prepared = request()
                .bearer_auth(token.secret().expose())
                .header(ACCEPT, "application/json")
                .header("client-request-id", Uuid::new_v4().to_string());
            let (verdict, spent) = match self.send(prepared, most).await {
                Ok(answer) => (self.judge(path, answer, &read)?, Duration::ZERO),
                Err(Broken::TooLarge { why, .. }) => return Err(Stopped::TooLarge(why)),
                Err(broken) => (Err(Verdict::Again(Passing::broken(&broken))), broken.spent()),
            };
            match verdict {
                Ok(good) => return Ok((good, token)),
                Err(Verdict::Final(failure)) => return Err(Stopped::Failed(failure)),
                Err(Verdict::Unauthorized(why)) if is_renewed => return Err(Fault::Auth(why).into()),
                Err(Verdict::Unauthorized(_)) => {
                    self.0.tokens.refused(&token).await;
                    is_renewed = true;
                }
                Err(Verdict::Again(passing)) => {
                    if let Err(end) = tries.again(passing.after, spent).await {
                        return Err(passing.fault(end).into());
                    }
                }
            }
        }
    }

    /// Takes up one place of the budget, but not during pauses.
    async fn send(&self, request: RequestBuilder, most: usize) -> Result<Answer, Broken> {
        let _place = self.0.budget.acquire().await;
        self.0.web.send(request, most).await
    }

    fn judge<T>(
        &self,
        path: Option<&Checked>,
        answer: Answer,
        read: impl Fn(String) -> Result<T, BadPage>,
    ) -> Result<Result<T, Verdict>, Stopped> {
        let host = self.host();
        let request_id = answer.header("request-id").map(str::to_owned);
        let told = request_id.as_ref().map(|id| format!(" (request-id {})", usher_runtime::one_line(id, 64)));
        let told = told.unwrap_or_default();
        if !(200..300).contains(&answer.status) {
            let no = No {
                host,
                path,
                status: answer.status,
                retry_after: self.pause_asked(answer.header("retry-after"), answer.header("date")),
                request_id: request_id.as_deref(),
                body: &String::from_utf8_lossy(&answer.body),
            };
            return Ok(Err(no.verdict()));
        }
        let body = String::from_utf8(answer.body).map_err(|_| BadPage::NotJson("it is no UTF-8".to_owned()));
        match body.and_then(read) {
            Ok(good) => Ok(Ok(good)),
            Err(BadPage::NotJson(why)) => {
                let why = format!("the answer of {host} can't be read: {why}{told}");
                Ok(Err(Verdict::Again(Passing::unusable(why))))
            }
            Err(BadPage::ForeignLink(what)) => {
                Err(Fault::Source(format!("{host} answers with {what}{told}")).into())
            }
        }
    }
}

/// A checked path makes an address; if it doesn't, the check and the parser disagree, and nothing is sent.
fn unaddressable(what: &str) -> Fault {
    Fault::Bug(format!("asked Graph for {what} that makes no address"))
}
