//! What every simulator is: a server on a free port of loopback that keeps what arrives.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
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

/// What becomes of a request at one place, whatever the provider would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling {
    /// The next one waits, and the provider has done nothing yet.
    HoldsBefore,
    /// The next one waits for its answer, and the provider has done what was asked.
    HoldsAfter,
    /// Each is refused with this status.
    Refuses(u16),
}

/// A meddling; it ends when it is dropped, and what waits goes on.
pub struct Meddled {
    place: Arc<Place>,
    places: Places,
}

struct Place {
    method: &'static str,
    path: String,
    what: Meddling,
    arrived: Semaphore,
    /// Closed at the end.
    released: Semaphore,
}

type Places = Arc<Mutex<Vec<Arc<Place>>>>;

impl Meddled {
    /// Waits until a request has come, and what waits for its answer has been done.
    ///
    /// # Panics
    /// When none comes.
    pub async fn arrived(&self) {
        let came = tokio::time::timeout(std::time::Duration::from_secs(60), self.place.arrived.acquire()).await;
        came.expect("a request comes").expect("it is open").forget();
    }
}

impl Drop for Meddled {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|one| !Arc::ptr_eq(one, &self.place));
        self.place.released.close();
    }
}

/// A running server; it stops when it is dropped.
pub(super) struct Served {
    /// Where it listens: `http://127.0.0.1:…`.
    pub address: String,
    records: Records,
    places: Places,
    task: JoinHandle<()>,
}

impl Served {
    /// Starts. A body beyond `most` bytes is kept by nobody and answered with `too_large`.
    pub async fn start(routes: Router, most: usize, too_large: fn() -> Response) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let (records, places) = (Records::default(), Places::default());
        let keeper = Keeper { records: Arc::clone(&records), places: Arc::clone(&places), most, too_large };
        let routes = routes.layer(from_fn_with_state(keeper, keep));
        let task = tokio::spawn(async move {
            // It ends only with the test.
            let _ = axum::serve(listener, routes).await;
        });
        Self { address, records, places, task }
    }

    /// Meddles with requests of this method whose path ends so.
    pub fn meddle(&self, method: &'static str, path: &str, what: Meddling) -> Meddled {
        let (arrived, released) = (Semaphore::new(0), Semaphore::new(0));
        let place = Arc::new(Place { method, path: path.to_owned(), what, arrived, released });
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&place));
        Meddled { place, places: Arc::clone(&self.places) }
    }

    /// What arrived after so many requests, in order.
    pub fn recorded_since(&self, count: usize) -> Vec<Recorded> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(count..).unwrap_or_default().to_vec()
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
    places: Places,
    most: usize,
    too_large: fn() -> Response,
}

impl Keeper {
    /// The meddling with this request. One that holds a request is over with it.
    fn meddling(&self, request: &Recorded) -> Option<Arc<Place>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let path = request.url.split('?').next().unwrap_or_default();
        let at = places.iter().position(|one| request.method == one.method && path.ends_with(&one.path))?;
        Some(match places[at].what {
            Meddling::Refuses(_) => Arc::clone(&places[at]),
            _ => places.remove(at),
        })
    }
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
    let place = keeper.meddling(&recorded);
    keeper.records.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    let request = Request::from_parts(parts, body.into());
    let Some(place) = place else { return next.run(request).await };
    let wait = async || {
        place.arrived.add_permits(1);
        // Closed: it is over.
        let _ = place.released.acquire().await;
    };
    match place.what {
        Meddling::HoldsBefore => {
            wait().await;
            next.run(request).await
        }
        Meddling::HoldsAfter => {
            let answer = next.run(request).await;
            wait().await;
            answer
        }
        Meddling::Refuses(status) => {
            place.arrived.add_permits(1);
            (StatusCode::from_u16(status).expect("a status"), "{}").into_response()
        }
    }
}
