//! What one call carries with it while it runs.

use std::sync::Arc;
use std::time::Duration;

use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::call::{Caller, Effects};
use crate::calls::{Function, Import};
use crate::capabilities::log::Log;
use crate::capabilities::vault::Vault;
use crate::capabilities::wrong_call;
use crate::egress::Client;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::meter::{Budget, Meter};
use crate::services::{SecretValue, Services};
use crate::wasi::{self, Moment};
use crate::workers::Workers;

/// Things of WASI (streams, pollables) that one call may hold at a time.
const RESOURCES: usize = 1_000;

/// A call's state: the data of its store.
pub(crate) struct State {
    pub(crate) function: Function,
    pub(crate) caller: Arc<Caller>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) services: Arc<Services>,
    pub(crate) meter: Meter,
    pub(crate) budget: Arc<Budget>,
    pub(crate) log: Log,
    pub(crate) effects: Effects,
    pub(crate) vault: Vault,
    pub(crate) client: Client,
    pub(crate) workers: Arc<Workers>,
    pub(crate) limits: Arc<Limits>,
    moment: Moment,
    wasi: Option<Box<WasiCtx>>,
    table: ResourceTable,
}

impl State {
    pub(crate) fn new(
        function: Function,
        caller: Arc<Caller>,
        manifest: Arc<Manifest>,
        services: Arc<Services>,
        (client, workers): (Client, Arc<Workers>),
        (limits, deadline): (&Arc<Limits>, Duration),
        moment: Moment,
    ) -> State {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        State {
            function,
            log: Log::new(caller.clone(), function, limits.log_bytes, Arc::clone(&services.outcomes)),
            caller,
            manifest,
            services,
            meter: Meter::new(limits, deadline),
            budget: Arc::new(Budget::lasting(limits, deadline)),
            effects: Effects::default(),
            vault: Vault::new(limits),
            client,
            workers,
            limits: limits.clone(),
            moment,
            wasi: None,
            table,
        }
    }

    /// The gate before every import: counts the call, and refuses what does not belong into this one.
    ///
    /// The outer error ends the call; the inner one is the words of a refusal that the plugin is told.
    pub(crate) fn enter(&mut self, import: Import) -> wasmtime::Result<Result<(), String>> {
        self.meter.host_call()?;
        if self.function.allows(import) { Ok(Ok(())) } else { Ok(Err(wrong_call(import.name(), self.function.name()))) }
    }

    /// Computes over so many bytes on the call's behalf, on a thread of its own where they are many.
    pub(crate) fn compute<T, W>(&self, bytes: usize, work: W) -> impl Future<Output = T> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (workers, caller, watch) = (self.workers.clone(), self.caller.clone(), self.meter.watch.clone());
        async move { workers.run(&caller.workspace, &watch, bytes, work).await }
    }

    /// The caller's secret of this name, if the manifest declares one: what this call kept under it goes first.
    pub(crate) async fn secret(&mut self, name: &str) -> Result<Option<SecretValue>, String> {
        if self.manifest.secret(name).is_none() {
            return Err(format!("plugin.toml declares no secret {name:?}"));
        }
        if let Some(kept) = self.vault.kept(name) {
            return Ok(Some(kept.clone()));
        }
        let caller = self.caller.clone();
        let secrets = self.services.secrets.clone();
        secrets.get(&caller, name).await.map_err(|error| format!("the secret {name:?} cannot be read: {error}"))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| Box::new(wasi::context(self.moment, &self.log)));
        WasiCtxView { ctx, table: &mut self.table }
    }
}
