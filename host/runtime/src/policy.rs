//! An instance of a policy, with a function for each export of `wit/hook.wit`.

use crate::about::Kind;
use crate::answers;
use crate::contract::PolicyWorld;
use crate::contract::hook::{Candidate, Verdict};
use crate::contract::model::{Group, Problem};
use crate::door::Spent;
use crate::fault::CallError;
use crate::instance::{Instance, Live, World, in_time};
use crate::service::BoxFuture;
use crate::state::State;
use wasmtime::Store;
use wasmtime::component::InstancePre;

impl World for PolicyWorld {
    const KIND: Kind = Kind::Policy;

    fn instantiate<'a>(
        pre: InstancePre<State>,
        store: &'a mut Store<State>,
    ) -> BoxFuture<'a, wasmtime::Result<Self>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let instance = pre.instantiate_async(&mut *store).await?;
            Self::new(&mut *store, &instance)
        })
    }
}

/// A policy at work. Calls after one that broke it answer [`crate::FaultKind::Gone`].
#[derive(Debug)]
pub struct Policy(pub(crate) Instance<PolicyWorld>);

impl Policy {
    /// Hands over the settings: JSON that has passed the schema. Problems are the plugin's own.
    pub async fn configure(&mut self, settings: &str) -> Result<Result<(), Vec<Problem>>, CallError> {
        let Live { mut store, world } = self.0.begin("configure")?;
        let call = world.usher_plugin_hook().call_configure(&mut store, settings);
        let answered = in_time(self.0.limits(), call).await;
        match self.0.end("configure", Live { store, world }, answered)? {
            Ok(()) => Ok(Ok(())),
            Err(problems) => Ok(Err(self.0.checked("configure", problems, answers::problems)?)),
        }
    }

    /// One verdict for each user, in order. `day` is the run's date, for policies that read it.
    pub async fn review_users(
        &mut self,
        candidates: &[Candidate],
        day: Option<&str>,
    ) -> Result<Vec<Verdict>, CallError> {
        let Live { mut store, world } = self.0.begin("review-users")?;
        let call = world.usher_plugin_hook().call_review_users(&mut store, candidates, day);
        let answered = in_time(self.0.limits(), call).await;
        self.0.end_checked("review-users", Live { store, world }, answered, |verdicts, limits| {
            answers::verdicts(verdicts, candidates.len(), limits)
        })
    }

    /// One verdict for each group, in order.
    pub async fn review_groups(
        &mut self,
        groups: &[Group],
        day: Option<&str>,
    ) -> Result<Vec<Verdict>, CallError> {
        let Live { mut store, world } = self.0.begin("review-groups")?;
        let call = world.usher_plugin_hook().call_review_groups(&mut store, groups, day);
        let answered = in_time(self.0.limits(), call).await;
        self.0.end_checked("review-groups", Live { store, world }, answered, |verdicts, limits| {
            answers::verdicts(verdicts, groups.len(), limits)
        })
    }

    /// What the last call used.
    pub fn spent(&self) -> Spent {
        self.0.spent()
    }
}
