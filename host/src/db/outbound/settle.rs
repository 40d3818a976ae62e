//! How attempts end: sent, to be tried again, failed, or unknown.
//!
//! Everything that belongs to one call of the plugin is one act: the ends of its attempts, what is held back, where the
//! conversation went, and what the call wanted kept.

use std::sync::Arc;

use rusqlite::{Connection, params};
use sambung_runtime::contract::types::{Identity, Thread};
use serde_json::{Value, json};

use crate::db::engine::after;
use crate::db::inbox::conversations;
use crate::db::outbound::queue::fail_rest;
use crate::db::outbound::status::{self, AttemptRef, Proof, recompute_status};
use crate::db::outbound::templates;
use crate::db::{Db, DbError, Priority, channels, inbound};
use crate::keys::{ContactId, ConversationId, EntryId, MessageId};
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
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The person.
    pub contact_id: Option<ContactId>,
    /// The ends, in order.
    pub ended: Vec<Ended>,
    /// What is held back, until when, and why.
    pub holds: Vec<(Hold, i64, String)>,
    /// An opening whose use was taken although nothing left, by its rule and its event; it is given back.
    pub unspent: Option<(String, String)>,
    /// A rule that proved shut for the whole conversation, as far as it was opened until then.
    pub closed: Option<(String, i64)>,
    /// Where the conversation is.
    pub thread: Option<Thread>,
    /// What was learnt about the person.
    pub identities: Vec<Identity>,
    /// The credential that the provider refused, by its version, and the provider's words.
    pub unauthorized: Option<(i64, String)>,
    /// A template that it named was not known: templates are read again soon.
    pub template_missed: bool,
    /// What the call wants kept.
    pub effects: sambung_runtime::Effects,
    /// Now.
    pub at: i64,
}

impl Db {
    /// Commits what one call brought. A part that was settled otherwise in the meantime (an echo proved it sent) stays so.
    pub async fn settle_attempts(&self, settlement: Arc<Settlement>) -> Result<(), DbError> {
        let vault = self.vault();
        self.write(Priority::Urgent, move |db| settle(db, &vault, &settlement)).await
    }
}

/// What an agent reads of a message to a visitor whose session is gone.
const VISITOR_GONE: &str = "the visitor was not seen for so long that the session was removed (retention.visitors_days), so no page \
    shows this message; a visitor who comes back begins a new conversation";

/// Where a message stands now: while its call was under way its conversation or its person may have been merged into another,
/// the person been erased, or the channel been disconnected.
struct Standing {
    conversation: ConversationId,
    contact: Option<ContactId>,
    connected: bool,
}

fn standing(db: &Connection, settlement: &Settlement) -> Result<Standing, DbError> {
    let connected = db.prepare_cached("SELECT 1 FROM channels WHERE id = ?1")?.exists([&settlement.channel_id])?;
    let (conversation, contact) = db
        .prepare_cached(
            "SELECT m.conversation_id, ct.id FROM messages m JOIN conversations v ON v.id = m.conversation_id
             LEFT JOIN contacts ct ON ct.id = v.contact_id AND ct.erased_at IS NULL WHERE m.id = ?1",
        )?
        .query_row([settlement.message_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Standing { conversation, contact, connected })
}

fn settle(db: &Connection, vault: &Vault, settlement: &Settlement) -> Result<(), DbError> {
    let standing = standing(db, settlement)?;
    let is_gone = visitor_is_gone(db, settlement)?;
    let mut stands = false;
    for ended in &settlement.ended {
        stands |= match &ended.ending {
            Ending::Sent { .. } if is_gone => {
                let error = json!({ "code": "unreachable", "detail": VISITOR_GONE });
                end_attempt(db, settlement, &Ended { ending: Ending::Failed { error }, ..ended.clone() })?
            }
            _ => end_attempt(db, settlement, ended)?,
        };
    }
    for (hold, until, reason) in &settlement.holds {
        let account = if matches!(hold, Hold::App(_)) { 0 } else { settlement.account_id };
        db.prepare_cached(
            "INSERT INTO holds (account_id, scope, key, until, reason) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (account_id, scope, key) DO UPDATE SET until = CASE WHEN excluded.until > holds.until THEN excluded.until ELSE holds.until END,
               reason = excluded.reason",
        )?
        .execute(params![account, hold.scope(), hold.key(), until, reason])?;
    }
    db.prepare_cached("DELETE FROM holds WHERE until <= ?1")?.execute([settlement.at])?;
    if let Some((rule, at)) = &settlement.closed {
        db.prepare_cached(
            "INSERT INTO closings (conversation_id, rule, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (conversation_id, rule) DO UPDATE SET at = excluded.at WHERE excluded.at > closings.at",
        )?
        .execute(params![standing.conversation, rule, at])?;
    }
    if let Some((rule, event)) = settlement.unspent.as_ref().filter(|_| stands) {
        conversations::change_openings(db, standing.conversation, |openings| openings.give_back(rule, event))?;
    }
    if let Some(contact) = standing.contact {
        learn_identities(db, &settlement.workspace, contact, &settlement.identities)?;
    }
    if let Some(thread) = &settlement.thread {
        let (workspace, conversation) = (&settlement.workspace, standing.conversation);
        inbound::thread_learnt(db, workspace, settlement.account_id, conversation, thread, settlement.at)?;
    }
    keep(db, vault, settlement, standing.connected)?;
    // In one act with the end of the attempt, which would be tried again with the same credential before it is marked.
    if let Some((version, words)) = &settlement.unauthorized {
        channels::set_needs_attention(db, &settlement.channel_id, *version, words, settlement.at)?;
    }
    if settlement.template_missed {
        templates::make_stale(db, settlement.account_id, settlement.at)?;
    }
    recompute_status(db, settlement.message_id, settlement.at)?;
    after::wake_outbound();
    Ok(())
}

/// Whether the call wrote to the stream of a visitor whose session was removed. No page shows such an entry, so the message did not
/// arrive although the plugin says that it is sent.
fn visitor_is_gone(db: &Connection, settlement: &Settlement) -> Result<bool, DbError> {
    let mut visitor = db.prepare_cached("SELECT 1 FROM visitors WHERE id = ?1 AND account_id = ?2")?;
    for entry in &settlement.effects.visitor {
        if !visitor.exists(params![entry.visitor, settlement.account_id])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Ends an attempt; false where it has an end already, or another was made after it: a process that was stopped meanwhile has nothing
/// to say about the newer one, whose key may be the same. That the provider took it counts at any time.
fn end_attempt(db: &Connection, settlement: &Settlement, ended: &Ended) -> Result<bool, DbError> {
    let stands = db
        .prepare_cached(
            "UPDATE attempts SET ended_at = ?2, outcome = ?3, dispatched = ?4, error = ?5 WHERE id = ?1 \
             AND (?3 = 'sent' OR ((ended_at IS NULL OR outcome = 'unknown') AND NOT EXISTS \
               (SELECT 1 FROM attempts n WHERE n.message_id = attempts.message_id AND n.part = attempts.part AND n.id > ?1)))",
        )?
        .execute(params![
            ended.attempt_id,
            settlement.at,
            ended.ending.outcome(),
            ended.dispatched,
            ended.ending.error()
        ])?;
    if stands == 0 {
        tracing::warn!(
            message = %settlement.message_id,
            part = ended.idx,
            attempt = ended.attempt_id,
            "the end of an attempt came after another attempt was made, and is ignored"
        );
        return Ok(false);
    }
    let part = AttemptRef { message_id: settlement.message_id, idx: ended.idx, key: ended.attempt_key.clone() };
    if let Ending::Sent { ids } = &ended.ending {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        status::record_provider_ids(db, settlement.account_id, &part, &ids, settlement.at)?;
        status::settle_sent(db, &part, Proof::Arrived, settlement.at)?;
        return Ok(true);
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
                fail_rest(db, part.message_id, part.idx)?;
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
    Ok(true)
}

fn exclude(db: &Connection, part: &AttemptRef, rule: &str) -> Result<(), DbError> {
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
    contact: ContactId,
    learnt: &[Identity],
) -> Result<(), DbError> {
    for identity in learnt {
        db.prepare_cached(
            "INSERT INTO identities (workspace_id, scheme, scope, value, contact_id, extra) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
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
            "INSERT INTO visitor_entries (id, account_id, visitor, entry_id, entry, at) SELECT ?6, ?1, ?2, ?3, ?4, ?5 \
             WHERE EXISTS (SELECT 1 FROM visitors WHERE id = ?2 AND account_id = ?1) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            settlement.account_id,
            entry.visitor,
            entry.id,
            entry.entry,
            settlement.at,
            EntryId::new(settlement.at)
        ])?;
        after::wake_visitor(&entry.visitor);
    }
    if !connected {
        return Ok(());
    }
    let Settlement { channel_id, workspace, effects, .. } = settlement;
    channels::apply_effects(db, vault, channel_id, workspace, effects, settlement.at)
}

#[cfg(test)]
mod tests;
