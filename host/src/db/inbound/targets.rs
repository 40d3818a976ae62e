//! What is said about one message: applied where the message is known, else kept until it appears.
//!
//! Each application is a maximum by the provider's time, so that neither order nor repetition matters.

use rusqlite::{Connection, params};
use sambung_runtime::contract::inbound::Event;
use sambung_runtime::contract::types::{Content, Identity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::db::DbError;
use crate::db::engine::versioned;
use crate::db::inbound::messages;
use crate::db::inbound::site::Site;
use crate::db::outbound::status;
use crate::keys::{ConversationId, MessageId};
use crate::model::status::Status;

/// Something that was said about a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Waiting {
    /// Its content is another now.
    Edited { content: Vec<Content> },
    /// It was taken back.
    Deleted,
    /// The set of emojis that somebody's reaction is now.
    Reaction { who: Option<Identity>, emojis: Vec<String> },
    /// The message with this id of ours answers it.
    Reply { message: MessageId },
    /// What was sent in this conversation up to it has come this far.
    Watermark { conversation: ConversationId, state: Status },
    /// What was sent in a conversation that nobody here knows yet has come this far: up to this message, else until then.
    ThreadWatermark { state: Status, id: Option<String>, until: i64 },
    /// A message of the business that nobody here knows yet; it becomes one of its own unless it proves to be ours.
    Echo { event: Box<Event> },
}

/// Applies something said about the message with this id of the provider's, now or when it appears.
pub(super) fn on_message(site: &mut Site<'_>, provider_id: &str, said: &Waiting, at: i64) -> Result<(), DbError> {
    match status::message_of(site.db, site.account, provider_id)? {
        Some((message, _)) => apply(site, message, said, at),
        None => keep(site, provider_id, said, at, None),
    }
}

/// Keeps it until the message appears.
pub(super) fn keep(
    site: &Site<'_>,
    provider_id: &str,
    said: &Waiting,
    at: i64,
    due_at: Option<i64>,
) -> Result<(), DbError> {
    let event = versioned::write(said)?;
    site.db
        .prepare_cached(
            "INSERT INTO waiting_events (account_id, provider_id, event, at, received_at, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![site.account, provider_id, event, at, site.received_at, due_at])?;
    Ok(())
}

/// Applies what waited for a message that is there now.
pub(super) fn appear(site: &mut Site<'_>, provider_id: &str, message: MessageId) -> Result<(), DbError> {
    for (said, at) in take(site, provider_id)? {
        apply(site, message, &said, at)?;
    }
    Ok(())
}

/// Takes out what waits under a name, in the provider's order.
fn take(site: &Site<'_>, name: &str) -> Result<Vec<(Waiting, i64)>, DbError> {
    let waited: Vec<(String, i64)> = {
        let mut query = site.db.prepare_cached(
            "SELECT event, at FROM waiting_events WHERE account_id = ?1 AND provider_id = ?2 ORDER BY at, id",
        )?;
        let rows = query.query_map(params![site.account, name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    if !waited.is_empty() {
        site.db
            .prepare_cached("DELETE FROM waiting_events WHERE account_id = ?1 AND provider_id = ?2")?
            .execute(params![site.account, name])?;
    }
    waited.into_iter().map(|(event, at)| Ok((versioned::read(&event)?, at))).collect()
}

/// Under what name something waits for a conversation: no provider's id has such characters.
fn thread_name(key: &str) -> String {
    format!("\u{1}thread\u{1}{key}")
}

/// Keeps what was said of a conversation that nobody knows yet.
pub(super) fn keep_for_thread(site: &Site<'_>, key: &str, said: &Waiting, at: i64) -> Result<(), DbError> {
    keep(site, &thread_name(key), said, at, None)
}

/// Applies what waited for a conversation that is there now.
pub(super) fn thread_appeared(site: &mut Site<'_>, key: &str, conversation: ConversationId) -> Result<(), DbError> {
    for (said, at) in take(site, &thread_name(key))? {
        match said {
            Waiting::ThreadWatermark { state, id: Some(id), .. } => {
                let said = Waiting::Watermark { conversation, state };
                on_message(site, &id, &said, at)?;
            }
            Waiting::ThreadWatermark { state, id: None, until } => watermark(site, conversation, state, until)?,
            _ => {}
        }
    }
    Ok(())
}

/// A message of the business got an id at the provider: what was said about that id is applied. Part of the act that learnt
/// it. Costs one look where nothing waits.
pub(in crate::db) fn provider_id_appeared(
    db: &Connection,
    account: i64,
    provider_id: &str,
    message: MessageId,
) -> Result<(), DbError> {
    let waits = db
        .prepare_cached("SELECT max(received_at) FROM waiting_events WHERE account_id = ?1 AND provider_id = ?2")?
        .query_row(params![account, provider_id], |row| row.get::<_, Option<i64>>(0))?;
    let Some(received_at) = waits else { return Ok(()) };
    let workspace: String =
        db.prepare_cached("SELECT workspace_id FROM messages WHERE id = ?1")?.query_row([message], |row| row.get(0))?;
    let mut site = Site {
        request: None,
        db,
        workspace: &workspace,
        account,
        channel: None,
        shown: None,
        rules: &[],
        received_at,
        now: received_at,
        replayed: false,
        told: Default::default(),
    };
    appear(&mut site, provider_id, message)?;
    site.tell()
}

fn apply(site: &mut Site<'_>, message: MessageId, said: &Waiting, at: i64) -> Result<(), DbError> {
    let changed = match said {
        Waiting::Edited { content } => {
            let newer = site
                .db
                .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND (edited_at IS NULL OR edited_at <= ?2)")?
                .exists(params![message, at])?;
            if newer {
                let content = messages::contents_json(site, message, content)?;
                site.db
                    .prepare_cached("UPDATE messages SET content = ?2, edited_at = ?3 WHERE id = ?1")?
                    .execute(params![message, content.to_string(), at])?;
            }
            newer
        }
        Waiting::Deleted => {
            site.db
                .prepare_cached(
                    "UPDATE messages SET deleted_at = ?2 WHERE id = ?1 AND (deleted_at IS NULL OR deleted_at > ?2)",
                )?
                .execute(params![message, at])?
                > 0
        }
        Waiting::Reaction { who, emojis } => react(site, message, who.as_ref(), emojis, at)?,
        Waiting::Reply { message: reply } => {
            site.db
                .prepare_cached("UPDATE messages SET reply_to = ?2 WHERE id = ?1 AND reply_to IS NULL")?
                .execute([*reply, message])?;
            site.told.updated.insert(*reply);
            false
        }
        Waiting::Watermark { conversation, state } => {
            let until: i64 = site
                .db
                .prepare_cached(
                    "SELECT coalesce((SELECT max(first_sent_at) FROM parts WHERE message_id = m.id), m.at) FROM messages m WHERE m.id = ?1",
                )?
                .query_row([message], |row| row.get(0))?;
            // It may have been merged since that was said.
            let conversation: ConversationId = site
                .db
                .prepare_cached("SELECT coalesce(merged_into, id) FROM conversations WHERE id = ?1")?
                .query_row([conversation], |row| row.get(0))?;
            watermark(site, conversation, *state, until)?;
            false
        }
        Waiting::ThreadWatermark { .. } | Waiting::Echo { .. } => false,
    };
    if changed {
        site.told.updated.insert(message);
    }
    Ok(())
}

/// Of each person the newest reaction stands; an empty set stays as the fact that it was taken back.
fn react(
    site: &Site<'_>,
    message: MessageId,
    who: Option<&Identity>,
    emojis: &[String],
    at: i64,
) -> Result<bool, DbError> {
    let stored: Option<String> = site
        .db
        .prepare_cached("SELECT reactions FROM messages WHERE id = ?1")?
        .query_row([message], |row| row.get(0))?;
    let mut all: Vec<Value> = stored.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    let who = who.map(|who| json!({"scheme": who.scheme, "scope": who.scope, "value": who.value}));
    let same = |one: &Value| one.get("who").filter(|who| !who.is_null()) == who.as_ref();
    if all.iter().any(|one| same(one) && one.get("at").and_then(Value::as_i64).is_some_and(|earlier| earlier > at)) {
        return Ok(false);
    }
    all.retain(|one| !same(one));
    all.push(json!({"who": who, "emojis": emojis, "at": at}));
    all.sort_by_key(|one| (one.get("at").and_then(Value::as_i64), one.to_string()));
    site.db
        .prepare_cached("UPDATE messages SET reactions = ?2 WHERE id = ?1")?
        .execute(params![message, Value::from(all).to_string()])?;
    Ok(true)
}

/// Everything that was sent until then has come this far.
pub(super) fn watermark(
    site: &mut Site<'_>,
    conversation: ConversationId,
    state: Status,
    until: i64,
) -> Result<(), DbError> {
    site.db
        .prepare_cached(
            "INSERT INTO watermarks (conversation_id, state, at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (conversation_id, state) DO UPDATE SET at = excluded.at WHERE excluded.at > watermarks.at",
        )?
        .execute(params![conversation, state.word(), until])?;
    let behind: Vec<MessageId> = {
        let mut query = site.db.prepare_cached(
            "SELECT id FROM messages WHERE conversation_id = ?1 AND at <= ?2 AND direction = 'outbound' AND status IN ('sent', 'delivered') \
             ORDER BY at DESC, id DESC LIMIT 500",
        )?;
        let rows = query.query_map(params![conversation, until], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    for message in behind {
        status::recompute_status(site.db, message, site.now)?;
    }
    Ok(())
}
