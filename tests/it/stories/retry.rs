//! What passes is tried again, with the same key, and arrives once.

use sambung_tests::api::{Api, now_ms};
use sambung_tests::host::{hook, with_line};
use sambung_tests::providers::line::{Line, Trouble};
use serde_json::Value;

use super::CUSTOMER;

/// A reply that meets these troubles: how it is shown in the end.
async fn replied(line: &Line, api: &Api, channel: &Value, troubles: &[Trouble], status: &str) -> Value {
    assert_eq!(line.post_text(&hook(api, channel), CUSTOMER, now_ms(), "Halo").await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let id = conversation["id"].as_str().unwrap();
    // The first spends the reply token; what is pushed takes a retry key.
    let first = api.reply(id, "first").await;
    api.message_when(&first, "sent").await;
    line.trouble(troubles.iter().copied());
    let second = api.reply(id, "second").await;
    api.message_when(&second, status).await
}

fn outcomes(message: &Value) -> Vec<&str> {
    message["attempts"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_met_a_rate_limit_goes_later() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let sent = replied(&line, host.api(), &channel, &[Trouble::RateLimit], "sent").await;
    assert_eq!(outcomes(&sent).len(), 2, "{sent}");
    assert_eq!(line.deliveries().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_met_a_broken_server_goes_later() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let sent = replied(&line, host.api(), &channel, &[Trouble::ServerError], "sent").await;
    assert_eq!(outcomes(&sent).len(), 2, "{sent}");
    assert_eq!(line.deliveries().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_answer_was_lost_is_asked_again_with_its_key_and_arrives_once() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let sent = replied(&line, host.api(), &channel, &[Trouble::ServerErrorAfterTaking], "sent").await;
    assert_eq!(outcomes(&sent).len(), 2, "{sent}");
    let texts: Vec<_> = line.deliveries().iter().map(|one| one.object["text"].clone()).collect();
    assert_eq!(texts, ["first", "second"]);
    let keys: Vec<_> = line
        .recorded()
        .iter()
        .flat_map(|request| request.headers.clone())
        .filter(|(name, _)| name == "x-line-retry-key")
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}
