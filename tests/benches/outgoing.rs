//! How many messages a second leave, to a provider's simulator that answers at once. Run with
//! `cargo bench -p sambung-tests --bench outgoing`.
//!
//! Messages wait in five hundred conversations of eight channels that are paused, and are sent once they are not: no plugin's own rate
//! is in the way, and accepting messages is no part of what is measured. The simulator runs in the benchmark's process, beside it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use sambung_tests::api::Api;
use sambung_tests::bench::load::{Load, What};
use sambung_tests::bench::process::cpu;
use sambung_tests::bench::servers::Sambung;
use sambung_tests::bench::table::{head, median, row};
use sambung_tests::bench::{self, amount};
use sambung_tests::providers::line::{SECRET, bot_of, token_of};
use serde_json::{Value, json};

const ROUNDS: usize = 3;
const CHANNELS: u32 = 8;
const CONVERSATIONS: usize = 500;
/// Messages of a round.
const MESSAGES: usize = 8_000;
/// Requests to the API at a time.
const AT_A_TIME: usize = 16;

fn main() -> ExitCode {
    bench::main(measure)
}

async fn measure() {
    let mut load = Load::start();
    let sambung = Sambung::start("").await;
    sambung.line.quota(u64::MAX / 2, 0);
    let api = sambung.server.api();
    let mut channels = Vec::new();
    for account in 1..=CHANNELS {
        channels.push((connect(&api, account).await, bot_of(account)));
    }
    let of = |number: usize| {
        let (channel, bot) = &channels[number % channels.len()];
        (format!("/hooks/line/{channel}"), bot.clone())
    };
    // LINE's own test webhooks have a reply token of zeros, as number 0 would, and are no messages.
    load.number(1);
    let first = load.number(CONVERSATIONS);
    load.run(sambung.address(), What::Each { hooks: (0..CONVERSATIONS).map(of).collect(), first }).await;
    sambung.drained().await;
    let conversations = conversations(&api).await;
    assert_eq!(conversations.len(), CONVERSATIONS);

    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let count = amount(MESSAGES);
        pause(&api, &channels, true).await;
        let queued = (0..count).map(|number| queue(api.clone(), &conversations[number % CONVERSATIONS], number));
        stream::iter(queued).buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
        let sent = sambung.line.deliveries().len() + count;
        let (began, before) = (Instant::now(), cpu(sambung.server.pid()));
        pause(&api, &channels, false).await;
        while sambung.line.deliveries().len() < sent {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rates.push(count as f64 / began.elapsed().as_secs_f64());
        costs.push((cpu(sambung.server.pid()) - before).as_secs_f64() * 1e6 / count as f64);
        assert_eq!(sambung.line.deliveries().len(), sent, "each is sent once");
    }
    head("messages to a provider that answers at once", &["a second", "CPU µs each"]);
    let columns = [format!("{:.0}", median(&rates)), format!("{:.0}", median(&costs))];
    row(&format!("{CONVERSATIONS} conversations, {CHANNELS} channels"), &columns);
}

async fn connect(api: &Api, account: u32) -> String {
    let settings = json!({ "channel_secret": SECRET, "channel_access_token": token_of(account) });
    let channel = json!({ "plugin": "line", "name": format!("Shop {account}"), "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel["id"].as_str().expect("a channel has an id").to_owned()
}

async fn conversations(api: &Api) -> Vec<String> {
    let (mut found, mut path) = (Vec::new(), "/v1/conversations?limit=100".to_owned());
    loop {
        let page = api.get(&path).await;
        let ids = page["items"].as_array().expect("a list").iter();
        found.extend(ids.map(|one| one["id"].as_str().expect("an id").to_owned()));
        match &page["next"] {
            Value::String(next) => path = format!("/v1/conversations?limit=100&cursor={next}"),
            _ => return found,
        }
    }
}

async fn pause(api: &Api, channels: &[(String, String)], paused: bool) {
    for (channel, _) in channels {
        api.expect(200, "PATCH", &format!("/v1/channels/{channel}"), json!({ "paused": paused })).await;
    }
}

async fn queue(api: Api, conversation: &str, number: usize) {
    let content = json!({ "content": { "type": "text", "text": format!("Answer {number}") } });
    api.expect(202, "POST", &format!("/v1/conversations/{conversation}/messages"), content).await;
}
