//! What is wrong with one field of what somebody sent.
//!
//! It knows neither HTTP nor the field's meaning.

use serde::Serialize;

use super::told;

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// A JSON pointer as a fragment: `#/settings/channel_secret`.
    #[schema(example = "#/settings/channel_secret")]
    pub pointer: String,
    /// A stable word: `required`, `type`, `too-long` …
    #[schema(example = "required")]
    pub code: String,
    /// The plugin's word for why, which `reasons` of its texts say in both languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One sentence for people, in the language of `Accept-Language`.
    #[schema(example = "field is required")]
    pub detail: String,
    /// The provider's own words, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The sentence in Indonesian; none: that of the code.
    #[serde(skip)]
    indonesian: Option<String>,
}

impl FieldError {
    /// A fault at `pointer`, which begins with `#`.
    pub fn new(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, code, detail) = (pointer.into(), code.into(), detail.into());
        Self { pointer, code, reason: None, detail, provider: None, indonesian: None }
    }

    /// A fault that is told in the words of its code.
    pub fn of_code(pointer: impl Into<String>, code: &str) -> Self {
        Self::new(pointer, code, told::of_fault(code, "en").unwrap_or(code))
    }

    /// The one wording for a required field that is absent or empty.
    pub fn required(pointer: impl Into<String>) -> Self {
        Self::of_code(pointer, "required")
    }

    /// What the provider said, and what its plugin says of that: a reason with its texts in English and Indonesian.
    #[must_use]
    pub fn said_by_provider(mut self, words: &str, reason: Option<(String, [String; 2])>) -> Self {
        self.provider = (!words.trim().is_empty()).then(|| words.trim().to_owned());
        if let Some((reason, [english, indonesian])) = reason {
            self.reason = Some(reason);
            self.detail = english;
            self.indonesian = Some(indonesian);
        }
        self
    }

    /// The sentence for people in this language.
    pub fn told(&self, language: &str) -> &str {
        if language != "id" {
            return &self.detail;
        }
        let own = self.indonesian.as_deref();
        own.or_else(|| told::of_fault(&self.code, language)).unwrap_or(&self.detail)
    }

    /// The same fault with its sentence in this language.
    #[must_use]
    pub fn in_language(mut self, language: &str) -> Self {
        self.detail = self.told(language).to_owned();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_in_the_readers_language() {
        let fault = FieldError::new("#/a", "too-long", "must have at most 3 characters");
        assert_eq!((fault.told("en"), fault.told("id")), ("must have at most 3 characters", "terlalu panjang"));
        let texts = ["Copy it again.", "Salin lagi."].map(str::to_owned);
        let refused = FieldError::of_code("#/token", "refused")
            .said_by_provider(" Unauthorized ", Some(("refused-token".to_owned(), texts)));
        assert_eq!((refused.told("en"), refused.told("id")), ("Copy it again.", "Salin lagi."));
        assert_eq!(refused.provider.as_deref(), Some("Unauthorized"));
        let plain = FieldError::of_code("#/token", "refused").said_by_provider("", None);
        assert_eq!((plain.told("en"), &plain.provider), ("the provider refused this value", &None));
        assert_eq!(plain.in_language("id").detail, "penyedia menolak nilai ini");
    }
}
