//! Who uses the host and what they did: workspaces, users, tokens, the audit log, and the keys of their requests.

pub(in crate::db) mod audit;
pub(in crate::db) mod idempotency;
pub(in crate::db) mod names;
pub(in crate::db) mod tokens;
pub(in crate::db) mod users;
pub(in crate::db) mod workspaces;
