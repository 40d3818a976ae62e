//! Installed plugins: what they are, what they may, and their life.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::language::Language;
use super::path::Path;
use super::problem::{Answer, Body as ReadBody, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::model::shown::free::{Bytes, PluginForm};
use crate::model::shown::plugin::{Plugin, PluginItem, PluginUse, Plugins};
use crate::plugins::PluginState;
use crate::web::guard;
use crate::web::plugins::{self, is_plain};

/// `/plugins`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, install))
        .routes(routes!(approve))
        .routes(routes!(read, remove))
        .routes(routes!(using))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(schema))
        .routes(routes!(icon))
}

/// Installed plugins. An operator is told of refused files of the plugins folder and of overrides of destinations besides.
#[utoipa::path(get, path = "/plugins", tag = "plugins", responses((status = 200, body = Plugins)))]
async fn list(Axum(state): Axum<State>, caller: Caller, language: Language) -> Answer<Json<Plugins>> {
    let installed = plugins::list(&state, &caller, language).await?;
    let mut items: Vec<_> = installed.into_iter().map(|plugin| PluginItem::Installed(Box::new(plugin))).collect();
    let is_operator = caller.role >= Role::Operator;
    if is_operator {
        items.extend(plugins::refused(&state, &caller).await?.into_iter().map(PluginItem::Refused));
    }
    let egress_overrides = is_operator.then(|| json!(state.config.egress.overrides));
    Ok(Json(Plugins { items, next: None, egress_overrides }))
}

/// Install or upgrade a plugin: the body is the `.wasm` file.
///
/// 409 `approval-needed` names what an operator has to approve, by the file's digest (`POST /plugins/approvals`); 409 `settings-misfit` the channels whose settings it
/// would not take.
#[utoipa::path(post, path = "/plugins", tag = "plugins", request_body(content = Bytes, content_type = "application/wasm"), responses(
    (status = 201, body = Plugin), (status = 200, description = "this very file runs already", body = Plugin),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn install(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    body: Body,
) -> Answer<(StatusCode, Json<Plugin>)> {
    caller.at_least(Role::Operator)?;
    let most = plugins::most_bytes(&state);
    let wasm = to_bytes(body, most).await.map_err(|error| {
        let words = format!("a plugin file has at most {most} bytes, or the upload ended too early");
        Problem::unread(&error, Problem::too_large(words))
    })?;
    let (id, is_new) = plugins::install(&state, &caller, wasm.to_vec()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(plugins::read(&state, &caller, &id, language).await?)))
}

/// Which file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovedFile {
    /// SHA-256 of the file in lower-case hex, as the refusal names it.
    #[serde(default)]
    digest: String,
}

/// Approve a plugin file that was refused, by its content: with the permissions it asks for, or although its plugin was taken out
/// of use.
///
/// 200 with the plugin where a file of the plugins folder holds this content, which runs now; 202 where none does: the content is
/// installed when it comes.
#[utoipa::path(post, path = "/plugins/approvals", tag = "plugins", request_body = ApprovedFile, responses(
    (status = 200, body = Plugin), (status = 202), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn approve(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    ReadBody(asked): ReadBody<ApprovedFile>,
) -> Answer<Response> {
    match plugins::approve(&state, &caller, &asked.digest).await? {
        Some(id) => Ok(Json(plugins::read(&state, &caller, &id, language).await?).into_response()),
        None => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

/// One plugin.
#[utoipa::path(get, path = "/plugins/{id}", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = Plugin), (status = 404, body = Problem)))]
async fn read(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Plugin>> {
    Ok(Json(plugins::read(&state, &caller, &id, language).await?))
}

/// Take a plugin out of use: its webhooks answer 404. Its channels stay, need attention, and go on when an operator installs it
/// again; until then no file of it is installed by itself.
#[utoipa::path(delete, path = "/plugins/{id}", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn remove(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    plugins::remove(&state, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hold a plugin: webhooks are verified and journalled, and nothing else runs.
#[utoipa::path(post, path = "/plugins/{id}/disable", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = Plugin), (status = 404, body = Problem)))]
async fn disable(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Plugin>> {
    set_state(&state, &caller, &id, PluginState::Disabled, language).await
}

/// Let a plugin run again.
#[utoipa::path(post, path = "/plugins/{id}/enable", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = Plugin), (status = 404, body = Problem)))]
async fn enable(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Plugin>> {
    set_state(&state, &caller, &id, PluginState::Active, language).await
}

async fn set_state(
    state: &State,
    caller: &Caller,
    id: &str,
    wanted: PluginState,
    language: Language,
) -> Answer<Json<Plugin>> {
    plugins::set_state(state, caller, id, wanted).await?;
    Ok(Json(plugins::read(state, caller, id, language).await?))
}

/// Which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Of {
    /// `channel` (when nothing is said) or `app`
    of: Option<String>,
}

/// The form of a channel or a registration, with texts in the language of `Accept-Language`.
#[utoipa::path(get, path = "/plugins/{id}/settings-schema", tag = "plugins", params(("id" = String, Path), Of), responses(
    (status = 200, body = PluginForm), (status = 404, body = Problem)))]
async fn schema(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Answer<Json<Value>> {
    caller.at_least(Role::Admin)?;
    let generation = state.plugins.get(&id).ok_or_else(Problem::not_found)?;
    let of = of.of.as_deref().unwrap_or("channel");
    generation.plugin.settings_schema(of, language.0).cloned().map(Json).ok_or_else(Problem::not_found)
}

/// The picture of a plugin that has none of its own, or whose own is more than a plain picture.
const NO_ICON: &str = concat!(
    r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#667880" stroke-width="1.75" stroke-linejoin="round">"##,
    r##"<rect x="4" y="4" width="16" height="16" rx="4"/><path d="M9 9h6v6H9z"/></svg>"##
);

/// The plugin's picture; the host's own for a plugin that has none.
#[utoipa::path(get, path = "/plugins/{id}/icon", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = String, content_type = "image/svg+xml"), (status = 404, body = Problem)))]
async fn icon(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    caller.at_least(Role::Agent)?;
    let generation = state.plugins.get(&id).ok_or_else(Problem::not_found)?;
    let icon = generation.plugin.icon().filter(|svg| is_plain(svg)).unwrap_or(NO_ICON);
    let headers = [(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "private, max-age=3600")];
    let mut response = (headers, icon.to_owned()).into_response();
    guard::foreign(response.headers_mut());
    Ok(response)
}

/// What a plugin used and said since the server started, at most a day ago: time, memory, faults and lines of its log.
#[utoipa::path(get, path = "/plugins/{id}/use", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = PluginUse), (status = 404, body = Problem)))]
async fn using(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<PluginUse>> {
    Ok(Json(plugins::using(&state, &caller, &id).await?))
}
