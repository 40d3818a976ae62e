//! Texts: the workspace's endpoints.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The workspace's endpoints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Endpoints {
    pub title: String,
    pub intro: String,
    pub none: String,
    pub add: String,
    pub more: String,
    pub url: String,
    pub url_hint: String,
    pub bad_url: String,
    pub too_many: String,
    pub events: String,
    pub events_hint: String,
    pub all_events: String,
    pub state: String,
    pub enabled: String,
    pub disabled: String,
    pub failing: String,
    pub failing_since: String,
    pub made: String,
    pub made_note: String,
    pub secret: String,
    pub rotate: String,
    pub rotate_note: String,
    pub previous_until: String,
    pub disable_note: String,
    pub enable_note: String,
    pub remove_note: String,
    pub deliveries: String,
    pub no_delivery: String,
    pub event_column: String,
    pub answer: String,
    pub when: String,
    pub next: String,
    pub tries: String,
    pub replay: String,
    pub replay_failed: String,
    pub older: String,
    /// By the event's type.
    pub(super) event_names: BTreeMap<String, String>,
    /// By the delivery's state.
    pub(super) states: BTreeMap<String, String>,
    /// By what was done.
    pub(super) done: BTreeMap<String, String>,
}

impl Endpoints {
    /// What an event of this type is called.
    pub fn event_name<'w>(&'w self, kind: &'w str) -> &'w str {
        self.event_names.get(kind).map_or(kind, String::as_str)
    }

    /// What a delivery's state is called.
    pub fn delivery_state<'w>(&'w self, state: &'w str) -> &'w str {
        self.states.get(state).map_or(state, String::as_str)
    }

    /// What is said after an act.
    pub fn done(&self, act: &str) -> Option<&str> {
        self.done.get(act).map(String::as_str)
    }
}
