//! What a connected channel costs while nothing happens in it, and how long a start takes with the native code cached. Run with
//! `cargo bench -p sambung-tests --bench channels`.
//!
//! The channels are connected as an admin connects them, each to an account of its own at the provider's simulator. A server with
//! one channel, which takes as many webhooks, is what the memory is compared with.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use sambung_tests::api::Api;
use sambung_tests::bench::load::{Load, What};
use sambung_tests::bench::process::resident;
use sambung_tests::bench::servers::Sambung;
use sambung_tests::bench::table::{head, median, row};
use sambung_tests::bench::{self, amount};
use sambung_tests::providers::line::{SECRET, bot_of, token_of};
use serde_json::json;

const CHANNELS: usize = 10_000;
/// Channels that are connected at a time.
const AT_A_TIME: usize = 16;
const STARTS: usize = 5;
/// Until a server that has started has nothing to do.
const SETTLES: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    bench::main(measure)
}

async fn measure() {
    let count = amount(CHANNELS);
    let mut load = Load::start();
    let mut one = Sambung::start("").await;
    let mut many = Sambung::start("").await;
    let began = Instant::now();
    let hooks = connect(&many, count).await;
    println!("connected {count} channels in {:.0} s", began.elapsed().as_secs_f64());

    head("start until /readyz, native code cached", &["median ms"]);
    for (name, sambung) in [("one channel".to_owned(), &mut one), (format!("{count} channels"), &mut many)] {
        row(&name, &[format!("{:.0}", starts(sambung).await)]);
    }

    head("resident memory", &["one, MB", &format!("{count}, MB"), "KB each"]);
    let [first, other] = rest(&one, &many).await;
    memory("after the start", first, other, count);
    let alone = vec![(one.hook.clone(), sambung_tests::providers::line::BOT.to_owned()); count];
    for (sambung, hooks) in [(&one, alone), (&many, hooks)] {
        let first = load.number(count);
        load.run(sambung.address(), What::Each { hooks, first }).await;
        sambung.drained().await;
    }
    let [first, other] = rest(&one, &many).await;
    memory("after a webhook for each", first, other, count);
}

/// Connects channels: where their webhooks are posted, and to which account.
async fn connect(sambung: &Sambung, count: usize) -> Vec<(String, String)> {
    let api = sambung.server.api();
    let accounts = 1..=u32::try_from(count).expect("so many accounts");
    stream::iter(accounts.map(|account| connect_one(api.clone(), account))).buffer_unordered(AT_A_TIME).collect().await
}

async fn connect_one(api: Api, account: u32) -> (String, String) {
    let settings = json!({ "channel_secret": SECRET, "channel_access_token": token_of(account) });
    let channel = json!({ "plugin": "line", "name": format!("Shop {account}"), "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    let id = channel["id"].as_str().expect("a channel has an id");
    (format!("/hooks/line/{id}"), bot_of(account))
}

/// Milliseconds that a start takes.
async fn starts(sambung: &mut Sambung) -> f64 {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        sambung.server.stop().await;
        let began = Instant::now();
        sambung.server.spawn();
        sambung.server.ready().await;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    median(&took)
}

/// What both hold once nothing happens.
async fn rest(one: &Sambung, many: &Sambung) -> [u64; 2] {
    tokio::time::sleep(SETTLES).await;
    [one, many].map(|sambung| resident(sambung.server.pid()))
}

fn memory(name: &str, one: u64, many: u64, count: usize) {
    let mb = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let each = (many as f64 - one as f64) / count as f64 / 1024.0;
    row(name, &[mb(one), mb(many), format!("{each:.2}")]);
}
