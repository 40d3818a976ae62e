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
use crate::model::told;
use crate::web::endpoints::TOO_MANY;
use crate::web::once::{FORM_RUNNING, SENT_BEFORE};
use crate::web::people::DISABLED;
use crate::web::problem::{FieldError, Problem};
use crate::web::state::State;
use crate::web::workspaces::NAME_TAKEN;

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
        self.0.into_response()
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
        StatusCode::INTERNAL_SERVER_ERROR => faults.failed.clone(),
        StatusCode::CONFLICT if problem.code() == "email-taken" => words.people.email_taken.clone(),
        StatusCode::CONFLICT if problem.code() == "too-many-replies" => words.replies.too_many.clone(),
        StatusCode::CONFLICT if problem.code() == "last-operator" => words.people.last_operator.clone(),
        StatusCode::CONFLICT if problem.code() == TOO_MANY => words.endpoints.too_many.clone(),
        StatusCode::CONFLICT if problem.code() == DISABLED => words.people.person_disabled.clone(),
        StatusCode::CONFLICT if problem.code() == NAME_TAKEN => words.workspaces.name_taken.clone(),
        StatusCode::CONFLICT if problem.code() == FORM_RUNNING => faults.form_running.clone(),
        StatusCode::CONFLICT if problem.code() == SENT_BEFORE => faults.sent_before.clone(),
        _ => match told::of_problem(problem.code(), &words.language)
            .filter(|_| words.language != "en")
            .or(problem.detail())
        {
            Some(said) => said.to_owned(),
            None => faults.failed.clone(),
        },
    }
}

/// What is said of the fault of one field, by its pointer; none where the field has none. A fault that the console has no text for is
/// told in the words of the plugin or of the provider.
pub(super) fn of_field(words: &Words, problem: Option<&Problem>, pointer: &str) -> Option<String> {
    let fault = problem?.errors().iter().find(|fault| fault.pointer == pointer)?;
    Some(in_words(words, fault))
}

fn in_words(words: &Words, fault: &FieldError) -> String {
    let faults = &words.faults;
    let known = match fault.code.as_str() {
        // A fault with words of its own says more than that something is missing.
        "required" if *fault == FieldError::required(&fault.pointer) => &faults.required,
        "length" => &faults.too_long,
        "weak-password" => &faults.weak_password,
        "wrong-password" => &faults.wrong_password,
        "unknown-variable" => &words.replies.unknown_variable,
        "unknown-role" => &words.people.bad_role,
        "date" => &words.audit.bad_date,
        "workspace-name" => &words.workspaces.bad_name,
        "url" if fault.pointer == "#/url" => &words.endpoints.bad_url,
        "format" if fault.pointer == "#/email" => &words.people.bad_email,
        _ => return fault.told(&words.language).to_owned(),
    };
    known.clone()
}

/// The notice above a form that was refused, with the faults that stand beside none of these fields.
pub(super) fn notice_beside(words: &Words, problem: Option<&Problem>, fields: &[String]) -> Markup {
    let Some(problem) = problem else { return html! {} };
    let elsewhere: Vec<_> = problem.errors().iter().filter(|fault| !fields.contains(&fault.pointer)).collect();
    html! {
        div.notice.is-bad role="alert" {
            (icon("error", ""))
            div {
                @if problem.errors().is_empty() { p { (of_the_whole(words, problem)) } }
                @else if elsewhere.len() < problem.errors().len() { p { (words.faults.summary) } }
                @for fault in elsewhere { p { (in_words(words, fault)) } }
            }
        }
    }
}

/// All that is said of a problem.
pub(super) fn told(words: &Words, problem: &Problem) -> Markup {
    html! {
        @if problem.errors().is_empty() { p { (of_the_whole(words, problem)) } }
        @for fault in problem.errors() { (told_of(words, None, fault)) }
    }
}

/// What is said of one fault in a dialog: the field's label where it stands in the form behind it, and the provider's own words.
pub(super) fn told_of(words: &Words, label: Option<&str>, fault: &FieldError) -> Markup {
    let said = in_words(words, fault);
    let provider = fault.provider.as_ref().filter(|provider| **provider != said);
    html! {
        p { @if let Some(label) = label { strong { (label) } ": " } (said) }
        @if let Some(provider) = provider { p.note { (words.faults.provider) " “" (provider) "”" } }
    }
}

/// The notice above a form that was refused.
pub(super) fn notice(words: &Words, problem: Option<&Problem>) -> Markup {
    html! {
        @if let Some(problem) = problem {
            div.notice.is-bad role="alert" { (icon("error", "")) p { (of_the_whole(words, problem)) } }
        }
    }
}
