//! Texts: the list of channels and plugins.

use serde::Deserialize;

/// The list of channels and plugins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Integrations {
    pub title: String,
    pub needs_attention: String,
    pub connected: String,
    pub available: String,
    pub none_connected: String,
    pub none_available: String,
    pub more: String,
    pub state_connected: String,
    pub state_connecting: String,
    pub state_paused: String,
    pub state_needs_attention: String,
}
