//! SIGKILL at any moment, under load, counted both ways: what was acknowledged is there, and nothing is anywhere twice.
//!
//! `SAMBUNG_KILL_SEED` repeats a run's choices, `SAMBUNG_KILLS` says how many kills there are.

mod inbound;
mod outbound;

use std::io::Write;
use std::time::Duration;

use sambung_tests::api::now_ms;
use sambung_tests::chance::Chance;
use sambung_tests::host::hook_path;
use sambung_tests::providers::line::{Line, SECRET, TOKEN};
use sambung_tests::server::Server;
use serde_json::json;

/// How many kills, and the chance that decides when.
struct Plan {
    kills: u32,
    chance: Chance,
}

impl Plan {
    fn read(test: &str) -> Self {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
        let seed = number("SAMBUNG_KILL_SEED").unwrap_or_else(now_ms);
        let kills = u32::try_from(number("SAMBUNG_KILLS").unwrap_or(50)).unwrap();
        // Past the harness, which would swallow it: whoever sees a failure wants the seed.
        let _ = writeln!(std::io::stderr(), "{test}: SAMBUNG_KILL_SEED={seed} SAMBUNG_KILLS={kills}");
        Self { kills, chance: Chance::of(seed) }
    }

    /// Kills the server again and again, at random moments: mostly while it works, now and then while it starts.
    async fn carry_out(&mut self, server: &mut Server) {
        for _ in 0..self.kills {
            let moment = Duration::from_millis(20 + self.chance.below(700));
            if self.chance.once_in(5) {
                // Whether it is ready by then or not.
                let _ = tokio::time::timeout(moment, server.ready()).await;
            } else {
                server.ready().await;
                tokio::time::sleep(moment).await;
            }
            server.kill().await;
            server.spawn();
        }
        server.ready().await;
    }
}

/// What is meant for LINE goes to the simulator.
fn config(line: &Line) -> String {
    let overrides: String = line.overrides().iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
    format!(
        "[server]\npublic_url = 'https://chat.example'\n[outbound]\nunknown_wait_ms = 300\n[egress.overrides]\n{overrides}"
    )
}

/// A server with a connected LINE channel: the path of its webhooks.
async fn connected(line: &Line) -> (Server, String) {
    let server = Server::start(&config(line)).await;
    let api = server.api();
    line.reach_endpoint_at(&api.url(""));
    let settings = json!({ "channel_secret": SECRET, "channel_access_token": TOKEN });
    let channel = json!({ "plugin": "line", "name": "Shop", "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    (server, hook_path(&channel))
}

fn user(customer: u64) -> String {
    format!("U{customer:032x}")
}

/// The texts of a message as the API shows it.
fn text(message: &serde_json::Value) -> String {
    message["content"]["text"].as_str().unwrap_or_else(|| panic!("no text: {message}")).to_owned()
}
