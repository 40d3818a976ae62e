//! Telegram by webhook: one update in each request.

use std::path::Path;

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::telegram::{TOKEN, Telegram, Trouble as Refusal, private};
use serde_json::{Value, json};

use super::{Provider, Trouble};

pub struct Bot(Telegram);

impl Bot {
    pub async fn start() -> Bot {
        Bot(Telegram::start().await)
    }

    fn message(&self, from: u32, at_ms: u64, mut own: Value) -> Value {
        own["date"] = json!(at_ms / 1000);
        self.0.happens("message", private(811_000_000 + i64::from(from), own))
    }
}

impl Provider for Bot {
    fn plugin(&self) -> &'static str {
        "telegram"
    }

    fn config(&self) -> String {
        sambung_tests::host::leading(&self.0.overrides(), "")
    }

    fn reach(&self, api: &Api) {
        self.0.reach_endpoint_at(&api.url(""));
    }

    fn form(&self) -> Value {
        json!({ "bot_token": TOKEN })
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["bot_token"]
    }

    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value {
        self.message(from, at_ms, json!({ "text": words }))
    }

    fn oddity(&self, from: u32, at_ms: u64) -> Value {
        self.message(from, at_ms, json!({ "hologram": { "depth": 3 } }))
    }

    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
        let id = format!("p{from}-{at_ms}");
        self.0.file(&id, bytes);
        let sizes = json!([{ "file_id": id, "file_size": bytes.len(), "width": 1, "height": 1 }]);
        self.message(from, at_ms, json!({ "photo": sizes }))
    }

    fn deliver<'a>(&'a self, _api: &'a Api, _channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move {
            for event in events {
                if self.0.post(event).await != 200 {
                    return false;
                }
            }
            true
        })
    }

    fn seen(&self, _data: &Path) -> Vec<String> {
        let text = |given: &Value| given["text"].as_str().unwrap_or_default().to_owned();
        self.0.deliveries().iter().map(|delivery| text(&delivery.parameters)).collect()
    }

    fn trouble(&self, trouble: Trouble) -> bool {
        self.0.trouble([match trouble {
            Trouble::Refused => Refusal::Blocked,
            Trouble::Passing => Refusal::Unavailable,
            Trouble::LostAnswer => Refusal::SilenceAfterTaking,
        }]);
        true
    }

    fn revoke(&self) -> bool {
        self.0.revoke();
        true
    }

    fn grant(&self) {
        self.0.grant();
    }
}
