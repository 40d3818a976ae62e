//! Attempts whose end nobody knows: those that a crash left without one, and those whose provider is to be asked.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::db::outbound::addressee::{addressee, described};
use crate::db::outbound::claim::{DuePart, Group};
use crate::db::{Db, DbError, Priority};
use crate::keys::{ConversationId, MessageId};

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
    pub message_id: MessageId,
    /// Its conversation.
    pub conversation_id: ConversationId,
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

    /// An unknown part of each account past `after` whose provider is to be asked, at most `most` accounts; and the last account that was
    /// looked at, where there may be more.
    pub async fn unknown_to_ask(
        &self,
        now: i64,
        after: i64,
        most: u32,
    ) -> Result<(Vec<UnknownPart>, Option<i64>), DbError> {
        self.read(move |db| {
            // Each account is one step in an index, because one with many unknown parts must not be in the way of others.
            let mut next = db.prepare_cached(
                "SELECT account_id FROM parts WHERE state = 'unknown' AND account_id > ?1 ORDER BY account_id LIMIT 1",
            )?;
            let (mut found, mut account) = (Vec::new(), after);
            for _ in 0..most {
                let Some(this) = next.query_row([account], |row| row.get(0)).optional()? else {
                    return Ok((found, None));
                };
                account = this;
                found.extend(unknown_to_ask(db, now, account)?);
            }
            Ok((found, Some(account)))
        })
        .await
    }

    /// The provider could not tell yet, or could not be asked: ask again then.
    pub async fn ask_again(&self, message_id: MessageId, idx: i64, at: i64) -> Result<(), DbError> {
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

/// Parts that are passed over because nothing is known of an attempt.
const PASSED_OVER: u32 = 50;

/// The part of this account that is due for the longest time, where its channel is connected.
fn unknown_to_ask(db: &Connection, now: i64, account: i64) -> Result<Option<UnknownPart>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT c.workspace_id, c.account_id, c.plugin_id, c.id, p.message_id, p.conversation_id, v.contact_id, p.idx, p.attempt_key,
                p.content, p.tries, p.first_sent_at
         FROM parts p JOIN channels c ON c.account_id = p.account_id JOIN conversations v ON v.id = p.conversation_id
         WHERE p.state = 'unknown' AND p.account_id = ?2 AND p.due_at <= ?1 AND c.state = 'connected' AND c.paused = 0
         ORDER BY p.due_at LIMIT ?3",
    )?;
    let mut rows = ask.query(params![now, account, PASSED_OVER])?;
    while let Some(row) = rows.next()? {
        let message_id: MessageId = row.get(4)?;
        let idx: i64 = row.get(7)?;
        let attempt_key: String = row.get(8)?;
        let last = last_attempt(db, &attempt_key, message_id, idx)?;
        let Some((attempt_id, started_at, rule, token)) = last else { continue };
        let content: Value = serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or(Value::Null);
        let content = described(db, content)?;
        let mut group = addressee(db, message_id, row.get(5)?, row.get(6)?)?;
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
        return Ok(Some(UnknownPart {
            workspace: row.get(0)?,
            account_id: row.get(1)?,
            plugin: row.get(2)?,
            channel_id: row.get(3)?,
            group,
        }));
    }
    Ok(None)
}

type LastAttempt = (i64, i64, Option<String>, Option<String>);

fn last_attempt(db: &Connection, key: &str, message_id: MessageId, idx: i64) -> Result<Option<LastAttempt>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT id, started_at, rule, token FROM attempts WHERE message_id = ?1 AND part = ?2 AND attempt_key = ?3
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![message_id, idx, key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?)
}
