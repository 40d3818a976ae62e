//! The journal: what the API and the pages do alike.

use serde_json::json;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{JournalFilter, JournalReader, Replay};
use crate::keys::RequestId;
use crate::model::shown::journal::JournalEntry;

/// The states of a request.
pub const STATES: [&str; 4] = ["parked", "waiting", "pending", "settled"];

fn reader(caller: &Caller) -> JournalReader {
    JournalReader { workspace: caller.workspace.clone(), operator: caller.role >= Role::Operator }
}

/// Requests that the filter lets through, newest first, from behind the one with the id `after`. A row of an address
/// that several workspaces share is whole only for an operator.
///
/// # Errors
/// 403 below the role supervisor, 422 for an unknown state.
pub async fn page(
    state: &State,
    caller: &Caller,
    filter: JournalFilter,
    after: Option<RequestId>,
    limit: usize,
) -> Answer<Vec<JournalEntry>> {
    caller.at_least(Role::Supervisor)?;
    if filter.state.as_deref().is_some_and(|word| !STATES.contains(&word)) {
        let words = format!("must be one of {}", STATES.join(", "));
        return Err(Problem::invalid(vec![FieldError::new("#/state", "unknown", words)]));
    }
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    Ok(state.db.journal_page(reader(caller), filter, after, limit).await?)
}

/// One request with its headers and body.
///
/// # Errors
/// 403 below the role supervisor, 404 where there is none that the caller may see whole.
pub async fn read(state: &State, caller: &Caller, id: RequestId) -> Answer<JournalEntry> {
    caller.at_least(Role::Supervisor)?;
    state.db.journal_row(reader(caller), id).await?.ok_or_else(Problem::not_found)
}

/// Has a request translated again, with the plugin as it is now. What it gave before stands.
///
/// # Errors
/// 403 below the role admin, 404 where there is none, 409 where it waits already or its body is gone.
pub async fn replay(state: &State, caller: &Caller, id: RequestId) -> Answer<()> {
    caller.at_least(Role::Admin)?;
    match state.inbound.replay(reader(caller), id).await? {
        Replay::NotFound => return Err(Problem::not_found()),
        Replay::BodyGone => {
            let words = "its body was removed after the retention time, so there is nothing to translate";
            return Err(Problem::conflict("body-gone", words));
        }
        Replay::Pending => return Err(Problem::conflict("pending", "it waits for translation already")),
        Replay::Queued => {}
    }
    state.db.audit(caller.entry(state.clock.now(), "journal.replay", &id.to_string(), json!({}))).await?;
    Ok(())
}
