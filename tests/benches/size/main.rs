//! What things cost when the database is large: the same on one that holds little more than a page, and on one with a million
//! messages. Run with `cargo bench -p sambung-tests --bench size`; `SAMBUNG_BENCH_SHARE=0.1` makes it a hundred thousand.
//!
//! The large database is the small one many times over, each copy earlier than the one before, so that its rows are what the
//! real path makes and stand in the order in which it would have made them.

mod grow;

use std::process::ExitCode;
use std::time::Instant;

use sambung_tests::bench::load::{Load, What};
use sambung_tests::bench::servers::Sambung;
use sambung_tests::bench::table::{head, median, row};
use sambung_tests::bench::{self, amount};

const MESSAGES: usize = 1_000_000;
/// Of the small one: an inbox and conversations of more than a page.
const CUSTOMERS: u64 = 60;
const OF_EACH: usize = 60;
const ROUNDS: usize = 5;
/// In a round: webhooks, questions, events of the feed.
const WEBHOOKS: usize = 8_000;
const READS: usize = 300;
const EVENTS: usize = 2_000;

fn main() -> ExitCode {
    bench::main(measure)
}

async fn measure() {
    let mut load = Load::start();
    let mut small = Sambung::start("").await;
    let mut large = Sambung::start("").await;
    let count = CUSTOMERS as usize * OF_EACH;
    let first = load.number(count);
    for sambung in [&mut small, &mut large] {
        let what = What::Webhooks { path: sambung.hook.clone(), first, count, customers: CUSTOMERS };
        load.run(sambung.address(), what).await;
        sambung.drained().await;
    }
    large.server.stop().await;
    let began = Instant::now();
    let messages = grow::to(&large.server.data().join("sambung.db"), amount(MESSAGES));
    println!("made {messages} messages in {:.0} s", began.elapsed().as_secs_f64());
    large.server.spawn();
    large.server.ready().await;

    let mut figures = [Figures::of(&small).await, Figures::of(&large).await];
    for _ in 0..ROUNDS {
        for (figures, sambung) in figures.iter_mut().zip([&small, &large]) {
            figures.take(&mut load, sambung).await;
        }
    }
    let [small, large] = figures;
    head("cost over size", &[&format!("{count}"), &format!("{messages}"), "cost"]);
    rate("webhooks acknowledged, a second", &small.acknowledged, &large.acknowledged);
    rate("webhooks translated and stored, a second", &small.translated, &large.translated);
    time("the inbox's first page, ms", &small.inbox, &large.inbox);
    time("a conversation's page, ms", &small.conversation, &large.conversation);
    time(&format!("{EVENTS} events of the feed from an old id, ms"), &small.feed, &large.feed);
}

/// What was measured on one database, a value a round.
#[derive(Default)]
struct Figures {
    /// A path that gives a conversation's first page, a full one.
    page: String,
    acknowledged: Vec<f64>,
    translated: Vec<f64>,
    inbox: Vec<f64>,
    conversation: Vec<f64>,
    feed: Vec<f64>,
}

impl Figures {
    async fn of(sambung: &Sambung) -> Self {
        let newest = sambung.server.api().first_conversation().await;
        let page = format!("/v1/conversations/{}/messages", newest["id"].as_str().expect("a conversation has an id"));
        Self { page, ..Self::default() }
    }

    async fn take(&mut self, load: &mut Load, sambung: &Sambung) {
        let (api, address) = (sambung.server.api(), sambung.address());
        let token = api.token().to_owned();
        let reads = async |load: &mut Load, path: String| {
            let what = What::Reads { path, token: token.clone(), count: READS };
            f64::from(load.run(address, what).await.median) / 1e3
        };
        self.inbox.push(reads(load, "/v1/conversations".into()).await);
        self.conversation.push(reads(load, self.page.clone()).await);
        let feed = What::Feed { after: 0, token: token.clone(), count: EVENTS };
        let feed = load.run(address, feed).await;
        self.feed.push(f64::from(feed.median) / 1e3);

        sambung.translate(false).await;
        let count = amount(WEBHOOKS);
        self.acknowledged.push(load.webhooks(address, &sambung.hook, count).await.rate());
        let began = Instant::now();
        sambung.translate(true).await;
        sambung.drained().await;
        self.translated.push(count as f64 / began.elapsed().as_secs_f64());
    }
}

/// What takes how many times as long on the large one.
fn rate(name: &str, small: &[f64], large: &[f64]) {
    let (small, large) = (median(small), median(large));
    row(name, &[format!("{small:.0}"), format!("{large:.0}"), format!("{:.2}", small / large)]);
}

fn time(name: &str, small: &[f64], large: &[f64]) {
    let (small, large) = (median(small), median(large));
    row(name, &[format!("{small:.2}"), format!("{large:.2}"), format!("{:.2}", large / small)]);
}
