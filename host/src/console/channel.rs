//! One channel: what is left to do, what is wrong, what it is.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::HOME;
use super::asked::{Form as Sent, Path, Query};
use super::assets::PROGRESS;
use super::connect::{host_of, sent};
use super::dialog::dialog;
use super::faults::{self, Failure};
use super::form::{Form, Given, Keep, draw, read};
use super::inbox::INBOX;
use super::integrations::{icon_of, state_of};
use super::layout::{self, copyable, icon};
use super::reader::Reader;
use super::time::{self, said_ago};
use super::traffic as chart;
use super::try_out::{runs_here, widget_of};
use crate::auth::Role;
use crate::channels::{Change, ChannelError};
use crate::model::shown::channel::{
    AccountChoice, Channel, ChannelFinding, ChannelName, ChannelStep, Embed, Instruction,
};
use crate::web::problem::Problem;
use crate::web::state::State;
use crate::web::traffic;

/// The channel as the API shows it to this reader.
pub(super) async fn load(state: &State, reader: &Reader, id: &str) -> Result<Channel, ChannelError> {
    let mut channel = state.channels.show(&reader.caller.workspace, id, reader.caller.role >= Role::Admin).await?;
    state.channels.tell(&mut channel, reader.look.language.0);
    Ok(channel)
}

/// The overview.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let channel = load(&state, &reader, &id).await?;
    shown(&state, &reader, &channel, &Told { is_new: asked.connected.is_some(), ..Told::default() }).await
}

/// What the address of the overview says beside the channel.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    /// The channel was connected just now.
    connected: Option<String>,
}

/// The overview of a channel that was connected just now.
pub(super) fn connected(id: &str) -> String {
    format!("{HOME}/{id}?connected=1")
}

/// Answers the step that the channel stands at.
pub(super) async fn answer(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Sent(pairs): Sent<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let channel = load(&state, &reader, &id).await?;
    let answer = match &channel.step {
        Some(ChannelStep::Ask { schema }) => read(&Form::of(schema), &pairs, Keep::Nothing),
        _ => json!({ "choice": sent(&pairs, "choice") }),
    };
    let caller = &reader.caller;
    let done = state.channels.answer(&caller.workspace, &id, answer, &caller.as_actor()).await;
    went_on(&state, &reader, &channel, done).await
}

/// Who asks how the channel is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Check {
    /// The page, which looks by itself while something is left to do: that is no act of a person.
    itself: bool,
}

/// Asks how the channel is now.
pub(super) async fn check(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Sent(Check { itself }): Sent<Check>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let caller = &reader.caller;
    let channel = load(&state, &reader, &id).await?;
    let by = (!itself).then(|| caller.as_actor());
    let done = state.channels.check(&caller.workspace, &id, by.as_ref()).await;
    went_on(&state, &reader, &channel, done).await
}

/// Has the provider deliver to this channel's address again.
pub(super) async fn register(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let caller = &reader.caller;
    let done = state.channels.register(&caller.workspace, &id, &caller.as_actor()).await;
    ended(&state, &reader, &id, done).await
}

/// Whether to pause.
#[derive(Deserialize)]
pub(super) struct Pause {
    paused: bool,
}

/// Pauses the channel or lets it go on.
pub(super) async fn pause(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Sent(Pause { paused }): Sent<Pause>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let caller = &reader.caller;
    let change = Change { paused: Some(paused), ..Change::default() };
    let done = state.channels.change(&caller.workspace, &id, change, &caller.as_actor()).await;
    ended(&state, &reader, &id, done).await
}

/// As [`ended`], after an act by which the channel may have become connected; the overview tells that then.
async fn went_on(
    state: &State,
    reader: &Reader,
    before: &Channel,
    done: Result<(), ChannelError>,
) -> Result<Response, Failure> {
    let id = &before.id;
    if done.is_ok() && !before.is_connected() && load(state, reader, id).await?.is_connected() {
        return Ok(Redirect::to(&connected(id)).into_response());
    }
    ended(state, reader, id, done).await
}

/// Back to the overview, which says what is wrong where the act was refused.
async fn ended(state: &State, reader: &Reader, id: &str, done: Result<(), ChannelError>) -> Result<Response, Failure> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("{HOME}/{id}")).into_response()),
        Err(ChannelError::NotFound) => Err(Problem::not_found().into()),
        Err(error) => {
            let problem = Problem::from(error);
            let channel = load(state, reader, id).await?;
            shown(state, reader, &channel, &Told { problem: Some(&problem), ..Told::default() }).await
        }
    }
}

/// The head of every page of a channel, with its tabs. `current` is the tab.
pub(super) fn head(state: &State, reader: &Reader, channel: &Channel, current: &str) -> Markup {
    let words = reader.look.words;
    let (id, name) = (&channel.id, &channel.name);
    let overview = format!("{HOME}/{id}");
    let settings = format!("{overview}/settings");
    let templates = format!("{overview}/templates");
    let conversations = format!("{INBOX}?channel={id}");
    let generation = state.plugins.get(&channel.plugin);
    let has_templates = generation.is_some_and(|generation| generation.plugin.interfaces().templates)
        && channel.features["templates"] != false;
    let is_paused = channel.state == "paused";
    html! {
        (layout::crumbs(reader, &[], name))
        header.page-head {
            img.channel-mark src=(icon_of(&channel.plugin)) alt="";
            div.page-title { h1 { (name) } p id="state" { (state_of(&words.integrations, channel)) } }
            @if reader.caller.role >= Role::Admin && channel.account.is_some() {
                form.page-actions method="post" action=(format!("{overview}/pause")) {
                    button.button type="submit" name="paused" value=(!is_paused) {
                        @if is_paused { (icon("play", "")) (words.channel.resume) } @else { (icon("pause", "")) (words.channel.pause) }
                    }
                }
            }
        }
        nav.tabs.page-tabs aria-label=(name) {
            a href=(overview) aria-current=[(current == "overview").then_some("page")] { (words.channel.overview) }
            @if reader.caller.role >= Role::Admin {
                a href=(settings) aria-current=[(current == "settings").then_some("page")] { (words.channel.settings) }
            }
            @if has_templates {
                a href=(templates) aria-current=[(current == "templates").then_some("page")] { (words.templates.title) }
            }
            a href=(conversations) { (words.channel.conversations) }
        }
    }
}

/// What is said on the overview beside what the channel is.
#[derive(Default)]
struct Told<'t> {
    /// The channel was connected just now.
    is_new: bool,
    /// Why an act was refused.
    problem: Option<&'t Problem>,
}

async fn shown(state: &State, reader: &Reader, channel: &Channel, told: &Told<'_>) -> Result<Response, Failure> {
    let words = reader.look.words;
    let id = &channel.id;
    let traffic = traffic::of(state, &reader.caller, vec![id.to_owned()]).await?;
    let traffic = traffic.get(id).filter(|_| channel.account.is_some());
    let problem = told.problem;
    let status = problem.map_or(StatusCode::OK, Problem::status);
    let is_whole = channel.is_connected();
    let (left, found) = split(channel);
    let is_admin = reader.caller.role >= Role::Admin;
    let content = html! {
        (head(state, reader, channel, "overview"))
        div.with-aside {
            div.stack {
                @if let Some(waits) = channel.step.as_ref().filter(|_| is_admin) { (step(state, reader, channel, waits, problem)) }
                @else { (faults::notice_beside(words, problem, &[])) }
                (left_to_do(reader, channel, &left))
                (health(reader, channel, &found))
                @if let Some(traffic) = traffic { (chart::card(reader, traffic)) }
                @if let Some(embed) = widget_of(channel) { (widget_card(state, reader, channel, embed)) }
            }
            div.stack {
                (about(reader, channel))
                @if is_admin { (danger(reader, channel)) }
            }
        }
        @if is_whole { span data-connected=(connected(&channel.id)) hidden {} }
        @if told.is_new && is_whole { (success(state, reader, channel)) }
        @if is_admin && (channel.step.is_some() || !left.is_empty()) {
            span data-waits=(channel.step.as_ref().map_or("", ChannelStep::kind)) hidden {}
            script type="module" src=(PROGRESS.path) {}
        }
    };
    Ok((status, layout::page(reader, &channel.name, HOME, &content)).into_response())
}

/// The script tag of a channel whose visitors write on web pages, and a page to try it out.
pub(super) fn widget_card(state: &State, reader: &Reader, channel: &Channel, embed: &Embed) -> Markup {
    let words = &reader.look.words.channel;
    let widget = &reader.look.words.widget;
    let id = &channel.id;
    card(
        "widget",
        &words.embed,
        &html! {
            div.card-body.stack-small {
                p.note { (words.embed_note) }
                (copyable(reader.look.words, &embed.script))
                p.with-icon {
                    @if let Some(seen) = &embed.seen {
                        span.is-good-ink { (icon("check", "")) }
                        span {
                            (widget.seen.replace("{site}", &seen.site)) " "
                            (said_ago(&reader.look, &seen.at, state.clock.now()))
                        }
                    } @else { (icon("clock", "")) (widget.not_seen) }
                }
                div { a.button.is-small href="" { (icon("refresh", "is-small")) (widget.verify) } }
                @if runs_here(state, channel) { div { a.button href=(format!("{HOME}/{id}/try")) target="_blank" { (words.try_out) (icon("external", "")) } } }
            }
        },
    )
}

/// Says that the channel is connected, in the plugin's words where it has some.
fn success(state: &State, reader: &Reader, channel: &Channel) -> Markup {
    let words = &reader.look.words.connect;
    let generation = state.plugins.get(&channel.plugin);
    let texts = generation.as_ref().and_then(|one| one.plugin.texts(reader.look.language.0).connected.as_ref());
    let title = texts.map_or_else(|| words.done.replace("{name}", &channel.name), |texts| texts.title.clone());
    let told = texts.map_or(words.done_text.as_str(), |texts| texts.text.as_str());
    dialog(&title, &html! { p { (told) } }, &words.done_button)
}

/// The findings that a person can mend, and all others.
fn split(channel: &Channel) -> (Vec<&ChannelFinding>, Vec<&ChannelFinding>) {
    channel.findings.iter().partition(|finding| finding.fix.is_some())
}

/// What a person can mend, as a list that is ticked while it is done.
fn left_to_do(reader: &Reader, channel: &Channel, left: &[&ChannelFinding]) -> Markup {
    let words = &reader.look.words.channel;
    let path = format!("{HOME}/{}", &channel.id);
    let is_admin = reader.caller.role >= Role::Admin;
    html! {
        section.card id="left" aria-labelledby="left-title" hidden[left.is_empty()] {
            header.card-head {
                h2 id="left-title" { (words.left_to_do) }
                @if is_admin && !left.is_empty() {
                    form.push-end method="post" action=(format!("{path}/check")) data-check=(format!("{path}/check")) {
                        button.button.is-small type="submit" { (icon("refresh", "")) (words.check) }
                    }
                }
            }
            ul.check-list.rows role="status" { @for finding in left { (found(reader, finding, &path)) } }
        }
        template id="ticked" {
            li.is-done {
                span.is-good-ink { (icon("check", "")) }
                h3 { " " span.is-good-ink { (words.is_done) } }
            }
        }
    }
}

fn card(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section.card aria-labelledby=(id) {
            header.card-head { h2 id=(id) { (title) } }
            (content)
        }
    }
}

/// The step that waits for somebody, or for the provider.
fn step(state: &State, reader: &Reader, channel: &Channel, step: &ChannelStep, problem: Option<&Problem>) -> Markup {
    let words = &reader.look.words.channel;
    let path = format!("{HOME}/{}", channel.id);
    let inner = match step {
        ChannelStep::Choose { choices } => choose(reader, choices, &path, problem),
        ChannelStep::Ask { schema } => {
            let values = &Value::Null;
            let given = Given { words: reader.look.words, values, under: "#", problem, is_connected: false, ids: "f" };
            let form = Form::of(schema);
            html! {
                form.form method="post" action=(format!("{path}/answer")) novalidate {
                    (faults::notice_beside(reader.look.words, problem, &super::connect::pointers(Some(&form), &given)))
                    (draw(&form, &given))
                    div { button.button.is-primary type="submit" { (words.answer_button) } }
                }
            }
        }
        ChannelStep::Authorize { url, error, .. } => html! {
            (faults::notice_beside(reader.look.words, problem, &[]))
            p { (words.sign_in) }
            @if let Some(error) = error { p.field-error { (words.sign_in_failed) " " (error.detail) "." } }
            @if let Some(url) = url {
                div.button-row {
                    a.button.is-primary href=(url) target="_blank" rel="noopener" { (sign_in_label(state, reader, channel)) (icon("external", "")) }
                    a.button.is-quiet href=(url) { (words.sign_in_here) }
                }
            }
        },
        ChannelStep::Wait { instructions } => html! {
            (faults::notice_beside(reader.look.words, problem, &[]))
            p { (words.wait) }
            @for instruction in instructions { (told(reader, instruction)) }
            form method="post" action=(format!("{path}/check")) { button.button type="submit" { (icon("refresh", "")) (words.check) } }
        },
    };
    let abandons = channel.account.is_some();
    card(
        "step",
        &words.left_to_do,
        &html! {
            div.card-body.stack-small {
                (inner)
                @if abandons {
                    form method="post" action=(format!("{path}/abandon")) { button.button.is-quiet type="submit" { (words.abandon) } }
                }
            }
        },
    )
}

/// What the way of signing in is called that the channel's settings chose.
fn sign_in_label(state: &State, reader: &Reader, channel: &Channel) -> String {
    let generation = state.plugins.get(&channel.plugin);
    let schema = generation.as_ref().and_then(|one| one.plugin.settings_schema("channel", reader.look.language.0));
    let title = schema.and_then(|schema| Form::of(schema).branch_title(&channel.settings));
    title.unwrap_or(&reader.look.words.channel.sign_in_button).to_owned()
}

fn choose(reader: &Reader, choices: &[AccountChoice], path: &str, problem: Option<&Problem>) -> Markup {
    let words = &reader.look.words.channel;
    html! {
        form.form method="post" action=(format!("{path}/answer")) {
            (faults::notice_beside(reader.look.words, problem, &[]))
            fieldset.choices {
                legend.field-label { (words.choose) }
                @for choice in choices {
                    @let (id, taken) = (&choice.id, choice.connected);
                    div.choice {
                        input type="radio" name="choice" id=(format!("c-{id}")) value=(id) required disabled[taken];
                        label for=(format!("c-{id}")) {
                            (choice.name)
                            @if taken { " " span.note { (taken_by(reader.look.words, choice.channel.as_ref())) } }
                        }
                    }
                }
            }
            div { button.button.is-primary type="submit" { (words.choose_button) } }
        }
    }
}

/// Who has an account that could be chosen otherwise.
fn taken_by(words: &super::words::Words, channel: Option<&ChannelName>) -> String {
    match channel {
        Some(channel) => words.channel.choice_taken.replace("{name}", &channel.name),
        None => words.channel.choice_taken_elsewhere.clone(),
    }
}

/// An instruction of a plugin, with its link and what is to be copied.
fn told(reader: &Reader, instruction: &Instruction) -> Markup {
    html! {
        div {
            p {
                (instruction.text)
                @if let Some(link) = instruction.link.as_deref().filter(|link| link.starts_with("https://")) {
                    " " a href=(link) target="_blank" rel="noreferrer" { (host_of(link)) }
                }
            }
            @if let Some(copy) = &instruction.copy { (copyable(reader.look.words, copy)) }
        }
    }
}

fn health(reader: &Reader, channel: &Channel, findings: &[&ChannelFinding]) -> Markup {
    let words = &reader.look.words.channel;
    let path = format!("{HOME}/{}", &channel.id);
    let is_admin = reader.caller.role >= Role::Admin;
    html! {
        section.card id="health" aria-labelledby="health-title" {
            header.card-head {
                h2 id="health-title" { (words.health) }
                @if is_admin && channel.account.is_some() {
                    form.push-end method="post" action=(format!("{path}/check")) {
                        button.button.is-small type="submit" { (icon("refresh", "")) (words.check) }
                    }
                }
            }
            @if findings.is_empty() {
                p.card-body.with-icon { span.is-good-ink { (icon("check", "")) } (words.healthy) }
            } @else {
                ul.check-list.rows { @for finding in findings { (found(reader, finding, &path)) } }
            }
        }
    }
}

fn found(reader: &Reader, finding: &ChannelFinding, path: &str) -> Markup {
    let is_bad = finding.level == "error";
    html! {
        li data-code=(finding.code) {
            span class=(if is_bad { "is-bad-ink" } else { "is-warn-ink" }) { (icon(if is_bad { "error" } else { "alert" }, "")) }
            h3 { (finding.detail) }
            time datetime=(finding.at) { (time::full(&reader.look, &finding.at)) }
            @if let Some(fix) = &finding.fix { div.check-fix { (told(reader, fix)) } }
            @if finding.code == "webhook-elsewhere" && reader.caller.role >= Role::Admin {
                form.button-row method="post" action=(format!("{path}/register")) {
                    button.button.is-small type="submit" { (reader.look.words.channel.register) }
                }
            }
        }
    }
}

fn about(reader: &Reader, channel: &Channel) -> Markup {
    let words = &reader.look.words.channel;
    card(
        "about",
        &words.about,
        &html! {
            div.card-body.stack-small {
                dl.facts {
                    @if let Some(account) = channel.account_name.as_ref().or(channel.account.as_ref()) {
                        dt { (words.account) } dd { (account) }
                    }
                    dt { (words.plugin) } dd { (&channel.plugin) }
                    dt { (words.since) } dd { time datetime=(&channel.created_at) { (time::full(&reader.look, &channel.created_at)) } }
                }
                @if let Some(url) = &channel.webhook_url {
                    div.field { span.field-label { (words.webhook_url) } (copyable(reader.look.words, url)) }
                }
            }
        },
    )
}

fn danger(reader: &Reader, channel: &Channel) -> Markup {
    let words = &reader.look.words;
    html! {
        section.card.danger-zone aria-labelledby="danger" {
            header.card-head { h2 id="danger" { (words.channel.danger) } }
            div.card-body.stack-small {
                p.note { (words.disconnect.sentence) ". " (words.channel.danger_note) }
                p { a.button.is-danger href=(format!("{HOME}/{}/disconnect", &channel.id)) { (words.disconnect.button) "…" } }
            }
        }
    }
}
