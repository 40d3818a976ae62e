//! API tokens of a workspace. A token's value is shown once, when it is made.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::Keyed;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use super::users::may_give;
use crate::auth::{Minted, Role};
use crate::db::TokenRow;
use crate::model::name;
use crate::model::time::{from_rfc3339, rfc3339};

/// `/tokens`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, rename, revoke))
}

/// A token, without its value.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Token {
    /// `tok_…`
    id: String,
    name: String,
    /// `agent`, `supervisor`, `admin` or `operator`
    role: String,
    created_at: String,
    /// When it last opened something, to the minute.
    last_used_at: Option<String>,
    expires_at: Option<String>,
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Token {
        Token {
            id: row.id,
            name: row.name,
            role: row.role,
            created_at: rfc3339(row.created_at),
            last_used_at: row.last_used_at.map(rfc3339),
            expires_at: row.expires_at.map(rfc3339),
        }
    }
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Made {
    #[serde(flatten)]
    token: Token,
    /// What its holder presents as `Authorization: Bearer`. Not shown again.
    value: String,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    #[serde(default)]
    name: String,
    /// At most one's own role.
    role: Role,
    /// RFC 3339; never when it is absent.
    expires_at: Option<String>,
}

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    name: String,
}

/// The workspace's tokens.
#[utoipa::path(get, path = "/tokens", tag = "people", params(PageQuery), responses((status = 200, body = Page<Token>)))]
async fn list(Axum(state): Axum<State>, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<Page<Token>>> {
    caller.at_least(Role::Admin)?;
    let rows = state.db.tokens(&caller.workspace, page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |row| row.id.clone()).map(Token::from)))
}

/// Make a token. Its value is in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", tag = "people", request_body = NewToken, responses(
    (status = 201, body = Made), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(new): Body<NewToken>,
) -> Answer<(StatusCode, Json<Made>)> {
    caller.at_least(Role::Admin)?;
    may_give(&caller, new.role)?;
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
        Made { token: row.into(), value: minted.value.clone() }
    };
    let answer = |minted: &Minted| keyed.answer(StatusCode::CREATED, &made(minted));
    let (workspace, until) = (&caller.workspace, expires_at.flatten());
    let minted = state.auth.create_token_for(workspace, new.role, name, until, entry, answer).await?;
    Ok((StatusCode::CREATED, Json(made(&minted))))
}

/// One token.
#[utoipa::path(get, path = "/tokens/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 200, body = Token), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Token>> {
    caller.at_least(Role::Admin)?;
    let row = state.db.token(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(row.into()))
}

/// Rename a token.
#[utoipa::path(patch, path = "/tokens/{id}", tag = "people", params(("id" = String, Path)), request_body = Rename,
    responses((status = 200, body = Token), (status = 404, body = Problem)))]
async fn rename(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(change): Body<Rename>,
) -> Answer<Json<Token>> {
    may_touch(&state, &caller, &id).await?;
    let name = change.name.trim();
    if name.is_empty() {
        return Err(Problem::invalid(vec![FieldError::required("#/name")]));
    }
    if let Some(fault) = name::fault("#/name", &change.name) {
        return Err(Problem::invalid(vec![fault]));
    }
    let entry = caller.entry(state.clock.now(), "token.change", &id, json!({ "name": name }));
    state.db.rename_token(&caller.workspace, &id, name, entry).await?;
    let row = state.db.token(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(row.into()))
}

/// End a token. It stops working with this answer.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn revoke(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    let row = may_touch(&state, &caller, &id).await?;
    let now = state.clock.now();
    let entry = caller.entry(now, "token.revoke", &id, json!({ "name": row.name }));
    match state.db.revoke_token(&caller.workspace, &id, now, Some(entry)).await? {
        true => Ok(StatusCode::NO_CONTENT),
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
