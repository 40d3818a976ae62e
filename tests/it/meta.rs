//! Messenger and Instagram over real HTTP: the whole host, the real components, and the simulator of Meta's platforms.

mod instagram;
mod messenger;
mod sign_in;
mod simulator;

use sambung_tests::api::Api;
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::meta::{APP_ID, APP_SECRET, INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, Meta, PAGES, Page};
use serde_json::{Value, json};

/// A host with the app registered for both platforms.
pub(crate) async fn with_app(meta: &Meta, more: &str) -> Host {
    let host = Host::start(&leading(&meta.overrides(), more)).await;
    let api = host.api();
    meta.reach_endpoint_at(&api.url(""));
    let app = json!({ "app_id": APP_ID, "app_secret": APP_SECRET });
    let messenger = api.expect(200, "PUT", "/v1/plugins/messenger/settings", app.clone()).await;
    let mut app = app;
    app["instagram_app_id"] = json!(INSTAGRAM_APP_ID);
    app["instagram_app_secret"] = json!(INSTAGRAM_APP_SECRET);
    let instagram = api.expect(200, "PUT", "/v1/plugins/instagram/settings", app).await;
    for (object, shown) in [("page", messenger), ("instagram", instagram)] {
        let address = shown["webhook_url"].as_str();
        assert!(address.is_some(), "{shown}");
        meta.allow_return_to(shown["redirect_url"].as_str().unwrap());
        assert_eq!(meta.registered(object).as_deref(), address, "registered, and the handshake answered");
    }
    host
}

async fn connect(api: &Api, plugin: &str, name: &str, settings: Value) -> Value {
    let channel = json!({ "plugin": plugin, "name": name, "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel
}

/// Connects a page by its token.
async fn connect_page(api: &Api, page: &Page) -> Value {
    let settings = json!({ "mode": "token", "page_id": page.id, "access_token": page.token, "human_agent": true });
    connect(api, "messenger", page.name, settings).await
}

/// Connects an account by its own token.
async fn connect_account(api: &Api, page: &Page) -> Value {
    let settings = json!({ "mode": "instagram-token", "instagram_access_token": page.account_token });
    connect(api, "instagram", page.username, settings).await
}

/// A host with the first page connected.
async fn with_page(meta: &Meta, more: &str) -> (Host, Value) {
    let host = with_app(meta, more).await;
    let channel = connect_page(host.api(), &PAGES[0]).await;
    (host, channel)
}

fn path(channel: &Value) -> String {
    format!("/v1/channels/{}", channel["id"].as_str().unwrap())
}

fn messages(conversation: &Value) -> String {
    format!("/v1/conversations/{}/messages", conversation["id"].as_str().unwrap())
}

/// A text as the API takes it, written by a person or by a program.
fn written(words: &str, human: bool) -> Value {
    json!({ "content": { "type": "text", "text": words }, "human": human })
}

/// The texts of every message, in the order of their conversations.
async fn texts(api: &Api) -> Vec<String> {
    let text = |message: &Value| message["content"]["text"].as_str().unwrap_or_default().to_owned();
    api.all_messages().await.iter().map(text).collect()
}
