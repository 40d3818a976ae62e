//! Webhooks over loopback HTTP: verified, durable, and end to end, each against a bare handler that verifies the same HMAC and
//! stores nothing, in one process and one run. Run with `cargo bench -p sambung-tests`.
//!
//! Every part takes turns for several rounds, so that a noisy machine disturbs all alike; medians are printed, and what counts
//! is their ratio. Load and server share the machine's cores.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use sambung_tests::host::{Host, hook, with_line};
use sambung_tests::providers::line::{self, Line, SECRET, Source};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Open connections.
const CONNECTIONS: usize = 64;
/// Webhooks of one round.
const WEBHOOKS: usize = 6_000;
/// Webhooks of one round that are committed one by one.
const ALONE: usize = 600;
const ROUNDS: usize = 3;
/// Different customers.
const CUSTOMERS: usize = 500;

/// A request as it goes over the wire.
type Wire = Vec<u8>;

fn main() {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    tokio.block_on(async {
        let provider = Line::start().await;
        let bare = bare().await;
        let (host, channel) = with_line(&provider, "").await;
        let path = hook(host.api(), &channel).replace(&host.api().url(""), "");
        let address =
            host.api().url("").trim_start_matches("http://").trim_end_matches('/').parse().expect("an address");
        let mut made = Maker { provider: &provider, path, next: 0 };
        let mut rounds = Rounds::default();
        for _ in 0..ROUNDS {
            rounds.bare.push(rate(bare, made.some(WEBHOOKS), CONNECTIONS).await);
            acknowledged(&host, address, &mut made, &mut rounds).await;
            rounds.alone.push(rate(address, made.some(ALONE), 1).await);
            drained(&host).await;
            let began = Instant::now();
            let requests = made.some(WEBHOOKS);
            send(address, requests, CONNECTIONS).await;
            drained(&host).await;
            rounds.end_to_end.push(WEBHOOKS as f64 / began.elapsed().as_secs_f64());
        }
        rounds.print();
    });
}

/// Translation is held by switching the plugin off, which verifies and journals all the same; then the backlog is drained.
async fn acknowledged(host: &Host, address: SocketAddr, made: &mut Maker<'_>, rounds: &mut Rounds) {
    host.api().expect(200, "POST", "/v1/plugins/line/disable", Value::Null).await;
    rounds.acknowledged.push(rate(address, made.some(WEBHOOKS), CONNECTIONS).await);
    let began = Instant::now();
    host.api().expect(200, "POST", "/v1/plugins/line/enable", Value::Null).await;
    drained(host).await;
    rounds.drained.push(WEBHOOKS as f64 / began.elapsed().as_secs_f64());
}

/// Waits until no row waits for translation.
async fn drained(host: &Host) {
    while host.waiting().await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Default)]
struct Rounds {
    bare: Vec<f64>,
    acknowledged: Vec<f64>,
    alone: Vec<f64>,
    drained: Vec<f64>,
    end_to_end: Vec<f64>,
}

impl Rounds {
    fn print(mut self) {
        let median = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let bare = median(&mut self.bare);
        println!("{:<46} {:>12} {:>8}", "webhooks a second, 64 connections, ~1 KB", "median", "of bare");
        for (name, values) in [
            ("bare handler that verifies", &mut vec![bare]),
            ("acknowledged: verified and on disk", &mut self.acknowledged),
            ("the same, each committed alone (1 connection)", &mut self.alone),
            ("backlog translated and stored", &mut self.drained),
            ("end to end: acknowledged, translated, stored", &mut self.end_to_end),
        ] {
            let value = median(values);
            println!("{name:<46} {value:>12.0} {:>8.2}", value / bare);
        }
    }
}

/// Makes signed webhooks, no two alike.
struct Maker<'a> {
    provider: &'a Line,
    path: String,
    next: usize,
}

impl Maker<'_> {
    fn some(&mut self, count: usize) -> Vec<Wire> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Wire {
        let number = self.next;
        self.next += 1;
        let user = format!("U{:032x}", number % CUSTOMERS);
        let message = json!({ "type": "text", "id": format!("{number}"), "text": "lorem ipsum ".repeat(40) });
        let time = 1_780_000_000_000 + number as u64;
        let mut event = line::message_event(self.provider, Source::User(&user), time, message);
        event["webhookEventId"] = json!(format!("01FZ74A0TDDPYRVKN{number:09}"));
        let body = line::body(&[event]);
        let signature = line::sign(SECRET, &body);
        let mut wire = format!(
            "POST {} HTTP/1.1\r\nhost: chat.example\r\ncontent-type: application/json\r\nx-line-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
            self.path,
            body.len()
        )
        .into_bytes();
        wire.extend_from_slice(&body);
        wire
    }
}

async fn rate(address: SocketAddr, requests: Vec<Wire>, connections: usize) -> f64 {
    let count = requests.len() as f64;
    count / send(address, requests, connections).await.as_secs_f64()
}

/// Sends all, and counts every answer: anything but 200 ends the run.
async fn send(address: SocketAddr, requests: Vec<Wire>, connections: usize) -> Duration {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut senders = Vec::new();
    for _ in 0..connections {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        senders.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("the server listens");
            stream.set_nodelay(true).expect("a socket");
            let mut buffer = Vec::with_capacity(4096);
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                stream.write_all(request).await.expect("the server reads");
                answer(&mut stream, &mut buffer).await;
            }
        }));
    }
    for sender in senders {
        sender.await.expect("every webhook is acknowledged");
    }
    began.elapsed()
}

async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the server closed the connection");
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if buffer.len() >= head + 4 + length.unwrap_or(0) {
            return;
        }
    }
}

/// What verifies and stores nothing.
async fn bare() -> SocketAddr {
    let handler = async |headers: HeaderMap, body: Bytes| {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
        mac.update(&body);
        let given = headers.get("x-line-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match base64::Engine::decode(&base64::engine::general_purpose::STANDARD, given) {
            Ok(given) if mac.verify_slice(&given).is_ok() => StatusCode::OK,
            _ => StatusCode::UNAUTHORIZED,
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let router = Router::new().route("/{*path}", post(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
