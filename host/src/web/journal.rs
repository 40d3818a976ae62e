//! The journal: what the API and the pages do alike.

use serde_json::json;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{JournalFilter, JournalReader, Replay};
use crate::model::shown::journal::JournalEntry;

/// The states of a request.
pub const STATES: [&str; 4] = ["parked", "waiting", "pending", "settled"];

/// The kind of a row's number outside.
const KIND: &str = "journal";

fn reader(caller: &Caller) -> JournalReader {
    JournalReader { workspace: caller.workspace.clone(), operator: caller.role >= Role::Operator }
}

/// The row that the caller's workspace knows by this number.
fn row_of(state: &State, caller: &Caller, number: i64) -> Answer<i64> {
    state.db.numbers().reveal(KIND, &caller.workspace, number).ok_or_else(Problem::not_found)
}

/// A row with the number that the caller's workspace knows it by.
fn numbered(state: &State, caller: &Caller, mut row: JournalEntry) -> JournalEntry {
    row.id = state.db.numbers().hide(KIND, &caller.workspace, row.id);
    row
}

/// Requests that the filter lets through, newest first, from behind the one that the caller knows by `after`. A row of an address
/// that several workspaces share is whole only for an operator.
///
/// # Errors
/// 403 below the role supervisor, 404 for an `after` of another workspace, 422 for an unknown state.
pub async fn page(
    state: &State,
    caller: &Caller,
    filter: JournalFilter,
    after: Option<i64>,
    limit: usize,
) -> Answer<Vec<JournalEntry>> {
    caller.at_least(Role::Supervisor)?;
    if filter.state.as_deref().is_some_and(|word| !STATES.contains(&word)) {
        let words = format!("must be one of {}", STATES.join(", "));
        return Err(Problem::invalid(vec![FieldError::new("#/state", "unknown", words)]));
    }
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let after = after.map(|number| row_of(state, caller, number)).transpose()?;
    let rows = state.db.journal_page(reader(caller), filter, after, limit).await?;
    Ok(rows.into_iter().map(|row| numbered(state, caller, row)).collect())
}

/// One request with its headers and body.
///
/// # Errors
/// 403 below the role supervisor, 404 where there is none that the caller may see whole.
pub async fn read(state: &State, caller: &Caller, number: i64) -> Answer<JournalEntry> {
    caller.at_least(Role::Supervisor)?;
    let row = state.db.journal_row(reader(caller), row_of(state, caller, number)?).await?;
    Ok(numbered(state, caller, row.ok_or_else(Problem::not_found)?))
}

/// Has a request translated again, with the plugin as it is now. What it gave before stands.
///
/// # Errors
/// 403 below the role admin, 404 where there is none, 409 where it waits already or its body is gone.
pub async fn replay(state: &State, caller: &Caller, number: i64) -> Answer<()> {
    caller.at_least(Role::Admin)?;
    match state.inbound.replay(reader(caller), row_of(state, caller, number)?).await? {
        Replay::NotFound => return Err(Problem::not_found()),
        Replay::BodyGone => {
            let words = "its body was removed after the retention time, so there is nothing to translate";
            return Err(Problem::conflict("body-gone", words));
        }
        Replay::Pending => return Err(Problem::conflict("pending", "it waits for translation already")),
        Replay::Queued => {}
    }
    state.db.audit(caller.entry(state.clock.now(), "journal.replay", &number.to_string(), json!({}))).await?;
    Ok(())
}
