//! The tenant on a socket: answers over HTTP, and the faults that only a connection can have.

use crate::graph::{self, Answer, Ids, Request};
use crate::login;
use crate::tenant::{Fault, Guid, Logged, Moment, Tenant};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::stream;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The largest body that is taken: Graph's own limit of a request.
const LARGEST: usize = 4 << 20;
/// How long the beginning of a cut body has to be on its way before the connection closes. Nothing tells when it has been sent.
const ON_ITS_WAY: Duration = Duration::from_millis(20);
/// How much of a huge body is sent at once.
const CHUNK: usize = 64 << 10;

/// A tenant that is being served. It stops when it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// Where it is: `http://127.0.0.1:4000`. Graph is behind `/v1.0`, the sign-in behind the tenant's id.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more connections, ends those that wait for a request, and returns when all others are answered.
    pub async fn stop(mut self) {
        // Nobody listens any more if it has ended on its own.
        self.stop.take().map(|stop| stop.send(()).ok());
        if let Some(task) = self.task.take() {
            task.await.ok();
        }
    }
}

impl Tenant {
    /// Serves the tenant at an address, as `127.0.0.1:0` for any free port. It needs a tokio runtime with time and network.
    pub async fn serve_at(&self, address: &str) -> io::Result<Server> {
        self.serve(TcpListener::bind(address).await?)
    }

    /// Serves the tenant to whoever connects. It may be served in several places at once.
    pub fn serve(&self, listener: TcpListener) -> io::Result<Server> {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let app = Router::new().fallback(handle).with_state(self.clone());
        let task = tokio::spawn(async move {
            let until = async {
                // A server that is dropped stops as one that is told to.
                stopped.await.ok();
            };
            axum::serve(listener, app).with_graceful_shutdown(until).await.ok();
        });
        Ok(Server { address, stop: Some(stop), task: Some(task) })
    }
}

async fn handle(State(tenant): State<Tenant>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let mut request = Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
        base: String::new(),
    };
    let host = request.header("host").or_else(|| parts.uri.host()).unwrap_or("localhost");
    let scheme = request.header("x-forwarded-proto").unwrap_or("http");
    request.base = format!("{scheme}://{host}");
    let body = to_bytes(body, LARGEST).await;

    let (number, fault, ids) = {
        let mut state = tenant.state();
        let number = state.requests.next();
        let fault = state.faults.strike(&request.target(), false);
        let id = Guid::of(state.chance, "request", u32::try_from(number & 0xffff_ffff).unwrap_or(0));
        let client = request.header("client-request-id").map_or_else(|| id.to_string(), str::to_owned);
        (number, fault, Ids { request: id, client })
    };
    if let Some(Fault::Slow(time)) = fault {
        tokio::time::sleep(time).await;
    }
    let answer = match body {
        Ok(body) => {
            request.body = body.to_vec();
            struck(&tenant, &mut request, &ids, fault.as_ref())
        }
        Err(_) => {
            graph::error(413, "RequestEntityTooLarge", "The request is too large.").answer(&ids, tenant.now())
        }
    };
    let now = {
        let mut state = tenant.state();
        let status = if matches!(fault, Some(Fault::Drop)) { 0 } else { answer.status };
        let items = answer.items.clone();
        state.requests.push(Logged {
            number,
            method: request.method.clone(),
            path: request.target(),
            status,
            items,
        });
        state.now
    };
    response(answer, &ids, now, fault.as_ref())
}

/// The answer to a request, or what a fault makes of it.
fn struck(tenant: &Tenant, request: &mut Request, ids: &Ids, fault: Option<&Fault>) -> Answer {
    match fault {
        Some(Fault::Status { code, error, retry_after }) => {
            graph::struck(*code, error, retry_after.clone()).answer(ids, tenant.now())
        }
        Some(Fault::Entra { error, number }) => login::refused(error, *number, ids, tenant.now()),
        Some(Fault::WrongJson) => Answer::json(200, b"<html><body>It works!</body></html>".to_vec()),
        Some(Fault::WrongShape) => Answer::json(200, graph::wrong_shape()),
        Some(Fault::Huge(_)) => Answer::json(200, Vec::new()),
        Some(Fault::Redirect(to)) => Answer {
            status: 302,
            headers: vec![("location", to.clone())],
            body: Vec::new(),
            items: Vec::new(),
        },
        other => {
            if let Some(Fault::ForeignLink(base)) = other {
                request.base.clone_from(base);
            }
            if matches!(request.path.split('/').nth(1), Some("v1.0" | "beta")) {
                graph::answer(tenant, request, ids)
            } else {
                login::answer(tenant, request, ids)
            }
        }
    }
}

fn response(answer: Answer, ids: &Ids, now: Moment, fault: Option<&Fault>) -> Response {
    let length = answer.body.len();
    let (body, promised) = match fault {
        Some(Fault::CutBody(bytes)) => {
            (cut(answer.body, *bytes), Some(length.max(bytes.saturating_add(1)) as u64))
        }
        Some(Fault::Drop) => (broken(), Some(1)),
        Some(Fault::Huge(bytes)) => (huge(*bytes), Some(*bytes)),
        _ => (Body::from(answer.body), None),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        // A value that no header can have is left out.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    for (name, value) in &answer.headers {
        put(name, value);
    }
    put("request-id", &ids.request.to_string());
    put("client-request-id", &ids.client);
    put("date", &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    put("x-usher-simulated", "true");
    if let Some(promised) = promised {
        put("content-length", &promised.to_string());
    }
    response
}

/// So much of a body, then the end of the connection.
fn cut(mut body: Vec<u8>, bytes: usize) -> Body {
    body.truncate(bytes);
    let first = Some(Bytes::from(body)).filter(|first| !first.is_empty());
    Body::from_stream(stream::unfold((first, false), |(first, sent)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, true)));
        }
        if sent {
            tokio::time::sleep(ON_ITS_WAY).await;
        }
        Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), (None, false)))
    }))
}

/// The end of the connection.
fn broken() -> Body {
    Body::from_stream(stream::once(async {
        Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))
    }))
}

/// JSON of so many bytes: an empty list and padding.
fn huge(bytes: u64) -> Body {
    const HEAD: &[u8] = br#"{"value":[],"padding":""#;
    const TAIL: &[u8] = br#""}"#;
    let padding = bytes.saturating_sub((HEAD.len() + TAIL.len()) as u64);
    let spread = Bytes::from(vec![b'x'; CHUNK]);
    let chunks = (0..padding.div_ceil(CHUNK as u64)).map(move |number| {
        let left = padding - number * CHUNK as u64;
        spread.slice(..usize::try_from(left).unwrap_or(CHUNK).min(CHUNK))
    });
    let ends = [Bytes::from_static(HEAD)].into_iter().chain(chunks).chain([Bytes::from_static(TAIL)]);
    Body::from_stream(stream::iter(ends.map(Ok::<_, io::Error>)))
}
