//! Who did what.

use axum::Json;
use axum::extract::State as Axum;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Page, PageQuery};
use super::problem::{Answer, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::db::AuditFilter;
use crate::model::shown::audit::AuditLine;
use crate::model::time::from_rfc3339;
use crate::web::audit;

/// `/audit` and `/audit.csv`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(export))
}

/// Which lines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only what this person or token did, by id.
    actor: Option<String>,
    /// Only this act: `channel.connect`, `user.create` …
    action: Option<String>,
    /// Only what was done to this, by id.
    subject: Option<String>,
    /// Not before this time, RFC 3339.
    from: Option<String>,
    /// Before this time, RFC 3339.
    until: Option<String>,
}

impl Which {
    fn filter(self) -> Result<AuditFilter, Problem> {
        let mut faults = Vec::new();
        let mut time = |name: &str, text: Option<String>| {
            let at = text.as_deref().and_then(from_rfc3339);
            if at.is_none() && text.is_some() {
                let words = "give a time, as 2026-11-21T08:00:00Z";
                faults.push(FieldError::new(format!("#/{name}"), "format", words));
            }
            at
        };
        let (since, until) = (time("from", self.from), time("until", self.until));
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok(AuditFilter { actor: self.actor, action: self.action, subject: self.subject, since, until })
    }
}

/// The workspace's audit log, newest first; for an operator with the lines of the whole host among them. A page looks at 20,000 lines at
/// most: with a filter it may have fewer than `limit`, or none, and yet have a `next`.
#[utoipa::path(get, path = "/audit", tag = "people", params(PageQuery, Which), responses(
    (status = 200, body = Page<AuditLine>), (status = 422, body = Problem)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(page): Query<PageQuery>,
    Query(which): Query<Which>,
) -> Answer<Json<Page<AuditLine>>> {
    let (lines, next) = audit::page(&state, &caller, which.filter()?, page.after()?, page.limit()).await?;
    Ok(Json(Page::leading_to(lines, next)))
}

/// The same as a CSV file, all of it. A cell that begins with `=`, `+`, `-` or `@` has an apostrophe before it, because a spreadsheet would
/// run it.
#[utoipa::path(get, path = "/audit.csv", tag = "people", params(Which), responses(
    (status = 200, content_type = "text/csv", body = String), (status = 422, body = Problem)))]
async fn export(Axum(state): Axum<State>, caller: Caller, Query(which): Query<Which>) -> Answer<Response> {
    audit::export(&state, &caller, which.filter()?).await
}
