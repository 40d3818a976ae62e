//! The methods of the Bot API.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Given};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{BOT, Delivery, Shared, TOKEN, Trouble, Webhook, form, lock};

/// Larger bodies are refused.
pub(super) const MOST_BYTES: usize = 60 << 20;
/// What Telegram takes of a text, in UTF-16 code units.
const MOST_TEXT: usize = 4096;
const PORTS: [u16; 4] = [443, 80, 88, 8443];

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/{bot}/{method}", post(method).get(method))
        .route("/file/{bot}/{*path}", get(bytes))
        .fallback(|| async { refuse(404, "Not Found") })
        .with_state(shared)
}

pub(super) fn too_large() -> Response {
    refuse(413, "Request Entity Too Large")
}

fn refuse(code: u16, words: &str) -> Response {
    refuse_with(code, words, Value::Null)
}

fn refuse_with(code: u16, words: &str, parameters: Value) -> Response {
    let mut body = json!({ "ok": false, "error_code": code, "description": words });
    if !parameters.is_null() {
        body["parameters"] = parameters;
    }
    (StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST), Json(body)).into_response()
}

fn bad(words: &str) -> Response {
    refuse(400, &format!("Bad Request: {words}"))
}

fn ok(result: Value) -> Response {
    Json(json!({ "ok": true, "result": result })).into_response()
}

/// The token stands in the path.
fn authorized(shared: &Shared, bot: &str) -> Option<Response> {
    match bot.strip_prefix("bot") {
        Some(TOKEN) if !lock(shared).revoked => None,
        Some(token) if token.contains(':') => Some(refuse(401, "Unauthorized")),
        _ => Some(refuse(404, "Not Found")),
    }
}

async fn method(
    Given(shared): Given<Shared>,
    Path((bot, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    if let Some(refused) = authorized(&shared, &bot) {
        return refused;
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let Some(given) = form::parameters(kind, &body) else { return bad("can't parse the parameters") };
    match method.as_str() {
        "getMe" => ok(json!({ "id": BOT.parse::<i64>().unwrap_or_default(), "is_bot": true, "first_name": "Toko",
            "username": "toko_bot" })),
        "setWebhook" => set_webhook(&shared, &given),
        "deleteWebhook" => {
            let mut state = lock(&shared);
            state.webhook = None;
            drop_pending(&mut state, &given);
            ok(json!(true))
        }
        "getWebhookInfo" => info(&shared),
        "getUpdates" => updates(&shared, &given).await,
        "getFile" => match given["file_id"].as_str().filter(|id| lock(&shared).files.contains_key(*id)) {
            Some(id) => ok(json!({ "file_id": id, "file_unique_id": id, "file_path": format!("files/{id}") })),
            None => bad("wrong file_id or the file is temporarily unavailable"),
        },
        "getChat" => {
            ok(json!({ "id": given["chat_id"], "type": "private", "first_name": "Dewi", "last_name": "Lestari" }))
        }
        "getUserProfilePhotos" => ok(json!({ "total_count": 0, "photos": [] })),
        "answerCallbackQuery" => {
            let id = given["callback_query_id"].as_str().unwrap_or_default().to_owned();
            lock(&shared).acknowledged.push(id);
            ok(json!(true))
        }
        "sendChatAction" => ok(json!(true)),
        method if method.starts_with("send") => send(&shared, method, given).await,
        _ => refuse(404, "Not Found: method not found"),
    }
}

fn drop_pending(state: &mut super::State, given: &Value) {
    if given["drop_pending_updates"] == true {
        state.dropped += state.pending.len();
        state.pending.clear();
    }
}

fn set_webhook(shared: &Shared, given: &Value) -> Response {
    let word = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
    let (url, secret) = (word("url"), word("secret_token"));
    let Some(rest) = url.strip_prefix("https://") else {
        return bad("bad webhook: An HTTPS URL must be provided for webhook");
    };
    let port = rest.split('/').next().and_then(|host| host.split_once(':')).map_or(Ok(443), |(_, port)| port.parse());
    if !port.is_ok_and(|port| PORTS.contains(&port)) {
        return bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443");
    }
    let proper = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-');
    if secret.len() > 256 || !secret.chars().all(proper) {
        return bad("secret token contains unallowed characters");
    }
    let mut state = lock(shared);
    drop_pending(&mut state, given);
    allow(&mut state, given);
    state.webhook = Some(Webhook { url, secret });
    drop(state);
    shared.came.notify_waiters();
    ok(json!(true))
}

/// What is left out stays as it was.
fn allow(state: &mut super::State, given: &Value) {
    if let Some(kinds) = given["allowed_updates"].as_array() {
        state.allowed = kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
    }
}

fn info(shared: &Shared) -> Response {
    let state = lock(shared);
    ok(json!({
        "url": state.webhook.as_ref().map_or("", |webhook| webhook.url.as_str()),
        "has_custom_certificate": false,
        "pending_update_count": state.pending.len(),
        "allowed_updates": state.allowed,
    }))
}

/// Answers at once where something waits, else when something comes. A newer question ends an older one.
async fn updates(shared: &Shared, given: &Value) -> Response {
    let turn = {
        let mut state = lock(shared);
        allow(&mut state, given);
        if let Some(offset) = given["offset"].as_i64() {
            state.pending.retain(|update| update["update_id"].as_i64() >= Some(offset));
        }
        state.poller += 1;
        state.poller
    };
    shared.came.notify_waiters();
    let limit = usize::try_from(given["limit"].as_u64().unwrap_or(100)).unwrap_or(100);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(given["timeout"].as_u64().unwrap_or_default());
    loop {
        let came = shared.came.notified();
        tokio::pin!(came);
        came.as_mut().enable();
        {
            let mut state = lock(shared);
            if state.revoked {
                return refuse(401, "Unauthorized");
            }
            if state.poller != turn {
                state.conflicts += 1;
                let words =
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
                return refuse(409, words);
            }
            if state.webhook.is_some() {
                let words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
                return refuse(409, words);
            }
            if !state.pending.is_empty() {
                return ok(state.pending.iter().take(limit).cloned().collect());
            }
        }
        if tokio::time::timeout_at(deadline, came).await.is_err() {
            return ok(json!([]));
        }
    }
}

async fn send(shared: &Shared, method: &str, given: Value) -> Response {
    let trouble = lock(shared).troubles.pop_front();
    match trouble {
        Some(Trouble::RateLimit(seconds)) => {
            let words = format!("Too Many Requests: retry after {seconds}");
            return refuse_with(429, &words, json!({ "retry_after": seconds }));
        }
        Some(Trouble::Unavailable) => return refuse(503, "Service Unavailable"),
        Some(Trouble::Blocked) => return refuse(403, "Forbidden: bot was blocked by the user"),
        Some(Trouble::Moved(to)) => {
            let words = "Bad Request: group chat was upgraded to a supergroup chat";
            return refuse_with(400, words, json!({ "migrate_to_chat_id": to }));
        }
        Some(Trouble::SilenceAfterTaking) | None => {}
    }
    let Some(chat) = given["chat_id"].as_i64() else { return bad("chat_id is empty") };
    match given["text"].as_str().map(|text| text.encode_utf16().count()) {
        Some(0) => return bad("message text is empty"),
        Some(units) if units > MOST_TEXT => return bad("message is too long"),
        None if method == "sendMessage" => return bad("message text is empty"),
        _ => {}
    }
    let several = given["media"].as_array().map_or(1, Vec::len);
    let mut messages = Vec::new();
    {
        let mut state = lock(shared);
        for _ in 0..several {
            let id = state.message();
            messages.push(json!({ "message_id": id, "date": 1, "chat": { "id": chat, "type": "private" } }));
            state.deliveries.push(Delivery { method: method.to_owned(), id, parameters: given.clone() });
        }
    }
    if trouble == Some(Trouble::SilenceAfterTaking) {
        pending::<()>().await;
    }
    ok(if method == "sendMediaGroup" { json!(messages) } else { messages.remove(0) })
}

async fn bytes(Given(shared): Given<Arc<super::Inside>>, Path((bot, path)): Path<(String, String)>) -> Response {
    if let Some(refused) = authorized(&shared, &bot) {
        return refused;
    }
    let found = path.strip_prefix("files/").and_then(|id| lock(&shared).files.get(id).cloned());
    match found {
        Some(bytes) => ([(header::CONTENT_TYPE, "image/png")], bytes).into_response(),
        None => refuse(404, "Not Found"),
    }
}
