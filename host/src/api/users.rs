//! People of a workspace.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
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
use crate::db::UserRow;
use crate::model::shown::person::{MadeUser, PasswordLink, User};
use crate::web::people::{self, NewPerson, PersonChange};

/// `/users`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(colleagues))
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
        .routes(routes!(link))
}

/// A colleague.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Person {
    /// `usr_…`
    id: String,
    name: String,
    role: String,
}

/// The people who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct People {
    /// By name.
    items: Vec<Person>,
}

/// The people of the workspace who may sign in, by name, at most 1,000. Every role may read them, because a conversation can be assigned to each.
#[utoipa::path(get, path = "/people", tag = "people", responses((status = 200, body = People)))]
async fn colleagues(Axum(state): Axum<State>, caller: Caller) -> Answer<Json<People>> {
    caller.at_least(Role::Agent)?;
    let rows = state.db.people(&caller.workspace, people::MOST_LISTED).await?;
    let person = |row: UserRow| Person { id: row.id, name: row.name, role: row.role };
    Ok(Json(People { items: rows.into_iter().map(person).collect() }))
}

/// A person to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    /// At most one's own role.
    role: Role,
    /// At least 10 characters. Left out, the answer has a link by which the person sets it.
    password: Option<String>,
}

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    role: Option<Role>,
    /// Ends every session of this person.
    password: Option<String>,
    /// Ends every session of this person.
    disabled: Option<bool>,
}

/// The people of the workspace.
#[utoipa::path(get, path = "/users", tag = "people", params(PageQuery), responses((status = 200, body = Page<User>)))]
async fn list(Axum(state): Axum<State>, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<Page<User>>> {
    caller.at_least(Role::Admin)?;
    let rows = state.db.users(&caller.workspace, page.after()?, page.limit() + 1).await?;
    Ok(Json(Page::new(rows, page.limit(), |row| row.id.clone()).map(User::from)))
}

/// Add a person.
#[utoipa::path(post, path = "/users", tag = "people", request_body = NewUser, responses(
    (status = 201, body = MadeUser), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(new): Body<NewUser>,
) -> Answer<(StatusCode, Json<MadeUser>)> {
    let NewUser { email, name, role, password } = new;
    let new = NewPerson { email, name, role, password };
    let user = people::add(&state, &caller, new, |user| keyed.answer(StatusCode::CREATED, user)).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// One person.
#[utoipa::path(get, path = "/users/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 200, body = User), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<User>> {
    caller.at_least(Role::Admin)?;
    let row = state.db.user(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(row.into()))
}

/// Change a person.
#[utoipa::path(patch, path = "/users/{id}", tag = "people", params(("id" = String, Path)), request_body = Change,
    responses((status = 200, body = User), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(change): Body<Change>,
) -> Answer<Json<User>> {
    let Change { name, role, password, disabled } = change;
    let change = PersonChange { name, role, password, disabled };
    Ok(Json(people::change(&state, &caller, &id, change).await?))
}

/// Make a link by which a person sets their own password. Earlier ones of theirs stop working; the password so far works until the link is
/// used.
#[utoipa::path(post, path = "/users/{id}/password-link", tag = "people", params(("id" = String, Path)), responses(
    (status = 201, body = PasswordLink), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn link(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<PasswordLink>)> {
    let link = people::link(&state, &caller, &id, |link| keyed.answer(StatusCode::CREATED, link)).await?;
    Ok((StatusCode::CREATED, Json(link)))
}

/// Remove a person.
#[utoipa::path(delete, path = "/users/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn remove(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    people::remove(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
