//! Hostile plugins that have their host compute for them: they place markers in megabytes, hash megabytes, and have hundreds of
//! captured values looked for in megabytes. Several calls at a time, again and again.

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use sambung_tests::api::Api;
use sambung_tests::server::target_folder;
use serde_json::json;

use crate::arena::{Arena, accomplice};
use crate::scale::lasting;

/// Calls at a time.
const CALLS: usize = 8;

async fn install(operator: &Api, guest: &str) {
    let wasm = sambung_guests::component(&target_folder(), guest);
    let put = operator.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    let answer = put.timeout(Duration::from_secs(120)).send().await.unwrap();
    assert!(answer.status().is_success(), "{guest}: {}", answer.text().await.unwrap());
}

/// Has the plugin connect, over and over; how many calls came to an end, and what the last one was answered.
async fn connects(admin: Api, plugin: &'static str) -> (usize, String) {
    let until = Instant::now() + lasting();
    let attackers: Vec<_> = (0..CALLS)
        .map(|_| {
            let admin = admin.clone();
            tokio::spawn(async move {
                let (mut calls, mut last) = (0, String::new());
                while Instant::now() < until {
                    let new = json!({ "plugin": plugin, "name": "Attacker", "settings": {} });
                    let asked = admin.request("POST", "/v1/channels").json(&new).timeout(Duration::from_secs(60));
                    let Ok(answer) = asked.send().await else { continue };
                    last = answer.text().await.unwrap_or_default();
                    calls += 1;
                }
                (calls, last)
            })
        })
        .collect();
    let (mut calls, mut last) = (0, String::new());
    for attacker in attackers {
        let (more, said) = attacker.await.unwrap();
        calls += more;
        last = said;
    }
    (calls, last)
}

async fn attack(name: &'static str, plugin: &'static str, guest: &str, overrides: &[(String, String)]) {
    let arena = Arena::start_with(overrides, "").await;
    install(&arena.operator(), guest).await;
    let admin = arena.caller("attacker", "admin").await;
    let impact = arena.under(name, move || connects(admin, plugin)).await;
    let (calls, last) = &impact.found;
    impact.print(
        "calls",
        format_args!("{calls:>9} ended; the last was told {}", last.chars().take(200).collect::<String>()),
    );
    assert!(*calls > 0, "no call came to its end");
    impact.assert_held();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markers_in_megabytes_hold_up_nobody() {
    // Nothing listens there, and nothing needs to.
    let nowhere = [("https://api.provider.example".to_owned(), "http://127.0.0.1:9".to_owned())];
    attack("places_markers", "places-markers", "places_markers", &nowhere).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashing_megabytes_holds_up_nobody() {
    attack("hashes", "hashes", "hashes", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_for_hundreds_of_captured_values_holds_up_nobody() {
    // Each value ends with the next, so that all are found at every byte.
    let tokens: Vec<String> = (4..250).map(|length| "a".repeat(length)).collect();
    let tokens = json!({ "tokens": tokens }).to_string();
    let large = "a".repeat(6 << 20);
    let app = Router::new()
        .route("/tokens", get(move || async move { tokens }))
        .route("/large", get(move || async move { large }));
    let base = accomplice(app);
    attack("captures", "captures", "captures", &[("https://api.provider.example".to_owned(), base)]).await;
}
