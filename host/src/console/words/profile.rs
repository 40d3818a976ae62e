//! Texts: the reader's own name and password.

use serde::Deserialize;

/// The reader's own name and password.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Profile {
    pub title: String,
    pub about: String,
    pub role: String,
    pub name: String,
    pub save: String,
    pub saved: String,
    pub password: String,
    pub current: String,
    pub new: String,
    pub password_hint: String,
    pub change: String,
}
