//! Providers' webhooks: found, verified natively on the raw bytes, handed on, acknowledged once they are on disk.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use sambung_runtime::contract::inbound;
use sambung_runtime::recipe::{Answer, Raw, Verdict};

use super::Ingress;
use super::addresses::{Address, Called};
use super::budget::{Budget, Room};
use crate::db::{DbError, NewRow};
use crate::disk::Purpose;
use crate::model::client_key::ClientKey;
use crate::web::client::ClientAddress;
use crate::web::listener::is_too_slow;
use crate::web::state;

/// How long a plugin may take to answer a webhook itself, before the recipe's fixed answer goes out.
const PLUGIN_TIME: Duration = Duration::from_secs(2);
/// When a provider should come again while the host sheds load, in seconds.
const COME_AGAIN: &str = "5";
/// Room that a body takes from the shared memory at a time.
const STEP: usize = 16 << 10;

pub(super) async fn receive(
    State(state): State<state::State>,
    Extension(ingress): Extension<Arc<Ingress>>,
    ClientAddress(client): ClientAddress,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix("/hooks/").unwrap_or_default();
    let called = Called::read(path);
    let address = match ingress.addresses.find(&called).await {
        Ok(Some(address)) => address,
        // Not counted: a provider goes on calling while a plugin is being replaced, and must not wait once it is back.
        Ok(None) => return refuse_unread(StatusCode::NOT_FOUND),
        Err(error) => return shed(&error),
    };
    let most = state.config.ingress.max_body_bytes;
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > most) {
        return refuse_unread(StatusCode::PAYLOAD_TOO_LARGE);
    }
    if !address.takes(head.method.as_str(), called.below) {
        address.refused.increment(1);
        return refuse_unread(StatusCode::NOT_FOUND);
    }
    let reading = read(body, most, state.config.ingress.body_ms, &ingress.bodies, client);
    let (body, _room) = match reading.await {
        Ok(read) => read,
        Err(Unread::TooSlow) => {
            address.refused.increment(1);
            return unverified(&state, client, StatusCode::REQUEST_TIMEOUT);
        }
        Err(unread) => return unread.into_response(),
    };
    let received_at = state.clock.now();
    let headers = texts(&head.headers);
    let url = state.config.server.public_url().map(|base| format!("{base}{}", head.uri));
    let raw = Raw {
        method: head.method.as_str(),
        path: called.below,
        query: head.uri.query().unwrap_or_default(),
        headers: &headers,
        body: &body,
        url: url.as_deref(),
        received_at_ms: u64::try_from(received_at).unwrap_or_default(),
    };
    match address.receive(&raw).await {
        Verdict::NoMatch => {
            address.refused.increment(1);
            StatusCode::NOT_FOUND.into_response()
        }
        Verdict::Refuse { status, reason } => {
            address.refused.increment(1);
            tracing::debug!(address = &*address.name, reason, "a webhook was refused");
            unverified(&state, client, StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED))
        }
        Verdict::Undecided { reason } => {
            tracing::debug!(address = &*address.name, reason, "a webhook could not be verified yet");
            full()
        }
        Verdict::Accept { handshake: true, answer, .. } => fixed(answer),
        Verdict::Accept { .. } if !state.disk.allows(Purpose::Requests, received_at) => full(),
        Verdict::Accept { recipe, answer, kept_headers, path, query, plugin_answers, handshake: false } => {
            let row = NewRow {
                plugin: Arc::clone(&address.plugin),
                address: Arc::clone(&address.name),
                workspace: address.workspace.clone(),
                channel: address.channel.clone(),
                app: address.app.clone(),
                recipe,
                method: head.method.as_str().to_owned(),
                path,
                query,
                headers: kept_headers,
                body,
                received_at,
            };
            commit(&state, &address, row, answer, plugin_answers).await
        }
    }
}

/// Commits, and only then acknowledges.
async fn commit(
    state: &state::State,
    address: &Address,
    row: NewRow,
    answer: Answer,
    plugin_answers: bool,
) -> Response {
    let (named, told) = if plugin_answers {
        let (named, told) = state.inbound.expect_answer();
        (Some(named), Some(told))
    } else {
        (None, None)
    };
    if let Err(error) = state.inbound.receive(row, named).await {
        return shed(&error);
    }
    address.accepted.increment(1);
    let Some(told) = told else { return fixed(answer) };
    match tokio::time::timeout(PLUGIN_TIME, told).await {
        Ok(Ok(Some(own))) => plugins_own(own).unwrap_or_else(|| fixed(answer)),
        _ => fixed(answer),
    }
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is longer than it may be.
    TooLarge,
    /// It did not come in time, or came too slowly.
    TooSlow,
    /// It ended before it was whole.
    Broken,
    /// Other bodies leave no room in memory, or this client's own do.
    Full,
}

impl IntoResponse for Unread {
    fn into_response(self) -> Response {
        match self {
            Unread::TooLarge => refuse_unread(StatusCode::PAYLOAD_TOO_LARGE),
            Unread::TooSlow => refuse_unread(StatusCode::REQUEST_TIMEOUT),
            Unread::Broken => refuse_unread(StatusCode::BAD_REQUEST),
            Unread::Full => full(),
        }
    }
}

/// Reads a body, and takes room for it as its bytes arrive: a client holds no memory with bytes that it only announced.
pub(super) async fn read(
    body: Body,
    most: usize,
    patience_ms: u64,
    budget: &Budget,
    client: ClientKey,
) -> Result<(Vec<u8>, Room), Unread> {
    let mut room = budget.take(Some(client), 0).ok_or(Unread::Full)?;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let arrives = async {
        let (mut whole, mut stream) = (Vec::new(), body.into_data_stream());
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| if is_too_slow(&error) { Unread::TooSlow } else { Unread::Broken })?;
            let length = whole.len() + piece.len();
            if length > most {
                return Err(Unread::TooLarge);
            }
            // In steps, because each one takes a lock; the vector grows to twice its length at most.
            let taken = length.next_multiple_of(STEP).min(most);
            if !room.grow(taken) {
                return Err(Unread::Full);
            }
            if whole.is_empty() {
                whole.reserve_exact(announced.clamp(length, taken));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    };
    let body =
        tokio::time::timeout(Duration::from_millis(patience_ms), arrives).await.map_err(|_| Unread::TooSlow)??;
    Ok((body, room))
}

/// Refuses a request whose body was not read, and ends the connection: reading on would cost what the refusal saves.
fn refuse_unread(status: StatusCode) -> Response {
    (status, [(CONNECTION, "close")]).into_response()
}

/// A header that is no text cannot carry a signature; its absence makes the recipe refuse.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// Refuses what nobody verified; whoever sends too much of it is told to wait.
fn unverified(state: &state::State, client: ClientKey, status: StatusCode) -> Response {
    match state.limits.unverified.check(&client) {
        Ok(()) => status.into_response(),
        Err(wait) => {
            metrics::counter!("sambung_webhooks_limited_total").increment(1);
            let seconds = wait.as_secs().saturating_add(1).to_string();
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds)]).into_response()
        }
    }
}

/// The host takes no more for now: nothing was kept, and the provider comes again.
pub(super) fn shed(error: &DbError) -> Response {
    tracing::warn!(%error, "a request was not taken");
    full()
}

pub(super) fn full() -> Response {
    metrics::counter!("sambung_ingress_shed_total").increment(1);
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, COME_AGAIN)]).into_response()
}

fn fixed(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Types that a plugin's answer may have. A provider reads them; no browser runs what stands in them.
const ANSWER_TYPES: [&str; 5] =
    ["text/plain", "application/json", "application/xml", "text/xml", "application/octet-stream"];

/// A plugin's own answer, of which the status, the body, the type and `Retry-After` go out; any other header would count on the
/// host's origin. None where the status is none that an answer may have: then the recipe's answer goes out.
fn plugins_own(answer: inbound::Response) -> Option<Response> {
    let status = StatusCode::from_u16(answer.status).ok().filter(|_| matches!(answer.status, 200..=299 | 400..=599));
    let Some(status) = status else {
        tracing::warn!(status = answer.status, "a plugin answered a webhook with a status that no answer may have");
        return None;
    };
    let header = |wanted: &str| {
        answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let essence = header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let known = ANSWER_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(essence));
    let kind = match known {
        Some(kind @ ("application/json" | "application/octet-stream")) => HeaderValue::from_static(kind),
        Some("application/xml") => HeaderValue::from_static("application/xml; charset=utf-8"),
        Some("text/xml") => HeaderValue::from_static("text/xml; charset=utf-8"),
        _ => HeaderValue::from_static("text/plain; charset=utf-8"),
    };
    let retry = header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    let empty = answer.body.is_empty();
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    if !empty {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    if let Some(seconds) = retry {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> inbound::Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        inbound::Response { status, headers, body: b"<script>alert(1)</script>".to_vec(), extra: Vec::new() }
    }

    #[test]
    fn of_a_plugins_headers_only_a_known_type_and_when_to_come_again_pass() {
        let hostile = [
            ("Content-Type", "text/html"),
            ("Set-Cookie", "sambung_session=x"),
            ("Location", "https://evil.example"),
            ("Access-Control-Allow-Origin", "*"),
            ("Clear-Site-Data", "*"),
            ("Retry-After", "5"),
        ];
        let response = plugins_own(answer(503, &hostile)).expect("503 may be answered");
        let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "retry-after"]);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        for (given, sent) in [
            ("Application/JSON;charset=utf-16", "application/json"),
            ("text/xml", "text/xml; charset=utf-8"),
            ("application/xhtml+xml", "text/plain; charset=utf-8"),
            ("image/svg+xml", "text/plain; charset=utf-8"),
        ] {
            let response = plugins_own(answer(200, &[("content-type", given)])).expect("200 may be answered");
            assert_eq!(response.headers()[CONTENT_TYPE], sent);
        }
    }

    #[test]
    fn a_plugin_neither_redirects_nor_switches_protocols() {
        for status in [0, 100, 101, 199, 300, 301, 302, 304, 307, 399, 600, 999] {
            assert!(plugins_own(answer(status, &[])).is_none(), "{status}");
        }
    }
}
