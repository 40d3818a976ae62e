//! Endpoints: addresses that are sent what happens, signed after Standard Webhooks.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use sambung_runtime::SecretValue;
use sambung_runtime::manifest::settings::is_unprintable;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::Keyed;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::clock::random;
use crate::db;
use crate::feed::Secret;
use crate::model::time::HOUR;

/// Types that an endpoint may ask for.
const TYPES: [&str; 6] = [
    "message.created",
    "message.updated",
    "conversation.updated",
    "channel.updated",
    "plugin.updated",
    "template.updated",
];

/// `/endpoints`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
        .routes(routes!(deliveries))
        .routes(routes!(replay))
        .routes(routes!(rotate))
}

/// An endpoint.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct Endpoint {
    /// `ep_…`
    id: String,
    url: String,
    /// Feed types it wants; empty: all.
    types: Vec<String>,
    enabled: bool,
    /// Why it was disabled, if not by an admin.
    disabled_reason: Option<String>,
    /// Since when nothing was delivered.
    failing_since: Option<String>,
    /// Until when deliveries are signed with the secret before besides.
    previous_secret_until: Option<String>,
    created_at: String,
    /// `whsec_…`: in the answer to making and rotating, and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// An endpoint to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEndpoint {
    /// https
    #[serde(default)]
    url: String,
    /// Feed types it wants; empty: all.
    #[serde(default)]
    types: Vec<String>,
}

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointChange {
    url: Option<String>,
    types: Option<Vec<String>>,
    enabled: Option<bool>,
}

/// Which deliveries are sent again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    /// One of this id, whatever became of it; when absent every one that failed.
    #[serde(default)]
    delivery: Option<String>,
}

/// The workspace's endpoints.
#[utoipa::path(get, path = "/endpoints", tag = "feed", params(PageQuery), responses((status = 200, body = Page<Endpoint>)))]
async fn list(Axum(state): Axum<State>, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<Page<Value>>> {
    caller.at_least(Role::Admin)?;
    let rows = state.db.endpoints(&caller.workspace, page.after()?, page.limit() as u32 + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |row| row.id.clone()).map(|row| row.to_json())))
}

/// Make an endpoint. It is sent what happens from now on; its secret is in this answer.
#[utoipa::path(post, path = "/endpoints", tag = "feed", request_body = NewEndpoint, responses(
    (status = 201, body = Endpoint), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(body): Body<NewEndpoint>,
) -> Answer<(StatusCode, Json<Value>)> {
    caller.at_least(Role::Admin)?;
    let mut faults = Vec::new();
    faults.extend(url_fault(&body.url));
    faults.extend(type_faults(&body.types));
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let now = state.clock.now();
    let endpoint = db::Endpoint {
        id: state.clock.id("ep"),
        workspace: caller.workspace.clone(),
        url: body.url,
        types: body.types,
        enabled: true,
        disabled_reason: None,
        previous_until: None,
        failing_since: None,
        created_at: now,
    };
    let secret = Secret::new(random::<32>().to_vec());
    let entry = caller.entry(now, "endpoint.create", &endpoint.id, json!({"url": endpoint.url}));
    let stored = SecretValue::new(secret.expose().to_vec());
    let made = with_secret(&endpoint, &secret);
    let kept = keyed.answer(StatusCode::CREATED, &made);
    let most = state.config.feed.endpoints_per_workspace;
    if !state.db.add_endpoint(endpoint, stored, most, entry, kept).await? {
        let words =
            format!("a workspace has at most {most} endpoints (`feed.endpoints_per_workspace`); remove one first");
        return Err(Problem::conflict("too-many-endpoints", words));
    }
    Ok((StatusCode::CREATED, Json(made)))
}

/// One endpoint.
#[utoipa::path(get, path = "/endpoints/{id}", tag = "feed", params(("id" = String, Path)), responses(
    (status = 200, body = Endpoint), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Value>> {
    caller.at_least(Role::Admin)?;
    let found = state.db.endpoint(&caller.workspace, &id).await?;
    found.map(|row| Json(row.to_json())).ok_or_else(Problem::not_found)
}

/// Change an endpoint. Enabled again, it is sent what happens from then on.
#[utoipa::path(patch, path = "/endpoints/{id}", tag = "feed", params(("id" = String, Path)), request_body = EndpointChange,
    responses((status = 200, body = Endpoint), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<EndpointChange>,
) -> Answer<Json<Value>> {
    caller.at_least(Role::Admin)?;
    let mut faults = Vec::new();
    faults.extend(body.url.as_deref().and_then(url_fault));
    faults.extend(body.types.iter().flat_map(|types| type_faults(types)));
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let detail = json!({"url": body.url, "types": body.types, "enabled": body.enabled});
    let entry = caller.entry(state.clock.now(), "endpoint.change", &id, detail);
    let change = db::EndpointChange { url: body.url, types: body.types, enabled: body.enabled, rotate: None };
    let changed = state.db.change_endpoint(&caller.workspace, &id, change, entry, None).await?;
    changed.map(|row| Json(row.to_json())).ok_or_else(Problem::not_found)
}

/// Remove an endpoint with its deliveries.
#[utoipa::path(delete, path = "/endpoints/{id}", tag = "feed", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn remove(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.at_least(Role::Admin)?;
    let entry = caller.entry(state.clock.now(), "endpoint.remove", &id, Value::Null);
    if state.db.remove_endpoint(&caller.workspace, &id, entry).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}

/// The deliveries of an endpoint, newest first: `{id, event_id, type, state, tries, due_at, status, error, …}`.
#[utoipa::path(get, path = "/endpoints/{id}/deliveries", tag = "feed", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = Page<Value>), (status = 404, body = Problem)))]
async fn deliveries(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Value>>> {
    caller.at_least(Role::Admin)?;
    state.db.endpoint(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let number: Option<i64> = page.after()?;
    let before = number.map(|number| state.db.feed_row(&caller.workspace, number).unwrap_or_default());
    let rows = state.db.deliveries(&caller.workspace, &id, before, page.limit() as u32 + 1).await?;
    let place = |(feed_id, _): &(i64, Value)| state.db.feed_number(&caller.workspace, *feed_id);
    Ok(Json(Page::new(rows, page.limit(), place).map(|(_, row)| row)))
}

/// How many deliveries are sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queued {
    queued: usize,
}

/// Send deliveries again, under the ids that they had.
#[utoipa::path(post, path = "/endpoints/{id}/replay", tag = "feed", params(("id" = String, Path)), request_body = Replay,
    responses((status = 202, body = Queued), (status = 404, body = Problem)))]
async fn replay(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Replay>,
) -> Answer<(StatusCode, Json<Queued>)> {
    caller.at_least(Role::Admin)?;
    let now = state.clock.now();
    let entry = caller.entry(now, "endpoint.replay", &id, json!({"delivery": body.delivery}));
    let count = state.db.replay_deliveries(&caller.workspace, &id, body.delivery, now, entry).await?;
    let count = count.ok_or_else(Problem::not_found)?;
    Ok((StatusCode::ACCEPTED, Json(Queued { queued: count })))
}

/// Make a new secret. For a while deliveries carry two signatures, so that the receiver can change over without a gap.
#[utoipa::path(post, path = "/endpoints/{id}/rotate", tag = "feed", params(("id" = String, Path)), responses(
    (status = 200, body = Endpoint), (status = 404, body = Problem)))]
async fn rotate(Axum(state): Axum<State>, caller: Caller, keyed: Keyed, Path(id): Path<String>) -> Answer<Json<Value>> {
    caller.at_least(Role::Admin)?;
    let now = state.clock.now();
    let until = now + i64::from(state.config.feed.rotation_hours) * HOUR;
    let secret = Secret::new(random::<32>().to_vec());
    let entry = caller.entry(now, "endpoint.rotate", &id, Value::Null);
    let rotate = Some((SecretValue::new(secret.expose().to_vec()), until));
    let change = db::EndpointChange { rotate, ..db::EndpointChange::default() };
    let answer = keyed.0.map(|ticket| {
        let secret = secret.clone();
        Box::new(move |row: &db::Endpoint| Keyed(Some(ticket)).answer(StatusCode::OK, &with_secret(row, &secret)))
            as db::EndpointAnswer
    });
    let changed = state.db.change_endpoint(&caller.workspace, &id, change, entry, answer).await?;
    changed.map(|row| Json(with_secret(&row, &secret))).ok_or_else(Problem::not_found)
}

fn with_secret(endpoint: &db::Endpoint, secret: &Secret) -> Value {
    let mut shown = endpoint.to_json();
    shown["secret"] = json!(secret.text());
    shown
}

/// Only https, and nothing in the address that would be a secret in the log.
fn url_fault(text: &str) -> Option<FieldError> {
    if text.is_empty() {
        return Some(FieldError::required("#/url"));
    }
    let fault = |words: &str| Some(FieldError::new("#/url", "url", words));
    if text.contains(is_unprintable) || text.trim() != text {
        return fault("must be one line without blanks around it");
    }
    match Url::parse(text) {
        Err(_) => fault("must be a URL"),
        Ok(url) if url.scheme() != "https" => fault("must begin with https://"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            fault("must not carry a name or password; deliveries are signed")
        }
        Ok(_) => None,
    }
}

fn type_faults(types: &[String]) -> Vec<FieldError> {
    let unknown = types.iter().enumerate().filter(|(_, kind)| !TYPES.contains(&kind.as_str()));
    let words = format!("must be one of {}", TYPES.join(", "));
    unknown.map(|(index, _)| FieldError::new(format!("#/types/{index}"), "unknown", words.clone())).collect()
}
