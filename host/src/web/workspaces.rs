//! Workspaces of the host: what the API and the pages do alike. Operators only.

use serde_json::json;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{DbError, KeptAnswer, WorkspaceRow, WorkspaceUse};
use crate::model::shown::workspace::Workspace;
use crate::model::time::rfc3339;

/// Code of the problem that another workspace has the name.
pub const NAME_TAKEN: &str = "name-taken";

/// Most characters of a name.
const MOST_NAME: usize = 100;

/// A page of all workspaces by id, after `after`.
///
/// # Errors
/// 403 below the role operator.
pub async fn page(state: &State, caller: &Caller, after: Option<String>, limit: usize) -> Answer<Vec<Workspace>> {
    caller.at_least(Role::Operator)?;
    let rows = state.db.workspaces(after, limit).await?;
    Ok(rows.into_iter().map(|(row, using)| shown(state, row, using)).collect())
}

/// One workspace.
///
/// # Errors
/// 403 below the role operator, 404 where there is none.
pub async fn read(state: &State, caller: &Caller, id: &str) -> Answer<Workspace> {
    caller.at_least(Role::Operator)?;
    let (row, using) = state.db.workspace_in_use(id).await?.ok_or_else(Problem::not_found)?;
    Ok(shown(state, row, using))
}

/// Makes a workspace. `answer` makes the answer that is kept in the same act.
///
/// # Errors
/// 403 below the role operator, 409 for a name that is taken, 422 for one that is empty or wrong.
pub async fn add(
    state: &State,
    caller: &Caller,
    name: &str,
    answer: impl FnOnce(&Workspace) -> Option<KeptAnswer>,
) -> Answer<Workspace> {
    caller.at_least(Role::Operator)?;
    let name = usable(name)?;
    let now = state.clock.now();
    let row = WorkspaceRow { id: state.clock.id("ws"), name: name.to_owned(), created_at: now };
    let entry = caller.host_entry(now, "workspace.create", &row.id, json!({ "name": name }));
    let made = shown(state, row.clone(), WorkspaceUse::default());
    let kept = answer(&made);
    state.db.add_workspace(row, entry, kept).await.map_err(taken)?;
    Ok(made)
}

/// Renames a workspace. What is written in it keeps its id.
///
/// # Errors
/// 403 below the role operator, 404 where there is none, 409 for a name that is taken, 422 for one that is empty or wrong.
pub async fn rename(state: &State, caller: &Caller, id: &str, name: &str) -> Answer<Workspace> {
    caller.at_least(Role::Operator)?;
    let name = usable(name)?;
    let entry = caller.host_entry(state.clock.now(), "workspace.change", id, json!({ "name": name }));
    if !state.db.rename_workspace(id, name, entry).await.map_err(taken)? {
        return Err(Problem::not_found());
    }
    read(state, caller, id).await
}

/// The name, where a workspace can have it: it stands in a header and in command lines, beside ids.
fn usable(name: &str) -> Answer<&str> {
    let name = name.trim();
    if name.is_empty() {
        return Err(Problem::invalid(vec![FieldError::required("#/name")]));
    }
    if name.len() > MOST_NAME || !name.chars().all(|c| c.is_ascii_graphic()) || name.starts_with("ws_") {
        let words = "a name has at most 100 visible ASCII characters, no blanks, and does not begin with ws_";
        return Err(Problem::invalid(vec![FieldError::new("#/name", "workspace-name", words)]));
    }
    Ok(name)
}

fn taken(error: DbError) -> Problem {
    match error.unique_violation() {
        Some(_) => Problem::conflict(NAME_TAKEN, "there is a workspace of this name already"),
        None => error.into(),
    }
}

fn shown(state: &State, row: WorkspaceRow, using: WorkspaceUse) -> Workspace {
    Workspace {
        id: row.id,
        name: row.name,
        created_at: rfc3339(row.created_at),
        people: using.people,
        channels: using.channels,
        file_bytes: using.file_bytes,
        most_file_bytes: state.config.media.workspace_bytes,
    }
}
