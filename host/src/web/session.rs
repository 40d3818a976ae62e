//! Signing in and out, and the first operator: what the API and the pages do alike.

use axum::http::{HeaderValue, StatusCode};
use serde_json::json;

use super::caller::Caller;
use super::cookies;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::password::{MOST_PASSWORD, good_enough};
use crate::auth::{Minted, Role};
use crate::db::{UserChange, UserChanged, UserRow};
use crate::model::client_key::ClientKey;
use crate::model::name;
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

/// Uses a link up by which a person sets their own password: sets it, ends every session of theirs, and signs them in.
///
/// # Errors
/// 410 for a link that was used or has run out, 422 for a password that is missing or weak, 429 past the limit on tries of the client.
pub async fn set_password(state: &State, client: ClientKey, link: &str, password: String) -> Answer<(Minted, UserRow)> {
    state.limits.sign_in.check(&client).map_err(Problem::too_many)?;
    if password.is_empty() {
        return Err(Problem::invalid(vec![FieldError::required("#/password")]));
    }
    Ok(state.auth.set_password(link, password, client).await?)
}

/// What a person changes about themselves.
pub struct OwnChange {
    /// As shown.
    pub name: Option<String>,
    /// The new password. It ends every session of the person.
    pub password: Option<String>,
    /// The password so far, which a new one needs.
    pub current_password: String,
}

/// Changes the caller's own name and password. With a new password the answer is a new session, in the place of the one that ended.
///
/// # Errors
/// 409 for a token, 422 for wrong fields and a wrong password, 429 past the limit on tries.
pub async fn change_own(
    state: &State,
    caller: &Caller,
    client: ClientKey,
    change: OwnChange,
) -> Answer<Option<Minted>> {
    let (Some(user), Some(email)) = (&caller.user, &caller.email) else {
        let words = "a token is no person; sign in to change your name or password";
        return Err(Problem::conflict("no-person", words));
    };
    let mut faults = Vec::new();
    if let Some(name) = &change.name {
        faults.extend(if name.trim().is_empty() {
            Some(FieldError::required("#/name"))
        } else {
            name::fault("#/name", name)
        });
    }
    if let Some(password) = &change.password {
        if let Err(words) = good_enough(password) {
            faults.push(FieldError::new("#/password", "weak-password", words));
        }
        if change.current_password.is_empty() {
            faults.push(FieldError::required("#/current_password"));
        }
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let password_hash = match &change.password {
        Some(password) => {
            begin(state, client, email, &change.current_password).await.map_err(wrong_password)?;
            Some(state.auth.hash(password.clone()).await?)
        }
        None => None,
    };
    let now = state.clock.now();
    let detail = json!({ "name": change.name, "password": password_hash.is_some() });
    let entry = caller.entry(now, "user.change", user, detail);
    let row_change =
        UserChange { name: change.name.map(|name| name.trim().to_owned()), password_hash, ..UserChange::default() };
    let may = Role::ALL.into_iter().filter(|role| *role <= caller.role).map(Role::name).collect();
    match state.db.change_user(&caller.home, user, row_change, may, now, entry).await? {
        UserChanged::Done(_) => {}
        UserChanged::NotFound | UserChanged::Above(_) | UserChanged::LastOperator => return Err(Problem::not_found()),
    }
    match change.password {
        Some(password) => Ok(Some(begin(state, client, email, &password).await?.0)),
        None => Ok(None),
    }
}

/// A wrong password of a person who is signed in is a fault of the field, not the end of their session.
fn wrong_password(problem: Problem) -> Problem {
    if problem.status() != StatusCode::UNAUTHORIZED {
        return problem;
    }
    Problem::invalid(vec![FieldError::new("#/current_password", "wrong-password", "this is not your password")])
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
