//! The event feed: a row for every state change, in the transaction of the change.

pub(in crate::db) mod endpoints;

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::db::engine::after;
use crate::db::{Db, DbError, system};
use crate::keys::{self, EventId};

/// Appends to a workspace's feed within the transaction of the change itself.
pub(in crate::db) fn append(
    db: &Connection,
    workspace: &str,
    kind: &str,
    data: &impl Serialize,
    at: i64,
) -> Result<(), DbError> {
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
) -> Result<(), DbError> {
    db.prepare_cached("INSERT INTO feed (id, workspace_id, type, data, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![EventId::new(at), workspace, kind, data, at])?;
    after::wake_feed();
    Ok(())
}

/// As [`append`], to the feed of each workspace.
pub(in crate::db) fn append_everywhere(
    db: &Connection,
    kind: &str,
    data: &impl Serialize,
    at: i64,
) -> Result<(), DbError> {
    let data = text(data)?;
    let mut workspaces = db.prepare_cached("SELECT id FROM workspaces")?;
    for workspace in workspaces.query_map([], |row| row.get::<_, String>(0))? {
        append_text(db, &workspace?, kind, &data, at)?;
    }
    Ok(())
}

/// Where [`super::system`] keeps the last row that was removed.
const REMOVED_KEY: &str = "feed_removed";

/// One row of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRow {
    /// Grows over the whole host.
    pub id: EventId,
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
    /// The last row that was removed because it was old; none where none was.
    pub removed: EventId,
    /// The newest row; none where there is none.
    pub newest: EventId,
    /// No row has a greater id.
    pub last: EventId,
}

impl FeedRange {
    /// Whether somebody who has seen everything up to `seen` can go on without a gap.
    pub fn follows(self, seen: EventId) -> bool {
        seen >= self.removed && seen <= self.last
    }
}

impl Db {
    /// How far the feed reaches, over all workspaces.
    pub async fn feed_range(&self) -> Result<FeedRange, DbError> {
        self.read(range).await
    }

    /// A workspace's rows after `seen`, oldest first.
    pub async fn feed_after(&self, workspace: &str, seen: EventId, most: u32) -> Result<Vec<FeedRow>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| after(db, &workspace, seen, most)).await
    }
}

/// How far the feed reaches.
pub(in crate::db) fn range(db: &Connection) -> Result<FeedRange, DbError> {
    let newest: Option<EventId> = db.prepare_cached("SELECT max(id) FROM feed")?.query_row([], |row| row.get(0))?;
    let removed = system::get(db, REMOVED_KEY)?.and_then(|id| id.parse().ok()).map_or(EventId::NONE, EventId::of_row);
    Ok(FeedRange { removed, newest: newest.unwrap_or(removed), last: keys::last() })
}

/// Removes rows from before `before`, the oldest of all first and at most `most`; how many there were.
pub(in crate::db) fn remove_before(db: &Connection, before: i64, most: u32) -> Result<usize, DbError> {
    let mut remove = db.prepare_cached(
        "DELETE FROM feed WHERE id IN (SELECT id FROM (SELECT id, at FROM feed ORDER BY id LIMIT ?2) WHERE at < ?1) RETURNING id",
    )?;
    let removed: Vec<EventId> = remove.query_map(params![before, most], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if let Some(last) = removed.iter().max() {
        system::set(db, REMOVED_KEY, &last.row().to_string())?;
    }
    Ok(removed.len())
}

/// A workspace's rows after `seen`, oldest first.
pub(in crate::db) fn after(
    db: &Connection,
    workspace: &str,
    seen: EventId,
    most: u32,
) -> Result<Vec<FeedRow>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT id, type, data, at FROM feed WHERE workspace_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let rows = ask.query_map(params![workspace, seen, most], |row| {
        Ok(FeedRow { id: row.get(0)?, kind: row.get(1)?, data: row.get(2)?, at: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}
