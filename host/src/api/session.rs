//! Signing in and out, and who one is.

use axum::Json;
use axum::extract::{DefaultBodyLimit, State as Axum};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::cookies;
use super::problem::{Answer, Body, FieldError, Problem};
use super::state::State;
use crate::auth::password::MOST_PASSWORD;
use crate::auth::{Minted, Role};
use crate::model::client_key::ClientKey;
use crate::web::client::ClientAddress;

/// Most bytes of what is sent without credentials: it is held in memory before anything is known of its sender.
pub(super) const MOST_BODY: usize = 16 << 10;
/// Most bytes of an e-mail address.
const MOST_EMAIL: usize = 254;

/// `/session` and `/me`.
pub fn routes() -> OpenApiRouter<State> {
    let session = OpenApiRouter::new().routes(routes!(sign_in, sign_out)).layer(DefaultBodyLimit::max(MOST_BODY));
    session.merge(OpenApiRouter::new().routes(routes!(me)))
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
    let mut faults = Vec::new();
    for (name, value) in [("email", &form.email), ("password", &form.password)] {
        let most = if name == "email" { MOST_EMAIL } else { MOST_PASSWORD };
        if value.is_empty() {
            faults.push(FieldError::required(format!("#/{name}")));
        } else if value.len() > most {
            faults.push(FieldError::new(format!("#/{name}"), "length", format!("has at most {most} bytes")));
        }
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let known = limit(&state, address, &form.email).await?;
    let (minted, user) = state.auth.sign_in(&form.email, &form.password, address, known).await?;
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
    Ok((StatusCode::CREATED, [(SET_COOKIE, cookie(&state, &minted))], Json(me)).into_response())
}

/// Counts a try to sign in; whether the person signed in from this client before.
///
/// Each client has its own limit. All clients together have one for each account, so that many of them cannot try one person's
/// passwords; it counts only clients where that person never signed in. Whoever sends wrong passwords for another person's account
/// therefore uses up what strangers may try, and the person still signs in from where they did before, with tries of their own and a
/// turn of their own to have the password checked. At a client that is new to them they wait meanwhile, as every stranger does.
async fn limit(state: &State, client: ClientKey, email: &str) -> Answer<bool> {
    let too_many = |reason: &'static str| {
        move |wait| {
            metrics::counter!("sambung_sign_ins_limited_total", "reason" => reason).increment(1);
            Problem::too_many(wait)
        }
    };
    state.limits.sign_in.check(&client).map_err(too_many("address"))?;
    let known = state.auth.knows(email, client).await?;
    if !known {
        state.limits.sign_in_email.check(&email.trim().to_lowercase()).map_err(too_many("account"))?;
    }
    Ok(known)
}

/// Sign out: the session ends.
#[utoipa::path(delete, path = "/session", tag = "session", responses((status = 204)))]
async fn sign_out(Axum(state): Axum<State>, caller: Caller) -> Answer<Response> {
    if caller.user.is_some() {
        let now = state.clock.now();
        let entry = caller.entry(now, "session.end", &caller.token, serde_json::json!({}));
        state.db.revoke_token(&caller.home, &caller.token, now, Some(entry)).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(gone) = cookies::SESSION.set(&state, "", 0) {
        response.headers_mut().insert(SET_COOKIE, gone);
    }
    Ok(response)
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

/// The cookie of a new session.
pub(super) fn cookie(state: &State, minted: &Minted) -> HeaderValue {
    let seconds = minted.expires_at.map_or(0, |at| (at - state.clock.now()) / 1000);
    cookies::SESSION.set(state, &minted.value, seconds).expect("a token is plain ASCII")
}
