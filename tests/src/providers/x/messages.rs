//! Direct messages: sending, by both versions of the API, and looking up.

use std::collections::HashMap;
use std::future::pending;

use axum::extract::{Path, Query, State as Given};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use sambung::model::time::rfc3339;
use serde_json::{Value, json};

use super::routes::{profile, refuse};
use super::{Direct, OWN, Shared, State, Trouble, lock};
use crate::api::now_ms;

/// Characters of a text.
const MOST_TEXT: usize = 10_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/2/dm_conversations/with/{person}/messages", post(send))
        .route("/2/dm_conversations/with/{person}/dm_events", get(conversation))
        .route("/2/dm_events", get(all))
        .route("/1.1/direct_messages/events/new.json", post(send_by_the_older))
}

fn coded(status: StatusCode, code: u32, words: &str) -> Response {
    refuse(status, json!({ "errors": [{ "code": code, "message": words }] }))
}

/// What becomes of a send whose turn it is to go wrong: an answer, or whether it is taken without one.
fn refused(trouble: Option<Trouble>) -> Option<Response> {
    match trouble? {
        Trouble::RateLimit(seconds) => {
            let reset = (now_ms() / 1000 + seconds).to_string();
            let problem = json!({ "title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429 });
            let headers = [
                ("x-rate-limit-limit", "15".to_owned()),
                ("x-rate-limit-remaining", "0".to_owned()),
                ("x-rate-limit-reset", reset),
            ];
            Some((StatusCode::TOO_MANY_REQUESTS, headers, Json(problem)).into_response())
        }
        Trouble::Unavailable => {
            Some(refuse(StatusCode::SERVICE_UNAVAILABLE, json!({ "title": "Service Unavailable", "status": 503 })))
        }
        Trouble::Unauthorized => Some(coded(StatusCode::UNAUTHORIZED, 89, "Invalid or expired token.")),
        Trouble::NotTaken => Some(coded(StatusCode::FORBIDDEN, 349, "You cannot send messages to this user.")),
        Trouble::ErrorAfterTaking | Trouble::SilenceAfterTaking => None,
    }
}

fn failed() -> Response {
    let kind = "https://api.x.com/2/problems/internal-error";
    refuse(StatusCode::INTERNAL_SERVER_ERROR, json!({ "title": "Internal Error", "type": kind, "status": 500 }))
}

/// Takes a message; what goes wrong afterwards is told last.
async fn take(shared: &Shared, person: String, text: String, sent: Value) -> Result<String, Response> {
    let trouble = lock(shared).troubles.pop_front();
    if let Some(refusal) = refused(trouble) {
        return Err(refusal);
    }
    if text.chars().count() > MOST_TEXT {
        return Err(coded(
            StatusCode::FORBIDDEN,
            354,
            "The text of your direct message is over the max character limit.",
        ));
    }
    let id = lock(shared).add(OWN, &person, &text, Some(sent), None).id;
    match trouble {
        Some(Trouble::SilenceAfterTaking) => pending().await,
        Some(Trouble::ErrorAfterTaking) => Err(failed()),
        _ => Ok(id),
    }
}

async fn send(Given(shared): Given<Shared>, Path(person): Path<String>, Json(body): Json<Value>) -> Response {
    let text = body["text"].as_str().unwrap_or_default().to_owned();
    let files = body["attachments"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = |file: &Value| {
        let id = file["media_id"].as_str().unwrap_or_default();
        lock(&shared).uploads.get(id).is_some_and(super::files::Upload::is_ready)
    };
    if (text.is_empty() && files.is_empty()) || files.len() > 1 || !files.iter().all(ready) {
        let kind = "https://api.x.com/2/problems/invalid-request";
        let problem = json!({ "title": "Invalid Request", "detail": "text or one ready attachment is required", "type": kind, "status": 400 });
        return refuse(StatusCode::BAD_REQUEST, problem);
    }
    match take(&shared, person.clone(), text, body).await {
        Ok(id) => {
            let data = json!({ "dm_conversation_id": name(&person), "dm_event_id": id });
            (StatusCode::CREATED, Json(json!({ "data": data }))).into_response()
        }
        Err(refusal) => refusal,
    }
}

async fn send_by_the_older(Given(shared): Given<Shared>, Json(body): Json<Value>) -> Response {
    let message = &body["event"]["message_create"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (person, text) = (word(&message["target"]["recipient_id"]), word(&message["message_data"]["text"]));
    match take(&shared, person, text, message["message_data"].clone()).await {
        Ok(id) => Json(json!({ "event": { "type": "message_create", "id": id } })).into_response(),
        Err(refusal) => refusal,
    }
}

/// The name of the conversation with a person: both numbers, the smaller first.
fn name(person: &str) -> String {
    let mut both = [OWN, person];
    both.sort_by_key(|id| (id.len(), id.to_owned()));
    both.join("-")
}

type Parameters = Query<HashMap<String, String>>;

async fn all(Given(shared): Given<Shared>, Query(asked): Parameters) -> Response {
    let state = lock(&shared);
    page(state.messages.iter(), &asked)
}

async fn conversation(Given(shared): Given<Shared>, Path(person): Path<String>, Query(asked): Parameters) -> Response {
    let state = lock(&shared);
    page(state.messages.iter().filter(|message| message.sender == person || message.recipient == person), &asked)
}

/// The newest first; a token names the oldest that was told.
fn page<'m>(messages: impl DoubleEndedIterator<Item = &'m Direct>, asked: &HashMap<String, String>) -> Response {
    let size = asked.get("max_results").and_then(|size| size.parse().ok()).unwrap_or(100);
    let before = asked.get("pagination_token").map(|token| token.trim_start_matches("page-of-messages-").to_owned());
    let mut rest =
        messages.rev().filter(|message| before.as_ref().is_none_or(|before| message.id < *before)).peekable();
    let told: Vec<&Direct> = rest.by_ref().take(size).collect();
    let next = told.last().filter(|_| rest.peek().is_some()).map(|last| format!("page-of-messages-{}", last.id));
    let people: std::collections::BTreeSet<&str> = told.iter().map(|message| message.sender.as_str()).collect();
    let people: Vec<Value> = people.into_iter().map(profile).collect();
    let mut meta = json!({ "result_count": told.len() });
    if let Some(next) = next {
        meta["next_token"] = json!(next);
    }
    let events: Vec<Value> = told.iter().map(|message| event(message)).collect();
    Json(json!({ "data": events, "includes": { "users": people }, "meta": meta })).into_response()
}

fn event(message: &Direct) -> Value {
    let other = if message.sender == OWN { &message.recipient } else { &message.sender };
    json!({
        "id": message.id, "event_type": "MessageCreate", "text": escaped(&message.text), "sender_id": message.sender,
        "dm_conversation_id": name(other), "created_at": rfc3339(message.time_ms as i64),
    })
}

/// X writes three characters as HTML does.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl State {
    /// Adds a message to everybody's.
    pub(super) fn add(
        &mut self,
        sender: &str,
        recipient: &str,
        text: &str,
        sent: Option<Value>,
        file: Option<String>,
    ) -> Direct {
        let message = Direct {
            id: self.snowflake(),
            sender: sender.to_owned(),
            recipient: recipient.to_owned(),
            text: text.to_owned(),
            // No two at the same moment, so that their order is known.
            time_ms: self.messages.last().map_or(0, |last| last.time_ms + 1).max(now_ms()),
            sent,
            file,
        };
        self.messages.push(message.clone());
        message
    }
}
