//! Texts: the sign-in page.

use serde::Deserialize;

/// The sign-in page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct SignIn {
    pub title: String,
    pub email: String,
    pub password: String,
    pub button: String,
    pub wrong: String,
    pub no_operator: String,
}
