//! Typing, both ways: nothing of it is kept, and it is told to those who follow at that moment.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};

use super::common::{TestHost, read, until};
use super::outbound::Story;

/// Reads an event stream until an event of this type comes, and answers with its id and its data.
async fn next(
    stream: &mut (impl Stream<Item = reqwest::Result<impl AsRef<[u8]>>> + Unpin),
    kind: &str,
) -> (bool, Value) {
    let mut text = String::new();
    let reading = async {
        loop {
            text.push_str(std::str::from_utf8(stream.next().await.unwrap().unwrap().as_ref()).unwrap());
            let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
            let event = whole.split("\n\n").find(|event| event.lines().any(|line| line == format!("event: {kind}")));
            if let Some(event) = event {
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
                return (event.lines().any(|line| line.starts_with("id:")), serde_json::from_str(data).unwrap());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading).await.expect("the event comes")
}

async fn feed(host: &TestHost) -> impl Stream<Item = reqwest::Result<impl AsRef<[u8]> + use<>>> + Unpin + use<> {
    let answer = host.request(Method::GET, "/v1/events").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    Box::pin(answer.bytes_stream())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_and_a_user_see_each_other_type() {
    let host = TestHost::start().await;
    let body = json!({"plugin": "webchat", "name": "Toko", "settings": {}});
    let (_, channel) = host.post("/v1/channels", body).await;
    let widget = |path: &str| host.url(&format!("/widget/{}/{path}", channel["id"].as_str().unwrap()));
    let (_, session) = read(host.client.post(widget("sessions")).json(&json!({})).send().await.unwrap()).await;
    let token = session["token"].as_str().unwrap();
    let visitor = async |path: &str, body: Value| {
        host.client.post(widget(path)).bearer_auth(token).json(&body).send().await.unwrap().status()
    };
    assert_eq!(visitor("typing", Value::Null).await, 204, "there is no conversation yet, which is no fault");
    let first = json!({"id": "m1", "name": "Sari", "content": {"type": "text", "text": "Halo"}});
    assert_eq!(visitor("messages", first).await, 202);
    until("the conversation is there", async || {
        host.get("/v1/conversations").await.1["items"].as_array().is_some_and(|items| !items.is_empty())
    })
    .await;
    let (_, list) = host.get("/v1/conversations").await;
    let conversation = list["items"][0]["id"].as_str().unwrap();
    let range = host.state.db.feed_range().await.unwrap();

    let mut team = feed(&host).await;
    // The first time counted too.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(visitor("typing", Value::Null).await, 204);
    let (has_id, typing) = next(&mut team, "conversation.typing").await;
    assert!(!has_id, "a stream that resumes does not begin at what is not kept");
    assert_eq!(typing["conversation_id"], conversation);
    assert_eq!((&typing["from"]["type"], &typing["from"]["name"]), (&json!("contact"), &json!("Sari")));

    let answer = host.client.get(widget(&format!("stream?token={token}"))).send().await.unwrap();
    let mut shown = Box::pin(answer.bytes_stream());
    next_entry(&mut shown).await;
    let path = format!("/v1/conversations/{conversation}/typing");
    assert_eq!(host.call(Method::POST, &path, None).await.0, 204);
    assert_eq!(next(&mut shown, "typing").await, (false, json!({"from": "agent"})));
    assert_eq!(next(&mut team, "conversation.typing").await.1["from"]["type"], "user", "colleagues see it, too");

    assert_eq!(host.state.db.feed_range().await.unwrap().newest, range.newest, "nothing is kept");
    assert_eq!(host.client.post(widget("typing")).bearer_auth("x").send().await.unwrap().status(), 401);
}

/// Waits until a visitor's stream is open and has told what is there.
async fn next_entry(stream: &mut (impl Stream<Item = reqwest::Result<impl AsRef<[u8]>>> + Unpin)) {
    let mut text = String::new();
    while !text.contains("data: ") {
        text.push_str(std::str::from_utf8(stream.next().await.unwrap().unwrap().as_ref()).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_told_once_in_a_while_that_a_user_types() {
    let Story { host, line, conversation, .. } = Story::begin().await;
    let told = || line.recorded().iter().filter(|call| call.url.ends_with("/v2/bot/chat/loading/start")).count();
    let path = format!("/v1/conversations/{conversation}/typing");
    for _ in 0..5 {
        assert_eq!(host.call(Method::POST, &path, None).await.0, 204);
    }
    until("the provider is told", async || told() > 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(told(), 1, "five times in a moment are one");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(host.call(Method::POST, &path, None).await.0, 204);
    until("it is told again", async || told() == 2).await;
    assert_eq!(host.call(Method::POST, "/v1/conversations/cv_1/typing", None).await.0, 404);
}
