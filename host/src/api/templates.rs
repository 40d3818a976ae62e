//! Message templates of a channel: what the provider has, making and removing them, letting them be used, reading them again.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Cursor, Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::db::{KnownTemplate, TemplateFilter};
use crate::model::shown::template::{NewTemplate, Template};
use crate::model::time::rfc3339;
use crate::outbound::Made;
use crate::web::templates;

/// `/channels/{id}/templates`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(sync)).routes(routes!(read, remove, switch))
}

/// A page of templates.
#[derive(Serialize, ToSchema)]
pub(super) struct Templates {
    #[schema(value_type = Vec<Template>)]
    items: Vec<Value>,
    /// Asks for the next page; null on the last.
    #[schema(value_type = Option<String>)]
    next: Option<Cursor>,
    /// When the provider was asked last.
    sync: SyncState,
}

/// When templates were read from the provider.
#[derive(Serialize, ToSchema)]
pub(super) struct SyncState {
    /// When that last succeeded.
    synced_at: Option<String>,
    /// Why it failed since, if it did.
    error: Option<String>,
}

/// What reading again brought.
#[derive(Serialize, ToSchema)]
pub(super) struct Synced {
    /// How many there are.
    count: usize,
    synced_at: Option<String>,
    error: Option<String>,
}

/// Which templates.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Items on the page, at most 200; 50 when nothing is said.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `true`: those that may be sent, approved and not switched off.
    sendable: Option<bool>,
    /// Part of the name, in any case.
    q: Option<String>,
    /// The provider's word for the state, in any case: `approved`, `pending`, `rejected` and so on.
    status: Option<String>,
}

/// A channel's message templates as last read.
#[utoipa::path(get, path = "/channels/{id}/templates", tag = "templates", params(("id" = String, Path), Which), responses(
    (status = 200, body = Templates), (status = 404, body = Problem)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Answer<Json<Templates>> {
    let page = PageQuery { limit: which.limit, cursor: which.cursor };
    let filter = TemplateFilter {
        sendable: which.sendable == Some(true),
        search: which.q.unwrap_or_default(),
        status: which.status.unwrap_or_default(),
    };
    let after: Option<(String, String)> = page.after()?;
    let listed = templates::list(&state, &caller, &id, filter, after, page.limit() as u32 + 1).await?;
    let page = Page::new(listed.rows, page.limit(), |row| (row.name.clone(), row.language.clone()));
    let items = page.items.iter().map(KnownTemplate::shown).collect();
    let sync = SyncState { synced_at: listed.synced_at.map(rfc3339), error: listed.error };
    Ok(Json(Templates { items, next: page.next, sync }))
}

/// Have a template approved (`wit/schemas/new-template.json`): 201 with it, mostly `pending`. 200 where there is one already
/// that says the same; 409 `template-exists` where it says something else. What the provider refuses stands at its field.
#[utoipa::path(post, path = "/channels/{id}/templates", tag = "templates", params(("id" = String, Path)), request_body = NewTemplate, responses(
    (status = 201, body = Template), (status = 200, body = Template), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<Value>,
) -> Answer<Response> {
    let (status, known) = match templates::create(&state, &caller, &id, &wanted).await? {
        Made::New(known) => (StatusCode::CREATED, known),
        Made::There(known) => (StatusCode::OK, known),
    };
    let shown = known.shown();
    let place = format!("/v1/channels/{id}/templates/{}", shown["id"].as_str().unwrap_or_default());
    Ok((status, [(LOCATION, place)], Json(shown)).into_response())
}

/// One template.
#[utoipa::path(get, path = "/channels/{id}/templates/{template}", tag = "templates",
    params(("id" = String, Path), ("template" = String, Path, description = "`<name>:<language>`")), responses(
    (status = 200, body = Template), (status = 404, body = Problem)))]
async fn read(
    Axum(state): Axum<State>,
    caller: Caller,
    Path((id, template)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    Ok(Json(templates::read(&state, &caller, &id, &template).await?.shown()))
}

/// Remove a template at the provider, in this language alone. Done already is done.
#[utoipa::path(delete, path = "/channels/{id}/templates/{template}", tag = "templates",
    params(("id" = String, Path), ("template" = String, Path, description = "`<name>:<language>`")), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, body = Problem), (status = 502, body = Problem)))]
async fn remove(
    Axum(state): Axum<State>,
    caller: Caller,
    Path((id, template)): Path<(String, String)>,
) -> Answer<StatusCode> {
    templates::remove(&state, &caller, &id, &template).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a template may be used.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// `false`: it is not offered and cannot be sent. The provider is told nothing.
    enabled: Option<bool>,
}

/// Switch a template on or off. It stays so whatever the provider says of it.
#[utoipa::path(patch, path = "/channels/{id}/templates/{template}", tag = "templates",
    params(("id" = String, Path), ("template" = String, Path, description = "`<name>:<language>`")), request_body = Switch, responses(
    (status = 200, body = Template), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn switch(
    Axum(state): Axum<State>,
    caller: Caller,
    Path((id, template)): Path<(String, String)>,
    Body(switch): Body<Switch>,
) -> Answer<Json<Value>> {
    let Some(enabled) = switch.enabled else {
        return Err(Problem::invalid(vec![FieldError::required("#/enabled")]));
    };
    Ok(Json(templates::switch(&state, &caller, &id, &template, enabled).await?.shown()))
}

/// Read a channel's templates from the provider now.
#[utoipa::path(post, path = "/channels/{id}/templates/sync", tag = "templates", params(("id" = String, Path)), responses(
    (status = 200, body = Synced), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 502, body = Problem)))]
async fn sync(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Synced>> {
    let templates::Synced { count, synced_at, error } = templates::sync(&state, &caller, &id).await?;
    Ok(Json(Synced { count, synced_at: synced_at.map(rfc3339), error }))
}
