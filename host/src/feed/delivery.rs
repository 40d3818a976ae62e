//! Outgoing webhooks: the feed fanned out to endpoints, each delivery signed and tried again on the schedule.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::signature::{Secret, sign};
use super::{Feed, Inner};
use crate::clock::random;
use crate::db::{DbError, Delivered, DueDelivery, event_id};
use crate::model::retry::delivery_delay;

/// Deliveries under way at a time to one endpoint.
const PER_ENDPOINT: usize = 4;
/// Most bytes of an answer that are read; only its status and headers matter.
const ANSWER_BYTES: usize = 1 << 20;
/// An endpoint that took nothing for so long is disabled, in milliseconds.
const PATIENCE: i64 = 5 * 24 * 3_600_000;
const LONGEST_SLEEP: i64 = 30_000;

/// What is under way, so that nothing is delivered twice at once.
#[derive(Default)]
struct UnderWay {
    ids: HashSet<String>,
    endpoints: HashMap<String, usize>,
}

impl Feed {
    pub(super) async fn deliver(&self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let under_way = Arc::new(Mutex::new(UnderWay::default()));
        while !stop.is_cancelled() {
            let sleep = match self.round(&tasks, &under_way).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!(%error, "deliveries wait for the database");
                    1_000
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.wakes.deliveries.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(sleep.max(1) as u64)) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn round(&self, tasks: &TaskTracker, under_way: &Arc<Mutex<UnderWay>>) -> Result<i64, DbError> {
        let inner = &self.0;
        let clock = inner.clock.clone();
        let now = clock.now();
        // Before it looks: what is committed afterwards wakes this loop. So does whoever adds or enables an endpoint.
        inner.wakes.delivering.store(true, Ordering::Release);
        let more = inner.db.fan_out(now, inner.settings.waiting_per_endpoint, move || clock.id("dlv")).await?;
        let Some(more) = more else {
            inner.wakes.delivering.store(false, Ordering::Release);
            return Ok(LONGEST_SLEEP);
        };
        let busy: Vec<String> = {
            let state = under_way.lock().unwrap_or_else(PoisonError::into_inner);
            state.endpoints.iter().filter(|(_, count)| **count >= PER_ENDPOINT).map(|(id, _)| id.clone()).collect()
        };
        let mut began = false;
        for delivery in inner.db.due_deliveries(now, busy, 64).await? {
            let Ok(permit) = Arc::clone(&inner.deliveries).try_acquire_owned() else { break };
            if !begin(under_way, &delivery) {
                continue;
            }
            began = true;
            let (inner, under_way) = (Arc::clone(inner), Arc::clone(under_way));
            tasks.spawn(async move {
                attempt(&inner, &delivery).await;
                end(&under_way, &delivery);
                drop(permit);
                inner.wakes.deliveries.notify_one();
            });
        }
        if more || began {
            return Ok(50);
        }
        let next = inner.db.next_delivery_at().await?.map_or(LONGEST_SLEEP, |at| at - now);
        // What is under way is due too, and its end is signalled.
        Ok(next.clamp(250, LONGEST_SLEEP))
    }
}

fn begin(under_way: &Mutex<UnderWay>, delivery: &DueDelivery) -> bool {
    let mut state = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    let count = state.endpoints.get(&delivery.endpoint.id).copied().unwrap_or(0);
    if count >= PER_ENDPOINT || !state.ids.insert(delivery.id.clone()) {
        return false;
    }
    state.endpoints.insert(delivery.endpoint.id.clone(), count + 1);
    true
}

fn end(under_way: &Mutex<UnderWay>, delivery: &DueDelivery) {
    let mut state = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    state.ids.remove(&delivery.id);
    if let Some(count) = state.endpoints.get_mut(&delivery.endpoint.id) {
        *count -= 1;
        if *count == 0 {
            state.endpoints.remove(&delivery.endpoint.id);
        }
    }
}

async fn attempt(inner: &Inner, delivery: &DueDelivery) {
    let how = call(inner, delivery).await;
    let outcome = if matches!(how, Delivered::Yes { .. }) { "delivered" } else { "failed" };
    metrics::counter!("sambung_deliveries_total", "outcome" => outcome).increment(1);
    let now = inner.clock.now();
    while let Err(error) = inner.db.settle_delivery(delivery, how.clone(), now).await {
        if matches!(error, DbError::Closed) {
            // Not noted, so it is delivered again under the same id, by which the receiver knows it.
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn call(inner: &Inner, delivery: &DueDelivery) -> Delivered {
    let Ok(url) = Url::parse(&delivery.endpoint.url) else {
        return failed(inner, delivery, None, "the address is not a URL".to_owned(), None);
    };
    let id = event_id(delivery.feed_id);
    let timestamp = inner.clock.now() / 1_000;
    let secrets: Vec<Secret> = delivery.secrets.iter().map(|secret| Secret::new(secret.expose().to_vec())).collect();
    let signature = sign(&secrets, &id, timestamp, delivery.body.as_bytes());
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("webhook-id", id), ("webhook-timestamp", timestamp.to_string()), ("webhook-signature", signature)]
    {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("user-agent", HeaderValue::from_static(concat!("Sambung/", env!("CARGO_PKG_VERSION"))));
    let body = Bytes::from(delivery.body.clone());
    let timeout = Duration::from_millis(inner.settings.timeout_ms);
    match inner.client.post(&url, headers, body, timeout, ANSWER_BYTES).await {
        Ok(answer) if (200..300).contains(&answer.status) => Delivered::Yes { status: answer.status },
        Ok(answer) => {
            let retry_after = retry_after(&answer.headers);
            failed(inner, delivery, Some(answer.status), format!("answered {}", answer.status), retry_after)
        }
        Err(error) => failed(inner, delivery, None, error.to_string(), None),
    }
}

fn failed(
    inner: &Inner,
    delivery: &DueDelivery,
    status: Option<u16>,
    error: String,
    retry_after: Option<u64>,
) -> Delivered {
    let now = inner.clock.now();
    if status == Some(410) {
        let disable = Some("the endpoint answered 410 Gone".to_owned());
        return Delivered::No { status, error, due_at: None, disable };
    }
    let chance = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
    let due_at = delivery_delay(delivery.tries + 1, retry_after, chance).map(|delay| now + delay);
    let tired = delivery.endpoint.failing_since.is_some_and(|since| now - since > PATIENCE);
    let disable = tired.then(|| "nothing was delivered for five days".to_owned());
    Delivered::No { status, error, due_at, disable }
}

/// `retry-after` in seconds, as milliseconds. A date is not read: the schedule holds then.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse::<u64>().ok().map(|seconds| seconds.saturating_mul(1_000))
}
