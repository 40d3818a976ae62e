//! The page behind a link for a password.

use serde::Deserialize;

/// Setting one's own password.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct NewPassword {
    pub title: String,
    pub intro: String,
    pub button: String,
    pub gone: String,
}
