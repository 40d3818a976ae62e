//! A line of the audit log, as the API and the pages show it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::keys::LineId;

use super::free::AuditDetail;

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditLine {
    /// `ln_…`
    #[schema(value_type = String)]
    pub id: LineId,
    /// RFC 3339
    pub at: String,
    /// A person's or a token's id, or `cli`.
    pub actor: String,
    /// What the person or token is called now; null where there is none of that id any more, or where it is of another workspace.
    pub actor_name: Option<String>,
    /// The role it was done with.
    pub role: String,
    /// What was done: `channel.connect`, `user.create` …
    pub action: String,
    /// The id of what it was done to.
    pub subject: String,
    /// What that is called now; null where there is none of that id any more, and where what it names has no name of its own.
    pub subject_name: Option<String>,
    /// What else is known of the act.
    #[schema(value_type = Option<AuditDetail>)]
    pub detail: Value,
    /// Whether it concerns the whole host and not this workspace; only an operator sees such lines.
    pub host: bool,
}
