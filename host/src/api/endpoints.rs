//! Endpoints: addresses that are sent what happens, signed after Standard Webhooks.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::Keyed;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, Problem};
use super::query::Query;
use super::state::State;
use crate::model::shown::endpoint::{Delivery, Endpoint, MadeEndpoint};
use crate::web::endpoints;

/// `/endpoints`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
        .routes(routes!(deliveries))
        .routes(routes!(replay))
        .routes(routes!(rotate))
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
async fn list(Axum(state): Axum<State>, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<Page<Endpoint>>> {
    let rows = endpoints::list(&state, &caller, page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |endpoint| endpoint.id.clone())))
}

/// Make an endpoint. It is sent what happens from now on; its secret is in this answer.
#[utoipa::path(post, path = "/endpoints", tag = "feed", request_body = NewEndpoint, responses(
    (status = 201, body = MadeEndpoint), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(NewEndpoint { url, types }): Body<NewEndpoint>,
) -> Answer<(StatusCode, Json<MadeEndpoint>)> {
    let kept = |made: &MadeEndpoint| keyed.answer(StatusCode::CREATED, made);
    Ok((StatusCode::CREATED, Json(endpoints::make(&state, &caller, url, types, kept).await?)))
}

/// One endpoint.
#[utoipa::path(get, path = "/endpoints/{id}", tag = "feed", params(("id" = String, Path)), responses(
    (status = 200, body = Endpoint), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Endpoint>> {
    Ok(Json(endpoints::read(&state, &caller, &id).await?))
}

/// Change an endpoint. Enabled again, it is sent what happens from then on.
#[utoipa::path(patch, path = "/endpoints/{id}", tag = "feed", params(("id" = String, Path)), request_body = EndpointChange,
    responses((status = 200, body = Endpoint), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(EndpointChange { url, types, enabled }): Body<EndpointChange>,
) -> Answer<Json<Endpoint>> {
    let change = endpoints::EndpointChange { url, types, enabled };
    Ok(Json(endpoints::change(&state, &caller, &id, change).await?))
}

/// Remove an endpoint with its deliveries.
#[utoipa::path(delete, path = "/endpoints/{id}", tag = "feed", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn remove(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    endpoints::remove(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The deliveries of an endpoint, newest first.
#[utoipa::path(get, path = "/endpoints/{id}/deliveries", tag = "feed", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = Page<Delivery>), (status = 404, body = Problem)))]
async fn deliveries(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Delivery>>> {
    let rows = endpoints::deliveries(&state, &caller, &id, page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |delivery| delivery.event_id)))
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
    Body(Replay { delivery }): Body<Replay>,
) -> Answer<(StatusCode, Json<Queued>)> {
    let queued = endpoints::replay(&state, &caller, &id, delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { queued })))
}

/// Make a new secret. For a while deliveries carry two signatures, so that the receiver can change over without a gap.
#[utoipa::path(post, path = "/endpoints/{id}/rotate", tag = "feed", params(("id" = String, Path)), responses(
    (status = 200, body = MadeEndpoint), (status = 404, body = Problem)))]
async fn rotate(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Path(id): Path<String>,
) -> Answer<Json<MadeEndpoint>> {
    let kept = move |made: &MadeEndpoint| keyed.answer(StatusCode::OK, made);
    Ok(Json(endpoints::rotate(&state, &caller, &id, kept).await?))
}
