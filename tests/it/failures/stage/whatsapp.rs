//! WhatsApp's Cloud API, by one of the account's numbers.

use std::path::Path;

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::whatsapp::{
    self, ACCOUNT, APP_ID, APP_SECRET, NUMBERS, TOKEN, Trouble as Refusal, WhatsApp,
};
use serde_json::{Value, json};

use super::{Provider, Trouble};

pub struct Number(WhatsApp);

impl Number {
    pub async fn start() -> Number {
        Number(WhatsApp::start().await)
    }
}

/// What somebody dials.
fn phone(from: u32) -> String {
    format!("1650555{from:04}")
}

impl Provider for Number {
    fn plugin(&self) -> &'static str {
        "whatsapp"
    }

    fn config(&self) -> String {
        sambung_tests::host::leading(&self.0.overrides(), "")
    }

    fn prepare<'a>(&'a self, api: &'a Api) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let app = json!({ "app_id": APP_ID, "app_secret": APP_SECRET });
            api.expect(200, "PUT", "/v1/plugins/whatsapp/settings", app).await;
        })
    }

    fn reach(&self, api: &Api) {
        self.0.reach_endpoint_at(&api.url(""));
    }

    fn form(&self) -> Value {
        json!({
            "mode": "cloud",
            "phone_number_id": NUMBERS[0].0,
            "business_account_id": ACCOUNT,
            "access_token": TOKEN,
        })
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["access_token"]
    }

    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value {
        whatsapp::text(&self.0, &phone(from), at_ms / 1000, words)
    }

    fn oddity(&self, from: u32, at_ms: u64) -> Value {
        let mut event = self.text(from, at_ms, "");
        event["type"] = json!("hologram");
        event["hologram"] = json!({ "depth": 3 });
        event.as_object_mut().unwrap().remove("text");
        event
    }

    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
        let file = self.0.file(bytes, "image/png");
        whatsapp::image(&self.0, &phone(from), at_ms / 1000, &file, "image/png")
    }

    fn deliver<'a>(&'a self, _api: &'a Api, _channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move { self.0.post(&[whatsapp::value(0, events, &[])]).await.is_ok_and(|status| status == 200) })
    }

    fn seen(&self, _data: &Path) -> Vec<String> {
        let text = |body: &Value| body["text"]["body"].as_str().unwrap_or_default().to_owned();
        self.0.deliveries().iter().map(|delivery| text(&delivery.body)).collect()
    }

    fn trouble(&self, trouble: Trouble) -> bool {
        self.0.trouble([match trouble {
            Trouble::Refused => Refusal::Unreachable,
            Trouble::Passing => Refusal::ServerError,
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

    fn other_account(&self) -> Option<Value> {
        Some(json!({ "phone_number_id": NUMBERS[1].0 }))
    }
}
