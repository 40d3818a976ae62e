//! The audit log: what the API and the pages show alike.

use std::collections::HashMap;

use axum::response::Response;
use serde_json::{Value, json};

use super::caller::Caller;
use super::export::{self, AT_ONCE, Lines};
use super::problem::Answer;
use super::state::State;
use crate::auth::Role;
use crate::db::{AuditFilter, AuditPage};
use crate::keys::LineId;
use crate::model::audit::Entry;
use crate::model::shown::audit::AuditLine;
use crate::model::time::rfc3339;

/// The first line of the file.
const HEAD: [&str; 9] = ["at", "actor", "actor_name", "role", "action", "subject", "subject_name", "detail", "host"];

/// Lines of the caller's workspace, newest first, from behind the line that the caller knows by `after`; for an operator with the
/// lines of the whole host among them. The second value is the id of the line to go on behind; none: there are no more. A page looks
/// at 20,000 lines at most, so that one with a filter may have few, and yet be followed by another.
///
/// # Errors
/// 403 below the role admin.
pub async fn page(
    state: &State,
    caller: &Caller,
    filter: AuditFilter,
    after: Option<LineId>,
    limit: usize,
) -> Answer<(Vec<AuditLine>, Option<LineId>)> {
    caller.at_least(Role::Admin)?;
    let is_operator = caller.role >= Role::Operator;
    let workspace = caller.workspace.clone();
    let AuditPage { lines, next } = state.db.audit_page(workspace.clone(), is_operator, filter, after, limit).await?;
    let ids = lines.iter().flat_map(|(_, entry)| [entry.actor.clone(), entry.subject.clone()]).collect();
    let names = state.db.names_of((!is_operator).then(|| workspace.clone()), ids).await?;
    Ok((lines.into_iter().map(|(id, entry)| line(id, entry, &names)).collect(), next))
}

fn line(id: LineId, entry: Entry, names: &HashMap<String, String>) -> AuditLine {
    AuditLine {
        id,
        at: rfc3339(entry.at),
        actor_name: names.get(&entry.actor).cloned(),
        actor: entry.actor,
        role: entry.role,
        action: entry.action,
        subject_name: names.get(&entry.subject).cloned(),
        subject: entry.subject,
        detail: entry.detail,
        host: entry.workspace.is_none(),
    }
}

/// The lines that [`page`] shows, all of them, as a CSV file. That it was taken is a line of the log itself.
///
/// # Errors
/// 403 below the role admin.
pub async fn export(state: &State, caller: &Caller, filter: AuditFilter) -> Answer<Response> {
    caller.at_least(Role::Admin)?;
    state.db.audit(caller.entry(state.clock.now(), "audit.export", "", json!({}))).await?;
    let (state, caller) = (state.clone(), caller.clone());
    export::csv("audit.csv", &HEAD, move |after| {
        let (state, caller, filter) = (state.clone(), caller.clone(), filter.clone());
        async move {
            let (lines, next) = page(&state, &caller, filter, after, AT_ONCE).await?;
            Ok(Lines { lines: lines.into_iter().map(cells).collect(), next })
        }
    })
    .await
}

fn cells(line: AuditLine) -> Vec<String> {
    let detail = if line.detail == Value::Null { String::new() } else { line.detail.to_string() };
    let (actor_name, subject_name) = (line.actor_name.unwrap_or_default(), line.subject_name.unwrap_or_default());
    let host = line.host.to_string();
    vec![line.at, line.actor, actor_name, line.role, line.action, line.subject, subject_name, detail, host]
}
