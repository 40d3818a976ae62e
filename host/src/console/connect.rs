//! Connecting a channel: the plugin's form, with its instructions beside it.

use axum::extract::{Path, State as Axum};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use sambung_runtime::manifest::Step;
use serde_json::{Value, json};

use super::HOME;
use super::asked::Form as Sent;
use super::faults::{self, Failure};
use super::form::{Form, Given, Keep, draw, read};
use super::integrations::icon_of;
use super::layout::{self, icon};
use super::reader::Reader;
use crate::channels::{Browser, NewConnection, Request};
use crate::plugins::Generation;
use crate::web::problem::Problem;
use crate::web::state::State;

/// The form.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(plugin): Path<String>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let generation = state.plugins.get(&plugin).ok_or_else(Problem::not_found)?;
    let name = generation.plugin.texts(reader.look.language.0).name.clone();
    Ok(shown(&reader, &generation, StatusCode::OK, &name, &json!({}), None))
}

/// Connects the channel and goes on to its page, or shows the form again with what is wrong.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(plugin): Path<String>,
    Sent(pairs): Sent<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let generation = state.plugins.get(&plugin).ok_or_else(Problem::not_found)?;
    let name = sent(&pairs, "name");
    let schema = generation.plugin.settings_schema("channel", reader.look.language.0);
    let settings = schema.map_or_else(|| json!({}), |schema| read(&Form::of(schema), &pairs, Keep::Nothing));
    let new = NewConnection {
        plugin,
        name: name.clone(),
        app: None,
        settings: settings.clone(),
        browser: browser(&reader, HOME.to_owned()),
    };
    let caller = &reader.caller;
    match state.channels.create(&caller.workspace, new, &caller.as_actor(), Request::default()).await {
        Ok(id) => Ok(Redirect::to(&format!("{HOME}/{id}")).into_response()),
        Err(error) => {
            let problem = Problem::from(error);
            Ok(shown(&reader, &generation, problem.status(), &name, &settings, Some(&problem)))
        }
    }
}

/// The reader's browser, where the channel connects by signing in with its provider.
pub(super) fn browser(reader: &Reader, return_to: String) -> Browser {
    let session = reader.caller.user.as_ref().map(|_| reader.caller.token.clone());
    Browser { session, return_to: Some(return_to) }
}

/// What a form sent under this name.
pub(super) fn sent(pairs: &[(String, String)], key: &str) -> String {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn shown(
    reader: &Reader,
    generation: &Generation,
    status: StatusCode,
    name: &str,
    values: &Value,
    problem: Option<&Problem>,
) -> Response {
    let (words, language) = (reader.look.words, reader.look.language.0);
    let texts = generation.plugin.texts(language);
    let title = words.connect.title.replace("{name}", &texts.name);
    let form = generation.plugin.settings_schema("channel", language).map(Form::of);
    let given = Given { words, values, under: "#/settings", problem, is_connected: false };
    let content = html! {
        (layout::crumbs(reader, &[], &title))
        header.page-head {
            img.channel-mark src=(icon_of(&generation.id)) alt="";
            div.page-title { h1 { (title) } p.note { (texts.description) } }
        }
        div.connect {
            form.card.card-body.form method="post" novalidate {
                (faults::notice_beside(words, problem, &pointers(form.as_ref(), &given)))
                (name_field(reader, name, problem))
                @if let Some(form) = &form { (draw(form, &given)) }
                div.form-foot {
                    button.button.is-primary type="submit" { (words.connect.button) }
                    a.button.is-quiet href=(HOME) { (words.connect.cancel) }
                    p.note.with-icon { (icon("lock", "is-small")) (words.connect.sealed) }
                }
            }
            (guide(&words.connect.guide.replace("{name}", &texts.name), &texts.instructions))
        }
    };
    (status, layout::page(reader, &title, HOME, &content)).into_response()
}

/// Where the faults point that stand beside a field.
pub(super) fn pointers(form: Option<&Form<'_>>, given: &Given<'_>) -> Vec<String> {
    let names = form.into_iter().flat_map(|form| form.shown(given.values));
    let own = names.map(|name| format!("{}/{name}", given.under));
    own.chain(["#/name".to_owned()]).collect()
}

/// The field for what people call the channel.
pub(super) fn name_field(reader: &Reader, name: &str, problem: Option<&Problem>) -> Markup {
    let words = &reader.look.words.connect;
    let fault = faults::of_field(reader.look.words, problem, "#/name");
    html! {
        div.field {
            label.field-label for="name" { (words.name) }
            input.input id="name" name="name" value=(name) autocomplete="off" aria-describedby="name-hint"
                aria-invalid=[fault.as_ref().map(|_| "true")];
            @if let Some(fault) = fault { p.field-error { (icon("error", "is-small")) (fault) } }
            p.field-hint id="name-hint" { (words.name_hint) }
        }
    }
}

/// The plugin's instructions for a channel.
pub(super) fn guide(title: &str, steps: &[Step]) -> Markup {
    let steps: Vec<_> = steps.iter().filter(|step| step.of == "channel").collect();
    if steps.is_empty() {
        return html! {};
    }
    html! {
        details.card.guide {
            summary.card-head { h2 { (title) } (icon("chevron-down", "")) }
            ol.guide-steps {
                @for step in steps {
                    li id=[step.anchor.as_ref().map(|anchor| format!("step-{anchor}"))] {
                        p {
                            (step.text)
                            @if let Some(link) = &step.link {
                                " " a href=(link) target="_blank" rel="noreferrer" { (host_of(link)) (icon("external", "is-small is-inline")) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The host of a link, which is short enough to be read.
pub(super) fn host_of(link: &str) -> String {
    url::Url::parse(link).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_else(|| link.to_owned())
}
