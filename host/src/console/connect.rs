//! Connecting a channel: the plugin's form, with its instructions beside it.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use sambung_runtime::manifest::Texts;
use serde_json::{Value, json};

use super::HOME;
use super::asked::Form as Sent;
use super::asked::Path;
use super::assets::GUIDE;
use super::dialog::dialog;
use super::faults::{self, Failure};
use super::form::{Branch, Choice, Form, Given, Keep, draw, draw_branch, read};
use super::integrations::icon_of;
use super::layout::{self, icon};
use super::reader::Reader;
use super::words::Words;
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
        Ok(id) => Ok(Redirect::to(&super::channel::connected(&id)).into_response()),
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

/// What leads to the form and stands above it, in the plugin's words where it has some.
pub(super) fn add_title(words: &Words, texts: &Texts) -> String {
    texts.add.clone().unwrap_or_else(|| words.connect.title.replace("{name}", &texts.name))
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
    let title = add_title(words, texts);
    let form = generation.plugin.settings_schema("channel", language).map(Form::of);
    let given = Given { words, values, under: "#/settings", problem, is_connected: false, ids: "f" };
    let doors =
        form.as_ref().and_then(|form| Some((form, form.choice().filter(|choice| signs_in(generation, choice))?)));
    let submit = texts.submit.as_ref().unwrap_or(&words.connect.button);
    let content = html! {
        (layout::crumbs(reader, &[], &title))
        header.page-head {
            img.channel-mark src=(icon_of(&generation.id)) alt="";
            div.page-title { h1 { (title) } p.note { (texts.description) } }
        }
        div.connect {
            @if let Some((form, choice)) = doors { (ways(reader, generation, form, choice, (name, submit), &given)) }
            @else {
                form.card.card-body.form method="post" novalidate {
                    (faults::notice_beside(words, problem, &pointers(form.as_ref(), &given)))
                    (name_field(reader, name, problem, "name"))
                    @if let Some(form) = &form { (draw(form, &given)) }
                    (foot(reader, submit))
                }
            }
            (guide(words, texts))
        }
        @if let Some(problem) = problem.filter(|problem| !problem.is_of_the_form()) {
            @let title = words.connect.refused.replace("{name}", &texts.name);
            (dialog(&title, &faults::told(words, problem), &words.connect.again))
        }
    };
    (status, layout::page(reader, &title, HOME, &content)).into_response()
}

/// The end of the form.
fn foot(reader: &Reader, submit: &str) -> Markup {
    let words = &reader.look.words.connect;
    html! {
        div.form-foot {
            button.button.is-primary type="submit" { (submit) }
            a.button.is-quiet href=(HOME) { (words.cancel) }
            p.note.with-icon { (icon("lock", "is-small")) (words.sealed) }
        }
    }
}

/// Whether one of the branches is a sign-in with the provider.
fn signs_in(generation: &Generation, choice: &Choice<'_>) -> bool {
    choice.branches.iter().any(|branch| is_sign_in(generation, choice, branch.value))
}

fn is_sign_in(generation: &Generation, choice: &Choice<'_>, value: &str) -> bool {
    generation.plugin.manifest().sign_in(&json!({ choice.name: value })).is_some()
}

/// The branches by the form that they share: those that sign in and ask for nothing of their own have one, any other has its own.
fn by_form<'c, 's>(generation: &Generation, choice: &'c Choice<'s>) -> Vec<Vec<&'c Branch<'s>>> {
    let asks_nothing = |branch: &&Branch<'_>| branch.fields.is_empty() && is_sign_in(generation, choice, branch.value);
    let (alike, others): (Vec<_>, Vec<_>) = choice.branches.iter().partition(asks_nothing);
    [alike].into_iter().filter(|alike| !alike.is_empty()).chain(others.into_iter().map(|branch| vec![branch])).collect()
}

/// The forms of the ways to connect: with a button for each way that signs in with the provider, to be opened for any other one.
fn ways(
    reader: &Reader,
    generation: &Generation,
    form: &Form<'_>,
    choice: &Choice<'_>,
    (name, submit): (&str, &str),
    given: &Given<'_>,
) -> Markup {
    let words = reader.look.words;
    let current = given.values[choice.name].as_str();
    html! {
        div.card.card-body.ways {
            @for branches in by_form(generation, choice) {
                @let (value, title) = (branches[0].value, branches[0].title);
                @let is_current = branches.iter().any(|branch| current == Some(branch.value));
                @let problem = given.problem.filter(|_| is_current);
                @let ids = format!("f-{value}");
                @let given = Given { problem, values: if is_current { given.values } else { &Value::Null }, ids: &ids, ..*given };
                @let fields = html! {
                    (faults::notice_beside(words, problem, &pointers(Some(form), &given)))
                    (name_field(reader, name, problem, &format!("{ids}-name")))
                    (draw_branch(form, value, &given))
                };
                @if is_sign_in(generation, choice, value) {
                    form.form method="post" novalidate {
                        (fields)
                        div.form-foot {
                            @for branch in &branches {
                                button.button.is-primary type="submit" name=(choice.name) value=(branch.value) { (branch.title) }
                            }
                        }
                    }
                } @else {
                    details.way open[is_current] {
                        summary.button { (title) (icon("chevron-down", "")) }
                        form.form method="post" novalidate {
                            input type="hidden" name=(choice.name) value=(value);
                            (fields)
                            (foot(reader, submit))
                        }
                    }
                }
            }
        }
    }
}

/// Where the faults point that stand beside a field.
pub(super) fn pointers(form: Option<&Form<'_>>, given: &Given<'_>) -> Vec<String> {
    let names = form.into_iter().flat_map(|form| form.shown(given.values));
    let own = names.map(|name| format!("{}/{name}", given.under));
    own.chain(["#/name".to_owned()]).collect()
}

/// The field for what people call the channel.
pub(super) fn name_field(reader: &Reader, name: &str, problem: Option<&Problem>, id: &str) -> Markup {
    let words = &reader.look.words.connect;
    let fault = faults::of_field(reader.look.words, problem, "#/name");
    html! {
        div.field {
            label.field-label for=(id) { (words.name) }
            input.input id=(id) name="name" value=(name) autocomplete="off" aria-describedby=(format!("{id}-hint"))
                aria-invalid=[fault.as_ref().map(|_| "true")] autofocus[fault.is_some()];
            @if let Some(fault) = fault { p.field-error { (icon("error", "is-small")) (fault) } }
            p.field-hint id=(format!("{id}-hint")) { (words.name_hint) }
        }
    }
}

/// The plugin's instructions for a channel, and who may use it.
pub(super) fn guide(words: &Words, texts: &Texts) -> Markup {
    let words = &words.connect;
    let steps: Vec<_> = texts.instructions.iter().filter(|step| step.of == "channel").collect();
    if steps.is_empty() {
        return html! {};
    }
    html! {
        script type="module" src=(GUIDE.path) {}
        details.card.guide {
            summary.card-head { h2 { (words.guide.replace("{name}", &texts.name)) } (icon("chevron-down", "")) }
            p.note.guide-who { (words.who) }
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
