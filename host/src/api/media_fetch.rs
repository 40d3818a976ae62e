//! Fetching a file of an inbound message again.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::path::Path;
use super::problem::{Answer, Problem};
use super::state::State;
use crate::auth::Role;
use crate::keys::MediaId;

/// `/media/{id}/fetch`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(fetch))
}

/// Fetch a file again that could not be fetched.
#[utoipa::path(post, path = "/media/{id}/fetch", tag = "media", params(("id" = String, Path)), responses(
    (status = 202), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn fetch(Axum(state): Axum<State>, caller: Caller, Path(id): Path<MediaId>) -> Answer<StatusCode> {
    caller.at_least(Role::Agent)?;
    let row = state.db.media_of(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    if state.inbound.fetch_media_again(&caller.workspace, id).await? {
        return Ok(StatusCode::ACCEPTED);
    }
    let words = format!("the file is {}; only one that failed can be fetched again", row.state);
    Err(Problem::conflict("media-not-failed", words))
}
