//! Who types: told to those who follow the workspace, and stored nowhere. And what a plugin needs to show a customer that a user types.

use rusqlite::{Connection, OptionalExtension};
use sambung_runtime::contract::types::{Target, Thread};
use serde::Serialize;

use crate::db::engine::after;
use crate::db::inbox::contacts::{SHOWN_FROM, SHOWN_NAME};
use crate::db::outbound::addressee;
use crate::db::{Db, DbError, feed};
use crate::keys::{ContactId, ConversationId, MessageId};
use crate::model::shown::message::Author;
use crate::model::shown::typing::Typing;
use crate::wake::PassingEvent;

/// The event's type.
const KIND: &str = "conversation.typing";

/// The event that a contact or a user types.
pub fn event(typing: &impl Serialize) -> Result<PassingEvent, DbError> {
    Ok(PassingEvent { kind: KIND, data: feed::text(typing)? })
}

/// Tells, once the transaction is on disk, that the conversation's customer types.
pub(in crate::db) fn customer_types(
    db: &Connection,
    workspace: &str,
    conversation: ConversationId,
) -> Result<(), DbError> {
    if let Some(typing) = customer(db, conversation)? {
        after::passes(workspace, &conversation.to_string(), event(&typing)?);
    }
    Ok(())
}

fn customer(db: &Connection, conversation: ConversationId) -> Result<Option<Typing<'static>>, DbError> {
    let found = db
        .prepare_cached(&format!(
            "SELECT ct.id, {SHOWN_NAME} FROM conversations v JOIN contacts own ON own.id = v.contact_id {SHOWN_FROM} WHERE v.id = ?1"
        ))?
        .query_row([conversation], |row| Ok((row.get::<_, ContactId>(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    Ok(found.map(|(id, name)| Typing {
        conversation_id: conversation,
        from: Author::Contact { id, name: name.map(Into::into) },
    }))
}

/// Where the provider is told that a user types.
#[derive(Debug, Clone)]
pub struct TypingPlace {
    /// The conversation.
    pub thread: Thread,
    /// The customer's last message.
    pub about: Option<Target>,
}

impl Db {
    /// That a web visitor types, as it is told; none before their first message.
    pub async fn visitor_types(&self, account: i64, visitor: &str) -> Result<Option<Typing<'static>>, DbError> {
        let visitor = visitor.to_owned();
        self.read(move |db| {
            let conversation: Option<ConversationId> = db
                .prepare_cached("SELECT conversation_id FROM thread_keys WHERE account_id = ?1 AND key = ?2")?
                .query_row(rusqlite::params![account, visitor], |row| row.get(0))
                .optional()?;
            match conversation {
                Some(conversation) => customer(db, conversation),
                None => Ok(None),
            }
        })
        .await
    }

    /// Where the provider is told that a user types in a conversation; none where it does not know the conversation.
    pub async fn typing_place(&self, conversation: ConversationId) -> Result<Option<TypingPlace>, DbError> {
        self.read(move |db| {
            let Some(thread) = addressee::thread(db, conversation)? else { return Ok(None) };
            let last: Option<MessageId> = db
                .prepare_cached(
                    "SELECT id FROM (SELECT id, direction, at FROM messages WHERE conversation_id = ?1 \
                     ORDER BY at DESC, id DESC LIMIT 50) WHERE direction = 'inbound' ORDER BY at DESC, id DESC LIMIT 1",
                )?
                .query_row([conversation], |row| row.get(0))
                .optional()?;
            let about = match last {
                Some(last) => addressee::target(db, last)?,
                None => None,
            };
            Ok(Some(TypingPlace { thread, about }))
        })
        .await
    }
}
