//! Where an event is being stored, and what has to be told about it afterwards.

use std::collections::BTreeSet;

use rusqlite::Connection;
use sambung_runtime::contract::windows::WindowRule;
use serde_json::Value;

use crate::clock::random;
use crate::db::{DbError, conversations, feed, messages};
use crate::ids;

/// One account of one workspace, within one transaction.
pub(super) struct Site<'a> {
    pub db: &'a Connection,
    pub workspace: &'a str,
    pub account: i64,
    /// The channel that the account is connected through now.
    pub channel: Option<&'a str>,
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
    pub created: Vec<String>,
    pub updated: BTreeSet<String>,
    pub conversations: BTreeSet<String>,
    pub media: bool,
    pub strangers: bool,
}

impl<'a> Site<'a> {
    /// A new id.
    pub fn mint(&self, prefix: &str) -> String {
        ids::mint(prefix, self.now, random())
    }

    /// Appends the feed's rows for everything that changed.
    pub fn tell(&mut self) -> Result<(), DbError> {
        let created = std::mem::take(&mut self.told.created);
        for id in &created {
            let Some(mut json) = messages::message_json(self.db, id)? else { continue };
            if self.replayed
                && let Some(object) = json.as_object_mut()
            {
                object.insert("replayed".into(), Value::Bool(true));
            }
            feed::append(self.db, self.workspace, "message.created", &json, self.now)?;
        }
        for id in std::mem::take(&mut self.told.updated) {
            if created.contains(&id) {
                continue;
            }
            if let Some(json) = messages::message_json(self.db, &id)? {
                feed::append(self.db, self.workspace, "message.updated", &json, self.now)?;
            }
        }
        for id in std::mem::take(&mut self.told.conversations) {
            conversations::conversation_updated(self.db, self.workspace, &id, self.now)?;
        }
        Ok(())
    }
}
