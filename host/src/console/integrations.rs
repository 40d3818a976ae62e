//! Every channel of the workspace and every plugin that a channel could be connected with.

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::HOME;
use super::asked::{Query, below};
use super::assets::FRESH;
use super::channel::connected;
use super::connect::add_title;
use super::faults::Failure;
use super::layout;
use super::reader::Reader;
use super::traffic as chart;
use super::words::Integrations;
use crate::auth::Role;
use crate::model::shown::channel::Channel;
use crate::model::shown::traffic::Traffic;
use crate::web::state::State;
use crate::web::traffic;

/// Channels on a page.
const MOST: usize = 100;

/// Where the page before ended.
#[derive(Default, Deserialize)]
pub(super) struct After {
    /// The id of its last channel.
    after: Option<String>,
    /// The channel for which the browser comes back from its provider.
    channel: Option<String>,
}

/// The list.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(After { after, channel }): Query<After>,
) -> Result<Response, Failure> {
    if let Some(channel) = channel {
        let path = below(HOME, &channel);
        return Ok(Redirect::to(&if path == HOME { path } else { connected(&channel) }).into_response());
    }
    let words = &reader.look.words.integrations;
    let mut channels = state.channels.page(&reader.caller.workspace, None, after.as_deref(), MOST + 1).await?;
    let more = channels.len() > MOST;
    channels.truncate(MOST);
    let last = channels.last().filter(|_| more).map(|channel| channel.id.clone());
    for channel in &mut channels {
        state.channels.tell(channel, reader.look.language.0);
    }
    let ids = channels.iter().map(|channel| channel.id.clone()).collect();
    let traffic = traffic::of(&state, &reader.caller, ids).await?;
    let row = |channel: &Channel| row(&reader, channel, traffic.get(&channel.id));
    let (troubled, connected): (Vec<_>, Vec<_>) =
        channels.into_iter().partition(|channel| channel.state == "needs_attention");
    let content = html! {
        header.page-head { h1 { (words.title) } }
        div id="fresh" {
        @if !troubled.is_empty() {
            (section("attention", &words.needs_attention, troubled.len(), &html! {
                ul.card.rows { @for channel in &troubled { (row(channel)) } }
            }))
        }
        (section("connected", &words.connected, connected.len(), &html! {
            @if connected.is_empty() { p.note { (words.none_connected) } }
            @else { ul.card.rows { @for channel in &connected { (row(channel)) } } }
            @if let Some(last) = last { p { a href=(format!("{HOME}?after={last}")) { (words.more) } } }
        }))
        @if reader.caller.role >= Role::Admin { (available(&state, &reader)) }
        }
        script type="module" src=(FRESH.path) {}
    };
    Ok(layout::page(&reader, &words.title, HOME, &content).into_response())
}

fn section(id: &str, title: &str, count: usize, content: &Markup) -> Markup {
    html! {
        section.section aria-labelledby=(id) {
            div.section-head { h2 id=(id) { (title) } span.quiet.figures { (count) } }
            (content)
        }
    }
}

fn row(reader: &Reader, channel: &Channel, traffic: Option<&Traffic>) -> Markup {
    let words = &reader.look.words.integrations;
    let account = channel.account_name.as_ref().or(channel.account.as_ref());
    html! {
        li.channel-row {
            img.channel-mark src=(icon_of(&channel.plugin)) alt="";
            div.channel-name {
                a.one-line href=(format!("{HOME}/{}", channel.id)) { (channel.name) }
                span.note.one-line { (account.map_or("", String::as_str)) }
            }
            (state_of(words, channel))
            @if let Some(traffic) = traffic.filter(|_| channel.account.is_some()) { (chart::in_list(reader, traffic)) }
        }
    }
}

/// The state as dot, word and reason.
pub(super) fn state_of(words: &Integrations, channel: &Channel) -> Markup {
    let (class, word) = match channel.state.as_str() {
        "connected" => ("state is-good", &words.state_connected),
        "connecting" => ("state is-warn", &words.state_connecting),
        "paused" => ("state", &words.state_paused),
        _ => ("state is-bad", &words.state_needs_attention),
    };
    let reason = channel.findings.first().map(|finding| &finding.detail);
    html! {
        span class=(class) {
            span { strong { (word) } @if let Some(reason) = reason { ": " (reason) } }
        }
    }
}

fn available(state: &State, reader: &Reader) -> Markup {
    let words = &reader.look.words.integrations;
    let mut plugins: Vec<_> = state.plugins.all().into_iter().filter(|generation| generation.is_active()).collect();
    // A channel without a provider comes first, because a newcomer can connect it at once and without an account elsewhere.
    plugins.sort_by_key(|generation| !generation.plugin.manifest().ingress.visitor);
    section(
        "available",
        &words.available,
        plugins.len(),
        &html! {
            @if plugins.is_empty() { p.note { (words.none_available) } }
            @else {
                ul.available {
                    @for generation in &plugins {
                        @let texts = generation.plugin.texts(reader.look.language.0);
                        li.card {
                            img.channel-mark src=(icon_of(&generation.id)) alt="";
                            h3 { (texts.name) }
                            p.note { (texts.description) }
                            a.button href=(format!("{HOME}/new/{}", generation.id)) { (add_title(reader.look.words, texts)) }
                        }
                    }
                }
            }
        },
    )
}

/// The address of a plugin's picture.
pub(super) fn icon_of(plugin: &str) -> String {
    format!("/v1/plugins/{plugin}/icon")
}

/// A text of the API's form; empty where there is none.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}
