//! The message templates of a channel: what the provider has, whether they may be used, reading them again, one of them.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::HOME;
use super::asked::{Form, Path, Query};
use super::channel::head;
use super::faults::{self, Failure};
use super::integrations::text;
use super::layout::{self, icon};
use super::new_template::phone;
use super::reader::Reader;
use super::time;
use crate::auth::Role;
use crate::db::{KnownTemplate, TemplateFilter};
use crate::web::problem::Problem;
use crate::web::state::State;
use crate::web::templates;

/// Templates on a page.
const MOST: usize = 100;

/// What was done just now, and where the list goes on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// `updated`, `sent`, `removed` or `synchronised`.
    done: String,
    /// The last template of the page before.
    after: Option<String>,
    /// Part of the name.
    q: String,
    /// The state.
    status: String,
}

impl Asked {
    /// Where the list goes on after the template `after`, narrowed as it is.
    fn address(&self, path: &str, after: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("after", after);
        for (name, value) in [("q", &self.q), ("status", &self.status)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("{path}?{}", query.finish())
    }
}

/// The list.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    listed(&state, &reader, &id, &asked, None).await
}

async fn listed(
    state: &State,
    reader: &Reader,
    id: &str,
    asked: &Asked,
    problem: Option<&Problem>,
) -> Result<Response, Failure> {
    let caller = &reader.caller;
    let channel = state.channels.show(&caller.workspace, id, false).await?;
    let after = asked.after.as_deref().and_then(|after| after.rsplit_once(':'));
    let after = after.map(|(name, language)| (name.to_owned(), language.to_owned()));
    let filter = TemplateFilter { search: asked.q.clone(), status: asked.status.clone(), ..TemplateFilter::default() };
    let is_narrow = filter != TemplateFilter::default();
    let mut listed = templates::list(state, caller, id, filter, after, MOST as u32 + 1).await?;
    let more = listed.rows.len() > MOST;
    listed.rows.truncate(MOST);
    let next = listed.rows.last().filter(|_| more).map(|last| format!("{}:{}", last.name, last.language));
    let words = &reader.look.words.templates;
    let path = format!("{HOME}/{id}/templates");
    let is_admin = caller.role >= Role::Admin;
    let now = state.clock.now();
    let content = html! {
        (head(state, reader, &channel, "templates"))
        (faults::notice_beside(reader.look.words, problem, &[]))
        section.card aria-label=(words.title) {
            div.toolbar {
                @if is_narrow || !listed.rows.is_empty() { (narrowing(reader, &path, asked)) }
                span.note {
                    @match listed.synced_at {
                        Some(at) => { (words.synced) " " (time::said_ago(&reader.look, &crate::model::time::rfc3339(at), now)) },
                        None => { (words.never_synced) },
                    }
                }
                @if is_admin {
                    form.push-end method="post" action=(format!("{path}/sync")) {
                        button.button type="submit" { (icon("refresh", "")) (words.sync) }
                    }
                    a.button.is-primary href=(format!("{path}/new")) { (icon("plus", "")) (words.add) }
                }
            }
            @if let Some(error) = &listed.error { div.notice.is-warn { (icon("alert", "")) p { (words.sync_failed) " " (error) } } }
            @if listed.rows.is_empty() { div.empty { (icon("template", "")) p { (if is_narrow { &words.none_found } else { &words.none }) } } }
            @else {
                div.table-scroll tabindex="0" {
                    table.table {
                        thead { tr {
                            th scope="col" { (words.name) } th scope="col" { (words.language) } th scope="col" { (words.category) }
                            th scope="col" { (words.status) } th.is-extra scope="col" { (words.quality) } th scope="col" { (words.in_use) }
                        } }
                        tbody { @for known in &listed.rows { (row(reader, &path, known, is_admin)) } }
                    }
                }
            }
            @if let Some(next) = next { p.card-foot { a.button href=(asked.address(&path, &next)) { (words.more) } } }
            p.card-foot.note { (words.note) }
        }
        @if let Some(done) = words.done(&asked.done) { p.toast role="status" { (icon("check", "")) (done) } }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &channel.name, HOME, &content)).into_response())
}

/// The form that narrows the list.
fn narrowing(reader: &Reader, path: &str, asked: &Asked) -> Markup {
    let words = &reader.look.words.templates;
    html! {
        form.button-row role="search" method="get" action=(path) {
            div.search {
                (icon("search", ""))
                input.input type="search" name="q" value=(asked.q) maxlength="200" placeholder=(words.search) aria-label=(words.search);
            }
            select.input.select-quiet name="status" aria-label=(words.status) {
                option value="" { (words.any_status) }
                @for (status, name) in words.statuses() { option value=(status) selected[status == asked.status] { (name) } }
            }
            button.button type="submit" { (icon("filter", "")) (reader.look.words.audit.filter) }
        }
    }
}

fn row(reader: &Reader, path: &str, known: &KnownTemplate, is_admin: bool) -> Markup {
    let words = &reader.look.words.templates;
    let shown = known.shown();
    let one = format!("{path}/{}", text(&shown, "id"));
    html! {
        tr {
            td { div.template-name { a href=(one) { (known.name) } span.note.one-line { (text(&shown, "body")) } } }
            td { (known.language) }
            td { (words.category_name(text(&shown, "category"))) }
            td {
                (state_of(reader, known))
                @if let Some(reason) = shown["reason"].as_str() { p.reason { "“" (reason) "”" } }
            }
            td.is-extra { (shown["quality"].as_str().unwrap_or("–")) }
            td { (switch(reader, &one, known, is_admin)) }
        }
    }
}

fn state_of(reader: &Reader, known: &KnownTemplate) -> Markup {
    let class = match known.status.to_ascii_lowercase().as_str() {
        "approved" => "state is-good",
        "rejected" | "disabled" => "state is-bad",
        "paused" => "state is-warn",
        _ => "state",
    };
    html! { span class=(class) { (reader.look.words.templates.status_name(&known.status)) } }
}

fn switch(reader: &Reader, one: &str, known: &KnownTemplate, is_admin: bool) -> Markup {
    let words = &reader.look.words.templates;
    let name = if known.enabled { &words.on } else { &words.off };
    html! {
        @if is_admin {
            form method="post" action=(format!("{one}/switch")) {
                button.switch-button type="submit" role="switch" aria-checked=(known.enabled) name="enabled" value=(!known.enabled)
                    aria-label=(words.use_of.replace("{name}", &known.name)) { span.switch-track {} (name) }
            }
        } @else { (name) }
    }
}

/// Whether a template may be used.
#[derive(Deserialize)]
pub(super) struct Switch {
    enabled: bool,
}

/// Switches a template on or off.
pub(super) async fn switch_one(
    Axum(state): Axum<State>,
    reader: Reader,
    Path((id, template)): Path<(String, String)>,
    Form(Switch { enabled }): Form<Switch>,
) -> Result<Response, Failure> {
    templates::switch(&state, &reader.caller, &id, &template, enabled).await?;
    Ok(Redirect::to(&format!("{HOME}/{id}/templates?done=updated")).into_response())
}

/// Reads the templates from the provider now.
pub(super) async fn sync(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    match templates::sync(&state, &reader.caller, &id).await {
        Ok(_) => Ok(Redirect::to(&format!("{HOME}/{id}/templates?done=synchronised")).into_response()),
        Err(problem) if is_told_here(&problem) => listed(&state, &reader, &id, &Asked::default(), Some(&problem)).await,
        Err(problem) => Err(problem.into()),
    }
}

/// Whether a problem belongs on the page itself: the provider or the plugin did not do it.
fn is_told_here(problem: &Problem) -> bool {
    !matches!(problem.status(), StatusCode::NOT_FOUND | StatusCode::FORBIDDEN)
}

/// One template.
pub(super) async fn one(
    Axum(state): Axum<State>,
    reader: Reader,
    Path((id, template)): Path<(String, String)>,
) -> Result<Response, Failure> {
    view(&state, &reader, &id, &template, None).await
}

async fn view(
    state: &State,
    reader: &Reader,
    id: &str,
    template: &str,
    problem: Option<&Problem>,
) -> Result<Response, Failure> {
    let known = templates::read(state, &reader.caller, id, template).await?;
    let channel = state.channels.show(&reader.caller.workspace, id, false).await?;
    let words = &reader.look.words.templates;
    let shown = known.shown();
    let path = format!("{HOME}/{id}/templates");
    let is_admin = reader.caller.role >= Role::Admin;
    let content = html! {
        (layout::crumbs(reader, &[(&format!("{HOME}/{id}"), &channel.name), (&path, &words.title)], &known.name))
        header.page-head { h1 { (known.name) } }
        (faults::notice_beside(reader.look.words, problem, &[]))
        div.new-template {
            div.stack {
                section.card {
                    dl.facts.card-body {
                        dt { (words.language) } dd { (known.language) }
                        dt { (words.category) } dd { (words.category_name(text(&shown, "category"))) }
                        dt { (words.status) } dd { (state_of(reader, &known)) @if let Some(reason) = shown["reason"].as_str() { p.reason { "“" (reason) "”" } } }
                        dt { (words.quality) } dd { (shown["quality"].as_str().unwrap_or("–")) }
                        dt { (words.in_use) } dd { (switch(reader, &format!("{path}/{template}"), &known, is_admin)) }
                    }
                }
                @if is_admin {
                    section.card.danger-zone {
                        div.card-body.stack-small {
                            p.note { (words.remove_note) }
                            form method="post" action=(format!("{path}/{template}/remove")) {
                                button.button.is-danger type="submit" { (words.remove) }
                            }
                        }
                    }
                }
            }
            (phone(reader, &channel.name, &as_wanted(&shown)))
        }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &known.name, HOME, &content)).into_response())
}

/// A template of the list in the form that the preview takes.
fn as_wanted(shown: &Value) -> Value {
    let header = shown.get("header_kind").filter(|kind| !kind.is_null());
    let mut wanted = serde_json::json!({ "body": { "text": shown["body"] }, "footer": shown["footer"], "buttons": shown["buttons"] });
    if let Some(kind) = header {
        wanted["header"] = serde_json::json!({ "kind": kind, "text": shown["header"] });
    }
    wanted
}

/// Removes a template at the provider.
pub(super) async fn remove(
    Axum(state): Axum<State>,
    reader: Reader,
    Path((id, template)): Path<(String, String)>,
) -> Result<Response, Failure> {
    match templates::remove(&state, &reader.caller, &id, &template).await {
        Ok(()) => Ok(Redirect::to(&format!("{HOME}/{id}/templates?done=removed")).into_response()),
        Err(problem) if is_told_here(&problem) => view(&state, &reader, &id, &template, Some(&problem)).await,
        Err(problem) => Err(problem.into()),
    }
}
