//! Calling one exported function in a fresh instance, with every limit on, and saying afterwards what came of it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use metrics::{Counter, Histogram};
use tokio::time::timeout;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Engine, Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use crate::call::{CallError, CallFault, Called, Caller, Done, Usage};
use crate::calls::Function;
use crate::capabilities::vault::Markers;
use crate::egress::Client;
use crate::exports::Exports;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::meter::Over;
use crate::places::Places;
use crate::services::Services;
use crate::state::State;
use crate::stopwatch::Stopwatch;
use crate::wasi::Moment;
use crate::workers::Workers;

/// A compiled plugin, ready to be called.
pub(crate) struct Callable {
    pub(crate) engine: Engine,
    pub(crate) before: InstancePre<State>,
    pub(crate) exports: Exports,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) services: Arc<Services>,
    pub(crate) client: Client,
    pub(crate) limits: Arc<Limits>,
    pub(crate) places: Arc<Places>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) accounts: [Account; Function::ALL.len()],
}

/// The metrics of one function that are written at every call, looked up once.
pub(crate) struct Account {
    finished: Counter,
    seconds: Histogram,
}

impl Account {
    pub(crate) fn all(plugin: &str) -> [Account; Function::ALL.len()] {
        Function::ALL.map(|function| Account {
            finished: calls(plugin, function, "ok"),
            seconds: metrics::histogram!(
                "sambung_plugin_call_seconds",
                "plugin" => plugin.to_owned(), "function" => function.name()
            ),
        })
    }
}

fn calls(plugin: &str, function: Function, outcome: &'static str) -> Counter {
    metrics::counter!(
        "sambung_plugin_calls_total",
        "plugin" => plugin.to_owned(), "function" => function.name(), "outcome" => outcome
    )
}

impl Callable {
    /// Calls `function`; `body` looks the export up and calls it with its arguments. The one place where plugins are called, and
    /// where the embedder learns how each call ended.
    pub(crate) async fn call<T, B>(&self, function: Function, caller: Arc<Caller>, moment: Moment, body: B) -> Called<T>
    where
        B: for<'a> FnOnce(&'a mut Store<State>, &'a Instance, &'a Exports) -> BoxFuture<'a, wasmtime::Result<T>>,
    {
        let called = self.run(function, caller.clone(), moment, body).await;
        let usage = called.as_ref().map_or_else(|error| error.usage, |done| done.usage);
        self.services.outcomes.ended(&caller, function.name(), usage, called.as_ref().err()).await;
        called
    }

    async fn run<T, B>(&self, function: Function, caller: Arc<Caller>, moment: Moment, body: B) -> Called<T>
    where
        B: for<'a> FnOnce(&'a mut Store<State>, &'a Instance, &'a Exports) -> BoxFuture<'a, wasmtime::Result<T>>,
    {
        if !self.exports.has(function) {
            return Err(self.without_instance(function, CallFault::NotExported));
        }
        let deadline = self.deadline(function);
        let Some(_place) = self.places.take(function, &caller, deadline).await else {
            return Err(self.without_instance(function, CallFault::Busy));
        };
        let mut store = self.store(function, caller, moment);
        let watch = store.data().meter.watch.clone();
        let work = async {
            let instance = self.before.instantiate_async(&mut store).await?;
            body(&mut store, &instance, &self.exports).await
        };
        let result = match timeout(deadline, watch.time(work)).await {
            Ok(result) => result,
            Err(_) => Err(Over(CallFault::Deadline).into()),
        };
        let usage = usage(store.data(), &watch);
        let account = &self.accounts[function as usize];
        account.seconds.record(usage.wall.as_secs_f64());
        match result.and_then(|value| Ok(store.data().budget.check().map(|()| value)?)) {
            Ok(value) => {
                account.finished.increment(1);
                let mut effects = std::mem::take(&mut store.data_mut().effects);
                if function == Function::Resolve {
                    effects.markers = Markers(std::mem::take(&mut store.data_mut().vault.markers));
                }
                Ok(Done { value, effects, usage, unanswered: store.data().budget.unanswered() })
            }
            Err(error) => Err(self.failed(store.data(), &error, usage)),
        }
    }

    fn deadline(&self, function: Function) -> Duration {
        let ms = if function.is_pure() { self.limits.pure_deadline_ms } else { self.limits.deadline_ms };
        Duration::from_millis(u64::from(ms))
    }

    fn store(&self, function: Function, caller: Arc<Caller>, moment: Moment) -> Store<State> {
        let state = State::new(
            function,
            caller,
            self.manifest.clone(),
            self.services.clone(),
            (self.client.clone(), self.workers.clone()),
            (&self.limits, self.deadline(function)),
            moment,
        );
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(usize::try_from(self.limits.result_bytes).unwrap_or(usize::MAX));
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            context.data().meter.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }

    fn failed(&self, state: &State, error: &wasmtime::Error, usage: Usage) -> CallError {
        let (fault, words) = explain(state, error);
        let words = state.vault.scrub_text(&words);
        let plugin = self.manifest.id.as_str();
        calls(plugin, state.function, fault.code()).increment(1);
        if fault.is_limit() {
            metrics::counter!(
                "sambung_plugin_limit_total",
                "plugin" => plugin.to_owned(), "limit" => fault.code()
            )
            .increment(1);
        }
        let error =
            CallError { fault, dispatched: state.budget.dispatched(), function: state.function.name(), words, usage };
        tracing::warn!(
            plugin,
            workspace = %state.caller.workspace,
            channel = state.caller.channel.as_deref(),
            fault = fault.code(),
            dispatched = error.dispatched,
            "{error}"
        );
        error
    }

    fn without_instance(&self, function: Function, fault: CallFault) -> CallError {
        calls(&self.manifest.id, function, fault.code()).increment(1);
        CallError { fault, dispatched: false, function: function.name(), words: String::new(), usage: Usage::default() }
    }
}

fn usage(state: &State, watch: &Stopwatch) -> Usage {
    Usage {
        cpu: watch.computed(),
        wall: watch.elapsed(),
        memory_bytes: state.meter.memory_bytes(),
        host_calls: state.meter.host_calls,
        egress_bytes: state.budget.egress(),
        log_bytes: state.log.bytes(),
    }
}

/// Which fault an error of the engine is, and the words that help most.
fn explain(state: &State, error: &wasmtime::Error) -> (CallFault, String) {
    if let Some(Over(fault)) = error.downcast_ref::<Over>() {
        return (*fault, state.log.last_words());
    }
    if is_out_of_fuel(error) {
        return (CallFault::ResultSize, state.log.last_words());
    }
    if state.log.is_over() {
        return (CallFault::LogBytes, state.log.last_words());
    }
    let words = last_words(state, error);
    if let Some(refused) = state.meter.refused {
        return (refused, words);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => (CallFault::Stack, words),
        Some(_) => (CallFault::Trap, words),
        None if error.is::<wasmtime::PoolConcurrencyLimitError>() => (CallFault::Busy, words),
        None => (CallFault::Trap, words),
    }
}

/// The engine has no public type for this error. A test with a real guest notices when its words change.
fn is_out_of_fuel(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.to_string().contains("fuel allocated for hostcalls has been exhausted"))
}

fn last_words(state: &State, error: &wasmtime::Error) -> String {
    let said = state.log.last_words();
    if !said.is_empty() {
        return said;
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return format!("the plugin ended itself with status {code}");
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::MemoryOutOfBounds) => {
            format!("{} (a plugin whose own stack runs out ends like this too)", Trap::MemoryOutOfBounds)
        }
        Some(trap) => trap.to_string(),
        None => format!("{:#}", error.root_cause()),
    }
}
