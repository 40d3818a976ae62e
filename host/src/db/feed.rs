//! The event feed: a row for every state change, in the transaction of the change.

use rusqlite::{Connection, params};
use serde_json::Value;

use super::DbError;

/// Appends to a workspace's feed within the transaction of the change itself.
pub(in crate::db) fn append(
    db: &Connection,
    workspace: &str,
    kind: &str,
    data: &Value,
    at: i64,
) -> Result<i64, DbError> {
    db.prepare_cached("INSERT INTO feed (workspace_id, type, data, at) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        workspace,
        kind,
        data.to_string(),
        at
    ])?;
    Ok(db.last_insert_rowid())
}
