//! The variable parts of an address.

use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;

use super::problem::Problem;

/// The variable parts of a path. A value of another type, such as a word where a number stands, names nothing: 404.
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Problem {
        Problem::not_found()
    }
}
