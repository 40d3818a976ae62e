//! What has outlived its time goes, a few rows in an act, so that no webhook waits behind a clean-up.

use rusqlite::{Connection, params};

use crate::db::{Db, DbError, Priority, feed};

/// Tables with rows that end by age, each with the one statement that removes some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// The event feed.
    Feed,
    /// Deliveries to endpoints that came to their end.
    Deliveries,
    /// Answers kept for repeated requests.
    Answers,
    /// The audit log.
    Audit,
    /// Tokens, sessions and links that ended.
    Tokens,
    /// Counts of messages by the hour.
    Traffic,
    /// Rows of the journal whose body is gone already, and with them what they were turned into.
    Journal,
}

impl Expired {
    /// None where more is to be done than removing rows.
    fn statement(self) -> Option<&'static str> {
        Some(match self {
            Expired::Feed => return None,
            Expired::Deliveries => {
                "DELETE FROM deliveries WHERE id IN \
                 (SELECT id FROM deliveries WHERE state <> 'pending' AND created_at < ?1 LIMIT ?2)"
            }
            Expired::Answers => {
                "DELETE FROM idempotency WHERE (workspace_id, actor, key) IN (SELECT workspace_id, actor, key \
                 FROM idempotency WHERE created_at < ?1 AND status IS NOT NULL LIMIT ?2)"
            }
            Expired::Audit => "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)",
            Expired::Tokens => {
                // A session that was ended by hand stays until it would have run out: it tells from which client its person signs in.
                "DELETE FROM tokens WHERE id IN (SELECT id FROM tokens \
                 WHERE (revoked_at IS NOT NULL AND revoked_at < ?1 AND kind <> 'session') OR (expires_at IS NOT NULL AND expires_at < ?1) LIMIT ?2)"
            }
            Expired::Traffic => {
                "DELETE FROM traffic WHERE (account_id, hour) IN (SELECT account_id, hour FROM traffic WHERE hour < ?1 / 3600000 LIMIT ?2)"
            }
            Expired::Journal => {
                "DELETE FROM journal WHERE id IN \
                 (SELECT id FROM journal WHERE settled_at IS NOT NULL AND raw = 0 AND settled_at < ?1 AND state <> 'pending' LIMIT ?2)"
            }
        })
    }
}

fn remove(connection: &Connection, what: Expired, before: i64, most: u32) -> Result<usize, DbError> {
    match what.statement() {
        Some(statement) => Ok(connection.prepare_cached(statement)?.execute(params![before, most])?),
        None => feed::remove_before(connection, before, most),
    }
}

impl Db {
    /// Removes at most `most` rows from before `before`; how many there were.
    pub async fn remove_expired(&self, what: Expired, before: i64, most: u32) -> Result<usize, DbError> {
        self.write(Priority::Routine, move |connection| remove(connection, what, before, most)).await
    }
}
