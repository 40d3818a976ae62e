//! The page of workspaces.

use serde::Deserialize;

/// The workspaces of the host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Workspaces {
    pub title: String,
    pub intro: String,
    pub add: String,
    pub name_hint: String,
    pub bad_name: String,
    pub name_taken: String,
    pub people: String,
    pub channels: String,
    pub files: String,
    pub yours: String,
    pub rename_note: String,
    pub more: String,
    pub add_admin: String,
    pub add_admin_short: String,
}
