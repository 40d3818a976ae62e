//! The operations of the API.

use std::future::pending;
use std::time::Instant;

use axum::extract::{Path, Request, State as Given};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::{BOT, Delivery, Shared, State, Stored, TOKEN_LIFE, Trouble, account_of, bot_of, lock, webhooks};

/// Message objects of one request.
const MOST_OBJECTS: usize = 5;
/// UTF-16 code units of a text.
const MOST_TEXT: usize = 5000;
/// Larger bodies are refused with 413.
pub(super) const MOST_BYTES: usize = 2 << 20;

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v2/bot/info", get(info))
        .route("/v2/bot/channel/webhook/endpoint", get(endpoint).put(set_endpoint))
        .route("/v2/bot/channel/webhook/test", post(test_endpoint))
        .route("/v2/bot/message/reply", post(reply))
        .route("/v2/bot/message/push", post(push))
        .route("/v2/bot/message/{id}/content", get(content))
        .route("/v2/bot/message/{id}/content/transcoding", get(transcoding))
        .route("/v2/bot/message/quota", get(quota))
        .route("/v2/bot/message/quota/consumption", get(consumption))
        .route("/v2/bot/profile/{user}", get(profile))
        .route("/v2/bot/{kind}/{place}/member/{user}", get(member))
        .route("/v2/bot/chat/loading/start", post(loading))
        .route("/v2/bot/chat/markAsRead", post(mark_as_read))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "Not found") })
        .layer(from_fn_with_state(shared.clone(), authorize))
        .with_state(shared)
}

/// Whose token came with a request.
#[derive(Debug, Clone, Copy)]
struct Account(u32);

/// Lets only those with a token through.
async fn authorize(Given(shared): Given<Shared>, mut request: Request, next: Next) -> Response {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let account = bearer.and_then(|bearer| account_of(bearer.strip_prefix("Bearer ")?));
    let Some(account) = account.filter(|_| !lock(&shared).revoked) else { return unauthorized() };
    if lock(&shared).silent.contains(&account) {
        pending::<()>().await;
    }
    request.extensions_mut().insert(Account(account));
    next.run(request).await
}

pub(super) fn too_large() -> Response {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large")
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn unauthorized() -> Response {
    refuse(
        StatusCode::UNAUTHORIZED,
        "Authentication failed due to the following reason: invalid token. Confirm that the access token in the \
         authorization header is valid.",
    )
}

async fn info(Extension(Account(account)): Extension<Account>) -> Json<Value> {
    let user = if account == 0 { BOT.to_owned() } else { bot_of(account) };
    Json(json!({
        "userId": user,
        "basicId": "@216ru",
        "displayName": "Example",
        "chatMode": "chat",
        "markAsReadMode": "manual",
    }))
}

async fn endpoint(Given(shared): Given<Shared>, Extension(Account(account)): Extension<Account>) -> Response {
    let state = lock(&shared);
    match state.endpoints.get(&account) {
        Some(endpoint) => Json(json!({ "endpoint": endpoint, "active": !state.inactive })).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "Not found"),
    }
}

async fn set_endpoint(
    Given(shared): Given<Shared>,
    Extension(Account(account)): Extension<Account>,
    Json(body): Json<Value>,
) -> Response {
    let address = body["endpoint"].as_str().unwrap_or_default();
    if !address.starts_with("https://") || address.len() > 500 {
        return refuse(StatusCode::BAD_REQUEST, "Invalid webhook endpoint URL");
    }
    lock(&shared).endpoints.insert(account, address.to_owned());
    Json(json!({})).into_response()
}

/// Calls the address as the console's Verify button does: a signed body without events.
async fn test_endpoint(
    Given(shared): Given<Shared>,
    Extension(Account(account)): Extension<Account>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let (address, base) = {
        let state = lock(&shared);
        let asked = body["endpoint"].as_str().map(str::to_owned);
        (asked.or_else(|| state.endpoints.get(&account).cloned()).unwrap_or_default(), state.reached_at.clone())
    };
    let status = match base {
        Some(base) => webhooks::deliver(&webhooks::reached(&address, &base), &[]).await.ok(),
        None => None,
    };
    let (reason, code) = match status {
        Some(200..=299) => ("OK", status.unwrap_or_default()),
        Some(code) => ("ERROR_STATUS_CODE", code),
        None => ("COULD_NOT_CONNECT", 0),
    };
    Json(json!({
        "success": reason == "OK",
        "timestamp": "2026-09-30T05:38:20.031Z",
        "statusCode": code,
        "reason": reason,
        "detail": code.to_string(),
    }))
}

async fn reply(Given(shared): Given<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if headers.contains_key("x-line-retry-key") {
        return refuse(StatusCode::BAD_REQUEST, "The retry key is not supported by this endpoint");
    }
    let trouble = lock(&shared).troubles.pop_front();
    if let Some(refusal) = trouble.filter(|trouble| *trouble != Trouble::MonthlyLimit).and_then(refusal_before) {
        return refusal;
    }
    if let Some(refusal) = invalid(&body) {
        return refusal;
    }
    let sent = {
        let mut state = lock(&shared);
        let token = state.tokens.get_mut(body["replyToken"].as_str().unwrap_or_default());
        let Some(token) = token.filter(|token| !token.spent && token.delivered.elapsed() < TOKEN_LIFE) else {
            return refuse(StatusCode::BAD_REQUEST, "Invalid reply token");
        };
        token.spent = true;
        token.delivered = Instant::now();
        let to = token.to.clone();
        take(&mut state, &to, true, &body)
    };
    answer(&shared, trouble, sent).await
}

async fn push(Given(shared): Given<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let key = headers.get("x-line-retry-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    if key.as_ref().is_some_and(|key| !is_uuid(key)) {
        return refuse(StatusCode::BAD_REQUEST, "The retry key is invalid");
    }
    let trouble = lock(&shared).troubles.pop_front();
    if let Some(refusal) = trouble.and_then(refusal_before) {
        return refusal;
    }
    if let Some(refusal) = invalid(&body) {
        return refusal;
    }
    let sent = {
        let mut state = lock(&shared);
        if let Some(sent) = key.as_ref().and_then(|key| state.retry_keys.get(key)) {
            let body = json!({ "message": "The retry key is already accepted", "sentMessages": sent });
            return (StatusCode::CONFLICT, [("x-line-accepted-request-id", "accepted")], Json(body)).into_response();
        }
        let sent = take(&mut state, body["to"].as_str().unwrap_or_default(), false, &body);
        if let Some(key) = key {
            state.retry_keys.insert(key, sent.clone());
        }
        sent
    };
    answer(&shared, trouble, sent).await
}

fn is_uuid(key: &str) -> bool {
    key.len() == 36 && key.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Troubles in which nothing is taken.
fn refusal_before(trouble: Trouble) -> Option<Response> {
    match trouble {
        Trouble::RateLimit => {
            Some(refuse(StatusCode::TOO_MANY_REQUESTS, "The API rate limit has been exceeded. Try again later."))
        }
        Trouble::MonthlyLimit => Some(refuse(StatusCode::TOO_MANY_REQUESTS, "You have reached your monthly limit.")),
        Trouble::ServerError => Some(refuse(StatusCode::INTERNAL_SERVER_ERROR, "")),
        Trouble::Unauthorized => Some(unauthorized()),
        Trouble::ServerErrorAfterTaking | Trouble::SilenceAfterTaking => None,
    }
}

/// The documented refusal of a body, with its details.
fn invalid(body: &Value) -> Option<Response> {
    let objects = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut details = Vec::new();
    if objects.is_empty() || objects.len() > MOST_OBJECTS {
        details.push(json!({ "message": "Size must be between 1 and 5", "property": "messages" }));
    }
    for (index, object) in objects.iter().enumerate().filter(|(_, object)| object["type"] == "text") {
        let text = object["text"].as_str().unwrap_or_default();
        let property = format!("messages[{index}].text");
        if text.is_empty() {
            details.push(json!({ "message": "May not be empty", "property": property }));
        } else if text.encode_utf16().count() > MOST_TEXT {
            details.push(json!({ "message": "Length must be between 0 and 5000", "property": property }));
        }
    }
    if details.is_empty() {
        return None;
    }
    let message = format!("The request body has {} error(s)", details.len());
    Some((StatusCode::BAD_REQUEST, Json(json!({ "message": message, "details": details }))).into_response())
}

/// Shows the objects to whom they are for, unless they block the account, and names each.
fn take(state: &mut State, to: &str, reply: bool, body: &Value) -> Vec<Value> {
    let mut sent = Vec::new();
    for object in body["messages"].as_array().into_iter().flatten() {
        let id = (461_230_966_842_064_000 + state.number()).to_string();
        if !state.blocked.contains(to) {
            let delivery = Delivery { to: to.to_owned(), reply, id: id.clone(), object: object.clone() };
            state.deliveries.push(delivery);
        }
        let quote = format!("quote-{id}");
        sent.push(json!({ "id": id, "quoteToken": quote }));
    }
    sent
}

async fn answer(shared: &Shared, trouble: Option<Trouble>, sent: Vec<Value>) -> Response {
    let wait = lock(shared).answer_after;
    tokio::time::sleep(wait).await;
    match trouble {
        Some(Trouble::SilenceAfterTaking) => pending().await,
        Some(Trouble::ServerErrorAfterTaking) => refuse(StatusCode::INTERNAL_SERVER_ERROR, ""),
        _ => Json(json!({ "sentMessages": sent })).into_response(),
    }
}

async fn profile(Given(shared): Given<Shared>, Path(user): Path<String>) -> Response {
    match lock(&shared).profiles.get(&user) {
        Some(profile) => Json(profile.clone()).into_response(),
        None => refuse(StatusCode::NOT_FOUND, "Not found"),
    }
}

async fn member(shared: Given<Shared>, Path((kind, _, user)): Path<(String, String, String)>) -> Response {
    if !matches!(kind.as_str(), "group" | "room") {
        return refuse(StatusCode::NOT_FOUND, "Not found");
    }
    profile(shared, Path(user)).await
}

async fn content(Given(shared): Given<Shared>, Path(message): Path<String>) -> Response {
    match lock(&shared).contents.get(&message) {
        Some(Stored::Ready(bytes, mime)) => ([(header::CONTENT_TYPE, *mime)], bytes.clone()).into_response(),
        Some(Stored::Preparing(..)) => StatusCode::ACCEPTED.into_response(),
        Some(Stored::Gone) => refuse(StatusCode::GONE, "The content is gone"),
        None => refuse(StatusCode::NOT_FOUND, "Not found"),
    }
}

/// A file that is being prepared is ready at the next question.
async fn transcoding(Given(shared): Given<Shared>, Path(message): Path<String>) -> Response {
    let mut state = lock(&shared);
    let status = match state.contents.get(&message) {
        Some(Stored::Ready(..)) => "succeeded",
        Some(Stored::Preparing(bytes, mime)) => {
            let ready = Stored::Ready(bytes.clone(), mime);
            state.contents.insert(message, ready);
            "processing"
        }
        Some(Stored::Gone) => return refuse(StatusCode::GONE, "The content is gone"),
        None => return refuse(StatusCode::NOT_FOUND, "Not found"),
    };
    Json(json!({ "status": status })).into_response()
}

async fn quota(Given(shared): Given<Shared>) -> Json<Value> {
    Json(match lock(&shared).quota {
        Some((limit, _)) => json!({ "type": "limited", "value": limit }),
        None => json!({ "type": "none" }),
    })
}

async fn consumption(Given(shared): Given<Shared>) -> Json<Value> {
    Json(json!({ "totalUsage": lock(&shared).quota.map_or(0, |(_, used)| used) }))
}

async fn loading() -> Response {
    (StatusCode::ACCEPTED, Json(json!({}))).into_response()
}

async fn mark_as_read() -> Json<Value> {
    Json(json!({}))
}
