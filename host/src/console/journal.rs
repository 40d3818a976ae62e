//! The journal: requests of providers, why one was parked, and translating one again.

use std::collections::HashMap;

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::asked::{Path, Query};
use super::faults::{self, Failure};
use super::layout::{self, icon};
use super::reader::Reader;
use super::time;
use crate::auth::Role;
use crate::db::JournalFilter;
use crate::keys::RequestId;
use crate::model::shown::journal::JournalEntry;
use crate::web::journal::{self, STATES};
use crate::web::problem::{Answer, Problem};
use crate::web::state::State;

/// Where the journal is.
pub(super) const JOURNAL: &str = "/journal";
/// Requests on a page.
const MOST: usize = 50;
/// Channels to choose from, and whose names are shown instead of their ids.
const MOST_CHANNELS: usize = 500;
/// Items of a request that a page of many shows.
const FEW_ITEMS: usize = 3;
/// Characters of a body that are shown.
const MOST_BODY: usize = 20_000;

/// Which requests are asked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Parked where nothing is said; `all`: every one.
    state: String,
    channel: String,
    before: Option<String>,
    done: String,
}

impl Asked {
    fn state(&self) -> &str {
        if self.state.is_empty() { "parked" } else { &self.state }
    }

    fn filter(&self) -> JournalFilter {
        let state = Some(self.state().to_owned()).filter(|state| state != "all");
        JournalFilter { state, channel: Some(self.channel.clone()).filter(|channel| !channel.is_empty()) }
    }

    /// The address of the page that goes on behind this request.
    fn behind(&self, id: RequestId) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("state", self.state());
        if !self.channel.is_empty() {
            query.append_pair("channel", &self.channel);
        }
        query.append_pair("before", &id.to_string());
        format!("{JOURNAL}?{}", query.finish())
    }
}

/// Names of the workspace's channels, by id.
async fn channels(state: &State, reader: &Reader) -> Answer<HashMap<String, String>> {
    let page = state.channels.page(&reader.caller.workspace, None, None, MOST_CHANNELS).await?;
    Ok(page.into_iter().map(|channel| (channel.id, channel.name)).collect())
}

/// The list.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let mut rows =
        journal::page(&state, &reader.caller, asked.filter(), asked.before.as_deref().map(RequestId::of), MOST + 1)
            .await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let names = channels(&state, &reader).await?;
    let words = &reader.look.words.journal;
    let content = html! {
        header.page-head { div.page-title { h1 { (words.title) } p.note { (words.intro) } } }
        @if asked.done == "replayed" { p.toast role="status" { (icon("check", "")) (words.replayed) } }
        section.card aria-label=(words.title) {
            (filter(&reader, &asked, &names))
            @if rows.is_empty() { div.empty { (icon("journal", "")) p { (if asked.state() == "parked" && asked.channel.is_empty() { &words.none_parked } else { &words.none }) } } }
            @else {
                div.table-scroll tabindex="0" {
                    table.table.log-table {
                        thead { tr { th scope="col" { (words.when) } th scope="col" { (words.from) } th scope="col" { (words.state) } th scope="col" { (words.reason) } th scope="col" { span.visually-hidden { (words.replay) } } } }
                        tbody { @for entry in &rows { (row(&state, &reader, entry, &names)) } }
                    }
                }
            }
            @if let Some(last) = rows.last().filter(|_| more) {
                p.card-foot { a.button href=(asked.behind(last.id)) { (words.older) } }
            }
        }
    };
    Ok(layout::page(&reader, &words.title, JOURNAL, &content).into_response())
}

fn filter(reader: &Reader, asked: &Asked, names: &HashMap<String, String>) -> Markup {
    let words = &reader.look.words.journal;
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_by_key(|(_, name)| name.to_lowercase());
    html! {
        form.toolbar method="get" action=(JOURNAL) {
            select.input.select-quiet name="state" aria-label=(words.state) {
                @for state in STATES { option value=(state) selected[asked.state() == state] { (words.state_name(state)) } }
                option value="all" selected[asked.state() == "all"] { (words.all_states) }
            }
            select.input.select-quiet name="channel" aria-label=(words.channel) {
                option value="" { (words.all_channels) }
                @for (id, name) in sorted { option value=(id) selected[asked.channel == *id] { (name) } }
            }
            button.button type="submit" { (icon("filter", "")) (words.filter) }
        }
    }
}

fn row(state: &State, reader: &Reader, entry: &JournalEntry, names: &HashMap<String, String>) -> Markup {
    let path = format!("{JOURNAL}/{}", entry.id);
    html! {
        tr {
            td {
                @if entry.whole.is_some() { a href=(path) { time datetime=(entry.received_at) { (time::full(&reader.look, &entry.received_at)) } } }
                @else { time datetime=(entry.received_at) { (time::full(&reader.look, &entry.received_at)) } }
            }
            td { (plugin(state, reader, &entry.plugin)) @for channel in of(entry) { span.identity.note { (names.get(channel).map_or(channel, String::as_str)) } } }
            td { (standing(reader, &entry.state)) }
            td { (reasons(reader, entry, FEW_ITEMS)) }
            td { (replay_button(reader, entry)) }
        }
    }
}

fn plugin(state: &State, reader: &Reader, id: &str) -> String {
    let named = |one: std::sync::Arc<crate::plugins::Generation>| one.plugin.texts(reader.look.language.0).name.clone();
    state.plugins.get(id).map_or_else(|| id.to_owned(), named)
}

/// The channels that a request was for, each once.
fn of(entry: &JournalEntry) -> Vec<&str> {
    let whole = entry.whole.as_ref().and_then(|whole| whole.channel_id.as_deref());
    let mut channels: Vec<&str> =
        whole.into_iter().chain(entry.items.iter().filter_map(|item| item.channel_id.as_deref())).collect();
    channels.sort_unstable();
    channels.dedup();
    channels
}

fn standing(reader: &Reader, state: &str) -> Markup {
    let mark = match state {
        "parked" => "is-bad",
        "waiting" => "is-warn",
        "settled" => "is-good",
        _ => "",
    };
    html! { span class=(format!("state {mark}")) { span { strong { (reader.look.words.journal.state_name(state)) } } } }
}

fn reasons(reader: &Reader, entry: &JournalEntry, most: usize) -> Markup {
    let words = &reader.look.words.journal;
    let whole = entry.whole.as_ref();
    html! {
        @if let Some(reason) = whole.and_then(|whole| whole.reason.as_deref()) { span.identity { (reason) } }
        @for item in entry.items.iter().take(most) {
            span.identity.note { (words.item.replace("{n}", &(item.index + 1).to_string())) " " (words.outcome(&item.outcome)) ": " (item.reason) @if let Some(pointer) = &item.pointer { " " code { (pointer) } } }
        }
        @if entry.items.len() > most { span.identity.note { (words.more_items.replace("{n}", &(entry.items.len() - most).to_string())) } }
        @if let Some(whole) = whole.filter(|whole| whole.replays > 0) { span.identity.note { (words.replays.replace("{n}", &whole.replays.to_string())) } }
    }
}

/// The button, where the request can be translated again.
fn replay_button(reader: &Reader, entry: &JournalEntry) -> Markup {
    let words = &reader.look.words.journal;
    let can = entry.whole.as_ref().is_some_and(|whole| whole.bytes.is_some()) && entry.state != "pending";
    html! {
        @if can && reader.caller.role >= Role::Admin {
            form method="post" action=(format!("{JOURNAL}/{}/replay", entry.id)) { button.button.is-small type="submit" { (words.replay) } }
        }
    }
}

/// One request, with what was received.
pub(super) async fn one(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<RequestId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    shown(&state, &reader, id, &asked.done, None).await
}

/// Has a request translated again.
pub(super) async fn replay(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<RequestId>,
) -> Result<Response, Failure> {
    match journal::replay(&state, &reader.caller, id).await {
        Ok(()) => Ok(Redirect::to(&format!("{JOURNAL}/{id}?done=replayed")).into_response()),
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            shown(&state, &reader, id, "", Some(&problem)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn shown(
    state: &State,
    reader: &Reader,
    id: RequestId,
    done: &str,
    problem: Option<&Problem>,
) -> Result<Response, Failure> {
    let entry = journal::read(state, &reader.caller, id).await?;
    let names = channels(state, reader).await?;
    let words = &reader.look.words.journal;
    let title = time::full(&reader.look, &entry.received_at);
    let whole = entry.whole.as_ref();
    let headers = whole.and_then(|whole| whole.headers.as_ref()).and_then(|headers| headers.as_array());
    let body = whole.and_then(|whole| whole.body.as_deref()).unwrap_or_default();
    let cut = body.char_indices().nth(MOST_BODY).map(|(at, _)| at);
    let content = html! {
        (layout::trail(&[(JOURNAL, &words.title)], &title))
        header.page-head {
            div.page-title { h1 { (plugin(state, reader, &entry.plugin)) } p.note { (title) } }
            (standing(reader, &entry.state))
            div.page-actions { (replay_button(reader, &entry)) }
        }
        (faults::notice(reader.look.words, problem))
        @if done == "replayed" { p.toast role="status" { (icon("check", "")) (words.replayed) } }
        div.with-aside {
            div.stack {
                section.card { header.card-head { h2 { (words.reason) } } div.card-body { (reasons(reader, &entry, usize::MAX)) @if entry.items.is_empty() && whole.is_none_or(|whole| whole.reason.is_none()) { p.note { (words.no_reason) } } } }
                section.card {
                    header.card-head { h2 { (words.received) } }
                    div.card-body {
                        @if whole.is_none_or(|whole| whole.bytes.is_none()) { p.note { (words.body_gone) } }
                        @else { pre.is-lines tabindex="0" { (&body[..cut.unwrap_or(body.len())]) } }
                        @if cut.is_some() { p.note { (words.cut) } }
                    }
                }
            }
            div.stack {
                section.card {
                    header.card-head { h2 { (words.about) } }
                    dl.card-body.facts {
                        @if let Some(whole) = whole {
                            dt { (words.verified) } dd { code { (whole.recipe) } }
                            dt { (words.stored) } dd { (whole.stored) }
                            @if let Some(bytes) = whole.bytes { dt { (words.size) } dd { (bytes) " B" } }
                        }
                        @for channel in of(&entry) { dt { (words.channel) } dd { (names.get(channel).map_or(channel, String::as_str)) } }
                    }
                }
                @if let Some(headers) = headers.filter(|headers| !headers.is_empty()) {
                    section.card {
                        header.card-head { h2 { (words.headers) } }
                        dl.card-body.stack-small {
                            @for header in headers {
                                div { dt.note { (header[0].as_str().unwrap_or_default()) } dd.identity { code { (header[1].as_str().unwrap_or_default()) } } }
                            }
                        }
                    }
                }
            }
        }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &words.title, JOURNAL, &content)).into_response())
}
