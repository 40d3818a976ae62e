//! Problems as people read them: a page for one that ends a request, words beside the field for one that a form can mend.

use axum::extract::{FromRequestParts, Request, State as Axum};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::{Markup, html};

use super::HOME;
use super::layout::{self, Front, icon};
use super::reader::Look;
use super::words::Words;
use crate::channels::ChannelError;
use crate::db::DbError;
use crate::web::problem::Problem;
use crate::web::state::State;

/// A problem that ends a request. The layer [`as_pages`] makes a page of it, which knows the reader's language.
#[derive(Debug)]
pub(super) struct Failure(Problem);

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure(problem)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Failure {
        Failure(error.into())
    }
}

impl From<ChannelError> for Failure {
    fn from(error: ChannelError) -> Failure {
        Failure(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.0.status().into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// Makes a page of each [`Failure`].
pub(super) async fn as_pages(Axum(state): Axum<State>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(look) = Look::from_request_parts(&mut parts, &state).await;
    let here = parts.uri.path().to_owned();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let words = &look.words.faults;
    let (title, text) = match problem.status() {
        StatusCode::NOT_FOUND => (&words.not_found_title, words.not_found.clone()),
        StatusCode::FORBIDDEN => (&words.forbidden_title, String::new()),
        _ => (&words.failed_title, of_the_whole(look.words, &problem)),
    };
    let body = html! {
        @if !text.is_empty() { p { (text) } }
        a.button.is-primary href=(HOME) { (words.back) }
    };
    let page = layout::front(&look, &Front { title, note: None, here: &here }, &body);
    (problem.status(), page).into_response()
}

/// What is said of a problem that belongs to no field.
pub(super) fn of_the_whole(words: &Words, problem: &Problem) -> String {
    let faults = &words.faults;
    match problem.status() {
        StatusCode::UNAUTHORIZED => words.sign_in.wrong.clone(),
        StatusCode::TOO_MANY_REQUESTS => {
            faults.wait.replace("{seconds}", &problem.retry_after().unwrap_or(1).to_string())
        }
        StatusCode::SERVICE_UNAVAILABLE => faults.later.clone(),
        StatusCode::UNPROCESSABLE_ENTITY => faults.summary.clone(),
        _ => faults.failed.clone(),
    }
}

/// What is said of the fault of one field, by its pointer; none where the field has none.
pub(super) fn of_field<'w>(words: &'w Words, problem: Option<&Problem>, pointer: &str) -> Option<&'w str> {
    let faults = &words.faults;
    let fault = problem?.errors().iter().find(|fault| fault.pointer == pointer)?;
    Some(match fault.code.as_str() {
        "required" => &faults.required,
        "length" => &faults.too_long,
        "weak-password" => &faults.weak_password,
        "format" => &faults.email,
        _ => &faults.failed,
    })
}

/// The notice above a form that was refused.
pub(super) fn notice(words: &Words, problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            div.notice.is-bad role="alert" { (icon("error", "")) p { (of_the_whole(words, problem)) } }
        }
    }
}
