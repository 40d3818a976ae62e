//! People of a workspace.

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
use crate::auth::{AuthError, Role};
use crate::db::{UserChange, UserChanged, UserRow};
use crate::model::name;
use crate::model::time::rfc3339;
use sambung_runtime::manifest::settings::is_email;

/// `/users`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(people)).routes(routes!(list, create)).routes(routes!(read, change, remove))
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    /// `usr_…`
    id: String,
    email: String,
    name: String,
    /// `agent`, `supervisor`, `admin` or `operator`
    role: String,
    /// Whether this person may not sign in.
    disabled: bool,
    created_at: String,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> User {
        User {
            id: row.id,
            email: row.email,
            name: row.name,
            role: row.role,
            disabled: row.disabled_at.is_some(),
            created_at: rfc3339(row.created_at),
        }
    }
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

/// Most people of a workspace that are listed.
const MOST_PEOPLE: u32 = 1_000;

/// The people of the workspace who may sign in, by name, at most 1,000. Every role may read them, because a conversation can be assigned to each.
#[utoipa::path(get, path = "/people", tag = "people", responses((status = 200, body = People)))]
async fn people(Axum(state): Axum<State>, caller: Caller) -> Answer<Json<People>> {
    caller.at_least(Role::Agent)?;
    let rows = state.db.people(&caller.workspace, MOST_PEOPLE).await?;
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
    /// At least 10 characters.
    #[serde(default)]
    password: String,
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
    (status = 201, body = User), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Body(new): Body<NewUser>,
) -> Answer<(StatusCode, Json<User>)> {
    caller.at_least(Role::Admin)?;
    may_give(&caller, new.role)?;
    let mut faults = Vec::new();
    if new.email.trim().is_empty() {
        faults.push(FieldError::required("#/email"));
    } else if !looks_like_email(&new.email) {
        faults.push(FieldError::new("#/email", "format", "this is no e-mail address"));
    }
    faults.extend(name::fault("#/name", &new.name));
    if new.password.is_empty() {
        faults.push(FieldError::required("#/password"));
    } else if let Err(words) = crate::auth::password::good_enough(&new.password) {
        faults.push(FieldError::new("#/password", "weak-password", words));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let detail = json!({ "email": new.email, "role": new.role });
    let entry = caller.entry(state.clock.now(), "user.create", "", detail);
    let answer = |user: &UserRow| keyed.answer(StatusCode::CREATED, &User::from(user.clone()));
    let NewUser { email, name, role, password } = new;
    match state.auth.create_user_for(&caller.workspace, &email, &name, role, Some(password), entry, answer).await {
        Ok(user) => Ok((StatusCode::CREATED, Json(user.into()))),
        Err(AuthError::Db(error)) if error.unique_violation().is_some() => {
            Err(Problem::conflict("email-taken", "somebody has this e-mail address already"))
        }
        Err(error) => Err(error.into()),
    }
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
    if let Some(fault) = change.name.as_deref().and_then(|name| name::fault("#/name", name)) {
        return Err(Problem::invalid(vec![fault]));
    }
    theirs(&state, &caller, &id).await?;
    if let Some(role) = change.role {
        may_give(&caller, role)?;
    }
    let now = state.clock.now();
    let detail = json!({ "name": change.name, "role": change.role, "password": change.password.is_some(),
        "disabled": change.disabled });
    let password_hash = match change.password {
        Some(password) => Some(state.auth.hash(password).await?),
        None => None,
    };
    let row_change = UserChange {
        name: change.name.filter(|name| !name.trim().is_empty()),
        role: change.role.map(|role| role.name().into()),
        password_hash,
        disabled_at: change.disabled.map(|disabled| disabled.then_some(now)),
    };
    let entry = caller.entry(now, "user.change", &id, detail);
    let changed = state.db.change_user(&caller.workspace, &id, row_change, may_change(&caller), now, entry).await?;
    Ok(Json(done(changed)?.into()))
}

/// Remove a person.
#[utoipa::path(delete, path = "/users/{id}", tag = "people", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn remove(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    let row = theirs(&state, &caller, &id).await?;
    let entry = caller.entry(state.clock.now(), "user.remove", &id, json!({ "email": row.email }));
    done(state.db.remove_user(&caller.workspace, &id, may_change(&caller), entry).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The person, whom this caller may change: nobody changes whoever may more than oneself.
async fn theirs(state: &State, caller: &Caller, id: &str) -> Answer<UserRow> {
    caller.at_least(Role::Admin)?;
    let row = state.db.user(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    if let Some(role) = Role::from_name(&row.role) {
        may_give(caller, role)?;
    }
    Ok(row)
}

/// Nobody gives a role that is more than one's own.
pub(super) fn may_give(caller: &Caller, role: Role) -> Answer<()> {
    if role > caller.role {
        return Err(Problem::forbidden(format!("only the role {role} may give the role {role}")));
    }
    Ok(())
}

/// The roles of the people whom this caller may change.
fn may_change(caller: &Caller) -> Vec<&'static str> {
    Role::ALL.into_iter().filter(|role| *role <= caller.role).map(Role::name).collect()
}

/// What the act itself found: somebody else may have changed the person since the request came.
fn done(changed: UserChanged) -> Answer<UserRow> {
    match changed {
        UserChanged::Done(row) => Ok(row),
        UserChanged::NotFound => Err(Problem::not_found()),
        UserChanged::Above(role) => Err(Problem::forbidden(format!("this person has the role {role} now"))),
        UserChanged::LastOperator => {
            Err(Problem::conflict("last-operator", "this is the only operator; make another one first"))
        }
    }
}

/// Whether this may be an e-mail address; only a mail that arrives would prove it.
pub(super) fn looks_like_email(text: &str) -> bool {
    is_email(text.trim())
}
