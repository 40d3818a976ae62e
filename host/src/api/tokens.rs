//! API tokens of a workspace. A token's value is shown once, when it is made.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::Keyed;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::model::shown::person::{MadeToken, Token};
use crate::web::tokens;

/// `/tokens`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, rename, revoke))
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
    (status = 201, body = MadeToken), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(new): Body<NewToken>,
) -> Answer<(StatusCode, Json<MadeToken>)> {
    let NewToken { name, role, expires_at } = new;
    let new = tokens::NewToken { name, role, expires_at };
    let made = tokens::make(&state, &caller, new, |made| keyed.answer(StatusCode::CREATED, made)).await?;
    Ok((StatusCode::CREATED, Json(made)))
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
    Ok(Json(tokens::rename(&state, &caller, &id, &change.name).await?))
}

/// End a token. It stops working with this answer.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn revoke(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    tokens::revoke(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
