//! The event feed: a row for every state change, in the transaction of the change.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::{Db, DbError, after};

/// Appends to a workspace's feed within the transaction of the change itself.
pub(in crate::db) fn append(
    db: &Connection,
    workspace: &str,
    kind: &str,
    data: &impl Serialize,
    at: i64,
) -> Result<i64, DbError> {
    append_text(db, workspace, kind, &text(data)?, at)
}

/// As [`append_text`] takes it.
pub(in crate::db) fn text(data: &impl Serialize) -> Result<String, DbError> {
    serde_json::to_string(data).map_err(|error| DbError::Damaged(error.to_string()))
}

/// As [`append`], of what is JSON already.
pub(in crate::db) fn append_text(
    db: &Connection,
    workspace: &str,
    kind: &str,
    data: &str,
    at: i64,
) -> Result<i64, DbError> {
    db.prepare_cached("INSERT INTO feed (workspace_id, type, data, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![workspace, kind, data, at])?;
    after::wake_feed();
    Ok(db.last_insert_rowid())
}

/// As [`append`], to the feed of each workspace.
pub(in crate::db) fn append_everywhere(
    db: &Connection,
    kind: &str,
    data: &impl Serialize,
    at: i64,
) -> Result<(), DbError> {
    db.prepare_cached("INSERT INTO feed (workspace_id, type, data, at) SELECT id, ?1, ?2, ?3 FROM workspaces")?
        .execute(params![kind, text(data)?, at])?;
    after::wake_feed();
    Ok(())
}

/// One row of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRow {
    /// Grows over the whole host.
    pub id: i64,
    /// "message.created" and so on.
    pub kind: String,
    /// JSON.
    pub data: String,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
}

/// How far the feed reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedRange {
    /// The oldest row that is still there; past `newest` when there is none.
    pub oldest: i64,
    /// The newest row there ever was; 0 when there was none.
    pub newest: i64,
}

impl FeedRange {
    /// Whether somebody who has seen everything up to `seen` can go on without a gap.
    pub fn follows(self, seen: i64) -> bool {
        seen >= self.oldest - 1 && seen <= self.newest
    }
}

impl Db {
    /// How far the feed reaches, over all workspaces.
    pub async fn feed_range(&self) -> Result<FeedRange, DbError> {
        self.read(range).await
    }

    /// A workspace's rows after `seen`, oldest first.
    pub async fn feed_after(&self, workspace: &str, seen: i64, most: u32) -> Result<Vec<FeedRow>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| after(db, &workspace, seen, most)).await
    }
}

/// How far the feed reaches.
pub(in crate::db) fn range(db: &Connection) -> Result<FeedRange, DbError> {
    let newest: i64 = db
        .prepare_cached("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'feed'), 0)")?
        .query_row([], |row| row.get(0))?;
    let oldest: Option<i64> = db.prepare_cached("SELECT min(id) FROM feed")?.query_row([], |row| row.get(0))?;
    Ok(FeedRange { oldest: oldest.unwrap_or(newest + 1), newest })
}

/// A workspace's rows after `seen`, oldest first.
pub(in crate::db) fn after(db: &Connection, workspace: &str, seen: i64, most: u32) -> Result<Vec<FeedRow>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT id, type, data, at FROM feed WHERE workspace_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let rows = ask.query_map(params![workspace, seen, most], |row| {
        Ok(FeedRow { id: row.get(0)?, kind: row.get(1)?, data: row.get(2)?, at: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}
