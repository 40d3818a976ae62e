//! Messages that the business sent by another way, and this host's own come back.
//!
//! An echo settles the attempt that it correlates with. One that nobody knows waits while an attempt of its conversation is
//! under way or unknown, since it may be that one's; after that it is an outbound message of its own.

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::inbound::{Event, Happening, Message};

use crate::db::engine::versioned;
use crate::db::inbound::messages::{self, NewMessage};
use crate::db::inbound::site::Site;
use crate::db::inbound::targets::{self, Waiting};
use crate::db::inbound::threads;
use crate::db::inbox::conversations;
use crate::db::outbound::status::{self, AttemptRef};
use crate::db::{Db, DbError, Priority, feed};
use crate::keys::{ConversationId, MessageId};

/// How long an echo waits for the attempt that it may belong to, in milliseconds.
const PATIENCE: i64 = 60_000;

/// Stores an echo; the conversation where it is known.
pub(super) fn apply(
    site: &mut Site<'_>,
    event: &Event,
    message: &Message,
    at: i64,
) -> Result<Option<ConversationId>, DbError> {
    if let Some(correlation) = &message.correlation {
        let ids = [message.id.as_str()];
        let part = status::settle_attempt_by_correlation(site.db, site.account, correlation, &ids, site.received_at)?;
        if let Some(part) = part {
            return conversation_of(site, part.message_id);
        }
    }
    if let Some((known, _)) = status::message_of(site.db, site.account, &message.id)? {
        return conversation_of(site, known);
    }
    if let Some(conversation) = threads::known(site, &message.thread)?
        && status::attempt_may_be_unmatched(site.db, conversation)?
    {
        let said = Waiting::Echo { event: Box::new(event.clone()) };
        targets::keep(site, &message.id, &said, at, Some(site.now + PATIENCE))?;
        return Ok(Some(conversation));
    }
    insert(site, message, at).map(Some)
}

fn insert(site: &mut Site<'_>, message: &Message, at: i64) -> Result<ConversationId, DbError> {
    let threads::Conversation { id: conversation, row } = threads::conversation_of(site, &message.thread, None, at)?;
    let new = NewMessage { message, conversation, contact: None, opens: &[], echo: true, at };
    messages::insert(site, &new, row)?;
    Ok(conversation)
}

fn conversation_of(site: &Site<'_>, message: MessageId) -> Result<Option<ConversationId>, DbError> {
    Ok(site
        .db
        .prepare_cached("SELECT conversation_id FROM messages WHERE id = ?1")?
        .query_row([message], |row| row.get(0))
        .optional()?)
}

/// Hands an echo the facts that waited for it.
pub(super) fn attach_facts(site: &Site<'_>, provider_id: &str, message: MessageId) -> Result<(), DbError> {
    site.db
        .prepare_cached(
            "UPDATE facts SET message_id = ?3 WHERE account_id = ?1 AND provider_id = ?2 AND message_id IS NULL",
        )?
        .execute(params![site.account, provider_id, message])?;
    status::recompute_status(site.db, message, site.now)?;
    Ok(())
}

/// An id that a receipt names belongs to a message that was taken for an echo: the echo goes, and what was said of it is said
/// of the message. Part of the act that stores the receipt.
pub(in crate::db) fn take_over(
    db: &Connection,
    account: i64,
    provider_id: &str,
    attempt: &AttemptRef,
    at: i64,
) -> Result<(), DbError> {
    let AttemptRef { message_id: message, idx, key } = attempt;
    let held = db
        .prepare_cached(
            "SELECT m.id, m.conversation_id, m.workspace_id FROM provider_ids p JOIN messages m ON m.id = p.message_id \
             WHERE p.account_id = ?1 AND p.provider_id = ?2 AND m.echo = 1 AND m.id <> ?3",
        )?
        .query_row(params![account, provider_id, message], |row| {
            Ok((row.get::<_, MessageId>(0)?, row.get::<_, ConversationId>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((echo, conversation, workspace)) = held else { return Ok(()) };
    db.prepare_cached(
        "UPDATE provider_ids SET message_id = ?3, part = ?4, attempt_key = ?5 WHERE account_id = ?1 AND provider_id = ?2",
    )?
    .execute(params![account, provider_id, message, idx, key])?;
    db.prepare_cached("UPDATE facts SET message_id = ?2, part = ?3, attempt_key = ?4 WHERE message_id = ?1")?
        .execute(params![echo, message, idx, key])?;
    db.prepare_cached("UPDATE messages SET reply_to = ?2 WHERE conversation_id = ?3 AND reply_to = ?1")?
        .execute(params![echo, message, conversation,])?;
    db.prepare_cached("UPDATE media SET message_id = NULL, state = 'deleted', due_at = NULL WHERE message_id = ?1")?
        .execute([echo])?;
    db.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([echo])?;
    let gone = serde_json::json!({"id": echo, "conversation_id": conversation, "replaced_by": message});
    feed::append(db, &workspace, "message.updated", &gone, at)?;
    let site = Site {
        request: None,
        db,
        workspace: &workspace,
        account,
        channel: None,
        shown: None,
        rules: &[],
        received_at: at,
        now: at,
        replayed: false,
        told: Default::default(),
    };
    messages::refresh_last(&site, conversation)?;
    conversations::conversation_updated(db, &workspace, conversation, at)
}

impl Db {
    /// Makes messages of the echoes that waited long enough, at most `most`; how many.
    pub async fn settle_waiting_echoes(&self, now: i64, most: u32) -> Result<usize, DbError> {
        self.write(Priority::Routine, move |db| {
            let due: Vec<(i64, i64, String, i64, i64)> = {
                let mut query = db.prepare_cached(
                    "SELECT id, account_id, event, at, received_at FROM waiting_events WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2",
                )?;
                let rows = query.query_map(params![now, most], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                })?;
                rows.collect::<Result<_, _>>()?
            };
            for (id, account, event, at, received_at) in &due {
                db.prepare_cached("DELETE FROM waiting_events WHERE id = ?1")?.execute([id])?;
                let said = versioned::read(event)?;
                let Waiting::Echo { event } = said else { continue };
                let Happening::Message(message) = &event.what else { continue };
                let workspace: String = db
                    .prepare_cached("SELECT workspace_id FROM accounts WHERE id = ?1")?
                    .query_row([account], |row| row.get(0))?;
                let mut site = Site {
                    request: None,
                    db,
                    workspace: &workspace,
                    account: *account,
                    channel: None,
                    shown: None,
                    rules: &[],
                    received_at: *received_at,
                    now,
                    replayed: false,
                    told: Default::default(),
                };
                // What it opens was noted when it came.
                insert(&mut site, message, *at)?;
                site.tell()?;
            }
            Ok(due.len())
        })
        .await
    }
}
