//! A plugin makes thousands of events of one request, again and again.

use std::time::{Duration, Instant};

use sambung_tests::api::until;

use crate::arena::Arena;
use crate::outsider::{connect_guest, post};
use crate::scale::pick;

/// Events of one request.
const EVENTS: usize = pick(1_500, 4_500);
/// Requests, one after the other.
const REQUESTS: usize = pick(2, 6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_events_in_one_request_slow_down_nobody_and_each_is_stored_once() {
    let arena = Arena::start("").await;
    let admin = arena.caller("attacker", "admin").await;
    let address = connect_guest(&arena.operator(), &admin, "many_events").await;
    let seen = admin.clone();
    let impact = arena
        .under("many_events", move || async move {
            let mut slowest = Duration::ZERO;
            for request in 0..REQUESTS {
                let begun = Instant::now();
                assert_eq!(post(&address, format!("r{request} {EVENTS}")).await, 200);
                slowest = slowest.max(begun.elapsed());
            }
            seen.translated().await;
            (slowest, address)
        })
        .await;
    let (slowest, address) = &impact.found;
    impact.print("own ack", format_args!("{:>9} ms at most, of {EVENTS} events", slowest.as_millis()));
    let messages = admin.all_messages().await;
    let mut texts: Vec<&str> = messages.iter().filter_map(|message| message["content"]["text"].as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!((messages.len(), texts.len()), (REQUESTS * EVENTS, REQUESTS * EVENTS));
    // More than the setting allows is kept aside whole.
    assert_eq!(post(address, "over 5001".to_owned()).await, 200);
    let parked = until("the request is parked", async || {
        let rows = admin.get("/v1/journal?state=parked").await;
        rows["items"].as_array()?.first().cloned()
    })
    .await;
    assert!(parked["reason"].as_str().is_some_and(|reason| reason.contains("inbound.events_per_request")), "{parked}");
    assert_eq!(admin.all_messages().await.len(), REQUESTS * EVENTS);
    impact.assert_held();
}
