//! `graph`: Microsoft Graph as a connection's account sees it (`wit/graph.wit`).
//!
//! A plugin names a path below the version's root; where that is, the token, the pauses and the tries are the host's. What always
//! holds: only GET, only paths that were granted ([`Paths`]), only the origin that was asked; no token goes anywhere else, and none
//! comes into a text that anybody sees.

mod ahead;
mod batch;
mod client;
mod links;
mod paths;
mod permissions;
mod roles;
mod verdict;

pub use batch::{BATCH_BYTES, REQUESTS};
pub use client::{GraphClient, GraphOptions};
pub use paths::{BadPaths, Paths};
pub use roles::directory_roles;

#[cfg(test)]
mod tests;

use crate::oauth::{AccessToken, scopes};
use ahead::Ahead;
use links::unmarked;
use paths::Checked;
use std::sync::Arc;
use usher_runtime::contract::graph::{Failure, Link, Page, Place, Request};
use usher_runtime::contract::model::Fault;
use usher_runtime::{BoxFuture, Functions, LinkError, Service};

/// Graph for one run, shared by its instances.
#[derive(Clone, Debug)]
pub struct Graph(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: GraphClient,
    paths: Paths,
    ahead: Ahead,
}

impl Graph {
    /// Graph by this client, for a plugin that was granted these paths.
    pub fn new(client: GraphClient, paths: Paths) -> Self {
        Self(Arc::new(Shared { client, paths, ahead: Ahead::default() }))
    }

    /// Which of the permissions that its paths need a token lacks, the least ones by name. Nothing where the token doesn't say.
    pub fn lacking(paths: &Paths, token: &AccessToken) -> Vec<&'static str> {
        let Some(has) = scopes::permissions(token) else { return Vec::new() };
        let needed: Vec<_> = permissions::needed(paths).into_iter().collect();
        scopes::lacking(&has, &needed).into_iter().map(permissions::spoken).collect()
    }

    /// One page. When it leads to another, that one is fetched already.
    pub async fn page(&self, at: Place) -> Result<Page, Failure> {
        let shared = &self.0;
        let (link, eventual) = match &at {
            Place::First(request) => (request.path.as_str(), request.eventual),
            Place::At(link) => unmarked(link),
        };
        let path = shared.check(link).map_err(Failure::Failed)?;
        let task = match &at {
            Place::First(_) => None,
            Place::At(link) => shared.ahead.take(link),
        };
        let ahead = match task {
            Some(task) => task.page().await,
            None => None,
        };
        let most = shared.client.body_bytes();
        let page = match ahead {
            Some(page) => page,
            None => shared.client.page(&path, eventual, most).await,
        };
        let page = page.map_err(client::Stopped::failure)?;
        if let Link::Next(next) = &page.link {
            let (link, eventual) = unmarked(next);
            // A link that wasn't granted is refused when the plugin asks for it.
            if let Ok(path) = shared.paths.check(link) {
                shared.ahead.begin(&shared.client, next, path, eventual);
            }
        }
        Ok(page)
    }

    /// Single GETs, 20 in a request: their bodies in the order asked.
    pub async fn batch(&self, requests: Vec<Request>) -> Result<Vec<Result<String, Failure>>, Fault> {
        let asked = requests
            .iter()
            .map(|request| Ok((self.0.check(&request.path)?, request.eventual)))
            .collect::<Result<Vec<_>, Fault>>()?;
        batch::batch(&self.0.client, asked).await
    }
}

impl Shared {
    fn check(&self, path: &str) -> Result<Checked, Fault> {
        self.paths.check(path).map_err(|unfit| Fault::Bug(format!("asked Graph for {unfit}")))
    }
}

impl Service for Graph {
    const INTERFACE: &'static str = "graph";

    fn link(functions: &mut Functions<'_, Self>) -> Result<(), LinkError> {
        type Paged = (Result<Page, Failure>,);
        type Batched = (Result<Vec<Result<String, Failure>>, Fault>,);
        fn get(graph: &mut Graph, (at,): (Place,)) -> BoxFuture<'_, Paged> {
            Box::pin(async move { (graph.page(at).await,) })
        }
        fn batch(graph: &mut Graph, (requests,): (Vec<Request>,)) -> BoxFuture<'_, Batched> {
            Box::pin(async move { (graph.batch(requests).await,) })
        }
        functions.waiting("get", get)?.waiting("batch", batch)?;
        Ok(())
    }
}
