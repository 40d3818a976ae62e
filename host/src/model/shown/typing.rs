//! The event that a contact or a user types in a conversation.

use serde::Serialize;
use utoipa::ToSchema;

use super::message::Author;
use crate::keys::ConversationId;

/// A contact or a user types in a conversation: the data of the event `conversation.typing`, which is told to those who follow the feed at that
/// moment and is not kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Typing<'v> {
    /// `cv_…`
    #[schema(value_type = String)]
    pub conversation_id: ConversationId,
    /// Who types. A contact is the conversation's.
    pub from: Author<'v>,
}
