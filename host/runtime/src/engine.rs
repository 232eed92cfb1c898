//! One way of using Wasmtime: async, interrupted by epochs, instances from a pool where the address space allows it.

use crate::limits::TICK_MS;
use std::time::Duration;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

/// Instances that can live at once in the pool: each slot reserves 4 GiB of addresses, of which a process has 128 TiB; a run holds a
/// method and a handful of policies.
pub(crate) const POOLED_INSTANCES: u32 = 1_000;
/// Core instances, memories and tables that one component may have in the pool: as [`crate::limits::INSTANCES`]; a component has one
/// memory for each language inside, seldom more than one.
const POOLED_CORE_INSTANCES: u32 = 200;
const POOLED_MEMORIES: u32 = 4;
const POOLED_TABLES: u32 = 16;
/// Bookkeeping of one component or core instance; interpreters have many functions.
const POOLED_INSTANCE_BYTES: usize = 4 << 20;
/// Pooled tables can't be larger.
const POOLED_TABLE_ELEMENTS: usize = crate::limits::TABLE_ELEMENTS as usize;
/// Slots kept warm after use: they hold on to memory that a quiet host should give back.
const WARM_SLOTS: u32 = 16;

/// Addresses reserved for a memory outside a pool, so that it seldom moves when it grows: a policy's whole memory.
const RESERVED_BYTES: u64 = crate::limits::POLICY_MEMORY_BYTES;

/// An engine and its ticker, with a pool for this many instances if they are any and it can be reserved.
pub(crate) fn start(instances: u32) -> wasmtime::Result<Engine> {
    let engine = match (instances > 0).then(|| Engine::new(&pooled(instances))) {
        Some(Ok(engine)) => engine,
        tried => {
            if let Some(Err(error)) = tried {
                tracing::info!(%error, "no room for a pool of plugin instances; each is allocated by itself");
            }
            Engine::new(&on_demand())?
        }
    };
    tick(&engine)?;
    Ok(engine)
}

fn base() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        // A trap's place in the code helps nobody: plugins come stripped. The panic's message does, and is on standard error.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false);
    config
}

fn pooled(instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_core_instances_per_component(POOLED_CORE_INSTANCES)
        .max_memories_per_component(POOLED_MEMORIES)
        .max_tables_per_component(POOLED_TABLES)
        .max_memories_per_module(POOLED_MEMORIES)
        .max_tables_per_module(POOLED_TABLES)
        .max_component_instance_size(POOLED_INSTANCE_BYTES)
        .max_core_instance_size(POOLED_INSTANCE_BYTES)
        .table_elements(POOLED_TABLE_ELEMENTS)
        .max_unused_warm_slots(WARM_SLOTS);
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// For processes whose address space is limited: small reservations, checked in code instead of by guard pages.
fn on_demand() -> Config {
    let mut config = base();
    config
        .memory_reservation(RESERVED_BYTES)
        .memory_guard_size(0)
        .memory_reservation_for_growth(RESERVED_BYTES);
    config
}

/// Advances the epoch from a thread of its own, which ends with the engine: guests that keep every async thread busy must be
/// interrupted too.
fn tick(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("usher-ticker".into()).spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(TICK_MS));
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_allocating_start() {
        Engine::new(&on_demand()).unwrap();
        Engine::new(&pooled(10)).unwrap();
    }
}
