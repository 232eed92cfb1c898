//! Graph as a plugin meets it, against a server that answers as each test says.

mod ahead;
mod batches;
mod pages;
mod tokens;
mod tries;

use super::*;
use crate::clock::FixedClock;
use crate::oauth::{AccessToken, Cloud, Secret, TokenError, TokenSource};
use crate::web::server::{Reply, Seen, Server};
use crate::web::still::{StillPauses, still};
use crate::web::{Pace, Timeouts};
use serde_json::json;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use usher_runtime::contract::graph::Refusal;

const PATHS: [&str; 6] =
    ["/users", "/users/delta", "/users/{id}", "/groups/{id}/members", "/organization", "/chain/{name}"];

/// Tokens `token 1`, `token 2`, …: a new one after each refusal.
#[derive(Debug, Default)]
struct Numbered(AtomicUsize);

impl TokenSource for Numbered {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken, TokenError>> {
        let text = format!("token-{}", self.0.load(Ordering::SeqCst) + 1);
        let now = jiff::Timestamp::UNIX_EPOCH;
        Box::pin(async move { Ok(AccessToken::new(Secret::new(text), now, now)) })
    }

    fn refused<'a>(&'a self, _: &'a AccessToken) -> BoxFuture<'a, ()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {})
    }
}

struct Set {
    graph: Graph,
    pauses: Arc<StillPauses>,
    server: Server,
}

async fn set(server: Server) -> Set {
    let (pace, pauses) = still();
    let graph = graph(&server, GraphOptions { pace, ..GraphOptions::default() });
    Set { graph, pauses, server }
}

fn graph(server: &Server, options: GraphOptions) -> Graph {
    graph_with(server.address(), options, Arc::new(Numbered::default()))
}

fn graph_with(address: &str, options: GraphOptions, tokens: Arc<dyn TokenSource>) -> Graph {
    let cloud = Cloud::custom(address, address).unwrap();
    let clock = Arc::new(FixedClock::new("2026-11-22T08:00:00Z".parse().unwrap()));
    let client = GraphClient::new(&cloud, tokens, clock, options).unwrap();
    Graph::new(client, Paths::new(PATHS).unwrap())
}

fn first(path: &str) -> Place {
    Place::First(Request { path: path.to_owned(), eventual: false })
}

fn requests(paths: impl IntoIterator<Item = String>) -> Vec<Request> {
    paths.into_iter().map(|path| Request { path, eventual: false }).collect()
}

fn fault(failure: Failure) -> Fault {
    match failure {
        Failure::Failed(fault) => fault,
        Failure::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// The sentence of a fault that has one.
fn why(fault: Fault) -> String {
    match fault {
        Fault::Auth(why)
        | Fault::Permission(why)
        | Fault::Network(why)
        | Fault::Source(why)
        | Fault::Bug(why) => why,
        other => panic!("{other:?}"),
    }
}

fn error(code: &str) -> String {
    json!({ "error": { "code": code, "message": "Said so.", "innerError": { "request-id": "r-1" } } })
        .to_string()
}

fn seconds(pauses: &StillPauses) -> Vec<u64> {
    pauses.made().iter().map(Duration::as_secs).collect()
}

#[tokio::test]
async fn only_a_run_with_a_graph_is_offered_it() {
    let run = || crate::Services::new(jiff::Timestamp::UNIX_EPOCH);
    assert!(!run().offer().has("graph"));
    let server = Server::script([Reply::ok("{}")]).await;
    let with = run().graph(graph(&server, GraphOptions::default()));
    assert!(with.offer().has("graph") && with.clone().offer().has("graph"));
    assert!(crate::serves("graph") && crate::serves("files") && !crate::serves("ldap"));
}
