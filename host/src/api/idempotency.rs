//! `Idempotency-Key`: the same key gives the same answer for a day.
//!
//! A middleware over the whole API. A crash between what a request makes and its answer must not make a repetition create twice:
//! a handler that creates within one act keeps its answer in that act ([`Keyed`]); one that needs more than one act notes in the
//! first what it makes, and the repetition goes on with that ([`Unfinished`]).

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State as Axum};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::caller::Caller;
use super::content::Content;
use super::problem::Problem;
use super::state::State;
pub use crate::db::Ticket;
use crate::db::{Earlier, KeptAnswer};
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

impl Keyed {
    /// The answer that the request will be given, for the act that makes it true: `None` where it carries no key.
    pub fn answer(self, status: StatusCode, body: &impl Serialize) -> Option<KeptAnswer> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let headers = serde_json::json!([["content-type", "application/json"]]).to_string();
        Some(KeptAnswer { ticket: self.0?, status: status.as_u16(), headers, body })
    }
}

/// What an earlier request with the same key had begun to make when a crash cut it off.
#[derive(Debug, Clone)]
pub struct Unfinished(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Unfinished {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Unfinished>().cloned().unwrap_or(Unfinished(None)))
    }
}

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
    let (hash, body, content) = fingerprint(&parts, body, state.config.server.max_body_bytes).await?;
    let ticket = Ticket { workspace: caller.workspace, actor: caller.actor, key };
    let now = state.clock.now();
    let forgotten_before = now - i64::from(state.config.retention.idempotency_hours) * HOUR;
    match state.db.begin_request(ticket.clone(), hash, now, forgotten_before).await? {
        Earlier::OtherRequest => return Err(reused()),
        Earlier::Running => {
            return Err(Problem::conflict(
                "idempotency-key-running",
                "the first request with this Idempotency-Key is still being done",
            ));
        }
        Earlier::Answered { status, headers, body: answer } => {
            if let Some(content) = content {
                let same = content.of_whole(body, most_uploaded(&state)).await?;
                if state.db.answered_content(ticket).await? != Some(same) {
                    return Err(reused());
                }
            }
            return Ok(replay(status, &headers, answer));
        }
        Earlier::Unfinished(made) => {
            parts.extensions.insert(Unfinished(Some(made)));
        }
        Earlier::New => {}
    }
    parts.extensions.insert(ticket.clone());
    let request = Request::from_parts(parts, body);
    let response = next.run(request).await;
    keep(&state, ticket, response, content).await
}

fn key(parts: &Parts) -> Result<String, Problem> {
    let key = parts.headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if key.is_empty() || key.len() > 255 {
        return Err(Problem::bad_request("Idempotency-Key has 1 to 255 visible characters"));
    }
    Ok(key.to_owned())
}

fn reused() -> Problem {
    let words = "this Idempotency-Key was used for another request";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", words)
}

/// Most bytes of an upload, of whatever kind.
fn most_uploaded(state: &State) -> u64 {
    state.config.media.max_bytes.max(state.config.runtime.limits.file_bytes)
}

/// What makes two requests the same: method, address and body. An upload is not held in memory: its content is hashed on its
/// way to the handler and compared when it comes again.
async fn fingerprint(parts: &Parts, body: Body, most: usize) -> Result<([u8; 32], Body, Option<Content>), Problem> {
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
        let bytes: Bytes = to_bytes(body, most)
            .await
            .map_err(|error| Problem::unread(&error, Problem::too_large("the body is larger than it may be")))?;
        hash.update(&bytes);
        return Ok((hash.finalize().into(), Body::from(bytes), None));
    }
    hash.update(header(CONTENT_LENGTH));
    let content = Content::default();
    Ok((hash.finalize().into(), content.watch(body), Some(content)))
}

/// Keeps the answer, unless it is a failure that a repetition may mend.
async fn keep(
    state: &State,
    ticket: Ticket,
    response: Response,
    content: Option<Content>,
) -> Result<Response, Problem> {
    let status = response.status();
    let content = content.map(|content| content.hash());
    let mends = status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT);
    // Who was answered before the whole upload was there may have sent anything.
    if mends || content == Some(None) {
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
    let kept = KeptAnswer { ticket, status: status.as_u16(), headers, body: bytes.to_vec() };
    state.db.end_request(kept, content.flatten()).await?;
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
