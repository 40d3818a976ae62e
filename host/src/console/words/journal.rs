//! Texts: requests of providers.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Requests of providers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Journal {
    pub title: String,
    pub intro: String,
    pub none_parked: String,
    pub none: String,
    pub when: String,
    pub from: String,
    pub state: String,
    pub reason: String,
    pub channel: String,
    pub all_states: String,
    pub all_channels: String,
    pub filter: String,
    pub older: String,
    pub replay: String,
    pub replayed: String,
    pub item: String,
    pub more_items: String,
    pub replays: String,
    pub received: String,
    pub body_gone: String,
    pub cut: String,
    pub no_reason: String,
    pub about: String,
    pub verified: String,
    pub stored: String,
    pub size: String,
    pub headers: String,
    /// By the request's state.
    pub(super) states: BTreeMap<String, String>,
    /// By what became of an item.
    pub(super) outcomes: BTreeMap<String, String>,
}

impl Journal {
    /// What a state is called.
    pub fn state_name<'w>(&'w self, state: &'w str) -> &'w str {
        self.states.get(state).map_or(state, String::as_str)
    }

    /// What became of an item.
    pub fn outcome<'w>(&'w self, outcome: &'w str) -> &'w str {
        self.outcomes.get(outcome).map_or(outcome, String::as_str)
    }
}
