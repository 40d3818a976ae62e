//! A limit on the size of files, which is one way for a disk to fill up: writes are told to come back, reads go on, and once there
//! is room it goes on by itself.

use std::collections::BTreeMap;

use sambung_tests::api::{Api, now_ms};
use sambung_tests::host::{connect_line, hook, leading};
use sambung_tests::providers::http_client;
use sambung_tests::providers::line::{Line, SECRET, Source, body, message_event, sign};
use sambung_tests::server::{Program, Server};
use serde_json::json;

/// More than what the server has written by the time it is set, and soon reached.
const MORE: u64 = 100_000;
const CUSTOMER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";

struct Story {
    line: Line,
    server: Server,
    hook: String,
    /// By text: whether it was acknowledged.
    posted: BTreeMap<String, bool>,
}

impl Story {
    async fn begin() -> Self {
        let line = Line::start().await;
        let server = Server::start_as(Program::Built, &leading(&line.overrides(), "")).await;
        let api = server.api();
        let hook = hook(&api, &connect_line(&api, &line).await);
        Self { line, server, hook, posted: BTreeMap::new() }
    }

    /// Posts a webhook: its status, and whether it is told when to come back.
    async fn post(&mut self) -> (u16, bool) {
        let words = format!("text {} {}", self.posted.len(), "lorem ipsum ".repeat(80));
        let message = json!({ "type": "text", "text": words, "quoteToken": "q" });
        let body = body(&[message_event(&self.line, Source::User(CUSTOMER), now_ms(), message)]);
        let signed = http_client().post(&self.hook).header("x-line-signature", sign(SECRET, &body)).body(body);
        let answer = signed.send().await.expect("the server lives");
        let status = answer.status().as_u16();
        self.posted.insert(words, status == 200);
        (status, answer.headers().contains_key("retry-after"))
    }

    /// The size of the largest file that the server writes.
    fn largest(&self) -> u64 {
        let files = std::fs::read_dir(self.server.data()).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
        files.filter(|file| file.is_file()).map(|file| file.len()).max().unwrap()
    }
}

async fn texts(api: &Api) -> Vec<String> {
    let messages = api.all_messages().await;
    messages.iter().map(|message| message["content"]["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn at_a_limit_of_file_size_writes_answer_503_reads_go_on_and_it_recovers_by_itself() {
    let mut story = Story::begin().await;
    let api = story.server.api();
    assert_eq!(story.post().await.0, 200);
    api.translated().await;
    let before = texts(&api).await;

    let limit = story.largest() + MORE;
    story.server.limit_files(Some(limit));
    // The log is as full as the disk.
    std::fs::File::options().append(true).open(story.server.log()).unwrap().set_len(2 * limit).unwrap();
    let refused = loop {
        let (status, come_back) = story.post().await;
        if status != 200 {
            break (status, come_back);
        }
        assert!(story.posted.len() < 2_000, "the limit is never reached");
    };
    assert_eq!(refused, (503, true), "{}", story.server.last_words());
    for _ in 0..20 {
        // Something small may still fit.
        assert!(matches!(story.post().await, (503, true) | (200, _)), "{}", story.server.last_words());
    }
    let token = json!({ "name": "n".repeat(200), "role": "agent" });
    for tries in 0.. {
        let (status, problem) = api.ask("POST", "/v1/tokens", &token).await.unwrap();
        if status == 503 {
            assert!(problem["detail"].as_str().unwrap().contains("the disk is full"), "{problem}");
            break;
        }
        assert!(status == 201 && tries < 1_000, "{status} {problem}");
    }
    let there = texts(&api).await;
    assert!(before.iter().all(|text| there.contains(text)), "what was read before is read still");
    assert_eq!(api.ask("GET", "/readyz", &json!(null)).await.unwrap().0, 200);

    story.server.limit_files(None);
    let mut tries = 0;
    while story.post().await.0 != 200 {
        tries += 1;
        assert!(tries < 100, "there is room, and nothing is taken: {}", story.server.last_words());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    api.translated().await;
    let mut there = texts(&api).await;
    there.sort();
    let all = there.len();
    there.dedup();
    assert_eq!(there.len(), all, "something is there twice");
    for (text, _) in story.posted.iter().filter(|(_, acknowledged)| **acknowledged) {
        assert!(there.contains(text), "acknowledged and lost: {text}");
    }
}
