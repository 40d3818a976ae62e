//! Outgoing webhooks: the feed fanned out to endpoints, each delivery signed and tried again on the schedule.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use sambung_runtime::shares::Place;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use super::signature::{Secret, sign};
use super::{Feed, Inner};
use crate::clock::random;
use crate::db::{DbError, Delivered, DueDelivery, WaitingEndpoint};
use crate::keys::DeliveryId;
use crate::model::retry::delivery_delay;

/// Deliveries under way at a time to one endpoint.
pub(super) const PER_ENDPOINT: usize = 4;
/// Most bytes of an answer that are read; only its status and headers matter.
const ANSWER_BYTES: usize = 1 << 20;
/// An endpoint that took nothing for so long is disabled, in milliseconds.
const PATIENCE: i64 = 5 * 24 * 3_600_000;
const LONGEST_SLEEP: i64 = 2_000;

/// Ids of deliveries that are under way, so that nothing is delivered twice at once.
type UnderWay = Arc<Mutex<HashSet<DeliveryId>>>;

impl Feed {
    pub(super) async fn deliver(&self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let under_way = UnderWay::default();
        let mut after = String::new();
        while !stop.is_cancelled() {
            let sleep = match self.round(&tasks, &under_way, &mut after).await {
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

    async fn round(&self, tasks: &TaskTracker, under_way: &UnderWay, after: &mut String) -> Result<i64, DbError> {
        let inner = &self.0;
        let now = inner.clock.now();
        // Before it looks: what is committed afterwards wakes this loop. So does whoever adds or enables an endpoint.
        inner.wakes.delivering.store(true, Ordering::Release);
        let waiting = inner.settings.waiting_per_endpoint;
        let written = inner.db.fan_out(now, waiting, std::mem::take(after)).await?;
        let Some(written) = written else {
            inner.wakes.delivering.store(false, Ordering::Release);
            return Ok(LONGEST_SLEEP);
        };
        *after = written.until;
        let waiting = inner.db.waiting_endpoints(now, 2 * PER_ENDPOINT as u32).await?;
        let next = waiting.iter().map(|endpoint| endpoint.next_at - now).min().unwrap_or(LONGEST_SLEEP);
        let mut places = self.places(waiting);
        let of = places.iter().map(|(endpoint, places)| (endpoint.clone(), places.len())).collect();
        let busy = lock(under_way).iter().copied().collect();
        let mut began = false;
        for delivery in inner.db.due_deliveries(now, of, busy).await? {
            let Some(place) = places.get_mut(&delivery.endpoint.id).and_then(Vec::pop) else { continue };
            if !lock(under_way).insert(delivery.id) {
                continue;
            }
            began = true;
            let (inner, under_way) = (Arc::clone(inner), Arc::clone(under_way));
            tasks.spawn(async move {
                attempt(&inner, &delivery).await;
                lock(&under_way).remove(&delivery.id);
                drop(place);
                inner.wakes.deliveries.notify_one();
            });
        }
        if written.more || began {
            return Ok(50);
        }
        // What is under way is due too, and its end is signalled.
        Ok(next.clamp(250, LONGEST_SLEEP))
    }

    /// Takes places for deliveries that are due, one for each endpoint in turn: first for the workspaces, and then the endpoints,
    /// that hold fewest.
    fn places(&self, waiting: Vec<WaitingEndpoint>) -> HashMap<String, Vec<Place>> {
        let shares = &self.0.deliveries;
        let mut wanted: Vec<(WaitingEndpoint, usize)> = waiting
            .into_iter()
            .filter_map(|endpoint| {
                let held = shares.load(&endpoint.workspace, &endpoint.id).1;
                let wants = (endpoint.due as usize).saturating_sub(held);
                (wants > 0).then_some((endpoint, wants))
            })
            .collect();
        let mut places: HashMap<String, Vec<Place>> = HashMap::new();
        while !wanted.is_empty() {
            wanted.sort_by_cached_key(|(one, _)| (shares.load(&one.workspace, &one.id), one.next_at));
            wanted.retain_mut(|(one, wants)| {
                if shares.room(&one.workspace, &one.id) == 0 {
                    return false;
                }
                let Some(place) = shares.try_take(&one.workspace, &one.id) else { return false };
                places.entry(one.id.clone()).or_default().push(place);
                *wants -= 1;
                *wants > 0
            });
        }
        places
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, HashSet<DeliveryId>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn attempt(inner: &Inner, delivery: &DueDelivery) {
    // The process was stopped in between: another server may have delivered it. It is read again.
    if inner.clock.now() - delivery.read_at > inner.settings.timeout_ms as i64 {
        return;
    }
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
    let id = delivery.event.to_string();
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
