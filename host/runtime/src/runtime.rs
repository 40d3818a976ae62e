//! The sandbox as a whole: one engine, one clock, one folder of native code, and the way from a file to a plugin.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

use crate::cache::Cache;
use crate::compiler::{self, Job};
use crate::contract::bindings::Everything;
use crate::egress;
use crate::engine::{self, EngineError};
use crate::exports::Exports;
use crate::inspect::{self, Inspection};
use crate::invoke::{Account, Callable};
use crate::issuers::Issuers;
use crate::limits::Limits;
use crate::load::LoadError;
use crate::manifest::RuntimeAsk;
use crate::places::Places;
use crate::plugin::Plugin;
use crate::services::Services;
use crate::shape::{self, CodeLimits};
use crate::state::State;
use crate::workers::Workers;

/// How a runtime is set up.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// Where native code is kept between starts, readable by nobody else; none: compiled again at each start.
    pub cache_dir: Option<PathBuf>,
    /// Most bytes of native code that are kept; what was used longest ago goes first.
    pub cache_bytes: u64,
    /// Whether other servers keep theirs in the same folder, so that nothing is removed but by its age.
    pub cache_shared: bool,
    /// The operator's ceilings.
    pub limits: Limits,
    /// What a component may hold, and what compiling it may take.
    pub code: CodeLimits,
    /// The operator's word on connections.
    pub egress: egress::Policy,
    /// How many calls may run at once, over all plugins: three quarters that may wait for a provider, and one that wait
    /// for nothing. At least two.
    pub instances: u32,
}

impl Default for RuntimeConfig {
    fn default() -> RuntimeConfig {
        RuntimeConfig {
            cache_dir: None,
            cache_bytes: 1 << 30,
            cache_shared: true,
            limits: Limits::default(),
            code: CodeLimits::default(),
            egress: egress::Policy::default(),
            instances: 256,
        }
    }
}

/// Loads plugins. Cheap to clone.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

struct Shared {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    cache_shared: bool,
    job: Job,
    services: Arc<Services>,
    client: egress::Client,
    issuers: Issuers,
    places: Arc<Places>,
    workers: Arc<Workers>,
}

impl Runtime {
    /// Starts the engine and its clock.
    ///
    /// # Errors
    /// The machine gives no address space at all, no thread, or the folder for native code cannot be used.
    pub fn new(config: RuntimeConfig, services: Services) -> Result<Runtime, EngineError> {
        let (engine, fits, reservation) = engine::build(&config.limits, config.instances)?;
        let linker = linker(&engine).map_err(|error| EngineError::Engine(format!("{error:#}")))?;
        let cache = config
            .cache_dir
            .map(|folder| {
                Cache::open(&folder, &engine, config.cache_bytes)
                    .map_err(|source| EngineError::Cache { path: folder, source })
            })
            .transpose()?;
        let client = egress::Client::new(config.egress)?;
        engine::start_clock(&engine)?;
        Ok(Runtime(Arc::new(Shared {
            engine,
            linker,
            cache,
            cache_shared: config.cache_shared,
            job: Job { limits: config.limits, code: config.code, reservation },
            services: Arc::new(services),
            issuers: Issuers::new(client.clone()),
            client,
            places: Arc::new(Places::new(fits)),
            workers: Arc::new(Workers::new()),
        })))
    }

    /// Reads, compiles and tries a plugin file: nothing is called before its manifest and its interfaces are known to be
    /// right, and nothing is answered before it gave its forms, its windows and its assets.
    ///
    /// # Errors
    /// The file is refused; the words say what is wrong, where, and what to do.
    pub async fn load(&self, wasm: Vec<u8>) -> Result<Plugin, LoadError> {
        let (inspection, before) = self.prepare(wasm).await?;
        let exports =
            Exports::find(&before, &inspection.interfaces).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let callable = Callable {
            engine: self.0.engine.clone(),
            before,
            exports,
            accounts: Account::all(&inspection.manifest.id),
            limits: Arc::new(below(&self.0.job.limits, &inspection.manifest.runtime)),
            manifest: Arc::new(inspection.manifest.clone()),
            services: self.0.services.clone(),
            client: self.0.client.clone(),
            places: self.0.places.clone(),
            workers: self.0.workers.clone(),
        };
        let verifier = self.0.issuers.verifier(&inspection.manifest.webhooks);
        Plugin::try_out(callable, inspection, verifier).await
    }

    /// Removes native code that is of none of these files, by their digests: no generation uses it any more.
    pub async fn keep_native_code_of(&self, digests: Vec<String>) {
        if self.0.cache_shared {
            return;
        }
        let shared = self.0.clone();
        let kept = tokio::task::spawn_blocking(move || {
            if let Some(cache) = &shared.cache {
                cache.keep_only(&digests);
            }
        });
        if let Err(error) = kept.await {
            tracing::warn!(%error, "native code that nothing uses could not be removed");
        }
    }

    async fn prepare(&self, wasm: Vec<u8>) -> Result<(Inspection, InstancePre<State>), LoadError> {
        let shared = self.0.clone();
        let (wasm, inspection, kept) = aside(move || shared.read(wasm)).await??;
        let component = match kept {
            Some(component) => component,
            None => {
                let component = compiler::compile(&self.0.engine, &self.0.job, wasm).await?;
                let (shared, digest, compiled) = (self.0.clone(), inspection.digest.clone(), component.clone());
                aside(move || shared.cache.iter().for_each(|cache| cache.store(&digest, &compiled))).await?;
                component
            }
        };
        let before =
            self.0.linker.instantiate_pre(&component).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        Ok((inspection, before))
    }

    /// A file's facts, without compiling it.
    ///
    /// # Errors
    /// As [`Runtime::load`], as far as they show without compiling.
    pub fn inspect(wasm: &[u8]) -> Result<Inspection, LoadError> {
        inspect::inspect(wasm)
    }
}

/// Does what takes a while on a thread where nobody waits.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| LoadError::Host(error.to_string()))
}

impl Shared {
    /// A file's facts, and its native code where it is kept.
    fn read(&self, wasm: Vec<u8>) -> Result<(Vec<u8>, Inspection, Option<Component>), LoadError> {
        if wasm.len() as u64 > self.job.limits.file_bytes {
            return Err(LoadError::TooLarge { bytes: wasm.len() as u64, limit: self.job.limits.file_bytes });
        }
        let inspection = inspect::inspect(&wasm)?;
        shape::check(&wasm, &self.job.code)?;
        let kept = self.cache.as_ref().and_then(|cache| cache.load(&self.engine, &inspection.digest));
        Ok((wasm, inspection, kept))
    }
}

/// What a plugin asks for, where it is less than what the operator allows.
fn below(ceiling: &Limits, ask: &RuntimeAsk) -> Limits {
    let least = |ceiling: u32, ask: Option<u64>| match ask {
        Some(ask) => u32::try_from(ask).unwrap_or(u32::MAX).clamp(1, ceiling),
        None => ceiling,
    };
    Limits {
        memory_bytes: ask.memory_bytes.map_or(ceiling.memory_bytes, |ask| ask.min(ceiling.memory_bytes)),
        cpu_ms: least(ceiling.cpu_ms, ask.cpu_ms),
        deadline_ms: least(ceiling.deadline_ms, ask.deadline_ms),
        pure_deadline_ms: least(ceiling.pure_deadline_ms, ask.pure_deadline_ms),
        ..ceiling.clone()
    }
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Everything::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_gets_less_when_it_asks_and_never_more() {
        let ceiling = Limits::default();
        let ask = RuntimeAsk {
            memory_bytes: Some(1 << 20),
            cpu_ms: Some(u64::MAX),
            deadline_ms: Some(5),
            pure_deadline_ms: None,
        };
        let limits = below(&ceiling, &ask);
        assert_eq!(limits.memory_bytes, 1 << 20);
        assert_eq!(limits.cpu_ms, ceiling.cpu_ms);
        assert_eq!(limits.deadline_ms, 5);
        assert_eq!(limits.pure_deadline_ms, ceiling.pure_deadline_ms);
    }
}
