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
    pub merge: String,
    pub merge_title: String,
    pub merge_note: String,
    pub merge_question: String,
    pub merge_shown: String,
    pub merge_answers: String,
    pub merge_undo: String,
    pub merge_button: String,
    pub cancel: String,
    pub merged: String,
    pub split: String,
}
