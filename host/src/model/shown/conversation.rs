//! A conversation, and who and what it belongs to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::template::Template;
use crate::keys::{ContactId, ConversationId, MessageId};

/// A conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Conversation<'v> {
    /// `cv_…`
    #[schema(value_type = String, example = "cv_0t6k2c9x1nq8m")]
    pub id: ConversationId,
    /// The channel it goes through; null while its account is not connected.
    pub channel: Option<Cow<'v, ChannelRef>>,
    /// The account at the provider. It stays when the channel is disconnected.
    pub account: Cow<'v, AccountRef>,
    /// The person; null where no single person is known.
    pub contact: Option<ContactRef<'v>>,
    /// The user who answers it; null while it is unassigned.
    pub assigned_to: Option<PersonRef>,
    /// Whether it waits for an answer or is done. A new message of the customer opens it again.
    pub status: Standing,
    /// When the status changed last; null while it is as it began.
    pub status_changed_at: Option<String>,
    /// The user who changed the status last; null where a message of the customer did.
    pub status_changed_by: Option<PersonRef>,
    /// When it began.
    pub created_at: String,
    /// When its newest message was written.
    pub last_message_at: String,
    /// When the customer wrote last.
    pub last_inbound_at: Option<String>,
    /// When a user read it last.
    pub read_at: Option<String>,
    /// Messages of the customer that no user has read.
    pub unread: i64,
    /// Messages of the customer that you have not read. Only in answers to a session: the feed and tokens have no reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_by_you: Option<i64>,
    /// The conversation that it was merged into.
    #[schema(value_type = Option<String>)]
    pub merged_into: Option<ConversationId>,
    /// The newest message in short.
    pub last_message: Option<LastMessage<'v>>,
    /// Whether free text may be sent now. Only where one conversation is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// What may be sent now, with limits. Only where one conversation is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composer: Option<Composer>,
}

/// Whether a conversation waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "open")]
pub enum Standing {
    /// It waits for an answer, or for the customer.
    Open,
    /// Nothing is left to do.
    Done,
}

impl Standing {
    /// The word that the API and the database use.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::Done => "done",
        }
    }

    /// The case of this word; `Open` for another.
    pub fn of(word: &str) -> Standing {
        if word == "done" { Standing::Done } else { Standing::Open }
    }
}

/// A channel in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelRef {
    /// `ch_…`
    pub id: String,
    /// As the admin named it.
    pub name: String,
    /// The id of its plugin.
    pub plugin: String,
    /// `connecting`, `connected`, `needs_attention` or `paused`
    pub state: String,
}

/// An account at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountRef {
    /// The id of the plugin.
    pub plugin: String,
    /// The provider's id.
    pub id: String,
    /// The provider's name for it.
    pub name: String,
}

/// A contact in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContactRef<'v> {
    /// `ct_…`
    #[schema(value_type = String)]
    pub id: ContactId,
    /// Null where neither the provider nor a user named them.
    pub name: Option<Cow<'v, str>>,
}

/// A user of the workspace in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PersonRef {
    /// `usr_…`
    pub id: String,
    /// As shown.
    pub name: String,
}

/// The newest message of a conversation in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastMessage<'v> {
    /// `msg_…`
    #[schema(value_type = String)]
    pub id: MessageId,
    /// `inbound` or `outbound`
    pub direction: Cow<'v, str>,
    /// The type of its first content.
    pub r#type: Option<String>,
    /// The first 120 characters; null where it holds no text or was deleted.
    pub preview: Option<String>,
    /// Of an outbound message, as in [`super::message::Message`].
    pub status: Option<String>,
}

impl<'v> LastMessage<'v> {
    /// `contents`: as they are stored.
    pub fn of(id: MessageId, direction: Cow<'v, str>, contents: &Value, status: Option<String>, deleted: bool) -> Self {
        let first = contents.get(0).unwrap_or(&Value::Null);
        let preview = ["text", "caption", "subject", "line", "label", "name"]
            .iter()
            .find_map(|key| first.get(key).and_then(Value::as_str))
            .filter(|_| !deleted)
            .map(|text| text.chars().take(120).collect());
        let kind = first.get("type").and_then(Value::as_str).map(str::to_owned);
        Self { id, direction, r#type: kind, preview, status }
    }
}

/// The messaging window: when the provider allows which messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Window {
    /// `open` while free text may be sent, `closed` otherwise.
    pub state: String,
    /// When it closes; null where it does not close by itself.
    pub closes_at: Option<String>,
    /// `free-form`, `template` and what else may be sent now.
    pub allows: Vec<String>,
    /// Why it is closed: the plugin's word, `disconnected` or `plugin-missing`.
    pub reason: Option<String>,
}

/// What may be written in a conversation now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Composer {
    /// The types of content that may be sent; empty while nothing may be sent.
    pub contents: Vec<String>,
    /// The longest text; null where there is no limit.
    pub text: Option<TextLimit>,
    /// The longest caption; null where files carry none.
    pub caption: Option<TextLimit>,
    /// The limits of files by kind: `image`, `video`, `audio`, `voice`, `document`, `sticker`, `animation`.
    pub media: BTreeMap<String, MediaLimit>,
    /// The limits of buttons and lists; null where there are none.
    pub interactive: Option<InteractiveLimit>,
    /// How many contents the provider takes at a time.
    pub together: u32,
    /// Where only templates may be sent: those that are approved and switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Template>>)]
    pub templates: Option<Vec<Value>>,
}

impl Composer {
    /// Where nothing may be sent.
    pub fn nothing() -> Composer {
        Composer {
            contents: Vec::new(),
            text: None,
            caption: None,
            media: BTreeMap::new(),
            interactive: None,
            together: 1,
            templates: None,
        }
    }
}

/// The longest text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TextLimit {
    /// In `unit`.
    pub max: u64,
    /// `bytes` (of UTF-8), `code-points` or `utf-16` (code units).
    #[schema(example = "utf-16")]
    pub unit: String,
}

/// The limits of one kind of file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MediaLimit {
    /// Media types such as `image/jpeg` and `audio/*`; any where there are none.
    pub types: Vec<String>,
    /// The largest file, in bytes.
    pub max_bytes: u64,
}

/// The limits of buttons and lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InteractiveLimit {
    /// Buttons of one message.
    pub buttons: u32,
    /// Rows of a list, over all sections; 0: no lists.
    pub rows: u32,
    /// What is written on one.
    pub label: Option<TextLimit>,
}
