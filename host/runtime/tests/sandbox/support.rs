//! A runtime over services in memory, guests, and a place where metrics are counted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use sambung_runtime::contract::inbound::{Happening, ItemResult, Outcome, Request};
use sambung_runtime::contract::types::{Channel, Content, MediaRef, Outgoing, Text};
use sambung_runtime::egress::Policy;
use sambung_runtime::{
    Audience, BlobRead, BlobWrite, Blobs, CallError, Called, Caller, Kv, Limits, NoMail, NoOutcomes, Plugin, Runtime,
    RuntimeConfig, SecretValue, Secrets, ServiceError, Services,
};

/// The outer target folder.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").to_owned()
}

pub fn guest(name: &str) -> Vec<u8> {
    sambung_guests::component(&target(), name)
}

pub fn runtime(limits: Limits) -> Runtime {
    start(limits, &native(), Policy::default())
}

pub fn runtime_in(cache: &Path) -> Runtime {
    start(Limits::default(), cache, Policy::default())
}

/// A runtime in which what is meant for `from` goes to `to`.
pub fn runtime_to(limits: Limits, from: &str, to: &str) -> Runtime {
    let overrides = [(from.to_owned(), to.to_owned())].into();
    start(limits, &native(), Policy { overrides, ..Policy::default() })
}

/// Native code is shared between tests and runs: compiling a guest is what takes the time here.
fn native() -> PathBuf {
    target().join("plugins").join("native")
}

fn start(limits: Limits, cache: &Path, egress: Policy) -> Runtime {
    count_metrics();
    let memory = Arc::new(Memory::default());
    let services = Services {
        secrets: memory.clone(),
        kv: memory.clone(),
        blobs: memory,
        mailer: Arc::new(NoMail),
        outcomes: Arc::new(NoOutcomes),
    };
    let cache_dir = Some(cache.to_owned());
    Runtime::new(RuntimeConfig { cache_dir, limits, egress, instances: 16, ..RuntimeConfig::default() }, services)
        .expect("the engine starts")
}

pub async fn plugin(name: &str) -> Plugin {
    plugin_with(name, Limits::default()).await
}

pub async fn plugin_with(name: &str, limits: Limits) -> Plugin {
    runtime(limits).load(guest(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn caller(plugin: &Plugin) -> Caller {
    Caller {
        workspace: "default".into(),
        plugin: plugin.manifest().id.clone(),
        channel: Some("ch_1".into()),
        ..Caller::default()
    }
}

pub fn request(body: &str) -> Request {
    Request {
        recipe: "events".into(),
        method: "POST".into(),
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        mail: None,
        received_at: 1_700_000_000_123,
        extra: Vec::new(),
    }
}

pub fn channel() -> Channel {
    Channel {
        id: "ch_1".into(),
        account: None,
        app: None,
        webhook_url: None,
        settings: "{}".into(),
        generated: Vec::new(),
        features: "{}".into(),
        extra: Vec::new(),
    }
}

pub fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        attempt_key: "a1".into(),
        thread: None,
        to: Vec::new(),
        content: Content::Text(Text { body: text.into(), format: None, extra: Vec::new() }),
        reply_to: None,
        rule: None,
        token: None,
        human: true,
        extra: Vec::new(),
    }
}

/// Translates a body with seed 1.
pub async fn translate(plugin: &Plugin, body: &str) -> Called<Result<Outcome, String>> {
    plugin.handle_webhook(&caller(plugin), 1, request(body), Some(channel())).await
}

/// The text of the first message, or the words of the first notice.
pub fn first_words(outcome: &Outcome) -> String {
    let ItemResult::Events(events) = &outcome.items[0].outcome else { panic!("no events: {outcome:?}") };
    match &events[0].what {
        Happening::Message(message) => match &message.content[0] {
            Content::Text(text) => text.body.clone(),
            other => panic!("no text: {other:?}"),
        },
        Happening::Notice(notice) => notice.words.clone(),
        other => panic!("neither message nor notice: {other:?}"),
    }
}

/// That the plugin still does its work.
pub async fn works(plugin: &Plugin) {
    let done = translate(plugin, "hello").await.expect("a good call to the same plugin");
    assert_eq!(first_words(&done.value.expect("an outcome")), "hello");
}

/// The error of a call that must have failed.
pub fn failure<T: std::fmt::Debug>(called: Called<T>) -> CallError {
    match called {
        Err(error) => error,
        Ok(done) => panic!("the call came to an end: {done:?}"),
    }
}

/// Secrets, memory and blobs as they are needed here. A read of the key `never` does not come back, one of
/// `soon` after a moment.
#[derive(Default)]
pub struct Memory {
    kv: Mutex<HashMap<String, Vec<u8>>>,
}

impl Secrets for Memory {
    fn get<'a>(
        &'a self,
        _caller: &'a Caller,
        _name: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, ServiceError>> {
        async { Ok(None) }.boxed()
    }
}

impl Kv for Memory {
    fn get<'a>(&'a self, _caller: &'a Caller, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ServiceError>> {
        async move {
            if key == "never" {
                std::future::pending::<()>().await;
            }
            if key == "soon" {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(self.kv.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
        }
        .boxed()
    }
}

impl Blobs for Memory {
    fn open<'a>(&'a self, _caller: &'a Caller, _blob: &'a str) -> BoxFuture<'a, Result<BlobRead, ServiceError>> {
        async { Err(ServiceError::NotFound) }.boxed()
    }

    fn create<'a>(&'a self, _caller: &'a Caller) -> BoxFuture<'a, Result<Box<dyn BlobWrite>, ServiceError>> {
        async { Err(ServiceError::Refused("no blobs here".into())) }.boxed()
    }

    fn publish<'a>(
        &'a self,
        _caller: &'a Caller,
        _blob: &'a str,
        _for_ms: u64,
        _audience: Audience,
    ) -> BoxFuture<'a, Result<String, ServiceError>> {
        async { Err(ServiceError::NotFound) }.boxed()
    }

    fn preview<'a>(
        &'a self,
        _caller: &'a Caller,
        _blob: &'a str,
        _max_edge: u32,
        _max_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<MediaRef>, ServiceError>> {
        async { Ok(None) }.boxed()
    }
}

/// What `counter{labels}` stands at.
pub fn metric(name: &str, labels: &[(&str, &str)]) -> u64 {
    COUNTED.get(&identify(name, labels.iter().copied()))
}

static COUNTED: LazyLock<Counted> = LazyLock::new(Counted::default);

#[derive(Default)]
struct Counted(Mutex<HashMap<String, u64>>);

impl Counted {
    fn get(&self, id: &str) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied().unwrap_or_default()
    }
}

fn identify<'a>(name: &str, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut labels: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
    labels.sort();
    format!("{name}{{{}}}", labels.join(","))
}

/// One counter by its name and labels.
struct Line(String);

impl CounterFn for Line {
    fn increment(&self, by: u64) {
        *COUNTED.0.lock().unwrap_or_else(PoisonError::into_inner).entry(self.0.clone()).or_default() += by;
    }

    fn absolute(&self, _value: u64) {}
}

struct Counting;

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels = key.labels().map(|label| (label.key(), label.value()));
        Counter::from_arc(Arc::new(Line(identify(key.name(), labels))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

fn count_metrics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| metrics::set_global_recorder(Counting).expect("nobody else counts"));
}
