//! One instance of a plugin, fenced: every call of an export goes through [`Instance::call`].

use crate::about::Kind;
use crate::answers;
use crate::contract::model::Fault;
use crate::door::Spent;
use crate::fault::{CallError, Ended, FaultKind, PluginFault};
use crate::grant::Grant;
use crate::limits::Limits;
use crate::plugin::Plugin;
use crate::service::{BoxFuture, Services};
use crate::state::{self, State};
use crate::wasi::RunEnvironment;
use std::fmt;
use std::time::Duration;
use wasmtime::Store;
use wasmtime::component::InstancePre;

/// The bindings of a world.
pub(crate) trait World: Sized + Send + Sync {
    /// The kind of plugin that is made for it.
    const KIND: Kind;

    fn instantiate<'a>(
        pre: InstancePre<State>,
        store: &'a mut Store<State>,
    ) -> BoxFuture<'a, wasmtime::Result<Self>>
    where
        Self: 'a;
}

/// A store and the instance in it.
pub(crate) struct Live<W> {
    pub(crate) store: Store<State>,
    pub(crate) world: W,
}

/// An instance that works, or what became of it.
pub(crate) struct Instance<W> {
    plugin: Plugin,
    limits: Limits,
    live: Option<Live<W>>,
    spent: Spent,
}

impl<W> fmt::Debug for Instance<W> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.live.is_some() { "live" } else { "gone" };
        write!(out, "{:?}, {state}", self.plugin)
    }
}

impl<W: World> Instance<W> {
    pub(crate) async fn start(
        plugin: &Plugin,
        grant: &Grant,
        services: Services,
        limits: &Limits,
        run: RunEnvironment,
    ) -> Result<Self, CallError> {
        let (pre, services) = plugin.prepare(W::KIND, grant, services)?;
        let mut store = State::store(pre.engine(), limits, services, &run);
        state::begin(&mut store);
        let mut instance =
            Self { plugin: plugin.clone(), limits: limits.clone(), live: None, spent: Spent::default() };
        let started = in_time(limits, W::instantiate(pre, &mut store)).await;
        match started {
            Ok(world) => {
                instance.live = Some(Live { store, world });
                Ok(instance)
            }
            Err(ended) => Err(instance.broken("start", ended, Some(&store)).into()),
        }
    }

    /// A call of an export begins, with full budgets. The instance is taken out until [`Self::end`], so that a call whose future
    /// is dropped half-way leaves no instance behind.
    pub(crate) fn begin(&mut self, name: &'static str) -> Result<Live<W>, CallError> {
        let Some(mut live) = self.live.take() else {
            let what = "was called on an instance that an earlier call has broken";
            return Err(self.broken(name, Ended::by(FaultKind::Gone, what), None).into());
        };
        state::begin(&mut live.store);
        Ok(live)
    }

    /// What came of the call. Whatever isn't an answer ends the instance.
    pub(crate) fn end<R>(
        &mut self,
        name: &'static str,
        live: Live<W>,
        answered: Result<R, Ended>,
    ) -> Result<R, CallError> {
        self.spent = live.store.data().spent();
        match answered {
            Ok(answer) => {
                self.live = Some(live);
                Ok(answer)
            }
            Err(ended) => Err(self.broken(name, ended, Some(&live.store)).into()),
        }
    }

    /// [`Self::end`] for exports that answer with a result: the answer is checked, a fault made fit to be read.
    pub(crate) fn end_checked<R>(
        &mut self,
        name: &'static str,
        live: Live<W>,
        answered: Result<Result<R, Fault>, Ended>,
        check: impl FnOnce(R, &Limits) -> Result<R, Ended>,
    ) -> Result<R, CallError> {
        match self.end(name, live, answered)? {
            Ok(answer) => self.checked(name, answer, check),
            Err(fault) => Err(CallError::Fault(answers::fault(fault))),
        }
    }

    /// Checks an answer; a breach ends the instance.
    pub(crate) fn checked<R>(
        &mut self,
        name: &'static str,
        answer: R,
        check: impl FnOnce(R, &Limits) -> Result<R, Ended>,
    ) -> Result<R, CallError> {
        check(answer, &self.limits).map_err(|ended| {
            self.live = None;
            self.broken(name, ended, None).into()
        })
    }

    /// What the last call used.
    pub(crate) fn spent(&self) -> Spent {
        self.spent
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn broken(&self, call: &'static str, ended: Ended, store: Option<&Store<State>>) -> PluginFault {
        tracing::debug!(plugin = self.plugin.id(), call, kind = ?ended.kind, "a plugin's instance was thrown away");
        let said = store.and_then(|store| store.data().stderr.last_words());
        PluginFault { said, ..self.plugin.fault(call, ended) }
    }
}

/// Waits for a call, no longer than it may take.
pub(crate) async fn in_time<R>(
    limits: &Limits,
    call: impl Future<Output = wasmtime::Result<R>>,
) -> Result<R, Ended> {
    let most = limits.wall_ms;
    match tokio::time::timeout(Duration::from_millis(most), call).await {
        Ok(answered) => answered.map_err(|error| Ended::with(&error, limits)),
        Err(_) => {
            let what = format!("took longer than {most} ms and was stopped");
            Err(Ended::at("wall_ms", FaultKind::Timeout, what))
        }
    }
}
