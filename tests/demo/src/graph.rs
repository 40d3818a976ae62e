//! One host name, two simulators: what is meant for `graph.facebook.com` goes to the one whose token or object it names.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use sambung_tests::providers::http_client;
use sambung_tests::providers::whatsapp::TOKEN;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What webhooks of WhatsApp are about.
const WHATSAPP: &str = "whatsapp_business_account";
const MOST_BYTES: usize = 128 << 20;

/// A running front; it stops when it is dropped.
pub struct Graph {
    /// `http://127.0.0.1:…`
    pub address: String,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Behind {
    whatsapp: String,
    others: String,
}

impl Graph {
    /// Stands before these.
    pub async fn start(whatsapp: &str, others: &str) -> Graph {
        let behind = Behind { whatsapp: whatsapp.to_owned(), others: others.to_owned() };
        let routes = Router::new().fallback(hand_on).with_state(behind);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let task = tokio::spawn(async move {
            // It ends with the task.
            let _ = axum::serve(listener, routes).await;
        });
        Graph { address, task }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Calls of a number carry its token; those of the app name what its webhooks are about.
fn is_whatsapps(head: &Parts, body: &[u8]) -> bool {
    let credential = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let about = head.uri.query().is_some_and(|query| query.contains(WHATSAPP));
    let subscription = serde_json::from_slice::<Value>(body).is_ok_and(|body| body["object"] == WHATSAPP);
    credential.ends_with(TOKEN) || about || subscription
}

async fn hand_on(State(behind): State<Behind>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(body) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let base = if is_whatsapps(&head, &body) { &behind.whatsapp } else { &behind.others };
    let asked = http_client().request(head.method, format!("{base}{path}")).headers(head.headers).body(body);
    let Ok(answer) = asked.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        *headers = answer.headers().clone();
        // The body is whole here, whatever way it came.
        headers.remove("transfer-encoding");
    }
    let body = answer.bytes().await.unwrap_or_default();
    response.body(Body::from(body)).unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}
