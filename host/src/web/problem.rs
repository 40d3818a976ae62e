//! Errors as RFC 9457 problem details.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

pub use crate::model::fault::FieldError;
use crate::model::shown::free::ProblemMore;
use crate::model::told;

use super::language::Language;
use crate::auth::AuthError;
use crate::db::DbError;

/// An error as it is answered. `type` is `/problems/` and the code.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `/problems/window-closed`.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A stable word: the last part of `type`.
    code: String,
    /// What happened this time, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Every fault of every field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// More that belongs to this code.
    #[serde(flatten)]
    #[schema(value_type = ProblemMore)]
    more: Map<String, Value>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// What a handler answers.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    /// A problem of this status and code. `detail` is one sentence for people.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        Problem {
            kind: format!("/problems/{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: (!detail.is_empty()).then_some(detail),
            errors: Vec::new(),
            more: Map::new(),
            retry_after: None,
        }
    }

    /// 404: there is none, or it is another workspace's.
    pub fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such thing here")
    }

    /// 409: it cannot be done in the present state.
    pub fn conflict(code: &str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, code, detail)
    }

    /// 422 with every fault of every field.
    pub fn invalid(errors: Vec<FieldError>) -> Problem {
        let detail = joined(&errors);
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail);
        problem.errors = errors;
        problem
    }

    /// 400: the request itself cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// 401: no credentials, or not good ones.
    pub fn unauthorized() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "send a valid token as `Authorization: Bearer`, or sign in",
        )
    }

    /// 403: this role may not.
    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 408: the body came too slowly.
    pub fn too_slow() -> Problem {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the body did not arrive in time; send it again")
    }

    /// What a body is answered that could not be read, with other words where it was not too slow.
    pub fn unread(error: &(dyn std::error::Error + 'static), otherwise: Problem) -> Problem {
        if super::listener::is_too_slow(error) { Problem::too_slow() } else { otherwise }
    }

    /// 413: larger than it may be.
    pub fn too_large(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 429: more often than it may.
    pub fn too_many(wait: Duration) -> Problem {
        let seconds = wait.as_secs() + 1;
        let mut problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", format!("try again in {seconds} seconds"));
        problem.retry_after = Some(seconds);
        problem
    }

    /// 503: the host sheds load; try again after `seconds`.
    pub fn unavailable(detail: impl Into<String>, seconds: u64) -> Problem {
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        problem.retry_after = Some(seconds);
        problem
    }

    /// 500: a fault of the host's own. The words go to the log and not to the caller.
    pub fn internal(error: &dyn std::error::Error) -> Problem {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            words = format!("{words}: {deeper}");
            cause = deeper.source();
        }
        tracing::error!(error = %words, "a request failed");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the host failed; its log says why")
    }

    /// The same problem with its sentences in this language.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Problem {
        if language.0 == "en" {
            return self;
        }
        self.errors = self.errors.into_iter().map(|error| error.in_language(language.0)).collect();
        if self.errors.is_empty() {
            let words = told::of_problem(&self.code, language.0);
            self.detail = words.map(str::to_owned).or(self.detail);
        } else {
            self.detail = Some(joined(&self.errors));
        }
        self
    }

    /// Adds a member of this problem's own.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// The stable word for this kind of problem.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What happened this time, and what to do.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Every fault of every field.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// A member of this problem's own.
    pub fn more(&self, name: &str) -> Option<&Value> {
        self.more.get(name)
    }

    /// Whether what was filled in is to blame, and not the provider or the state of something.
    pub fn is_of_the_form(&self) -> bool {
        !self.errors.is_empty() && !self.more.contains_key("refused")
    }

    /// Seconds after which another try may succeed, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn joined(errors: &[FieldError]) -> String {
    errors.iter().map(|error| error.detail.as_str()).collect::<Vec<_>>().join("; ")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.retry_after;
        let mut response = (status, Json(&self)).into_response();
        // For the console, which makes a page of it.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Problem {
        if error.is_full() {
            metrics::counter!("sambung_database_full_total").increment(1);
            tracing::error!("the disk is full: nothing can be stored until there is room");
            return Problem::unavailable("the disk is full: nothing can be stored until there is room", 30);
        }
        match error {
            DbError::Busy(words) => Problem::unavailable(words, 1),
            DbError::Closed => Problem::unavailable("the server is stopping", 5),
            DbError::TakenOver => Problem::unavailable("another server took this request over; send it again", 1),
            other => Problem::internal(&other),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Problem {
        match error {
            AuthError::Refused => Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", error.to_string()),
            AuthError::LinkUsed | AuthError::PasswordLinkUsed => {
                Problem::new(StatusCode::GONE, "link-used", error.to_string())
            }
            AuthError::WeakPassword(words) => {
                Problem::invalid(vec![FieldError::new("#/password", "weak-password", words)])
            }
            AuthError::Busy => Problem::unavailable("too many sign-ins at once", 2),
            AuthError::Db(error) => Problem::from(error),
        }
    }
}
