//! What the platform posts: signed batches of values, each of one number.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{ACCOUNT, APP_SECRET, NUMBERS, WhatsApp};
use crate::providers::http_client;

/// A person's text, at a time in seconds.
pub fn text(platform: &WhatsApp, from: &str, time_s: u64, words: &str) -> Value {
    message(platform, from, time_s, "text", json!({ "body": words }))
}

/// A person's picture, by the id of its file.
pub fn image(platform: &WhatsApp, from: &str, time_s: u64, file: &str, mime: &str) -> Value {
    message(platform, from, time_s, "image", json!({ "id": file, "mime_type": mime, "sha256": "" }))
}

fn message(platform: &WhatsApp, from: &str, time_s: u64, kind: &str, own: Value) -> Value {
    let id = format!("wamid.IN{:06}", platform.number());
    let mut message = json!({ "from": from, "id": id, "timestamp": time_s.to_string(), "type": kind });
    message[kind] = own;
    message
}

/// What became of a message of ours.
pub fn status(id: &str, state: &str, to: &str, time_s: u64, attempt: Option<&str>) -> Value {
    let mut status = json!({ "id": id, "status": state, "timestamp": time_s.to_string(), "recipient_id": to });
    if let Some(attempt) = attempt {
        status["biz_opaque_callback_data"] = json!(attempt);
    }
    status
}

/// The value of a change of one of the numbers: its messages, and its statuses.
pub fn value(number: usize, messages: &[Value], statuses: &[Value]) -> Value {
    let (id, digits) = NUMBERS[number];
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": digits, "phone_number_id": id },
    });
    if !messages.is_empty() {
        let contacts =
            messages.iter().map(|message| json!({ "profile": { "name": "Sheena" }, "wa_id": message["from"] }));
        value["contacts"] = contacts.collect();
        value["messages"] = json!(messages);
    }
    if !statuses.is_empty() {
        value["statuses"] = json!(statuses);
    }
    value
}

/// The body of a webhook: an entry of the account with a change for each value.
pub fn batch(values: &[Value]) -> Vec<u8> {
    let changes: Vec<Value> = values.iter().map(|value| json!({ "field": "messages", "value": value })).collect();
    let entry = json!([{ "id": ACCOUNT, "changes": changes }]);
    json!({ "object": "whatsapp_business_account", "entry": entry }).to_string().into_bytes()
}

/// The `X-Hub-Signature-256` of a body: `sha256=` and the hexadecimal HMAC-SHA256 with the app's secret.
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

impl WhatsApp {
    /// Posts values in one signed batch to the registered address. Answers with the status.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Panics
    /// When no address was registered.
    pub async fn post(&self, values: &[Value]) -> Result<u16, reqwest::Error> {
        self.deliver(batch(values)).await
    }

    /// Posts one change of another field than messages, of the whole account, at a time in seconds.
    ///
    /// # Errors
    /// Why there is no answer.
    ///
    /// # Panics
    /// When no address was registered.
    pub async fn post_change(&self, time_s: u64, field: &str, value: &Value) -> Result<u16, reqwest::Error> {
        let entry = json!([{ "id": ACCOUNT, "time": time_s, "changes": [{ "field": field, "value": value }] }]);
        self.deliver(json!({ "object": "whatsapp_business_account", "entry": entry }).to_string().into_bytes()).await
    }

    async fn deliver(&self, body: Vec<u8>) -> Result<u16, reqwest::Error> {
        let base = super::lock(&self.shared).reached_at.clone();
        let address = reached(&self.registered().expect("the app registered an address"), &base);
        let request = http_client()
            .post(address)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", sign(APP_SECRET, &body))
            .body(body);
        Ok(request.send().await?.status().as_u16())
    }
}

/// A public address as it is reached from here.
pub(super) fn reached(address: &str, base: &str) -> String {
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    format!("{base}/{path}")
}
