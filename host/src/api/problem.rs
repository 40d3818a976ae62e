//! Problems, by the name that handlers use, and JSON bodies whose faults become problems.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

pub use crate::web::problem::{Answer, FieldError, Problem};

/// A JSON body. What does not parse is a problem that says where.
#[derive(Debug, Clone, Copy)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Body(value)),
            Err(rejection) => Err(from_rejection(&rejection)),
        }
    }
}

fn from_rejection(rejection: &JsonRejection) -> Problem {
    let words = rejection.body_text();
    match rejection {
        JsonRejection::JsonDataError(_) => {
            let detail = words.split_once(": ").map_or(words.as_str(), |(_, rest)| rest).to_owned();
            match detail.split('`').nth(1).filter(|_| detail.starts_with("missing field")) {
                Some(field) => Problem::invalid(vec![FieldError::required(format!("#/{field}"))]),
                None => match detail.split('`').nth(1).filter(|_| detail.starts_with("unknown field")) {
                    Some(field) => Problem::invalid(vec![FieldError::new(
                        format!("#/{field}"),
                        "unknown",
                        "there is no such field",
                    )]),
                    None => Problem::invalid(vec![FieldError::new("#", "type", detail)]),
                },
            }
        }
        other => match other.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("the body is larger than it may be"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "send `Content-Type: application/json`")
            }
            _ => Problem::bad_request(words),
        },
    }
}
