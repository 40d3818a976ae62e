//! Texts: connecting a channel.

use serde::Deserialize;

/// Connecting a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Connect {
    pub title: String,
    pub name: String,
    pub name_hint: String,
    pub button: String,
    pub cancel: String,
    pub sealed: String,
    pub guide: String,
    pub who: String,
    pub refused: String,
    pub again: String,
    pub done: String,
    pub done_text: String,
    pub done_button: String,
}
