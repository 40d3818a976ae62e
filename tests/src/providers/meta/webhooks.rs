//! What the platform posts: signed batches of events, of one object each, for those whose messages the app asked for.

use serde_json::{Value, json};

use super::{APP_SECRET, Delivery, Meta, hmac, lock};
use crate::providers::http_client;

/// Events on their way to an app: of which object, and of whom each is.
#[derive(Debug, Clone)]
pub struct Batch {
    /// "page", "instagram".
    pub object: &'static str,
    /// The page or account with one event each.
    pub events: Vec<(String, Value)>,
}

/// The body of a webhook: an entry for each event.
pub fn batch(batch: &Batch) -> Vec<u8> {
    let entries: Vec<Value> = batch
        .events
        .iter()
        .map(|(id, event)| json!({ "id": id, "time": event["timestamp"], "messaging": [event] }))
        .collect();
    json!({ "object": batch.object, "entry": entries }).to_string().into_bytes()
}

/// The `X-Hub-Signature-256` of a body: `sha256=` and the hexadecimal HMAC-SHA256 with an app's secret.
pub fn sign(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hmac(secret, body))
}

impl Meta {
    /// Something that somebody did with a page or account, at a time in milliseconds; from now on they may be answered.
    pub fn event(&self, account: &str, person: &str, time_ms: u64, name: &str, own: Value) -> Value {
        let mut state = lock(&self.shared);
        let acted = state.acted.entry((account.to_owned(), person.to_owned())).or_insert(time_ms);
        *acted = time_ms.max(*acted);
        let mut event = json!({ "sender": { "id": person }, "recipient": { "id": account }, "timestamp": time_ms });
        event[name] = own;
        event
    }

    /// Somebody's text.
    pub fn text(&self, account: &str, person: &str, time_ms: u64, words: &str) -> Value {
        let mid = format!("m_IN{:06}", lock(&self.shared).number());
        self.event(account, person, time_ms, "message", json!({ "mid": mid, "text": words }))
    }

    /// What comes back of a message that was sent. Accounts get nothing of it but its id and text.
    pub fn echo(&self, sent: &Delivery, time_ms: u64) -> Value {
        let mut message = json!({ "mid": sent.id, "is_echo": true, "text": sent.body["message"]["text"] });
        if let Some(metadata) = sent.body["message"].get("metadata") {
            message["app_id"] = json!(670_843_887_433_847_u64);
            message["metadata"] = metadata.clone();
        }
        json!({ "sender": { "id": sent.from }, "recipient": sent.to, "timestamp": time_ms, "message": message })
    }

    /// Posts what is of pages and accounts that deliver to the app, signed by the app, to the address of their object.
    /// Answers with the status; none where there is nobody to tell, or nobody answers.
    pub async fn post(&self, batch: &Batch) -> Option<u16> {
        self.post_signed(batch, APP_SECRET).await
    }

    /// As [`Meta::post`], signed by another secret.
    pub async fn post_signed(&self, batch: &Batch, secret: &str) -> Option<u16> {
        let (address, told) = {
            let state = lock(&self.shared);
            let (address, _) = state.subscriptions.get(batch.object)?;
            let is_told = |(id, _): &&(String, Value)| {
                let page = super::PAGES.iter().find(|page| page.account == id);
                state.delivered.contains_key(id) || page.is_some_and(|page| state.delivered.contains_key(page.id))
            };
            let events: Vec<_> = batch.events.iter().filter(is_told).cloned().collect();
            (reached(address, &state.reached_at), Batch { object: batch.object, events })
        };
        if told.events.is_empty() {
            return None;
        }
        let body = self::batch(&told);
        let request = http_client()
            .post(address)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", sign(secret, &body))
            .body(body);
        Some(request.send().await.ok()?.status().as_u16())
    }

    /// Posts events of one page. Answers with the status; none where nobody is told, or answers.
    pub async fn post_of_page(&self, page: &str, events: impl IntoIterator<Item = Value>) -> Option<u16> {
        self.post(&Batch { object: "page", events: events.into_iter().map(|event| (page.to_owned(), event)).collect() })
            .await
    }

    /// Posts events of one account. Answers with the status; none where nobody is told, or answers.
    pub async fn post_of_account(&self, account: &str, events: impl IntoIterator<Item = Value>) -> Option<u16> {
        let events = events.into_iter().map(|event| (account.to_owned(), event)).collect();
        self.post(&Batch { object: "instagram", events }).await
    }
}

/// A public address as it is reached from here.
pub(super) fn reached(address: &str, base: &str) -> String {
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    format!("{base}/{path}")
}
