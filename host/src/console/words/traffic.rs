//! Charts of messages in and out.

use serde::Deserialize;

/// Messages in and out of a day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Traffic {
    pub title: String,
    pub received: String,
    pub sent: String,
    pub now: String,
    pub none: String,
    pub chart: String,
    pub day: String,
}
