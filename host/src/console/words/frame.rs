//! Texts: what stands on every page.

use serde::Deserialize;

/// What stands on every page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Frame {
    pub skip: String,
    pub main: String,
    pub menu_of: String,
    pub language: String,
    pub theme: String,
    pub theme_auto: String,
    pub theme_light: String,
    pub theme_dark: String,
    pub reference: String,
    pub sign_out: String,
    pub reconnecting: String,
    pub session_ended: String,
    pub unreachable: String,
    pub copy: String,
    pub copied: String,
}
