//! Messages as they are read back: one of them, a page of a conversation.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value, json};

use super::{Db, DbError};
use crate::model::content;
use crate::model::time::rfc3339;

/// Where a page of messages goes on: the last one that was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MessageCursor {
    /// Its time.
    pub at: i64,
    /// Its place among those of the same time.
    pub seq: i64,
}

impl Db {
    /// A page of a conversation's messages, newest first, in the API's form; with where the next page begins.
    pub async fn messages_page(
        &self,
        workspace: &str,
        conversation: &str,
        after: Option<MessageCursor>,
        limit: u32,
    ) -> Result<(Vec<Value>, Option<MessageCursor>), DbError> {
        let (workspace, conversation) = (workspace.to_owned(), conversation.to_owned());
        self.read(move |db| {
            let after = after.unwrap_or(MessageCursor { at: i64::MAX, seq: i64::MAX });
            let mut ask = db.prepare_cached(
                "SELECT id, at, seq FROM messages WHERE conversation_id = ?1 AND (at, seq) < (?2, ?3) AND workspace_id = ?4
                 ORDER BY at DESC, seq DESC LIMIT ?5",
            )?;
            let rows = ask
                .query_map(params![conversation, after.at, after.seq, workspace, limit + 1], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
                })?
                .collect::<Result<Vec<_>, _>>()?;
            let more = rows.len() > limit as usize;
            let shown = &rows[..rows.len().min(limit as usize)];
            let next = shown.last().filter(|_| more).map(|(_, at, seq)| MessageCursor { at: *at, seq: *seq });
            let items = shown
                .iter()
                .filter_map(|(id, _, _)| message_json(db, id).transpose())
                .collect::<Result<Vec<_>, _>>()?;
            Ok((items, next))
        })
        .await
    }

    /// One message in the API's form.
    pub async fn message(&self, workspace: &str, id: &str) -> Result<Option<Value>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |db| {
            let there = db
                .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND workspace_id = ?2")?
                .exists(params![id, workspace])?;
            if there { message_json(db, &id) } else { Ok(None) }
        })
        .await
    }
}

/// A message in the API's form, which is also what the feed carries. None where there is no such message.
pub(in crate::db) fn message_json(db: &Connection, id: &str) -> Result<Option<Value>, DbError> {
    let found = db
        .prepare_cached(
            "SELECT m.id, m.conversation_id, m.direction, m.content, m.status, m.error, m.contact_id, ct.name, m.created_by, m.at,
                    m.received_at, m.reply_to, m.group_key, m.human, m.echo, m.edited_at, m.deleted_at, m.reactions,
                    (SELECT c.id FROM channels c WHERE c.account_id = m.account_id), u.name
             FROM messages m LEFT JOIN contacts ct ON ct.id = m.contact_id LEFT JOIN users u ON u.id = m.created_by
             WHERE m.id = ?1",
        )?
        .query_row([id], base)
        .optional()?;
    let Some(mut message) = found else { return Ok(None) };
    if let Some(content) = message.remove("content") {
        message.insert("content".into(), shown_content(db, content)?);
    }
    message.insert("provider_message_ids".into(), provider_ids(db, id)?);
    if message.get("direction").and_then(Value::as_str) == Some("outbound") {
        let (attempts, sent_at) = attempts(db, id)?;
        message.insert("attempts".into(), attempts);
        message.insert("sent_at".into(), sent_at);
    } else {
        message.insert("attempts".into(), json!([]));
    }
    Ok(Some(Value::Object(message)))
}

fn base(row: &Row<'_>) -> rusqlite::Result<Map<String, Value>> {
    let time =
        |index: usize| row.get::<_, Option<i64>>(index).map(|at| at.map_or(Value::Null, |ms| rfc3339(ms).into()));
    let text = |index: usize| row.get::<_, Option<String>>(index);
    let stored = |index: usize| text(index).map(|json| json.map_or(Value::Null, |json| parsed(&json)));
    let direction: String = row.get(2)?;
    let inbound = direction == "inbound";
    let echo: bool = row.get(14)?;
    let from = match (inbound, text(6)?, text(8)?) {
        (true, Some(contact), _) => json!({"type": "contact", "id": contact, "name": text(7)?}),
        (false, _, Some(author)) => json!({"type": "user", "id": author, "name": text(19)?}),
        (false, _, None) if echo => json!({"type": "provider"}),
        _ => Value::Null,
    };
    let mut message = Map::new();
    let mut put = |key: &str, value: Value| message.insert(key.to_owned(), value);
    put("id", row.get::<_, String>(0)?.into());
    put("conversation_id", row.get::<_, String>(1)?.into());
    put("channel_id", text(18)?.into());
    put("content", parsed(&row.get::<_, String>(3)?));
    put("status", if inbound { Value::Null } else { text(4)?.into() });
    put("error", stored(5)?);
    put("from", from);
    put("created_at", time(9)?);
    put("sent_at", time(9)?);
    put("received_at", time(10)?);
    put("reply_to", stored_or_text(text(11)?));
    put("group", text(12)?.into());
    put("human", row.get::<_, bool>(13)?.into());
    put("echo", echo.into());
    put("edited_at", time(15)?);
    put("deleted_at", time(16)?);
    put("reactions", stored(17)?);
    put("direction", direction.into());
    Ok(message)
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

fn stored_or_text(value: Option<String>) -> Value {
    value.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// One object, or a list when there are several; files with what is known of them now.
fn shown_content(db: &Connection, mut contents: Value) -> Result<Value, DbError> {
    describe_media(db, &mut contents)?;
    Ok(content::shown(contents))
}

/// Adds to each file of a list of contents what the host knows of its bytes now.
pub(in crate::db) fn describe_media(db: &Connection, contents: &mut Value) -> Result<(), DbError> {
    let mut known = HashMap::new();
    for id in content::media_ids(contents) {
        if let Some(file) = file(db, &id)? {
            known.insert(id, file);
        }
    }
    content::fill_media(contents, &|id| known.get(id).cloned());
    Ok(())
}

fn file(db: &Connection, id: &str) -> Result<Option<Map<String, Value>>, DbError> {
    let found = db
        .prepare_cached("SELECT state, reason, mime, name, bytes, width, height, duration_ms FROM media WHERE id = ?1")?
        .query_row([id], |row| {
            let text = |index: usize| row.get::<_, Option<String>>(index).map(Value::from);
            let number = |index: usize| row.get::<_, Option<i64>>(index).map(Value::from);
            let mut known = Map::new();
            for (index, key) in ["state", "reason", "mime", "name"].into_iter().enumerate() {
                known.insert(key.to_owned(), text(index)?);
            }
            for (index, key) in (4..).zip(["bytes", "width", "height", "duration_ms"]) {
                known.insert(key.to_owned(), number(index)?);
            }
            Ok(known)
        })
        .optional()?;
    Ok(found)
}

fn provider_ids(db: &Connection, id: &str) -> Result<Value, DbError> {
    let mut ask =
        db.prepare_cached("SELECT provider_id FROM provider_ids WHERE message_id = ?1 ORDER BY part, provider_id")?;
    let ids = ask.query_map([id], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(ids.into())
}

/// The attempts in order, and when the provider took the first.
fn attempts(db: &Connection, id: &str) -> Result<(Value, Value), DbError> {
    let mut ask = db.prepare_cached(
        "SELECT part, rule, started_at, ended_at, outcome, error FROM attempts WHERE message_id = ?1 ORDER BY id LIMIT 100",
    )?;
    let mut first: Option<i64> = None;
    let mut list = Vec::new();
    let mut rows = ask.query([id])?;
    while let Some(row) = rows.next()? {
        let ended: Option<i64> = row.get(3)?;
        let outcome: Option<String> = row.get(4)?;
        if outcome.as_deref() == Some("sent") {
            first = first.min(ended).or(ended);
        }
        list.push(json!({
            "part": row.get::<_, i64>(0)?,
            "rule": row.get::<_, Option<String>>(1)?,
            "started_at": rfc3339(row.get(2)?),
            "ended_at": ended.map(rfc3339),
            "outcome": outcome,
            "error": row.get::<_, Option<String>>(5)?.map(|json| parsed(&json)),
        }));
    }
    Ok((list.into(), first.map_or(Value::Null, |at| rfc3339(at).into())))
}

/// The place of a new message among those of its conversation with the same time.
pub(in crate::db) fn next_seq(db: &Connection, conversation: &str, at: i64) -> Result<i64, DbError> {
    Ok(db
        .prepare_cached("SELECT coalesce(max(seq), 0) + 1 FROM messages WHERE conversation_id = ?1 AND at = ?2")?
        .query_row(params![conversation, at], |row| row.get(0))?)
}
