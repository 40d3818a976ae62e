//! Where a message goes and to whom, as the provider knows both, and what the host knows of its files.

use rusqlite::{Connection, OptionalExtension};
use sambung_runtime::contract::types::{Identity, Target, Thread};
use serde_json::Value;

use crate::db::DbError;
use crate::db::inbox::messages;
use crate::db::outbound::claim::Group;
use crate::keys::{ContactId, ConversationId, MessageId};

/// The thread key of a conversation that was started here and whose own key the provider has not told yet begins so.
pub(in crate::db) const STARTED: &str = "start:";

/// A content with what the host knows of its files.
pub(in crate::db) fn described(db: &Connection, content: Value) -> Result<Value, DbError> {
    let mut list = Value::Array(vec![content]);
    messages::describe_media(db, &mut list)?;
    Ok(list.get_mut(0).map(Value::take).unwrap_or_default())
}

/// Where a message goes and to whom, without its parts.
pub(in crate::db) fn addressee(
    db: &Connection,
    message_id: MessageId,
    conversation_id: ConversationId,
    contact_id: Option<ContactId>,
) -> Result<Group, DbError> {
    let to = match contact_id {
        Some(contact) => identities(db, contact)?,
        None => Vec::new(),
    };
    let (reply_to, human): (Option<MessageId>, bool) = db
        .prepare_cached("SELECT reply_to, human FROM messages WHERE id = ?1")?
        .query_row([message_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let reply_to = match reply_to {
        Some(answered) => target(db, answered)?,
        None => None,
    };
    Ok(Group {
        message_id,
        conversation_id,
        contact_id,
        thread: thread(db, conversation_id)?,
        to,
        reply_to,
        human,
        opening: None,
        credential_version: 0,
        parts: Vec::new(),
    })
}

/// Every identity of a person, the scoped ones first, those that an identity change replaced last.
pub(in crate::db) fn identities(db: &Connection, contact: ContactId) -> Result<Vec<Identity>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT scheme, scope, value, extra FROM identities WHERE contact_id = ?1 \
         ORDER BY coalesce(extra LIKE '%\"superseded\"%', 0), scope = '', scheme LIMIT 20",
    )?;
    let rows = ask.query_map([contact], |row| {
        let extra: Option<String> = row.get(3)?;
        Ok(Identity {
            scheme: row.get(0)?,
            scope: row.get(1)?,
            value: row.get(2)?,
            extra: extra.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// How the provider names a message of ours, and what the plugin needs to refer to it.
pub(in crate::db) fn target(db: &Connection, message_id: MessageId) -> Result<Option<Target>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT coalesce(provider_id, (SELECT p.provider_id FROM provider_ids p
                                            WHERE p.message_id = ?1 AND p.attempt_key IS NOT NULL ORDER BY p.part LIMIT 1)),
                    context FROM messages WHERE id = ?1",
        )?
        .query_row([message_id], |row| {
            let id: Option<String> = row.get(0)?;
            let context = row.get(1)?;
            Ok(id.map(|id| Target { id, context, extra: Vec::new() }))
        })
        .optional()?
        .flatten())
}

/// The conversation as the provider knows it; none where it was only started here.
pub(in crate::db) fn thread(db: &Connection, conversation_id: ConversationId) -> Result<Option<Thread>, DbError> {
    let (key, context): (String, Option<String>) = db
        .prepare_cached("SELECT thread_key, context FROM conversations WHERE id = ?1")?
        .query_row([conversation_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if key.starts_with(STARTED) {
        return Ok(None);
    }
    let list = |sql: &str| -> Result<Vec<String>, DbError> {
        let mut ask = db.prepare_cached(sql)?;
        let rows = ask.query_map([conversation_id], |row| row.get(0))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    };
    let mut aliases = list("SELECT key FROM thread_keys WHERE conversation_id = ?1 LIMIT 20")?;
    aliases.retain(|alias| *alias != key && !alias.starts_with(STARTED));
    let joins = list(
        "SELECT coalesce(m.provider_id, p.provider_id) AS name
         FROM (SELECT id, at, provider_id FROM messages WHERE conversation_id = ?1 ORDER BY at DESC, id DESC LIMIT 20) m
         LEFT JOIN provider_ids p ON p.message_id = m.id AND p.attempt_key IS NOT NULL
         WHERE name IS NOT NULL ORDER BY m.at DESC, m.id DESC LIMIT 20",
    )?;
    Ok(Some(Thread { key, aliases, joins, context, extra: Vec::new() }))
}
