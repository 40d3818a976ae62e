//! The messaging window: refused outside it, with what may be sent instead.

use sambung_tests::api::{now_ms, until};
use sambung_tests::host::with_whatsapp;
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use serde_json::{Value, json};

use super::{PHONE, messages, text};

const DAY_S: u64 = 24 * 3600;

fn template(name: &str, status: &str) -> Value {
    json!({
        "id": name,
        "name": name,
        "status": status,
        "category": "UTILITY",
        "language": "id",
        "components": [{ "type": "BODY", "text": "Halo {{1}}, pesanan Anda siap." }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_window_a_text_is_refused_with_the_templates_and_a_template_goes_instead() {
    let platform = WhatsApp::start().await;
    platform.template(template("order_ready", "APPROVED"));
    platform.template(template("not_yet", "PENDING"));
    let (host, [channel, _]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let sync = format!("/v1/channels/{}/templates/sync", channel["id"].as_str().unwrap());
    api.expect(200, "POST", &sync, Value::Null).await;

    let now = now_ms() / 1000;
    let late = whatsapp::text(&platform, PHONE, now - DAY_S - 60, "Halo?");
    assert_eq!(platform.post(&[whatsapp::value(0, &[late], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let shown = api.get(&format!("/v1/conversations/{}", conversation["id"].as_str().unwrap())).await;
    assert_eq!(shown["window"]["state"], "closed", "{shown}");
    assert_eq!(shown["window"]["allows"], json!(["template"]), "{shown}");

    let refused = api.expect(409, "POST", &messages(&conversation), text("Siap!")).await;
    assert_eq!(refused["code"], "window-closed", "{refused}");
    let names: Vec<_> = refused["templates"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["order_ready"], "{refused}");
    assert!(platform.deliveries().is_empty());

    let instead = json!({ "content": {
        "type": "template", "name": "order_ready", "language": "id", "parameters": { "1": "Budi" } } });
    let queued = api.expect(202, "POST", &messages(&conversation), instead).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    let sent = platform.deliveries();
    assert_eq!(sent[0].body["template"]["name"], "order_ready", "{sent:?}");
    assert_eq!(sent[0].body["to"], format!("+{PHONE}"));

    let again = whatsapp::text(&platform, PHONE, now, "Terima kasih");
    assert_eq!(platform.post(&[whatsapp::value(0, &[again], &[])]).await.unwrap(), 200);
    until("the window is open", async || {
        let shown = api.get(&format!("/v1/conversations/{}", conversation["id"].as_str().unwrap())).await;
        (shown["window"]["state"] == "open").then_some(())
    })
    .await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Sama-sama").await;
    api.message_when(&reply, "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_proves_shut_at_the_provider_fails_the_text_with_the_reason() {
    let platform = WhatsApp::start().await;
    let (host, _) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let hello = whatsapp::text(&platform, PHONE, now_ms() / 1000, "Halo");
    assert_eq!(platform.post(&[whatsapp::value(0, &[hello], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    platform.trouble([whatsapp::Trouble::WindowClosed]);
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    let failed = api.message_when(&reply, "failed").await;
    assert_eq!(failed["error"]["code"], "window-closed", "{failed}");
    let refused = api.expect(409, "POST", &messages(&conversation), text("Sekali lagi")).await;
    assert_eq!(refused["code"], "window-closed", "the provider's word closes it: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_sent_never_undoes_read() {
    let platform = WhatsApp::start().await;
    let (host, _) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let now = now_ms() / 1000;
    let hello = whatsapp::text(&platform, PHONE, now, "Halo");
    assert_eq!(platform.post(&[whatsapp::value(0, &[hello], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "sent").await;
    let id = platform.deliveries()[0].id.clone();
    let told = |state: &str| whatsapp::value(0, &[], &[whatsapp::status(&id, state, PHONE, now, None)]);
    for state in ["read", "delivered", "sent"] {
        assert_eq!(platform.post(&[told(state)]).await.unwrap(), 200);
    }
    api.translated().await;
    api.message_when(&reply, "read").await;
}
