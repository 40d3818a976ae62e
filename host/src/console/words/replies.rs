//! Texts: the workspace's saved replies.

use serde::Deserialize;

/// The workspace's saved replies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Replies {
    pub title: String,
    pub intro: String,
    pub none: String,
    pub add: String,
    pub text: String,
    pub variables: String,
    pub unknown_variable: String,
    pub too_many: String,
    pub remove: String,
}
