//! Reading ahead: while a plugin works on a page, the next one is on its way.
//!
//! One page ahead of each chain. What isn't asked for is given up with the run, or for a newer chain. Trouble is kept until somebody asks.

use super::client::{GraphClient, Stopped};
use super::paths::Checked;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::task::JoinHandle;
use usher_runtime::contract::graph::Page;

/// Chains that are read ahead: users, groups, and the members of a few groups.
const CHAINS: usize = 4;
/// The longest page that is kept; 999 users have 1 MB. With the number of chains this bounds the memory.
const PAGE_BYTES: usize = 8 << 20;

/// The pages under way. The oldest is first.
#[derive(Debug, Default)]
pub(crate) struct Ahead(Mutex<VecDeque<(String, Task)>>);

/// A request under way; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<Result<Page, Stopped>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Task {
    /// What came, or nothing if it wasn't kept.
    pub(crate) async fn page(mut self) -> Option<Result<Page, Stopped>> {
        match (&mut self.0).await {
            Ok(Err(Stopped::TooLarge(_))) | Err(_) => None,
            Ok(result) => Some(result),
        }
    }
}

impl Ahead {
    /// Begins to fetch this link.
    pub(crate) fn begin(&self, client: &GraphClient, link: &str, path: Checked, eventual: bool) {
        let client = client.clone();
        let most = client.body_bytes().min(PAGE_BYTES);
        let task = tokio::spawn(async move { client.page(&path, eventual, most).await });
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|(of, _)| of != link);
        if tasks.len() >= CHAINS {
            tasks.pop_front();
        }
        tasks.push_back((link.to_owned(), Task(task)));
    }

    /// The request for this link, if it is under way or done.
    pub(crate) fn take(&self, link: &str) -> Option<Task> {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = tasks.iter().position(|(of, _)| of == link)?;
        tasks.remove(at).map(|(_, task)| task)
    }
}
