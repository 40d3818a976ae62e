//! Texts: what stands beside fields of any form.

use serde::Deserialize;

/// What stands beside fields of any form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Form {
    pub fixed: String,
    pub set: String,
    pub keep: String,
    pub step: String,
    pub more: String,
}
