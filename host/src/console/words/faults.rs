//! Texts: what is said of faults.

use serde::Deserialize;

/// What is said of faults.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Faults {
    pub provider: String,
    pub summary: String,
    pub required: String,
    pub too_long: String,
    pub weak_password: String,
    pub wrong_password: String,
    pub later: String,
    pub wait: String,
    pub form_running: String,
    pub sent_before: String,
    pub not_found_title: String,
    pub not_found: String,
    pub forbidden_title: String,
    pub failed_title: String,
    pub failed: String,
    pub back: String,
}
