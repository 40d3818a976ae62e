//! Texts: disconnecting a channel.

use serde::Deserialize;

/// Disconnecting a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Disconnect {
    pub title: String,
    pub sentence: String,
    pub stays: String,
    pub cancel: String,
    pub button: String,
    pub pause: String,
}
