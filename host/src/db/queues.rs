//! What waits in the database, counted up to a bound.

use rusqlite::{Connection, params};

use crate::db::{Db, DbError};

/// How far is counted: a backlog of any length is counted in the same time.
const MOST: i64 = 10_000;

/// What waits, and the bytes of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Requests of providers that wait for their translation.
    pub requests: u64,
    /// Requests of providers that are parked.
    pub parked: u64,
    /// Parts of messages that are to be sent.
    pub messages: u64,
    /// Deliveries to endpoints.
    pub deliveries: u64,
    /// Files that are to be fetched.
    pub files: u64,
    /// Bytes of all files that are kept.
    pub file_bytes: i64,
}

impl Db {
    /// What waits now; each kind is counted up to 10,000.
    pub async fn backlog(&self) -> Result<Backlog, DbError> {
        self.read(|db| {
            Ok(Backlog {
                requests: count(db, "SELECT count(*) FROM (SELECT 1 FROM journal WHERE state = 'pending' LIMIT ?1)")?,
                parked: count(db, "SELECT count(*) FROM (SELECT 1 FROM journal WHERE state = 'parked' LIMIT ?1)")?,
                messages: count(db, "SELECT count(*) FROM (SELECT 1 FROM parts WHERE state = 'queued' LIMIT ?1)")?,
                deliveries: count(
                    db,
                    "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'pending' LIMIT ?1)",
                )?,
                files: count(
                    db,
                    "SELECT count(*) FROM (SELECT 1 FROM media WHERE state = 'pending' AND due_at IS NOT NULL LIMIT ?1)",
                )?,
                file_bytes: db
                    .prepare_cached(
                        "SELECT coalesce((SELECT bytes FROM media_usage WHERE scope = 'total' AND key = ''), 0)",
                    )?
                    .query_row([], |row| row.get(0))?,
            })
        })
        .await
    }

    /// Bytes of the database, without its log.
    pub async fn bytes(&self) -> Result<u64, DbError> {
        self.read(|db| {
            let one = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            Ok((one("page_count")? * one("page_size")?).unsigned_abs())
        })
        .await
    }
}

fn count(db: &Connection, statement: &str) -> Result<u64, DbError> {
    Ok(db.prepare_cached(statement)?.query_row(params![MOST], |row| row.get::<_, i64>(0))?.unsigned_abs())
}
