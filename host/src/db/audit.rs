//! The audit log: a line for everything that an admin or operator does, in the transaction of the deed.

use rusqlite::{Connection, Row, params};

use super::{Db, DbError, Priority};
use crate::model::audit::Entry;

/// Appends a line within the act that it tells of.
pub(in crate::db) fn append(connection: &Connection, entry: &Entry) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (workspace_id, at, actor, role, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            entry.workspace,
            entry.at,
            entry.actor,
            entry.role,
            entry.action,
            entry.subject,
            entry.detail.to_string()
        ])?;
    Ok(())
}

impl Db {
    /// Writes a line of its own, for a deed that is no act of the database.
    pub async fn audit(&self, entry: Entry) -> Result<(), DbError> {
        self.write(Priority::Routine, move |connection| append(connection, &entry)).await
    }

    /// A page of a workspace's lines with their numbers, newest first, older than `before`. With `whole_host`, also the lines
    /// that belong to no workspace.
    pub async fn audit_page(
        &self,
        workspace: String,
        whole_host: bool,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, Entry)>, DbError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, workspace_id, at, actor, role, action, subject, detail FROM audit \
                 WHERE (workspace_id = ?1 OR (?2 AND workspace_id IS NULL)) AND id < ?3 ORDER BY id DESC LIMIT ?4",
            )?;
            let rows = statement
                .query_map(params![workspace, whole_host, before.unwrap_or(i64::MAX), limit as i64], entry)?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(i64, Entry)> {
    Ok((
        row.get(0)?,
        Entry {
            workspace: row.get(1)?,
            at: row.get(2)?,
            actor: row.get(3)?,
            role: row.get(4)?,
            action: row.get(5)?,
            subject: row.get(6)?,
            detail: serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default(),
        },
    ))
}
