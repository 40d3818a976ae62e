//! Requests of a real guest against a real server: what is refused, and the limits on what leaves and what comes back.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::any;
use futures_util::stream;
use sambung_runtime::contract::outbound::{Receipt, SendError};
use sambung_runtime::{CallError, CallFault, Called, Limits, Plugin};

use crate::support::{caller, channel, failure, guest, metric, outgoing, runtime_to, works};

const PROVIDER: &str = "https://api.provider.example";

/// A provider on loopback: `/small` answers, `/large` answers with 20 kB, `/endless` never stops, `/silent` never answers.
async fn provider() -> String {
    let endless = || async {
        let chunks = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b'a'; 1024])));
        Body::from_stream(chunks)
    };
    let routes = Router::new()
        .route("/small", any(|| async { "ok" }))
        .route("/large", any(|| async { "a".repeat(20_000) }))
        .route("/endless", any(endless))
        .route("/silent", any(std::future::pending::<()>));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

async fn plugin(limits: Limits) -> Plugin {
    let runtime = runtime_to(limits, PROVIDER, &provider().await);
    runtime.load(guest("fetches")).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn fetch(
    plugin: &Plugin,
    method: &str,
    url: &str,
    times: u32,
    bytes: u32,
) -> Called<Vec<Result<Receipt, SendError>>> {
    let words = outgoing(&format!("{method} {url} {times} {bytes}"));
    plugin.send(&caller(plugin), vec![words], channel()).await
}

fn seen(error: &CallError, fault: CallFault) {
    assert_eq!(error.fault, fault, "{error}");
    let labels = [("plugin", "fetches"), ("limit", fault.code())];
    assert!(metric("sambung_plugin_limit_total", &labels) > 0);
}

/// That the plugin still reaches its provider and translates.
async fn lives(plugin: &Plugin) {
    let done = fetch(plugin, "POST", &format!("{PROVIDER}/small"), 1, 10).await.expect("a good call");
    assert_eq!(done.value[0].as_ref().expect("a receipt").ids, ["200"]);
    works(plugin).await;
}

#[tokio::test]
async fn a_request_reaches_the_provider_and_is_counted() {
    let plugin = plugin(Limits::default()).await;
    let done = fetch(&plugin, "POST", &format!("{PROVIDER}/small"), 2, 1000).await.expect("a call");
    assert_eq!(done.value[0].as_ref().expect("a receipt").ids, ["200"]);
    assert!(done.usage.egress_bytes > 2000, "{:?}", done.usage);
}

#[tokio::test]
async fn a_host_that_the_manifest_does_not_name_is_refused_and_nothing_leaves() {
    let plugin = plugin(Limits::default()).await;
    for url in ["https://elsewhere.example/", "http://api.provider.example/small", "https://127.0.0.1/small"] {
        let done = fetch(&plugin, "POST", url, 1, 10).await.expect("a call");
        let error = done.value[0].as_ref().expect_err("refused");
        assert_eq!(error.code.as_deref(), Some("forbidden"), "{url}: {error:?}");
        assert_eq!(done.usage.egress_bytes, 0);
    }
    lives(&plugin).await;
}

#[tokio::test]
async fn sending_too_much_ends_at_the_limit_of_egress() {
    let plugin = plugin(Limits { egress_bytes: 10_000, ..Limits::default() }).await;
    let error = failure(fetch(&plugin, "POST", &format!("{PROVIDER}/small"), 9, 4000).await);
    seen(&error, CallFault::EgressBytes);
    assert!(error.dispatched, "the first two requests left");
    lives(&plugin).await;
}

#[tokio::test]
async fn answers_that_are_too_large_together_end_at_the_limit_of_responses() {
    let plugin = plugin(Limits { response_bytes: 50_000, ..Limits::default() }).await;
    let two = fetch(&plugin, "GET", &format!("{PROVIDER}/large"), 2, 0).await.expect("a call");
    assert!(two.value[0].is_ok());
    let error = failure(fetch(&plugin, "GET", &format!("{PROVIDER}/large"), 3, 0).await);
    seen(&error, CallFault::ResponseBytes);
    assert!(!error.dispatched, "a GET changes nothing");
    lives(&plugin).await;
}

#[tokio::test]
async fn an_endless_answer_ends_at_the_limit_of_responses() {
    let plugin = plugin(Limits::default()).await;
    let error = failure(fetch(&plugin, "GET", &format!("{PROVIDER}/endless"), 1, 0).await);
    seen(&error, CallFault::ResponseBytes);
    lives(&plugin).await;
}

#[tokio::test]
async fn a_silent_provider_ends_at_the_deadline_and_the_request_counts_as_sent() {
    let plugin = plugin(Limits { deadline_ms: 500, ..Limits::default() }).await;
    let error = failure(fetch(&plugin, "POST", &format!("{PROVIDER}/silent"), 1, 10).await);
    seen(&error, CallFault::Deadline);
    assert!(error.dispatched);
    assert!(error.usage.wall >= Duration::from_millis(500));
    let error = failure(fetch(&plugin, "GET", &format!("{PROVIDER}/silent"), 1, 0).await);
    assert!(!error.dispatched);
    lives(&plugin).await;
}
