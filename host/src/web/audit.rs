//! The audit log: what the API and the pages show alike.

use super::caller::Caller;
use super::problem::Answer;
use super::state::State;
use crate::auth::Role;
use crate::model::shown::audit::AuditLine;
use crate::model::time::rfc3339;

/// The kind of an audit line's number outside.
const KIND: &str = "audit";

/// Lines of the caller's workspace, newest first, from behind the line that the caller knows by `after`; for an operator with the
/// lines of the whole host among them.
///
/// # Errors
/// 403 below the role admin.
pub async fn page(state: &State, caller: &Caller, after: Option<i64>, limit: usize) -> Answer<Vec<AuditLine>> {
    caller.at_least(Role::Admin)?;
    let is_operator = caller.role >= Role::Operator;
    let (numbers, workspace) = (state.db.numbers(), caller.workspace.clone());
    let after = after.map(|number| numbers.reveal(KIND, &workspace, number).unwrap_or_default());
    let rows = state.db.audit_page(caller.workspace.clone(), is_operator, after, limit).await?;
    let line = |(id, entry): (i64, crate::model::audit::Entry)| AuditLine {
        id: numbers.hide(KIND, &workspace, id),
        at: rfc3339(entry.at),
        actor: entry.actor,
        role: entry.role,
        action: entry.action,
        subject: entry.subject,
        detail: entry.detail,
        host: entry.workspace.is_none(),
    };
    Ok(rows.into_iter().map(line).collect())
}
