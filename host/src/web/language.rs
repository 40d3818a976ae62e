//! In which of the languages there are somebody wants to read.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// `en` or `id`, from `Accept-Language`; English where neither is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language(pub &'static str);

impl Language {
    /// The language of this tag, where texts exist in it.
    pub fn named(tag: &str) -> Option<Language> {
        ["en", "id"].into_iter().find(|known| *known == tag).map(Language)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Language, Infallible> {
        let asked = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(preferred(asked))
    }
}

/// Says problems in the reader's language.
pub async fn tell_problems(language: Language, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if language.0 != "en"
        && let Some(problem) = response.extensions_mut().remove::<Problem>()
    {
        *response.body_mut() = problem.in_language(language).into_response().into_body();
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

fn preferred(asked: &str) -> Language {
    let mut best = ("en", 0.0);
    for range in asked.split(',') {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        let language = match tag.split('-').next() {
            // `in` is what old systems call Indonesian.
            Some("id" | "in") => "id",
            Some("en") => "en",
            _ => continue,
        };
        if weight > best.1 {
            best = (language, weight);
        }
    }
    Language(best.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_weighs_most_wins() {
        for (asked, language) in [
            ("", "en"),
            ("id", "id"),
            ("id-ID,id;q=0.9,en;q=0.8", "id"),
            ("en-GB;q=0.7, id;q=0.3", "en"),
            ("fr, ja;q=0.5", "en"),
            ("fr, id;q=0.2", "id"),
        ] {
            assert_eq!(preferred(asked), Language(language), "{asked}");
        }
    }
}
