//! The page of the host itself.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The host itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct System {
    pub title: String,
    pub ready: String,
    pub not_ready: String,
    pub running_since: String,
    pub held: String,
    pub held_note: String,
    pub release: String,
    pub released: String,
    pub little_room: String,
    pub little_room_note: String,
    pub queues: String,
    pub and_more: String,
    pub pools: String,
    pub pools_note: String,
    pub pool: String,
    pub places: String,
    pub taken: String,
    pub refused: String,
    pub overrides: String,
    pub overrides_note: String,
    pub no_override: String,
    pub key: String,
    pub value: String,
    pub default: String,
    pub empty: String,
    pub addresses: String,
    pub public_url: String,
    pub no_public_url: String,
    pub listen: String,
    pub metrics: String,
    pub metrics_here: String,
    pub mail: String,
    pub no_mail: String,
    pub mail_tls: String,
    pub mail_plain: String,
    pub mail_domain: String,
    pub storage: String,
    pub free: String,
    pub unknown: String,
    pub database: String,
    pub files: String,
    pub of_most: String,
    /// By the queue's name.
    pub(super) queue_names: BTreeMap<String, String>,
    /// By the pool's name.
    pub(super) pool_names: BTreeMap<String, String>,
}

impl System {
    /// What a queue is called.
    pub fn queue_name<'w>(&'w self, queue: &'w str) -> &'w str {
        self.queue_names.get(queue).map_or(queue, String::as_str)
    }

    /// What a pool is called.
    pub fn pool_name<'w>(&'w self, pool: &'w str) -> &'w str {
        self.pool_names.get(pool).map_or(pool, String::as_str)
    }
}
