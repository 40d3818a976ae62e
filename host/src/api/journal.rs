//! The journal: raw requests of providers, what became of them, and running one again.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::db::{JournalReader, Replay};
use crate::model::shown::journal::JournalEntry;

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
}

fn reader(caller: &Caller) -> JournalReader {
    JournalReader { workspace: caller.workspace.clone(), operator: caller.role >= Role::Operator }
}

const KIND: &str = "journal";

/// The number by which the caller's workspace knows a row.
fn number(state: &State, caller: &Caller, id: i64) -> i64 {
    state.db.numbers().hide(KIND, &caller.workspace, id)
}

/// The row that the caller's workspace knows by this number.
fn row_of(state: &State, caller: &Caller, number: i64) -> Answer<i64> {
    state.db.numbers().reveal(KIND, &caller.workspace, number).ok_or_else(Problem::not_found)
}

/// A row with the number that the caller knows it by.
fn numbered(state: &State, caller: &Caller, mut row: JournalEntry) -> JournalEntry {
    row.id = number(state, caller, row.id);
    row
}

/// Requests, the newest first. A row of an address that several workspaces share is whole only for an operator.
#[utoipa::path(get, path = "/journal", tag = "journal", params(Which, PageQuery), responses((status = 200, body = Page<JournalEntry>)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<JournalEntry>>> {
    caller.at_least(Role::Supervisor)?;
    if let Some(word) = &which.state
        && !matches!(word.as_str(), "pending" | "waiting" | "settled" | "parked")
    {
        let words = "must be one of pending, waiting, settled, parked";
        return Err(Problem::invalid(vec![FieldError::new("#/state", "unknown", words)]));
    }
    let limit = u32::try_from(page.limit() + 1).unwrap_or(u32::MAX);
    let after = page.after()?.map(|number| row_of(&state, &caller, number)).transpose()?;
    let rows = state.db.journal_page(reader(&caller), which.state, after, limit).await?;
    let rows = rows.into_iter().map(|row| numbered(&state, &caller, row)).collect();
    Ok(Json(Page::new(rows, page.limit(), |row| row.id)))
}

/// One request with its headers and body.
#[utoipa::path(get, path = "/journal/{id}", tag = "journal", params(("id" = i64, Path)), responses(
    (status = 200, body = JournalEntry), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<i64>) -> Answer<Json<JournalEntry>> {
    caller.at_least(Role::Supervisor)?;
    let row = state.db.journal_row(reader(&caller), row_of(&state, &caller, id)?).await?;
    Ok(Json(numbered(&state, &caller, row.ok_or_else(Problem::not_found)?)))
}

/// A request that waits to be translated again.
#[derive(Debug, Serialize, ToSchema)]
struct Replayed {
    id: i64,
    /// `pending`
    state: &'static str,
}

/// Translate a request again, with the plugin as it is now. What it gave before stands.
#[utoipa::path(post, path = "/journal/{id}/replay", tag = "journal", params(("id" = i64, Path)), responses(
    (status = 202, body = Replayed), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn replay(Axum(state): Axum<State>, caller: Caller, Path(id): Path<i64>) -> Answer<(StatusCode, Json<Replayed>)> {
    caller.at_least(Role::Admin)?;
    match state.inbound.replay(reader(&caller), row_of(&state, &caller, id)?).await? {
        Replay::NotFound => return Err(Problem::not_found()),
        Replay::BodyGone => {
            let words = "its body was removed after the retention time, so there is nothing to translate";
            return Err(Problem::conflict("body-gone", words));
        }
        Replay::Pending => return Err(Problem::conflict("pending", "it waits for translation already")),
        Replay::Queued => {}
    }
    state.db.audit(caller.entry(state.clock.now(), "journal.replay", &id.to_string(), json!({}))).await?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { id, state: "pending" })))
}
