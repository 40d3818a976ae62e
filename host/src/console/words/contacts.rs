//! Texts: the contacts.

use serde::Deserialize;

/// The contacts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Contacts {
    pub title: String,
    pub search: String,
    pub none: String,
    pub none_found: String,
    pub name: String,
    pub identities: String,
    pub since: String,
    pub older: String,
    pub export: String,
    pub conversations: String,
    pub no_conversation: String,
    pub erase: String,
    pub erase_note: String,
    pub sure: String,
    pub erase_button: String,
}
