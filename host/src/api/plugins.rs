//! Installed plugins: what they are, what they may, and their life.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sambung_runtime::manifest::{Destination, Origin, Scope};
use sambung_runtime::{Inspection, Plugin};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::language::Language;
use super::path::Path;
use super::problem::{Answer, Body as ReadBody, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::db::PluginRow;
use crate::model::time::rfc3339;
use crate::plugins::{InstallError, Outcome, PluginState, Source};
use crate::web::guard;

/// `/plugins`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, install))
        .routes(routes!(approve))
        .routes(routes!(read, remove))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(schema))
        .routes(routes!(icon))
}

impl From<InstallError> for Problem {
    fn from(error: InstallError) -> Problem {
        let words = error.to_string();
        match error {
            InstallError::Refused(_) => {
                let mut problem = Problem::invalid(vec![FieldError::new("#", "plugin-refused", words.clone())]);
                problem = problem.with("reason", words);
                problem
            }
            InstallError::Approval { digest, plugin, version, needs } => Problem::conflict("approval-needed", words)
                .with("digest", digest)
                .with("plugin", plugin)
                .with("version", version)
                .with("needs", json!(needs)),
            InstallError::Settings { plugin, version, misfits, .. } => Problem::conflict("settings-misfit", words)
                .with("plugin", plugin)
                .with("version", version)
                .with("misfits", json!(misfits)),
            InstallError::Disk(error) => Problem::internal(&error),
            InstallError::Db(error) => error.into(),
        }
    }
}

/// Installed plugins. An operator is told of refused files of the plugins folder and of overrides of destinations besides.
#[utoipa::path(get, path = "/plugins", tag = "plugins", responses((status = 200, body = Value)))]
async fn list(Axum(state): Axum<State>, caller: Caller, language: Language) -> Answer<Json<Value>> {
    caller.at_least(Role::Admin)?;
    let mut items = Vec::new();
    for row in state.db.installed_plugins().await? {
        items.push(shown(&state, &caller, &row, language).await?);
    }
    let mut answer = json!({ "next": null });
    if caller.role >= Role::Operator {
        for refused in state.db.refused_files().await? {
            items.push(json!({
                "file": refused.file, "state": "refused", "reason": refused.reason, "digest": refused.digest,
                "at": rfc3339(refused.at)
            }));
        }
        answer["egress_overrides"] = json!(state.config.egress.overrides);
    }
    answer["items"] = items.into();
    Ok(Json(answer))
}

/// Install or upgrade a plugin: the body is the `.wasm` file.
///
/// 409 `approval-needed` names what an operator has to approve, by the file's digest (`POST /plugins/approvals`); 409 `settings-misfit` the channels whose settings it
/// would not take.
#[utoipa::path(post, path = "/plugins", tag = "plugins", request_body(content = Vec<u8>, content_type = "application/wasm"), responses(
    (status = 201, body = Value), (status = 200, description = "this very file runs already", body = Value),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem)))]
async fn install(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    body: Body,
) -> Answer<(StatusCode, Json<Value>)> {
    caller.at_least(Role::Operator)?;
    let most = usize::try_from(state.config.runtime.limits.file_bytes).unwrap_or(usize::MAX);
    let wasm = to_bytes(body, most).await.map_err(|error| {
        let words = format!("a plugin file has at most {most} bytes, or the upload ended too early");
        Problem::unread(&error, Problem::too_large(words))
    })?;
    if wasm.is_empty() {
        return Err(Problem::invalid(vec![FieldError::new(
            "#",
            "required",
            "the body is the .wasm file, and it is empty",
        )]));
    }
    let entry = |new: &Inspection| {
        let detail = json!({ "version": new.manifest.version.to_string(), "digest": new.digest });
        Some(caller.host_entry(state.clock.now(), "plugin.install", &new.manifest.id, detail))
    };
    let installed = state.plugins.install_by(wasm.to_vec(), Source::Upload, entry).await?;
    let generation = installed.generation;
    let status = if installed.outcome == Outcome::Unchanged { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(one(&state, &caller, &generation.id, language).await?)))
}

/// Which file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// SHA-256 of the file in lower-case hex, as the refusal names it.
    #[serde(default)]
    digest: String,
}

/// Approve a plugin file that was refused, by its content: with the permissions it asks for, or although its plugin was taken out
/// of use.
///
/// 200 with the plugin where a file of the plugins folder holds this content, which runs now; 202 where none does: the content is
/// installed when it comes.
#[utoipa::path(post, path = "/plugins/approvals", tag = "plugins", request_body = Approval, responses(
    (status = 200, body = Value), (status = 202), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn approve(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    ReadBody(asked): ReadBody<Approval>,
) -> Answer<Response> {
    caller.at_least(Role::Operator)?;
    if asked.digest.is_empty() {
        return Err(Problem::invalid(vec![FieldError::required("#/digest")]));
    }
    let is_digest =
        asked.digest.len() == 64 && asked.digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_digest {
        let words = "must be a file's SHA-256: 64 hexadecimal digits in lower case";
        return Err(Problem::invalid(vec![FieldError::new("#/digest", "format", words)]));
    }
    let entry = caller.host_entry(state.clock.now(), "plugin.approve", &asked.digest, json!({}));
    match state.plugins.approve(&asked.digest, entry).await? {
        Some(installed) => Ok(Json(one(&state, &caller, &installed.generation.id, language).await?).into_response()),
        None => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

/// One plugin.
#[utoipa::path(get, path = "/plugins/{id}", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = Value), (status = 404, body = Problem)))]
async fn read(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    caller.at_least(Role::Admin)?;
    Ok(Json(one(&state, &caller, &id, language).await?))
}

/// Take a plugin out of use: its webhooks answer 404. Its channels stay, need attention, and go on when an operator installs it
/// again; until then no file of it is installed by itself.
#[utoipa::path(delete, path = "/plugins/{id}", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn remove(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.at_least(Role::Operator)?;
    let entry = caller.host_entry(state.clock.now(), "plugin.remove", &id, json!({}));
    if !state.plugins.remove(&id, entry).await? {
        return Err(Problem::not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Hold a plugin: webhooks are verified and journalled, and nothing else runs.
#[utoipa::path(post, path = "/plugins/{id}/disable", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = Value), (status = 404, body = Problem)))]
async fn disable(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    set_state(&state, &caller, &id, PluginState::Disabled, language).await
}

/// Let a plugin run again.
#[utoipa::path(post, path = "/plugins/{id}/enable", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, body = Value), (status = 404, body = Problem)))]
async fn enable(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Value>> {
    set_state(&state, &caller, &id, PluginState::Active, language).await
}

async fn set_state(
    state: &State,
    caller: &Caller,
    id: &str,
    wanted: PluginState,
    language: Language,
) -> Answer<Json<Value>> {
    caller.at_least(Role::Operator)?;
    let action = if wanted == PluginState::Active { "plugin.enable" } else { "plugin.disable" };
    let entry = caller.host_entry(state.clock.now(), action, id, json!({}));
    if !state.plugins.set_state(id, wanted, entry).await? {
        return Err(Problem::not_found());
    }
    Ok(Json(one(state, caller, id, language).await?))
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
    (status = 200, body = Value), (status = 404, body = Problem)))]
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

/// The plugin's picture.
#[utoipa::path(get, path = "/plugins/{id}/icon", tag = "plugins", params(("id" = String, Path)), responses(
    (status = 200, content_type = "image/svg+xml"), (status = 404, body = Problem)))]
async fn icon(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Response> {
    caller.at_least(Role::Agent)?;
    let generation = state.plugins.get(&id).ok_or_else(Problem::not_found)?;
    let icon = generation.plugin.icon().filter(|svg| is_plain(svg)).ok_or_else(Problem::not_found)?;
    let headers = [(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "private, max-age=3600")];
    let mut response = (headers, icon.to_owned()).into_response();
    guard::foreign(response.headers_mut());
    Ok(response)
}

/// A picture and nothing else: no script, no handler, nothing from elsewhere. The policy it is served under says the same
/// once more.
fn is_plain(svg: &str) -> bool {
    let lower = svg.to_ascii_lowercase();
    let forbidden = ["<script", "<foreignobject", "<iframe", "javascript:", "<!entity", "<!doctype", "@import"];
    let mut words = lower.split(|character: char| !character.is_ascii_alphanumeric() && character != '=');
    let handler = words.any(|word| word.starts_with("on") && word.ends_with('=') && word.len() > 3);
    let elsewhere = lower.split("href=").skip(1).any(|rest| !rest.trim_start_matches(['"', '\'']).starts_with('#'));
    !handler && !elsewhere && !forbidden.iter().any(|word| lower.contains(word))
}

async fn one(state: &State, caller: &Caller, id: &str, language: Language) -> Answer<Value> {
    let row = state.db.plugin_row(id).await?.filter(|row| row.state != "removed").ok_or_else(Problem::not_found)?;
    shown(state, caller, &row, language).await
}

async fn shown(state: &State, caller: &Caller, row: &PluginRow, language: Language) -> Answer<Value> {
    // How many channels other workspaces have is the operator's to know.
    let within = (caller.role < Role::Operator).then_some(caller.workspace.as_str());
    let generations: Vec<Value> = state
        .db
        .generations_of(&row.id)
        .await?
        .into_iter()
        .map(|generation| {
            json!({
                "number": generation.id, "version": generation.version, "digest": generation.digest,
                "source": generation.source, "state": generation.state, "installed_at": rfc3339(generation.installed_at),
                "retired_at": generation.retired_at.map(rfc3339),
            })
        })
        .collect();
    let mut value = json!({
        "id": row.id,
        "state": row.state,
        "channels": state.db.count_channels_of_plugin(&row.id, within).await?,
        "generations": generations,
        "installed_at": rfc3339(row.installed_at),
        "changed_at": rfc3339(row.changed_at),
        "health": { "running": true, "reason": null },
    });
    match state.plugins.get(&row.id) {
        Some(generation) => describe(&mut value, &generation.plugin, language),
        None => {
            let reason = state.plugins.failure(&row.id).unwrap_or_else(|| "it is not loaded".to_owned());
            value["health"] = json!({ "running": false, "reason": reason });
        }
    }
    Ok(value)
}

fn describe(value: &mut Value, plugin: &Plugin, language: Language) {
    let (manifest, texts) = (plugin.manifest(), plugin.texts(language.0));
    let facts = json!({
        "name": texts.name,
        "description": texts.description,
        "instructions": texts.instructions,
        "fields": texts.fields,
        "reasons": texts.reasons,
        "version": manifest.version.to_string(),
        "publisher": manifest.publisher,
        "license": manifest.license,
        "homepage": manifest.homepage,
        "digest": plugin.digest(),
        "features": plugin.interfaces(),
        "limits": manifest.limits,
        "has_apps": plugin.settings_schema("app", "en").is_some(),
        "has_icon": plugin.icon().is_some_and(is_plain),
        "permissions": {
            "egress": manifest.egress.iter().map(destination).collect::<Vec<_>>(),
            "secrets": manifest.secrets.iter().map(|secret| json!({
                "name": secret.name,
                "scope": match secret.scope { Scope::App => "app", Scope::Channel => "channel" },
                "origin": match secret.origin {
                    Origin::Admin => "admin",
                    Origin::Generated(_) => "generated",
                    Origin::Obtained => "obtained",
                },
                "destinations": secret.destinations,
                "places": secret.places,
            })).collect::<Vec<_>>(),
            "ingress": manifest.ingress,
            "mail": manifest.mail,
            "webhooks": manifest.webhooks.iter().map(|webhook| json!({
                "name": webhook.name, "plugin_answers": webhook.plugin_answers
            })).collect::<Vec<_>>(),
        },
    });
    if let (Some(value), Value::Object(facts)) = (value.as_object_mut(), facts) {
        value.extend(facts);
    }
}

fn destination(destination: &Destination) -> Value {
    match destination {
        Destination::Host { target, methods } => json!({ "to": target.to_string(), "methods": methods }),
        Destination::FromSetting { setting, methods } => json!({ "to_setting": setting, "methods": methods }),
        Destination::MediaFromAnywhere => json!({ "to": "*", "methods": ["GET"], "media": true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_with_anything_that_runs_is_not_served() {
        assert!(is_plain("<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/><use href=\"#a\"/></svg>"));
        for svg in [
            "<svg><script>alert(1)</script></svg>",
            "<svg ONLOAD=\"alert(1)\"></svg>",
            "<svg><image href=\"https://elsewhere.example/x\"/></svg>",
            "<svg><a xlink:href='javascript:alert(1)'/></svg>",
            "<!DOCTYPE svg [<!ENTITY x \"y\">]><svg/>",
        ] {
            assert!(!is_plain(svg), "{svg}");
        }
    }
}
