//! A saved reply, as the API and the pages show it.

use serde::Serialize;
use utoipa::ToSchema;

/// A text that the workspace's users put into replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SavedReply {
    /// `rp_…`
    #[schema(example = "rp_01jd3v6r6e0n5s9k2q8t4w7xyz")]
    pub id: String,
    /// What it is found by.
    #[schema(example = "Opening hours")]
    pub name: String,
    /// The text, with the variables `{{contact.name}}`, `{{agent.name}}` and `{{channel.name}}`.
    #[schema(example = "Hello {{contact.name}}, we are open until 21.00.")]
    pub text: String,
    /// RFC 3339
    pub created_at: String,
    /// RFC 3339
    pub changed_at: String,
}
