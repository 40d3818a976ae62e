//! Texts: a mail in a conversation.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::known;

/// A mail in a conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct MailWords {
    pub to: String,
    pub cc: String,
    pub quoted: String,
    pub as_sent: String,
    pub pictures: String,
    pub show_pictures: String,
    pub show_quoted: String,
    pub verified: String,
    pub forged: String,
    pub unverified: String,
    /// By the verdict of a check.
    pub(super) verdicts: BTreeMap<String, String>,
}

impl MailWords {
    /// What a check of the sender's domain found.
    pub fn verdict(&self, verdict: &str) -> &str {
        known(&self.verdicts, verdict)
    }
}
