//! The first operator, and a person's own password behind a link, set by a program; the pages that do the same are the console's.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State as Axum};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::{Answer, Body, Problem};
use super::state::State;
use crate::auth::Minted;
use crate::db::UserRow;
use crate::web::client::ClientAddress;
use crate::web::session;

/// `/setup` and `/password`.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(set_up))
        .routes(routes!(set_password))
        .layer(DefaultBodyLimit::max(session::MOST_BODY))
}

/// The value of the set-up link, and how the first operator signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUp {
    /// What follows `/setup/` in the link.
    #[serde(default)]
    token: String,
    #[serde(default)]
    email: String,
    /// 10 to 512 characters.
    #[serde(default)]
    password: String,
}

/// The value of a link for a password, and the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPassword {
    /// What follows `/password/` in the link.
    #[serde(default)]
    token: String,
    /// 10 to 512 characters.
    #[serde(default)]
    password: String,
}

/// The person who is signed in now.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedIn {
    /// `usr_…`
    id: String,
    email: String,
    /// `agent`, `supervisor`, `admin` or `operator`.
    role: String,
}

/// Make the first operator by the link that the server printed: sets the session's cookie. The link works once.
#[utoipa::path(post, path = "/setup", tag = "session", security(()), request_body = SetUp, responses(
    (status = 201, body = SignedIn), (status = 410, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
async fn set_up(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    Body(asked): Body<SetUp>,
) -> Answer<Response> {
    let (minted, user) = session::set_up(&state, client, &asked.token, &asked.email, asked.password).await?;
    Ok(signed_in(&state, &minted, user))
}

/// Set your password by the link that an admin gave you: sets the session's cookie. The link works once.
#[utoipa::path(post, path = "/password", tag = "session", security(()), request_body = SetPassword, responses(
    (status = 201, body = SignedIn), (status = 410, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
async fn set_password(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    Body(asked): Body<SetPassword>,
) -> Answer<Response> {
    let (minted, user) = session::set_password(&state, client, &asked.token, asked.password).await?;
    Ok(signed_in(&state, &minted, user))
}

fn signed_in(state: &State, minted: &Minted, user: UserRow) -> Response {
    let body = Json(SignedIn { id: user.id, email: user.email, role: user.role });
    (StatusCode::CREATED, [(SET_COOKIE, session::cookie(state, minted))], body).into_response()
}
