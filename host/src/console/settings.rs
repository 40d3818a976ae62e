//! A channel's settings: the plugin's form, filled with what stands.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::HOME;
use super::asked::{Form as Sent, Path, Query};
use super::channel::{head, load, widget_card};
use super::connect::{browser, guide, name_field, pointers, sent};
use super::faults::{self, Failure};
use super::form::{Form, Given, Keep, draw, read};
use super::layout::{self, icon};
use super::preview;
use super::reader::Reader;
use super::try_out::{runs_here, widget_of};
use crate::channels::Change;
use crate::model::shown::channel::Channel;
use crate::web::problem::Problem;
use crate::web::state::State;

/// Whether the changes were saved just now.
#[derive(Default, Deserialize)]
pub(super) struct Saved {
    saved: Option<String>,
}

/// What is shown beside the form.
enum Told<'t> {
    Nothing,
    Saved,
    Refused(&'t Problem),
}

/// The form.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Query(Saved { saved }): Query<Saved>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let channel = load(&state, &reader, &id).await?;
    let told = if saved.is_some() { Told::Saved } else { Told::Nothing };
    Ok(shown(&state, &reader, &channel, &told))
}

/// Saves the changes, or shows the form again with what is wrong. Where a step is left to do, the channel's page shows it.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Sent(pairs): Sent<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let mut channel = load(&state, &reader, &id).await?;
    let generation = state.plugins.get(&channel.plugin);
    let schema = generation.as_ref().and_then(|one| one.plugin.settings_schema("channel", reader.look.language.0));
    let settings = schema.map(|schema| read(&Form::of(schema), &pairs, Keep::Secrets));
    let name = sent(&pairs, "name");
    let back = browser(&reader, format!("{HOME}/{id}"));
    let change = Change { name: Some(name.clone()), paused: None, settings: settings.clone(), browser: back };
    let caller = &reader.caller;
    match state.channels.change(&caller.workspace, &id, change, &caller.as_actor()).await {
        Ok(()) => {
            let after = load(&state, &reader, &id).await?;
            let waits = after.step.is_some();
            let to = if waits { format!("{HOME}/{id}") } else { format!("{HOME}/{id}/settings?saved=1") };
            Ok(Redirect::to(&to).into_response())
        }
        Err(error) => {
            let problem = Problem::from(error);
            channel.name = name;
            // What was typed stays; what was not sent is as it stands.
            for (key, value) in settings.as_ref().and_then(Value::as_object).into_iter().flatten() {
                channel.settings[key] = value.clone();
            }
            Ok(shown(&state, &reader, &channel, &Told::Refused(&problem)))
        }
    }
}

/// Takes changed settings back whose step waits.
pub(super) async fn abandon(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let caller = &reader.caller;
    state.channels.abandon_change(&caller.workspace, &id, &caller.as_actor()).await?;
    Ok(Redirect::to(&format!("{HOME}/{id}/settings")).into_response())
}

/// The account's name, which only the provider changes.
fn account_field(reader: &Reader, channel: &Channel) -> Markup {
    let words = &reader.look.words.channel;
    html! {
        @if let Some(account) = &channel.account_name {
            div.field {
                label.field-label for="account" { (words.account_name) }
                input.input id="account" value=(account) disabled aria-describedby="account-hint";
                p.field-hint id="account-hint" { (words.account_fixed) }
            }
        }
    }
}

fn shown(state: &State, reader: &Reader, channel: &Channel, told: &Told<'_>) -> Response {
    let (words, language) = (reader.look.words, reader.look.language.0);
    let generation = state.plugins.get(&channel.plugin);
    let form = generation.as_ref().and_then(|one| one.plugin.settings_schema("channel", language)).map(Form::of);
    let (status, problem) = match told {
        Told::Refused(problem) => (problem.status(), Some(*problem)),
        Told::Nothing | Told::Saved => (StatusCode::OK, None),
    };
    let is_connected = channel.account.is_some();
    let given = Given { words, values: &channel.settings, under: "#/settings", problem, is_connected, ids: "f" };
    let is_previewed = runs_here(state, channel);
    let guided =
        generation.as_ref().map(|generation| guide(words, generation.plugin.texts(language))).unwrap_or_default();
    let content = html! {
        (head(state, reader, channel, "settings"))
        div.connect.has-preview[is_previewed] {
            div.stack {
                form #settings .card.card-body.form method="post" novalidate {
                    @if matches!(told, Told::Saved) {
                        div.notice.is-good role="status" { (icon("check", "")) p { (words.channel.saved) } }
                    }
                    (faults::notice_beside(words, problem, &pointers(form.as_ref(), &given)))
                    (name_field(reader, &channel.name, problem, "name"))
                    (account_field(reader, channel))
                    @if let Some(form) = &form { (draw(form, &given)) }
                    div.form-foot { button.button.is-primary type="submit" { (words.channel.save) } }
                }
                @if let Some(embed) = widget_of(channel) { (widget_card(state, reader, channel, embed)) }
                @if is_previewed { (guided) }
            }
            @if is_previewed { (preview::beside(&reader.look, channel, "settings")) } @else { (guided) }
        }
    };
    (status, layout::page(reader, &channel.name, HOME, &content)).into_response()
}
