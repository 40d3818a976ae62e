//! The first operator, and a person's own password behind a link, set by a program; the pages that do the same are the console's.

use axum::extract::{DefaultBodyLimit, State as Axum};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::problem::{Answer, Body};
use super::state::State;
use crate::web::client::ClientAddress;
use crate::web::session;

/// `POST /v1/setup` and `POST /v1/password`
pub fn routes() -> Router<State> {
    Router::new()
        .route("/v1/setup", post(set_up))
        .route("/v1/password", post(set_password))
        .layer(DefaultBodyLimit::max(session::MOST_BODY))
}

/// The set-up link's value, and how the first operator signs in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUp {
    #[serde(default)]
    token: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// The value of a link for a password, and the password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPassword {
    #[serde(default)]
    token: String,
    #[serde(default)]
    password: String,
}

async fn set_password(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    Body(asked): Body<SetPassword>,
) -> Answer<Response> {
    let (minted, user) = session::set_password(&state, client, &asked.token, asked.password).await?;
    let body = Json(json!({ "id": user.id, "email": user.email, "role": user.role }));
    Ok((StatusCode::CREATED, [(SET_COOKIE, session::cookie(&state, &minted))], body).into_response())
}

async fn set_up(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    Body(asked): Body<SetUp>,
) -> Answer<Response> {
    let (minted, user) = session::set_up(&state, client, &asked.token, &asked.email, asked.password).await?;
    let body = Json(json!({ "id": user.id, "email": user.email, "role": user.role }));
    Ok((StatusCode::CREATED, [(SET_COOKIE, session::cookie(&state, &minted))], body).into_response())
}
