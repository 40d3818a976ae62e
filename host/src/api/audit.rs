//! Who did what.

use axum::Json;
use axum::extract::State as Axum;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Page, PageQuery};
use super::problem::Answer;
use super::query::Query;
use super::state::State;
use crate::model::shown::audit::AuditLine;
use crate::web::audit;

/// `/audit`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The workspace's audit log, newest first; for an operator with the lines of the whole host among them.
#[utoipa::path(get, path = "/audit", tag = "people", params(PageQuery), responses((status = 200, body = Page<AuditLine>)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<AuditLine>>> {
    let rows = audit::page(&state, &caller, page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |line| line.id)))
}
