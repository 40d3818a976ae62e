//! A workspace's provider posts webhooks as fast as the server takes them, each with the right signature. A neighbour's go on beside
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::providers::line::{Line, SECRET, Source, body, message_event, sign};
use serde_json::json;

use crate::arena::Arena;
use crate::outsider::{address, client, connect_line_accounts};
use crate::scale::{lasting, pick};

/// Requests on their way at a time.
const AT_ONCE: usize = pick(16, 64);
/// People who write.
const CUSTOMERS: usize = pick(20, 400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_valid_webhooks_with_one_message_each_holds_up_no_neighbour() {
    flood("valid_flood", 1, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_valid_webhooks_with_many_messages_each_holds_up_no_neighbour() {
    flood("valid_flood_of_many", 1, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_valid_webhooks_of_many_channels_of_a_workspace_holds_up_no_neighbour() {
    flood("valid_flood_of_channels", 40, 20).await;
}

async fn flood(attack: &'static str, channels: u32, messages: usize) {
    let arena = Arena::start("").await;
    // Numbers and tokens of their own: the neighbour would wait for the lock that guards its simulator's.
    let line = Arc::new(Line::start().await);
    let admin = arena.caller("attacker", "admin").await;
    let hooks = connect_line_accounts(&admin, channels).await;
    let impact = arena
        .under(attack, move || async move {
            let (kept, until) = (Arc::new(AtomicUsize::new(0)), Instant::now() + lasting());
            let connections: Vec<_> = (0..AT_ONCE)
                .map(|connection| {
                    let (line, hooks, kept) = (Arc::clone(&line), hooks.clone(), Arc::clone(&kept));
                    let client = client(address(u8::try_from(connection % 8).unwrap()));
                    tokio::spawn(async move {
                        let mut refused = 0;
                        for number in (connection..).step_by(AT_ONCE) {
                            if Instant::now() > until {
                                break;
                            }
                            let body = texts(&line, number, messages);
                            let post = client
                                .post(&hooks[number % hooks.len()])
                                .header("x-line-signature", sign(SECRET, &body))
                                .body(body);
                            match post.send().await.unwrap().status().as_u16() {
                                200 => drop(kept.fetch_add(messages, Ordering::Relaxed)),
                                503 => refused += 1,
                                other => panic!("a valid webhook is answered {other}"),
                            }
                        }
                        refused
                    })
                })
                .collect();
            let mut refused = 0;
            for connection in connections {
                refused += connection.await.unwrap();
            }
            (kept.load(Ordering::Relaxed), refused)
        })
        .await;
    let (kept, refused) = impact.found;
    impact.print("acknowledged", format_args!("{kept:>9} messages, {refused} requests refused"));
    let begun = Instant::now();
    caught_up(&admin).await;
    impact.print("caught up", format_args!("{:>9} ms after the flood", begun.elapsed().as_millis()));
    assert!(kept > 0, "the flood arrived");
    assert_eq!(stored(&admin).await, kept, "each acknowledged message is stored once");
    impact.assert_held();
}

/// A request with so many texts, from one customer after the other.
fn texts(line: &Line, number: usize, messages: usize) -> Vec<u8> {
    let events: Vec<_> = (0..messages)
        .map(|message| {
            let user = format!("U{:032x}", 0x00f1_0000 + (number * messages + message) % CUSTOMERS);
            let text = json!({ "type": "text", "text": format!("{number}/{message}"), "quoteToken": "q" });
            message_event(line, Source::User(&user), now_ms(), text)
        })
        .collect();
    body(&events)
}

/// Waits until every acknowledged webhook is translated.
///
/// # Panics
/// When the oldest that waits is the same for a minute.
async fn caught_up(admin: &Api) {
    let oldest = async || admin.get("/v1/journal?state=pending&limit=1").await["items"].get(0).cloned();
    let (mut first, mut since) = (oldest().await, Instant::now());
    while first.is_some() {
        assert!(since.elapsed() < Duration::from_secs(60), "the oldest request stays: {first:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = oldest().await;
        if now != first {
            (first, since) = (now, Instant::now());
        }
    }
}

/// How many messages a workspace has.
async fn stored(admin: &Api) -> usize {
    let conversations = admin.all("/v1/conversations").await;
    let counts = conversations.iter().map(async |conversation| {
        let id = conversation["id"].as_str().unwrap();
        admin.all(&format!("/v1/conversations/{id}/messages")).await.len()
    });
    futures_util::stream::iter(counts).buffer_unordered(8).collect::<Vec<_>>().await.into_iter().sum()
}
