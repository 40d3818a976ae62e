//! The operations of the Graph API.

use std::future::pending;

use axum::extract::{Path, Query, Request, State as Given};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{ACCOUNT, APP_ID, APP_SECRET, Delivery, NUMBERS, Shared, TOKEN, Trouble, lock, templates, webhooks};
use crate::providers::http_client;

/// Code points of a text.
const MOST_TEXT: usize = 4096;
/// Larger bodies are refused.
pub(super) const MOST_BYTES: usize = 100 << 20;

pub(super) type Parameters = Query<std::collections::HashMap<String, String>>;

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/{version}/{id}", get(read).post(templates::bytes))
        .route("/{version}/{id}/uploads", post(templates::session))
        .route("/{version}/{id}/phone_numbers", get(phone_numbers))
        .route("/{version}/{id}/subscribed_apps", post(subscribe_account).delete(unsubscribe_account))
        .route("/{version}/{id}/messages", post(messages))
        .route("/{version}/{id}/media", post(upload))
        .route(
            "/{version}/{id}/message_templates",
            get(templates::list).post(templates::create).delete(templates::delete),
        )
        .route("/{version}/{id}/subscriptions", get(subscriptions).post(subscribe).delete(unsubscribe))
        .route("/files/{version}/{id}", get(bytes))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, 100, "Unsupported request") })
        .layer(from_fn_with_state(shared.clone(), authorize))
        .with_state(shared)
}

/// Lets only those with the token through; what is an app's own, with the app's.
async fn authorize(Given(shared): Given<Shared>, request: Request, next: Next) -> Response {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let apps_own = format!("access_token={APP_ID}%7C{APP_SECRET}");
    let query = request.uri().query().unwrap_or_default();
    let may = if request.uri().path().ends_with("/subscriptions") {
        query.split('&').any(|pair| pair == apps_own)
    } else if request.uri().path().contains("/upload:") {
        bearer == Some(&format!("OAuth {TOKEN}"))
    } else {
        bearer == Some(&format!("Bearer {TOKEN}")) && !lock(&shared).revoked
    };
    if !may {
        return refuse(StatusCode::UNAUTHORIZED, 190, "Invalid OAuth access token - Cannot parse access token");
    }
    next.run(request).await
}

pub(super) fn too_large() -> Response {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, 100, "The request body is too large")
}

pub(super) fn refuse(status: StatusCode, code: u64, words: &str) -> Response {
    let error = json!({ "message": words, "type": "OAuthException", "code": code, "fbtrace_id": "A_simulated" });
    (status, Json(json!({ "error": error }))).into_response()
}

pub(super) fn unknown_object() -> Response {
    refuse(StatusCode::BAD_REQUEST, 100, "Unsupported get request. Object with this ID does not exist")
}

/// A number, or where a file is.
async fn read(Given(shared): Given<Shared>, Path((version, id)): Path<(String, String)>) -> Response {
    if let Some((_, digits)) = NUMBERS.iter().find(|(number, _)| *number == id) {
        let number = json!({ "id": id, "display_phone_number": format!("+{digits}"), "verified_name": "Example Shop" });
        return Json(number).into_response();
    }
    let state = lock(&shared);
    let Some((bytes, mime)) = state.files.get(&id) else { return unknown_object() };
    let url = format!("https://lookaside.fbsbx.com/files/{version}/{id}");
    let file = json!({
        "messaging_product": "whatsapp",
        "id": id,
        "url": url,
        "mime_type": mime,
        "file_size": bytes.len().to_string(),
    });
    Json(file).into_response()
}

async fn bytes(Given(shared): Given<Shared>, Path((_, id)): Path<(String, String)>) -> Response {
    match lock(&shared).files.get(&id) {
        Some((bytes, mime)) => ([(header::CONTENT_TYPE, mime.clone())], bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn phone_numbers(Path((_, id)): Path<(String, String)>) -> Response {
    if id != ACCOUNT {
        return unknown_object();
    }
    let numbers = NUMBERS.map(|(id, digits)| json!({ "id": id, "display_phone_number": format!("+{digits}") }));
    Json(json!({ "data": numbers })).into_response()
}

async fn subscribe_account(Given(shared): Given<Shared>, Path((_, id)): Path<(String, String)>) -> Response {
    if id != ACCOUNT {
        return unknown_object();
    }
    lock(&shared).subscribed = true;
    Json(json!({ "success": true })).into_response()
}

async fn unsubscribe_account(Given(shared): Given<Shared>, Path((_, id)): Path<(String, String)>) -> Response {
    if id != ACCOUNT {
        return unknown_object();
    }
    lock(&shared).subscribed = false;
    Json(json!({ "success": true })).into_response()
}

async fn messages(
    Given(shared): Given<Shared>,
    Path((_, number)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    if body["messaging_product"] != "whatsapp" {
        return refuse(StatusCode::BAD_REQUEST, 100, "(#100) The parameter messaging_product is required.");
    }
    if body["status"] == "read" {
        return Json(json!({ "success": true })).into_response();
    }
    let trouble = lock(&shared).troubles.pop_front();
    match trouble {
        Some(Trouble::RateLimit) => {
            return refuse(StatusCode::TOO_MANY_REQUESTS, 130_429, "(#130429) Rate limit hit");
        }
        Some(Trouble::ServerError) => {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, 131_000, "(#131000) Something went wrong");
        }
        Some(Trouble::WindowClosed) => {
            return refuse(StatusCode::BAD_REQUEST, 131_047, "(#131047) Re-engagement message");
        }
        Some(Trouble::Unreachable) => {
            return refuse(StatusCode::BAD_REQUEST, 131_026, "(#131026) Message undeliverable");
        }
        Some(Trouble::SilenceAfterTaking) | None => {}
    }
    if body["text"]["body"].as_str().is_some_and(|text| text.chars().count() > MOST_TEXT) {
        return refuse(StatusCode::BAD_REQUEST, 100, "(#100) Param text['body'] must be at most 4096 characters long.");
    }
    if body["type"] == "template"
        && let Err(refusal) = lock(&shared).templates.send(&body["template"])
    {
        return *refusal;
    }
    let to = body["to"].as_str().or(body["recipient"].as_str()).unwrap_or_default().to_owned();
    let id = {
        let mut state = lock(&shared);
        let id = format!("wamid.SIM{:06}", state.number());
        state.deliveries.push(Delivery { number, id: id.clone(), body });
        id
    };
    if trouble == Some(Trouble::SilenceAfterTaking) {
        pending::<()>().await;
    }
    let reached = json!([{ "input": to, "wa_id": to.trim_start_matches('+') }]);
    Json(json!({ "messaging_product": "whatsapp", "contacts": reached, "messages": [{ "id": id }] })).into_response()
}

async fn upload(Given(shared): Given<Shared>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data; boundary=") || body.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, 100, "(#100) The parameter file is required.");
    }
    let id = (2_000_000_000 + lock(&shared).number()).to_string();
    Json(json!({ "id": id })).into_response()
}

async fn subscriptions(Given(shared): Given<Shared>) -> Json<Value> {
    let state = lock(&shared);
    let ours = state.subscription.iter().map(|(address, _)| {
        json!({ "object": "whatsapp_business_account", "callback_url": address, "active": true, "fields": [] })
    });
    Json(json!({ "data": ours.collect::<Vec<_>>() }))
}

/// Asks the address to say the challenge back, before it is the app's.
async fn subscribe(Given(shared): Given<Shared>, Json(body): Json<Value>) -> Response {
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (address, token) = (word("callback_url"), word("verify_token"));
    if !address.starts_with("https://") {
        return refuse(StatusCode::BAD_REQUEST, 2200, "(#2200) callback_url is not https");
    }
    let reached = webhooks::reached(&address, &lock(&shared).reached_at.clone());
    let challenge = "1158201444";
    let query = format!("hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}");
    let answer = http_client().get(format!("{reached}?{query}")).send().await;
    let said = match answer {
        Ok(answer) if answer.status().as_u16() == 200 => answer.text().await.unwrap_or_default(),
        _ => String::new(),
    };
    if said != challenge {
        return refuse(StatusCode::BAD_REQUEST, 2200, "(#2200) Callback verification failed");
    }
    lock(&shared).subscription = Some((address, token));
    Json(json!({ "success": true })).into_response()
}

async fn unsubscribe(Given(shared): Given<Shared>, Query(query): Parameters) -> Response {
    if query.get("object").map(String::as_str) != Some("whatsapp_business_account") {
        return refuse(StatusCode::BAD_REQUEST, 100, "(#100) Unknown object");
    }
    lock(&shared).subscription = None;
    Json(json!({ "success": true })).into_response()
}
