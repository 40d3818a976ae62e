//! A line of the audit log: who did what to whom.

use serde_json::Value;

/// One line. Never carries a secret's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The workspace; `None` for what concerns the whole host.
    pub workspace: Option<String>,
    /// Milliseconds since 1970.
    pub at: i64,
    /// A user's or a token's id, or `cli`.
    pub actor: String,
    /// The role it was done with.
    pub role: String,
    /// A stable word: `channel.connect`, `user.create` …
    pub action: String,
    /// The id of what it was done to.
    pub subject: String,
    /// What else is worth knowing.
    pub detail: Value,
}
