//! Files in both directions: fetched when they arrive, published when they are sent.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::{hook, with_line};
use sambung_tests::providers::line::{Line, Source, Stored, message_event};
use serde_json::{Value, json};

use super::{CUSTOMER, messages};

/// The smallest picture.
fn picture() -> Vec<u8> {
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    STANDARD.decode(png).unwrap()
}

async fn customer_sends(line: &Line, api: &Api, channel: &Value, id: &str) {
    let message = json!({ "type": "image", "id": id, "contentProvider": { "type": "line" }, "quoteToken": "q" });
    let event = message_event(line, Source::User(CUSTOMER), now_ms(), message);
    assert_eq!(line.post(&hook(api, channel), &[event]).await.unwrap(), 200);
}

async fn shown(api: &Api, state: &str) -> Value {
    until(&format!("a file is {state}"), async || {
        let all = api.all_messages().await;
        all.into_iter().map(|message| message["content"].clone()).find(|content| content["state"] == state)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_customers_is_fetched_and_one_that_is_gone_says_so() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    line.content("700001", Stored::Ready(picture().into(), "image/png"));
    line.content("700002", Stored::Gone);
    customer_sends(&line, api, &channel, "700001").await;
    customer_sends(&line, api, &channel, "700002").await;
    let stored = shown(api, "stored").await;
    assert_eq!((&stored["mime"], &stored["width"]), (&json!("image/png"), &json!(1)), "{stored}");
    let path = format!("/v1/media/{}", stored["media_id"].as_str().unwrap());
    let bytes = api.request("GET", &path).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, picture());
    let failed = shown(api, "failed").await;
    assert!(failed["reason"].as_str().is_some_and(|words| !words.is_empty()), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_an_agents_is_published_where_the_provider_fetches_it() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    assert_eq!(line.post_text(&hook(api, &channel), CUSTOMER, now_ms(), "Halo").await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let upload = api.request("POST", "/v1/media?name=shop.png").header("content-type", "image/png").body(picture());
    let media: Value = upload.send().await.unwrap().json().await.unwrap();
    let content = json!({ "type": "media", "kind": "image", "media_id": media["id"] });
    let queued = api.expect(202, "POST", &messages(&conversation), json!({ "content": content })).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    let sent = line.deliveries()[0].object.clone();
    for key in ["originalContentUrl", "previewImageUrl"] {
        let url = sent[key].as_str().unwrap_or_else(|| panic!("no {key}: {sent}"));
        let path = url.strip_prefix("https://chat.example").unwrap();
        let answer = api.with_token("nobody's").request("GET", path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{url}");
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("image/"), "{url}");
    }
}
