//! Anonymous visitors of one workspace's web chat send files as fast as they can, from several addresses, to fill the disk on which
//! everybody's webhooks and mail are kept. They go on when they are refused.

use std::time::{Duration, Instant};

use reqwest::Body;
use serde_json::json;

use crate::arena::Arena;
use crate::outsider;
use crate::scale::{lasting, pick};

const SITE: &str = "https://toko.example";
const ADDRESSES: u8 = pick(2, 8) as u8;
const VISITORS: usize = pick(4, 12);
const BYTES: usize = 1 << 20;
/// What the visitors of one channel may send in an hour, in this attack.
const HOUR: usize = pick(8, 64) << 20;

/// How long a visitor waits for an answer: a client may miss that a connection ended while it sent a body.
const LONGEST: Duration = Duration::from_secs(5);

/// What became of the files: taken, refused with a clear answer, anything else.
#[derive(Default)]
struct Met {
    taken: usize,
    refused: usize,
    other: Vec<u16>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_files_stop_at_a_bound_and_a_neighbour_notices_nothing() {
    let config = format!("[media]\nvisitor_bytes = {}\nvisitors_bytes_per_hour = {HOUR}\n", 4 * BYTES);
    let arena = Arena::start(&config).await;
    let admin = arena.caller("attacker", "admin").await;
    let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": { "domain": [SITE] } });
    let channel = admin.expect(201, "POST", "/v1/channels", channel).await;
    let widget = admin.url(&format!("/widget/{}", channel["id"].as_str().unwrap()));
    let media = arena.server.data().join("media");

    let impact = arena
        .under("visitors_fill_the_disk", move || async move {
            let visitors = (0..ADDRESSES).flat_map(|address| (0..VISITORS).map(move |_| address));
            let until = Instant::now() + lasting();
            let sending = visitors.map(|address| tokio::spawn(send_files(address, widget.clone(), until)));
            let mut met = Met::default();
            for one in sending.collect::<Vec<_>>() {
                let one = one.await.unwrap();
                met.taken += one.taken;
                met.refused += one.refused;
                met.other.extend(one.other);
            }
            met
        })
        .await;
    let kept = bytes_in(&media);
    let Met { taken, refused, other } = &impact.found;
    impact.print("files", format_args!("{taken:>9} taken, {refused} refused, {kept} bytes kept"));
    impact.assert_held();
    assert!(other.is_empty(), "refused without a clear answer: {other:?}");
    assert!(*taken > 0 && *refused > 0, "{taken} taken, {refused} refused");
    assert!(kept <= HOUR as u64, "{kept} bytes are kept; {HOUR} is the bound");
}

async fn send_files(address: u8, widget: String, until: Instant) -> Met {
    let client = outsider::client(outsider::address(address));
    let mut met = Met::default();
    let opened = client.post(format!("{widget}/sessions")).header("origin", SITE).send().await.unwrap();
    let session: serde_json::Value = opened.json().await.unwrap();
    let Some(token) = session["token"].as_str() else { return met };
    for number in 0_u64.. {
        if Instant::now() >= until {
            break;
        }
        // Each has bytes of its own, because equal files are kept once.
        let mut bytes = vec![address; BYTES];
        bytes[..token.len()].copy_from_slice(token.as_bytes());
        bytes[token.len()..][..8].copy_from_slice(&number.to_be_bytes());
        let request = client.post(format!("{widget}/media?name={number}.bin")).header("origin", SITE);
        let answer = request.bearer_auth(token).body(Body::from(bytes)).timeout(LONGEST).send().await;
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(201) => met.taken += 1,
            // An answer that comes before the body is read may end the connection.
            Ok(429 | 503 | 507) | Err(_) => met.refused += 1,
            Ok(status) => met.other.push(status),
        }
    }
    met
}

fn bytes_in(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(known) if known.is_dir() => bytes_in(&entry.path()),
            Ok(known) => known.len(),
            Err(_) => 0,
        })
        .sum()
}
