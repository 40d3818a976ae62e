//! Messenger and Instagram, which one platform delivers: a page by its token, and an account by its own.

use std::path::Path;

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::meta::{
    APP_ID, APP_SECRET, INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, Meta, PAGES, Trouble as Refusal,
};
use serde_json::{Value, json};

use super::{Provider, Trouble};

pub struct Messenger(Meta);
pub struct Instagram(Meta);

impl Messenger {
    pub async fn start() -> Messenger {
        Messenger(Meta::start().await)
    }
}

impl Instagram {
    pub async fn start() -> Instagram {
        Instagram(Meta::start().await)
    }
}

fn person(from: u32) -> String {
    format!("2500000000000{from:04}")
}

fn config(meta: &Meta) -> String {
    sambung_tests::host::leading(&meta.overrides(), "")
}

fn text(meta: &Meta, account: &str, from: u32, at_ms: u64, words: &str) -> Value {
    meta.text(account, &person(from), at_ms, words)
}

fn attachment(meta: &Meta, account: &str, from: u32, at_ms: u64, attachment: &Value) -> Value {
    let mut event = text(meta, account, from, at_ms, "");
    event["message"].as_object_mut().unwrap().remove("text");
    event["message"]["attachments"] = json!([attachment]);
    event
}

fn picture(meta: &Meta, account: &str, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
    let url = meta.file(bytes, "image/png");
    attachment(meta, account, from, at_ms, &json!({ "type": "image", "payload": { "url": url } }))
}

fn oddity(meta: &Meta, account: &str, from: u32, at_ms: u64) -> Value {
    attachment(meta, account, from, at_ms, &json!({ "type": "hologram", "payload": { "depth": 3 } }))
}

fn seen(meta: &Meta) -> Vec<String> {
    let text = |body: &Value| body["message"]["text"].as_str().unwrap_or_default().to_owned();
    meta.deliveries().iter().map(|delivery| text(&delivery.body)).collect()
}

fn trouble(meta: &Meta, trouble: Trouble) -> bool {
    meta.trouble([match trouble {
        Trouble::Refused => Refusal::Unavailable,
        Trouble::Passing => Refusal::ServerError,
        Trouble::LostAnswer => Refusal::SilenceAfterTaking,
    }]);
    true
}

impl Provider for Messenger {
    fn plugin(&self) -> &'static str {
        "messenger"
    }

    fn config(&self) -> String {
        config(&self.0)
    }

    fn prepare<'a>(&'a self, api: &'a Api) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let app = json!({ "app_id": APP_ID, "app_secret": APP_SECRET });
            api.expect(200, "PUT", "/v1/plugins/messenger/settings", app).await;
        })
    }

    fn reach(&self, api: &Api) {
        self.0.reach_endpoint_at(&api.url(""));
    }

    fn form(&self) -> Value {
        json!({ "mode": "token", "page_id": PAGES[0].id, "access_token": PAGES[0].token, "human_agent": true })
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["access_token"]
    }

    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value {
        text(&self.0, PAGES[0].id, from, at_ms, words)
    }

    fn oddity(&self, from: u32, at_ms: u64) -> Value {
        oddity(&self.0, PAGES[0].id, from, at_ms)
    }

    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
        picture(&self.0, PAGES[0].id, from, at_ms, bytes)
    }

    fn deliver<'a>(&'a self, _api: &'a Api, _channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move { self.0.post_of_page(PAGES[0].id, events.to_vec()).await == Some(200) })
    }

    fn seen(&self, _data: &Path) -> Vec<String> {
        seen(&self.0)
    }

    fn trouble(&self, next: Trouble) -> bool {
        trouble(&self.0, next)
    }

    fn revoke(&self) -> bool {
        self.0.end(PAGES[0].token);
        true
    }

    fn grant(&self) {
        self.0.grant(PAGES[0].token);
    }

    fn other_account(&self) -> Option<Value> {
        Some(json!({ "page_id": PAGES[1].id, "access_token": PAGES[1].token }))
    }
}

impl Provider for Instagram {
    fn plugin(&self) -> &'static str {
        "instagram"
    }

    fn config(&self) -> String {
        config(&self.0)
    }

    fn prepare<'a>(&'a self, api: &'a Api) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            let app = json!({
                "app_id": APP_ID,
                "app_secret": APP_SECRET,
                "instagram_app_id": INSTAGRAM_APP_ID,
                "instagram_app_secret": INSTAGRAM_APP_SECRET,
            });
            api.expect(200, "PUT", "/v1/plugins/instagram/settings", app).await;
        })
    }

    fn reach(&self, api: &Api) {
        self.0.reach_endpoint_at(&api.url(""));
    }

    fn form(&self) -> Value {
        json!({ "mode": "instagram-token", "instagram_access_token": PAGES[0].account_token })
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["instagram_access_token"]
    }

    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value {
        text(&self.0, PAGES[0].account, from, at_ms, words)
    }

    fn oddity(&self, from: u32, at_ms: u64) -> Value {
        oddity(&self.0, PAGES[0].account, from, at_ms)
    }

    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
        picture(&self.0, PAGES[0].account, from, at_ms, bytes)
    }

    fn deliver<'a>(&'a self, _api: &'a Api, _channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move { self.0.post_of_account(PAGES[0].account, events.to_vec()).await == Some(200) })
    }

    fn seen(&self, _data: &Path) -> Vec<String> {
        seen(&self.0)
    }

    fn trouble(&self, next: Trouble) -> bool {
        trouble(&self.0, next)
    }

    fn revoke(&self) -> bool {
        self.0.end(PAGES[0].account_token);
        true
    }

    fn grant(&self) {
        self.0.grant(PAGES[0].account_token);
    }

    fn other_account(&self) -> Option<Value> {
        Some(json!({ "instagram_access_token": PAGES[1].account_token }))
    }
}
