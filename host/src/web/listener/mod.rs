//! The HTTP listener: accepts connections, bounds what each may hold, and serves HTTP/1.1 and HTTP/2.
//!
//! `/healthz` and sign-in are answered whatever others have connected. A connection without a complete request head ends after
//! `server.head_ms`, an idle one after `server.idle_ms`, one whose client does not read its answer after `server.stalled_ms`. Where
//! every connection is taken, a new one takes the place of the oldest without a request (`places`). Where all of them are busy, a
//! few more are accepted that may only ask for what an operator needs (`RESERVED`).

mod bounds;
mod paced;
mod places;
mod tracked;
mod wire;

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Request, Response, Version};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::client::forwarded_client;
use super::problem::Problem;
use crate::model::client_key::ClientKey;
use crate::model::proxies::Range;

pub use bounds::{Bounds, Pace, raise_open_files};
pub use paced::is_too_slow;

use paced::Paced;
use places::{Entered, Place, Places};
use tracked::Tracked;
use wire::Wire;

/// What a connection may ask for that is accepted although all others are busy.
const RESERVED: [&str; 5] = ["/healthz", "/readyz", "/metrics", "/v1/session", "/v1/me"];
/// How late a barred client has its answer, because a client that connects again at once would keep the listener busy.
const LATE: Duration = Duration::from_secs(1);
/// Connections that wait for such an answer; past it a barred client is answered at once.
const LATE_ANSWERS: usize = 64;
/// How long the listener waits after the system refused to accept a connection.
const AFTER_ERROR: Duration = Duration::from_millis(20);
/// How long the listener waits at most for connections that were ended to be closed.
const CLOSING: Duration = Duration::from_millis(100);
/// Bytes of a body, and of all bodies of a connection, that an HTTP/2 client may send before they are read.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);

/// What the connections of a listener share.
struct Shared {
    router: Router,
    bounds: Bounds,
    proxies: Arc<Vec<Range>>,
    places: Places,
    builder: Builder<TokioExecutor>,
}

/// Serves until `stop`, and then until every request that is open has its answer.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    proxies: Arc<Vec<Range>>,
    stop: CancellationToken,
) {
    let places = Places::new(&bounds);
    let builder = builder(&bounds);
    let shared = Arc::new(Shared { router, bounds, proxies, places, builder });
    let open = TaskTracker::new();
    let late = Arc::new(Semaphore::new(LATE_ANSWERS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let proxy = shared.proxies.iter().any(|range| range.contains(peer.ip()));
                // A trusted proxy carries many clients: their requests are counted, and its connections are not.
                let client = (!proxy).then(|| ClientKey::of(peer.ip()));
                match shared.places.enter(client) {
                    Entered::Place(place) => {
                        let shared = Arc::clone(&shared);
                        open.spawn(async move { drive(&shared, stream, peer, place).await });
                    }
                    Entered::Crowded => refuse(&stream, "address", "429 Too Many Requests", 1),
                    Entered::Barred(wait) => {
                        let late = Arc::clone(&late).try_acquire_owned();
                        let stop = stop.clone();
                        let answer = move || {
                            refuse(&stream, "misuse", "429 Too Many Requests", wait.as_secs().saturating_add(1))
                        };
                        match late {
                            Ok(late) => drop(open.spawn(async move {
                                let _ = tokio::time::timeout(LATE, stop.cancelled()).await;
                                answer();
                                drop(late);
                            })),
                            Err(_) => answer(),
                        }
                    }
                    Entered::Full => refuse(&stream, "total", "503 Service Unavailable", 5),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                metrics::counter!("sambung_connections_refused_total", "reason" => "system").increment(1);
                // Several at a time, because as many more may wait behind this one.
                match shared.places.relieve(places::CLOSING) {
                    0 => tokio::time::sleep(AFTER_ERROR).await,
                    _ => shared.places.closed(0, CLOSING).await,
                }
            }
        }
        // Each ended connection keeps its file descriptor until its task has run.
        shared.places.closed(places::CLOSING, CLOSING).await;
    }
    drop(listener);
    shared.places.stop();
    open.close();
    open.wait().await;
}

fn builder(bounds: &Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The time for a request's head is counted by the connection itself, which the library does only once it knows the protocol.
    builder.http1().header_read_timeout(None).max_buf_size(bounds.head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.http2_streams)
        .max_header_list_size(u32::try_from(bounds.head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

/// Answers a connection that finds no place, without waiting for its request.
fn refuse(stream: &TcpStream, reason: &'static str, status: &str, seconds: u64) {
    metrics::counter!("sambung_connections_refused_total", "reason" => reason).increment(1);
    let (code, why) = match reason {
        "address" => ("too-many", "too many connections of this address are open"),
        "misuse" => ("too-many", "too many HTTP/2 connections of this address broke the protocol or its bounds"),
        _ => ("unavailable", "too many connections are open"),
    };
    let (number, title) = status.split_once(' ').unwrap_or((status, ""));
    let body = format!(
        r#"{{"type":"/problems/{code}","title":"{title}","status":{number},"code":"{code}","detail":"{why}; try again in {seconds} seconds"}}"#
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nRetry-After: {seconds}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // Best effort: what the client has sent is read first, because the system resets a connection with unread bytes.
    let _ = stream.try_read(&mut [0; 4096]);
    let _ = stream.try_write(answer.as_bytes());
}

/// Serves one connection until either side ends it, or it is overdue, or its place is needed.
async fn drive(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr, place: Place) {
    let connection = place.connection();
    let wire = Wire::new(stream, Arc::clone(connection));
    let service = {
        let (shared, connection, reserved) = (Arc::clone(shared), Arc::clone(connection), place.is_reserved());
        service_fn(move |request| {
            let work = answer(Arc::clone(&shared), request, peer, Arc::clone(&connection), reserved);
            async move { Ok::<_, Infallible>(work.await) }
        })
    };
    let mut served = std::pin::pin!(shared.builder.serve_connection(TokioIo::new(wire), service));
    let tick = shared.bounds.tick();
    let mut look = std::pin::pin!(tokio::time::sleep(tick));
    let mut ending = false;
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    if is_misuse(error.as_ref()) {
                        shared.places.misused(connection, "protocol");
                    }
                    tracing::debug!(%peer, %error, "a connection broke");
                }
                return;
            }
            () = connection.ended(), if !ending => {
                if connection.is_past_resets() {
                    shared.places.misused(connection, "resets");
                }
                if connection.is_idle() && !connection.is_stopping() {
                    return;
                }
                // A request came in the moment before, or the server stops: it is answered, and nothing after it.
                ending = true;
                served.as_mut().graceful_shutdown();
            }
            () = look.as_mut() => {
                if let Some(reason) = connection.overdue(&shared.bounds) {
                    metrics::counter!("sambung_connections_closed_total", "reason" => reason).increment(1);
                    return;
                }
                look.as_mut().reset(tokio::time::Instant::now() + tick);
            }
        }
    }
}

/// Whether the server ended an HTTP/2 connection because its client broke the protocol, or passed one of its bounds.
fn is_misuse(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return error.is_library() && error.is_go_away();
        }
        cause = error.source();
    }
    false
}

/// Answers one request, if its client may have one more.
async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    peer: SocketAddr,
    connection: Arc<places::Connection>,
    reserved: bool,
) -> Response<Tracked> {
    let version = request.version();
    let mut busy = connection.begin(version == Version::HTTP_2, request.method() == Method::HEAD);
    if reserved && !RESERVED.contains(&request.uri().path()) {
        metrics::counter!("sambung_requests_refused_total", "reason" => "total").increment(1);
        let mut response =
            Problem::unavailable("every connection of this server is in use; try again", 5).into_response();
        close(&mut response, version);
        return response.map(|body| Tracked::new(body, busy));
    }
    // One connection of a proxy, or of HTTP/2, carries many requests.
    let client = forwarded_client(peer.ip(), request.headers(), &shared.proxies)
        .or_else(|| (version == Version::HTTP_2).then(|| ClientKey::of(peer.ip())));
    if let Some(client) = client {
        match shared.places.request(client) {
            Some(counted) => busy.hold(counted),
            None => {
                metrics::counter!("sambung_requests_refused_total", "reason" => "address").increment(1);
                return Problem::too_many(Duration::ZERO).into_response().map(|body| Tracked::new(body, busy));
            }
        }
    }
    let mut request = request.map(|body| Body::new(Paced::new(body, shared.bounds.pace)));
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut router = shared.router.clone();
    let mut response = match router.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if reserved {
        close(&mut response, version);
    }
    response.map(|body| Tracked::new(body, busy))
}

/// Tells the client that the connection ends with this answer.
fn close(response: &mut Response<Body>, version: Version) {
    if version != Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
