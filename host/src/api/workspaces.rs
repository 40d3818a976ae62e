//! Workspaces of the host. Operators only.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::Deserialize;
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
use crate::model::shown::workspace::Workspace;
use crate::web::workspaces;

/// `/workspaces`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, rename))
}

/// What a workspace is called.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkspaceName {
    /// Unique in the host; at most 100 visible ASCII characters, no blanks.
    #[serde(default)]
    #[schema(example = "toko-kopi")]
    name: String,
}

/// Every workspace.
#[utoipa::path(get, path = "/workspaces", tag = "people", params(PageQuery),
    responses((status = 200, body = Page<Workspace>)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Workspace>>> {
    let rows = workspaces::page(&state, &caller, page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |row| row.id.clone())))
}

/// Make a workspace.
#[utoipa::path(post, path = "/workspaces", tag = "people", request_body = WorkspaceName, responses(
    (status = 201, body = Workspace), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(new): Body<WorkspaceName>,
) -> Answer<(StatusCode, Json<Workspace>)> {
    let made = workspaces::add(&state, &caller, &new.name, |made| keyed.answer(StatusCode::CREATED, made)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One workspace.
#[utoipa::path(get, path = "/workspaces/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 200, body = Workspace), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Workspace>> {
    Ok(Json(workspaces::read(&state, &caller, &id).await?))
}

/// Rename a workspace. Programs that name it in `Sambung-Workspace` by its name need the new one; its id stays.
#[utoipa::path(patch, path = "/workspaces/{id}", tag = "people", params(("id" = String, Path)), request_body = WorkspaceName,
    responses((status = 200, body = Workspace), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn rename(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(change): Body<WorkspaceName>,
) -> Answer<Json<Workspace>> {
    Ok(Json(workspaces::rename(&state, &caller, &id, &change.name).await?))
}
