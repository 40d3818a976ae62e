//! What the API and the pages do alike with a channel's message templates.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::caller::Caller;
use super::problem::{Answer, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{ChannelRow, KnownTemplate, StaleTemplates, TemplateFilter};
use crate::model::new_template::Draft;
use crate::outbound::{AuthoringError, Made, SyncError};

/// Templates of a channel, and when they were read.
#[derive(Default)]
pub struct Listed {
    /// Those of this page, with one more where there is a next page.
    pub rows: Vec<KnownTemplate>,
    /// When the provider was asked last and answered.
    pub synced_at: Option<i64>,
    /// Why it failed since, if it did.
    pub error: Option<String>,
}

/// A channel's templates as last read, after the name and language `after`. None are there before it is connected.
///
/// # Errors
/// 404 where there is no such channel.
pub async fn list(
    state: &State,
    caller: &Caller,
    channel: &str,
    filter: TemplateFilter,
    after: Option<(String, String)>,
    limit: u32,
) -> Answer<Listed> {
    caller.at_least(Role::Agent)?;
    let channel = state.db.channel_of(&caller.workspace, channel).await?.ok_or_else(Problem::not_found)?;
    let Some(account) = channel.account_id else { return Ok(Listed::default()) };
    let rows = state.db.templates_page(account, filter, after, limit).await?;
    let (synced_at, error) = state.db.templates_synced(account).await?;
    Ok(Listed { rows, synced_at, error })
}

/// Has a template approved, after `wit/schemas/new-template.json`.
///
/// # Errors
/// 409 where there is another one of this name and language, 422 with every fault, what the provider refuses among them.
pub async fn create(state: &State, caller: &Caller, channel: &str, wanted: &Value) -> Answer<Made> {
    caller.at_least(Role::Admin)?;
    let row = state.db.channel_of(&caller.workspace, channel).await?.ok_or_else(Problem::not_found)?;
    let draft = Draft::read(wanted).map_err(Problem::invalid)?;
    let detail = json!({"template": format!("{}:{}", draft.name, draft.language)});
    let entry = caller.entry(state.clock.now(), "template.create", channel, detail);
    Ok(state.outbound.create_template(&row, draft, entry).await?)
}

/// One template, by `<name>:<language>`.
///
/// # Errors
/// 404 where there is none.
pub async fn read(state: &State, caller: &Caller, channel: &str, template: &str) -> Answer<KnownTemplate> {
    caller.at_least(Role::Agent)?;
    let (_, account) = connected(state, caller, channel).await?;
    let (name, language) = place(template)?;
    state.db.template(account, &name, &language).await?.ok_or_else(Problem::not_found)
}

/// Removes a template at the provider, in this language alone. Done already is done.
///
/// # Errors
/// 502 where the provider refuses.
pub async fn remove(state: &State, caller: &Caller, channel: &str, template: &str) -> Answer<()> {
    caller.at_least(Role::Admin)?;
    let (row, _) = connected(state, caller, channel).await?;
    let place = place(template)?;
    let entry = caller.entry(state.clock.now(), "template.delete", channel, json!({"template": template}));
    Ok(state.outbound.delete_template(&row, place, entry).await?)
}

/// Switches a template on or off. It stays so whatever the provider says of it.
///
/// # Errors
/// 404 where there is none.
pub async fn switch(
    state: &State,
    caller: &Caller,
    channel: &str,
    template: &str,
    enabled: bool,
) -> Answer<KnownTemplate> {
    caller.at_least(Role::Admin)?;
    let (_, account) = connected(state, caller, channel).await?;
    let detail = json!({"template": template, "enabled": enabled});
    let entry = caller.entry(state.clock.now(), "template.switch", channel, detail);
    let switched = state.db.switch_template(&caller.workspace, account, place(template)?, enabled, entry).await?;
    switched.ok_or_else(Problem::not_found)
}

/// What reading again brought.
pub struct Synced {
    /// How many templates there are.
    pub count: usize,
    /// When the provider was asked last and answered.
    pub synced_at: Option<i64>,
    /// Why it failed since, if it did.
    pub error: Option<String>,
}

/// Reads a channel's templates from the provider now.
///
/// # Errors
/// 409 where the channel has none, 502 where the provider refuses.
pub async fn sync(state: &State, caller: &Caller, channel: &str) -> Answer<Synced> {
    caller.at_least(Role::Admin)?;
    let (row, account) = connected(state, caller, channel).await?;
    state.db.audit(caller.entry(state.clock.now(), "templates.sync", channel, json!({}))).await?;
    let count = state.outbound.sync_templates(stale(&row, account)).await?;
    let (synced_at, error) = state.db.templates_synced(account).await?;
    Ok(Synced { count, synced_at, error })
}

async fn connected(state: &State, caller: &Caller, id: &str) -> Answer<(Arc<ChannelRow>, i64)> {
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
