//! Workspaces of the host. Operators only.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::Keyed;
use super::page::{Page, PageQuery};
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::db::WorkspaceRow;
use crate::model::time::rfc3339;

/// `/workspaces`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// A workspace.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workspace {
    /// `ws_…`
    id: String,
    name: String,
    created_at: String,
}

impl From<WorkspaceRow> for Workspace {
    fn from(row: WorkspaceRow) -> Workspace {
        Workspace { id: row.id, name: row.name, created_at: rfc3339(row.created_at) }
    }
}

/// A workspace to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWorkspace {
    /// Unique in the host.
    #[serde(default)]
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
    caller.at_least(Role::Operator)?;
    let rows = state.db.workspaces(page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |row| row.id.clone()).map(Workspace::from)))
}

/// Make a workspace.
#[utoipa::path(post, path = "/workspaces", tag = "people", request_body = NewWorkspace, responses(
    (status = 201, body = Workspace), (status = 409, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(new): Body<NewWorkspace>,
) -> Answer<(StatusCode, Json<Workspace>)> {
    caller.at_least(Role::Operator)?;
    let name = new.name.trim();
    if name.is_empty() {
        return Err(Problem::invalid(vec![FieldError::required("#/name")]));
    }
    if name.len() > 100 || !name.chars().all(|c| c.is_ascii_graphic()) || name.starts_with("ws_") {
        let words = "a name has at most 100 visible ASCII characters, no blanks, and does not begin with ws_";
        return Err(Problem::invalid(vec![FieldError::new("#/name", "format", words)]));
    }
    let now = state.clock.now();
    let row = WorkspaceRow { id: state.clock.id("ws"), name: name.to_owned(), created_at: now };
    let entry = caller.host_entry(now, "workspace.create", &row.id, json!({ "name": name }));
    let kept = keyed.answer(StatusCode::CREATED, &Workspace::from(row.clone()));
    match state.db.add_workspace(row.clone(), entry, kept).await {
        Ok(()) => Ok((StatusCode::CREATED, Json(row.into()))),
        Err(error) if error.unique_violation().is_some() => {
            Err(Problem::conflict("name-taken", "there is a workspace of this name already"))
        }
        Err(error) => Err(error.into()),
    }
}
