//! Texts: the inbox.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::known;

/// The inbox.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Inbox {
    pub title: String,
    pub whose: String,
    pub mine: String,
    pub unassigned: String,
    pub all: String,
    pub none: String,
    pub none_open: String,
    pub older: String,
    pub earlier: String,
    pub unread: String,
    pub unnamed: String,
    pub disconnected: String,
    pub you: String,
    pub failed: String,
    pub back: String,
    pub messages: String,
    pub deleted: String,
    pub edited: String,
    pub is_typing: String,
    pub not_delivered: String,
    pub may_have_arrived: String,
    pub reply_to: String,
    pub write: String,
    pub send: String,
    pub enter_sends: String,
    pub enter_breaks: String,
    pub open_until: String,
    pub left: String,
    pub download: String,
    pub new_at_top: String,
    pub enter_change: String,
    pub files_shown: String,
    pub picture: String,
    pub search: String,
    pub filter: String,
    pub is_open: String,
    pub is_done: String,
    pub one_channel: String,
    pub none_found: String,
    pub unread_count: String,
    pub assign: String,
    pub you_mark: String,
    pub is_anothers: String,
    pub mark_done: String,
    pub open_again: String,
    pub contact: String,
    pub close: String,
    pub since: String,
    pub identities: String,
    pub others: String,
    pub rename: String,
    pub rename_note: String,
    pub name: String,
    pub save: String,
    pub quote: String,
    pub quoting: String,
    pub quote_not: String,
    pub an_earlier_message: String,
    pub by_program: String,
    pub by_provider: String,
    pub retry: String,
    pub mark_sent: String,
    pub send_again: String,
    pub attach: String,
    pub quick: String,
    pub quick_find: String,
    pub quick_none: String,
    pub quick_none_found: String,
    pub quick_settings: String,
    pub counter: String,
    pub no_template: String,
    pub choose_template: String,
    pub send_template: String,
    pub keys: String,
    /// Pairs of a key and what it does.
    pub key_list: Vec<[String; 2]>,
    /// By a content's type.
    pub(super) kinds: BTreeMap<String, String>,
    /// By what became of a message.
    pub(super) statuses: BTreeMap<String, String>,
    /// By the reason why nothing may be written.
    pub(super) closed: BTreeMap<String, String>,
    /// By a file's state.
    pub(super) files: BTreeMap<String, String>,
    /// By the code of a failure; others are told in the provider's words.
    pub(super) failures: BTreeMap<String, String>,
    /// By the code of a line of the host's.
    pub(super) host_lines: BTreeMap<String, String>,
    /// By the part of a template that a parameter is in.
    pub(super) places: BTreeMap<String, String>,
}

impl Inbox {
    /// What a content of this type is called.
    pub fn kind(&self, kind: &str) -> &str {
        known(&self.kinds, kind)
    }

    /// What became of a message.
    pub fn status(&self, status: &str) -> &str {
        known(&self.statuses, status)
    }

    /// Why nothing may be written.
    pub fn closed(&self, reason: &str) -> &str {
        known(&self.closed, reason)
    }

    /// Why a message was not delivered: in the reader's language where the code is the host's own, else as it was told.
    pub fn failure<'w>(&'w self, code: &str, detail: &'w str) -> &'w str {
        self.failures.get(code).map_or(detail, String::as_str)
    }

    /// A line of the host's.
    pub fn host_line(&self, code: Option<&str>) -> Option<&str> {
        self.host_lines.get(code?).map(String::as_str)
    }

    /// What a parameter of a template is called, by the part that it is in.
    pub fn parameter_place(&self, place: &str) -> &str {
        known(&self.places, place)
    }

    /// Why a file is not there.
    pub fn no_file(&self, state: &str) -> &str {
        known(&self.files, state)
    }
}
