//! Signing in: a code that is good once, tokens for two hours, refresh tokens that turn, and giving a token back.

use std::collections::HashMap;

use axum::extract::{Form, Query, State as Given};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::auth::header_of;
use super::routes::refuse;
use super::{CLIENT, Shared, State, lock};

type Pairs = HashMap<String, String>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/i/oauth2/authorize", get(authorize))
        .route("/2/oauth2/token", post(token))
        .route("/2/oauth2/revoke", post(revoke))
}

fn refused(error: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, json!({ "error": error, "error_description": error }))
}

/// The person agrees at once.
async fn authorize(Given(shared): Given<Shared>, Query(asked): Query<Pairs>) -> Response {
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let scopes = of("scope");
    let whole =
        ["dm.read", "dm.write", "offline.access"].iter().all(|scope| scopes.split(' ').any(|one| one == *scope));
    if of("client_id") != CLIENT.0 || of("response_type") != "code" || of("code_challenge_method") != "S256" || !whole {
        return refused("invalid_request");
    }
    let redirect = of("redirect_uri");
    let mut state = lock(&shared);
    if !state.return_to.contains(&redirect) {
        return refused("the redirect_uri is not on the app's list");
    }
    let code = format!("simulated-code-{}", state.number());
    state.codes.insert(code.clone(), (of("code_challenge"), redirect.clone()));
    Redirect::to(&format!("{redirect}?state={}&code={code}", of("state"))).into_response()
}

fn is_client(headers: &HeaderMap) -> bool {
    header_of(headers, "authorization") == format!("Basic {}", STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1)))
}

async fn token(Given(shared): Given<Shared>, headers: HeaderMap, Form(asked): Form<Pairs>) -> Response {
    if !is_client(&headers) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            json!({ "error": "unauthorized_client", "error_description": "Missing valid authorization header" }),
        );
    }
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    let mut state = lock(&shared);
    let good = match of("grant_type").as_str() {
        "authorization_code" => {
            let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(of("code_verifier").as_bytes()));
            state.codes.remove(&of("code")) == Some((proof, of("redirect_uri")))
        }
        // The old one is good no more, whether or not its answer arrives.
        "refresh_token" => state.tokens.take().is_some_and(|(_, refresh)| refresh == of("refresh_token")),
        _ => false,
    };
    if !good {
        return refused("invalid_grant");
    }
    let (access, refresh) = state.turn();
    Json(json!({ "token_type": "bearer", "expires_in": 7200, "access_token": access, "refresh_token": refresh }))
        .into_response()
}

async fn revoke(Given(shared): Given<Shared>, headers: HeaderMap, Form(asked): Form<Pairs>) -> Response {
    if !is_client(&headers) {
        return refused("unauthorized_client");
    }
    let mut state = lock(&shared);
    state.tokens = None;
    state.revoked.push(asked.get("token").cloned().unwrap_or_default());
    Json(json!({ "revoked": true })).into_response()
}

impl State {
    fn turn(&mut self) -> (String, String) {
        let number = self.number();
        let tokens = (format!("simulated-access-token-{number}"), format!("simulated-refresh-token-{number}"));
        self.tokens = Some(tokens.clone());
        tokens
    }
}
