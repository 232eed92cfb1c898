//! Where a browser on this machine comes back to after a sign-in (RFC 8252, section 7.3): a server on the loopback interface, for as
//! long as it is waited for.

use crate::error::{CliError, Status};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use url::Url;

/// How long a browser is given to take its last answer.
const GOODBYE: Duration = Duration::from_secs(5);

/// What a browser is told.
enum Reply {
    Page(String),
    Elsewhere(String),
}

/// A browser that came back, and waits for an answer.
pub struct Visit {
    query: String,
    reply: oneshot::Sender<Reply>,
}

impl Visit {
    /// What it came back with.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Shows a sentence. A browser that has gone meanwhile needs none.
    pub fn say(self, sentence: &str) {
        self.reply.send(Reply::Page(sentence.to_owned())).ok();
    }

    /// Sends it on.
    pub fn send_to(self, url: &Url) {
        self.reply.send(Reply::Elsewhere(url.to_string())).ok();
    }
}

/// The open server.
pub struct Callback {
    address: String,
    visits: mpsc::Receiver<Visit>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn failed(why: String, advice: &str) -> CliError {
    CliError {
        status: Status::Failed,
        class: "sign_in".to_owned(),
        message: why,
        advice: Some(advice.to_owned()),
    }
}

impl Callback {
    /// Opens it at a port of the loopback interface, any free one by default.
    pub async fn open(port: Option<u16>) -> Result<Self, CliError> {
        let unopened = |error: std::io::Error| {
            failed(
                format!("no browser can come back here: {error}"),
                "choose another port with --callback-port, or sign in with --device",
            )
        };
        let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await.map_err(unopened)?;
        let port = listener.local_addr().map_err(unopened)?.port();
        let (visitor, visits) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        // Whatever else a browser asks for (`/favicon.ico`) isn't here.
        let app = Router::new().route("/", get(visited)).with_state(visitor);
        let task = tokio::spawn(async move {
            let until = async { stopped.await.unwrap_or_default() };
            axum::serve(listener, app).with_graceful_shutdown(until).await.ok();
        });
        Ok(Self { address: format!("http://localhost:{port}"), visits, stop, task })
    }

    /// The address to come back to. Entra doesn't compare the port of one on loopback.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for a browser.
    pub async fn visit(&mut self, patience: Duration) -> Result<Visit, CliError> {
        match tokio::time::timeout(patience, self.visits.recv()).await {
            Ok(Some(visit)) => Ok(visit),
            Ok(None) | Err(_) => {
                Err(failed("nobody came back from the sign-in".to_owned(), "begin it again"))
            }
        }
    }

    /// Ends it when every browser has its answer, or is too slow in taking it.
    pub async fn close(mut self) {
        self.stop.send(()).ok();
        drop(self.visits);
        if tokio::time::timeout(GOODBYE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn visited(State(visitor): State<mpsc::Sender<Visit>>, RawQuery(query): RawQuery) -> Response {
    // Every answer of Entra's has a state in it; whatever else calls here is not the browser that is waited for.
    let Some(query) = query.filter(|query| query.split('&').any(|pair| pair.starts_with("state="))) else {
        return page(StatusCode::NOT_FOUND, "There is nothing here.");
    };
    let (reply, answer) = oneshot::channel();
    let over = "This sign-in is over. Begin it again.";
    if visitor.send(Visit { query, reply }).await.is_err() {
        return page(StatusCode::GONE, over);
    }
    match answer.await {
        Ok(Reply::Page(sentence)) => page(StatusCode::OK, &sentence),
        Ok(Reply::Elsewhere(url)) => match HeaderValue::from_str(&url) {
            Ok(url) => (StatusCode::SEE_OTHER, [(LOCATION, url)]).into_response(),
            Err(_) => page(StatusCode::INTERNAL_SERVER_ERROR, over),
        },
        Err(_) => page(StatusCode::GONE, over),
    }
}

fn page(status: StatusCode, sentence: &str) -> Response {
    let text = sentence.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // The address has a code in it.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    (status, headers, format!("<!DOCTYPE html><title>Usher</title><p>{text}</p>")).into_response()
}
