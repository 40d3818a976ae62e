//! A contact: a person who writes to the workspace.

use serde::Serialize;
use utoipa::ToSchema;

use crate::keys::{ContactId, ConversationId, MediaId};

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Contact {
    /// `ct_…`
    #[schema(value_type = String)]
    pub id: ContactId,
    /// The name that a user gave, else the provider's; null where there is none.
    pub name: Option<String>,
    /// `md_…`: their picture; null where there is none.
    #[schema(value_type = Option<String>)]
    pub avatar: Option<MediaId>,
    /// When they were first heard of.
    pub created_at: String,
    /// When something about them changed last.
    pub changed_at: String,
    /// When they were erased.
    pub erased_at: Option<String>,
    /// How providers know them, at most 100, those of merged contacts included.
    pub identities: Vec<Identity>,
    /// The contacts that users merged into this one, the first merged first. Each can be taken out again.
    pub merged: Vec<MergedContact>,
    /// The ids of the conversations with them, the newest first, at most 100. Only where one contact is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub conversations: Option<Vec<ConversationId>>,
}

/// A contact that a user merged into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MergedContact {
    /// `ct_…`: its id, which leads to the contact that it was merged into.
    #[schema(value_type = String)]
    pub id: ContactId,
    /// Its own name; null where there is none.
    pub name: Option<String>,
    /// When it was merged.
    pub merged_at: String,
    /// Its own identities, at most 100.
    pub identities: Vec<Identity>,
}

/// How a provider knows a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
pub struct Identity {
    /// `phone`, `email` or the provider's kind of id.
    pub scheme: String,
    /// Where the value is unique, the provider's app for instance; empty where it is unique everywhere.
    pub scope: String,
    /// The id itself.
    pub value: String,
}
