//! A copy of the database while it is in use, and what is done to a copy before a server may start from it.
//!
//! These run in the command line, on connections of their own, without the writer.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use crate::db::outbound::status;
use crate::db::{Db, DbConfig, DbError, MIGRATIONS, system};
use crate::keys::MessageId;
use crate::model::envelope::Vault;

/// What was done to a database that was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Messages that were to be sent when the backup was made: whether they were is unknown.
    pub unknown: usize,
}

/// Writes a copy of one moment into a new file, while others read and write.
pub fn snapshot(database: &Path, into: &Path) -> Result<(), DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.execute("VACUUM INTO ?1", params![into.to_string_lossy()])?;
    Ok(())
}

/// Whether a server of this version and with these keys can start from the file. Changes nothing.
pub fn prove(database: &Path, vault: &Vault) -> Result<(), DbError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let found = usize::try_from(found).unwrap_or(0);
    if found > MIGRATIONS.len() {
        return Err(DbError::Newer { path: database.to_owned(), found, known: MIGRATIONS.len() });
    }
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict != "ok" {
        return Err(DbError::Damaged(verdict));
    }
    if system::get(&connection, system::PROOF_KEY)?.is_none() {
        return Err(DbError::Damaged("it holds no proof of its master key".into()));
    }
    system::prove_key(&connection, vault)
}

/// Makes a file that was copied at `made_at` ready: outbound, polling and refresh are held until an operator releases them, what
/// was to be sent is unknown.
pub async fn make_ready(database: &Path, vault: Vault, made_at: i64, now: i64) -> Result<Restored, DbError> {
    let db = Db::open(DbConfig::at(database), vault)?;
    let restored = db
        .write(super::Priority::Urgent, move |connection| {
            system::hold(connection, now)?;
            connection.execute("DELETE FROM idempotency WHERE status IS NULL AND made IS NULL", [])?;
            Ok(Restored { unknown: doubt_what_was_to_be_sent(connection, made_at, now)? })
        })
        .await;
    db.close().await;
    restored
}

/// The old server may have gone on after the copy was made: what was under way then, and what only waited, it may have sent, by
/// whatever rule. Nothing of that is sent again by itself. Each gets an attempt under the key that the old server had for it, so
/// that the provider's word settles it where there is one; else a person decides.
fn doubt_what_was_to_be_sent(connection: &Connection, made_at: i64, now: i64) -> Result<usize, DbError> {
    const WHY: &str = r#"{"code":"restored","detail":"it was to be sent when the backup was made; the server of that time may have sent it"}"#;
    let messages: Vec<MessageId> = connection
        .prepare("SELECT DISTINCT message_id FROM parts WHERE state IN ('queued', 'sending')")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    connection.execute(
        "UPDATE attempts SET ended_at = ?1, outcome = 'unknown', error = ?2 WHERE ended_at IS NULL",
        params![now, WHY],
    )?;
    connection.execute(
        "INSERT INTO attempts (message_id, part, attempt_key, account_id, started_at, ended_at, outcome, dispatched, error) \
         SELECT message_id, idx, attempt_key, account_id, ?1, ?2, 'unknown', 1, ?3 FROM parts WHERE state = 'queued'",
        params![made_at, now, WHY],
    )?;
    connection.execute(
        "UPDATE parts SET state = 'unknown', due_at = ?1, lane_until = ?1, maybe_sent = 1, error = ?2 WHERE state IN ('queued', 'sending')",
        params![now, WHY],
    )?;
    for message in &messages {
        status::recompute_status(connection, *message, now)?;
    }
    Ok(messages.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Priority;

    /// Whatever the old server may have sent since is unknown, each part with an attempt under its key, by which the provider's
    /// word settles it; what was settled stays.
    #[tokio::test]
    async fn what_was_to_be_sent_is_unknown_and_the_providers_word_settles_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        let open = || Db::open(DbConfig::at(&path), Vault::new([7; 32])).expect("opens");
        let db = open();
        db.write(Priority::Routine, |db| {
            db.execute_batch(
                "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0);
                 INSERT INTO accounts (id, workspace_id, plugin_id, account, name, created_at) VALUES (1, 'ws_1', 'p', 'a', 'A', 0);
                 INSERT INTO conversations (id, workspace_id, account_id, thread_key, created_at, last_message_at)
                   VALUES (1, 'ws_1', 1, 'k', 0, 0);
                 INSERT INTO messages (id, workspace_id, account_id, conversation_id, direction, content, at, status) VALUES
                   (1, 'ws_1', 1, 1, 'outbound', '[]', 0, 'sent'),
                   (2, 'ws_1', 1, 1, 'outbound', '[]', 0, 'sending'),
                   (3, 'ws_1', 1, 1, 'outbound', '[]', 0, 'queued');
                 INSERT INTO parts (message_id, idx, account_id, conversation_id, content, state, attempt_key, due_at) VALUES
                   (1, 0, 1, 1, '{}', 'sent', 'k1', 0), (2, 0, 1, 1, '{}', 'sending', 'k2', 0),
                   (2, 1, 1, 1, '{}', 'queued', 'k3', 0), (3, 0, 1, 1, '{}', 'queued', 'k4', 0);
                 INSERT INTO attempts (message_id, part, attempt_key, account_id, started_at, ended_at, outcome) VALUES
                   (1, 0, 'k1', 1, 5, 6, 'sent'), (2, 0, 'k2', 1, 5, NULL, NULL);",
            )?;
            Ok(())
        })
        .await
        .expect("prepared");
        db.close().await;
        drop(db);
        let restored = make_ready(&path, Vault::new([7; 32]), 50, 100).await.expect("ready");
        assert_eq!(restored, Restored { unknown: 2 });
        let db = open();
        let list = async |sql: &'static str| -> Vec<String> {
            let asked =
                db.read(move |db| Ok(db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?));
            asked.await.expect("read")
        };
        assert_eq!(
            list("SELECT state FROM parts ORDER BY attempt_key").await,
            ["sent", "unknown", "unknown", "unknown"]
        );
        assert_eq!(list("SELECT status FROM messages ORDER BY id").await, ["sent", "unknown", "unknown"]);
        let attempts = "SELECT attempt_key || ' ' || started_at || ' ' || outcome FROM attempts ORDER BY attempt_key";
        assert_eq!(list(attempts).await, ["k1 5 sent", "k2 5 unknown", "k3 50 unknown", "k4 50 unknown"]);
        db.write(Priority::Routine, |db| status::settle_attempt_by_correlation(db, 1, "k4", &["p4"], 200))
            .await
            .expect("told");
        assert_eq!(list("SELECT status FROM messages WHERE id = 3").await, ["sent"]);
    }
}
