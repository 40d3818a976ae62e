//! Where an event is being stored, and what has to be told about it afterwards.

use std::collections::BTreeSet;

use rusqlite::Connection;
use sambung_runtime::contract::windows::WindowRule;
use serde_json::Value;

use crate::db::inbox::{conversations, messages};
use crate::db::outbound::status;
use crate::db::{DbError, feed};
use crate::keys::{ConversationId, Id, Kind, MessageId, RequestId};
use crate::model::shown::conversation::{AccountRef, ChannelRef};

/// One account of one workspace, within one transaction.
pub(super) struct Site<'a> {
    pub db: &'a Connection,
    pub workspace: &'a str,
    pub account: i64,
    /// The channel that the account is connected through now.
    pub channel: Option<&'a str>,
    /// How the account and that channel are shown, where this is known.
    pub shown: Option<&'a (AccountRef, Option<ChannelRef>)>,
    /// The request in the journal that says it, where there is one.
    pub request: Option<RequestId>,
    pub rules: &'a [WindowRule],
    /// When the host received the request.
    pub received_at: i64,
    pub now: i64,
    /// Somebody had the request run again: what it gives notifies nobody.
    pub replayed: bool,
    pub told: Told,
}

/// What changed, to be told once at the end.
#[derive(Default)]
pub(super) struct Told {
    created: Vec<Created>,
    pub updated: BTreeSet<MessageId>,
    conversations: BTreeSet<ConversationId>,
}

/// A message that is new.
struct Created {
    id: MessageId,
    conversation: ConversationId,
    /// Its JSON, where it is known and nothing is said of the message or its conversation meanwhile.
    json: Option<String>,
}

impl Told {
    /// A message is new; with its JSON where all that stands in it is at hand.
    pub fn message(&mut self, id: MessageId, conversation: ConversationId, json: Option<String>) {
        self.created.push(Created { id, conversation, json });
    }

    /// A conversation changed otherwise than by a new message.
    pub fn conversation(&mut self, id: ConversationId) {
        let within = self.created.iter_mut().filter(|created| created.conversation == id);
        within.for_each(|created| created.json = None);
        self.conversations.insert(id);
    }

    /// People or conversations are others now than what was made of them says.
    pub fn forget_json(&mut self) {
        self.created.iter_mut().for_each(|created| created.json = None);
    }
}

impl<'a> Site<'a> {
    /// A new id.
    pub fn mint<K: Kind>(&self) -> Id<K> {
        Id::new(self.now)
    }

    /// Appends the feed's rows for everything that changed: of a conversation with a new message, the message's says it.
    pub fn tell(&mut self) -> Result<(), DbError> {
        let Told { created, updated, mut conversations } = std::mem::take(&mut self.told);
        // What is said of a message may show in its conversation.
        let quiet = updated.is_empty();
        for Created { id, conversation, json } in &created {
            match json.as_ref().filter(|_| quiet) {
                Some(json) => {
                    debug_assert!(self.is_message(*id, json)?, "{json}");
                    feed::append_text(self.db, self.workspace, "message.created", json, self.now)?;
                    conversations.remove(conversation);
                }
                None => {
                    let (db, workspace) = (self.db, self.workspace);
                    if let Some(told) = messages::message_created(db, workspace, *id, self.replayed, self.now)? {
                        conversations.remove(&told);
                    }
                }
            }
        }
        for id in updated.into_iter().filter(|id| created.iter().all(|created| created.id != *id)) {
            status::message_updated(self.db, self.workspace, id, self.now)?;
        }
        for id in conversations {
            conversations::conversation_updated(self.db, self.workspace, id, self.now)?;
        }
        Ok(())
    }

    /// Whether a message and its conversation are just as this JSON shows them, the newest message apart: another may have come.
    fn is_message(&self, id: MessageId, json: &str) -> Result<bool, DbError> {
        let Some(mut view) = messages::message_view(self.db, id)? else { return Ok(false) };
        view.replayed = self.replayed;
        view.conversation = conversations::conversation_view(self.db, view.conversation_id)?.map(Box::new);
        let [mut made, mut read] = [serde_json::from_str(json).ok(), serde_json::to_value(&view).ok()];
        let last =
            |value: &Option<Value>| value.as_ref().map(|value| value["conversation"]["last_message"]["id"].clone());
        if last(&made) != last(&read) {
            let leave_out = |value: &mut Option<Value>| value.as_mut().map(|value| value["conversation"].take());
            leave_out(&mut made);
            leave_out(&mut read);
        }
        Ok(made == read)
    }
}
