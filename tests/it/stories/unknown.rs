//! A message that the provider took without saying so: unknown, never sent blindly again, and settled by a status or a person.

use sambung_tests::api::{Api, now_ms};
use sambung_tests::host::{Host, with_whatsapp};
use sambung_tests::providers::whatsapp::{self, Trouble, WhatsApp};
use serde_json::{Value, json};

use super::PHONE;

/// Calls are given up soon, so that nobody waits half a minute for an answer that never comes.
const IMPATIENT: &str = "[runtime.limits]\ndeadline_ms = 1500\n";

async fn lost(platform: &WhatsApp) -> (Host, Value) {
    let (host, _) = with_whatsapp(platform, IMPATIENT).await;
    let api = host.api();
    let hello = whatsapp::text(platform, PHONE, now_ms() / 1000, "Halo");
    assert_eq!(platform.post(&[whatsapp::value(0, &[hello], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    platform.trouble([Trouble::SilenceAfterTaking]);
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    let unknown = api.message_when(&reply, "unknown").await;
    assert_eq!(platform.deliveries().len(), 1);
    (host, unknown)
}

fn path(message: &Value) -> String {
    format!("/v1/messages/{}", message["id"].as_str().unwrap())
}

async fn still_sent_once(platform: &WhatsApp, api: &Api, message: &Value, status: &str) {
    let settled = api.message_when(message["id"].as_str().unwrap(), status).await;
    assert_eq!(settled["attempts"].as_array().unwrap().len(), 1, "{settled}");
    assert_eq!(platform.deliveries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_carries_the_attempt_settles_an_unknown_message() {
    let platform = WhatsApp::start().await;
    let (host, unknown) = lost(&platform).await;
    let taken = platform.deliveries()[0].clone();
    let attempt = taken.body["biz_opaque_callback_data"].as_str().unwrap();
    let told = whatsapp::status(&taken.id, "delivered", PHONE, now_ms() / 1000, Some(attempt));
    assert_eq!(platform.post(&[whatsapp::value(0, &[], &[told])]).await.unwrap(), 200);
    still_sent_once(&platform, host.api(), &unknown, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_an_unknown_message_and_it_cannot_be_retried_before() {
    let platform = WhatsApp::start().await;
    let (host, unknown) = lost(&platform).await;
    let api = host.api();
    let refused = api.expect(409, "POST", &format!("{}/retry", path(&unknown)), Value::Null).await;
    assert_eq!(refused["code"], "not-failed");
    let outcome = json!({ "outcome": "sent" });
    api.expect(200, "POST", &format!("{}/resolve", path(&unknown)), outcome).await;
    still_sent_once(&platform, api, &unknown, "sent").await;
}
