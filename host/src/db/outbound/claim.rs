//! Which parts are due, and the attempt rows that are on disk before a provider is called.
//!
//! A lane for each conversation: a part waits for every earlier one of its conversation that is queued or being sent, and for
//! an unknown one until it is decided or `lane_until` has passed (parts of the same message wait until it is decided). What is
//! held back, paused or not connected is not due.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use sambung_runtime::contract::types::{Identity, Target, Thread};
use sambung_runtime::contract::windows::WindowRule;
use sambung_runtime::manifest::Resend;
use serde_json::{Value, json};

use crate::db::engine::after;
use crate::db::inbox::conversations::{self, window_facts};
use crate::db::outbound::addressee::{addressee, described};
use crate::db::outbound::queue::fail_rest;
use crate::db::outbound::status::recompute_status;
use crate::db::{Db, DbError, Priority};
use crate::keys::{ContactId, ConversationId, MessageId};
use crate::model::retry::may_resend;
use crate::model::windows::{self, Choice, Wish};

/// A connected channel with parts that wait.
#[derive(Debug, Clone, PartialEq)]
pub struct BusyAccount {
    /// The account.
    pub account_id: i64,
    /// The channel connected to it.
    pub channel_id: String,
    /// Whose it is.
    pub workspace: String,
    /// The plugin.
    pub plugin: String,
    /// The registration with the provider that it uses.
    pub app: Option<String>,
    /// What the channel supports.
    pub features: Value,
    /// When its next part is due.
    pub due_at: i64,
}

/// What is asked of a claim.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The channel.
    pub account: BusyAccount,
    /// The plugin's window rules.
    pub rules: Vec<WindowRule>,
    /// Contents that one call may take.
    pub together: u32,
    /// For how long the provider honours an attempt key.
    pub resend: Option<Resend>,
    /// How long later messages wait for one that turns out unknown here, in milliseconds.
    pub lane_wait_ms: i64,
    /// Most groups.
    pub most: u32,
    /// Numbers of conversations and contacts whose rate is spent for now.
    pub spent: HashSet<i64>,
    /// Now.
    pub now: i64,
}

/// What one call of the plugin sends: parts of one message that are due together, with everything a send needs to know.
#[derive(Debug, Clone)]
pub struct Group {
    /// The message.
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The person.
    pub contact_id: Option<ContactId>,
    /// Where it goes; none where the conversation is only being started.
    pub thread: Option<Thread>,
    /// Every identity of the person, best first.
    pub to: Vec<Identity>,
    /// The message it answers.
    pub reply_to: Option<Target>,
    /// Written by a person.
    pub human: bool,
    /// The opening of which this call takes one use: its rule and its event.
    pub opening: Option<(String, String)>,
    /// The channel's credential when the attempt began.
    pub credential_version: i64,
    /// In order.
    pub parts: Vec<DuePart>,
}

/// A part with the attempt that was begun for it.
#[derive(Debug, Clone)]
pub struct DuePart {
    /// Its place in the message.
    pub idx: i64,
    /// The attempt's row.
    pub attempt_id: i64,
    /// The same for automatic tries.
    pub attempt_key: String,
    /// In the API's form, with the host's measurements of files.
    pub content: Value,
    /// Tries so far, this one included.
    pub tries: u32,
    /// When the first try with this key began.
    pub first_sent_at: i64,
    /// When this attempt began.
    pub started_at: i64,
    /// The rule it goes by.
    pub rule: Option<String>,
    /// The token it spends.
    pub token: Option<String>,
    /// An earlier attempt with this key may have arrived.
    pub maybe_sent: bool,
}

impl Db {
    /// The connected channels that have parts waiting, without those that are held back as a whole.
    pub async fn busy_accounts(&self) -> Result<Vec<BusyAccount>, DbError> {
        self.read(|db| {
            let mut ask = db.prepare_cached(
                "WITH RECURSIVE busy(id) AS (
                   SELECT min(account_id) FROM parts WHERE state = 'queued'
                   UNION ALL
                   SELECT (SELECT min(p.account_id) FROM parts p WHERE p.state = 'queued' AND p.account_id > busy.id)
                   FROM busy WHERE busy.id IS NOT NULL)
                 SELECT c.account_id, c.id, c.workspace_id, c.plugin_id, c.app_id, c.features,
                        max((SELECT min(p.due_at) FROM parts p WHERE p.account_id = c.account_id AND p.state = 'queued'),
                            coalesce((SELECT max(h.until) FROM holds h WHERE h.account_id = c.account_id AND h.scope = 'channel'), 0),
                            coalesce((SELECT max(h.until) FROM holds h WHERE h.account_id = 0 AND h.scope = 'app' AND h.key = c.app_id), 0))
                 FROM busy JOIN channels c ON c.account_id = busy.id JOIN plugins g ON g.id = c.plugin_id
                 WHERE c.state = 'connected' AND c.paused = 0 AND g.state <> 'disabled'",
            )?;
            let rows = ask.query_map([], busy)?.collect::<Result<Vec<_>, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// When by its clock alone the next part of an account may be sent: its own time, that of the unknown ones that it waits for,
    /// and that of what is held back. A part that waits for an end which no clock brings does not count, nor do `spent`
    /// conversations and contacts.
    pub async fn next_due_part(&self, account: i64, spent: &HashSet<i64>) -> Result<Option<i64>, DbError> {
        let spent = json!(spent).to_string();
        self.read(move |db| {
            Ok(db
                .prepare_cached(
                    "SELECT min(max(p.due_at,
                       coalesce((SELECT max(e.lane_until) FROM parts e WHERE e.conversation_id = p.conversation_id
                                 AND e.state = 'unknown' AND (e.message_id, e.idx) < (p.message_id, p.idx)), 0),
                       coalesce((SELECT max(h.until) FROM holds h WHERE h.account_id = p.account_id
                                 AND ((h.scope = 'thread' AND h.key = CAST(p.conversation_id AS TEXT))
                                   OR (h.scope = 'recipient' AND h.key = CAST(v.contact_id AS TEXT)))), 0)))
                     FROM parts p JOIN conversations v ON v.id = p.conversation_id
                     WHERE p.account_id = ?1 AND p.state = 'queued'
                       AND NOT EXISTS (
                         SELECT 1 FROM parts e
                         WHERE e.conversation_id = p.conversation_id AND e.state IN ('queued', 'sending', 'unknown')
                           AND (e.message_id, e.idx) < (p.message_id, p.idx)
                           AND NOT (e.state = 'unknown' AND e.message_id <> p.message_id))
                       AND p.conversation_id NOT IN (SELECT value FROM json_each(?2))
                       AND coalesce(v.contact_id, 0) NOT IN (SELECT value FROM json_each(?2))",
                )?
                .query_row(params![account, spent], |row| row.get(0))?)
        })
        .await
    }

    /// Begins attempts for the parts of a channel that are due: rule and token chosen, token spent, attempt rows written, all
    /// committed before this answers. A part whose window is shut fails here.
    pub async fn claim_due_parts(&self, claim: Claim) -> Result<Vec<Group>, DbError> {
        self.write(Priority::Routine, move |db| claim_due(db, &claim)).await
    }
}

fn busy(row: &Row<'_>) -> rusqlite::Result<BusyAccount> {
    Ok(BusyAccount {
        account_id: row.get(0)?,
        channel_id: row.get(1)?,
        workspace: row.get(2)?,
        plugin: row.get(3)?,
        app: row.get(4)?,
        features: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or(Value::Null),
        due_at: row.get(6)?,
    })
}

fn claim_due(db: &Connection, claim: &Claim) -> Result<Vec<Group>, DbError> {
    let mut begun = Vec::new();
    if crate::db::system::held(db)?.is_some() {
        return Ok(begun);
    }
    let version: Option<i64> = db
        .prepare_cached(
            "SELECT credential_version FROM channels WHERE id = ?1 AND account_id = ?2 AND state = 'connected' AND paused = 0",
        )?
        .query_row(params![claim.account.channel_id, claim.account.account_id], |row| row.get(0))
        .optional()?;
    let Some(version) = version else { return Ok(begun) };
    // Heads that turn out not to be sendable do not count, so a few more than wanted are looked at.
    for (message_id, idx, conversation_id, contact_id) in lane_heads(db, claim, claim.most.saturating_mul(4))? {
        if begun.len() >= claim.most as usize {
            break;
        }
        if let Some(group) = begin(db, claim, version, message_id, idx, conversation_id, contact_id)? {
            begun.push(group);
        }
        recompute_status(db, message_id, claim.now)?;
    }
    Ok(begun)
}

type Head = (MessageId, i64, ConversationId, Option<ContactId>);

fn lane_heads(db: &Connection, claim: &Claim, most: u32) -> Result<Vec<Head>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT p.message_id, p.idx, p.conversation_id, v.contact_id
         FROM parts p JOIN conversations v ON v.id = p.conversation_id
         WHERE p.account_id = ?1 AND p.state = 'queued' AND p.due_at <= ?2
           AND NOT EXISTS (
             SELECT 1 FROM parts e
             WHERE e.conversation_id = p.conversation_id AND e.state IN ('queued', 'sending', 'unknown')
               AND (e.message_id, e.idx) < (p.message_id, p.idx)
               AND NOT (e.state = 'unknown' AND e.message_id <> p.message_id AND e.lane_until <= ?2))
           AND NOT EXISTS (
             SELECT 1 FROM holds h WHERE h.account_id = p.account_id AND h.until > ?2
               AND ((h.scope = 'thread' AND h.key = CAST(p.conversation_id AS TEXT)) OR (h.scope = 'recipient' AND h.key = CAST(v.contact_id AS TEXT))))
           AND p.conversation_id NOT IN (SELECT value FROM json_each(?4))
           AND coalesce(v.contact_id, 0) NOT IN (SELECT value FROM json_each(?4))
         ORDER BY p.due_at LIMIT ?3",
    )?;
    let spent = json!(claim.spent).to_string();
    let rows = ask.query_map(params![claim.account.account_id, claim.now, most, spent], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

struct Candidate {
    idx: i64,
    attempt_key: String,
    content: Value,
    tries: u32,
    first_sent_at: Option<i64>,
    excluded: Vec<String>,
    maybe_sent: bool,
}

fn candidates(
    db: &Connection,
    message_id: MessageId,
    from: i64,
    now: i64,
    most: u32,
) -> Result<Vec<Candidate>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT idx, attempt_key, content, tries, first_sent_at, excluded_rules, state, due_at, maybe_sent FROM parts
         WHERE message_id = ?1 AND idx >= ?2 ORDER BY idx LIMIT ?3",
    )?;
    let mut rows = ask.query(params![message_id, from, most.max(1)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // What may have left in one call goes again in one call, whenever each is due: a provider that honours the key of the
        // call honours it for the whole of it.
        let with_the_head = row.get(8)? && found.first().is_some_and(|head: &Candidate| head.maybe_sent);
        if row.get::<_, String>(6)? != "queued" || (row.get::<_, i64>(7)? > now && !with_the_head) {
            break;
        }
        found.push(Candidate {
            idx: row.get(0)?,
            attempt_key: row.get(1)?,
            content: serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or(Value::Null),
            tries: row.get(3)?,
            first_sent_at: row.get(4)?,
            excluded: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
            maybe_sent: row.get(8)?,
        });
    }
    Ok(found)
}

/// Chooses the rule for the head of a lane and begins attempts for it and for those after it that go by the same.
fn begin(
    db: &Connection,
    claim: &Claim,
    credential_version: i64,
    message_id: MessageId,
    idx: i64,
    conversation_id: ConversationId,
    contact_id: Option<ContactId>,
) -> Result<Option<Group>, DbError> {
    let found = candidates(db, message_id, idx, claim.now, claim.together)?;
    let human: bool =
        db.prepare_cached("SELECT human FROM messages WHERE id = ?1")?.query_row([message_id], |row| row.get(0))?;
    let facts = window_facts(db, conversation_id)?;
    let Some(head) = found.first() else { return Ok(None) };
    let pinned = if head.maybe_sent { Some(last_rule(db, &head.attempt_key)?) } else { None };
    let choose = |candidate: &Candidate| {
        let kind = candidate.content.get("type").and_then(Value::as_str).unwrap_or_default();
        let mut excluded = candidate.excluded.clone();
        if let Some(rule) = &pinned {
            let others = claim.rules.iter().map(|known| &known.id).filter(|known| Some(*known) != rule.as_ref());
            excluded.extend(others.cloned());
        }
        let wish = Wish { needs: windows::need_of(kind), human, excluded: &excluded };
        windows::choose(&claim.rules, &facts, &claim.account.features, wish, claim.now)
    };
    let rule = pinned.as_ref().and_then(Option::as_deref);
    let honoured = head.first_sent_at.is_some_and(|first| may_resend(claim.resend.as_ref(), rule, first, claim.now));
    let Some(choice) = choose(head).filter(|_| pinned.is_none() || honoured) else {
        match pinned {
            Some(_) => undecided(db, claim, message_id, idx)?,
            None => shut(db, message_id, idx, &head.excluded)?,
        }
        return Ok(None);
    };
    let alike =
        |candidate: &&Candidate| candidate.maybe_sent == head.maybe_sent && choose(candidate).as_ref() == Some(&choice);
    let together = found.iter().take_while(alike);
    let mut parts = Vec::new();
    for candidate in together {
        parts.push(attempt(db, claim, message_id, candidate, &choice)?);
    }
    let opening = choice.rule.zip(choice.opening);
    if let Some((rule, event)) = &opening {
        conversations::change_openings(db, conversation_id, |openings| openings.spend(rule, event))?;
    }
    let outgoing = addressee(db, message_id, conversation_id, contact_id)?;
    Ok(Some(Group { human, opening, credential_version, parts, ..outgoing }))
}

/// The rule that the last attempt with this key went by.
fn last_rule(db: &Connection, key: &str) -> Result<Option<String>, DbError> {
    let found = db
        .prepare_cached(
            "SELECT t.rule FROM parts p JOIN attempts t ON t.account_id = p.account_id AND t.attempt_key = p.attempt_key
             WHERE p.attempt_key = ?1 ORDER BY t.id DESC LIMIT 1",
        )?
        .query_row([key], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

/// It may have arrived, and the provider no longer honours its key or its window: nobody knows, and it is not sent again.
fn undecided(db: &Connection, claim: &Claim, message_id: MessageId, idx: i64) -> Result<(), DbError> {
    db.prepare_cached(
        "UPDATE parts SET state = 'unknown', lane_until = ?3, due_at = ?4 WHERE message_id = ?1 AND idx = ?2",
    )?
    .execute(params![message_id, idx, claim.now + claim.lane_wait_ms, claim.now])?;
    db.prepare_cached(
        "UPDATE attempts SET outcome = 'unknown' WHERE id = (SELECT max(id) FROM attempts WHERE message_id = ?1 AND part = ?2)",
    )?
    .execute(params![message_id, idx])?;
    Ok(())
}

/// The window is shut at dispatch: the part fails, and the rest of its message with it.
fn shut(db: &Connection, message_id: MessageId, idx: i64, excluded: &[String]) -> Result<(), DbError> {
    let error = json!({
        "code": "window-closed",
        "detail": "the messaging window is closed; nothing was sent",
        "rules_that_proved_shut": excluded,
    });
    db.prepare_cached("UPDATE parts SET state = 'failed', error = ?3 WHERE message_id = ?1 AND idx = ?2")?
        .execute(params![message_id, idx, error.to_string()])?;
    after::wake_outbound();
    fail_rest(db, message_id, idx)
}

fn attempt(
    db: &Connection,
    claim: &Claim,
    message_id: MessageId,
    candidate: &Candidate,
    choice: &Choice,
) -> Result<DuePart, DbError> {
    let first_sent_at = candidate.first_sent_at.unwrap_or(claim.now);
    db.prepare_cached(
        "UPDATE parts SET state = 'sending', tries = tries + 1, first_sent_at = ?3, error = NULL WHERE message_id = ?1 AND idx = ?2",
    )?
    .execute(params![message_id, candidate.idx, first_sent_at])?;
    db.prepare_cached(
        "INSERT INTO attempts (message_id, part, attempt_key, account_id, started_at, rule, token) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        message_id,
        candidate.idx,
        candidate.attempt_key,
        claim.account.account_id,
        claim.now,
        choice.rule,
        choice.token
    ])?;
    let attempt_id = db.last_insert_rowid();
    let content = described(db, candidate.content.clone())?;
    Ok(DuePart {
        idx: candidate.idx,
        attempt_id,
        attempt_key: candidate.attempt_key.clone(),
        content,
        tries: candidate.tries + 1,
        first_sent_at,
        started_at: claim.now,
        rule: choice.rule.clone(),
        token: choice.token.clone(),
        maybe_sent: candidate.maybe_sent,
    })
}
