//! Texts: one channel.

use serde::Deserialize;

/// One channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Channel {
    pub overview: String,
    pub conversations: String,
    pub settings: String,
    pub left_to_do: String,
    pub choose: String,
    pub choice_taken: String,
    pub choice_taken_elsewhere: String,
    pub choose_button: String,
    pub answer_button: String,
    pub sign_in: String,
    pub sign_in_button: String,
    pub sign_in_here: String,
    pub sign_in_failed: String,
    pub wait: String,
    pub health: String,
    pub healthy: String,
    pub check: String,
    pub register: String,
    pub pause: String,
    pub resume: String,
    pub about: String,
    pub account: String,
    pub plugin: String,
    pub since: String,
    pub webhook_url: String,
    pub save: String,
    pub saved: String,
    pub abandon: String,
    pub try_out: String,
    pub try_out_note: String,
    pub embed: String,
    pub embed_note: String,
    pub danger: String,
    pub danger_note: String,
    pub is_done: String,
    pub account_name: String,
    pub account_fixed: String,
}
