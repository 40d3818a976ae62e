//! Who did what.

use axum::Json;
use axum::extract::State as Axum;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Page, PageQuery};
use super::problem::Answer;
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::model::time::rfc3339;

/// `/audit`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Line {
    id: i64,
    at: String,
    /// A person's or a token's id, or `cli`.
    actor: String,
    /// The role it was done with.
    role: String,
    /// What was done: `channel.connect`, `user.create` …
    action: String,
    /// The id of what it was done to.
    subject: String,
    detail: Value,
    /// Whether it concerns the whole host and not this workspace; only an operator sees such lines.
    host: bool,
}

/// The kind of an audit line's number outside.
const KIND: &str = "audit";

/// The workspace's audit log, newest first; for an operator with the lines of the whole host among them.
#[utoipa::path(get, path = "/audit", tag = "people", params(PageQuery), responses((status = 200, body = Page<Line>)))]
async fn list(Axum(state): Axum<State>, caller: Caller, Query(page): Query<PageQuery>) -> Answer<Json<Page<Line>>> {
    caller.at_least(Role::Admin)?;
    let operator = caller.role >= Role::Operator;
    let (numbers, workspace) = (state.db.numbers(), caller.workspace.clone());
    let after = page.after()?.map(|number| numbers.reveal(KIND, &workspace, number).unwrap_or_default());
    let rows = state.db.audit_page(caller.workspace, operator, after, page.limit() + 1).await?;
    let place = |(id, _): &(i64, _)| numbers.hide(KIND, &workspace, *id);
    Ok(Json(Page::new(rows, page.limit(), place).map(|(id, entry)| Line {
        id: numbers.hide(KIND, &workspace, id),
        at: rfc3339(entry.at),
        actor: entry.actor,
        role: entry.role,
        action: entry.action,
        subject: entry.subject,
        detail: entry.detail,
        host: entry.workspace.is_none(),
    })))
}
