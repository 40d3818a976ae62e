//! The page of the audit log.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The audit log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Audit {
    pub title: String,
    pub when: String,
    pub who: String,
    pub what: String,
    pub subject: String,
    pub host: String,
    pub none: String,
    pub none_found: String,
    pub older: String,
    pub further: String,
    pub anybody: String,
    pub anything: String,
    pub from: String,
    pub until: String,
    pub bad_date: String,
    pub subject_hint: String,
    pub filter: String,
    pub all: String,
    pub export: String,
    pub by_command_line: String,
    pub by_host: String,
    pub yes: String,
    pub no: String,
    /// By the name of a detail.
    pub(super) details: BTreeMap<String, String>,
    /// By the action.
    pub(super) actions: BTreeMap<String, String>,
}

impl Audit {
    /// What an action is called.
    pub fn action_name<'w>(&'w self, action: &'w str) -> &'w str {
        self.actions.get(action).map_or(action, String::as_str)
    }

    /// What a detail of an act is called.
    pub fn detail_name<'w>(&'w self, detail: &'w str) -> &'w str {
        self.details.get(detail).map_or(detail, String::as_str)
    }

    /// Every action with its words, by them.
    pub fn actions(&self) -> Vec<(&str, &str)> {
        let mut all: Vec<_> = self.actions.iter().map(|(action, words)| (action.as_str(), words.as_str())).collect();
        all.sort_by_key(|(_, words)| *words);
        all
    }

    /// Who it was that is neither a person nor a token.
    pub fn no_person(&self, actor: &str) -> Option<&str> {
        match actor {
            "cli" => Some(&self.by_command_line),
            "host" => Some(&self.by_host),
            _ => None,
        }
    }
}
