//! Signing in with Facebook and with Instagram: the dialogs, codes that are good once, short and long tokens.

use std::collections::HashMap;

use axum::extract::{Form, Query, State as Given};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::graph::{Parameters, refuse};
use super::{APP_ID, APP_SECRET, INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, PAGES, Shared, USER_TOKENS, lock};

/// 60 days, as the API says it.
const SECONDS: u64 = 5_183_944;
/// What an account gets for its code; it lives for an hour.
const SHORT: &str = "IGAA-short-0123456789";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/{version}/dialog/oauth", get(facebook))
        .route("/{version}/oauth/access_token", get(facebook_token))
        .route("/oauth/authorize", get(instagram))
        .route("/oauth/access_token", post(instagram_token))
        .route("/access_token", get(instagram_long))
        .route("/refresh_access_token", get(instagram_renewed))
}

async fn facebook(Given(shared): Given<Shared>, Query(asked): Parameters) -> Response {
    dialog(&shared, &asked, APP_ID, "facebook", "")
}

async fn instagram(Given(shared): Given<Shared>, Query(asked): Parameters) -> Response {
    dialog(&shared, &asked, INSTAGRAM_APP_ID, "instagram", "#_")
}

/// The page on which the person agrees, who does at once.
fn dialog(shared: &Shared, asked: &HashMap<String, String>, app: &str, of: &'static str, tail: &str) -> Response {
    let word = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    if word("client_id") != app || word("response_type") != "code" {
        return (StatusCode::BAD_REQUEST, "Invalid App ID").into_response();
    }
    let back = word("redirect_uri");
    if !lock(shared).return_to.contains(back) {
        return (StatusCode::BAD_REQUEST, "URL Blocked: the redirect URI is not on the app's list").into_response();
    }
    let state = word("state");
    let mut known = lock(shared);
    if known.denies {
        let told = "error=access_denied&error_reason=user_denied&error_description=Permissions+error";
        return Redirect::to(&format!("{back}?{told}&state={state}{tail}")).into_response();
    }
    let code = format!("code-{}", known.number());
    known.codes.insert(code.clone(), (of, back.to_owned()));
    Redirect::to(&format!("{back}?code={code}&state={state}{tail}")).into_response()
}

/// Takes a code out, if it is good for this.
fn is_good(shared: &Shared, asked: &HashMap<String, String>, of: &str) -> bool {
    let word = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let known = lock(shared).codes.remove(word("code"));
    known.is_some_and(|(app, back)| app == of && back == word("redirect_uri"))
}

fn is_client(asked: &HashMap<String, String>, id: &str, secret: &str) -> bool {
    asked.get("client_id").is_some_and(|own| own == id) && asked.get("client_secret").is_some_and(|own| own == secret)
}

async fn facebook_token(Given(shared): Given<Shared>, Query(asked): Parameters) -> Response {
    if !is_client(&asked, APP_ID, APP_SECRET) {
        return refuse(StatusCode::BAD_REQUEST, (1, 0), "Error validating client secret.");
    }
    if asked.get("grant_type").is_some_and(|grant| grant == "fb_exchange_token") {
        if asked.get("fb_exchange_token").map(String::as_str) != Some(USER_TOKENS[0]) {
            return refuse(StatusCode::BAD_REQUEST, (190, 0), "Invalid OAuth access token.");
        }
        let long = json!({ "access_token": USER_TOKENS[1], "token_type": "bearer", "expires_in": SECONDS });
        return Json(long).into_response();
    }
    if !is_good(&shared, &asked, "facebook") {
        return refuse(StatusCode::BAD_REQUEST, (100, 36_009), "This authorization code has been used.");
    }
    Json(json!({ "access_token": USER_TOKENS[0], "token_type": "bearer", "expires_in": 3600 })).into_response()
}

async fn instagram_token(Given(shared): Given<Shared>, Form(asked): Form<HashMap<String, String>>) -> Response {
    let whole = is_client(&asked, INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET)
        && asked.get("grant_type").is_some_and(|grant| grant == "authorization_code");
    if !whole || !is_good(&shared, &asked, "instagram") {
        let error = json!({ "error_type": "OAuthException", "code": 400, "error_message": "Matching code was not found or was already used" });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let one = json!({ "access_token": SHORT, "user_id": PAGES[0].account, "permissions": "instagram_business_basic" });
    Json(json!({ "data": [one] })).into_response()
}

async fn instagram_long(Query(asked): Parameters) -> Response {
    let word = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let whole = word("grant_type") == "ig_exchange_token" && word("client_secret") == INSTAGRAM_APP_SECRET;
    if !whole || word("access_token") != SHORT {
        return refuse(StatusCode::BAD_REQUEST, (190, 0), "Invalid OAuth access token.");
    }
    let long = json!({ "access_token": PAGES[0].account_token, "token_type": "bearer", "expires_in": SECONDS });
    Json(long).into_response()
}

/// The old token stays good until its end.
async fn instagram_renewed(Given(shared): Given<Shared>, Query(asked): Parameters) -> Response {
    let token = asked.get("access_token").cloned().unwrap_or_default();
    let mut state = lock(&shared);
    let known =
        PAGES.iter().position(|page| page.account_token == token).or_else(|| state.renewed.get(&token).copied());
    let grant = asked.get("grant_type").is_some_and(|grant| grant == "ig_refresh_token");
    let Some(account) = known.filter(|_| grant && !state.ended.contains(&token)) else {
        return refuse(StatusCode::BAD_REQUEST, (190, 0), "Invalid OAuth access token.");
    };
    let next = format!("IGAA-renewed-{}-0123456789", state.number());
    state.renewed.insert(next.clone(), account);
    Json(json!({ "access_token": next, "token_type": "bearer", "expires_in": SECONDS })).into_response()
}
