//! X by an own app's four keys.

use std::path::Path;

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::Api;
use sambung_tests::host::x_keys;
use sambung_tests::providers::x::{Direct, OWN, Trouble as Refusal, X};
use serde_json::{Value, json};

use super::{Provider, Trouble};

pub struct Account(X);

impl Account {
    pub async fn start() -> Account {
        Account(X::start().await)
    }

    fn event(&self, message: &Direct, at_ms: u64) -> Value {
        let mut event = self.0.delivery(message)["direct_message_events"][0].take();
        event["created_timestamp"] = json!(at_ms.to_string());
        event
    }
}

fn person(from: u32) -> String {
    format!("300196{from:04}")
}

impl Provider for Account {
    fn plugin(&self) -> &'static str {
        "x"
    }

    fn config(&self) -> String {
        sambung_tests::host::leading(&self.0.overrides(), "")
    }

    fn reach(&self, api: &Api) {
        self.0.reach_endpoint_at(&api.url(""));
    }

    fn form(&self) -> Value {
        x_keys()
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["consumer_key", "consumer_secret", "access_token", "access_token_secret"]
    }

    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value {
        self.event(&self.0.write(&person(from), words), at_ms)
    }

    fn oddity(&self, from: u32, at_ms: u64) -> Value {
        let mut event = self.text(from, at_ms, "");
        event["message_create"]["message_data"]["attachment"] =
            json!({ "type": "hologram", "hologram": { "depth": 3 } });
        event
    }

    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
        self.event(&self.0.write_picture(&person(from), "", bytes), at_ms)
    }

    fn deliver<'a>(&'a self, _api: &'a Api, _channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move {
            let body = json!({ "for_user_id": OWN, "direct_message_events": events, "users": {} });
            self.0.post(&body).await.is_ok_and(|status| status == 200)
        })
    }

    fn seen(&self, _data: &Path) -> Vec<String> {
        self.0.deliveries().into_iter().map(|message| message.text).collect()
    }

    fn trouble(&self, trouble: Trouble) -> bool {
        self.0.trouble([match trouble {
            Trouble::Refused => Refusal::NotTaken,
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
