//! Webhooks of about 1 KB over loopback HTTP, 64 connections: how many a second, and what each costs the server. Run with
//! `cargo bench -p sambung-tests --bench webhooks`.
//!
//! Peers are measured in the same run where their runtime is at hand: `wasmtime serve`, and in Node Fastify over SQLite with group
//! commit and over PostgreSQL (`tests/peer/node`, installed by npm at the first run). Their rows are counted against what they
//! acknowledged.
//!
//! The parts take turns for several rounds, so that a noisy machine disturbs all alike; medians are printed, and what counts is
//! their ratio to a bare handler that verifies the same signature and stores nothing.

use std::process::ExitCode;
use std::time::Duration;

use sambung_tests::bench::load::{CONNECTIONS, Load};
use sambung_tests::bench::node;
use sambung_tests::bench::process::cpu;
use sambung_tests::bench::servers::{self, Other, Sambung};
use sambung_tests::bench::table::{head, median, row};
use sambung_tests::bench::{self, amount};

const ROUNDS: usize = 3;
/// Webhooks of a part in one round: so many that a part takes a second or so, for the system counts CPU time in hundredths.
const BARE: usize = 100_000;
const WEBHOOKS: usize = 24_000;
const PEER: usize = 12_000;
const NODE: usize = 24_000;
const ALONE: usize = 6_000;

fn main() -> ExitCode {
    bench::main(measure)
}

async fn measure() {
    let mut load = Load::start();
    let bare = servers::bare().await;
    let peer = servers::peer().await;
    let sqlite = node::sqlite().await;
    let postgres = node::postgres().await;
    let sambung = Sambung::start("").await;
    let alone = Sambung::start("[database]\ngroup_commit_max = 1\n").await;
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        rounds.bare.other(&mut load, &bare, amount(BARE)).await;
        if let Some(peer) = &peer {
            rounds.peer.other(&mut load, peer, amount(PEER)).await;
        }
        for (part, peer, count) in [(&mut rounds.sqlite, &sqlite, NODE), (&mut rounds.postgres, &postgres, PEER)] {
            if let Some(peer) = peer {
                part.kept(&mut load, peer, amount(count)).await;
            }
        }
        rounds.acknowledged.held(&mut load, &sambung, amount(WEBHOOKS)).await;
        rounds.drained.backlog(&sambung, amount(WEBHOOKS)).await;
        rounds.end_to_end.end_to_end(&mut load, &sambung, amount(WEBHOOKS)).await;
        rounds.alone.held(&mut load, &alone, amount(ALONE)).await;
        alone.translate(true).await;
        alone.drained().await;
    }
    rounds.print();
}

/// What a part came to in each round.
#[derive(Default)]
struct Part {
    /// Webhooks a second.
    rates: Vec<f64>,
    /// The server's CPU time for each, in microseconds.
    costs: Vec<f64>,
}

impl Part {
    fn note(&mut self, count: usize, seconds: f64, cost: Duration) {
        self.rates.push(count as f64 / seconds);
        self.costs.push(cost.as_secs_f64() * 1e6 / count as f64);
    }

    async fn other(&mut self, load: &mut Load, server: &Other, count: usize) {
        let before = server.cpu();
        let report = load.webhooks(server.address, "/hooks/line", count).await;
        self.note(count, report.seconds, server.cpu() - before);
    }

    /// As [`Part::other`], of a server that keeps requests and messages: it has a row of each for every acknowledgement.
    async fn kept(&mut self, load: &mut Load, server: &Other, count: usize) {
        let (raw, messages) = node::counts(server).await;
        self.other(load, server, count).await;
        let count = count as u64;
        assert_eq!(node::counts(server).await, (raw + count, messages + count), "what was acknowledged is kept");
    }

    /// Acknowledged, with translation held.
    async fn held(&mut self, load: &mut Load, server: &Sambung, count: usize) {
        server.translate(false).await;
        let before = cpu(server.server.pid());
        let report = load.webhooks(server.address(), &server.hook, count).await;
        self.note(count, report.seconds, cpu(server.server.pid()) - before);
    }

    /// Translated and stored, of what was held.
    async fn backlog(&mut self, server: &Sambung, count: usize) {
        let before = cpu(server.server.pid());
        let began = std::time::Instant::now();
        server.translate(true).await;
        server.drained().await;
        self.note(count, began.elapsed().as_secs_f64(), cpu(server.server.pid()) - before);
    }

    async fn end_to_end(&mut self, load: &mut Load, server: &Sambung, count: usize) {
        let before = cpu(server.server.pid());
        let report = load.webhooks(server.address(), &server.hook, count).await;
        server.drained().await;
        self.note(count, report.since(), cpu(server.server.pid()) - before);
    }
}

#[derive(Default)]
struct Rounds {
    bare: Part,
    peer: Part,
    sqlite: Part,
    postgres: Part,
    acknowledged: Part,
    alone: Part,
    drained: Part,
    end_to_end: Part,
}

impl Rounds {
    fn print(&self) {
        let bare = median(&self.bare.rates);
        head(&format!("webhooks of ~1 KB, {CONNECTIONS} connections"), &["a second", "of bare", "CPU µs each"]);
        for (name, part) in [
            ("bare handler that verifies", &self.bare),
            ("wasmtime serve 48: verifies and parses", &self.peer),
            ("Fastify, better-sqlite3, group commit: two rows", &self.sqlite),
            ("Fastify, PostgreSQL: two rows", &self.postgres),
            ("acknowledged: verified and on disk", &self.acknowledged),
            ("the same, each committed on its own", &self.alone),
            ("backlog translated and stored", &self.drained),
            ("end to end: acknowledged, translated, stored", &self.end_to_end),
        ] {
            if part.rates.is_empty() {
                continue;
            }
            let rate = median(&part.rates);
            let columns = [format!("{rate:.0}"), format!("{:.2}", rate / bare), format!("{:.1}", median(&part.costs))];
            row(name, &columns);
        }
        ratio("acknowledged, of each committed on its own", &self.acknowledged, &self.alone);
        for (name, peer) in [
            ("end to end, of wasmtime serve", &self.peer),
            ("end to end, of Fastify and better-sqlite3", &self.sqlite),
            ("end to end, of Fastify and PostgreSQL", &self.postgres),
        ] {
            if !peer.rates.is_empty() {
                ratio(name, &self.end_to_end, peer);
            }
        }
    }
}

fn ratio(name: &str, part: &Part, of: &Part) {
    row(name, &[String::new(), format!("{:.2}", median(&part.rates) / median(&of.rates))]);
}
