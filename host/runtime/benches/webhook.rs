//! `handle-webhook` in the sandbox, a fresh instance for every call and every limit on, against the same Rust code called
//! natively. Run with `cargo bench -p sambung-runtime`, and for some bodies only with `-- '1 KB'`.
//!
//! Rounds of both are interleaved, so that a noisy machine disturbs both alike, and shorter than a turn on a busy
//! processor, so that some are disturbed by nobody. The least disturbed round and the median are printed; ratio and
//! difference are those of the least disturbed.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_plugin_line::Line;
use sambung_runtime::contract::{inbound, types};
use sambung_runtime::{
    Audience, BlobRead, BlobWrite, Blobs, Caller, Kv, NoMail, NoOutcomes, Plugin, Runtime, RuntimeConfig, SecretValue,
    Secrets, ServiceError, Services,
};
use sambung_sdk::inbound::Inbound;

const ROUNDS: usize = 301;
/// Each round lasts about so long, whatever one call takes.
const ROUND_MICROSECONDS: f64 = 1_500.0;

fn main() {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio.block_on(async {
        let plugin = load().await;
        println!(
            "{:<12} {:>12} {:>12} {:>14} {:>14} {:>8} {:>10}",
            "body", "native min", "median", "sandbox min", "median", "ratio", "over (µs)"
        );
        let only: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        let wanted = |name: &str| only.is_empty() || only.iter().any(|word| word == name);
        // At the end once more a small one: what a large call leaves behind must not slow the next.
        let bodies = [("empty call", 0), ("1 KB", 3), ("10 KB", 33), ("100 KB", 330), ("1 KB again", 3)];
        for (name, events) in bodies.into_iter().filter(|(name, _)| wanted(name)) {
            compare(&plugin, name, &body(events)).await;
        }
    });
}

async fn load() -> Plugin {
    let services = Arc::new(Nothing);
    let services = Services {
        secrets: services.clone(),
        kv: services.clone(),
        blobs: services,
        mailer: Arc::new(NoMail),
        outcomes: Arc::new(NoOutcomes),
    };
    let runtime = Runtime::new(RuntimeConfig::default(), services).expect("the engine starts");
    runtime.load(sambung_guests::plugin(&target(), "line")).await.unwrap_or_else(|error| panic!("{error}"))
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").to_owned()
}

/// A batch of so many text messages, shaped as the provider documents them
/// (<https://developers.line.biz/en/reference/messaging-api/#wh-text>).
fn body(events: usize) -> Vec<u8> {
    let events: Vec<_> = (0..events)
        .map(|number| {
            serde_json::json!({
                "type": "message",
                "mode": "active",
                "timestamp": 1_700_000_000_000_u64 + number as u64,
                "webhookEventId": format!("01FZ74A0TDDPYRVKNK77X{number:05}"),
                "deliveryContext": { "isRedelivery": false },
                "replyToken": "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA",
                "source": { "type": "user", "userId": "U4af4980629b4d5f2a6c3b1d0e9f8a7b6" },
                "message": { "id": format!("4445739{number:05}"), "type": "text", "quoteToken": "q3Plxr4AgKd", "text": "Apakah pesanan saya sudah dikirim?" },
            })
        })
        .collect();
    serde_json::json!({ "destination": "U8e742f61d673b39c7fff3cecb7536ef0", "events": events }).to_string().into_bytes()
}

async fn compare(plugin: &Plugin, name: &str, body: &[u8]) {
    let caller = Caller { workspace: "default".into(), plugin: "line".into(), ..Caller::default() };
    let mut native = Samples::default();
    let mut sandboxed = Samples::default();
    check(plugin, &caller, body).await;
    let (known, native_known) = (channel(), native_channel());
    for _ in 0..ROUNDS {
        let times = native.next_round();
        let start = Instant::now();
        for _ in 0..times {
            let request = sambung_sdk::inbound::Request::new("events", body.to_vec());
            black_box(Line::handle_webhook(black_box(request), Some(native_known.clone()))).expect("translates");
        }
        native.add(start, times);
        let times = sandboxed.next_round();
        let start = Instant::now();
        for _ in 0..times {
            let done = plugin.handle_webhook(&caller, 1, request(body), Some(known.clone())).await;
            black_box(done).expect("a call").value.expect("translates");
        }
        sandboxed.add(start, times);
    }
    println!(
        "{:<12} {:>12.2} {:>12.2} {:>14.2} {:>14.2} {:>8.2} {:>10.2}",
        name,
        native.least(),
        native.median(),
        sandboxed.least(),
        sandboxed.median(),
        sandboxed.least() / native.least(),
        sandboxed.least() - native.least(),
    );
}

/// Both give the same events, or the comparison means nothing.
async fn check(plugin: &Plugin, caller: &Caller, body: &[u8]) {
    let native =
        Line::handle_webhook(sambung_sdk::inbound::Request::new("events", body.to_vec()), Some(native_channel()));
    let done = plugin.handle_webhook(caller, 1, request(body), Some(channel())).await.expect("a call");
    let native = serde_json::to_value(native.expect("translates")).expect("serialises");
    let sandboxed = serde_json::to_value(done.value.expect("translates")).expect("serialises");
    assert_eq!(native, sandboxed);
}

fn request(body: &[u8]) -> inbound::Request {
    inbound::Request {
        recipe: "events".into(),
        method: "POST".into(),
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: body.to_vec(),
        mail: None,
        received_at: 0,
        extra: Vec::new(),
    }
}

fn channel() -> types::Channel {
    serde_json::from_value(serde_json::to_value(native_channel()).expect("serialises")).expect("the same shape")
}

fn native_channel() -> sambung_sdk::types::Channel {
    let channel = sambung_sdk::types::Channel::with_settings("ch_1", &serde_json::json!({}));
    sambung_sdk::types::Channel { account: Some("U8e742f61d673b39c7fff3cecb7536ef0".into()), ..channel }
}

/// Microseconds of one call, a round each.
#[derive(Default)]
struct Samples(Vec<f64>);

impl Samples {
    /// How many calls the next round makes.
    fn next_round(&self) -> u32 {
        if self.0.is_empty() { 1 } else { (ROUND_MICROSECONDS / self.least()).clamp(1.0, 20_000.0) as u32 }
    }

    fn add(&mut self, start: Instant, times: u32) {
        self.0.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(times));
    }

    fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

/// Services of which a pure call needs none.
struct Nothing;

impl Secrets for Nothing {
    fn get<'a>(&'a self, _: &'a Caller, _: &'a str) -> BoxFuture<'a, Result<Option<SecretValue>, ServiceError>> {
        async { Ok(None) }.boxed()
    }
}

impl Kv for Nothing {
    fn get<'a>(&'a self, _: &'a Caller, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ServiceError>> {
        async { Ok(None) }.boxed()
    }
}

impl Blobs for Nothing {
    fn open<'a>(&'a self, _: &'a Caller, _: &'a str) -> BoxFuture<'a, Result<BlobRead, ServiceError>> {
        async { Err(ServiceError::NotFound) }.boxed()
    }

    fn create<'a>(&'a self, _: &'a Caller) -> BoxFuture<'a, Result<Box<dyn BlobWrite>, ServiceError>> {
        async { Err(ServiceError::NotFound) }.boxed()
    }

    fn publish<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: u64,
        _: Audience,
    ) -> BoxFuture<'a, Result<String, ServiceError>> {
        async { Err(ServiceError::NotFound) }.boxed()
    }

    fn preview<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: u32,
        _: u64,
    ) -> BoxFuture<'a, Result<Option<types::MediaRef>, ServiceError>> {
        async { Ok(None) }.boxed()
    }
}
