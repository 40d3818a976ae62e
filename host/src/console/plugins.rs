//! Plugins of the host: installed, waiting for approval and refused ones, and installing one from a file.

use axum::extract::State as Axum;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{Form, Query, below};
use super::assets::FRESH;
use super::faults::{self, Failure};
use super::integrations::icon_of;
use super::layout::{self, icon};
use super::reader::Reader;
use super::time;
use crate::auth::Role;
use crate::model::shown::plugin::{Approval, Need, Plugin, RefusedPlugin};
use crate::web::plugins;
use crate::web::problem::{Answer, FieldError, Problem};
use crate::web::state::State;

/// Where the plugins are.
pub(super) const PLUGINS: &str = "/plugins";

/// What was done just now.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
}

/// The list, with the form for a file.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    listed(&state, &reader, &asked.done, None).await
}

/// Installs the plugin of a file, or says why not.
pub(super) async fn install(
    Axum(state): Axum<State>,
    reader: Reader,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Operator)?;
    let installed = async {
        let wasm = file_of(&state, form).await?;
        plugins::install(&state, &reader.caller, wasm).await
    };
    match installed.await {
        Ok((id, _)) => Ok(Redirect::to(&format!("{}?done=installed", below_plugins(&id))).into_response()),
        Err(problem) if problem.status().is_client_error() => listed(&state, &reader, "", Some(&problem)).await,
        Err(problem) => Err(problem.into()),
    }
}

/// The file of a form.
async fn file_of(state: &State, form: Result<Multipart, MultipartRejection>) -> Answer<Vec<u8>> {
    let most = plugins::most_bytes(state);
    let mut form = form.map_err(|_| Problem::bad_request("this is no form of these pages"))?;
    let unread = |error: axum::extract::multipart::MultipartError| {
        Problem::unread(&error, Problem::bad_request("the form ended before it was whole"))
    };
    while let Some(mut field) = form.next_field().await.map_err(unread)? {
        if field.name() != Some("file") {
            continue;
        }
        let mut wasm = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(unread)? {
            if wasm.len() + chunk.len() > most {
                return Err(Problem::too_large(format!("a plugin file has at most {most} bytes")));
            }
            wasm.extend_from_slice(&chunk);
        }
        if !wasm.is_empty() {
            return Ok(wasm);
        }
    }
    Err(Problem::invalid(vec![FieldError::required("#/file")]))
}

/// Which file is approved.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Digest {
    digest: String,
}

/// Approves a file by its content.
pub(super) async fn approve(
    Axum(state): Axum<State>,
    reader: Reader,
    Form(Digest { digest }): Form<Digest>,
) -> Result<Response, Failure> {
    match plugins::approve(&state, &reader.caller, &digest).await {
        Ok(Some(id)) => Ok(Redirect::to(&format!("{}?done=installed", below_plugins(&id))).into_response()),
        Ok(None) => Ok(Redirect::to(&format!("{PLUGINS}?done=approved")).into_response()),
        Err(problem) if matches!(problem.status(), StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            listed(&state, &reader, "", Some(&problem)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The address of a plugin, whose id has hyphens.
pub(super) fn below_plugins(id: &str) -> String {
    let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_id { format!("{PLUGINS}/{id}") } else { below(PLUGINS, "") }
}

async fn listed(state: &State, reader: &Reader, done: &str, problem: Option<&Problem>) -> Result<Response, Failure> {
    let refused = plugins::refused(state, &reader.caller).await?;
    let installed = plugins::list(state, &reader.caller, reader.look.language).await?;
    let (waiting, refused): (Vec<_>, Vec<_>) = refused.into_iter().partition(|file| file.approval.is_some());
    let words = &reader.look.words.plugins;
    let content = html! {
        header.page-head { h1 { (words.title) } }
        @if let Some(said) = words.done(done) { p.toast role="status" { (icon("check", "")) (said) } }
        (trouble(reader, problem))
        script type="module" src=(FRESH.path) {}
        div.with-aside {
            div.stack id="fresh" {
                @if !waiting.is_empty() {
                    section.card aria-labelledby="waiting" {
                        header.card-head { h2 id="waiting" { (words.waiting) } }
                        ul.rows { @for file in &waiting { (held(reader, file)) } }
                    }
                }
                section.card aria-labelledby="installed" {
                    header.card-head { h2 id="installed" { (words.installed) } span.note.push-end { (installed.len()) } }
                    @if installed.is_empty() { div.empty { (icon("plugin", "")) p { (words.none) } } }
                    @else { ul.rows { @for plugin in &installed { (row(reader, plugin)) } } }
                }
                @if !refused.is_empty() {
                    section.card aria-labelledby="refused" {
                        header.card-head { h2 id="refused" { (words.refused) } }
                        ul.rows {
                            @for file in &refused {
                                li.card-body.stack-small {
                                    div { strong.identity { (file.file) } p.note { (time::full(&reader.look, &file.at)) } }
                                    p.identity { (file.reason) }
                                    p.note.identity { "SHA-256 " code { (file.digest) } }
                                }
                            }
                        }
                    }
                }
            }
            section.card aria-labelledby="upload" {
                header.card-head { h2 id="upload" { (words.upload) } }
                form.card-body.form method="post" action=(PLUGINS) enctype="multipart/form-data" {
                    div.field {
                        label.field-label for="file" { (words.file) }
                        input.input id="file" name="file" type="file" accept=".wasm,application/wasm" required aria-describedby="file-hint";
                        @if let Some(fault) = faults::of_field(reader.look.words, problem, "#/file") { p.field-error { (icon("error", "is-small")) (fault) } }
                        p.field-hint id="file-hint" { (words.upload_note) }
                    }
                    button.button.is-primary type="submit" { (words.install) }
                }
            }
        }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &words.title, PLUGINS, &content)).into_response())
}

/// Why a file was not installed, with the button where an approval helps.
fn trouble(reader: &Reader, problem: Option<&Problem>) -> Markup {
    let words = &reader.look.words.plugins;
    let Some(problem) = problem else { return html! {} };
    let text = |name: &str| problem.more(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    if problem.code() == "approval-needed" {
        let needs = problem.more("needs").cloned().and_then(|needs| serde_json::from_value(needs).ok());
        let needs: Vec<Need> = needs.unwrap_or_default();
        let title = words.needs_approval.replace("{plugin}", &text("plugin")).replace("{version}", &text("version"));
        return html! {
            div.notice.is-warn.is-apart role="alert" {
                (icon("shield", ""))
                div.stack-small { p { strong { (title) } } (list_of(&needs)) p.note { (words.approve_note) } (approve_button(reader, &text("digest"))) }
            }
        };
    }
    let is_field = problem.errors().iter().any(|fault| fault.pointer == "#/file");
    html! {
        div.notice.is-bad.is-apart role="alert" {
            (icon("error", ""))
            div { p { strong { (words.not_installed) } } @if !is_field { p.identity { (problem.detail().unwrap_or_default()) } } }
        }
    }
}

fn list_of(needs: &[Need]) -> Markup {
    html! { ul.numbered { @for need in needs { li { (need.words) } } } }
}

fn approve_button(reader: &Reader, digest: &str) -> Markup {
    html! {
        form method="post" action=(format!("{PLUGINS}/approvals")) {
            button.button.is-primary type="submit" name="digest" value=(digest) { (reader.look.words.plugins.approve) }
        }
    }
}

fn held(reader: &Reader, file: &RefusedPlugin) -> Markup {
    let Some(Approval { plugin, version, needs }) = &file.approval else { return html! {} };
    html! {
        li.card-body.stack-small {
            div { strong { (plugin) " " (version) } p.note.identity { (file.file) " · SHA-256 " code { (file.digest) } } }
            (list_of(needs))
            (approve_button(reader, &file.digest))
        }
    }
}

fn row(reader: &Reader, plugin: &Plugin) -> Markup {
    let words = &reader.look.words.plugins;
    let facts = plugin.facts.as_ref();
    html! {
        li.check-row {
            @if facts.is_some_and(|facts| facts.has_icon) { img.channel-mark src=(icon_of(&plugin.id)) alt=""; }
            @else { span.channel-mark { (icon("plugin", "")) } }
            div.channel-name {
                a.one-line href=(format!("{PLUGINS}/{}", plugin.id)) { (facts.map_or(plugin.id.as_str(), |facts| facts.name.as_str())) }
                span.note { @if let Some(facts) = facts { (facts.version) " · " (words.by.replace("{publisher}", &facts.publisher)) " · " } (words.channel_count(plugin.channels)) }
            }
            span.push-end { (standing(reader, plugin)) }
        }
    }
}

/// Whether a plugin runs.
pub(super) fn standing(reader: &Reader, plugin: &Plugin) -> Markup {
    let words = &reader.look.words.plugins;
    html! {
        @if !plugin.health.running { span.state.is-bad { span { strong { (words.broken) } } } }
        @else if plugin.state == "disabled" { span.state.is-warn { span { strong { (words.disabled) } } } }
        @else { span.state.is-good { span { strong { (words.running) } } } }
    }
}
