//! Registrations with a provider, which several channels may share.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::{Keyed, Unfinished};
use super::language::Language;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::channels::{AppChange, Request};
use crate::db::AppRow;
use crate::model::shown::app::App;
use crate::model::shown::free::PluginSettings;

/// `/plugins/{id}/apps` and `/plugins/{id}/settings`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
        .routes(routes!(check))
        .routes(routes!(save_default))
}

/// A registration to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApp {
    name: Option<String>,
    /// After the plugin's settings schema of an `app`.
    #[serde(default)]
    #[schema(value_type = Option<PluginSettings>)]
    settings: Option<Value>,
    /// For every workspace; an operator's choice. Where nothing is said, the workspace's own.
    #[serde(default)]
    shared: bool,
    /// Channels that name no registration use it; a shared one only.
    #[serde(default)]
    default: bool,
}

/// What is to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AppPatch {
    name: Option<String>,
    /// What is not named stays, an empty secret keeps the stored one.
    #[schema(value_type = Option<PluginSettings>)]
    settings: Option<Value>,
}

/// The registrations that the workspace may use.
#[utoipa::path(get, path = "/plugins/{id}/apps", tag = "plugins", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = Page<App>)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(plugin): Path<String>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<App>>> {
    caller.at_least(Role::Admin)?;
    let after: String = page.after()?.unwrap_or_default();
    let limit = u32::try_from(page.limit() + 1).unwrap_or(u32::MAX);
    let mut shown = Vec::new();
    for row in state.db.apps_page(&caller.workspace, &plugin, &after, limit).await? {
        shown.push(state.channels.show_app(&row, may_change(&caller, &row), language.0).await?);
    }
    Ok(Json(Page::new(shown, page.limit(), |row| row.id.clone())))
}

/// Make a registration.
#[utoipa::path(post, path = "/plugins/{id}/apps", tag = "plugins", params(("id" = String, Path)), request_body = NewApp, responses(
    (status = 201, body = App), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    keyed: Keyed,
    unfinished: Unfinished,
    Path(plugin): Path<String>,
    Body(new): Body<NewApp>,
) -> Answer<(StatusCode, Json<App>)> {
    caller.at_least(if new.shared || new.default { Role::Operator } else { Role::Admin })?;
    let request = Request { ticket: keyed.0, unfinished: unfinished.0 };
    let there = if new.default { state.db.default_app(&plugin).await? } else { None };
    if there.is_some_and(|app| request.unfinished.as_ref() != Some(&app.id)) {
        return Err(Problem::conflict(
            "default-exists",
            "the plugin has a default registration already; change that one",
        ));
    }
    let workspace = if new.shared || new.default { None } else { Some(caller.workspace.as_str()) };
    let change = AppChange { name: new.name, settings: new.settings.unwrap_or_else(|| json!({})) };
    let id = state.channels.create_app(workspace, &plugin, change, new.default, &caller.as_actor(), request).await?;
    Ok((StatusCode::CREATED, Json(shown(&state, &caller, language, &plugin, &id).await?)))
}

/// One registration.
#[utoipa::path(get, path = "/plugins/{id}/apps/{app}", tag = "plugins", params(("id" = String, Path), ("app" = String, Path)),
    responses((status = 200, body = App), (status = 404, body = Problem)))]
async fn read(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path((plugin, app)): Path<(String, String)>,
) -> Answer<Json<App>> {
    caller.at_least(Role::Admin)?;
    Ok(Json(shown(&state, &caller, language, &plugin, &app).await?))
}

/// Change a registration.
#[utoipa::path(patch, path = "/plugins/{id}/apps/{app}", tag = "plugins", params(("id" = String, Path), ("app" = String, Path)),
    request_body = AppPatch, responses((status = 200, body = App), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 422, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path((plugin, app)): Path<(String, String)>,
    Body(patch): Body<AppPatch>,
) -> Answer<Json<App>> {
    let row = changeable(&state, &caller, &plugin, &app).await?;
    let change = AppChange { name: patch.name, settings: patch.settings.unwrap_or_else(|| json!({})) };
    state.channels.change_app(row, change, &caller.as_actor()).await?;
    Ok(Json(shown(&state, &caller, language, &plugin, &app).await?))
}

/// Take a registration back.
#[utoipa::path(delete, path = "/plugins/{id}/apps/{app}", tag = "plugins", params(("id" = String, Path), ("app" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn remove(
    Axum(state): Axum<State>,
    caller: Caller,
    Path((plugin, app)): Path<(String, String)>,
) -> Answer<StatusCode> {
    let row = changeable(&state, &caller, &plugin, &app).await?;
    state.channels.delete_app(&row, &caller.as_actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask how a registration is now; what is wrong stands in its findings.
#[utoipa::path(post, path = "/plugins/{id}/apps/{app}/check", tag = "plugins", params(("id" = String, Path), ("app" = String, Path)),
    responses((status = 200, body = App), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 502, body = Problem)))]
async fn check(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path((plugin, app)): Path<(String, String)>,
) -> Answer<Json<App>> {
    let row = changeable(&state, &caller, &plugin, &app).await?;
    state.channels.check_app(&row.id, &caller.as_actor()).await?;
    Ok(Json(shown(&state, &caller, language, &plugin, &app).await?))
}

/// Save the settings of the plugin's default registration: the settings themselves, or `{"settings": …}`.
#[utoipa::path(put, path = "/plugins/{id}/settings", tag = "plugins", params(("id" = String, Path)), request_body = PluginSettings, responses(
    (status = 200, body = App), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn save_default(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(plugin): Path<String>,
    Body(body): Body<Value>,
) -> Answer<Json<App>> {
    caller.at_least(Role::Operator)?;
    let settings = match body.as_object() {
        Some(object) if object.len() == 1 && object.get("settings").is_some_and(Value::is_object) => {
            object["settings"].clone()
        }
        _ => body,
    };
    let id = state.channels.save_default_app(&plugin, settings, &caller.as_actor()).await?;
    Ok(Json(shown(&state, &caller, language, &plugin, &id).await?))
}

/// An operator changes every one, an admin those of the own workspace.
fn may_change(caller: &Caller, row: &AppRow) -> bool {
    caller.role >= Role::Operator || (caller.role >= Role::Admin && row.workspace.as_ref() == Some(&caller.workspace))
}

async fn changeable(state: &State, caller: &Caller, plugin: &str, app: &str) -> Answer<AppRow> {
    caller.at_least(Role::Admin)?;
    let row = state.db.app_for(&caller.workspace, plugin, app).await?.ok_or_else(Problem::not_found)?;
    if !may_change(caller, &row) {
        return Err(Problem::forbidden("only an operator may change a registration that all workspaces share"));
    }
    Ok(row)
}

async fn shown(state: &State, caller: &Caller, language: Language, plugin: &str, app: &str) -> Answer<App> {
    let row = state.db.app_for(&caller.workspace, plugin, app).await?.ok_or_else(Problem::not_found)?;
    Ok(state.channels.show_app(&row, may_change(caller, &row), language.0).await?)
}
