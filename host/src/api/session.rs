//! Signing in and out, and who one is.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State as Axum};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::{Answer, Body, Problem};
use super::state::State;
use crate::auth::Role;
use crate::web::client::ClientAddress;
use crate::web::session;

/// `/session` and `/me`.
pub fn routes() -> OpenApiRouter<State> {
    let session =
        OpenApiRouter::new().routes(routes!(sign_in, sign_out)).layer(DefaultBodyLimit::max(session::MOST_BODY));
    session.merge(OpenApiRouter::new().routes(routes!(me, change)))
}

/// An e-mail address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// Who one is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The person's id; null for a token.
    user: Option<String>,
    /// The person's e-mail address; null for a token.
    email: Option<String>,
    /// As shown.
    name: String,
    /// `agent`, `supervisor`, `admin` or `operator`.
    role: Role,
    /// The workspace that requests act in.
    workspace: Place,
    /// Everything this role may.
    permissions: Vec<&'static str>,
}

/// A workspace, named.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Place {
    id: String,
    name: String,
}

/// Sign in: sets the session's cookie.
#[utoipa::path(post, path = "/session", tag = "session", security(()), request_body = SignIn, responses(
    (status = 201, body = Me), (status = 401, body = Problem), (status = 429, body = Problem)))]
async fn sign_in(
    Axum(state): Axum<State>,
    ClientAddress(address): ClientAddress,
    Body(form): Body<SignIn>,
) -> Answer<Response> {
    let (minted, user) = session::begin(&state, address, &form.email, &form.password).await?;
    let workspace = state.db.workspace(&user.workspace).await?.ok_or_else(Problem::not_found)?;
    let role = Role::from_name(&user.role).ok_or_else(Problem::unauthorized)?;
    let me = Me {
        user: Some(user.id),
        email: Some(user.email),
        name: user.name,
        role,
        workspace: Place { id: workspace.id, name: workspace.name },
        permissions: role.permissions(),
    };
    Ok((StatusCode::CREATED, [(SET_COOKIE, session::cookie(&state, &minted))], Json(me)).into_response())
}

/// Sign out: the session ends.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
async fn sign_out(Axum(state): Axum<State>, caller: Caller) -> Answer<Response> {
    let gone = session::end(&state, &caller).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, gone)]).into_response())
}

/// What to change about oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnChange {
    /// As shown.
    name: Option<String>,
    /// 10 to 512 characters. It ends every session of yours; the answer sets the cookie of a new one.
    password: Option<String>,
    /// Your password so far, which a new one needs.
    #[serde(default)]
    current_password: String,
}

/// Change your own name or password.
#[utoipa::path(patch, path = "/me", tag = "session", request_body = OwnChange, responses(
    (status = 204), (status = 401, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    ClientAddress(address): ClientAddress,
    Body(change): Body<OwnChange>,
) -> Answer<Response> {
    let OwnChange { name, password, current_password } = change;
    let change = session::OwnChange { name, password, current_password };
    let minted = session::change_own(&state, &caller, address, change).await?;
    Ok(match minted {
        Some(minted) => (StatusCode::NO_CONTENT, [(SET_COOKIE, session::cookie(&state, &minted))]).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Who am I, and what may I do?
#[utoipa::path(get, path = "/me", tag = "session", responses((status = 200, body = Me), (status = 401, body = Problem)))]
async fn me(caller: Caller) -> Json<Me> {
    Json(Me {
        user: caller.user,
        email: caller.email,
        name: caller.name,
        role: caller.role,
        workspace: Place { id: caller.workspace, name: caller.workspace_name },
        permissions: caller.role.permissions(),
    })
}
