//! The workspaces of the host: list, add, rename.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{Form, Path, Query};
use super::faults::{self, Failure};
use super::figures::bytes;
use super::layout::{self, icon};
use super::people::tabs;
use super::reader::Reader;
use super::sign_in::field;
use super::time;
use crate::model::shown::workspace::Workspace;
use crate::web::problem::Problem;
use crate::web::state::State;
use crate::web::workspaces;

/// Where the workspaces are.
pub(super) const WORKSPACES: &str = "/settings/workspaces";
/// Workspaces on a page.
const MOST: usize = 100;

/// Where the page before ended, and what was done just now.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: Option<String>,
    saved: String,
}

/// What a workspace is called.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Name {
    name: String,
}

/// What came of a form.
#[derive(Default)]
struct Outcome<'o> {
    name: &'o str,
    /// The workspace that was to be renamed; none: one was to be added.
    renamed: Option<&'o str>,
    problem: Option<&'o Problem>,
    is_saved: bool,
}

/// The list, with the form that adds a workspace.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let outcome = Outcome { is_saved: asked.saved == "1", ..Outcome::default() };
    listed(&state, &reader, asked.after, outcome).await
}

/// Adds a workspace and goes on to its first admin, or shows the form again with what is wrong.
pub(super) async fn add(
    Axum(state): Axum<State>,
    reader: Reader,
    Form(Name { name }): Form<Name>,
) -> Result<Response, Failure> {
    match workspaces::add(&state, &reader.caller, &name, |_| None).await {
        // Only operators can enter it until it has an admin.
        Ok(added) => Ok(Redirect::to(&admin_of(&added)).into_response()),
        Err(problem) => ended(&state, &reader, Err(problem), Outcome { name: &name, ..Outcome::default() }).await,
    }
}

fn admin_of(workspace: &Workspace) -> String {
    format!("{WORKSPACES}/{}/admin", workspace.id)
}

/// Renames a workspace, or shows its form again with what is wrong.
pub(super) async fn rename(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Name { name }): Form<Name>,
) -> Result<Response, Failure> {
    let renamed = workspaces::rename(&state, &reader.caller, &id, &name).await.map(|_| ());
    ended(&state, &reader, renamed, Outcome { name: &name, renamed: Some(&id), ..Outcome::default() }).await
}

async fn ended(
    state: &State,
    reader: &Reader,
    done: Result<(), Problem>,
    outcome: Outcome<'_>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("{WORKSPACES}?saved=1")).into_response()),
        Err(problem) if matches!(problem.status(), StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            listed(state, reader, None, Outcome { problem: Some(&problem), ..outcome }).await
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn listed(
    state: &State,
    reader: &Reader,
    after: Option<String>,
    outcome: Outcome<'_>,
) -> Result<Response, Failure> {
    let mut rows = workspaces::page(state, &reader.caller, after, MOST + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let (words, people) = (&reader.look.words.workspaces, &reader.look.words.people);
    let now = state.clock.now();
    let is_here = outcome.renamed.is_some_and(|id| rows.iter().any(|row| row.id == id));
    // A refused name of a workspace that is not on this page is told above the list.
    let (of_new, of_renamed) = match outcome.renamed {
        Some(_) => (None, outcome.problem.filter(|_| !is_here)),
        None => (outcome.problem, None),
    };
    let at_name = faults::of_field(reader.look.words, of_new, "#/name");
    let content = html! {
        header.page-head { h1 { (people.settings) } }
        (tabs(reader, WORKSPACES))
        @if outcome.is_saved { p.toast role="status" { (icon("check", "")) (people.saved) } }
        (faults::notice_beside(reader.look.words, of_renamed, &[]))
        div.with-aside {
            section.card aria-label=(words.title) {
                p.card-body.note { (words.intro) }
                div.table-scroll tabindex="0" {
                    table.table {
                        thead { tr {
                            th scope="col" { (people.name) } th scope="col" { (words.people) } th scope="col" { (words.channels) }
                            th scope="col" { (words.files) } th.is-extra scope="col" { (people.since) }
                        } }
                        tbody { @for workspace in &rows { (row(reader, workspace, &outcome, now)) } }
                    }
                }
                @if let Some(last) = rows.last().filter(|_| more) {
                    p.card-foot { a.button href=(format!("{WORKSPACES}?after={}", last.id)) { (words.more) } }
                }
            }
            section.card aria-labelledby="add" {
                header.card-head { h2 id="add" { (words.add) } }
                form.card-body.form method="post" action=(WORKSPACES) novalidate {
                    (faults::notice_beside(reader.look.words, of_new, &["#/name".to_owned()]))
                    @let typed = if outcome.renamed.is_none() { outcome.name } else { "" };
                    (field("name", "text", "off", &people.name, typed, Some(&words.name_hint), at_name.as_deref()))
                    button.button.is-primary type="submit" { (words.add) }
                }
            }
        }
    };
    let status = outcome.problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &words.title, WORKSPACES, &content)).into_response())
}

fn row(reader: &Reader, workspace: &Workspace, outcome: &Outcome<'_>, now: i64) -> Markup {
    let (words, people) = (&reader.look.words.workspaces, &reader.look.words.people);
    let is_refused = outcome.renamed == Some(&workspace.id);
    let typed = if is_refused { outcome.name } else { &workspace.name };
    let error = format!("{}-error", workspace.id);
    html! {
        tr {
            td {
                details.unfold open[is_refused] {
                    summary {
                        strong { (workspace.name) }
                        @if workspace.id == reader.caller.home { span.note { " (" (words.yours) ")" } }
                        (icon("chevron-down", "is-small"))
                    }
                    div.stack-small {
                        form.button-row method="post" action=(format!("{WORKSPACES}/{}", workspace.id)) {
                            input.input name="name" value=(typed) maxlength="100" required aria-label=(people.name) aria-invalid=[is_refused.then_some("true")] aria-describedby=[is_refused.then_some(&error)];
                            button.button.is-small type="submit" { (people.save) }
                        }
                        @if let Some(problem) = outcome.problem.filter(|_| is_refused) {
                            div.field-error id=(error) { (icon("error", "is-small")) div { (faults::told(reader.look.words, problem)) } }
                        }
                        p { a href=(admin_of(workspace)) { (words.add_admin_short) } }
                        p.note { (words.rename_note) " " code { (workspace.id) } }
                    }
                }
            }
            td.figures { span.is-narrow-label { (words.people) " " } (workspace.people) }
            td.figures { span.is-narrow-label { (words.channels) " " } (workspace.channels) }
            td.figures { span.is-narrow-label { (words.files) " " } (bytes(workspace.file_bytes.unsigned_abs())) }
            td.is-extra { (time::date(&reader.look, &workspace.created_at, now)) }
        }
    }
}
