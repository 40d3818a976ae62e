//! What is known of messages that the business sent: facts, the provider's ids, and the shown status derived from them.
//!
//! Facts and ids belong to attempts. A part goes by one of its attempts; what proves that an earlier one arrived makes the part
//! go by that one again, as long as nothing newer has left, so that it is not sent twice.
//!
//! Everything here runs inside the transaction of whoever learnt something, inbound and outbound alike, and writes the feed
//! row that belongs to it. It calls nobody and reads no clock.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::db::engine::after;
use crate::db::inbox::messages;
use crate::db::{DbError, feed, inbound};
use crate::keys::{ConversationId, MessageId};
use crate::model::status::{Fact, Part, Status, shown};

/// An attempt at a part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) struct AttemptRef {
    /// The message.
    pub message_id: MessageId,
    /// The part's place in it.
    pub idx: i64,
    /// The attempt's key.
    pub key: String,
}

/// What of a message a fact is about.
struct Target {
    message_id: MessageId,
    part: Option<i64>,
    attempt: Option<String>,
}

/// Derives the shown status of an outbound message again and, where it changed, writes it with its feed row. Whether it did.
pub(in crate::db) fn recompute_status(db: &Connection, message_id: MessageId, at: i64) -> Result<bool, DbError> {
    let found = db
        .prepare_cached("SELECT workspace_id, direction, status, error FROM messages WHERE id = ?1")?
        .query_row([message_id], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get::<_, Option<String>>(3)?,
            ))
        })
        .optional()?;
    let Some((workspace, direction, status, error)) = found else { return Ok(false) };
    if direction != "outbound" {
        return Ok(false);
    }
    let parts = parts_of(db, message_id)?;
    let facts = facts_of(db, message_id)?;
    let derived = match shown(&parts, &facts) {
        Some(derived) if parts.is_empty() => derived.max(Status::Sent),
        Some(derived) => derived,
        None => Status::Sent,
    };
    // What failed has not come further because others have.
    let derived = match derived {
        Status::Sent | Status::Delivered => derived.max(watermark_of(db, message_id)?.unwrap_or(derived)),
        other => other,
    };
    let why = if derived == Status::Failed { why_failed(db, message_id)? } else { None };
    if status.as_deref() == Some(derived.word()) && error == why {
        return Ok(false);
    }
    db.prepare_cached("UPDATE messages SET status = ?2, error = ?3 WHERE id = ?1")?.execute(params![
        message_id,
        derived.word(),
        why
    ])?;
    message_updated(db, &workspace, message_id, at)?;
    Ok(true)
}

/// How far this message has come by the watermarks of its conversation: whatever was sent up to one has come as far.
fn watermark_of(db: &Connection, message_id: MessageId) -> Result<Option<Status>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT w.state FROM messages m JOIN watermarks w ON w.conversation_id = m.conversation_id WHERE m.id = ?1
         AND coalesce((SELECT max(first_sent_at) FROM parts WHERE message_id = m.id), m.at) <= w.at",
    )?;
    let words = ask.query_map([message_id], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(words.iter().filter_map(|word| Status::of(word)).max())
}

/// The feed row for a message that changed.
pub(in crate::db) fn message_updated(
    db: &Connection,
    workspace: &str,
    message_id: MessageId,
    at: i64,
) -> Result<(), DbError> {
    if let Some(json) = messages::message_view(db, message_id)? {
        feed::append(db, workspace, "message.updated", &json, at)?;
    }
    Ok(())
}

/// The parts of a message as their attempts left them.
pub(in crate::db) fn parts_of(db: &Connection, message_id: MessageId) -> Result<Vec<Part>, DbError> {
    let mut ask = db.prepare_cached("SELECT idx, attempt_key, state FROM parts WHERE message_id = ?1 ORDER BY idx")?;
    let rows = ask.query_map([message_id], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
    rows.map(|row| {
        let (idx, attempt, state) = row?;
        let status = Status::of(&state).ok_or_else(|| DbError::Damaged(format!("a part in the state {state}")))?;
        Ok(Part { idx, attempt, status })
    })
    .collect()
}

/// What was said about a message.
pub(in crate::db) fn facts_of(db: &Connection, message_id: MessageId) -> Result<Vec<Fact>, DbError> {
    let mut ask = db.prepare_cached("SELECT part, attempt_key, state FROM facts WHERE message_id = ?1")?;
    let rows = ask.query_map([message_id], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
    let mut facts = Vec::new();
    for row in rows {
        let (part, attempt, state) = row?;
        // A word that this version does not know says nothing about the rank.
        if let Some(status) = Status::of(&state) {
            facts.push(Fact { part, attempt, status });
        }
    }
    Ok(facts)
}

/// The reason of the first part that failed, else the provider's of the latest failure it told.
fn why_failed(db: &Connection, message_id: MessageId) -> Result<Option<String>, DbError> {
    let of_part = db
        .prepare_cached(
            "SELECT error FROM parts WHERE message_id = ?1 AND state = 'failed' AND error IS NOT NULL ORDER BY idx LIMIT 1",
        )?
        .query_row([message_id], |row| row.get(0))
        .optional()?;
    if of_part.is_some() {
        return Ok(of_part);
    }
    let told = db
        .prepare_cached(
            "SELECT detail FROM facts WHERE message_id = ?1 AND state = 'failed'
               AND (attempt_key IS NULL OR attempt_key IN (SELECT attempt_key FROM parts WHERE message_id = ?1))
             ORDER BY at DESC, id DESC LIMIT 1",
        )?
        .query_row([message_id], |row| row.get::<_, Option<String>>(0))
        .optional()?;
    Ok(told.flatten())
}

/// Something that was said about a message, as inbound and outbound learn it.
#[derive(Debug, Clone)]
pub(in crate::db) struct NewFact<'a> {
    /// The account it was said to.
    pub account_id: i64,
    /// The provider's id of the message.
    pub provider_id: Option<&'a str>,
    /// The attempt key, come back.
    pub correlation: Option<&'a str>,
    /// "sent", "delivered", "read", "failed", or a word this version does not know.
    pub state: &'a str,
    /// The provider's time.
    pub at: i64,
    /// When the host received it.
    pub received_at: i64,
    /// Whom it concerns, where a message has several recipients. JSON.
    pub who: Option<&'a str>,
    /// The price or the failure. JSON.
    pub detail: Option<&'a Value>,
}

/// Stores a fact. Where its message is known the shown status follows, and its id is answered; else the fact waits.
pub(in crate::db) fn add_fact(db: &Connection, fact: &NewFact<'_>) -> Result<Option<MessageId>, DbError> {
    let mut target = match fact.provider_id {
        Some(id) => target_of(db, fact.account_id, id)?,
        None => None,
    };
    if target.is_none()
        && let Some(correlation) = fact.correlation
        && let Some(attempt) = attempt_of(db, fact.account_id, correlation)?
    {
        let ids: Vec<&str> = fact.provider_id.into_iter().collect();
        let proof = if fact.state == Status::Failed.word() { Proof::Left } else { Proof::Arrived };
        settle_attempt(db, fact.account_id, &attempt, proof, &ids, fact.received_at)?;
        target = Some(Target { message_id: attempt.message_id, part: Some(attempt.idx), attempt: Some(attempt.key) });
    } else if let Some(Target { message_id, part: Some(idx), attempt: Some(key) }) = &target
        && Status::of(fact.state).is_some_and(|status| status > Status::Failed)
    {
        let attempt = AttemptRef { message_id: *message_id, idx: *idx, key: key.clone() };
        settle_sent(db, &attempt, Proof::Arrived, fact.received_at)?;
    }
    let (message_id, part, attempt) = match target {
        Some(Target { message_id, part, attempt }) => (Some(message_id), part, attempt),
        None => (None, None, None),
    };
    db.prepare_cached(
        "INSERT INTO facts (account_id, provider_id, correlation, message_id, part, attempt_key, state, at, received_at, who, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        fact.account_id,
        fact.provider_id,
        fact.correlation,
        message_id,
        part,
        attempt,
        fact.state,
        fact.at,
        fact.received_at,
        fact.who,
        fact.detail.map(Value::to_string)
    ])?;
    if let Some(message_id) = message_id {
        recompute_status(db, message_id, fact.received_at)?;
    }
    Ok(message_id)
}

/// The message (and part) that has this id at the provider.
pub(in crate::db) fn message_of(
    db: &Connection,
    account_id: i64,
    provider_id: &str,
) -> Result<Option<(MessageId, Option<i64>)>, DbError> {
    Ok(db
        .prepare_cached("SELECT message_id, part FROM provider_ids WHERE account_id = ?1 AND provider_id = ?2")?
        .query_row(params![account_id, provider_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

fn target_of(db: &Connection, account_id: i64, provider_id: &str) -> Result<Option<Target>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT message_id, part, attempt_key FROM provider_ids WHERE account_id = ?1 AND provider_id = ?2",
        )?
        .query_row(params![account_id, provider_id], |row| {
            Ok(Target { message_id: row.get(0)?, part: row.get(1)?, attempt: row.get(2)? })
        })
        .optional()?)
}

/// Notes the provider's ids of an attempt's message and hands it the facts and events that waited for them; what was taken for an echo
/// meanwhile goes. Does not derive the status.
pub(in crate::db) fn record_provider_ids(
    db: &Connection,
    account_id: i64,
    attempt: &AttemptRef,
    ids: &[&str],
    at: i64,
) -> Result<(), DbError> {
    let AttemptRef { message_id, idx, key } = attempt;
    for id in ids {
        inbound::take_over(db, account_id, id, attempt, at)?;
        db.prepare_cached(
            "INSERT INTO provider_ids (account_id, provider_id, message_id, part, attempt_key) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![account_id, id, message_id, idx, key])?;
        db.prepare_cached(
            "UPDATE facts SET message_id = ?3, part = ?4, attempt_key = ?5
             WHERE account_id = ?1 AND provider_id = ?2 AND message_id IS NULL",
        )?
        .execute(params![account_id, id, message_id, idx, key])?;
        inbound::provider_id_appeared(db, account_id, id, *message_id)?;
    }
    Ok(())
}

/// What is known of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) enum Proof {
    /// The provider had it.
    Left,
    /// The person has it, or will.
    Arrived,
}

/// The provider showed that it has what this attempt key named: the attempt was sent, also one whose answer was lost. Derives
/// the status. None where no attempt of this account has the key.
pub(in crate::db) fn settle_attempt_by_correlation(
    db: &Connection,
    account_id: i64,
    correlation: &str,
    provider_ids: &[&str],
    at: i64,
) -> Result<Option<AttemptRef>, DbError> {
    let Some(attempt) = attempt_of(db, account_id, correlation)? else { return Ok(None) };
    settle_attempt(db, account_id, &attempt, Proof::Arrived, provider_ids, at)?;
    Ok(Some(attempt))
}

fn attempt_of(db: &Connection, account_id: i64, key: &str) -> Result<Option<AttemptRef>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT message_id, part, attempt_key FROM attempts WHERE account_id = ?1 AND attempt_key = ?2 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![account_id, key], |row| {
            Ok(AttemptRef { message_id: row.get(0)?, idx: row.get(1)?, key: row.get(2)? })
        })
        .optional()?)
}

fn settle_attempt(
    db: &Connection,
    account_id: i64,
    attempt: &AttemptRef,
    proof: Proof,
    provider_ids: &[&str],
    at: i64,
) -> Result<(), DbError> {
    record_provider_ids(db, account_id, attempt, provider_ids, at)?;
    settle_sent(db, attempt, proof, at)?;
    db.prepare_cached(
        "UPDATE attempts SET outcome = 'sent' WHERE account_id = ?1 AND attempt_key = ?2 AND outcome = 'unknown'",
    )?
    .execute(params![account_id, attempt.key])?;
    recompute_status(db, attempt.message_id, at)?;
    Ok(())
}

/// The attempt was sent, whatever was thought of it before, and so its part was. A part that goes by another attempt goes by
/// this one again if this one arrived and the other has not left. A failure that the provider told stands, as it is a fact of
/// its own.
pub(in crate::db) fn settle_sent(db: &Connection, attempt: &AttemptRef, proof: Proof, at: i64) -> Result<(), DbError> {
    db.prepare_cached(
        "UPDATE parts SET state = 'sent', error = NULL, first_sent_at = coalesce(first_sent_at, ?4), attempt_key = ?3
         WHERE message_id = ?1 AND idx = ?2 AND state <> 'sent'
           AND (attempt_key = ?3 OR (?5 AND state IN ('queued', 'failed')))",
    )?
    .execute(params![attempt.message_id, attempt.idx, attempt.key, at, proof == Proof::Arrived])?;
    // What comes after it in its lane may go.
    after::wake_outbound();
    Ok(())
}

/// Whether an attempt of this conversation is under way or unknown, so that an echo nobody knows may yet prove to be its own.
pub(in crate::db) fn attempt_may_be_unmatched(
    db: &Connection,
    conversation_id: ConversationId,
) -> Result<bool, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM parts WHERE conversation_id = ?1 AND state IN ('sending', 'unknown'))",
        )?
        .query_row([conversation_id], |row| row.get(0))?)
}
