//! A customer whose number changes stays in their conversation, and is answered at the new number.

use sambung_tests::api::{now_ms, until};
use sambung_tests::host::with_whatsapp;
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use serde_json::{Value, json};

use super::PHONE;

/// Sorts behind the old one, so that it is not found first by accident.
const NEW_PHONE: &str = "16505559876";

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_with_a_new_number_stays_in_the_conversation_and_is_answered_there() {
    let platform = WhatsApp::start().await;
    let (host, _) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let now = now_ms() / 1000;
    let hello = whatsapp::text(&platform, PHONE, now - 20, "Halo");
    assert_eq!(platform.post(&[whatsapp::value(0, &[hello], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;

    let changed = json!({ "from": PHONE, "id": "wamid.SYS1", "timestamp": (now - 10).to_string(), "type": "system",
        "system": { "type": "user_changed_number", "wa_id": NEW_PHONE, "user_id": "US.2", "previous_user_id": "US.1",
            "body": format!("User Sheena changed from {PHONE} to {NEW_PHONE}") } });
    let mut value = whatsapp::value(0, &[changed], &[]);
    // The provider describes nobody beside a system message.
    value.as_object_mut().unwrap().remove("contacts");
    assert_eq!(platform.post(&[value]).await.unwrap(), 200);
    let again = whatsapp::text(&platform, NEW_PHONE, now, "Ini nomor baru saya");
    assert_eq!(platform.post(&[whatsapp::value(0, &[again], &[])]).await.unwrap(), 200);

    let id = conversation["id"].as_str().unwrap();
    until("the second message is in the first conversation", async || {
        let page = api.get(&format!("/v1/conversations/{id}/messages")).await;
        page.to_string().contains("Ini nomor baru saya").then_some(())
    })
    .await;
    let all = api.get("/v1/conversations").await;
    let listed = all["items"].as_array().or(all["conversations"].as_array()).or(all.as_array()).unwrap();
    assert_eq!(listed.len(), 1, "{all}");

    let reply = api.reply(id, "Baik, dicatat").await;
    api.message_when(&reply, "sent").await;
    let sent = platform.deliveries();
    assert_eq!(sent[0].body["to"], Value::from(format!("+{NEW_PHONE}")), "{sent:?}");
}
