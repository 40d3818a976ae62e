//! The engine: how wasmtime is set up, and the clock that computing time is counted with.
//!
//! It knows nothing of the contract.

use std::hash::{Hash, Hasher};
use std::thread;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::{Limits, TICK};

/// Why no engine could be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refuses this machine or these limits.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// The clock's thread did not start.
    #[error("cannot start the clock that limits computing time: {0}")]
    Clock(#[from] std::io::Error),
    /// The folder for native code cannot be used.
    #[error("cannot use the folder for native code {path}: {source}")]
    Cache {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operator's policy on connections contradicts itself.
    #[error(transparent)]
    Egress(#[from] crate::egress::PolicyError),
}

/// What a host function's own code may take of a call's stack beside the guest's: HTTP, TLS and storage run on it.
const HOST_STACK_BYTES: usize = 3 << 19;

/// With the whole range of 32-bit addresses reserved for each memory, the compiled code checks no bounds: what lies outside
/// faults. It is address space, not memory.
const UNCHECKED_BYTES: u64 = 4 << 30;

/// Bytes of a memory that stay mapped between two calls. Below what usual calls write to, every call returns pages to the
/// system, which halts the other threads each time; far above it, a call pays for the pages of the largest one before it.
const KEEP_RESIDENT_BYTES: usize = 1 << 20;
/// Where the system cannot tell which pages were written to, that many bytes are taken for written, from the first one on:
/// it must be more than the memory of a usual guest.
const KEEP_RESIDENT_BLINDLY_BYTES: usize = 4 << 20;

/// Makes an engine for so many calls at once, of which there are at least two. Where the address space does not suffice,
/// memories get a smaller range, then the pool becomes smaller, and where none does, memory is mapped for every call.
///
/// Answers with the engine, how many calls fit into it, and the range of each memory.
pub(crate) fn build(limits: &Limits, instances: u32) -> Result<(Engine, u32, u64), EngineError> {
    let instances = instances.max(2);
    let checked = round_up(limits.memory_bytes);
    let unchecked = checked.max(UNCHECKED_BYTES);
    if let Ok(engine) = Engine::new(&with_pool(limits, instances, unchecked)) {
        return Ok((engine, instances, unchecked));
    }
    let mut wanted = instances;
    loop {
        match Engine::new(&with_pool(limits, wanted, checked)) {
            Ok(engine) => {
                tracing::warn!(
                    wanted = instances,
                    got = wanted,
                    "the address space is small (see `ulimit -v`): plugins run slower, and perhaps fewer at a time"
                );
                return Ok((engine, wanted, checked));
            }
            Err(error) if wanted > 8 => {
                tracing::debug!(wanted, %error, "no pool of this size");
                wanted /= 4;
            }
            Err(error) => {
                tracing::warn!(
                    %error,
                    "no pool of plugin instances fits into the address space; memory is mapped for every call, which is slower"
                );
                let config = common(limits, checked);
                let engine = Engine::new(&config).map_err(|error| EngineError::Engine(format!("{error:#}")))?;
                return Ok((engine, instances, checked));
            }
        }
    }
}

/// An engine that compiles for one that was built with the same limits and range, and calls nothing.
pub(crate) fn without_pool(limits: &Limits, reservation: u64) -> wasmtime::Result<Engine> {
    Engine::new(&common(limits, reservation))
}

fn common(limits: &Limits, reservation: u64) -> Config {
    let mut config = Config::new();
    let stack = limits.stack_bytes as usize;
    config
        .memory_reservation(reservation)
        .epoch_interruption(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack + HOST_STACK_BYTES)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16))
        .concurrency_support(false);
    config
}

fn with_pool(limits: &Limits, instances: u32, reservation: u64) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let several = |each: u32| instances.saturating_mul(each);
    let keep = match PoolingAllocationConfig::is_pagemap_scan_available() {
        true => KEEP_RESIDENT_BYTES,
        false => KEEP_RESIDENT_BLINDLY_BYTES,
    };
    pool.total_component_instances(instances)
        .total_core_instances(several(4))
        .total_memories(several(2))
        .total_tables(several(4))
        .total_stacks(instances)
        .max_memory_size(round_up(limits.memory_bytes) as usize)
        .table_elements(limits.table_elements as usize)
        .max_memories_per_component(4)
        .max_tables_per_component(40)
        .max_core_instances_per_component(64)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        .linear_memory_keep_resident(keep)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(instances.min(100));
    let mut config = common(limits, reservation);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Memories are reserved in whole WebAssembly pages.
fn round_up(bytes: u64) -> u64 {
    const PAGE: u64 = 64 << 10;
    bytes.max(PAGE).next_multiple_of(PAGE)
}

/// Ticks the engine's epoch for as long as somebody holds the engine.
pub(crate) fn start_clock(engine: &Engine) -> Result<(), std::io::Error> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("plugin-clock".into())
        .spawn(move || {
            loop {
                thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else {
                    return;
                };
                engine.increment_epoch();
            }
        })
        .map(drop)
}

/// What native code depends on beside its source: the engine's version and settings and the machine's features.
pub(crate) fn fingerprint(engine: &Engine) -> String {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// FNV-1a: the standard library's hasher promises no stable result from one release to the next.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_cannot_fit_becomes_smaller() {
        let limits = Limits { memory_bytes: 1 << 40, ..Limits::default() };
        let (_engine, fits, _) = build(&limits, 4096).expect("falls back");
        assert!(fits < 4096);
    }

    #[test]
    fn what_is_compiled_without_a_pool_fits_the_engine_with_one() {
        let limits = Limits::default();
        let (engine, _, reservation) = build(&limits, 4).expect("an engine");
        let compiler = without_pool(&limits, reservation).expect("a compiler");
        assert_eq!(fingerprint(&engine), fingerprint(&compiler));
    }

    #[test]
    fn the_fingerprint_follows_the_settings() {
        let engine = |reservation| Engine::new(&common(&Limits::default(), reservation)).expect("engine");
        assert_eq!(fingerprint(&engine(1 << 20)), fingerprint(&engine(1 << 20)));
        assert_ne!(fingerprint(&engine(1 << 20)), fingerprint(&engine(1 << 21)));
    }
}
