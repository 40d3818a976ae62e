//! What is wrong with one field of what somebody sent.
//!
//! It knows neither HTTP nor the field's meaning.

use serde::Serialize;

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// A JSON pointer as a fragment: `#/settings/channel_secret`.
    #[schema(example = "#/settings/channel_secret")]
    pub pointer: String,
    /// A stable word: `required`, `type`, `too-long` …
    #[schema(example = "required")]
    pub code: String,
    /// One sentence for people.
    #[schema(example = "field is required")]
    pub detail: String,
}

impl FieldError {
    /// A fault at `pointer`, which begins with `#`.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }

    /// The one wording for a required field that is absent or empty.
    pub fn required(pointer: impl Into<String>) -> Self {
        Self::new(pointer, "required", "field is required")
    }
}
