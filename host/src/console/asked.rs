//! What a browser sends, queries and forms, whose faults become pages.

use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};

use http::StatusCode;
use serde::Deserialize;

use super::faults::Failure;
use crate::web::problem::Problem;

/// The address of what an id names; the list's own where the text is no id, because it comes from the browser and goes into a header.
pub(super) fn below(list: &str, id: &str) -> String {
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_id { format!("{list}/{id}") } else { list.to_owned() }
}

/// That the reader ticked the box of an act that cannot be undone.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sure {
    sure: String,
}

impl Sure {
    /// Whether the box was ticked.
    pub fn is(&self) -> bool {
        self.sure == "1"
    }
}

/// The variable parts of a page's address. A text that is no id names nothing: 404.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Failure))]
pub(super) struct Path<T>(pub T);

/// The query of a page's address.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Failure))]
pub(super) struct Query<T>(pub T);

/// The fields of a form.
#[derive(FromRequest)]
#[from_request(via(axum::Form), rejection(Failure))]
pub(super) struct Form<T>(pub T);

impl From<PathRejection> for Failure {
    fn from(_: PathRejection) -> Failure {
        Failure::from(Problem::not_found())
    }
}

impl From<QueryRejection> for Failure {
    fn from(_: QueryRejection) -> Failure {
        Failure::from(Problem::not_found())
    }
}

impl From<FormRejection> for Failure {
    fn from(rejection: FormRejection) -> Failure {
        Failure::from(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("the form is larger than it may be"),
            _ => Problem::unread(&rejection, Problem::bad_request("this is no form of these pages")),
        })
    }
}
