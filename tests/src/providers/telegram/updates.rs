//! What happens in chats, and how the bot is told: posted to its address, or kept until it asks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Telegram, lock};
use crate::providers::http_client;

/// A person, by the id that their private chat has too.
fn person(id: i64) -> Value {
    json!({ "id": id, "is_bot": false, "first_name": "Dewi", "username": format!("dewi{id}") })
}

/// A person's message in their private chat; `own` is what it holds.
pub fn private(from: i64, own: Value) -> Value {
    let chat = json!({ "id": from, "type": "private", "first_name": "Dewi" });
    in_chat(from, chat, own)
}

/// A person's message in a group.
pub fn group(chat: i64, from: i64, own: Value) -> Value {
    in_chat(from, json!({ "id": chat, "type": "group", "title": "Toko" }), own)
}

fn in_chat(from: i64, chat: Value, own: Value) -> Value {
    let mut message = json!({ "from": person(from), "chat": chat, "date": crate::api::now_ms() / 1000 });
    for (name, value) in own.as_object().into_iter().flatten() {
        message[name] = value.clone();
    }
    message
}

impl Telegram {
    /// Something happens: it waits for the bot, unless the bot does not want to know. The update.
    pub fn happens(&self, kind: &str, mut what: Value) -> Value {
        let mut state = lock(&self.shared);
        state.next_update += 1;
        if kind == "message" && what["message_id"].is_null() {
            what["message_id"] = json!(state.message());
        }
        let update = json!({ "update_id": 900_000 + state.next_update, kind: what });
        if state.allowed.is_empty() || state.allowed.iter().any(|allowed| allowed == kind) {
            state.pending.push_back(update.clone());
        }
        drop(state);
        self.shared.came.notify_waiters();
        update
    }

    /// Somebody writes a text in their private chat. The update.
    pub fn writes(&self, from: i64, text: &str) -> Value {
        self.happens("message", private(from, json!({ "text": text })))
    }

    /// Posts what waits to the registered address, in order, until something is not taken; the last status.
    ///
    /// # Panics
    /// When no address is registered.
    pub async fn deliver(&self) -> u16 {
        let mut last = 200;
        loop {
            let Some(update) = lock(&self.shared).pending.front().cloned() else { return last };
            last = self.post(&update).await;
            if !(200..300).contains(&last) {
                return last;
            }
            lock(&self.shared).pending.pop_front();
        }
    }

    /// Posts one update to the registered address: the status, 0 where nobody answers.
    ///
    /// # Panics
    /// When no address is registered.
    pub async fn post(&self, update: &Value) -> u16 {
        let secret = self.webhook().expect("an address is registered").secret;
        self.post_with(update, &secret).await
    }

    /// As [`Telegram::post`], with another secret.
    ///
    /// # Panics
    /// When no address is registered.
    pub async fn post_with(&self, update: &Value, secret: &str) -> u16 {
        let shared = Arc::clone(&self.shared);
        let url = self.webhook().expect("an address is registered").url;
        let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
        let address = format!("{}/{path}", lock(&shared).reached_at);
        let request = http_client().post(address).header("x-telegram-bot-api-secret-token", secret).json(update);
        request.send().await.map_or(0, |answer| answer.status().as_u16())
    }
}
