//! Texts: message templates.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Message templates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Templates {
    pub refused: String,
    pub title: String,
    pub add: String,
    pub synced: String,
    pub never_synced: String,
    pub sync: String,
    pub sync_failed: String,
    pub none: String,
    pub more: String,
    pub note: String,
    pub name: String,
    pub name_hint: String,
    pub language: String,
    pub language_hint: String,
    pub category: String,
    pub status: String,
    pub search: String,
    pub any_status: String,
    pub none_found: String,
    pub quality: String,
    pub in_use: String,
    pub use_of: String,
    pub on: String,
    pub off: String,
    pub remove: String,
    pub remove_note: String,
    pub steps_label: String,
    pub steps: [String; 3],
    pub next: String,
    pub back: String,
    pub send: String,
    pub header: String,
    pub no_header: String,
    pub header_text: String,
    pub header_file: String,
    pub header_file_kept: String,
    pub body: String,
    pub body_hint: String,
    pub samples: String,
    pub footer: String,
    pub buttons: String,
    pub button_kind: String,
    pub no_button: String,
    pub button_label: String,
    pub button_value: String,
    pub review_note: String,
    pub preview: String,
    pub preview_note: String,
    /// By the provider's word.
    pub(super) categories: BTreeMap<String, String>,
    /// By the provider's word.
    pub(super) statuses: BTreeMap<String, String>,
    /// By the kind of the header.
    pub(super) headers: BTreeMap<String, String>,
    /// By the kind of the button.
    pub(super) button_kinds: BTreeMap<String, String>,
    /// By what was done.
    pub(super) done: BTreeMap<String, String>,
}

impl Templates {
    /// What a category is called; the provider's word where there is no other.
    pub fn category_name<'w>(&'w self, category: &'w str) -> &'w str {
        self.categories.get(&category.to_ascii_lowercase()).map_or(category, String::as_str)
    }

    /// Every status with its words, by them.
    pub fn statuses(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = self.statuses.iter().map(|(status, words)| (status.as_str(), words.as_str())).collect();
        all.sort_by_key(|(_, words)| *words);
        all
    }

    /// What a status is called; the provider's word where there is no other.
    pub fn status_name<'w>(&'w self, status: &'w str) -> &'w str {
        self.statuses.get(&status.to_ascii_lowercase()).map_or(status, String::as_str)
    }

    /// What a kind of header is called.
    pub fn header_name<'w>(&'w self, kind: &'w str) -> &'w str {
        self.headers.get(kind).map_or(kind, String::as_str)
    }

    /// What a kind of button is called.
    pub fn button_name<'w>(&'w self, kind: &'w str) -> &'w str {
        self.button_kinds.get(kind).map_or(kind, String::as_str)
    }

    /// What is said after an act.
    pub fn done(&self, act: &str) -> Option<&str> {
        self.done.get(act).map(String::as_str)
    }
}
