//! A copy of the database while it is in use, and what is done to a copy before a server may start from it.
//!
//! These run in the command line, on connections of their own, without the writer.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::{Db, DbConfig, DbError, MIGRATIONS, status, system};
use crate::model::envelope::Vault;

/// What was done to a database that was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Messages that were being sent when the backup was made: whether they arrived is unknown.
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

/// Makes a restored file ready: outbound, polling and refresh are held until an operator releases them, what was being sent
/// is unknown, and nobody holds a lease.
pub async fn make_ready(database: &Path, vault: Vault, now: i64) -> Result<Restored, DbError> {
    let db = Db::open(DbConfig::at(database), vault)?;
    let restored = db
        .write(super::Priority::Urgent, move |connection| {
            system::hold(connection, now)?;
            connection.execute("DELETE FROM leases", [])?;
            connection.execute("DELETE FROM idempotency WHERE status IS NULL", [])?;
            Ok(Restored { unknown: doubt_what_was_in_flight(connection, now)? })
        })
        .await;
    db.close().await;
    restored
}

/// The provider may have been called after the copy was made: nothing that was under way is sent again by itself.
fn doubt_what_was_in_flight(connection: &Connection, now: i64) -> Result<usize, DbError> {
    const WHY: &str = r#"{"code":"restored","detail":"it was being sent when the backup was made"}"#;
    let messages: Vec<String> = connection
        .prepare("SELECT DISTINCT message_id FROM parts WHERE state = 'sending' OR EXISTS \
             (SELECT 1 FROM attempts a WHERE a.message_id = parts.message_id AND a.part = parts.idx AND a.ended_at IS NULL)")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    connection.execute(
        "UPDATE parts SET state = 'unknown', due_at = ?1, lane_until = ?1, error = ?2 WHERE state = 'sending' OR EXISTS \
         (SELECT 1 FROM attempts a WHERE a.message_id = parts.message_id AND a.part = parts.idx AND a.ended_at IS NULL)",
        params![now, WHY],
    )?;
    connection.execute(
        "UPDATE attempts SET ended_at = ?1, outcome = 'unknown', error = ?2 WHERE ended_at IS NULL",
        params![now, WHY],
    )?;
    for message in &messages {
        status::recompute_status(connection, message, now)?;
    }
    Ok(messages.len())
}
