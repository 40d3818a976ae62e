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
        JsonRejection::JsonDataError(_) => Problem::invalid(vec![fault(&words)]),
        other => match other.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("the body is larger than it may be"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "send `Content-Type: application/json`")
            }
            _ => Problem::unread(rejection, Problem::bad_request("the body is not valid JSON")),
        },
    }
}

/// The field and the fault in `Failed to …: settings.color: invalid type …`.
fn fault(words: &str) -> FieldError {
    let words = words.split_once(": ").map_or(words, |(_, rest)| rest);
    let named = |what: &str| words.split_once(what).and_then(|(_, rest)| rest.split('`').next());
    let path = words
        .split_once(": ")
        .map(|(path, _)| path)
        .filter(|path| path.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']')) && *path != ".");
    let mut pointer = String::from("#");
    for part in path.unwrap_or_default().split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(part);
    }
    if let Some(field) = named("missing field `") {
        return FieldError::required(format!("{pointer}/{field}"));
    }
    if let Some(field) = named("unknown field `") {
        // The path may end with the field itself.
        let end = format!("/{field}");
        let pointer = if pointer.ends_with(&end) { pointer } else { pointer + &end };
        return FieldError::new(pointer, "unknown", "there is no such field");
    }
    FieldError::of_code(pointer, "type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_a_body_names_its_field() {
        let fault = |rest: &str| fault(&format!("Failed to deserialize the JSON body into the target type: {rest}"));
        assert_eq!(fault("missing field `role` at line 1 column 2"), FieldError::required("#/role"));
        assert_eq!(fault("settings: missing field `a` at line 1").pointer, "#/settings/a");
        assert_eq!(fault("mail: unknown field `mail`, expected `email`").pointer, "#/mail");
        let wrong = fault("items[2].color: invalid type: integer `1`, expected a string");
        assert_eq!(wrong.pointer, "#/items/2/color");
        assert_eq!(wrong, FieldError::of_code("#/items/2/color", "type"), "no library's words");
    }
}
