//! The widget of a channel beside the form of its settings, with changes that are not saved.
//!
//! The form is sent into a frame whose page hands the public settings to the widget, in an attribute of its script tag. Only a page of
//! this host can do so: the widget ignores the attribute elsewhere, and no page of another site can frame this one.

use axum::extract::State as Axum;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use serde_json::{Value, json};

use super::HOME;
use super::asked::Form as Sent;
use super::asked::Path;
use super::assets::{PREVIEW, SHEET};
use super::channel::load;
use super::connect::sent;
use super::faults::Failure;
use super::form::{Form, Keep, read};
use super::layout::icon;
use super::reader::{Look, Reader, THEMES};
use super::try_out::runs_here;
use crate::model::shown::channel::Channel;
use crate::web::language::Language;
use crate::web::problem::Problem;
use crate::web::state::State;
use crate::web::widget;

/// What the page in the frame may load. A logo is of any host, as on a visitor's page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'self'";

/// How the visitor's page and device are.
struct Visit<'v> {
    theme: &'v str,
    language: Language,
}

/// The widget with the settings as they stand.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let channel = with_widget(&state, &reader, &id).await?;
    let visit = Visit { theme: reader.look.theme.unwrap_or(THEMES[0]), language: reader.look.language };
    Ok(shown(&state, &channel, &visit))
}

/// The widget with the settings of the form, which are not saved.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Sent(pairs): Sent<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let mut channel = with_widget(&state, &reader, &id).await?;
    let generation = state.plugins.get(&channel.plugin);
    let schema = generation.as_ref().and_then(|one| one.plugin.settings_schema("channel", "en"));
    let settings = schema.map(|schema| read(&Form::of(schema), &pairs, Keep::Secrets));
    for (key, value) in settings.as_ref().and_then(Value::as_object).into_iter().flatten() {
        channel.settings[key] = value.clone();
    }
    channel.name = sent(&pairs, "name");
    let theme = sent(&pairs, "look.theme");
    let visit = Visit {
        theme: THEMES.into_iter().find(|known| *known == theme).unwrap_or(THEMES[0]),
        language: Language::named(&sent(&pairs, "look.language")).unwrap_or(reader.look.language),
    };
    Ok(shown(&state, &channel, &visit))
}

async fn with_widget(state: &State, reader: &Reader, id: &str) -> Result<Channel, Failure> {
    let channel = load(state, reader, id).await?;
    if runs_here(state, &channel) { Ok(channel) } else { Err(Problem::not_found().into()) }
}

fn shown(state: &State, channel: &Channel, visit: &Visit<'_>) -> Response {
    let generation = state.plugins.get(&channel.plugin);
    let schema = generation.as_ref().and_then(|one| one.plugin.settings_schema("channel", "en"));
    let config = widget::config(&channel.name, schema, &channel.settings);
    let preview = json!({ "config": config, "language": visit.language.0 });
    let page = html! {
        (DOCTYPE)
        html lang=(visit.language.0) data-theme=(visit.theme) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (&channel.name) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(SHEET.path);
            }
            body.preview-site {
                div.preview-bars aria-hidden="true" { i {} i {} i {} i {} i {} }
                script async src=(format!("/widget/{}/widget.js", &channel.id)) data-preview=(preview) {}
            }
        }
    };
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(page.into_string())).into_response()
}

/// The frame with its switches, for beside the form `form`.
pub(super) fn beside(look: &Look, channel: &Channel, form: &str) -> Markup {
    let words = &look.words.widget;
    let path = format!("{HOME}/{}/preview", &channel.id);
    let languages = [("en", "English"), ("id", "Indonesia")];
    let switch = |name: &str, label: &str, options: &[(&str, &str)], current: &str| {
        html! {
            fieldset.preview-switch {
                legend.visually-hidden { (label) }
                @for (value, word) in options {
                    @let id = format!("look-{value}");
                    span.preview-option {
                        input type="radio" id=(id) name=(format!("look.{name}")) value=(value) form=(form) checked[*value == current];
                        label for=(id) { (word) }
                    }
                }
            }
        }
    };
    let themes = [(THEMES[0], words.light.as_str()), (THEMES[1], words.dark.as_str())];
    html! {
        section.card.preview #preview aria-labelledby="preview-title" {
            header.card-head { h2 id="preview-title" { (words.preview) } }
            div.preview-switches {
                (switch("device", &words.device, &[("desktop", &words.desktop), ("phone", &words.phone)], "desktop"))
                (switch("theme", &words.page_theme, &themes, look.theme.unwrap_or(THEMES[0])))
                (switch("language", &words.visitors_language, &languages, look.language.0))
                button.button.is-small #show-preview type="submit" form=(form) formaction=(path) formtarget="preview" {
                    (icon("refresh", "is-small")) (words.show)
                }
            }
            div.preview-stage { iframe name="preview" title=(words.preview) src=(path) {} }
            p.preview-note { (words.unsaved) }
        }
        script type="module" src=(PREVIEW.path) {}
    }
}
