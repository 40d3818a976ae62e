//! A gateway whose channel goes is left as it was: at disconnecting, and where it took a registration and never answered.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use sambung_tests::host::{Host, leading};
use serde_json::{Value, json};

/// An On-Premises client: the address that it posts to, and how often it hangs up instead of answering.
#[derive(Clone, Default)]
struct Gateway(Arc<Mutex<(String, usize)>>);

impl Gateway {
    async fn start() -> (Self, String) {
        let gateway = Gateway::default();
        let application = get(told).patch(set).delete(removed);
        let router = Router::new().route("/v1/settings/application", application).with_state(gateway.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (gateway, origin)
    }

    fn address(&self) -> String {
        self.0.lock().unwrap().0.clone()
    }
}

async fn told(State(gateway): State<Gateway>) -> Json<Value> {
    Json(json!({ "settings": { "application": { "webhooks": { "url": gateway.address() } } } }))
}

async fn set(State(gateway): State<Gateway>, Json(body): Json<Value>) -> StatusCode {
    let hangs_up = {
        let mut state = gateway.0.lock().unwrap();
        state.0 = body["webhooks"]["url"].as_str().unwrap_or_default().to_owned();
        state.1 = state.1.saturating_sub(1);
        state.1 > 0
    };
    assert!(!hangs_up, "told to hang up: the connection breaks");
    StatusCode::OK
}

async fn removed(State(gateway): State<Gateway>) -> StatusCode {
    gateway.0.lock().unwrap().0.clear();
    StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_got_no_answer_is_taken_back_and_nothing_is_kept() {
    let (gateway, origin) = Gateway::start().await;
    let overrides = [("https://waba.gateway.example".to_owned(), origin)];
    let host = Host::start(&leading(&overrides, "")).await;
    let api = host.api();
    let channel = json!({ "plugin": "whatsapp", "name": "Number", "settings": {
        "mode": "gateway", "base_url": "https://waba.gateway.example/v1", "token": "a-token-of-one-customer" } });
    gateway.0.lock().unwrap().1 = 10;
    let (status, answer) = api.ask("POST", "/v1/channels", &channel).await.unwrap();
    assert!(status >= 400, "{status} {answer}");
    assert!(gateway.0.lock().unwrap().1 < 10, "it was asked: {answer}");
    assert_eq!(gateway.address(), "", "the gateway posts to no channel that is not there: {answer}");
    assert_eq!(api.get("/v1/channels").await["items"], json!([]));

    gateway.0.lock().unwrap().1 = 0;
    let connected = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(connected["state"], "connected", "the account is free: {connected}");
    assert_ne!(gateway.address(), "");
    let channel = format!("/v1/channels/{}", connected["id"].as_str().unwrap());
    api.expect(204, "DELETE", &channel, Value::Null).await;
    assert_eq!(gateway.address(), "", "disconnecting leaves no address behind either");
}
