//! Who reads a page: the language and theme of the browser, and the person who is signed in.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use url::form_urlencoded;

use super::faults::Failure;
use super::words::{self, Words};
use crate::auth::Role;
use crate::web::caller::Caller;
use crate::web::cookies;
use crate::web::language::Language;
use crate::web::state::State;

/// How a browser wants its pages.
#[derive(Clone)]
pub(super) struct Look {
    /// The language of texts.
    pub language: Language,
    /// `light` or `dark`; none follows the device.
    pub theme: Option<&'static str>,
    /// The time zone of the device; UTC until a script told it.
    pub zone: TimeZone,
    /// The texts in that language.
    pub words: &'static Words,
}

/// The themes that a person may choose.
pub(super) const THEMES: [&str; 2] = ["light", "dark"];

impl FromRequestParts<State> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Look, Infallible> {
        let Ok(asked) = Language::from_request_parts(parts, state).await;
        let chosen = cookies::LANGUAGE.read(parts, state);
        let language = chosen.and_then(|chosen| Language::named(&chosen)).unwrap_or(asked);
        let theme = cookies::THEME.read(parts, state);
        let theme = theme.and_then(|theme| THEMES.into_iter().find(|known| *known == theme));
        let zone = cookies::ZONE.read(parts, state).and_then(|zone| TimeZone::get(&zone).ok()).unwrap_or(TimeZone::UTC);
        Ok(Look { language, theme, zone, words: words::words(language) })
    }
}

/// A person who is signed in. As an extractor it sends everybody else to the sign-in page, and from there back.
pub(super) struct Reader {
    /// What they may.
    pub caller: Caller,
    /// How they want their pages.
    pub look: Look,
}

impl FromRequestParts<State> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Reader, Response> {
        let Ok(look) = Look::from_request_parts(parts, state).await;
        match Caller::from_request_parts(parts, state).await {
            Ok(caller) => Ok(Reader { caller, look }),
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                let to = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
                let to: String = form_urlencoded::byte_serialize(to.to_string().as_bytes()).collect();
                Err(Redirect::to(&format!("/sign-in?to={to}")).into_response())
            }
            Err(problem) => Err(Failure::from(problem).into_response()),
        }
    }
}

impl Reader {
    /// Refuses everybody who may not connect channels.
    pub fn must_be_admin(&self) -> Result<(), Failure> {
        Ok(self.caller.at_least(Role::Admin)?)
    }
}
