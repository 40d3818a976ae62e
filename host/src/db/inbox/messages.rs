//! Messages as they are read back: one of them, a page of a conversation.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use crate::db::inbox::contacts::{SHOWN_FROM, SHOWN_NAME};
use crate::db::inbox::conversations::conversation_view;
use crate::db::{Db, DbError, feed};
use crate::keys::{ContactId, ConversationId, MediaId, MessageId};
use crate::model::content;
use crate::model::shown::contact::Identity;
use crate::model::shown::message::{Attempt, Author, Message, Reaction};
use crate::model::time::rfc3339;

/// Where a page of messages goes on: the last one that was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MessageCursor {
    /// Its time.
    pub at: i64,
    /// Its id.
    pub id: MessageId,
}

impl Db {
    /// A page of a conversation's messages, newest first, in the API's form; with where the next page begins.
    pub async fn messages_page(
        &self,
        workspace: &str,
        conversation: ConversationId,
        after: Option<MessageCursor>,
        limit: u32,
    ) -> Result<(Vec<Message<'static>>, Option<MessageCursor>), DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let after = after.unwrap_or(MessageCursor { at: i64::MAX, id: MessageId::of_row(i64::MAX) });
            let mut ask = db.prepare_cached(
                "SELECT id, at FROM messages WHERE conversation_id = ?1 AND (at, id) < (?2, ?3) AND workspace_id = ?4
                 ORDER BY at DESC, id DESC LIMIT ?5",
            )?;
            let rows = ask
                .query_map(params![conversation, after.at, after.id, workspace, limit + 1], |row| {
                    Ok((row.get::<_, MessageId>(0)?, row.get::<_, i64>(1)?))
                })?
                .collect::<Result<Vec<_>, _>>()?;
            let more = rows.len() > limit as usize;
            let shown = &rows[..rows.len().min(limit as usize)];
            let next = shown.last().filter(|_| more).map(|(id, at)| MessageCursor { at: *at, id: *id });
            let items =
                shown.iter().filter_map(|(id, _)| message_view(db, *id).transpose()).collect::<Result<Vec<_>, _>>()?;
            Ok((items, next))
        })
        .await
    }

    /// One message in the API's form.
    pub async fn message(&self, workspace: &str, id: MessageId) -> Result<Option<Message<'static>>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let there = db
                .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND workspace_id = ?2")?
                .exists(params![id, workspace])?;
            if there { message_view(db, id) } else { Ok(None) }
        })
        .await
    }
}

/// A message in the API's form. None where there is no such message.
pub(in crate::db) fn message_view(db: &Connection, id: MessageId) -> Result<Option<Message<'static>>, DbError> {
    let found = db
        .prepare_cached(&format!(
            "SELECT m.id, m.conversation_id, m.direction, m.content, m.status, m.error, ct.id, {SHOWN_NAME}, m.created_by, m.at,
                    m.received_at, m.reply_to, m.group_key, m.human, m.echo, m.edited_at, m.deleted_at, m.reactions,
                    (SELECT c.id FROM channels c WHERE c.account_id = m.account_id), u.name, m.provider_id
             FROM messages m LEFT JOIN contacts own ON own.id = m.contact_id {SHOWN_FROM} LEFT JOIN users u ON u.id = m.created_by
             WHERE m.id = ?1"
        ))?
        .query_row([id], base)
        .optional()?;
    let Some(mut message) = found else { return Ok(None) };
    message.content = shown_content(db, message.content)?;
    if message.direction == "outbound" {
        message.provider_message_ids.extend(provider_ids(db, id)?);
        (message.attempts, message.sent_at) = attempts(db, id)?;
    }
    Ok(Some(message))
}

fn base(row: &Row<'_>) -> rusqlite::Result<Message<'static>> {
    let time = |index: usize| row.get::<_, Option<i64>>(index).map(|at| at.map(rfc3339));
    let text = |index: usize| row.get::<_, Option<String>>(index);
    let name = |index: usize| text(index).map(|name| name.map(Cow::Owned));
    let stored = |index: usize| text(index).map(|json| json.map_or(Value::Null, |json| parsed(&json)));
    let direction: String = row.get(2)?;
    let inbound = direction == "inbound";
    let echo: bool = row.get(14)?;
    let from = match (inbound, row.get::<_, Option<ContactId>>(6)?, text(8)?) {
        (true, Some(contact), _) => Some(Author::Contact { id: contact, name: name(7)? }),
        (false, _, Some(author)) => Some(Author::User { id: author.into(), name: name(19)? }),
        (false, _, None) if echo => Some(Author::Provider),
        _ => None,
    };
    let created_at = rfc3339(row.get(9)?);
    Ok(Message {
        id: row.get(0)?,
        conversation_id: row.get(1)?,
        channel_id: name(18)?,
        content: parsed(&row.get::<_, String>(3)?),
        status: if inbound { None } else { text(4)? },
        error: stored(5)?,
        from,
        sent_at: Some(created_at.clone()),
        created_at,
        received_at: time(10)?,
        reply_to: row.get(11)?,
        group: name(12)?,
        human: row.get(13)?,
        echo,
        edited_at: time(15)?,
        deleted_at: time(16)?,
        reactions: text(17)?.map_or_else(Vec::new, |json| reactions(&json)),
        direction: direction.into(),
        provider_message_ids: name(20)?.into_iter().collect(),
        attempts: Vec::new(),
        replayed: false,
        conversation: None,
    })
}

/// The feed row for a message that is new, with its conversation: one row says both. The conversation; none where there is no
/// such message. `replayed`: a user had the request run again that brought it.
pub(in crate::db) fn message_created(
    db: &Connection,
    workspace: &str,
    id: MessageId,
    replayed: bool,
    at: i64,
) -> Result<Option<ConversationId>, DbError> {
    let Some(mut view) = message_view(db, id)? else { return Ok(None) };
    let conversation = view.conversation_id;
    view.replayed = replayed;
    view.conversation = conversation_view(db, conversation)?.map(Box::new);
    feed::append(db, workspace, "message.created", &view, at)?;
    Ok(Some(conversation))
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

/// Reactions as they are shown; they are stored with their time in milliseconds.
fn reactions(json: &str) -> Vec<Reaction> {
    #[derive(serde::Deserialize)]
    struct Stored {
        who: Option<Identity>,
        emojis: Vec<String>,
        at: i64,
    }
    let stored: Vec<Stored> = serde_json::from_str(json).unwrap_or_default();
    let shown = |one: Stored| Reaction { who: one.who, emojis: one.emojis, at: rfc3339(one.at) };
    stored.into_iter().map(shown).collect()
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
        if let Some(file) = file(db, MediaId::of(&id))? {
            known.insert(id, file);
        }
    }
    content::fill_media(contents, &|id| known.get(id).cloned());
    Ok(())
}

fn file(db: &Connection, id: MediaId) -> Result<Option<Map<String, Value>>, DbError> {
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

/// The provider's ids of a message of the host's.
fn provider_ids(db: &Connection, id: MessageId) -> Result<Vec<Cow<'static, str>>, DbError> {
    let mut ask =
        db.prepare_cached("SELECT provider_id FROM provider_ids WHERE message_id = ?1 AND attempt_key IS NOT NULL ORDER BY part, provider_id")?;
    let ids = ask.query_map([id], |row| row.get::<_, String>(0).map(Cow::Owned))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// The attempts in order, and when the provider took the first.
fn attempts(db: &Connection, id: MessageId) -> Result<(Vec<Attempt>, Option<String>), DbError> {
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
        list.push(Attempt {
            part: row.get(0)?,
            rule: row.get(1)?,
            started_at: rfc3339(row.get(2)?),
            ended_at: ended.map(rfc3339),
            outcome,
            error: row.get::<_, Option<String>>(5)?.map_or(Value::Null, |json| parsed(&json)),
        });
    }
    Ok((list, first.map(rfc3339)))
}
