//! Texts: times.

use serde::Deserialize;

/// Times.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Time {
    pub now: String,
    pub minutes: String,
    pub hours: String,
    pub days: String,
    pub just_now: String,
    pub minutes_ago: String,
    pub hours_ago: String,
    pub today: String,
    pub yesterday: String,
    /// From Monday on.
    pub weekdays: [String; 7],
    pub months: [String; 12],
}
