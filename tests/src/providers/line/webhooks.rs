//! What the platform posts: signed bodies of events, in batches, twice, or again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{BOT, Line, SECRET};
use crate::providers::http_client;

/// Where an event happens.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A user alone with the account.
    User(&'a str),
    /// A member of a group.
    Group(&'a str, &'a str),
    /// A group whose member did not consent to be named.
    Unnamed(&'a str),
}

impl Source<'_> {
    /// Whom an answer goes to.
    pub fn place(&self) -> &str {
        match self {
            Source::User(user) => user,
            Source::Group(group, _) | Source::Unnamed(group) => group,
        }
    }

    fn json(&self) -> Value {
        match self {
            Source::User(user) => json!({ "type": "user", "userId": user }),
            Source::Group(group, user) => json!({ "type": "group", "groupId": group, "userId": user }),
            Source::Unnamed(group) => json!({ "type": "group", "groupId": group }),
        }
    }
}

/// An event of any kind; `own` are the properties that its kind adds.
pub fn event(line: &Line, kind: &str, source: Source<'_>, time_ms: u64, own: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "mode": "active",
        "timestamp": time_ms,
        "source": source.json(),
        "webhookEventId": format!("01SIM{:021}", line.number()),
        "deliveryContext": { "isRedelivery": false },
    });
    for (name, value) in own.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event
}

/// A message that can be answered; `message` as the reference describes it, without its id.
pub fn message_event(line: &Line, source: Source<'_>, time_ms: u64, mut message: Value) -> Value {
    if message.get("id").is_none() {
        message["id"] = json!((500_000 + line.number()).to_string());
    }
    let token = line.issue_token(source.place());
    event(line, "message", source, time_ms, json!({ "replyToken": token, "message": message }))
}

/// The same event, delivered again.
pub fn redelivered(event: &Value) -> Value {
    let mut event = event.clone();
    event["deliveryContext"]["isRedelivery"] = json!(true);
    event
}

impl Line {
    /// Posts events in one signed body to the host's address of a channel (`http://127.0.0.1:…/hooks/…`). Answers with the
    /// status.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post(&self, address: &str, events: &[Value]) -> Result<u16, reqwest::Error> {
        deliver(address, events).await
    }

    /// Posts a text of a user's.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post_text(&self, address: &str, user: &str, time_ms: u64, text: &str) -> Result<u16, reqwest::Error> {
        let message = json!({ "type": "text", "text": text, "quoteToken": "yHAz4Ua2wx7" });
        self.post(address, &[message_event(self, Source::User(user), time_ms, message)]).await
    }
}

/// The body of a webhook.
pub fn body(events: &[Value]) -> Vec<u8> {
    json!({ "destination": BOT, "events": events }).to_string().into_bytes()
}

/// The `x-line-signature` of a body: base64(HMAC-SHA256(channel secret, body)).
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

pub(super) async fn deliver(address: &str, events: &[Value]) -> Result<u16, reqwest::Error> {
    let body = body(events);
    let request = http_client()
        .post(address)
        .header("content-type", "application/json; charset=utf-8")
        .header("x-line-signature", sign(SECRET, &body))
        .body(body);
    Ok(request.send().await?.status().as_u16())
}

/// A public address as it is reached from here.
pub(super) fn reached(address: &str, base: &str) -> String {
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    format!("{base}/{path}")
}
