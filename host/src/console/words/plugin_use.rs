//! What a plugin used and said.

use serde::Deserialize;

/// Time, memory, faults and log of a plugin.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct PluginUse {
    pub title: String,
    pub calls: String,
    pub none: String,
    pub note: String,
    pub time: String,
    pub time_chart: String,
    pub memory: String,
    pub memory_chart: String,
    pub of_most: String,
    pub faults: String,
    pub log: String,
    pub no_line: String,
}
