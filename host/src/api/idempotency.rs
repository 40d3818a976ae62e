//! `Idempotency-Key`: the same key gives the same answer for a day.
//!
//! A middleware over the whole API; a handler that creates within one act may take the [`Ticket`] and keep its answer in that
//! act, so that not even a crash between the two makes a repetition create twice.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State as Axum};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::caller::Caller;
use super::problem::Problem;
use super::state::State;
use crate::db::Earlier;
pub use crate::db::Ticket;
use crate::model::time::HOUR;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers that belong to an answer.
const KEPT: [HeaderName; 2] = [CONTENT_TYPE, LOCATION];
/// An answer larger than this is not kept; no creating request gives one.
const MOST_KEPT: usize = 1 << 20;

/// The ticket of this request, for a handler: `None` where the request carries no key.
#[derive(Debug, Clone)]
pub struct Keyed(pub Option<Ticket>);

impl<S: Send + Sync> FromRequestParts<S> for Keyed {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Keyed(parts.extensions.get::<Ticket>().cloned()))
    }
}

/// The middleware.
pub async fn answer_once(Axum(state): Axum<State>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    match once(state, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn once(state: State, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let key = key(&parts)?;
    let Ok(caller) = Caller::from_request_parts(&mut parts, &state).await else {
        // Whoever is not known has no keys; the handler says what it thinks of that.
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let (hash, body) = fingerprint(&parts, body, state.config.server.max_body_bytes).await?;
    let ticket = Ticket { workspace: caller.workspace, actor: caller.actor, key };
    let now = state.clock.now();
    let forgotten_before = now - i64::from(state.config.retention.idempotency_hours) * HOUR;
    match state.db.begin_request(ticket.clone(), hash, now, forgotten_before).await? {
        Earlier::OtherRequest => {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "this Idempotency-Key was used for another request",
            ));
        }
        Earlier::Running => {
            return Err(Problem::conflict(
                "idempotency-key-running",
                "the first request with this Idempotency-Key is still being done",
            ));
        }
        Earlier::Answered { status, headers, body } => return Ok(replay(status, &headers, body)),
        Earlier::New => {}
    }
    parts.extensions.insert(ticket.clone());
    let request = Request::from_parts(parts, body);
    // In a task of its own, so that a caller who hangs up leaves neither half an answer nor a key that is taken for ever.
    let done = tokio::spawn(async move {
        let response = next.run(request).await;
        keep(&state, ticket, response).await
    });
    done.await.unwrap_or_else(|error| Err(Problem::internal(&error)))
}

fn key(parts: &Parts) -> Result<String, Problem> {
    let key = parts.headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if key.is_empty() || key.len() > 255 {
        return Err(Problem::bad_request("Idempotency-Key has 1 to 255 visible characters"));
    }
    Ok(key.to_owned())
}

/// What makes two requests the same: method, address and body; for an upload, instead of its body, what the header says
/// of it, so that a large file need not be held in memory.
async fn fingerprint(parts: &Parts, body: Body, most: usize) -> Result<([u8; 32], Body), Problem> {
    let mut hash = Sha256::new();
    hash.update(parts.method.as_str());
    hash.update([0]);
    hash.update(parts.uri.to_string());
    hash.update([0]);
    let header = |name: HeaderName| parts.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = header(CONTENT_TYPE);
    hash.update(kind);
    hash.update([0]);
    if kind.is_empty() || kind.starts_with(b"application/json") {
        let bytes: Bytes =
            to_bytes(body, most).await.map_err(|_| Problem::too_large("the body is larger than it may be"))?;
        hash.update(&bytes);
        return Ok((hash.finalize().into(), Body::from(bytes)));
    }
    hash.update(header(CONTENT_LENGTH));
    Ok((hash.finalize().into(), body))
}

/// Keeps the answer, unless it is a failure that a repetition may mend.
async fn keep(state: &State, ticket: Ticket, response: Response) -> Result<Response, Problem> {
    let status = response.status();
    let mends = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT);
    if mends {
        state.db.forget_request(ticket).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, MOST_KEPT).await {
        Ok(bytes) => bytes,
        Err(error) => {
            state.db.forget_request(ticket).await?;
            return Err(Problem::internal(&error));
        }
    };
    let headers: Vec<(String, String)> = KEPT
        .iter()
        .filter_map(|name| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned())))
        .collect();
    let headers = serde_json::to_string(&headers).expect("texts are JSON");
    state.db.end_request(ticket, status.as_u16(), headers, bytes.to_vec()).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn replay(status: u16, headers: &str, body: Vec<u8>) -> Response {
    let mut map = HeaderMap::new();
    let pairs: Vec<(String, String)> = serde_json::from_str(headers).unwrap_or_default();
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            map.insert(name, value);
        }
    }
    map.insert(REPLAYED, HeaderValue::from_static("true"));
    (StatusCode::from_u16(status).unwrap_or(StatusCode::OK), map, body).into_response()
}
