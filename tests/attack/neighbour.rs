//! A neighbour: a workspace with a connected channel whose customers write all the time. It is measured from a thread of its own.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sambung_tests::api::{Api, now_ms};
use sambung_tests::host::connect_line;
use sambung_tests::providers::http_client;
use sambung_tests::providers::line::{Line, SECRET, Source, body, message_event, sign};

use crate::arena::caller;
use crate::figures::{Figures, Series};
use crate::scale::SHORT;

/// From one webhook, and one question for `/healthz`, to the next.
const PACE: Duration = Duration::from_millis(if SHORT { 50 } else { 20 });
/// What takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many people write.
const CUSTOMERS: u64 = 5;

/// A workspace with a connected channel.
pub struct Neighbour {
    /// Its admin.
    pub api: Api,
    /// The simulator of its provider.
    pub line: Arc<Line>,
    /// Where its provider posts to.
    pub hook: String,
    numbers: Arc<AtomicU64>,
}

/// What is known of each webhook by its number: when it was due, when its message was seen.
type Known = Arc<Mutex<HashMap<u64, (Instant, Option<Instant>)>>>;

impl Neighbour {
    /// The simulator of the neighbour's provider.
    pub async fn provider() -> Line {
        Line::start().await
    }

    /// Makes the workspace and connects its channel.
    pub async fn connect(operator: &Api, line: Line) -> Self {
        let api = caller(operator, "neighbour", "admin").await;
        connect_line(&api, &line).await;
        let endpoint = line.endpoint().expect("the product registered its address");
        let path = endpoint.strip_prefix("https://chat.example").expect("it is the public address");
        let hook = api.url(path);
        Self { api, line: Arc::new(line), hook, numbers: Arc::default() }
    }

    /// Measures while something is done: the figures, and what came of it.
    pub async fn during<T>(&self, doing: impl Future<Output = T>) -> (Figures, T) {
        let stop = Arc::new(AtomicBool::new(false));
        let probe = Probe {
            api: self.api.clone(),
            hook: self.hook.clone(),
            line: Arc::clone(&self.line),
            numbers: Arc::clone(&self.numbers),
            known: Known::default(),
            stop: Arc::clone(&stop),
        };
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let (ended, has_ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _ = ended.send(runtime.block_on(probe.run(ready)));
        });
        is_ready.await.expect("the neighbour's event stream is open");
        let done = doing.await;
        stop.store(true, Ordering::Relaxed);
        (has_ended.await.expect("the neighbour is measured"), done)
    }
}

#[derive(Clone)]
struct Probe {
    api: Api,
    hook: String,
    line: Arc<Line>,
    numbers: Arc<AtomicU64>,
    known: Known,
    stop: Arc<AtomicBool>,
}

impl Probe {
    /// Asks at its pace whatever becomes of what was asked before, so that a server that stands still is seen as such.
    async fn run(self, ready: tokio::sync::oneshot::Sender<()>) -> Figures {
        let follower = tokio::spawn(self.clone().follow(ready));
        // The stream stands before the first webhook is due.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (mut webhooks, mut health) = (Vec::new(), Vec::new());
        let began = Instant::now();
        for tick in 0.. {
            let due = began + PACE * tick;
            tokio::time::sleep_until(due.into()).await;
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            webhooks.push(tokio::spawn(self.clone().webhook(due)));
            health.push(tokio::spawn(self.clone().healthz(due)));
        }
        let acknowledged = gather(webhooks).await;
        let health = gather(health).await;
        let all_seen = async || self.known.lock().unwrap().values().all(|(_, seen)| seen.is_some());
        let _ = tokio::time::timeout(PATIENCE, async {
            while !all_seen().await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        follower.abort();
        let known = self.known.lock().unwrap();
        let times: Vec<_> =
            known.values().filter_map(|(due, seen)| Some(seen.as_ref()?.duration_since(*due))).collect();
        let missing = known.len() - times.len();
        Figures { acknowledged, visible: Series::of(times, missing), health }
    }

    /// Posts a webhook of a customer's text: how long its acknowledgement took.
    async fn webhook(self, due: Instant) -> Option<Duration> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.known.lock().unwrap().insert(number, (due, None));
        let user = format!("U{:032x}", 7_000_000 + number % CUSTOMERS);
        let message = serde_json::json!({ "type": "text", "text": format!("probe {number}."), "quoteToken": "q" });
        let body = body(&[message_event(&self.line, Source::User(&user), now_ms(), message)]);
        let post = http_client().post(&self.hook).timeout(PATIENCE).header("x-line-signature", sign(SECRET, &body));
        let answer = post.body(body).send().await.ok()?;
        (answer.status() == 200).then(|| due.elapsed())
    }

    async fn healthz(self, due: Instant) -> Option<Duration> {
        let answer = http_client().get(self.api.url("/healthz")).timeout(PATIENCE).send().await.ok()?;
        (answer.status() == 200).then(|| due.elapsed())
    }

    /// Follows the workspace's event stream, and opens it again where it ends.
    async fn follow(self, ready: tokio::sync::oneshot::Sender<()>) {
        let mut ready = Some(ready);
        let mut last = String::new();
        loop {
            let mut ask = http_client().get(self.api.url("/v1/events")).bearer_auth(self.api.token());
            if !last.is_empty() {
                ask = ask.header("last-event-id", &last);
            }
            let Ok(mut answer) = ask.send().await else { continue };
            if answer.status() != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            if let Some(ready) = ready.take() {
                let _ = ready.send(());
            }
            let mut text = Vec::new();
            while let Ok(Some(chunk)) = answer.chunk().await {
                text.extend_from_slice(&chunk);
                while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line);
                    if let Some(id) = line.strip_prefix("id:") {
                        id.trim().clone_into(&mut last);
                    }
                    if let Some(number) = number_in(&line)
                        && let Some((_, seen)) = self.known.lock().unwrap().get_mut(&number)
                    {
                        seen.get_or_insert_with(Instant::now);
                    }
                }
            }
        }
    }
}

/// Which webhook's message a line of the stream shows.
fn number_in(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("data:")?.split_once("\"text\":\"probe ")?;
    rest.split_once('.')?.0.parse().ok()
}

async fn gather(asked: Vec<tokio::task::JoinHandle<Option<Duration>>>) -> Series {
    let (mut times, mut failed) = (Vec::new(), 0);
    for one in asked {
        match one.await.unwrap() {
            Some(time) => times.push(time),
            None => failed += 1,
        }
    }
    Series::of(times, failed)
}
