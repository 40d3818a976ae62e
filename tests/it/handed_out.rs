//! Every plugin in every way of connecting: what is posted to the address that the product handed out, to the admin or to the
//! provider, becomes a message. No address stands here.

use std::collections::BTreeSet;

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::browser::Browser;
use sambung_tests::host::{Host, hook, hook_path, leading, x_keys};
use sambung_tests::providers::email::{NameServer, Postbox, deliver};
use sambung_tests::providers::http_client;
use sambung_tests::providers::line::{self, Line};
use sambung_tests::providers::meta::{self, Batch, Meta, PAGES, PERSON};
use sambung_tests::providers::telegram::{TOKEN as BOT_TOKEN, Telegram};
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use sambung_tests::providers::x::{self, CLIENT, CONSUMER_KEY, CONSUMER_SECRET, X};
use serde_json::{Value, json};

use super::registering::Gateway;

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
const CUSTOMER: &str = "3001969357";

/// A provider on which a channel is connected in one way, and the host's names for that.
struct Way {
    plugin: &'static str,
    /// What the form calls it; empty: the plugin has one way.
    mode: &'static str,
    /// Connects a channel and posts this text to its address.
    story: for<'a> fn(&'a str) -> LocalBoxFuture<'a, (Host, Value)>,
}

const WAYS: &[Way] = &[
    Way { plugin: "line", mode: "", story: |text| Box::pin(by_line(text)) },
    Way { plugin: "telegram", mode: "", story: |text| Box::pin(by_telegram(text)) },
    Way { plugin: "whatsapp", mode: "cloud", story: |text| Box::pin(by_cloud(text)) },
    Way { plugin: "whatsapp", mode: "gateway", story: |text| Box::pin(by_gateway(text)) },
    Way { plugin: "messenger", mode: "token", story: |text| Box::pin(by_meta("messenger", "token", text)) },
    Way { plugin: "messenger", mode: "sign-in", story: |text| Box::pin(by_meta("messenger", "sign-in", text)) },
    Way { plugin: "instagram", mode: "token", story: |text| Box::pin(by_meta("instagram", "token", text)) },
    Way {
        plugin: "instagram",
        mode: "instagram-token",
        story: |text| Box::pin(by_meta("instagram", "instagram-token", text)),
    },
    Way { plugin: "instagram", mode: "sign-in", story: |text| Box::pin(by_meta("instagram", "sign-in", text)) },
    Way {
        plugin: "instagram",
        mode: "instagram-sign-in",
        story: |text| Box::pin(by_meta("instagram", "instagram-sign-in", text)),
    },
    Way { plugin: "x", mode: "own-app", story: |text| Box::pin(by_x("own-app", text)) },
    Way { plugin: "x", mode: "sign-in", story: |text| Box::pin(by_x("sign-in", text)) },
    Way { plugin: "email", mode: "", story: |text| Box::pin(by_mail(text)) },
];

async fn host(overrides: &[(String, String)]) -> Host {
    Host::start(&leading(overrides, "")).await
}

async fn connect(api: &Api, plugin: &str, settings: Value) -> Value {
    let form = json!({ "plugin": plugin, "name": "Shop", "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", form).await;
    if channel["step"].is_null() {
        assert_eq!(channel["state"], "connected", "{channel}");
    }
    channel
}

/// What an admin reads as the address.
fn shown(of: &Value) -> &str {
    of["webhook_url"].as_str().unwrap_or_else(|| panic!("no address for the provider: {of}"))
}

async fn by_line(text: &str) -> (Host, Value) {
    let provider = Line::start().await;
    let host = host(&provider.overrides()).await;
    let api = host.api();
    provider.reach_endpoint_at(&api.url(""));
    let settings = json!({ "channel_secret": line::SECRET, "channel_access_token": line::TOKEN });
    let channel = connect(api, "line", settings).await;
    assert_eq!(provider.endpoint().as_deref(), Some(shown(&channel)));
    assert_eq!(provider.post_text(&hook(api, &channel), USER, now_ms(), text).await.unwrap(), 200);
    (host, channel)
}

async fn by_telegram(text: &str) -> (Host, Value) {
    let provider = Telegram::start().await;
    let host = host(&provider.overrides()).await;
    provider.reach_endpoint_at(&host.api().url(""));
    let channel = connect(host.api(), "telegram", json!({ "bot_token": BOT_TOKEN })).await;
    assert_eq!(provider.webhook().unwrap().url, shown(&channel));
    provider.writes(811_000_001, text);
    assert_eq!(provider.deliver().await, 200);
    (host, channel)
}

async fn by_cloud(text: &str) -> (Host, Value) {
    let provider = WhatsApp::start().await;
    let host = host(&provider.overrides()).await;
    let api = host.api();
    provider.reach_endpoint_at(&api.url(""));
    let app = json!({ "app_id": whatsapp::APP_ID, "app_secret": whatsapp::APP_SECRET });
    let app = api.expect(200, "PUT", "/v1/plugins/whatsapp/settings", app).await;
    let settings = json!({ "mode": "cloud", "phone_number_id": whatsapp::NUMBERS[0].0,
        "business_account_id": whatsapp::ACCOUNT, "access_token": whatsapp::TOKEN });
    let channel = connect(api, "whatsapp", settings).await;
    assert_eq!(provider.registered().as_deref(), Some(shown(&app)), "what the admin reads is registered");
    assert_eq!(shown(&channel), shown(&app));
    let message = whatsapp::text(&provider, "6281230001111", now_ms() / 1000, text);
    assert_eq!(provider.post(&[whatsapp::value(0, &[message], &[])]).await.unwrap(), 200);
    (host, channel)
}

async fn by_gateway(text: &str) -> (Host, Value) {
    let (gateway, origin) = Gateway::start().await;
    let host = host(&[("https://waba.gateway.example".to_owned(), origin)]).await;
    let settings = json!({ "mode": "gateway", "base_url": "https://waba.gateway.example", "token": "customer-one-token",
        "auth_header": "D360-API-KEY" });
    let channel = connect(host.api(), "whatsapp", settings).await;
    assert_eq!(gateway.address("customer-one-token"), shown(&channel));
    let message = json!({ "contacts": [{ "wa_id": "6281", "profile": { "name": "Siti" } }], "messages": [{
        "id": "wamid.1", "from": "6281", "timestamp": "1767225600", "type": "text", "text": { "body": text } }] });
    let posted = http_client().post(hook(host.api(), &channel)).json(&message).send().await.unwrap();
    assert_eq!(posted.status(), 200);
    (host, channel)
}

/// Opens where somebody signs in, in a browser for which the provider's pages are the simulator's: the channel afterwards.
async fn signs_in(api: &Api, channel: &Value, pages: &[&str], simulator: &str, choice: &str) -> Value {
    let url = channel["step"]["url"].as_str().unwrap_or_else(|| panic!("no sign-in: {channel}"));
    let public = url.split("/sign-in").next().unwrap().to_owned();
    let pages = pages.iter().map(|page| ((*page).to_owned(), simulator.to_owned()));
    let browser = Browser::new(pages.chain([(public, api.url(""))]));
    let (status, page) = browser.open(url).await;
    assert_eq!(status, 200, "{page}");
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let shown = api.get(&path).await;
    match shown["step"]["kind"].as_str() {
        Some("choose") => api.expect(200, "POST", &format!("{path}/answer"), json!({ "choice": choice })).await,
        _ => shown,
    }
}

async fn by_meta(plugin: &'static str, mode: &'static str, text: &str) -> (Host, Value) {
    let provider = Meta::start().await;
    let host = host(&provider.overrides()).await;
    let api = host.api();
    provider.reach_endpoint_at(&api.url(""));
    let mut app = json!({ "app_id": meta::APP_ID, "app_secret": meta::APP_SECRET });
    if plugin == "instagram" {
        app["instagram_app_id"] = json!(meta::INSTAGRAM_APP_ID);
        app["instagram_app_secret"] = json!(meta::INSTAGRAM_APP_SECRET);
    }
    let app = api.expect(200, "PUT", &format!("/v1/plugins/{plugin}/settings"), app).await;
    provider.allow_return_to(app["redirect_url"].as_str().expect("the admin reads where browsers come back to"));
    let (object, id) = if plugin == "messenger" { ("page", PAGES[0].id) } else { ("instagram", PAGES[0].account) };
    assert_eq!(provider.registered(object).as_deref(), Some(shown(&app)), "what the admin reads is registered");
    let mut settings = match (plugin, mode) {
        ("messenger", "token") => json!({ "page_id": PAGES[0].id, "access_token": PAGES[0].token }),
        (_, "token") => json!({ "access_token": PAGES[0].token, "account_id": PAGES[0].account }),
        (_, "instagram-token") => json!({ "instagram_access_token": PAGES[0].account_token }),
        _ => json!({}),
    };
    settings["mode"] = json!(mode);
    let mut channel = connect(api, plugin, settings).await;
    if mode.ends_with("sign-in") {
        let pages = ["https://www.facebook.com", "https://www.instagram.com"];
        channel = signs_in(api, &channel, &pages, provider.address(), id).await;
    }
    assert_eq!(shown(&channel), shown(&app));
    let event = (id.to_owned(), provider.text(id, PERSON, now_ms(), text));
    assert_eq!(provider.post(&Batch { object, events: vec![event] }).await, Some(200));
    (host, channel)
}

async fn by_x(mode: &'static str, text: &str) -> (Host, Value) {
    let provider = X::start().await;
    let host = host(&provider.overrides()).await;
    let api = host.api();
    provider.reach_endpoint_at(&api.url(""));
    let channel = if mode == "own-app" {
        connect(api, "x", x_keys()).await
    } else {
        let app = json!({ "consumer_key": CONSUMER_KEY, "consumer_secret": CONSUMER_SECRET, "client_id": CLIENT.0,
            "client_secret": CLIENT.1 });
        let app = api.expect(200, "PUT", "/v1/plugins/x/settings", app).await;
        provider.allow_return_to(app["redirect_url"].as_str().expect("the admin reads where browsers come back to"));
        let begun = connect(api, "x", json!({ "mode": mode })).await;
        let channel = signs_in(api, &begun, &["https://x.com"], provider.address(), x::OWN).await;
        assert_eq!(shown(&channel), shown(&app));
        channel
    };
    assert_eq!(provider.registered(), [shown(&channel)]);
    let message = provider.write(CUSTOMER, text);
    assert_eq!(provider.post_activity(&message).await.unwrap(), 200);
    (host, channel)
}

/// The address is one that mail is forwarded to.
async fn by_mail(text: &str) -> (Host, Value) {
    let (names, postbox) = (NameServer::start(&[]).await.address(), Postbox::start().await);
    let mail = format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n\
         [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n",
        postbox.address().port()
    );
    let host = Host::start(&mail).await;
    let settings = json!({ "address": "support@shop.example", "display_name": "Shop", "sending": "relay" });
    let channel = connect(host.api(), "email", settings).await;
    let address = channel["settings"]["forwarding_address"].as_str().expect("the admin reads where to forward to");
    let raw =
        format!("From: siti@customer.example\nTo: support@shop.example\nMessage-ID: <1@c>\nSubject: Halo\n\n{text}\n");
    deliver(host.mail(), "siti@customer.example", address, &raw).await;
    (host, channel)
}

fn words(message: &Value) -> String {
    let content = &message["content"];
    content["text"].as_str().unwrap_or_default().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_to_the_address_that_was_handed_out_becomes_a_message_in_every_way_of_connecting() {
    for Way { plugin, mode, story } in WAYS {
        let text = format!("by {plugin} {mode}").trim().to_owned();
        let (host, channel) = story(&text).await;
        let arrived = async || host.api().all_messages().await.into_iter().find(|message| words(message) == text);
        let message = until(&format!("what was posted {text} is a message"), arrived).await;
        assert_eq!(message["direction"], "inbound", "{message}");
        let now = host.api().get(&format!("/v1/channels/{}", channel["id"].as_str().unwrap())).await;
        assert_eq!((&now["plugin"], &now["state"]), (&json!(plugin), &json!("connected")), "{now}");
        // Beside the address nothing is taken.
        if channel["webhook_url"].is_string() {
            let beside = format!("{}x", host.api().url(&hook_path(&channel)));
            let answer = http_client().post(beside).body("{}").send().await.unwrap();
            assert!(answer.status().is_client_error(), "{text}: {}", answer.status());
        }
    }
}

/// The ways of connecting that a form offers, told by the product.
fn modes(schema: &Value) -> BTreeSet<String> {
    let listed = schema["properties"]["mode"]["enum"].as_array().cloned().unwrap_or_default();
    let told = schema["oneOf"].as_array().into_iter().flatten().map(|one| one["properties"]["mode"]["const"].clone());
    listed.into_iter().chain(told).filter_map(|mode| mode.as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_of_connecting_that_a_form_offers_is_left_out() {
    let host = Host::start("").await;
    let covered: BTreeSet<(String, String)> =
        WAYS.iter().map(|way| (way.plugin.to_owned(), way.mode.to_owned())).collect();
    let mut offered = BTreeSet::new();
    for plugin in sambung_bundle::BUNDLED.iter().map(|plugin| plugin.id).filter(|id| *id != "webchat") {
        let schema = host.api().get(&format!("/v1/plugins/{plugin}/settings-schema?of=channel")).await;
        assert!(schema["properties"].is_object(), "{plugin} has a form: {schema}");
        let modes = modes(&schema);
        let modes = if modes.is_empty() { BTreeSet::from([String::new()]) } else { modes };
        offered.extend(modes.into_iter().map(|mode| (plugin.to_owned(), mode)));
    }
    assert_eq!(covered, offered);
}
