//! Telegram from a form to conversations and back, over real HTTP, with the whole host, the real component and the simulator.

mod component;
mod polling;
mod webhook;

use sambung_tests::api::{Api, until};
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::telegram::{TOKEN, Telegram};
use serde_json::{Value, json};

/// A customer, by the id that their private chat has too.
const CUSTOMER: i64 = 811_000_001;

/// A host that providers can reach.
async fn reachable(telegram: &Telegram) -> Host {
    let host = Host::start(&leading(&telegram.overrides(), "")).await;
    telegram.reach_endpoint_at(&host.api().url(""));
    host
}

/// The configuration of a host that nobody can reach.
fn unreachable(telegram: &Telegram) -> String {
    let lines: String = telegram.overrides().iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
    format!("[egress.overrides]\n{lines}")
}

fn form(token: &str) -> Value {
    json!({ "plugin": "telegram", "name": "Toko", "settings": { "bot_token": token } })
}

async fn connect(api: &Api) -> Value {
    let channel = api.expect(201, "POST", "/v1/channels", form(TOKEN)).await;
    assert_eq!((&channel["state"], &channel["account_name"]), (&json!("connected"), &json!("Toko (@toko_bot)")));
    channel
}

fn path_of(channel: &Value) -> String {
    format!("/v1/channels/{}", channel["id"].as_str().unwrap())
}

/// The messages of all conversations, the oldest first, once there are so many.
async fn shown(api: &Api, count: usize) -> Vec<Value> {
    until(&format!("there are {count} messages"), async || {
        let mut all = api.all_messages().await;
        all.reverse();
        (all.len() >= count).then_some(all)
    })
    .await
}

fn texts(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|message| message["content"]["text"].as_str().unwrap_or_default().to_owned()).collect()
}
