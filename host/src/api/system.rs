//! The hold that follows a restore.

use axum::Json;
use axum::extract::State as Axum;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::{Answer, Problem};
use super::state::State;
use crate::auth::Role;

/// `/system`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(release))
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Released {
    /// Whether anything was held.
    released: bool,
}

/// Let outbound, polling and refresh go on after a restore.
#[utoipa::path(post, path = "/system/release", tag = "operations", responses(
    (status = 200, body = Released), (status = 403, body = Problem)))]
async fn release(Axum(state): Axum<State>, caller: Caller) -> Answer<Json<Released>> {
    caller.at_least(Role::Operator)?;
    let entry = caller.host_entry(state.clock.now(), "system.release", "system", json!({}));
    let released = state.db.release(entry).await?;
    state.wakes.outbound.notify_one();
    Ok(Json(Released { released }))
}
