//! For whoever runs the server: is it alive, is it ready, what does it measure.

use axum::extract::{Path, State as Axum};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use super::state::State;
use crate::auth::Role;
use crate::model::envelope::Seal;

/// Characters of a challenge.
const CHALLENGE: usize = 32;

/// `/healthz`, `/readyz`, `/metrics` and `/reachable/{challenge}`.
pub fn routes() -> Router<State> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/reachable/{challenge}", get(reachable))
}

/// Proves to `sambung doctor` that this very server answers at an address: the master key vouches for the challenge.
async fn reachable(Axum(state): Axum<State>, Path(challenge): Path<String>) -> Result<Json<Seal>, Problem> {
    if challenge.len() != CHALLENGE || !challenge.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::not_found());
    }
    Ok(Json(state.db.answer_challenge(&challenge)))
}

/// `/metrics` alone, for a listener of its own.
pub fn metrics_listener() -> Router<State> {
    Router::new().route("/metrics", get(|Axum(state): Axum<State>| async move { rendered(&state) }))
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Requests are welcome: everything is started and the database answers. A full disk is told, but reads go on.
async fn readyz(Axum(state): Axum<State>) -> Response {
    if !state.readiness.is() {
        return Problem::unavailable("starting or stopping", 1).into_response();
    }
    match state.db.workspaces(None, 1).await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// What is measured, for the configured token or an operator's.
async fn metrics(Axum(state): Axum<State>, headers: HeaderMap) -> Result<Response, Problem> {
    let presented = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(Problem::unauthorized)?;
    let configured = &state.config.metrics.token;
    if !configured.is_empty() && bool::from(configured.as_bytes().ct_eq(presented.as_bytes())) {
        return Ok(rendered(&state));
    }
    let who = state.auth.who(presented).await?.ok_or_else(Problem::unauthorized)?;
    if who.role != Role::Operator.name() {
        return Err(Problem::forbidden("this needs the role operator, or the token of metrics.token"));
    }
    Ok(rendered(&state))
}

fn rendered(state: &State) -> Response {
    metrics::gauge!("sambung_database_writes_waiting").set(state.db.waiting() as f64);
    (StatusCode::OK, [(CONTENT_TYPE, "text/plain; version=0.0.4")], state.metrics.render()).into_response()
}
