//! The audit log: who did what, newest first.

use std::collections::HashMap;

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::asked::Query;
use super::faults::Failure;
use super::layout::{self, icon};
use super::people::tabs;
use super::reader::Reader;
use super::time;
use crate::model::shown::audit::AuditLine;
use crate::web::audit;
use crate::web::state::State;

/// Where the audit log is.
pub(super) const AUDIT: &str = "/settings/audit";
/// Lines on a page.
const MOST: usize = 100;
/// People whose names are shown instead of their ids.
const MOST_NAMES: u32 = 1_000;

/// Where the page before ended.
#[derive(Default, Deserialize)]
pub(super) struct Before {
    before: Option<i64>,
}

/// The log.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(Before { before }): Query<Before>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let mut lines = audit::page(&state, &reader.caller, before, MOST + 1).await?;
    let more = lines.len() > MOST;
    lines.truncate(MOST);
    let people = state.db.people(&reader.caller.workspace, MOST_NAMES).await?;
    let names: HashMap<String, String> = people.into_iter().map(|row| (row.id, row.name)).collect();
    let words = &reader.look.words.audit;
    let content = html! {
        header.page-head { h1 { (reader.look.words.people.settings) } }
        (tabs(&reader, AUDIT))
        section.card aria-label=(words.title) {
            @if lines.is_empty() { div.empty { (icon("journal", "")) p { (words.none) } } }
            @else {
                div.table-scroll tabindex="0" {
                    table.table.log-table {
                        thead { tr { th scope="col" { (words.when) } th scope="col" { (words.who) } th scope="col" { (words.what) } th scope="col" { (words.subject) } } }
                        tbody { @for line in &lines { (row(&reader, line, &names)) } }
                    }
                }
            }
            @if let Some(last) = lines.last().filter(|_| more) {
                p.card-foot { a.button href=(format!("{AUDIT}?before={}", last.id)) { (words.older) } }
            }
        }
    };
    Ok(layout::page(&reader, &words.title, AUDIT, &content).into_response())
}

fn row(reader: &Reader, line: &AuditLine, names: &HashMap<String, String>) -> Markup {
    let words = &reader.look.words;
    let called = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    html! {
        tr {
            td { time datetime=(line.at) { (time::full(&reader.look, &line.at)) } }
            td { (called(&line.actor)) " " span.note { (words.people.role_name(&line.role)) } }
            td { code { (line.action) } @if line.host { " " span.note { (words.audit.host) } } }
            td {
                @if !line.subject.is_empty() { (called(&line.subject)) }
                @for (name, value) in line.detail.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
                    " " span.note.identity { (name) ": " (in_short(value)) }
                }
            }
        }
    }
}

/// A value without the marks of JSON.
fn in_short(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
