//! What connecting does to a provider: nothing before the account is known to be free, and what is registered is what works.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use sambung::auth::Role;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::host::{Host, connect_line, hook, hook_path, leading, with_line};
use sambung_tests::providers::http_client;
use sambung_tests::providers::line::{self, Line};
use sambung_tests::providers::telegram::{TOKEN as BOT_TOKEN, Telegram};
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use serde_json::{Value, json};

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";

fn of_line(secret: &str) -> Value {
    json!({ "plugin": "line", "name": "Second", "settings": {
        "channel_secret": secret, "channel_access_token": line::TOKEN } })
}

fn codes(channel: &Value) -> Vec<&str> {
    channel["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
}

async fn check(api: &Api, channel: &Value) -> Value {
    api.expect(200, "POST", &format!("/v1/channels/{}/check", channel["id"].as_str().unwrap()), Value::Null).await
}

async fn register(api: &Api, channel: &Value) -> Value {
    api.expect(200, "POST", &format!("/v1/channels/{}/register", channel["id"].as_str().unwrap()), Value::Null).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_attempt_leaves_the_live_channels_address_where_it_is() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    let address = channel["webhook_url"].as_str().unwrap();
    assert_eq!(line.endpoint().as_deref(), Some(address));

    let taken = api.expect(409, "POST", "/v1/channels", of_line(line::SECRET)).await;
    assert_eq!(taken["code"], "account-connected");
    let id = channel["id"].as_str().unwrap();
    let named = json!({ "id": id, "name": "Shop", "url": format!("/v1/channels/{id}") });
    assert_eq!(taken["channel"], named, "{taken}");
    api.expect(422, "POST", "/v1/channels", of_line("ffffffffffffffffffffffffffffffff")).await;
    let elsewhere = host.caller("another", Role::Admin).await;
    let taken = elsewhere.expect(409, "POST", "/v1/channels", of_line(line::SECRET)).await.to_string();
    assert!(!taken.contains(id) && !taken.contains("Shop") && taken.contains("another workspace"), "{taken}");

    assert_eq!(line.endpoint().as_deref(), Some(address), "LINE delivers to the channel that is live");
    assert_eq!(line.post_text(&hook(api, &channel), USER, now_ms(), "Halo").await.unwrap(), 200);
    assert_eq!(codes(&check(api, &channel).await), Vec::<&str>::new());
    assert_eq!(api.get("/v1/channels").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_moved_shows_at_the_next_check_and_is_registered_again_when_somebody_asks() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    // Another server of the same account.
    let other = Host::start(&leading(&line.overrides(), "")).await;
    let theirs = connect_line(other.api(), &line).await;
    line.reach_endpoint_at(&api.url(""));
    assert_eq!(line.endpoint().as_deref(), theirs["webhook_url"].as_str());
    assert_eq!(codes(&check(api, &channel).await), ["webhook-elsewhere"]);
    assert_eq!(line.endpoint().as_deref(), theirs["webhook_url"].as_str(), "a check takes nothing back");
    assert_eq!(codes(&register(api, &channel).await), Vec::<&str>::new());
    assert_eq!(line.endpoint().as_deref(), channel["webhook_url"].as_str());
    let audit = api.get("/v1/audit").await.to_string();
    assert!(audit.contains("channel.register"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_connected_keeps_its_webhook() {
    let telegram = Telegram::start().await;
    let host = Host::start(&leading(&telegram.overrides(), "")).await;
    let api = host.api();
    telegram.reach_endpoint_at(&api.url(""));
    let form = json!({ "plugin": "telegram", "name": "Bot", "settings": { "bot_token": BOT_TOKEN } });
    let channel = api.expect(201, "POST", "/v1/channels", form.clone()).await;
    assert_eq!(telegram.webhook().unwrap().url, channel["webhook_url"]);
    let taken = api.expect(409, "POST", "/v1/channels", form).await;
    assert_eq!(taken["channel"]["id"], channel["id"], "{taken}");
    assert_eq!(telegram.webhook().unwrap().url, channel["webhook_url"]);
}

/// A provider's gateway with several customers: the address of each token.
#[derive(Clone, Default)]
pub struct Gateway(Arc<Mutex<BTreeMap<String, String>>>);

impl Gateway {
    pub async fn start() -> (Self, String) {
        let gateway = Gateway::default();
        let router = Router::new().route("/configs/webhook", get(told).post(set)).with_state(gateway.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gateway, origin)
    }

    pub fn address(&self, token: &str) -> String {
        self.0.lock().unwrap().get(token).cloned().unwrap_or_default()
    }
}

fn customer(headers: &HeaderMap) -> Result<String, StatusCode> {
    let token = headers.get("d360-api-key").and_then(|token| token.to_str().ok());
    token.filter(|token| token.starts_with("customer-")).map(str::to_owned).ok_or(StatusCode::UNAUTHORIZED)
}

async fn told(State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let token = customer(&headers)?;
    Ok(Json(json!({ "url": gateway.address(&token) })))
}

async fn set(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let token = customer(&headers)?;
    gateway.0.lock().unwrap().insert(token, body["url"].as_str().unwrap_or_default().to_owned());
    Ok(Json(json!({ "url": body["url"] })))
}

fn of_gateway(token: &str) -> Value {
    json!({ "plugin": "whatsapp", "name": token, "settings": {
        "mode": "gateway", "base_url": "https://waba.gateway.example", "token": token, "auth_header": "D360-API-KEY" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_customers_of_a_gateway_receive_at_the_addresses_that_it_was_told() {
    let (gateway, origin) = Gateway::start().await;
    let overrides = [("https://waba.gateway.example".to_owned(), origin)];
    let host = Host::start(&leading(&overrides, "")).await;
    let api = host.api();
    let mut channels = Vec::new();
    for token in ["customer-one-token", "customer-two-token"] {
        let channel = api.expect(201, "POST", "/v1/channels", of_gateway(token)).await;
        assert_eq!(channel["state"], "connected", "{channel}");
        let told = gateway.address(token);
        assert_eq!(
            Some(told.as_str()),
            channel["webhook_url"].as_str(),
            "what the gateway was told is what the admin sees"
        );
        let text = json!({ "contacts": [{ "wa_id": "6281", "profile": { "name": "Siti" } }], "messages": [{
            "id": format!("wamid.{token}"), "from": "6281", "timestamp": "1767225600", "type": "text", "text": { "body": token } }] });
        let posted = http_client().post(api.url(&hook_path(&json!({ "webhook_url": told })))).json(&text);
        assert_eq!(posted.send().await.unwrap().status().as_u16(), 200);
        channels.push(channel);
    }
    api.translated().await;
    let texts: Vec<Value> = api.all_messages().await.iter().map(|one| one["content"]["text"].clone()).collect();
    assert!(texts.contains(&json!("customer-one-token")) && texts.contains(&json!("customer-two-token")), "{texts:?}");

    let before = gateway.address("customer-one-token");
    let taken = api.expect(409, "POST", "/v1/channels", of_gateway("customer-one-token")).await;
    assert_eq!(taken["channel"]["id"], channels[0]["id"], "{taken}");
    api.expect(422, "POST", "/v1/channels", of_gateway("nobody")).await;
    assert_eq!(gateway.address("customer-one-token"), before);
    assert_eq!(codes(&check(api, &channels[0]).await), Vec::<&str>::new());
    let moved = "https://other.example/h";
    gateway.0.lock().unwrap().insert("customer-one-token".to_owned(), moved.to_owned());
    assert_eq!(codes(&check(api, &channels[0]).await), ["webhook-elsewhere"]);
    assert_eq!(gateway.address("customer-one-token"), moved);
    register(api, &channels[0]).await;
    assert_eq!(gateway.address("customer-one-token"), before);
}

/// Of the Cloud API's messages nothing arrives without a registered app.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_messages_come_by_an_app_is_refused_without_one() {
    let platform = WhatsApp::start().await;
    let host = Host::start(&leading(&platform.overrides(), "")).await;
    let cloud = json!({ "plugin": "whatsapp", "name": "Number", "settings": {
        "mode": "cloud", "phone_number_id": whatsapp::NUMBERS[0].0, "business_account_id": whatsapp::ACCOUNT,
        "access_token": whatsapp::TOKEN } });
    let page = json!({ "plugin": "messenger", "name": "Page", "settings": {
        "mode": "token", "page_id": "1067280970047460", "access_token": "t" } });
    for channel in [cloud, page] {
        let problem = host.api().expect(422, "POST", "/v1/channels", channel).await;
        assert_eq!(problem["errors"][0]["pointer"], "#/app", "{problem}");
    }
    assert!(!platform.subscribed(), "nothing was changed at the provider");
    assert_eq!(host.api().get("/v1/channels").await["items"], json!([]));
}
