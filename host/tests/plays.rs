//! Stories that a plugin's own words tell: what became of lost messages, rates, echoes, answers of the plugin's, and a fault in
//! its translation.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use sambung::clock::Clock;
use serde_json::{Value, json};

use crate::common::guests::{guest, version, with};
use crate::common::{Options, TestHost, until};

/// A host with the plugin, a channel of it, and a conversation in which somebody spoke.
struct Stage {
    host: TestHost,
    channel: String,
    key: String,
    conversation: String,
}

impl Stage {
    async fn open() -> Stage {
        Stage::open_at(Clock::system()).await
    }

    async fn open_at(clock: Clock) -> Stage {
        let options = Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example").clock(clock);
        let host = TestHost::start_with(options).await;
        install(&host, guest("plays")).await;
        let (status, channel) =
            host.post("/v1/channels", json!({"plugin": "plays", "name": "Stage", "settings": {}})).await;
        assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connected")), "{channel}");
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let (id, key) = (word(&channel["id"]), word(&channel["settings"]["hook_key"]));
        let mut stage = Stage { host, channel: id, key, conversation: String::new() };
        assert_eq!(stage.deliver(&json!({"id": "first", "text": "Halo"})).await.status(), StatusCode::ACCEPTED);
        until("the conversation is there", async || !stage.conversations().await.is_empty()).await;
        stage.conversation = word(&stage.conversations().await[0]["id"]);
        stage
    }

    async fn deliver(&self, body: &Value) -> reqwest::Response {
        let address = self.host.url(&format!("/hooks/plays/{}", self.channel));
        self.host.client.post(address).header("x-hook-key", &self.key).json(body).send().await.unwrap()
    }

    async fn conversations(&self) -> Vec<Value> {
        self.host.get("/v1/conversations").await.1["items"].as_array().unwrap().clone()
    }

    /// The texts of the conversation with their directions, in order.
    async fn texts(&self) -> Vec<(String, String)> {
        let (_, page) = self.host.get(&format!("/v1/conversations/{}/messages?limit=100", self.conversation)).await;
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let text = |message: &Value| (word(&message["direction"]), word(&message["content"]["text"]));
        page["items"].as_array().unwrap().iter().rev().map(text).collect()
    }

    async fn send(&self, text: &str) -> String {
        let path = format!("/v1/conversations/{}/messages", self.conversation);
        let (status, answer) = self.host.post(&path, json!({"content": {"type": "text", "text": text}})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn message(&self, id: &str) -> Value {
        self.host.get(&format!("/v1/messages/{id}")).await.1
    }

    async fn becomes(&self, id: &str, status: &str) -> Value {
        until(&format!("{id} is {status}"), async || self.message(id).await["status"] == status).await;
        self.message(id).await
    }

    async fn journal(&self, state: &str) -> Vec<Value> {
        self.host.get(&format!("/v1/journal?state={state}")).await.1["items"].as_array().unwrap().clone()
    }
}

async fn install(host: &TestHost, wasm: Vec<u8>) {
    let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Nobody at a provider waits for a plugin that thinks: what it has not translated soon is kept without, and keeps its place. (With
/// one thread, who thinks would keep everybody from being told.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_acknowledged_before_a_slow_plugin_has_translated_it() {
    let stage = Stage::open().await;
    let address = stage.host.url(&format!("/hooks/plays/{}/unanswered", stage.channel));
    let deliver = async |id: &str, text: &str| {
        let body = json!({"id": id, "text": text});
        let request = stage.host.client.post(&address).header("x-hook-key", &stage.key).json(&body);
        request.send().await.unwrap().status()
    };
    assert_eq!(deliver("slow", "think for ever").await, StatusCode::OK);
    assert_eq!(deliver("next", "sesudah").await, StatusCode::OK);
    let acknowledged = jiff::Timestamp::now();
    until("the next is there", async || stage.texts().await.len() == 2).await;
    let ended = |row: &Value| row["settled_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let parked = stage.journal("parked").await;
    // It computes longer, or waits longer for a processor on a machine that is busy.
    assert!(parked[0]["reason"].as_str().is_some_and(|reason| reason.contains("longer than it may")), "{parked:?}");
    assert!(acknowledged < ended(&parked[0]), "both were kept before they were translated");
    let next = &stage.journal("settled").await[0];
    assert!(ended(next) >= ended(&parked[0]), "what came after it waited for it");
}

fn outcomes(message: &Value) -> Vec<&str> {
    message["attempts"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap_or("")).collect()
}

#[tokio::test]
async fn the_provider_says_what_became_of_lost_messages_and_where_it_cannot_a_person_does() {
    let stage = Stage::open().await;
    let taken = stage.send("lost and taken").await;
    let taken = stage.becomes(&taken, "sent").await;
    assert_eq!(outcomes(&taken), ["sent"], "asked about, not sent again");
    assert_eq!(taken["provider_message_ids"], json!(["id of lost and taken"]));

    let refused = stage.send("lost and refused").await;
    let refused = stage.becomes(&refused, "sent").await;
    assert_eq!(outcomes(&refused), ["retried", "sent"], "the provider did not have it, so it was sent again");

    let unclear = stage.send("lost for good").await;
    stage.becomes(&unclear, "unknown").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(stage.message(&unclear).await["status"], "unknown", "asked, and still unknown");
    let waits = stage.send("what waits for it").await;
    assert_eq!(stage.message(&waits).await["status"], "queued");
    let path = format!("/v1/messages/{unclear}/resolve");
    assert_eq!(stage.host.post(&path, json!({"outcome": "sent"})).await.0, StatusCode::OK);
    let decided = std::time::Instant::now();
    stage.becomes(&waits, "sent").await;
    assert!(decided.elapsed() < Duration::from_secs(10), "a decision lets the next go at once");
}

#[tokio::test]
async fn the_manifests_rate_holds_sends_back_and_loses_none() {
    let stage = Stage::open().await;
    let texts: Vec<String> = (0..14).map(|number| format!("nomor {number}")).collect();
    let mut ids = Vec::new();
    for text in &texts {
        ids.push(stage.send(text).await);
    }
    let mut began = Vec::new();
    for id in &ids {
        let sent = stage.becomes(id, "sent").await;
        assert_eq!(outcomes(&sent), ["sent"], "the provider never had to refuse one");
        began.push(sent["attempts"][0]["started_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
    }
    assert!(began.is_sorted());
    for (index, start) in began.iter().enumerate() {
        let within = began[index..].iter().filter(|at| at.as_millisecond() - start.as_millisecond() < 1_000).count();
        assert!(within <= 10, "{within} in a second: a full bucket of 5, and what is regained meanwhile");
    }
    let all = began[13].as_millisecond() - began[0].as_millisecond();
    assert!(all >= 1_500, "14 calls at 5 a second took {all} ms");
    let shown: Vec<String> = stage.texts().await.into_iter().skip(1).map(|(_, text)| text).collect();
    assert_eq!(shown, texts);
}

#[tokio::test]
async fn a_plugin_answers_a_webhook_itself_and_the_recipe_where_it_cannot() {
    let stage = Stage::open().await;
    let answer = stage.deliver(&json!({"id": "m1", "text": "apa kabar?"})).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(answer.text().await.unwrap(), "heard apa kabar?");
    let parked = stage.deliver(&json!({"id": "m2", "text": "trips this build"})).await;
    assert_eq!(parked.status(), StatusCode::OK, "kept, and so acknowledged");
    assert_eq!(parked.text().await.unwrap(), "");
}

/// An echo of a message of ours that comes before the answer to its send is that message; one that nobody explains is shown as
/// one of its own after a minute.
#[tokio::test]
async fn an_echo_waits_for_the_send_that_it_may_belong_to() {
    let ahead = Arc::new(AtomicI64::new(0));
    let theirs = Arc::clone(&ahead);
    let system = Clock::system();
    let stage = Stage::open_at(Clock::from_fn(move || system.now() + theirs.load(Ordering::Relaxed))).await;
    let slow = stage.send("slow pesan").await;
    stage.becomes(&slow, "sending").await;
    let echo = |id: &str| json!({"id": id, "text": "slow pesan", "echo": true});
    assert!(stage.deliver(&echo("id of slow pesan")).await.status().is_success());
    let sent = stage.becomes(&slow, "sent").await;
    assert_eq!(sent["provider_message_ids"], json!(["id of slow pesan"]));
    let only = [("inbound".to_owned(), "Halo".to_owned()), ("outbound".to_owned(), "slow pesan".to_owned())];
    assert_eq!(stage.texts().await, only);

    let lost = stage.send("lost for good").await;
    stage.becomes(&lost, "unknown").await;
    assert!(stage.deliver(&json!({"id": "x", "text": "dari ponsel", "echo": true})).await.status().is_success());
    until("the echo is taken", async || stage.journal("settled").await.len() == 3).await;
    assert_eq!(stage.texts().await.len(), 3, "it may be the lost one");
    ahead.store(61_000, Ordering::Relaxed);
    until("the echo is a message of its own", async || stage.texts().await.len() == 4).await;
    let texts = stage.texts().await;
    assert!(texts.contains(&("outbound".to_owned(), "dari ponsel".to_owned())), "{texts:?}");
}

/// A plugin that traps at one request: that one is parked and shown, the next is received, and the parked one comes in when a
/// build without the fault is there.
#[tokio::test]
async fn a_request_that_a_plugin_traps_at_is_parked_and_comes_in_with_a_build_without_the_fault() {
    let stage = Stage::open().await;
    assert!(stage.deliver(&json!({"id": "m1", "text": "trips this build"})).await.status().is_success());
    assert!(stage.deliver(&json!({"id": "m2", "text": "sesudahnya"})).await.status().is_success());
    until("the next is received", async || stage.texts().await.len() == 2).await;
    let parked = stage.journal("parked").await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    assert!(!parked[0]["reason"].as_str().unwrap().is_empty());
    let (_, channel) = stage.host.get(&format!("/v1/channels/{}", stage.channel)).await;
    assert_eq!(channel["state"], "connected");
    let replay = format!("/v1/journal/{}/replay", parked[0]["id"].as_str().unwrap());
    assert_eq!(stage.host.post(&replay, json!({})).await.0, StatusCode::ACCEPTED);
    let shown = async || {
        let (_, channel) = stage.host.get(&format!("/v1/channels/{}", stage.channel)).await;
        channel["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "trap")
    };
    until("the channel shows the trap", shown).await;

    install(&stage.host, version(with(guest("plays"), "trips this build", "nothing does it."), "1.0.1")).await;
    until("it is parked again", async || stage.journal("parked").await.iter().any(|row| row["replays"] == 1)).await;
    assert_eq!(stage.host.post(&replay, json!({})).await.0, StatusCode::ACCEPTED);
    until("it is received", async || stage.texts().await.len() == 3).await;
    assert!(stage.journal("parked").await.is_empty());
}
