//! The host itself, and the hold that follows a restore.

use axum::Json;
use axum::extract::State as Axum;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::{Answer, Problem};
use super::state::State;
use crate::model::shown::system::System;
use crate::web::system;

/// `/system`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(release))
}

/// How the host is: its version and addresses, what waits, and what differs from the defaults of the configuration.
#[utoipa::path(get, path = "/system", tag = "operations", responses(
    (status = 200, body = System), (status = 403, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller) -> Answer<Json<System>> {
    Ok(Json(system::read(&state, &caller).await?))
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
    Ok(Json(Released { released: system::release(&state, &caller).await? }))
}
