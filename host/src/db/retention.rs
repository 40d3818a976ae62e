//! What has outlived its time goes, a few rows in an act, so that no webhook waits behind a clean-up.

use rusqlite::{Connection, params};

use super::{Db, DbError, Priority};

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
    /// Rows of the journal whose body is gone already, and with them what they were turned into.
    Journal,
}

impl Expired {
    fn statement(self) -> &'static str {
        match self {
            // Rows are appended in order of time, so the oldest are looked at and nothing else.
            Expired::Feed => {
                "DELETE FROM feed WHERE id IN (SELECT id FROM (SELECT id, at FROM feed ORDER BY id LIMIT ?2) WHERE at < ?1)"
            }
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
            Expired::Journal => {
                "DELETE FROM journal WHERE id IN \
                 (SELECT id FROM journal WHERE settled_at IS NOT NULL AND body IS NULL AND settled_at < ?1 AND state <> 'pending' LIMIT ?2)"
            }
        }
    }
}

fn remove(connection: &Connection, what: Expired, before: i64, most: u32) -> Result<usize, DbError> {
    Ok(connection.prepare_cached(what.statement())?.execute(params![before, most])?)
}

/// How far a go through the openings of windows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// The last that was looked at; 0: there is no other after it.
    pub until: i64,
    /// How many went.
    pub removed: usize,
}

/// Looks at the next `most` openings. One from before `before` goes where its conversation has a newer one of the same rule: the
/// newest is a fact that is still shown.
fn remove_superseded(connection: &Connection, after: i64, before: i64, most: u32) -> Result<Looked, DbError> {
    let until: Option<i64> = connection
        .prepare_cached("SELECT max(id) FROM (SELECT id FROM openings WHERE id > ?1 ORDER BY id LIMIT ?2)")?
        .query_row(params![after, most], |row| row.get(0))?;
    let Some(until) = until else { return Ok(Looked { until: 0, removed: 0 }) };
    let removed = connection
        .prepare_cached(
            "DELETE FROM openings WHERE id > ?1 AND id <= ?2 AND at < ?3 AND coalesce(closes_at, at) < ?3 AND EXISTS \
             (SELECT 1 FROM openings n WHERE n.conversation_id = openings.conversation_id AND n.at > openings.at AND n.rule = openings.rule)",
        )?
        .execute(params![after, until, before])?;
    Ok(Looked { until, removed })
}

impl Db {
    /// Removes openings of windows that newer ones took the place of, among the next `most` after the id `after`.
    pub async fn remove_superseded_openings(&self, after: i64, before: i64, most: u32) -> Result<Looked, DbError> {
        self.write(Priority::Routine, move |connection| remove_superseded(connection, after, before, most)).await
    }

    /// Removes at most `most` rows from before `before`; how many there were.
    pub async fn remove_expired(&self, what: Expired, before: i64, most: u32) -> Result<usize, DbError> {
        self.write(Priority::Routine, move |connection| remove(connection, what, before, most)).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::DbConfig;
    use super::*;
    use crate::model::envelope::Vault;

    /// The newest of a rule stays however old it is, and so does what has not closed yet; the rest goes, a few at a time.
    #[tokio::test]
    async fn an_old_opening_goes_once_there_is_a_newer_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        db.write(Priority::Routine, |db| {
            db.execute_batch(
                "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0);
                 INSERT INTO accounts (id, workspace_id, plugin_id, account, name, created_at) VALUES (1, 'ws_1', 'p', 'a', 'A', 0);
                 INSERT INTO conversations (id, workspace_id, account_id, thread_key, created_at, last_message_at)
                   VALUES ('cv_1', 'ws_1', 1, 'k1', 0, 0), ('cv_2', 'ws_1', 1, 'k2', 0, 0);
                 INSERT INTO openings (id, conversation_id, rule, at, closes_at, event_id) VALUES
                   (1, 'cv_1', 'day', 10, NULL, 'e1'), (2, 'cv_1', 'day', 11, 900, 'e2'), (3, 'cv_1', 'day', 12, NULL, 'e3'),
                   (4, 'cv_1', 'other', 10, NULL, 'e4'), (5, 'cv_2', 'day', 10, NULL, 'e5'), (6, 'cv_1', 'day', 500, NULL, 'e6');",
            )?;
            Ok(())
        })
        .await
        .expect("prepared");
        let go = async |after| db.remove_superseded_openings(after, 100, 2).await.expect("looked");
        assert_eq!(go(0).await, Looked { until: 2, removed: 1 });
        assert_eq!(go(2).await, Looked { until: 4, removed: 1 });
        assert_eq!(go(4).await, Looked { until: 6, removed: 0 });
        assert_eq!(go(6).await, Looked { until: 0, removed: 0 }, "from the beginning again");
        let left: String = db
            .read(|db| {
                Ok(db.query_row("SELECT group_concat(id) FROM (SELECT id FROM openings ORDER BY id)", [], |row| {
                    row.get(0)
                })?)
            })
            .await
            .expect("read");
        assert_eq!(left, "2,4,5,6");
    }
}
