//! One plugin: what it may do, its versions and channels, and taking it out of use.

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{Form, Path, Query, Sure};
use super::faults::Failure;
use super::figures::{memory, milliseconds};
use super::integrations::icon_of;
use super::layout::{self, icon};
use super::plugins::{PLUGINS, below_plugins, standing};
use super::reader::Reader;
use super::sparkline::sparkline;
use super::time;
use crate::auth::Role;
use crate::model::shown::plugin::{Destination, Facts, Plugin, PluginFault, PluginHour, PluginLine, PluginUse, Secret};
use crate::plugins::PluginState;
use crate::web::plugins;
use crate::web::state::State;

/// Channels of the workspace that are listed.
const MOST_CHANNELS: usize = 50;

/// What was done just now.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
}

/// Whether a plugin's calls run.
#[derive(Deserialize)]
pub(super) struct Enabled {
    enabled: bool,
}

/// Lets a plugin's calls run, or holds them.
pub(super) async fn enable(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Enabled { enabled }): Form<Enabled>,
) -> Result<Response, Failure> {
    let wanted = if enabled { PluginState::Active } else { PluginState::Disabled };
    plugins::set_state(&state, &reader.caller, &id, wanted).await?;
    Ok(Redirect::to(&format!("{}?done=saved", below_plugins(&id))).into_response())
}

/// Takes a plugin out of use.
pub(super) async fn remove(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(sure): Form<Sure>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Operator)?;
    if !sure.is() {
        return Ok(Redirect::to(&below_plugins(&id)).into_response());
    }
    plugins::remove(&state, &reader.caller, &id).await?;
    Ok(Redirect::to(&format!("{PLUGINS}?done=removed")).into_response())
}

/// The page.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Operator)?;
    let plugin = plugins::read(&state, &reader.caller, &id, reader.look.language).await?;
    let channels = state.channels.page(&reader.caller.workspace, Some(plugin.id.as_str()), None, MOST_CHANNELS).await?;
    let using = plugins::using(&state, &reader.caller, &id).await?;
    let words = &reader.look.words.plugins;
    let name = plugin.facts.as_ref().map_or(plugin.id.as_str(), |facts| facts.name.as_str());
    let path = format!("{PLUGINS}/{}", plugin.id);
    let is_on = plugin.state != "disabled";
    let content = html! {
        (layout::trail(&[(PLUGINS, &words.title)], name))
        header.page-head {
            @if plugin.facts.as_ref().is_some_and(|facts| facts.has_icon) { img.channel-mark src=(icon_of(&plugin.id)) alt=""; }
            div.page-title {
                h1 { (name) }
                @if let Some(facts) = &plugin.facts { p.note { (facts.version) " · " (words.by.replace("{publisher}", &facts.publisher)) } }
            }
            (standing(&reader, &plugin))
            form.page-actions method="post" action=(format!("{path}/enabled")) {
                button.button type="submit" name="enabled" value=(!is_on) { (if is_on { &reader.look.words.people.disable } else { &reader.look.words.people.enable }) }
            }
        }
        @if let Some(said) = words.done(&asked.done) { p.toast role="status" { (icon("check", "")) (said) } }
        @if let Some(reason) = &plugin.health.reason { div.notice.is-bad.is-apart { (icon("error", "")) div { p { strong { (words.broken) } } p.identity { (reason) } } } }
        @if !is_on { p.note { (words.disabled_note) } }
        div.with-aside {
            div.stack { (usage(&reader, &plugin, &using)) @if let Some(facts) = &plugin.facts { (permissions(&reader, facts)) } (versions(&reader, &plugin)) (faults(&reader, &using.faults)) (log(&reader, &using.lines)) }
            div.stack {
                section.card aria-labelledby="channels" {
                    header.card-head { h2 id="channels" { (words.channels) } span.note.push-end { (plugin.channels) } }
                    ul.card-body.people {
                        @if channels.is_empty() { li.note { (words.no_channel) } }
                        @for channel in &channels { li { a.one-line href=(format!("/integrations/{}", &channel.id)) { (&channel.name) } } }
                    }
                }
                @if let Some(facts) = &plugin.facts { (origin(&reader, facts)) }
                section.card.danger-zone {
                    header.card-head { h2 { (reader.look.words.people.remove) } }
                    form.card-body.stack-small method="post" action=(format!("{path}/remove")) {
                        p.note { (words.remove_note) }
                        label.check { input type="checkbox" name="sure" value="1" required; " " (reader.look.words.people.sure) }
                        div { button.button.is-danger type="submit" { (words.remove) } }
                    }
                }
            }
        }
    };
    Ok(layout::page(&reader, name, PLUGINS, &content).into_response())
}

fn origin(reader: &Reader, facts: &Facts) -> Markup {
    let words = &reader.look.words.plugins;
    html! {
        section.card aria-labelledby="origin" {
            header.card-head { h2 id="origin" { (words.origin) } }
            dl.card-body.facts {
                dt { (words.publisher) } dd { (facts.publisher) }
                @if let Some(license) = &facts.license { dt { (words.license) } dd { (license) } }
                @if let Some(homepage) = &facts.homepage { dt { (words.homepage) } dd { a href=(homepage) rel="noreferrer" { (homepage) } } }
                dt { "SHA-256" } dd { code { (facts.digest) } }
            }
        }
    }
}

/// Time and memory of a day.
fn usage(reader: &Reader, plugin: &Plugin, using: &PluginUse) -> Markup {
    let words = &reader.look.words.plugin_use;
    let most = plugin.facts.as_ref().map(|facts| facts.permissions.runtime.memory_bytes);
    let busiest = using.hours.iter().max_by_key(|hour| hour.cpu_us).filter(|hour| hour.cpu_us > 0);
    let series = |of: fn(&PluginHour) -> u64| using.hours.iter().map(of).collect::<Vec<_>>();
    let time_told = busiest.map(|hour| {
        let told = words.time_chart.replace("{time}", &time::hour_of(&reader.look, &hour.at));
        told.replace("{n}", &milliseconds(hour.cpu_us))
    });
    html! {
        section.card aria-labelledby="use" {
            header.card-head {
                h2 id="use" { (words.title) }
                span.note.push-end { (words.calls.replace("{n}", &using.calls.to_string()).replace("{failed}", &using.failed.to_string())) }
            }
            div.card-body {
                @if using.calls == 0 { p.note { (words.none) } } @else {
                    div.meters {
                        div {
                            p.note { (words.time) }
                            p.meter-figure { (milliseconds(using.cpu_us)) }
                            (sparkline(time_told.as_deref().unwrap_or_default(), &series(|hour| hour.cpu_us), None))
                        }
                        div {
                            p.note { (words.memory) }
                            p.meter-figure { (memory(using.memory_bytes)) @if let Some(most) = most { " " small { (words.of_most.replace("{most}", &memory(most))) } } }
                            (sparkline(&words.memory_chart.replace("{bytes}", &memory(using.memory_bytes)), &series(|hour| hour.memory_bytes), None))
                        }
                    }
                    p.note { (words.note) }
                }
            }
        }
    }
}

fn faults(reader: &Reader, faults: &[PluginFault]) -> Markup {
    let words = &reader.look.words.plugin_use;
    html! {
        @if !faults.is_empty() {
            section.card aria-labelledby="faults" {
                header.card-head { h2 id="faults" { (words.faults) } }
                div.log tabindex="0" role="group" aria-labelledby="faults" {
                    @for fault in faults {
                        p.log-line { time datetime=(fault.at) title=(time::full(&reader.look, &fault.at)) { (time::hour_of(&reader.look, &fault.at)) } span.is-bad-ink { (fault.code) } span { code { (fault.function) } " " (fault.words) } }
                    }
                }
            }
        }
    }
}

fn log(reader: &Reader, lines: &[PluginLine]) -> Markup {
    let words = &reader.look.words.plugin_use;
    let class = |level: &str| match level {
        "error" => Some("is-bad-ink"),
        "warn" => Some("is-warn-ink"),
        _ => None,
    };
    html! {
        section.card aria-labelledby="log" {
            header.card-head { h2 id="log" { (words.log) } }
            @if lines.is_empty() { p.card-body.note { (words.no_line) } } @else {
                div.log tabindex="0" role="group" aria-labelledby="log" {
                    @for line in lines {
                        p.log-line { time datetime=(line.at) title=(time::full(&reader.look, &line.at)) { (time::hour_of(&reader.look, &line.at)) } span class=[class(&line.level)] { (line.level) } span { (line.text) } }
                    }
                }
            }
        }
    }
}

fn versions(reader: &Reader, plugin: &Plugin) -> Markup {
    let words = &reader.look.words.plugins;
    html! {
        section.card aria-labelledby="versions" {
            header.card-head { h2 id="versions" { (words.versions) } }
            div.table-scroll tabindex="0" {
                table.table.log-table {
                    thead { tr { th scope="col" { (words.version) } th scope="col" { (words.state) } th scope="col" { (words.source) } th scope="col" { (words.since) } th.is-extra scope="col" { "SHA-256" } } }
                    tbody {
                        @for one in &plugin.generations {
                            tr {
                                td { strong { (one.version) } }
                                td { @if one.state == "active" { span.tag.is-good { (words.running) } } @else { span.tag { (words.retired) } } }
                                td { (words.source_name(&one.source)) }
                                td { time datetime=(one.installed_at) { (time::full(&reader.look, &one.installed_at)) } }
                                td.is-extra { code title=(one.digest) { (one.digest.get(..12).unwrap_or(&one.digest)) "…" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a plugin may do, in words.
fn permissions(reader: &Reader, facts: &Facts) -> Markup {
    let words = &reader.look.words.plugins;
    let may = &facts.permissions;
    html! {
        section.card aria-labelledby="may" {
            header.card-head { h2 id="may" { (words.may.replace("{version}", &facts.version)) } }
            div.card-body.permission-groups {
                div.permission-group {
                    h3 { (icon("globe", "")) (words.talk_to) }
                    ul {
                        @for one in &may.egress { li { (destination(reader, one)) } }
                        li { (words.nothing_else) }
                    }
                }
                div.permission-group {
                    h3 { (icon("key", "")) (words.secrets) }
                    ul { @for one in &may.secrets { li { (secret(reader, one)) } } @if may.secrets.is_empty() { li { (words.no_secret) } } }
                }
                div.permission-group {
                    h3 { (icon("arrow-in", "")) (words.ways_in) }
                    ul {
                        @for one in &may.webhooks { li { (words.webhook) " " code { (one.name) } } }
                        @if may.ingress.mail { li { (words.by_mail) } }
                        @if may.ingress.poll { li { (words.by_poll) } }
                        @if may.ingress.visitor { li { (words.by_visitor) } }
                        @if may.webhooks.is_empty() && !may.ingress.mail && !may.ingress.poll && !may.ingress.visitor { li { (words.no_way_in) } }
                    }
                }
                @if let Some(mail) = &may.mail {
                    div.permission-group { h3 { (icon("mail", "")) (words.send_mail) } ul { @for from in &mail.from { li { (words.address_name(from)) } } } }
                }
                div.permission-group {
                    h3 { (icon("clock", "")) (words.limits) }
                    ul {
                        li { (words.memory.replace("{n}", &(may.runtime.memory_bytes >> 20).to_string())) }
                        li { (words.cpu.replace("{n}", &may.runtime.cpu_ms.to_string())) }
                        li { (words.deadline.replace("{n}", &(may.runtime.deadline_ms / 1_000).to_string())) }
                    }
                }
            }
        }
    }
}

fn methods(reader: &Reader, methods: &[String]) -> String {
    if methods.is_empty() { reader.look.words.plugins.any_method.clone() } else { methods.join(", ") }
}

fn destination(reader: &Reader, one: &Destination) -> Markup {
    let words = &reader.look.words.plugins;
    html! {
        @if one.media { (words.media_anywhere) }
        @else if let Some(setting) = &one.to_setting { (words.of_setting) " " code { (setting) } ", " (methods(reader, &one.methods)) }
        @else { code { (one.to.as_deref().unwrap_or_default()) } ", " (methods(reader, &one.methods)) }
    }
}

fn secret(reader: &Reader, one: &Secret) -> Markup {
    let words = &reader.look.words.plugins;
    html! {
        strong { (one.name) } ": "
        @if one.destinations.is_empty() { (words.never_leaves) }
        @else {
            (words.leaves_for) " "
            (one.destinations.iter().map(|target| words.address_name(target)).collect::<Vec<_>>().join(", ")) ", "
            (one.places.iter().map(|place| words.place_name(place)).collect::<Vec<_>>().join(", "))
        }
    }
}
