//! What every simulator is: a server on a free port of loopback that keeps what arrives.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Upper case.
    pub method: String,
    /// From the path on, with the query.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Raw.
    pub body: Bytes,
}

/// Every request that arrived, in order.
type Records = Arc<Mutex<Vec<Recorded>>>;

/// A running server; it stops when it is dropped.
pub(super) struct Served {
    /// Where it listens: `http://127.0.0.1:…`.
    pub address: String,
    records: Records,
    task: JoinHandle<()>,
}

impl Served {
    /// Starts. A body beyond `most` bytes is kept by nobody and answered with `too_large`.
    pub async fn start(routes: Router, most: usize, too_large: fn() -> Response) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let records = Records::default();
        let keeper = Keeper { records: Arc::clone(&records), most, too_large };
        let routes = routes.layer(from_fn_with_state(keeper, keep));
        let task = tokio::spawn(async move {
            // It ends only with the test.
            let _ = axum::serve(listener, routes).await;
        });
        Self { address, records, task }
    }

    /// Everything that arrived, in order.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Keeper {
    records: Records,
    most: usize,
    too_large: fn() -> Response,
}

async fn keep(State(keeper): State<Keeper>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, keeper.most).await else { return (keeper.too_large)().into_response() };
    let headers = parts.headers.iter();
    let recorded = Recorded {
        method: parts.method.to_string(),
        url: parts.uri.to_string(),
        headers: headers.map(|(k, v)| (k.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned())).collect(),
        body: body.clone(),
    };
    keeper.records.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    next.run(Request::from_parts(parts, body.into())).await
}
