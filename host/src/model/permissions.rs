//! The four roles, and what each may do, as data.
//!
//! Roles are ordered, so a permission is the least role that holds it. Whom a role belongs to is not known here.

use serde::{Deserialize, Serialize};

/// What a user or a token may do. Ordered: each may all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The inbox.
    Agent,
    /// The inbox, others' conversations, and the journal to read.
    Supervisor,
    /// Channels, templates, endpoints and people of a workspace.
    Admin,
    /// Plugins, workspaces and the system.
    Operator,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Role; 4] = [Role::Agent, Role::Supervisor, Role::Admin, Role::Operator];

    /// The role's name on the wire and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::Admin => "admin",
            Role::Operator => "operator",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Everything this role may, by name, for people and programs that show only what works.
    pub fn permissions(self) -> Vec<&'static str> {
        PERMISSIONS.iter().filter(|(_, least)| self >= *least).map(|(name, _)| *name).collect()
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        Role::from_name(text).ok_or_else(|| {
            let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
            format!("there is no role {text:?}; roles are {}", names.join(", "))
        })
    }
}

/// What there is to be allowed, and the least role that is.
pub const PERMISSIONS: &[(&str, Role)] = &[
    ("channels.read", Role::Agent),
    ("contacts.read", Role::Agent),
    ("conversations.read", Role::Agent),
    ("events.read", Role::Agent),
    ("media.read", Role::Agent),
    ("media.write", Role::Agent),
    ("messages.retry", Role::Agent),
    ("messages.send", Role::Agent),
    ("templates.read", Role::Agent),
    ("conversations.assign", Role::Supervisor),
    ("journal.read", Role::Supervisor),
    ("messages.resolve_others", Role::Supervisor),
    ("apps.write", Role::Admin),
    ("audit.read", Role::Admin),
    ("channels.write", Role::Admin),
    ("contacts.erase", Role::Admin),
    ("endpoints.write", Role::Admin),
    ("journal.replay", Role::Admin),
    ("plugins.read", Role::Admin),
    ("templates.write", Role::Admin),
    ("tokens.write", Role::Admin),
    ("users.write", Role::Admin),
    ("plugins.write", Role::Operator),
    ("system.release", Role::Operator),
    ("workspaces.write", Role::Operator),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_those_before_it_may() {
        for pair in Role::ALL.windows(2) {
            let (less, more) = (pair[0].permissions(), pair[1].permissions());
            assert!(less.iter().all(|permission| more.contains(permission)));
            assert!(more.len() > less.len(), "{} adds nothing", pair[1]);
        }
    }

    #[test]
    fn every_role_is_found_by_its_name() {
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("owner"), None);
    }
}
