//! Webhooks while the process is killed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sambung_tests::api::{Api, now_ms};
use sambung_tests::chance::Chance;
use sambung_tests::providers::line::{Line, Source, message_event, redelivered};
use serde_json::{Value, json};

use super::{Plan, connected, text, user};

const CUSTOMERS: u64 = 7;
const POSTERS: u64 = 4;

/// Who posts, and what is known of each text: whether a webhook that carried it was acknowledged.
struct Load {
    line: Line,
    api: Api,
    hook: String,
    acknowledged: Mutex<HashMap<String, bool>>,
    numbers: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    /// Some messages of some customers, in one delivery.
    fn batch(&self, chance: &mut Chance) -> Vec<Value> {
        let most = 1 + chance.below(4);
        let events = (0..most).map(|_| {
            let words = format!("text {}", self.numbers.fetch_add(1, Ordering::Relaxed));
            self.acknowledged.lock().unwrap().insert(words.clone(), false);
            let message = json!({ "type": "text", "text": words, "quoteToken": "q" });
            message_event(&self.line, Source::User(&user(chance.below(CUSTOMERS))), now_ms(), message)
        });
        events.collect()
    }

    /// Posts, and notes what was acknowledged. Whether it was.
    async fn post(&self, events: &[Value]) -> bool {
        let address = self.api.url(&self.hook);
        let posted = self.line.post(&address, events);
        let answer = tokio::time::timeout(Duration::from_secs(10), posted).await;
        if !matches!(answer, Ok(Ok(200))) {
            return false;
        }
        let mut acknowledged = self.acknowledged.lock().unwrap();
        for event in events {
            acknowledged.insert(event["message"]["text"].as_str().unwrap().to_owned(), true);
        }
        true
    }

    /// What a provider does: posts, posts twice by mistake, and again later what was not acknowledged.
    async fn run(&self, mut chance: Chance) {
        let mut again: Vec<Vec<Value>> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let events = match again.pop().filter(|_| chance.once_in(2)) {
                Some(events) => events.iter().map(redelivered).collect(),
                None => self.batch(&mut chance),
            };
            let taken = match chance.below(8) {
                0 => {
                    let (first, second) = tokio::join!(self.post(&events), self.post(&events));
                    first || second
                }
                1 => self.post(&events).await && self.post(&events).await,
                _ => self.post(&events).await,
            };
            if !taken && !chance.once_in(4) {
                again.push(events);
            }
            // The load's pace: dense enough that every moment is one of a webhook, and no more than can be looked through.
            tokio::time::sleep(Duration::from_millis(if taken { 15 } else { 40 })).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_webhook_is_in_one_message_whenever_the_process_is_killed() {
    let mut plan = Plan::read("kill::inbound");
    let line = Line::start().await;
    let (mut server, hook) = connected(&line).await;
    let load = Arc::new(Load {
        line,
        api: server.api(),
        hook,
        acknowledged: Mutex::default(),
        numbers: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let posters: Vec<_> = (0..POSTERS)
        .map(|_| {
            let (load, chance) = (Arc::clone(&load), plan.chance.branch());
            tokio::spawn(async move { load.run(chance).await })
        })
        .collect();
    plan.carry_out(&mut server).await;
    load.stop.store(true, Ordering::Relaxed);
    for poster in posters {
        poster.await.unwrap();
    }

    let api = server.api();
    api.translated().await;
    for state in ["waiting", "parked"] {
        let rows = api.all(&format!("/v1/journal?state={state}")).await;
        assert!(rows.is_empty(), "{state}: {rows:?}\n{}", server.last_words());
    }
    let mut found: HashMap<String, u32> = HashMap::new();
    for message in api.all_messages().await {
        *found.entry(text(&message)).or_default() += 1;
    }
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let lost: Vec<_> = acknowledged.iter().filter(|(text, told)| **told && !found.contains_key(*text)).collect();
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    let told = acknowledged.values().filter(|told| **told).count();
    println!("{told} of {} texts were acknowledged, {} are there", acknowledged.len(), found.len());
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(twice.is_empty(), "there twice: {twice:?}");
    assert!(found.keys().all(|text| acknowledged.contains_key(text)), "nobody wrote that");
    assert!(told as u64 > u64::from(plan.kills) * 4, "there was hardly any load: {told}");
    assert!(api.all("/v1/conversations").await.len() as u64 <= CUSTOMERS, "a customer has two conversations");
    assert!(api.all("/v1/contacts").await.len() as u64 <= CUSTOMERS, "a customer is two people");
}
