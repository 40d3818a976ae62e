//! Replies while the process is killed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::chance::Chance;
use sambung_tests::providers::line::Line;
use serde_json::{Value, json};

use super::{Plan, connected, text, user};

const CUSTOMERS: u64 = 6;
const AGENTS: u64 = 4;

/// Who replies, and to whom.
struct Load {
    line: Line,
    api: Api,
    hook: String,
    /// By customer.
    conversations: Vec<String>,
    /// Text by the id that a 202 named.
    taken: Mutex<HashMap<String, String>>,
    numbers: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    /// Asks with the same key until there is an answer, as a careful caller does, or gives up at once, as others do.
    async fn reply(&self, chance: &mut Chance) {
        let customer = chance.below(CUSTOMERS) as usize;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (words, key) = (format!("reply {number}"), format!("key-{number}"));
        let path = format!("/v1/conversations/{}/messages", self.conversations[customer]);
        let body = json!({ "content": { "type": "text", "text": words } });
        loop {
            match self.api.ask_once("POST", &path, &body, Some(&key)).await {
                Ok((202, answer)) => {
                    let id = answer["id"].as_str().unwrap().to_owned();
                    let before = self.taken.lock().unwrap().insert(id, words);
                    assert!(before.is_none(), "two replies have one id: {before:?}");
                    return;
                }
                // It is being done still, or the host asks to come back.
                Ok((409 | 503, _)) | Err(_) if chance.once_in(8) => return,
                Ok((409 | 503, _)) | Err(_) => tokio::time::sleep(Duration::from_millis(40)).await,
                Ok(other) => panic!("{other:?}"),
            }
        }
    }

    async fn run(&self, mut chance: Chance) {
        while !self.stop.load(Ordering::Relaxed) {
            if chance.once_in(3) {
                // A customer writes, which gives a reply token: some replies go by it, the others are pushed.
                let hook = self.api.url(&self.hook);
                let writer = user(chance.below(CUSTOMERS));
                let posted = self.line.post_text(&hook, &writer, now_ms(), "hello");
                let _ = tokio::time::timeout(Duration::from_secs(10), posted).await;
            }
            self.reply(&mut chance).await;
            // The load's pace: dense enough that sends are always under way, and no more than can be looked through.
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
}

/// Lets every customer write once: their conversations.
async fn begin(line: &Line, api: &Api, hook: &str) -> Vec<String> {
    let mut conversations = Vec::new();
    for customer in 0..CUSTOMERS {
        let words = format!("hello from {customer}");
        assert_eq!(line.post_text(&api.url(hook), &user(customer), now_ms(), &words).await.unwrap(), 200);
        let message = until("the message is there", async || {
            api.all_messages().await.into_iter().find(|message| text(message) == words)
        })
        .await;
        conversations.push(message["conversation_id"].as_str().unwrap().to_owned());
    }
    conversations
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_taken_reply_is_at_the_provider_once_or_shown_unknown_whenever_the_process_is_killed() {
    let mut plan = Plan::read("kill::outbound");
    let line = Line::start().await;
    let (mut server, hook) = connected(&line).await;
    let api = server.api();
    let conversations = begin(&line, &api, &hook).await;
    line.answer_after(Duration::from_millis(60));
    let load = Arc::new(Load {
        line,
        api: api.clone(),
        hook,
        conversations,
        taken: Mutex::default(),
        numbers: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let agents: Vec<_> = (0..AGENTS)
        .map(|_| {
            let (load, chance) = (Arc::clone(&load), plan.chance.branch());
            tokio::spawn(async move { load.run(chance).await })
        })
        .collect();
    plan.carry_out(&mut server).await;
    load.stop.store(true, Ordering::Relaxed);
    for agent in agents {
        agent.await.unwrap();
    }

    let messages = until("every reply has come to its end", async || {
        let mut messages = api.all_messages().await;
        messages.retain(|message| message["direction"] == "outbound");
        let ended = messages.iter().all(|message| message["status"] != "queued" && message["status"] != "sending");
        ended.then_some(messages)
    })
    .await;
    let mut shown: HashMap<String, u32> = HashMap::new();
    for delivery in load.line.deliveries() {
        *shown.entry(delivery.object["text"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(shown.values().all(|count| *count == 1), "shown twice: {shown:?}");
    let mut stored: HashMap<String, &Value> = HashMap::new();
    for message in &messages {
        let twice = stored.insert(text(message), message);
        assert!(twice.is_none(), "stored twice: {message} and {twice:?}");
        fits(message, shown.get(&text(message)).copied().unwrap_or(0));
    }
    let taken = load.taken.lock().unwrap();
    for (id, words) in taken.iter() {
        assert!(stored.get(words).is_some_and(|message| message["id"] == **id), "taken and lost: {id} {words}");
    }
    let unknown = messages.iter().filter(|message| message["status"] == "unknown").count();
    println!("{} replies were taken, {} shown, {unknown} are unknown", taken.len(), shown.len());
    assert!(shown.keys().all(|text| stored.contains_key(text)), "shown and not stored");
    assert!(taken.len() > plan.kills as usize * 2, "there was hardly any load: {}", taken.len());
}

/// What the API shows of a reply is what the provider shows of it. LINE honours the key of a push, so of a push it is always
/// known; a reply token takes no key, so it may be unknown.
fn fits(message: &Value, shown: u32) {
    let by_token = message["attempts"]
        .as_array()
        .into_iter()
        .flatten()
        .last()
        .is_some_and(|attempt| attempt["rule"] == "reply-token");
    match message["status"].as_str().unwrap() {
        "sent" => assert_eq!(shown, 1, "{message}"),
        "unknown" => assert!(by_token, "a push is never unknown: {message}"),
        other => panic!("{other}: {message}"),
    }
}
