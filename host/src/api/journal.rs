//! The journal: raw requests of providers, what became of them, and running one again.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Problem};
use super::query::Query;
use super::state::State;
use crate::db::JournalFilter;
use crate::keys::RequestId;
use crate::model::shown::journal::JournalEntry;
use crate::web::journal;

/// `/journal`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(replay))
}

/// Which rows are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `pending`, `waiting`, `settled` or `parked`; all when nothing is said.
    state: Option<String>,
    /// The id of the channel that the request, or a part of it, was for.
    channel: Option<String>,
}

/// Requests, the newest first. A row of an address that several workspaces share is whole only for an operator.
#[utoipa::path(get, path = "/journal", tag = "journal", params(Which, PageQuery), responses((status = 200, body = Page<JournalEntry>)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<JournalEntry>>> {
    let filter = JournalFilter { state: which.state, channel: which.channel };
    let rows = journal::page(&state, &caller, filter, page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |row| row.id)))
}

/// One request with its headers and body.
#[utoipa::path(get, path = "/journal/{id}", tag = "journal", params(("id" = String, Path)), responses(
    (status = 200, body = JournalEntry), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<RequestId>) -> Answer<Json<JournalEntry>> {
    Ok(Json(journal::read(&state, &caller, id).await?))
}

/// A request that waits to be translated again.
#[derive(Debug, Serialize, ToSchema)]
struct Replayed {
    #[schema(value_type = String)]
    id: RequestId,
    /// `pending`
    state: &'static str,
}

/// Translate a request again, with the plugin as it is now. What it gave before stands.
#[utoipa::path(post, path = "/journal/{id}/replay", tag = "journal", params(("id" = String, Path)), responses(
    (status = 202, body = Replayed), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn replay(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<RequestId>,
) -> Answer<(StatusCode, Json<Replayed>)> {
    journal::replay(&state, &caller, id).await?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { id, state: "pending" })))
}
