//! A message of a conversation.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::contact::Identity;
use super::content::Contents;
use super::conversation::Conversation;
use crate::keys::{ContactId, ConversationId, MessageId};

/// A message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Message<'v> {
    /// `msg_…`
    #[schema(value_type = String, example = "msg_7h2m4c9x0kq5t")]
    pub id: MessageId,
    /// `cv_…`
    #[schema(value_type = String)]
    pub conversation_id: ConversationId,
    /// The channel that its account is connected through now.
    pub channel_id: Option<Cow<'v, str>>,
    /// `inbound` or `outbound`
    #[schema(example = "inbound")]
    pub direction: Cow<'v, str>,
    /// One content, or a list where there are several.
    #[schema(value_type = Contents)]
    pub content: Value,
    /// Of an outbound message: `queued`, `sending`, `sent`, `delivered`, `read`, `failed` or `unknown`.
    pub status: Option<String>,
    /// Why it failed, or why it is unknown.
    #[schema(value_type = Option<SendError>)]
    pub error: Value,
    /// Who wrote it; null for a line of the host's and for a program that is not known.
    pub from: Option<Author<'v>>,
    /// When it was written, by the provider's clock.
    pub created_at: String,
    /// Of an outbound message: when the provider took it; else as `created_at`.
    pub sent_at: Option<String>,
    /// Of an inbound message: when the host received it.
    pub received_at: Option<String>,
    /// The id of the message that it answers.
    #[schema(value_type = Option<String>)]
    pub reply_to: Option<MessageId>,
    /// Messages of one album share it.
    pub group: Option<Cow<'v, str>>,
    /// Written by a person, not by a program.
    pub human: bool,
    /// Sent by another way, the provider's own app for instance.
    pub echo: bool,
    /// When the author changed it last.
    pub edited_at: Option<String>,
    /// When the author took it back.
    pub deleted_at: Option<String>,
    /// Of each person the newest reaction.
    pub reactions: Vec<Reaction>,
    /// The provider's ids, in the order of its parts.
    pub provider_message_ids: Vec<Cow<'v, str>>,
    /// Of an outbound message: the calls of the provider, in order, at most 100.
    pub attempts: Vec<Attempt>,
    /// A user had the request run again that brought it. Only in the feed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(default = false)]
    pub replayed: bool,
    /// Its conversation, as the message left it. Only in `message.created`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Box<Conversation<'v>>>,
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Author<'v> {
    /// The customer.
    Contact {
        /// `ct_…`
        #[schema(value_type = String)]
        id: ContactId,
        /// Null where it is not known.
        name: Option<Cow<'v, str>>,
    },
    /// A user of the workspace, or a token.
    User {
        /// `usr_…` or `tok_…`
        id: Cow<'v, str>,
        /// Null for a token.
        name: Option<Cow<'v, str>>,
    },
    /// The business, by the provider's own app.
    Provider,
}

impl Author<'_> {
    /// The author's name, where it is known.
    pub fn name(&self) -> Option<&str> {
        match self {
            Author::Contact { name, .. } | Author::User { name, .. } => name.as_deref(),
            Author::Provider => None,
        }
    }
}

/// The emojis that a person set under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reaction {
    /// Null where the provider does not say who it was, and for the business.
    pub who: Option<Identity>,
    /// Empty where it was taken back.
    pub emojis: Vec<String>,
    /// When it was set.
    pub at: String,
}

/// One call of the provider.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Attempt {
    /// Which content of the message, from 0.
    pub part: i64,
    /// The window's rule that allowed it.
    pub rule: Option<String>,
    /// When it began.
    pub started_at: String,
    /// When it ended; null while it is under way.
    pub ended_at: Option<String>,
    /// `sent`, `failed`, `again`, `unknown` or what a user decided.
    pub outcome: Option<String>,
    /// Why it was not sent.
    #[schema(value_type = Option<SendError>)]
    pub error: Value,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SendError {
    /// Stable; for programs.
    pub code: String,
    /// What happened, for people.
    pub detail: String,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// The field of the content that is meant.
    pub field: Option<String>,
    /// The window's rule that the provider refused.
    pub rule: Option<String>,
    /// What the provider said, as it said it; of a mail that came back, its report.
    pub data: Option<String>,
}
