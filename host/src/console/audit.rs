//! The audit log: who did what, newest first, narrowed to what is looked for, and as a file.

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::asked::Query;
use super::faults::{self, Failure};
use super::layout::{self, icon};
use super::people::tabs;
use super::reader::{Look, Reader};
use super::time;
use crate::db::{AuditFilter, UserRow};
use crate::keys::LineId;
use crate::model::shown::audit::AuditLine;
use crate::web::audit;
use crate::web::problem::{FieldError, Problem};
use crate::web::state::State;

/// Where the audit log is.
pub(super) const AUDIT: &str = "/settings/audit";
/// Where its file is.
pub(super) const FILE: &str = "/settings/audit.csv";
/// Lines on a page.
const MOST: usize = 100;
/// People to choose from.
const MOST_PEOPLE: u32 = 1_000;

/// What the log is narrowed to, and where the page before ended.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    actor: String,
    action: String,
    subject: String,
    /// The first day.
    from: String,
    /// The last day.
    until: String,
    before: Option<String>,
}

impl Asked {
    fn given(&self) -> [(&'static str, &str); 5] {
        [
            ("actor", self.actor.trim()),
            ("action", self.action.trim()),
            ("subject", self.subject.trim()),
            ("from", self.from.trim()),
            ("until", self.until.trim()),
        ]
    }

    fn is_narrow(&self) -> bool {
        self.given().iter().any(|(_, value)| !value.is_empty())
    }

    /// An address with what is asked for.
    fn address(&self, path: &str, before: Option<LineId>) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(self.given().iter().filter(|(_, value)| !value.is_empty()));
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    fn filter(&self, look: &Look) -> Result<AuditFilter, Problem> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut faults = Vec::new();
        let mut day = |name: &str, text: &str, is_last: bool| {
            if text.trim().is_empty() {
                return None;
            }
            let begins = begin_of(look, text.trim(), is_last);
            if begins.is_none() {
                faults.push(FieldError::new(format!("#/{name}"), "date", "give a day, as 2026-11-21"));
            }
            begins
        };
        let (since, until) = (day("from", &self.from, false), day("until", &self.until, true));
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok(AuditFilter {
            actor: some(&self.actor),
            action: some(&self.action),
            subject: some(&self.subject),
            since,
            until,
        })
    }
}

/// When a day begins where the reader is, or the one after it.
fn begin_of(look: &Look, day: &str, after: bool) -> Option<i64> {
    let day: Date = day.parse().ok()?;
    let day = if after { day.tomorrow().ok()? } else { day };
    Some(day.to_zoned(look.zone.clone()).ok()?.timestamp().as_millisecond())
}

/// The log as a file.
pub(super) async fn export(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let filter = asked.filter(&reader.look)?;
    Ok(audit::export(&state, &reader.caller, filter).await?)
}

/// The log.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let (read, problem) = match asked.filter(&reader.look) {
        Ok(filter) => {
            (audit::page(&state, &reader.caller, filter, asked.before.as_deref().map(LineId::of), MOST).await?, None)
        }
        Err(problem) => ((Vec::new(), None), Some(problem)),
    };
    let (lines, next) = read;
    let people = state.db.people(&reader.caller.workspace, MOST_PEOPLE).await?;
    let words = &reader.look.words.audit;
    let content = html! {
        header.page-head { h1 { (reader.look.words.people.settings) } }
        (tabs(&reader, AUDIT))
        (faults::notice_beside(reader.look.words, problem.as_ref(), &[]))
        section.card aria-label=(words.title) {
            (filter(&reader, &asked, &people))
            @if lines.is_empty() {
                div.empty { (icon("journal", "")) p { (if asked.is_narrow() || asked.before.is_some() { &words.none_found } else { &words.none }) } }
            } @else {
                div.table-scroll tabindex="0" {
                    table.table.log-table {
                        thead { tr { th scope="col" { (words.when) } th scope="col" { (words.who) } th scope="col" { (words.what) } th scope="col" { (words.subject) } } }
                        tbody { @for line in &lines { (row(&reader, &asked, line)) } }
                    }
                }
            }
            @if let Some(next) = next {
                p.card-foot { a.button href=(asked.address(AUDIT, Some(next))) { (if lines.len() < MOST { &words.further } else { &words.older }) } }
            }
        }
    };
    let status = problem.map_or(http::StatusCode::OK, |problem| problem.status());
    Ok((status, layout::page(&reader, &words.title, AUDIT, &content)).into_response())
}

fn filter(reader: &Reader, asked: &Asked, people: &[UserRow]) -> Markup {
    let words = &reader.look.words.audit;
    let is_among = asked.actor.is_empty() || people.iter().any(|person| person.id == asked.actor);
    html! {
        form.toolbar method="get" action=(AUDIT) {
            select.input.select-quiet name="actor" aria-label=(words.who) {
                option value="" { (words.anybody) }
                @if !is_among { option value=(asked.actor) selected { (words.no_person(&asked.actor).unwrap_or(&asked.actor)) } }
                @for person in people { option value=(person.id) selected[person.id == asked.actor] { (person.name) } }
            }
            select.input.select-quiet name="action" aria-label=(words.what) {
                option value="" { (words.anything) }
                @if !asked.action.is_empty() && words.actions().iter().all(|(action, _)| *action != asked.action) { option value=(asked.action) selected { (asked.action) } }
                @for (action, name) in words.actions() { option value=(action) selected[action == asked.action] { (name) } }
            }
            label.inline-field { span { (words.from) } input.input type="date" name="from" value=(asked.from); }
            label.inline-field { span { (words.until) } input.input type="date" name="until" value=(asked.until); }
            input.input name="subject" value=(asked.subject) maxlength="100" placeholder=(words.subject_hint) aria-label=(words.subject_hint);
            button.button type="submit" { (icon("filter", "")) (words.filter) }
            @if asked.is_narrow() { a href=(AUDIT) { (words.all) } }
            a.button.push-end href=(asked.address(FILE, None)) download { (icon("download", "")) (words.export) }
        }
    }
}

fn row(reader: &Reader, asked: &Asked, line: &AuditLine) -> Markup {
    let words = &reader.look.words;
    let only = |actor: &str, subject: &str| {
        let narrowed = Asked { actor: actor.to_owned(), subject: subject.to_owned(), ..Asked::default() };
        narrowed.address(AUDIT, None)
    };
    let actor = line.actor_name.as_deref().or(words.audit.no_person(&line.actor)).unwrap_or(&line.actor);
    let is_role = line.role != "host";
    html! {
        tr {
            td { time datetime=(line.at) { (time::full(&reader.look, &line.at)) } }
            td {
                @if asked.actor == line.actor { (actor) } @else { a href=(only(&line.actor, "")) { (actor) } }
                @if is_role { " " span.note { (words.people.role_name(&line.role)) } }
            }
            td { (words.audit.action_name(&line.action)) @if line.host { " " span.note { (words.audit.host) } } }
            td {
                @if !line.subject.is_empty() {
                    @let name = line.subject_name.as_deref().unwrap_or(&line.subject);
                    @if asked.subject == line.subject { (name) } @else { a href=(only("", &line.subject)) { (name) } }
                }
                @for (name, value) in line.detail.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
                    " " span.note.identity { (words.audit.detail_name(name)) ": " (in_short(reader, name, value)) }
                }
            }
        }
    }
}

/// The value of a detail, in the reader's words where it is a role or a yes or no.
fn in_short(reader: &Reader, name: &str, value: &Value) -> String {
    let words = &reader.look.words;
    match value {
        Value::String(role) if name == "role" => words.people.role_name(role).to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(is_so) => if *is_so { &words.audit.yes } else { &words.audit.no }.clone(),
        other => other.to_string(),
    }
}
