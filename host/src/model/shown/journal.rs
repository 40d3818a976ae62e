//! A request of a provider, as the journal keeps it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::keys::RequestId;

/// A request of a provider. Of one that several workspaces share, a workspace sees only the fields that are always there, and its own
/// items.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JournalEntry {
    /// `req_…`
    #[schema(value_type = String)]
    pub id: RequestId,
    /// The id of the plugin.
    pub plugin: String,
    /// When the host received it.
    pub received_at: String,
    /// `pending`, `waiting`, `settled` or `parked`
    #[schema(example = "settled")]
    pub state: String,
    /// When it was translated; null before that.
    pub settled_at: Option<String>,
    /// The rest, for those who see it whole.
    #[serde(flatten)]
    pub whole: Option<Whole>,
    /// What was not simply stored, at most 1,000.
    pub items: Vec<JournalItem>,
}

/// What an operator sees of every request, and a workspace of its own.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Whole {
    /// The channel that it was for.
    pub channel_id: Option<String>,
    /// The registration that it was for.
    pub app_id: Option<String>,
    /// The recipe by which it was verified.
    pub recipe: String,
    /// How often it was run again.
    pub replays: i64,
    /// Why it is in this state.
    pub reason: Option<String>,
    /// How many events of it were stored.
    pub stored: i64,
    /// The size of its body; null once that was removed.
    pub bytes: Option<i64>,
    /// Its header fields: `[name, value]`. Only where one request is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<String>>>)]
    pub headers: Option<serde_json::Value>,
    /// Its body. Only where one request is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A part of a request that was not simply stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JournalItem {
    /// Its place in the request, from 0.
    pub index: i64,
    /// The channel that it was for.
    pub channel_id: Option<String>,
    /// `parked`, `ignored` or `unknown`
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// Where it stands in the body, as a JSON pointer.
    pub pointer: Option<String>,
    /// When that was noted.
    pub at: String,
}
