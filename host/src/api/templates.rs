//! Message templates of a channel: what the provider has, making and removing them, letting them be used, reading them again.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Cursor, Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::db::{ChannelRow, KnownTemplate, StaleTemplates, TemplateFilter};
use crate::model::new_template::Draft;
use crate::model::time::rfc3339;
use crate::outbound::{AuthoringError, Made, SyncError};

/// `/channels/{id}/templates`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(sync)).routes(routes!(read, remove, switch))
}

/// A template, with everything that the provider says of it.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct Template {
    /// `<name>:<language>`, which says which template it is as long as there is one.
    id: String,
    /// The provider's own id.
    provider_id: Option<String>,
    name: String,
    language: String,
    /// `approved`, or the provider's word.
    status: String,
    /// Why it was rejected, paused or is in danger, in the provider's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Whether it may be used here: an admin's switch, of which the provider knows nothing.
    enabled: bool,
    /// When it was read last.
    synced_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<String>,
    /// With its blanks: `{{1}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// What a send gives: `[{name, in, kind, example, max, required}]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Vec<Value>>,
}

/// A page of templates.
#[derive(Serialize, ToSchema)]
pub(super) struct Templates {
    #[schema(value_type = Vec<Template>)]
    items: Vec<Value>,
    /// Asks for the next page; null on the last.
    #[schema(value_type = Option<String>)]
    next: Option<Cursor>,
    /// When the provider was asked last.
    sync: SyncState,
}

/// When templates were read from the provider.
#[derive(Serialize, ToSchema)]
pub(super) struct SyncState {
    /// When that last succeeded.
    synced_at: Option<String>,
    /// Why it failed since, if it did.
    error: Option<String>,
}

/// What reading again brought.
#[derive(Serialize, ToSchema)]
pub(super) struct Synced {
    /// How many there are.
    count: usize,
    synced_at: Option<String>,
    error: Option<String>,
}

/// Which templates.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Items on the page, at most 200; 50 when nothing is said.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `true`: those that may be sent, approved and not switched off.
    sendable: Option<bool>,
}

/// A channel's message templates as last read.
#[utoipa::path(get, path = "/channels/{id}/templates", tag = "templates", params(("id" = String, Path), Which), responses(
    (status = 200, body = Templates), (status = 404, body = Problem)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Answer<Json<Templates>> {
    caller.at_least(Role::Agent)?;
    let channel = state.db.channel_of(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let Some(account) = channel.account_id else {
        let sync = SyncState { synced_at: None, error: None };
        return Ok(Json(Templates { items: Vec::new(), next: None, sync }));
    };
    let page = PageQuery { limit: which.limit, cursor: which.cursor };
    let filter = if which.sendable == Some(true) { TemplateFilter::Sendable } else { TemplateFilter::All };
    let after: Option<(String, String)> = page.after()?;
    let rows = state.db.templates_page(account, filter, after, page.limit() as u32 + 1).await?;
    let (synced_at, error) = state.db.templates_synced(account).await?;
    let page = Page::new(rows, page.limit(), |row| (row.name.clone(), row.language.clone()));
    let items = page.items.iter().map(KnownTemplate::shown).collect();
    Ok(Json(Templates { items, next: page.next, sync: SyncState { synced_at: synced_at.map(rfc3339), error } }))
}

/// Have a template approved (`wit/schemas/new-template.json`): 201 with it, mostly `pending`. 200 where there is one already
/// that says the same; 409 `template-exists` where it says something else. What the provider refuses stands at its field.
#[utoipa::path(post, path = "/channels/{id}/templates", tag = "templates", params(("id" = String, Path)), request_body = Value, responses(
    (status = 201, body = Template), (status = 200, body = Template), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wanted): Body<Value>,
) -> Answer<Response> {
    caller.at_least(Role::Admin)?;
    let channel = state.db.channel_of(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let draft = Draft::read(&wanted).map_err(Problem::invalid)?;
    let detail = json!({"template": format!("{}:{}", draft.name, draft.language)});
    let entry = caller.entry(state.clock.now(), "template.create", &id, detail);
    let (status, known) = match state.outbound.create_template(&channel, draft, entry).await? {
        Made::New(known) => (StatusCode::CREATED, known),
        Made::There(known) => (StatusCode::OK, known),
    };
    let shown = known.shown();
    let place = format!("/v1/channels/{id}/templates/{}", shown["id"].as_str().unwrap_or_default());
    Ok((status, [(LOCATION, place)], Json(shown)).into_response())
}

/// One template.
#[utoipa::path(get, path = "/channels/{id}/templates/{template}", tag = "templates",
    params(("id" = String, Path), ("template" = String, Path, description = "`<name>:<language>`")), responses(
    (status = 200, body = Template), (status = 404, body = Problem)))]
async fn read(
    Axum(state): Axum<State>,
    caller: Caller,
    Path((id, template)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    caller.at_least(Role::Agent)?;
    let (_, account) = connected(&state, &caller, &id).await?;
    let (name, language) = place(&template)?;
    let known = state.db.template(account, &name, &language).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(known.shown()))
}

/// Remove a template at the provider, in this language alone. Done already is done.
#[utoipa::path(delete, path = "/channels/{id}/templates/{template}", tag = "templates",
    params(("id" = String, Path), ("template" = String, Path, description = "`<name>:<language>`")), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, body = Problem), (status = 502, body = Problem)))]
async fn remove(
    Axum(state): Axum<State>,
    caller: Caller,
    Path((id, template)): Path<(String, String)>,
) -> Answer<StatusCode> {
    caller.at_least(Role::Admin)?;
    let (channel, _) = connected(&state, &caller, &id).await?;
    let place = place(&template)?;
    let entry = caller.entry(state.clock.now(), "template.delete", &id, json!({"template": template}));
    state.outbound.delete_template(&channel, place, entry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a template may be used.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// `false`: it is not offered and cannot be sent. The provider is told nothing.
    enabled: Option<bool>,
}

/// Switch a template on or off. It stays so whatever the provider says of it.
#[utoipa::path(patch, path = "/channels/{id}/templates/{template}", tag = "templates",
    params(("id" = String, Path), ("template" = String, Path, description = "`<name>:<language>`")), request_body = Switch, responses(
    (status = 200, body = Template), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn switch(
    Axum(state): Axum<State>,
    caller: Caller,
    Path((id, template)): Path<(String, String)>,
    Body(switch): Body<Switch>,
) -> Answer<Json<Value>> {
    caller.at_least(Role::Admin)?;
    let (_, account) = connected(&state, &caller, &id).await?;
    let Some(enabled) = switch.enabled else {
        return Err(Problem::invalid(vec![FieldError::required("#/enabled")]));
    };
    let detail = json!({"template": template, "enabled": enabled});
    let entry = caller.entry(state.clock.now(), "template.switch", &id, detail);
    let switched = state.db.switch_template(&caller.workspace, account, place(&template)?, enabled, entry).await?;
    Ok(Json(switched.ok_or_else(Problem::not_found)?.shown()))
}

/// Read a channel's templates from the provider now.
#[utoipa::path(post, path = "/channels/{id}/templates/sync", tag = "templates", params(("id" = String, Path)), responses(
    (status = 200, body = Synced), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 502, body = Problem)))]
async fn sync(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Synced>> {
    caller.at_least(Role::Admin)?;
    let (channel, account) = connected(&state, &caller, &id).await?;
    let now = state.clock.now();
    state.db.audit(caller.entry(now, "templates.sync", &id, json!({}))).await?;
    let count = state.outbound.sync_templates(stale(&channel, account)).await?;
    let (synced_at, error) = state.db.templates_synced(account).await?;
    Ok(Json(Synced { count, synced_at: synced_at.map(rfc3339), error }))
}

async fn connected(state: &State, caller: &Caller, id: &str) -> Answer<(std::sync::Arc<ChannelRow>, i64)> {
    let channel = state.db.channel_of(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    let account = channel
        .account_id
        .ok_or_else(|| Problem::conflict("channel-not-connected", "this channel is not connected yet"))?;
    Ok((channel, account))
}

/// Name and language of a template's id. A language has no colon.
fn place(template: &str) -> Answer<(String, String)> {
    let (name, language) = template.rsplit_once(':').ok_or_else(Problem::not_found)?;
    Ok((name.to_owned(), language.to_owned()))
}

fn stale(channel: &ChannelRow, account_id: i64) -> StaleTemplates {
    StaleTemplates {
        account_id,
        channel_id: channel.id.clone(),
        workspace: channel.workspace.clone(),
        plugin: channel.plugin.clone(),
    }
}

impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Problem {
        let words = error.to_string();
        match error {
            SyncError::None => Problem::conflict("no-templates", words),
            SyncError::Away => Problem::conflict("plugin-missing", words),
            SyncError::Refused(fault) => Problem::new(StatusCode::BAD_GATEWAY, "provider-refused", words)
                .with("provider_code", json!(fault.code)),
            SyncError::Call(_) => Problem::new(StatusCode::BAD_GATEWAY, "plugin-failed", words),
            SyncError::Db(error) => error.into(),
        }
    }
}

impl From<AuthoringError> for Problem {
    fn from(error: AuthoringError) -> Problem {
        let words = error.to_string();
        if let Some(faults) = error.fields() {
            let refused = matches!(error, AuthoringError::Refused(_));
            let problem = Problem::invalid(faults);
            return if refused { problem.with("refused", true) } else { problem };
        }
        match error {
            AuthoringError::None => Problem::conflict("no-template-authoring", words),
            AuthoringError::NotConnected => Problem::conflict("channel-not-connected", words),
            AuthoringError::Exists(known) => {
                Problem::conflict("template-exists", words).with("template", known.shown())
            }
            AuthoringError::Refused(faults) => refused(&faults, &words),
            AuthoringError::Call(_) => Problem::new(StatusCode::BAD_GATEWAY, "plugin-failed", words),
            AuthoringError::Unknown(_) => Problem::new(StatusCode::BAD_GATEWAY, "template-unknown", words),
            AuthoringError::NotDone(_) => Problem::unavailable(words, 10),
            AuthoringError::Db(error) => error.into(),
            AuthoringError::Fields(faults) => Problem::invalid(faults),
        }
    }
}

fn refused(faults: &[sambung_runtime::contract::types::Fault], words: &str) -> Problem {
    let wait = faults.iter().find(|fault| fault.kind == "rate-limited");
    if let Some(fault) = wait {
        return Problem::unavailable(words, fault.retry_after_ms.map_or(60, |ms| ms / 1000 + 1));
    }
    let code = faults.iter().find_map(|fault| fault.code.as_deref());
    Problem::new(StatusCode::BAD_GATEWAY, "provider-refused", words).with("provider_code", json!(code))
}
