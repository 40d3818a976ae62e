//! Signing in and out, and the first operator: what the API and the pages do alike.

use axum::http::HeaderValue;
use serde_json::json;

use super::caller::Caller;
use super::cookies;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Minted;
use crate::auth::password::MOST_PASSWORD;
use crate::db::UserRow;
use crate::model::client_key::ClientKey;
use sambung_runtime::manifest::settings::is_email;

/// Most bytes of what is sent without credentials: it is held in memory before anything is known of its sender.
pub const MOST_BODY: usize = 16 << 10;
/// Most bytes of an e-mail address.
const MOST_EMAIL: usize = 254;

/// Signs a person in, within the limits on tries of the client and of the account.
///
/// # Errors
/// 401 for a wrong address or password, 422 for an empty or oversized field, 429 past a limit.
pub async fn begin(state: &State, client: ClientKey, email: &str, password: &str) -> Answer<(Minted, UserRow)> {
    let mut faults = Vec::new();
    for (name, value) in [("email", email), ("password", password)] {
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
    let known = limit(state, client, email).await?;
    Ok(state.auth.sign_in(email, password, client, known).await?)
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

/// Uses the set-up link up: adds the first operator and signs them in.
///
/// # Errors
/// 410 for a link that was used or has run out, 422 for wrong fields, 429 past the limit on tries of the client.
pub async fn set_up(
    state: &State,
    client: ClientKey,
    link: &str,
    email: &str,
    password: String,
) -> Answer<(Minted, UserRow)> {
    state.limits.sign_in.check(&client).map_err(Problem::too_many)?;
    let mut faults: Vec<FieldError> = [("token", link), ("email", email), ("password", password.as_str())]
        .into_iter()
        .filter(|(_, value)| value.is_empty())
        .map(|(name, _)| FieldError::required(format!("#/{name}")))
        .collect();
    if !email.is_empty() && !is_email(email.trim()) {
        faults.push(FieldError::new("#/email", "format", "this is no e-mail address"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    Ok(state.auth.set_up(link, email, password, client).await?)
}

/// Ends the caller's session, where it is one. The answer is the cookie that takes the session's away.
///
/// # Errors
/// The database refuses.
pub async fn end(state: &State, caller: &Caller) -> Answer<HeaderValue> {
    if caller.user.is_some() {
        let now = state.clock.now();
        let entry = caller.entry(now, "session.end", &caller.token, json!({}));
        state.db.revoke_token(&caller.home, &caller.token, now, Some(entry)).await?;
    }
    Ok(cookies::SESSION.set(state, "", 0).expect("an empty cookie is plain ASCII"))
}

/// The cookie of a new session.
pub fn cookie(state: &State, minted: &Minted) -> HeaderValue {
    let seconds = minted.expires_at.map_or(0, |at| (at - state.clock.now()) / 1000);
    cookies::SESSION.set(state, &minted.value, seconds).expect("a token is plain ASCII")
}
