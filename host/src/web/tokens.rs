//! Tokens of a workspace: what the API and the pages do alike. A token's value is shown once, when it is made.

use serde_json::json;

use super::caller::Caller;
use super::people::may_give;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::{Minted, Role};
use crate::db::{KeptAnswer, TokenRow};
use crate::model::name;
use crate::model::shown::person::{MadeToken, Token};
use crate::model::time::from_rfc3339;

/// A token to be made.
pub struct NewToken {
    /// As shown.
    pub name: String,
    /// At most the caller's own role.
    pub role: Role,
    /// RFC 3339; never when it is absent.
    pub expires_at: Option<String>,
}

/// Makes a token. `answer` makes the answer that is kept in the same act.
///
/// # Errors
/// 403 for a role above the caller's, 422 for an empty name or a time that has passed.
pub async fn make(
    state: &State,
    caller: &Caller,
    new: NewToken,
    answer: impl FnOnce(&MadeToken) -> Option<KeptAnswer>,
) -> Answer<MadeToken> {
    caller.at_least(Role::Admin)?;
    may_give(caller, new.role)?;
    let name = new.name.trim();
    let now = state.clock.now();
    let expires_at = new.expires_at.as_deref().map(from_rfc3339);
    let mut faults = Vec::new();
    if name.is_empty() {
        faults.push(FieldError::required("#/name"));
    }
    faults.extend(name::fault("#/name", &new.name));
    if expires_at.is_some_and(|at| at.is_none_or(|at| at <= now)) {
        faults.push(FieldError::new("#/expires_at", "format", "give a time to come, as 2026-11-21T08:00:00Z"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let entry = caller.entry(now, "token.create", "", json!({ "name": name, "role": new.role }));
    let made = |minted: &Minted| {
        let row = TokenRow {
            id: minted.id.clone(),
            name: name.to_owned(),
            role: new.role.name().into(),
            created_at: now,
            last_used_at: None,
            expires_at: minted.expires_at,
        };
        MadeToken { token: row.into(), value: minted.value.clone() }
    };
    let kept = |minted: &Minted| answer(&made(minted));
    let (workspace, until) = (&caller.workspace, expires_at.flatten());
    let minted = state.auth.create_token_for(workspace, new.role, name, until, entry, kept).await?;
    Ok(made(&minted))
}

/// Renames a token.
///
/// # Errors
/// 403 for a token above the caller's role, 404 where there is none, 422 for a wrong name.
pub async fn rename(state: &State, caller: &Caller, id: &str, name: &str) -> Answer<Token> {
    may_touch(state, caller, id).await?;
    if name.trim().is_empty() {
        return Err(Problem::invalid(vec![FieldError::required("#/name")]));
    }
    if let Some(fault) = name::fault("#/name", name) {
        return Err(Problem::invalid(vec![fault]));
    }
    let name = name.trim();
    let entry = caller.entry(state.clock.now(), "token.change", id, json!({ "name": name }));
    state.db.rename_token(&caller.workspace, id, name, entry).await?;
    let row = state.db.token(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    Ok(row.into())
}

/// Ends a token. It stops working with this answer.
///
/// # Errors
/// 403 for a token above the caller's role, 404 where there is none.
pub async fn revoke(state: &State, caller: &Caller, id: &str) -> Answer<()> {
    let row = may_touch(state, caller, id).await?;
    let now = state.clock.now();
    let entry = caller.entry(now, "token.revoke", id, json!({ "name": row.name }));
    match state.db.revoke_token(&caller.workspace, id, now, Some(entry)).await? {
        true => Ok(()),
        false => Err(Problem::not_found()),
    }
}

async fn may_touch(state: &State, caller: &Caller, id: &str) -> Answer<TokenRow> {
    caller.at_least(Role::Admin)?;
    let row = state.db.token(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    if let Some(role) = Role::from_name(&row.role) {
        may_give(caller, role)?;
    }
    Ok(row)
}
