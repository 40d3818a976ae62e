//! LINE. Nobody's message can be answered by its token here: everything is pushed, which LINE takes with a key.

use std::path::Path;

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::Api;
use sambung_tests::host::hook;
use sambung_tests::providers::line::{
    Line, SECRET, Source, Stored, TOKEN, Trouble as LineTrouble, message_event, token_of,
};
use serde_json::{Value, json};

use super::{Provider, Trouble};

pub struct Shop(Line);

impl Shop {
    pub async fn start() -> Shop {
        Shop(Line::start().await)
    }

    fn event(&self, from: u32, at_ms: u64, message: Value) -> Value {
        let mut event = message_event(&self.0, Source::User(&format!("U{from:032x}")), at_ms, message);
        event.as_object_mut().unwrap().remove("replyToken");
        event
    }
}

impl Provider for Shop {
    fn plugin(&self) -> &'static str {
        "line"
    }

    fn config(&self) -> String {
        sambung_tests::host::leading(&self.0.overrides(), "")
    }

    fn reach(&self, api: &Api) {
        self.0.reach_endpoint_at(&api.url(""));
    }

    fn form(&self) -> Value {
        json!({ "channel_secret": SECRET, "channel_access_token": TOKEN })
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["channel_secret", "channel_access_token"]
    }

    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value {
        self.event(from, at_ms, json!({ "type": "text", "text": words, "quoteToken": "q" }))
    }

    fn oddity(&self, from: u32, at_ms: u64) -> Value {
        self.event(from, at_ms, json!({ "type": "hologram", "depth": 3 }))
    }

    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
        let id = format!("7{from:05}{}", at_ms % 1_000_000);
        self.0.content(&id, Stored::Ready(bytes.to_vec().into(), "image/png"));
        self.event(from, at_ms, json!({ "type": "image", "id": id, "contentProvider": { "type": "line" } }))
    }

    fn deliver<'a>(&'a self, api: &'a Api, channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move { self.0.post(&hook(api, channel), events).await.is_ok_and(|status| status == 200) })
    }

    fn seen(&self, _data: &Path) -> Vec<String> {
        let text = |object: &Value| object["text"].as_str().unwrap_or_default().to_owned();
        self.0.deliveries().iter().map(|delivery| text(&delivery.object)).collect()
    }

    fn trouble(&self, trouble: Trouble) -> bool {
        self.0.trouble([match trouble {
            Trouble::Refused => LineTrouble::MonthlyLimit,
            Trouble::Passing => LineTrouble::ServerError,
            Trouble::LostAnswer => LineTrouble::SilenceAfterTaking,
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

    fn other_account(&self) -> Option<Value> {
        Some(json!({ "channel_access_token": token_of(1) }))
    }
}
