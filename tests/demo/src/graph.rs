//! One host name, two simulators: what is meant for `graph.facebook.com` goes to the one whose version of the API is asked for.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sambung_tests::providers::http_client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The version that WhatsApp's plugin asks for; anything else is Messenger's and Instagram's.
const WHATSAPP: &str = "/v24.0/";
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

async fn hand_on(State(behind): State<Behind>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let base = if path.starts_with(WHATSAPP) { &behind.whatsapp } else { &behind.others };
    let Ok(body) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
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
