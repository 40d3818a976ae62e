//! Texts: the first operator's page.

use serde::Deserialize;

/// The first operator's page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct SetUp {
    pub title: String,
    pub intro: String,
    pub hint: String,
    pub button: String,
    pub gone_title: String,
    pub gone: String,
}
