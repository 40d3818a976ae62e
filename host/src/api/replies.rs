//! Saved replies of a workspace.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::Keyed;
use super::path::Path;
use super::problem::{Answer, Body, Problem};
use super::query::Query;
use super::state::State;
use crate::model::shown::reply::SavedReply;
use crate::web::replies::{self, Held, ReplyChange};

/// `/replies`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, change, remove))
}

/// Which replies are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RepliesQuery {
    /// Only those whose name contains this text, whatever the case of its letters.
    q: Option<String>,
}

/// The workspace's saved replies.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Replies {
    /// By name.
    items: Vec<SavedReply>,
}

/// A reply to be saved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Opening hours", "text": "Hello {{contact.name}}, we are open until 21.00."}))]
pub(super) struct NewReply {
    /// What it is found by; at most 200 characters.
    #[serde(default)]
    name: String,
    /// At most 4,000 characters, with the variables `{{contact.name}}`, `{{agent.name}}` and `{{channel.name}}`.
    #[serde(default)]
    text: String,
}

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "We are open until 22.00."}))]
pub(super) struct ChangedReply {
    /// What it is found by.
    name: Option<String>,
    /// The text with its variables.
    text: Option<String>,
}

/// The workspace's saved replies by name, at most 200, which is as many as it can have.
#[utoipa::path(get, path = "/replies", tag = "inbox", params(RepliesQuery), responses((status = 200, body = Replies)))]
async fn list(Axum(state): Axum<State>, caller: Caller, Query(query): Query<RepliesQuery>) -> Answer<Json<Replies>> {
    Ok(Json(Replies { items: replies::list(&state, &caller, query.q.as_deref()).await? }))
}

/// Save a reply.
#[utoipa::path(post, path = "/replies", tag = "inbox", request_body = NewReply, responses(
    (status = 201, body = SavedReply), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(NewReply { name, text }): Body<NewReply>,
) -> Answer<(StatusCode, Json<SavedReply>)> {
    let made =
        replies::add(&state, &caller, Held { name, text }, |reply| keyed.answer(StatusCode::CREATED, reply)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One saved reply.
#[utoipa::path(get, path = "/replies/{id}", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 200, body = SavedReply), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<SavedReply>> {
    Ok(Json(replies::one(&state, &caller, &id).await?))
}

/// Change a saved reply.
#[utoipa::path(patch, path = "/replies/{id}", tag = "inbox", params(("id" = String, Path)), request_body = ChangedReply,
    responses((status = 200, body = SavedReply), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(ChangedReply { name, text }): Body<ChangedReply>,
) -> Answer<Json<SavedReply>> {
    Ok(Json(replies::change(&state, &caller, &id, ReplyChange { name, text }).await?))
}

/// Remove a saved reply.
#[utoipa::path(delete, path = "/replies/{id}", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn remove(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    replies::remove(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
