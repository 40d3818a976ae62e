//! What X posts: signed deliveries of both APIs, to addresses that proved the consumer secret.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::messages::escaped;
use super::routes::profile;
use super::{CONSUMER_SECRET, Direct, OWN, Shared, X, lock};
use crate::providers::http_client;

/// `sha256=` and the base64 HMAC-SHA256 of a body.
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    format!("sha256={}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// What an address must answer to a challenge: a token is signed as a body is.
pub fn answer_to(secret: &str, challenge: &str) -> String {
    sign(secret, challenge.as_bytes())
}

/// Whether an address answers a challenge as it must.
pub(super) async fn proves(shared: &Shared, url: &str) -> bool {
    let (reached, challenge) = {
        let mut state = lock(shared);
        (reached(url, &state.reached_at), format!("chal lenge+{}", state.number()))
    };
    let asked = format!("{reached}?crc_token={}", sambung_sdk::http::encode(&challenge));
    let Ok(answer) = http_client().get(asked).send().await else { return false };
    let success = answer.status().as_u16() == 200;
    let body: Value = answer.json().await.unwrap_or_default();
    success && body["response_token"] == answer_to(CONSUMER_SECRET, &challenge)
}

/// A public address as it is reached from here.
fn reached(address: &str, base: &str) -> String {
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    format!("{base}/{path}")
}

/// A message as both webhooks write it.
fn created(message: &Direct) -> Value {
    let mut data = json!({
        "text": escaped(&message.text),
        "entities": { "hashtags": [], "symbols": [], "user_mentions": [], "urls": [] },
    });
    if let Some(address) = &message.file {
        let link = "https://t.co/simulated1";
        let text = format!("{} {link}", escaped(&message.text));
        let start = text.chars().count() - link.chars().count();
        let indices = json!([start, text.chars().count()]);
        data["text"] = json!(text);
        data["attachment"] = json!({ "type": "media", "media": {
            "type": "photo", "url": link, "indices": indices, "media_url_https": address,
            "sizes": { "large": { "w": 1, "h": 1 } },
        } });
    }
    json!({
        "type": "message_create", "id": message.id, "created_timestamp": message.time_ms.to_string(),
        "message_create": {
            "target": { "recipient_id": message.recipient }, "sender_id": message.sender, "message_data": data,
        },
    })
}

impl X {
    /// Somebody writes to the account.
    pub fn write(&self, from: &str, text: &str) -> Direct {
        lock(&self.shared).add(from, OWN, text, None, None)
    }

    /// Somebody sends the account a picture.
    pub fn write_picture(&self, from: &str, text: &str, bytes: &[u8]) -> Direct {
        let mut state = lock(&self.shared);
        let path = format!("{}/{}/a.png", state.snowflake(), state.snowflake());
        state.files.insert(path.clone(), (Bytes::copy_from_slice(bytes), "image/png".to_owned()));
        state.add(from, OWN, text, None, Some(format!("https://ton.twitter.com/1.1/ton/data/dm/{path}")))
    }

    /// The account writes by X's own app.
    pub fn write_as_own(&self, to: &str, text: &str) -> Direct {
        lock(&self.shared).add(OWN, to, text, None, None)
    }

    /// Posts messages as the Account Activity API does: all in one. Answers with the status.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post_messages(&self, messages: &[&Direct]) -> Result<u16, reqwest::Error> {
        let people: serde_json::Map<String, Value> = messages
            .iter()
            .flat_map(|message| [&message.sender, &message.recipient])
            .map(|id| {
                let told = profile(id);
                let user = json!({ "id": id, "name": told["name"], "screen_name": told["username"] });
                (id.clone(), user)
            })
            .collect();
        let events: Vec<Value> = messages.iter().map(|message| created(message)).collect();
        self.post(&json!({ "for_user_id": OWN, "direct_message_events": events, "users": people })).await
    }

    /// Posts a message as the X Activity API does.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post_activity(&self, message: &Direct) -> Result<u16, reqwest::Error> {
        let (kind, other) = match message.sender == OWN {
            true => ("dm.sent", &message.recipient),
            false => ("dm.received", &message.sender),
        };
        let users = json!({ other: { "data": profile(other) } });
        self.post_event(kind, json!({ "direct_message_events": [created(message)], "users": users })).await
    }

    /// Posts an event of the X Activity API.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post_event(&self, kind: &str, payload: Value) -> Result<u16, reqwest::Error> {
        let uuid = lock(&self.shared).number().to_string();
        let filter = json!({ "user_id": OWN });
        self.post(&json!({ "data": { "event_uuid": uuid, "filter": filter, "event_type": kind, "payload": payload } }))
            .await
    }

    /// Posts a signed delivery to the registered address.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Panics
    /// When no address is registered.
    pub async fn post(&self, body: &Value) -> Result<u16, reqwest::Error> {
        let url = self.registered().into_iter().next().expect("an address is registered");
        self.post_to(&url, body).await
    }

    /// Posts a signed delivery to a public address.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post_to(&self, url: &str, body: &Value) -> Result<u16, reqwest::Error> {
        let body = body.to_string().into_bytes();
        let signature = sign(CONSUMER_SECRET, &body);
        let address = reached(url, &lock(&self.shared).reached_at.clone());
        let request = http_client()
            .post(address)
            .header("content-type", "application/json")
            .header("x-twitter-webhooks-signature", signature)
            .body(body);
        Ok(request.send().await?.status().as_u16())
    }

    /// A delivery of the Account Activity API with one message.
    pub fn delivery(&self, message: &Direct) -> Value {
        json!({ "for_user_id": OWN, "direct_message_events": [created(message)], "users": {} })
    }
}
