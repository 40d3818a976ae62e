//! A window that shuts while a message waits for its turn: it is looked at again when the message would leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sambung::clock::Clock;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::host::with_whatsapp_at;
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use serde_json::{Value, json};

use super::stage::{Stage, messages_of, path, providers};

const HOUR_MS: i64 = 3_600_000;

/// A clock that can be put forward.
fn clock() -> (Arc<AtomicI64>, Clock) {
    let (ahead, system) = (Arc::new(AtomicI64::new(0)), Clock::system());
    let told = Arc::clone(&ahead);
    (ahead, Clock::from_fn(move || system.now() + told.load(Ordering::SeqCst)))
}

/// A message is taken while the window is open, and the channel is held until it is shut: how the message is shown then.
async fn held_too_long(api: &Api, channel: &Value, conversation: &str, ahead: &AtomicI64) -> Value {
    api.expect(200, "PATCH", &path(channel), json!({ "paused": true })).await;
    let id = api.reply(conversation, "terlambat").await;
    ahead.store(25 * HOUR_MS, Ordering::SeqCst);
    api.expect(200, "PATCH", &path(channel), json!({ "paused": false })).await;
    let failed = api.message_when(&id, "failed").await;
    assert_eq!(failed["error"]["code"], "window-closed", "{failed}");
    assert_eq!(failed["attempts"], json!([]), "the provider was not even asked: {failed}");
    let text = json!({ "content": { "type": "text", "text": "lagi" } });
    let refused = api.expect(409, "POST", &messages_of(conversation), text).await;
    assert_eq!(
        (&refused["code"], &refused["window"]["reason"]),
        (&json!("window-closed"), &json!("expired")),
        "{refused}"
    );
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_window_shuts_before_its_turn_fails_unsent() {
    for provider in providers().await {
        if !["messenger", "instagram"].contains(&provider.plugin()) {
            continue;
        }
        let (ahead, clock) = clock();
        let stage = Stage::open_at(provider, "", clock).await;
        let conversation = stage.begin("Halo").await;
        held_too_long(stage.api(), &stage.channel, &conversation, &ahead).await;
        assert!(stage.seen().is_empty());
        // Whoever writes opens it again.
        ahead.store(0, Ordering::SeqCst);
        assert_eq!(stage.begin("Masih di sana?").await, conversation);
        let reply = stage.api().reply(&conversation, "Ya").await;
        stage.api().message_when(&reply, "sent").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_offered_where_the_window_shut_before_a_messages_turn() {
    let platform = WhatsApp::start().await;
    platform.template(
        json!({ "id": "1", "name": "order_ready", "status": "APPROVED", "category": "UTILITY", "language": "id",
        "components": [{ "type": "BODY", "text": "Pesanan Anda siap." }] }),
    );
    let (ahead, clock) = clock();
    let (host, [channel, _]) = with_whatsapp_at(&platform, "", clock).await;
    let api = host.api();
    api.expect(200, "POST", &format!("{}/templates/sync", path(&channel)), Value::Null).await;
    let hello = whatsapp::text(&platform, super::super::stories::PHONE, now_ms() / 1000, "Halo");
    assert_eq!(platform.post(&[whatsapp::value(0, &[hello], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let refused = held_too_long(api, &channel, &conversation, &ahead).await;
    assert!(platform.deliveries().is_empty());
    assert_eq!(refused["templates"][0]["name"], "order_ready", "{refused}");
    let shown = api.get(&format!("/v1/conversations/{conversation}")).await;
    assert_eq!(shown["composer"]["templates"][0]["name"], "order_ready", "{shown}");
    let instead =
        json!({ "content": { "type": "template", "name": "order_ready", "language": "id", "parameters": {} } });
    let queued = api.expect(202, "POST", &messages_of(&conversation), instead).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
}
