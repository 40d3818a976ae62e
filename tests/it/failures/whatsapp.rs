//! What fails elsewhere on WhatsApp alone: nested batches, people without a number, and statuses that contradict a failure.

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::{Host, first_hook, with_whatsapp};
use sambung_tests::providers::whatsapp::{self, ACCOUNT, APP_SECRET, Trouble, WhatsApp};
use serde_json::{Value, json};

use super::stage::{messages_of, path, text};

const PHONE: &str = super::super::stories::PHONE;

async fn texts(api: &Api) -> Vec<String> {
    let mut texts: Vec<String> = api.all_messages().await.iter().map(text).collect();
    texts.sort();
    texts
}

/// A host in which somebody wrote; the conversation.
async fn begun(platform: &WhatsApp) -> (Host, String) {
    let (host, _) = with_whatsapp(platform, "").await;
    let hello = whatsapp::text(platform, PHONE, now_ms() / 1000, "Halo");
    assert_eq!(platform.post(&[whatsapp::value(0, &[hello], &[])]).await.unwrap(), 200);
    let conversation = host.api().first_conversation().await["id"].as_str().unwrap().to_owned();
    (host, conversation)
}

/// The account's subscription is all its numbers': it ends with the last of them, and not before.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_delivers_until_its_last_number_is_disconnected() {
    let platform = WhatsApp::start().await;
    let (host, [first, second]) = with_whatsapp(&platform, "").await;
    host.api().expect(204, "DELETE", &path(&first), Value::Null).await;
    assert!(platform.subscribed(), "the other number is still connected");
    host.api().expect(204, "DELETE", &path(&second), Value::Null).await;
    assert!(!platform.subscribed());
}

/// Two entries of two changes of three messages each, of two numbers, and among them what became of two messages.
#[tokio::test(flavor = "multi_thread")]
async fn every_message_and_status_of_every_change_of_every_entry_counts() {
    let platform = WhatsApp::start().await;
    let (host, conversation) = begun(&platform).await;
    let api = host.api();
    let mut replies = Vec::new();
    for words in ["satu", "dua"] {
        let id = api.reply(&conversation, words).await;
        api.message_when(&id, "sent").await;
        replies.push(id);
    }
    let now = now_ms() / 1000;
    let sent: Vec<String> = platform.deliveries().into_iter().map(|delivery| delivery.id).collect();
    let entry = |entry: u64| {
        let change = |number: usize| {
            let messages: Vec<Value> = (0..3)
                .map(|at| {
                    whatsapp::text(&platform, PHONE, now + at, &format!("entry {entry}, number {number}, message {at}"))
                })
                .collect();
            let state = if entry == 0 { "delivered" } else { "read" };
            let statuses = [whatsapp::status(&sent[entry as usize], state, PHONE, now, None)];
            let statuses = if number == 0 { &statuses[..] } else { &[] };
            json!({ "field": "messages", "value": whatsapp::value(number, &messages, statuses) })
        };
        json!({ "id": ACCOUNT, "changes": [change(0), change(1)] })
    };
    let body = json!({ "object": "whatsapp_business_account", "entry": [entry(0), entry(1)] }).to_string().into_bytes();
    let signature = whatsapp::sign(APP_SECRET, &body);
    let request = api.request("POST", &first_hook(api, "whatsapp").await).header("content-type", "application/json");
    let answer = request.header("x-hub-signature-256", signature).body(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    api.message_when(&replies[0], "delivered").await;
    api.message_when(&replies[1], "read").await;
    api.translated().await;
    let found: Vec<String> = texts(api).await.into_iter().filter(|words| words.starts_with("entry")).collect();
    let expected = (0..2).flat_map(|entry| {
        (0..2).flat_map(move |number| (0..3).map(move |at| format!("entry {entry}, number {number}, message {at}")))
    });
    assert_eq!(found, expected.collect::<Vec<_>>());
    assert_eq!(api.all("/v1/conversations").await.len(), 2, "one with each number");
}

/// Somebody is known by the id that the platform gives them, answered by it, and found to be the same when their number is told.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_number_is_heard_and_answered_and_stays_the_same_when_they_have_one() {
    let platform = WhatsApp::start().await;
    let (host, _) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let now = (now_ms() / 1000).to_string();
    let told = |who: Value, message: Value| {
        let mut value = whatsapp::value(0, &[message], &[]);
        value["contacts"] = json!([who]);
        value
    };
    let hidden = json!({ "from_user_id": "ID.1", "id": "wamid.H1", "timestamp": now, "type": "text", "text": { "body": "siapa aku" } });
    let who = json!({ "user_id": "ID.1", "profile": { "name": "Ana" } });
    assert_eq!(platform.post(&[told(who, hidden)]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    assert_eq!(conversation["contact"]["name"], "Ana", "{conversation}");
    let id = conversation["id"].as_str().unwrap();
    let reply = api.reply(id, "Halo Ana").await;
    api.message_when(&reply, "sent").await;
    let sent = platform.deliveries()[0].body.clone();
    assert_eq!((&sent["recipient"], sent.get("to")), (&json!("ID.1"), None), "{sent}");

    let shown = whatsapp::text(&platform, PHONE, now_ms() / 1000, "ini nomorku");
    let who = json!({ "user_id": "ID.1", "wa_id": PHONE, "profile": { "name": "Ana" } });
    assert_eq!(platform.post(&[told(who, shown)]).await.unwrap(), 200);
    until("the number's message is there", async || texts(api).await.contains(&"ini nomorku".to_owned()).then_some(()))
        .await;
    let conversations = api.all("/v1/conversations").await;
    assert_eq!((conversations.len(), &conversations[0]["id"]), (1, &conversation["id"]), "{conversations:?}");
    assert_eq!(api.all("/v1/contacts").await.len(), 1);
}

/// A failure stands whatever is told late of it. Only a retry leaves it, as an attempt of its own, which what is told of the
/// first one cannot touch.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_sent_revives_no_failed_message_and_a_late_failure_cancels_no_retry() {
    let platform = WhatsApp::start().await;
    let (host, conversation) = begun(&platform).await;
    let api = host.api();
    let id = api.reply(&conversation, "Halo juga").await;
    api.message_when(&id, "sent").await;
    let now = now_ms() / 1000;
    let tell = async |sent: &str, state: &str| {
        let mut status = whatsapp::status(sent, state, PHONE, now, None);
        if state == "failed" {
            status["errors"] = json!([{ "code": 131_026, "title": "Message undeliverable" }]);
        }
        assert_eq!(platform.post(&[whatsapp::value(0, &[], &[status])]).await.unwrap(), 200);
        api.translated().await;
    };
    let first = platform.deliveries()[0].id.clone();
    tell(&first, "failed").await;
    let failed = api.message_when(&id, "failed").await;
    assert!(failed["error"].to_string().contains("undeliverable"), "{failed}");
    tell(&first, "sent").await;
    assert_eq!(api.get(&format!("/v1/messages/{id}")).await["status"], "failed");

    platform.trouble([Trouble::ServerError]);
    api.expect(202, "POST", &format!("/v1/messages/{id}/retry"), Value::Null).await;
    tell(&first, "failed").await;
    api.message_when(&id, "sent").await;
    let second = platform.deliveries()[1].id.clone();
    tell(&first, "failed").await;
    assert_eq!(api.get(&format!("/v1/messages/{id}")).await["status"], "sent");
    tell(&second, "read").await;
    tell(&second, "delivered").await;
    assert_eq!(api.message_when(&id, "read").await["error"], Value::Null);
    assert_eq!(platform.deliveries().len(), 2);
}

/// The provider changes its mind about a template and tells nobody: the refusal is told in its words, and the list is read
/// again, so that nobody is offered it a second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_the_provider_refuses_is_read_again_and_offered_no_more() {
    let platform = WhatsApp::start().await;
    platform.template(
        json!({ "id": "1", "name": "order_ready", "status": "APPROVED", "category": "UTILITY", "language": "id",
        "components": [{ "type": "BODY", "text": "Pesanan {{1}} siap." }] }),
    );
    let (host, [channel, _]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let late = whatsapp::text(&platform, PHONE, now_ms() / 1000 - 25 * 3600, "Halo?");
    assert_eq!(platform.post(&[whatsapp::value(0, &[late], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let templates = format!("{}/templates", path(&channel));
    let status = async || api.get(&templates).await["items"][0]["status"].clone();
    until("the list is read after connecting", async || (status().await == "approved").then_some(())).await;
    platform.alter_template("order_ready", "id", "status", json!("PAUSED"));
    let use_it = json!({ "content": { "type": "template", "name": "order_ready", "language": "id", "parameters": { "1": "A" } } });
    let queued = api.expect(202, "POST", &messages_of(&conversation), use_it.clone()).await;
    let failed = api.message_when(queued["id"].as_str().unwrap(), "failed").await;
    assert_eq!(failed["error"]["code"], "template", "{failed}");
    assert!(failed["error"]["detail"].as_str().is_some_and(|words| words.contains("132")), "{failed}");
    until("it is read again by itself", async || (status().await == "paused").then_some(())).await;
    let refused = api.expect(422, "POST", &messages_of(&conversation), use_it).await;
    assert_eq!(refused["errors"][0]["code"], "template-not-approved", "{refused}");
    assert!(platform.deliveries().is_empty());
}
