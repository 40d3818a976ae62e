//! The app's and the account's side of the API: tokens, webhooks, subscriptions, people.

use axum::extract::{DefaultBodyLimit, Path, Request, State as Given};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::auth::{check, header_of};
use super::{BEARER, CONSUMER_KEY, CONSUMER_SECRET, OWN, Shared, Subscription, Webhook, lock, webhooks};
use super::{files, messages, oauth2};

/// Larger bodies are refused; a segment of an upload has 5 MB at most.
pub(super) const MOST_BYTES: usize = 6 << 20;

pub(super) fn router(shared: Shared) -> Router {
    let authorized = from_fn_with_state(shared.clone(), authorize);
    Router::new()
        .route("/oauth2/token", post(app_token))
        .route("/2/users/me", get(me))
        .route("/2/users/{id}", get(user))
        .route("/2/webhooks", get(list_webhooks).post(register))
        .route("/2/webhooks/{id}", put(validate).delete(remove))
        .route("/2/activity/subscriptions", get(subscriptions).post(subscribe))
        .route("/2/activity/subscriptions/{id}", put(redirect).delete(unsubscribe))
        .route("/2/account_activity/webhooks/{id}/subscriptions/all", post(subscribe_account))
        .route("/2/account_activity/webhooks/{id}/subscriptions/{user}/all", delete(unsubscribe_account))
        .merge(messages::routes())
        .merge(files::routes())
        .merge(oauth2::routes())
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, json!({ "title": "Not Found", "status": 404 })) })
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(authorized)
        .with_state(shared)
}

async fn authorize(Given(shared): Given<Shared>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match check(&shared, &parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => *refusal,
    }
}

pub(super) fn too_large() -> Response {
    refuse(StatusCode::PAYLOAD_TOO_LARGE, json!({ "title": "Payload Too Large", "status": 413 }))
}

pub(super) fn refuse(status: StatusCode, problem: Value) -> Response {
    (status, Json(problem)).into_response()
}

/// A problem that has a name of its own.
fn named(name: &str, words: &str) -> Response {
    let problem = json!({ "title": name, "detail": words, "type": "about:blank", "status": 400 });
    refuse(StatusCode::BAD_REQUEST, problem)
}

async fn app_token(headers: HeaderMap, body: String) -> Response {
    let pair = STANDARD.encode(format!("{CONSUMER_KEY}:{CONSUMER_SECRET}"));
    if header_of(&headers, "authorization") != format!("Basic {pair}") || body != "grant_type=client_credentials" {
        let error =
            json!({ "code": 99, "message": "Unable to verify your credentials", "label": "authenticity_token_error" });
        return refuse(StatusCode::FORBIDDEN, json!({ "errors": [error] }));
    }
    Json(json!({ "token_type": "bearer", "access_token": BEARER })).into_response()
}

/// An account as the API tells of it.
pub(super) fn profile(id: &str) -> Value {
    let (name, username) = if id == OWN { ("Example Shop", "exampleshop") } else { ("Sari", "sari") };
    let picture = format!("https://pbs.twimg.com/profile_images/{id}/a_normal.jpg");
    json!({ "id": id, "name": name, "username": username, "profile_image_url": picture })
}

async fn me() -> Response {
    ([("x-access-level", "read-write-directmessages")], Json(json!({ "data": profile(OWN) }))).into_response()
}

async fn user(Path(id): Path<String>) -> Json<Value> {
    Json(json!({ "data": profile(&id) }))
}

fn shown(webhook: &Webhook) -> Value {
    json!({ "id": webhook.id, "url": webhook.url, "valid": webhook.valid, "created_at": "2026-08-22T00:00:00.000Z" })
}

async fn list_webhooks(Given(shared): Given<Shared>) -> Json<Value> {
    let listed: Vec<Value> = lock(&shared).webhooks.iter().map(shown).collect();
    Json(json!({ "data": listed, "meta": { "result_count": listed.len() } }))
}

/// Takes an address that proves the consumer secret.
async fn register(Given(shared): Given<Shared>, Json(body): Json<Value>) -> Response {
    let url = body["url"].as_str().unwrap_or_default().to_owned();
    let authority = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    if authority.is_none_or(|authority| authority.is_empty() || authority.contains(':')) {
        return named("UrlValidationFailed", "The url must be https and name no port.");
    }
    {
        let state = lock(&shared);
        if state.webhooks.iter().any(|webhook| webhook.url == url) {
            return named("DuplicateUrlFailed", "The url is registered already.");
        }
        if state.webhooks.len() >= state.most_webhooks {
            return named("WebhookLimitExceeded", "You have reached the limit of webhooks.");
        }
    }
    if !webhooks::proves(&shared, &url).await {
        return named("CrcValidationFailed", "The url did not answer the challenge.");
    }
    let mut state = lock(&shared);
    let webhook = Webhook { id: state.snowflake(), url, valid: true };
    state.webhooks.push(webhook.clone());
    Json(json!({ "data": shown(&webhook) })).into_response()
}

async fn validate(Given(shared): Given<Shared>, Path(id): Path<String>) -> Response {
    let url = lock(&shared).webhooks.iter().find(|webhook| webhook.id == id).map(|webhook| webhook.url.clone());
    let Some(url) = url else { return named("WebhookIdInvalid", "There is no such webhook.") };
    if !webhooks::proves(&shared, &url).await {
        return named("CrcValidationFailed", "The url did not answer the challenge.");
    }
    lock(&shared).webhooks.iter_mut().filter(|webhook| webhook.id == id).for_each(|webhook| webhook.valid = true);
    Json(json!({ "data": { "valid": true } })).into_response()
}

async fn remove(Given(shared): Given<Shared>, Path(id): Path<String>) -> Response {
    let mut state = lock(&shared);
    let before = state.webhooks.len();
    state.webhooks.retain(|webhook| webhook.id != id);
    if state.webhooks.len() == before {
        return named("WebhookIdInvalid", "There is no such webhook.");
    }
    state.by_account.remove(&id);
    state.subscriptions.retain(|one| one.webhook != id);
    Json(json!({ "data": { "deleted": true } })).into_response()
}

fn told(one: &Subscription) -> Value {
    json!({ "subscription_id": one.id, "event_type": one.event, "filter": { "user_id": one.user }, "webhook_id": one.webhook })
}

async fn subscriptions(Given(shared): Given<Shared>) -> Json<Value> {
    let listed: Vec<Value> = lock(&shared).subscriptions.iter().map(told).collect();
    Json(json!({ "data": listed, "meta": { "total_subscriptions": listed.len() } }))
}

async fn subscribe(Given(shared): Given<Shared>, Json(body): Json<Value>) -> Response {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (event, user) = (word(&body["event_type"]), word(&body["filter"]["user_id"]));
    let mut state = lock(&shared);
    if !state.activity {
        let kind = "https://api.x.com/2/problems/client-forbidden";
        return refuse(StatusCode::FORBIDDEN, json!({ "title": "Client Forbidden", "type": kind, "status": 403 }));
    }
    if user != OWN || !state.webhooks.iter().any(|webhook| body["webhook_id"] == webhook.id.as_str()) {
        return named("Invalid Request", "The filter or the webhook is not yours.");
    }
    if state.subscriptions.iter().any(|one| (&one.event, &one.user) == (&event, &user)) {
        return named("DuplicateSubscriptionFailed", "The subscription exists.");
    }
    let one = Subscription { id: state.snowflake(), event, user, webhook: word(&body["webhook_id"]) };
    state.subscriptions.push(one.clone());
    Json(json!({ "data": { "subscription": told(&one) } })).into_response()
}

async fn redirect(Given(shared): Given<Shared>, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    let mut state = lock(&shared);
    match state.subscriptions.iter_mut().find(|one| one.id == id) {
        Some(one) => {
            one.webhook = body["webhook_id"].as_str().unwrap_or_default().to_owned();
            Json(json!({ "data": { "subscription": told(one) } })).into_response()
        }
        None => named("SubscriptionNotFound", "There is no such subscription."),
    }
}

async fn unsubscribe(Given(shared): Given<Shared>, Path(id): Path<String>) -> Response {
    let mut state = lock(&shared);
    let before = state.subscriptions.len();
    state.subscriptions.retain(|one| one.id != id);
    match before == state.subscriptions.len() {
        true => named("SubscriptionNotFound", "There is no such subscription."),
        false => Json(json!({ "data": { "deleted": true } })).into_response(),
    }
}

async fn subscribe_account(Given(shared): Given<Shared>, Path(id): Path<String>) -> Response {
    let mut state = lock(&shared);
    if !state.webhooks.iter().any(|webhook| webhook.id == id) {
        return named("WebhookIdInvalid", "There is no such webhook.");
    }
    match state.by_account.insert(id) {
        true => Json(json!({ "data": { "subscribed": true } })).into_response(),
        false => named("DuplicateSubscriptionFailed", "The subscription exists."),
    }
}

async fn unsubscribe_account(Given(shared): Given<Shared>, Path((id, user)): Path<(String, String)>) -> Response {
    match user == OWN && lock(&shared).by_account.remove(&id) {
        true => Json(json!({ "data": { "subscribed": false } })).into_response(),
        false => named("SubscriptionNotFound", "There is no such subscription."),
    }
}
