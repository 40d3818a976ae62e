//! A plugin that takes its time gathers a backlog of thousands of requests. A neighbour's go on ahead of it.

use futures_util::StreamExt;

use crate::arena::Arena;
use crate::outsider::{connect_guest, post};
use crate::scale::{lasting, pick};

/// Requests: more than may be in flight, and a backlog of minutes.
const REQUESTS: usize = pick(1_600, 6_000);
const AT_ONCE: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backlog_of_a_slow_plugin_holds_up_no_neighbour() {
    let arena = Arena::start("").await;
    let admin = arena.caller("attacker", "admin").await;
    let address = connect_guest(&arena.operator(), &admin, "naps").await;
    let seen = admin.clone();
    let impact = arena
        .under("slow_backlog", move || async move {
            let posts = (0..REQUESTS).map(|number| post(&address, format!("m{number}")));
            let answers: Vec<u16> = futures_util::stream::iter(posts).buffer_unordered(AT_ONCE).collect().await;
            tokio::time::sleep(lasting()).await;
            answers.iter().filter(|status| **status == 200).count()
        })
        .await;
    let pending = admin.get("/v1/journal?state=pending&limit=1").await;
    impact.print("acknowledged", format_args!("{:>9} of {REQUESTS} requests", impact.found));
    assert_eq!(impact.found, REQUESTS, "what arrives past the share is acknowledged all the same");
    assert!(!pending["items"].as_array().unwrap().is_empty(), "the backlog is over; the attack has to be larger");
    assert!(!seen.all_messages().await.is_empty(), "its own requests are translated in their turn");
    impact.assert_held();
}
