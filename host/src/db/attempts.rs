//! How attempts end: sent, to be tried again, failed, or unknown; and the attempts that a crash left without an end.
//!
//! Everything that belongs to one call of the plugin is one act: the ends of its attempts, what is held back, where the
//! conversation went, and what the call wanted kept.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::types::{Identity, Thread};
use serde_json::Value;

use super::dispatch::{DuePart, Group, addressee, described};
use super::outbound::fail_rest;
use super::status::{self, PartRef, recompute_status};
use super::{Db, DbError, Priority, channels, inbound};
use crate::model::envelope::Vault;
use crate::model::holds::Hold;

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The provider took it.
    Sent {
        /// The provider's ids.
        ids: Vec<String>,
    },
    /// It was certainly not taken and is tried again.
    Again {
        /// When.
        due_at: i64,
        /// Whether this was a try in vain that counts.
        counts: bool,
        /// A rule that proved shut and is passed over from now on.
        excluded: Option<String>,
        /// An attempt with this key may have arrived.
        maybe_sent: bool,
        /// Why, in the API's form.
        error: Value,
    },
    /// It was not taken and is not tried again.
    Failed {
        /// Why, in the API's form.
        error: Value,
    },
    /// Nobody knows.
    Unknown {
        /// Until when later messages of the conversation wait for it.
        lane_until: i64,
        /// When the provider is asked what became of it.
        ask_at: i64,
        /// Why, in the API's form.
        error: Value,
    },
}

impl Ending {
    /// The word in the database and in metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Ending::Sent { .. } => "sent",
            Ending::Again { .. } => "retried",
            Ending::Failed { .. } => "failed",
            Ending::Unknown { .. } => "unknown",
        }
    }

    fn error(&self) -> Option<String> {
        match self {
            Ending::Sent { .. } => None,
            Ending::Again { error, .. } | Ending::Failed { error } | Ending::Unknown { error, .. } => {
                Some(error.to_string())
            }
        }
    }
}

/// One attempt and its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The part.
    pub idx: i64,
    /// The attempt's row.
    pub attempt_id: i64,
    /// Its key.
    pub attempt_key: String,
    /// How it ended.
    pub ending: Ending,
    /// Whether a byte of the request may have left.
    pub dispatched: bool,
}

/// Everything that one call of `send` or `reconcile` brought.
#[derive(Debug, Default)]
pub struct Settlement {
    /// Whose it is.
    pub workspace: String,
    /// The account.
    pub account_id: i64,
    /// The channel that was called.
    pub channel_id: String,
    /// The message.
    pub message_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// The person.
    pub contact_id: Option<String>,
    /// The ends, in order.
    pub ended: Vec<Ended>,
    /// What is held back, until when, and why.
    pub holds: Vec<(Hold, i64, String)>,
    /// An opening whose use was taken although nothing left; it is given back.
    pub unspent: Option<i64>,
    /// A rule that proved shut for the whole conversation, as far as it was opened until then.
    pub closed: Option<(String, i64)>,
    /// Where the conversation is.
    pub thread: Option<Thread>,
    /// What was learnt about the person.
    pub identities: Vec<Identity>,
    /// The credential that the provider refused, by its version, and the provider's words.
    pub unauthorized: Option<(i64, String)>,
    /// What the call wants kept.
    pub effects: sambung_runtime::Effects,
    /// Now.
    pub at: i64,
}

/// An attempt that a crash or a stop left without an end.
#[derive(Debug, Clone, PartialEq)]
pub struct LostAttempt {
    /// The account.
    pub account_id: i64,
    /// Whose it is.
    pub workspace: String,
    /// The plugin.
    pub plugin: String,
    /// The channel, where it is still connected.
    pub channel_id: Option<String>,
    /// The message.
    pub message_id: String,
    /// Its conversation.
    pub conversation_id: String,
    /// The part.
    pub idx: i64,
    /// The attempt's row.
    pub attempt_id: i64,
    /// Its key.
    pub attempt_key: String,
    /// The rule it went by.
    pub rule: Option<String>,
    /// When the first try with this key began.
    pub first_sent_at: i64,
    /// Tries so far.
    pub tries: u32,
}

impl Db {
    /// Commits what one call brought. A part that was settled otherwise in the meantime (an echo proved it sent) stays so.
    pub async fn settle_attempts(&self, settlement: Arc<Settlement>) -> Result<(), DbError> {
        let vault = self.vault();
        let effects = &settlement.effects;
        let changes = !effects.secrets.is_empty() || !effects.kv.is_empty() || settlement.unauthorized.is_some();
        let changed = changes.then(|| settlement.channel_id.clone());
        self.write(Priority::Urgent, move |db| settle(db, &vault, &settlement)).await?;
        if let Some(channel) = changed {
            self.forget_channel(&channel);
        }
        Ok(())
    }

    /// Attempts without an end, oldest first. Only at the start, when none is under way.
    pub async fn lost_attempts(&self, most: u32) -> Result<Vec<LostAttempt>, DbError> {
        self.read(move |db| {
            let mut ask = db.prepare_cached(
                "SELECT t.account_id, m.workspace_id, a.plugin_id, (SELECT c.id FROM channels c WHERE c.account_id = t.account_id),
                        t.message_id, m.conversation_id, t.part, t.id, t.attempt_key, t.rule, t.started_at, p.first_sent_at, coalesce(p.tries, 1)
                 FROM attempts t JOIN messages m ON m.id = t.message_id JOIN accounts a ON a.id = t.account_id
                 LEFT JOIN parts p ON p.message_id = t.message_id AND p.idx = t.part
                 WHERE t.ended_at IS NULL ORDER BY t.started_at LIMIT ?1",
            )?;
            let rows = ask.query_map([most], |row| {
                let started: i64 = row.get(10)?;
                Ok(LostAttempt {
                    account_id: row.get(0)?,
                    workspace: row.get(1)?,
                    plugin: row.get(2)?,
                    channel_id: row.get(3)?,
                    message_id: row.get(4)?,
                    conversation_id: row.get(5)?,
                    idx: row.get(6)?,
                    attempt_id: row.get(7)?,
                    attempt_key: row.get(8)?,
                    rule: row.get(9)?,
                    first_sent_at: row.get::<_, Option<i64>>(11)?.unwrap_or(started),
                    tries: row.get(12)?,
                })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
    }

    /// Unknown parts of connected channels whose provider is to be asked, each as the group it was sent in, with the plugin's
    /// and the channel's id.
    pub async fn unknown_to_ask(&self, now: i64, most: u32) -> Result<Vec<UnknownPart>, DbError> {
        self.read(move |db| unknown_to_ask(db, now, most)).await
    }

    /// The provider could not tell yet, or could not be asked: ask again then.
    pub async fn ask_again(&self, message_id: &str, idx: i64, at: i64) -> Result<(), DbError> {
        let message_id = message_id.to_owned();
        self.write(Priority::Routine, move |db| {
            db.prepare_cached("UPDATE parts SET due_at = ?3 WHERE message_id = ?1 AND idx = ?2 AND state = 'unknown'")?
                .execute(params![message_id, idx, at])?;
            Ok(())
        })
        .await
    }
}

/// An unknown part whose provider is to be asked.
#[derive(Debug, Clone)]
pub struct UnknownPart {
    /// Whose it is.
    pub workspace: String,
    /// The account.
    pub account_id: i64,
    /// The plugin.
    pub plugin: String,
    /// The channel.
    pub channel_id: String,
    /// What was sent: one part.
    pub group: Group,
}

fn unknown_to_ask(db: &Connection, now: i64, most: u32) -> Result<Vec<UnknownPart>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT c.workspace_id, c.account_id, c.plugin_id, c.id, p.message_id, p.conversation_id, v.contact_id, p.idx, p.attempt_key,
                p.content, p.tries, p.first_sent_at
         FROM parts p JOIN channels c ON c.account_id = p.account_id JOIN conversations v ON v.id = p.conversation_id
         WHERE p.state = 'unknown' AND p.due_at <= ?1 AND c.state = 'connected' AND c.paused = 0 LIMIT ?2",
    )?;
    let mut rows = ask.query(params![now, most])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let message_id: String = row.get(4)?;
        let idx: i64 = row.get(7)?;
        let attempt_key: String = row.get(8)?;
        let last = last_attempt(db, &attempt_key, &message_id, idx)?;
        let Some((attempt_id, started_at, rule, token)) = last else { continue };
        let content: Value = serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or(Value::Null);
        let content = described(db, content)?;
        let mut group = addressee(db, &message_id, &row.get::<_, String>(5)?, row.get(6)?)?;
        group.parts.push(DuePart {
            idx,
            attempt_id,
            attempt_key,
            content,
            tries: row.get(10)?,
            first_sent_at: row.get::<_, Option<i64>>(11)?.unwrap_or(started_at),
            started_at,
            rule,
            token,
            maybe_sent: true,
        });
        found.push(UnknownPart {
            workspace: row.get(0)?,
            account_id: row.get(1)?,
            plugin: row.get(2)?,
            channel_id: row.get(3)?,
            group,
        });
    }
    Ok(found)
}

type LastAttempt = (i64, i64, Option<String>, Option<String>);

fn last_attempt(db: &Connection, key: &str, message_id: &str, idx: i64) -> Result<Option<LastAttempt>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT id, started_at, rule, token FROM attempts WHERE message_id = ?1 AND part = ?2 AND attempt_key = ?3
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![message_id, idx, key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?)
}

/// Where a message stands now: while its call was under way its conversation or its person may have been merged into another,
/// the person been erased, or the channel been disconnected.
struct Standing {
    conversation: String,
    contact: Option<String>,
    connected: bool,
}

fn standing(db: &Connection, settlement: &Settlement) -> Result<Standing, DbError> {
    let connected = db.prepare_cached("SELECT 1 FROM channels WHERE id = ?1")?.exists([&settlement.channel_id])?;
    let (conversation, contact) = db
        .prepare_cached(
            "SELECT m.conversation_id, ct.id FROM messages m JOIN conversations v ON v.id = m.conversation_id
             LEFT JOIN contacts ct ON ct.id = v.contact_id AND ct.erased_at IS NULL WHERE m.id = ?1",
        )?
        .query_row([&settlement.message_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Standing { conversation, contact, connected })
}

fn settle(db: &Connection, vault: &Vault, settlement: &Settlement) -> Result<(), DbError> {
    let standing = standing(db, settlement)?;
    for ended in &settlement.ended {
        end_attempt(db, settlement, ended)?;
    }
    for (hold, until, reason) in &settlement.holds {
        let account = if matches!(hold, Hold::App(_)) { 0 } else { settlement.account_id };
        db.prepare_cached(
            "INSERT INTO holds (account_id, scope, key, until, reason) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (account_id, scope, key) DO UPDATE SET until = max(until, excluded.until), reason = excluded.reason",
        )?
        .execute(params![account, hold.scope(), hold.key(), until, reason])?;
    }
    db.prepare_cached("DELETE FROM holds WHERE until <= ?1")?.execute([settlement.at])?;
    if let Some((rule, at)) = &settlement.closed {
        db.prepare_cached(
            "INSERT INTO closings (conversation_id, rule, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (conversation_id, rule) DO UPDATE SET at = max(at, excluded.at)",
        )?
        .execute(params![standing.conversation, rule, at])?;
    }
    if let Some(opening) = settlement.unspent {
        db.prepare_cached("UPDATE openings SET uses_left = uses_left + 1 WHERE id = ?1 AND uses_left IS NOT NULL")?
            .execute([opening])?;
    }
    if let Some(contact) = &standing.contact {
        learn_identities(db, &settlement.workspace, contact, &settlement.identities)?;
    }
    if let Some(thread) = &settlement.thread {
        let (workspace, conversation) = (&settlement.workspace, &standing.conversation);
        inbound::thread_learnt(db, workspace, settlement.account_id, conversation, thread, settlement.at)?;
    }
    keep(db, vault, settlement, standing.connected)?;
    // In one act with the end of the attempt, which would be tried again with the same credential before it is marked.
    if let Some((version, words)) = &settlement.unauthorized {
        channels::set_needs_attention(db, &settlement.channel_id, *version, words, settlement.at)?;
    }
    recompute_status(db, &settlement.message_id, settlement.at)?;
    Ok(())
}

fn end_attempt(db: &Connection, settlement: &Settlement, ended: &Ended) -> Result<(), DbError> {
    db.prepare_cached("UPDATE attempts SET ended_at = ?2, outcome = ?3, dispatched = ?4, error = ?5 WHERE id = ?1")?
        .execute(params![
            ended.attempt_id,
            settlement.at,
            ended.ending.outcome(),
            ended.dispatched,
            ended.ending.error()
        ])?;
    let part = PartRef { message_id: settlement.message_id.clone(), idx: ended.idx };
    if let Ending::Sent { ids } = &ended.ending {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        status::record_provider_ids(db, settlement.account_id, &part.message_id, Some(part.idx), &ids, settlement.at)?;
        return status::settle_sent(db, &part, settlement.at);
    }
    // Only the attempt that the part waits for may move it; what was settled otherwise meanwhile stays.
    let current = "message_id = ?1 AND idx = ?2 AND attempt_key = ?3 AND state IN ('sending', 'unknown')";
    match &ended.ending {
        Ending::Sent { .. } => {}
        Ending::Again { due_at, counts, excluded, maybe_sent, error } => {
            db.prepare_cached(&format!(
                "UPDATE parts SET state = 'queued', due_at = ?4, tries = tries - ?5, error = ?6, maybe_sent = ?7 WHERE {current}"
            ))?
            .execute(params![
                part.message_id,
                part.idx,
                ended.attempt_key,
                due_at,
                !counts, error.to_string(), maybe_sent])?;
            if let Some(rule) = excluded {
                exclude(db, &part, rule)?;
            }
        }
        Ending::Failed { error } => {
            let moved = db
                .prepare_cached(&format!("UPDATE parts SET state = 'failed', error = ?4 WHERE {current}"))?
                .execute(params![part.message_id, part.idx, ended.attempt_key, error.to_string()])?;
            if moved > 0 {
                fail_rest(db, &part.message_id, part.idx)?;
            }
        }
        Ending::Unknown { lane_until, ask_at, error } => {
            db.prepare_cached(&format!(
                "UPDATE parts SET state = 'unknown', lane_until = ?4, due_at = ?5, error = ?6 WHERE {current}"
            ))?
            .execute(params![
                part.message_id,
                part.idx,
                ended.attempt_key,
                lane_until,
                ask_at,
                error.to_string()
            ])?;
        }
    }
    Ok(())
}

fn exclude(db: &Connection, part: &PartRef, rule: &str) -> Result<(), DbError> {
    let stored: String = db
        .prepare_cached("SELECT excluded_rules FROM parts WHERE message_id = ?1 AND idx = ?2")?
        .query_row(params![part.message_id, part.idx], |row| row.get(0))?;
    let mut excluded: Vec<String> = serde_json::from_str(&stored).unwrap_or_default();
    if !excluded.iter().any(|known| known == rule) {
        excluded.push(rule.to_owned());
    }
    db.prepare_cached("UPDATE parts SET excluded_rules = ?3 WHERE message_id = ?1 AND idx = ?2")?.execute(params![
        part.message_id,
        part.idx,
        Value::from(excluded).to_string()
    ])?;
    Ok(())
}

/// New identities go to the person; one that belongs to somebody else stays there, since a send proves nothing about people.
pub(in crate::db) fn learn_identities(
    db: &Connection,
    workspace: &str,
    contact: &str,
    learnt: &[Identity],
) -> Result<(), DbError> {
    for identity in learnt {
        db.prepare_cached(
            "INSERT OR IGNORE INTO identities (workspace_id, scheme, scope, value, contact_id, extra) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            workspace,
            identity.scheme,
            identity.scope,
            identity.value,
            contact,
            serde_json::to_string(&identity.extra).ok()
        ])?;
    }
    Ok(())
}

/// What the call wanted kept: entries of visitors' streams and, while the channel is there, its memory and the secrets that the
/// provider handed out.
fn keep(db: &Connection, vault: &Vault, settlement: &Settlement, connected: bool) -> Result<(), DbError> {
    for entry in &settlement.effects.visitor {
        db.prepare_cached(
            "INSERT OR IGNORE INTO visitor_entries (account_id, visitor, entry_id, entry, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![settlement.account_id, entry.visitor, entry.id, entry.entry, settlement.at])?;
    }
    if !connected {
        return Ok(());
    }
    let Settlement { channel_id, workspace, effects, .. } = settlement;
    channels::apply_effects(db, vault, channel_id, workspace, effects, settlement.at)
}

#[cfg(test)]
mod tests;
