//! Texts: the plugins of the host.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The plugins of the host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Plugins {
    pub title: String,
    pub installed: String,
    pub waiting: String,
    pub refused: String,
    pub none: String,
    pub upload: String,
    pub file: String,
    pub upload_note: String,
    pub install: String,
    pub not_installed: String,
    pub needs_approval: String,
    pub approve: String,
    pub approve_note: String,
    pub running: String,
    pub disabled: String,
    pub broken: String,
    pub disabled_note: String,
    pub by: String,
    pub may: String,
    pub talk_to: String,
    pub nothing_else: String,
    pub any_method: String,
    pub media_anywhere: String,
    pub of_setting: String,
    pub secrets: String,
    pub no_secret: String,
    pub never_leaves: String,
    pub leaves_for: String,
    pub in_setting: String,
    pub in_generated: String,
    pub ways_in: String,
    pub webhook: String,
    pub by_mail: String,
    pub by_poll: String,
    pub by_visitor: String,
    pub no_way_in: String,
    pub send_mail: String,
    pub limits: String,
    pub memory: String,
    pub cpu: String,
    pub deadline: String,
    pub channels: String,
    pub no_channel: String,
    pub versions: String,
    pub version: String,
    pub state: String,
    pub source: String,
    pub since: String,
    pub retired: String,
    pub origin: String,
    pub publisher: String,
    pub license: String,
    pub homepage: String,
    pub remove: String,
    pub remove_note: String,
    pub one_channel: String,
    pub many_channels: String,
    /// By the part of a request that carries a secret.
    pub(super) places: BTreeMap<String, String>,
    /// By the way that a file came.
    pub(super) sources: BTreeMap<String, String>,
    /// By what was done.
    pub(super) done: BTreeMap<String, String>,
}

impl Plugins {
    /// How a file came.
    pub fn source_name<'w>(&'w self, source: &'w str) -> &'w str {
        self.sources.get(source).map_or(source, String::as_str)
    }

    /// Which part of a request carries a secret, of a place as the manifest writes it: `auth` or `header:NAME`.
    pub fn place_name(&self, place: &str) -> String {
        let (kind, name) = place.split_once(':').unwrap_or((place, ""));
        self.places.get(kind).map_or_else(|| place.to_owned(), |words| words.replace("{name}", name))
    }

    /// An address as the manifest writes it: `setting:NAME`, `generated:NAME` or the address itself.
    pub fn address_name(&self, address: &str) -> String {
        match address.split_once(':') {
            Some(("setting", name)) => self.in_setting.replace("{name}", name),
            Some(("generated", name)) => self.in_generated.replace("{name}", name),
            _ => address.to_owned(),
        }
    }

    /// What is said after an act.
    pub fn done(&self, act: &str) -> Option<&str> {
        self.done.get(act).map(String::as_str)
    }

    /// How many channels there are.
    pub fn channel_count(&self, count: i64) -> String {
        if count == 1 { self.one_channel.clone() } else { self.many_channels.replace("{n}", &count.to_string()) }
    }
}
