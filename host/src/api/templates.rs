//! Message templates of a channel: what the provider has, and reading it again.

use axum::Json;
use axum::extract::{Path, Query, State as Axum};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Page, PageQuery};
use super::problem::{Answer, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{ChannelRow, StaleTemplates};
use crate::model::time::rfc3339;
use crate::outbound::SyncError;

/// `/channels/{id}/templates`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(sync))
}

/// A template, with everything that the provider says of it.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct Template {
    name: String,
    language: String,
    /// `approved`, or the provider's word.
    status: String,
    /// When it was read last.
    synced_at: String,
    /// What a send gives: `[{name, …}]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Vec<Value>>,
}

/// When templates were read.
#[derive(Serialize, ToSchema)]
pub(super) struct Synced {
    /// How many there are.
    count: usize,
    synced_at: Option<String>,
    /// Why the last reading failed, if it did.
    error: Option<String>,
}

/// A channel's message templates as last read.
#[utoipa::path(get, path = "/channels/{id}/templates", tag = "templates", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = Page<Template>), (status = 404, body = Problem)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Value>>> {
    caller.at_least(Role::Agent)?;
    let channel = state.db.channel_of(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let Some(account) = channel.account_id else { return Ok(Json(Page { items: Vec::new(), next: None })) };
    let after: Option<(String, String)> = page.after()?;
    let rows = state.db.templates_page(&caller.workspace, account, after, page.limit() as u32 + 1).await?;
    let place = |row: &Value| {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text("name"), text("language"))
    };
    Ok(Json(Page::new(rows, page.limit(), place)))
}

/// Read a channel's templates from the provider now.
#[utoipa::path(post, path = "/channels/{id}/templates/sync", tag = "templates", params(("id" = String, Path)), responses(
    (status = 200, body = Synced), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 502, body = Problem)))]
async fn sync(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Synced>> {
    caller.at_least(Role::Admin)?;
    let channel = state.db.channel_of(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let Some(account_id) = channel.account_id else {
        return Err(Problem::conflict("channel-not-connected", "this channel is not connected yet"));
    };
    let now = state.clock.now();
    state.db.audit(caller.entry(now, "templates.sync", &id, json!({}))).await?;
    let count = state.outbound.sync_templates(stale(&channel, account_id)).await.map_err(problem)?;
    let (synced_at, error) = state.db.templates_synced(account_id).await?;
    Ok(Json(Synced { count, synced_at: synced_at.map(rfc3339), error }))
}

fn stale(channel: &ChannelRow, account_id: i64) -> StaleTemplates {
    StaleTemplates {
        account_id,
        channel_id: channel.id.clone(),
        workspace: channel.workspace.clone(),
        plugin: channel.plugin.clone(),
    }
}

fn problem(error: SyncError) -> Problem {
    let words = error.to_string();
    match error {
        SyncError::None => Problem::conflict("no-templates", words),
        SyncError::Running => Problem::conflict("sync-running", words),
        SyncError::Refused(fault) => {
            Problem::new(StatusCode::BAD_GATEWAY, "provider-refused", words).with("provider_code", json!(fault.code))
        }
        SyncError::Call(_) => Problem::new(StatusCode::BAD_GATEWAY, "plugin-failed", words),
        SyncError::Db(error) => error.into(),
    }
}
