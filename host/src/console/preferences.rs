//! Language, theme and time zone of a browser. Cookies keep them, because they hold before a person signs in as well.

use axum::extract::State as Axum;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde::Deserialize;

use super::HOME;
use super::asked::Form;
use super::layout::icon;
use super::reader::{Look, THEMES};
use crate::web::cookies::{self, Cookie};
use crate::web::language::Language;
use crate::web::own_path::is_own_path;
use crate::web::state::State;

/// How long a browser keeps a choice, in seconds: as long as browsers keep a cookie at most, which is 400 days.
const KEPT: i64 = 400 * 86_400;

/// What a person chooses.
#[derive(Deserialize)]
pub(super) struct Choice {
    /// `en` or `id`.
    language: Option<String>,
    /// `light`, `dark` or `auto`.
    theme: Option<String>,
    /// The name of a time zone, which a script reads off the device.
    zone: Option<String>,
    /// The page to go back to.
    #[serde(default)]
    to: String,
}

/// Keeps the choice and goes back to the page.
pub(super) async fn submit(Axum(state): Axum<State>, Form(choice): Form<Choice>) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(language) = choice.language.as_deref().and_then(Language::named) {
        headers.extend(set(&state, cookies::LANGUAGE, language.0).map(|line| (SET_COOKIE, line)));
    }
    if let Some(theme) = choice.theme {
        // Anything else, `auto` for instance, follows the device.
        let theme = THEMES.into_iter().find(|known| *known == theme).unwrap_or_default();
        headers.extend(set(&state, cookies::THEME, theme).map(|line| (SET_COOKIE, line)));
    }
    if let Some(zone) = choice.zone.filter(|zone| TimeZone::get(zone).is_ok()) {
        headers.extend(set(&state, cookies::ZONE, &zone).map(|line| (SET_COOKIE, line)));
    }
    let to = if is_own_path(&choice.to) { &choice.to } else { HOME };
    let mut response = Redirect::to(to).into_response();
    for line in headers.get_all(SET_COOKIE) {
        response.headers_mut().append(SET_COOKIE, line.clone());
    }
    response
}

fn set(state: &State, cookie: Cookie, value: &str) -> Option<HeaderValue> {
    cookie.set(state, value, if value.is_empty() { 0 } else { KEPT })
}

/// A button that changes to the other language.
pub(super) fn other_language(look: &Look, here: &str) -> Markup {
    let (language, name) = if look.language.0 == "id" { ("en", "English") } else { ("id", "Bahasa Indonesia") };
    html! {
        form method="post" action="/preferences" {
            input type="hidden" name="to" value=(here);
            button.link type="submit" name="language" value=(language) lang=(language) { (name) }
        }
    }
}

/// Language and theme as entries of the person's menu.
pub(super) fn menu(look: &Look, here: &str) -> Markup {
    let words = &look.words.frame;
    let themes = [("auto", &words.theme_auto), ("light", &words.theme_light), ("dark", &words.theme_dark)];
    let theme = look.theme.unwrap_or("auto");
    html! {
        form.menu-choices method="post" action="/preferences" aria-label=(words.language) {
            input type="hidden" name="to" value=(here);
            p.note { (words.language) }
            @for (language, name) in [("en", "English"), ("id", "Bahasa Indonesia")] {
                (choice("language", language, name, look.language.0 == language, "globe"))
            }
        }
        form.menu-choices method="post" action="/preferences" aria-label=(words.theme) {
            input type="hidden" name="to" value=(here);
            p.note { (words.theme) }
            @for (value, name) in themes { (choice("theme", value, name, theme == value, "eye")) }
        }
    }
}

fn choice(field: &str, value: &str, name: &str, is_chosen: bool, picture: &str) -> Markup {
    html! {
        button type="submit" name=(field) value=(value) aria-pressed=(is_chosen) {
            (icon(if is_chosen { "check" } else { picture }, "is-small")) (name)
        }
    }
}
