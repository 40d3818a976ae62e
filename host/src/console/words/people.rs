//! Texts: the people of the workspace, and names of roles.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The people of the workspace, and names of roles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct People {
    pub title: String,
    pub settings: String,
    pub add: String,
    pub name: String,
    pub name_hint: String,
    pub role: String,
    pub link_hint: String,
    pub link: String,
    pub link_note: String,
    pub link_made: String,
    pub link_made_note: String,
    pub since: String,
    pub state: String,
    pub may_sign_in: String,
    pub no_password: String,
    pub is_disabled: String,
    pub you: String,
    pub above: String,
    pub save: String,
    pub saved: String,
    pub new_password: String,
    pub new_password_note: String,
    pub set_password: String,
    pub access: String,
    pub disable: String,
    pub disable_note: String,
    pub enable: String,
    pub enable_note: String,
    pub remove: String,
    pub remove_note: String,
    pub sure: String,
    pub more: String,
    pub email_taken: String,
    pub person_disabled: String,
    pub bad_email: String,
    pub last_operator: String,
    pub bad_role: String,
    /// By the role's name.
    pub(super) roles: BTreeMap<String, String>,
}

impl People {
    /// What a role is called.
    pub fn role_name<'w>(&'w self, role: &'w str) -> &'w str {
        self.roles.get(role).map_or(role, String::as_str)
    }
}
