//! Channels that the host asks for: one poll at a time each, so many at once, nothing lost and nothing twice, and none where
//! nobody wants it.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use serde_json::{Value, json};

use crate::common::guests::guest;
use crate::common::{Options, TestHost, until};

async fn start(options: Options) -> TestHost {
    let host = TestHost::start_with(options).await;
    let request =
        host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(guest("polls"));
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    host
}

async fn connect(host: &TestHost, settings: Value) -> String {
    let body = json!({ "plugin": "polls", "name": "Well", "settings": settings });
    let (status, channel) = host.post("/v1/channels", body).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connected")), "{channel}");
    channel["id"].as_str().unwrap().to_owned()
}

async fn state(host: &TestHost, channel: &str) -> Value {
    host.get(&format!("/v1/channels/{channel}")).await.1
}

/// From when to when each poll that brought something was, in order.
async fn polls(host: &TestHost) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    for conversation in host.get("/v1/conversations").await.1["items"].as_array().unwrap() {
        let path = format!("/v1/conversations/{}/messages?limit=100", conversation["id"].as_str().unwrap());
        for message in host.get(&path).await.1["items"].as_array().unwrap() {
            let (began, ended) = message["content"]["text"].as_str().unwrap().split_once(' ').unwrap();
            found.push((began.parse().unwrap(), ended.parse().unwrap()));
        }
    }
    found.sort_unstable();
    found
}

fn most_at_once(polls: &[(u64, u64)]) -> usize {
    let during = |at: u64| polls.iter().filter(|(began, ended)| *began <= at && at < *ended).count();
    polls.iter().map(|(began, _)| during(*began)).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_comes_at_once_each_once_and_in_order() {
    let host = start(Options::default()).await;
    connect(&host, json!({ "says": 7, "takes": 20 })).await;
    until("everything is there", async || polls(&host).await.len() == 7).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let polls = polls(&host).await;
    assert_eq!((polls.len(), most_at_once(&polls)), (7, 1), "one poll of a channel at a time");
    let (_, journal) = host.get("/v1/journal?state=settled").await;
    assert!(journal["items"].as_array().unwrap().iter().all(|row| row["recipe"] == "poll"), "{journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_polls_run_at_once_than_the_operator_allows() {
    // One workspace alone gets half of the places.
    let host = start(Options::default().set("INBOUND__POLLS", 4)).await;
    for account in ["a", "b", "c", "d"] {
        connect(&host, json!({ "account": account, "says": 3, "takes": 200 })).await;
    }
    until("everything is there", async || polls(&host).await.len() == 12).await;
    assert_eq!(most_at_once(&polls(&host).await), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_that_hang_leave_places_for_another_workspace() {
    let host = start(Options::default().set("INBOUND__POLLS", 4)).await;
    for number in 0..8 {
        connect(&host, json!({ "account": format!("a{number}"), "takes": 25_000 })).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let neighbour = host.token_for("neighbour", Role::Admin).await;
    let form = json!({ "plugin": "polls", "name": "Well", "settings": { "account": "b", "says": 1 } });
    let (status, channel) = host.call_as(&neighbour, Method::POST, "/v1/channels", Some(form)).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let began = Instant::now();
    until("the neighbour's message is there", async || {
        let (_, list) = host.call_as(&neighbour, Method::GET, "/v1/conversations", None).await;
        list["items"].as_array().is_some_and(|items| !items.is_empty())
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(10), "it waited {:?} for others", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_providers_reach_polls_only_those_that_ask_for_it() {
    let host = start(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    connect(&host, json!({ "account": "silent", "says": 1 })).await;
    connect(&host, json!({ "account": "asks", "says": 1, "asks": true })).await;
    until("one is polled", async || !polls(&host).await.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(polls(&host).await.len(), 1);
    let out_of_reach = start(Options::default()).await;
    connect(&out_of_reach, json!({ "account": "declines", "says": 1, "asks": false })).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(polls(&out_of_reach).await.is_empty(), "a channel may say that it is not to be polled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_shown_once_it_lasts_and_a_refused_credential_at_once() {
    let host = start(Options::default()).await;
    let dry = connect(&host, json!({ "account": "dry", "says": 1, "refuses": "unavailable" })).await;
    let locked = connect(&host, json!({ "account": "locked", "says": 1, "refuses": "unauthorized" })).await;
    until("the credential is refused", async || state(&host, &locked).await["state"] == "needs_attention").await;
    until("the refusal is shown", async || {
        state(&host, &dry).await["findings"].to_string().contains("the well is dry")
    })
    .await;
    assert_eq!(state(&host, &dry).await["state"], "connected");
    assert_eq!(polls(&host).await.len(), 2, "what came before stands");
    let settings = json!({ "settings": { "refuses": null, "says": 3 } });
    let path = format!("/v1/channels/{dry}");
    let (status, answer) = host.call(Method::PATCH, &path, Some(settings)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    until("it goes on where it was", async || polls(&host).await.len() == 4).await;
    until("nothing is wrong with it", async || state(&host, &dry).await["findings"] == json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_start_goes_on_behind_what_was_committed() {
    let host = start(Options::default()).await;
    connect(&host, json!({ "says": 40, "takes": 30 })).await;
    until("some are there", async || polls(&host).await.len() > 3).await;
    let (data, folder) = host.stop().await;
    let host = TestHost::start_in(data, Options::default()).await;
    until("all are there", async || polls(&host).await.len() == 40).await;
    let (_, parked) = host.get("/v1/journal?state=parked").await;
    assert_eq!(parked["items"], json!([]));
    drop(folder);
}
