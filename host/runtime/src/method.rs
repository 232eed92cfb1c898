//! An instance of a method, with a function for each export of `wit/source.wit`.

use crate::about::Kind;
use crate::answers;
use crate::contract::MethodWorld;
use crate::contract::model::{ObjectRef, Problem};
use crate::contract::source::{GroupPage, GroupQuery, MemberPage, Page, Position, Presence, Report};
use crate::door::Spent;
use crate::fault::CallError;
use crate::instance::{Instance, Live, World, in_time};
use crate::service::BoxFuture;
use crate::state::State;
use wasmtime::Store;
use wasmtime::component::InstancePre;

impl World for MethodWorld {
    const KIND: Kind = Kind::Method;

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

/// A method at work. Calls after one that broke it answer [`crate::FaultKind::Gone`].
#[derive(Debug)]
pub struct Method(pub(crate) Instance<MethodWorld>);

impl Method {
    /// Hands over the settings: JSON that has passed the schema, without secrets, with the scope inside. Problems are the plugin's own.
    pub async fn configure(&mut self, settings: &str) -> Result<Result<(), Vec<Problem>>, CallError> {
        let Live { mut store, world } = self.0.begin("configure")?;
        let call = world.usher_plugin_source().call_configure(&mut store, settings);
        let answered = in_time(self.0.limits(), call).await;
        match self.0.end("configure", Live { store, world }, answered)? {
            Ok(()) => Ok(Ok(())),
            Err(problems) => Ok(Err(self.0.checked("configure", problems, answers::problems)?)),
        }
    }

    /// Looks whether the source can be reached.
    pub async fn check(&mut self) -> Result<Report, CallError> {
        let Live { mut store, world } = self.0.begin("check")?;
        let answered = in_time(self.0.limits(), world.usher_plugin_source().call_check(&mut store)).await;
        self.0.end_checked("check", Live { store, world }, answered, answers::report)
    }

    /// Groups to choose from.
    pub async fn groups(&mut self, query: GroupQuery) -> Result<GroupPage, CallError> {
        let Live { mut store, world } = self.0.begin("groups")?;
        let answered =
            in_time(self.0.limits(), world.usher_plugin_source().call_groups(&mut store, &query)).await;
        self.0.end_checked("groups", Live { store, world }, answered, answers::group_page)
    }

    /// Direct members of a group at the source.
    pub async fn members(&mut self, of: &str, after: Option<&str>) -> Result<MemberPage, CallError> {
        let Live { mut store, world } = self.0.begin("members")?;
        let of = of.to_owned();
        let call = world.usher_plugin_source().call_members(&mut store, &of, after);
        let answered = in_time(self.0.limits(), call).await;
        self.0.end_checked("members", Live { store, world }, answered, answers::member_page)
    }

    /// A page of a read.
    pub async fn read(&mut self, at: &Position) -> Result<Page, CallError> {
        let Live { mut store, world } = self.0.begin("read")?;
        let answered = in_time(self.0.limits(), world.usher_plugin_source().call_read(&mut store, at)).await;
        self.0.end_checked("read", Live { store, world }, answered, answers::page)
    }

    /// Whether records are still there: one answer for each, in order.
    pub async fn lookup(&mut self, refs: &[ObjectRef]) -> Result<Vec<Presence>, CallError> {
        let Live { mut store, world } = self.0.begin("lookup")?;
        let answered =
            in_time(self.0.limits(), world.usher_plugin_source().call_lookup(&mut store, refs)).await;
        self.0.end_checked("lookup", Live { store, world }, answered, |found, limits| {
            answers::presences(found, refs, limits)
        })
    }

    /// What the last call used.
    pub fn spent(&self) -> Spent {
        self.0.spent()
    }
}
