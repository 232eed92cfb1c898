//! What a store holds for one instance: the empty WASI, the fences, and the services it was given.

use crate::door::{Door, Spent};
use crate::fault::Stop;
use crate::limits::Limits;
use crate::service::Services;
use crate::wasi::{self, RunEnvironment, Tail};
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// One instance's data.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    fence: Fence,
    pub(crate) door: Door,
    pub(crate) services: Services,
    pub(crate) stderr: Tail,
    ticks: u64,
    most_ticks: u64,
    cpu_ms: u64,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl State {
    /// A store with every fence up, in which nothing may run before [`begin`].
    pub(crate) fn store(
        engine: &Engine,
        limits: &Limits,
        services: Services,
        run: &RunEnvironment,
    ) -> Store<State> {
        let stderr = Tail::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        let mut store = Store::new(
            engine,
            State {
                wasi: wasi::context(run, &stderr),
                table,
                fence: Fence { memory: 0, table: 0, limits: limits.clone() },
                door: Door::new(limits),
                services,
                stderr,
                ticks: 0,
                most_ticks: limits.ticks(),
                cpu_ms: limits.cpu_ms,
            },
        );
        store.limiter(|state| &mut state.fence);
        store.set_hostcall_fuel(usize::try_from(limits.transfer_bytes).unwrap_or(usize::MAX));
        store.set_max_component_handles(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        // Called when the guest has run into the next tick. It gives the thread away and goes on with a deadline one tick later
        // than the moment it gets it back, so only ticks in which it ran itself are counted.
        store.epoch_deadline_callback(|mut store| {
            let state = store.data_mut();
            state.ticks += 1;
            if state.ticks >= state.most_ticks {
                return Err(wasmtime::Error::new(Stop::Cpu(state.cpu_ms)));
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        store
    }

    /// What the current call has used.
    pub(crate) fn spent(&self) -> Spent {
        let (host_calls, host_bytes) = self.door.used();
        Spent { ticks: self.ticks, host_calls, host_bytes }
    }
}

/// A call of the guest begins: its budgets are full again.
pub(crate) fn begin(store: &mut Store<State>) {
    let state = store.data_mut();
    state.ticks = 0;
    state.door.reset();
    store.set_epoch_deadline(1);
}

/// Memory and tables of all core instances together. What doesn't fit traps: a guest told "no" would only panic with a worse message.
struct Fence {
    memory: u64,
    table: u64,
    limits: Limits,
}

impl Fence {
    fn grow(used: &mut u64, current: usize, desired: usize, most: u64) -> bool {
        let grown = used.saturating_add(desired.saturating_sub(current) as u64);
        let fits = grown <= most;
        if fits {
            *used = grown;
        }
        fits
    }
}

impl ResourceLimiter for Fence {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let most = self.limits.memory_bytes;
        if maximum.is_some_and(|maximum| desired > maximum)
            || !Self::grow(&mut self.memory, current, desired, most)
        {
            return Err(wasmtime::Error::new(Stop::Memory(most)));
        }
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error.context(Stop::Memory(self.limits.memory_bytes)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let most = self.limits.table_elements;
        if maximum.is_some_and(|maximum| desired > maximum)
            || !Self::grow(&mut self.table, current, desired, most)
        {
            return Err(wasmtime::Error::new(Stop::Table(most)));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        usize::try_from(self.limits.instances).unwrap_or(usize::MAX)
    }

    fn tables(&self) -> usize {
        self.instances()
    }

    fn memories(&self) -> usize {
        self.instances()
    }
}
