//! Where an event is being stored, and what has to be told about it afterwards.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use sambung_runtime::contract::windows::WindowRule;

use crate::clock::random;
use crate::db::{DbError, conversations, feed, messages};
use crate::ids;
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
    pub request: Option<i64>,
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
    pub created: Vec<Created>,
    pub updated: BTreeSet<String>,
    /// Each with its JSON, where that is known.
    conversations: BTreeMap<String, Option<String>>,
}

/// A message that is new.
pub(super) struct Created {
    pub id: String,
    /// Its JSON, where it is known and nothing is said of the message meanwhile.
    pub json: Option<String>,
}

impl Told {
    /// A conversation changed.
    pub fn conversation(&mut self, id: &str) {
        self.conversations.insert(id.to_owned(), None);
    }

    /// People or conversations are others now than what was made of them says.
    pub fn forget_json(&mut self) {
        self.created.iter_mut().for_each(|created| created.json = None);
        self.conversations.values_mut().for_each(|json| *json = None);
    }

    /// A conversation changed, and this is its JSON now.
    pub fn conversation_is(&mut self, id: &str, json: String) {
        self.conversations.insert(id.to_owned(), Some(json));
    }
}

impl<'a> Site<'a> {
    /// A new id.
    pub fn mint(&self, prefix: &str) -> String {
        ids::mint(prefix, self.now, random())
    }

    /// Appends the feed's rows for everything that changed.
    pub fn tell(&mut self) -> Result<(), DbError> {
        let created = std::mem::take(&mut self.told.created);
        let updated = std::mem::take(&mut self.told.updated);
        let quiet = updated.is_empty();
        for Created { id, json } in &created {
            if let Some(json) = json.as_ref().filter(|_| !updated.contains(id)) {
                debug_assert!(self.is_message(id, json)?, "{json}");
                feed::append_text(self.db, self.workspace, "message.created", json, self.now)?;
            } else if let Some(mut view) = messages::message_view(self.db, id)? {
                view.replayed = self.replayed;
                feed::append(self.db, self.workspace, "message.created", &view, self.now)?;
            }
        }
        for id in updated {
            if created.iter().any(|created| created.id == id) {
                continue;
            }
            if let Some(view) = messages::message_view(self.db, &id)? {
                feed::append(self.db, self.workspace, "message.updated", &view, self.now)?;
            }
        }
        for (id, json) in std::mem::take(&mut self.told.conversations) {
            // What is said of a message may show in its conversation.
            match json.filter(|_| quiet) {
                Some(json) => {
                    debug_assert!(self.is_conversation(&id, &json)?, "{json}");
                    feed::append_text(self.db, self.workspace, "conversation.updated", &json, self.now)?;
                }
                None => conversations::conversation_updated(self.db, self.workspace, &id, self.now)?,
            }
        }
        Ok(())
    }

    /// Whether a message is just as this JSON shows it.
    fn is_message(&self, id: &str, json: &str) -> Result<bool, DbError> {
        let Some(mut view) = messages::message_view(self.db, id)? else { return Ok(false) };
        view.replayed = self.replayed;
        Ok(serde_json::to_value(&view).ok() == serde_json::from_str(json).ok())
    }

    /// Whether a conversation is just as this JSON shows it.
    fn is_conversation(&self, id: &str, json: &str) -> Result<bool, DbError> {
        let view = conversations::conversation_view(self.db, id)?;
        Ok(view.and_then(|view| serde_json::to_value(&view).ok()) == serde_json::from_str(json).ok())
    }
}
