//! What a browser sends, queries and forms, whose faults become pages.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};

use http::StatusCode;

use super::faults::Failure;
use crate::web::problem::Problem;

/// The query of a page's address.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Failure))]
pub(super) struct Query<T>(pub T);

/// The fields of a form.
#[derive(FromRequest)]
#[from_request(via(axum::Form), rejection(Failure))]
pub(super) struct Form<T>(pub T);

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
