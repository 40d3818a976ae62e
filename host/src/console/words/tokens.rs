//! Texts: the workspace's tokens.

use serde::Deserialize;

/// The workspace's tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Tokens {
    pub title: String,
    pub intro: String,
    pub add: String,
    pub name_hint: String,
    pub expires: String,
    pub never: String,
    pub days: String,
    pub made: String,
    pub made_note: String,
    pub last_used: String,
    pub unused: String,
    pub none: String,
    pub end: String,
    pub end_note: String,
}
