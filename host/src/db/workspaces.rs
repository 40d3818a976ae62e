//! Workspaces: whose everything else is.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::idempotency::{self, KeptAnswer};
use super::{Db, DbError, Priority, audit};
use crate::model::audit::Entry;

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceRow {
    /// `ws_…`
    pub id: String,
    /// Unique in the host.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

fn row(row: &Row<'_>) -> rusqlite::Result<WorkspaceRow> {
    Ok(WorkspaceRow { id: row.get(0)?, name: row.get(1)?, created_at: row.get(2)? })
}

fn find(connection: &Connection, id_or_name: &str) -> Result<Option<WorkspaceRow>, DbError> {
    Ok(connection
        .prepare_cached("SELECT id, name, created_at FROM workspaces WHERE id = ?1 OR name = ?1")?
        .query_row(params![id_or_name], row)
        .optional()?)
}

impl Db {
    /// The workspace with this id or name.
    pub async fn workspace(&self, id_or_name: &str) -> Result<Option<WorkspaceRow>, DbError> {
        let wanted = id_or_name.to_owned();
        self.read(move |connection| find(connection, &wanted)).await
    }

    /// The workspace of this name, made with `id` where it is not there yet.
    pub async fn workspace_or_new(&self, id: String, name: &str, now: i64) -> Result<WorkspaceRow, DbError> {
        let name = name.to_owned();
        self.write(Priority::Urgent, move |connection| {
            if let Some(found) = find(connection, &name)? {
                return Ok(found);
            }
            let made = WorkspaceRow { id, name, created_at: now };
            insert(connection, &made)?;
            Ok(made)
        })
        .await
    }

    /// Adds a workspace; a unique violation where the name is taken.
    pub async fn add_workspace(
        &self,
        workspace: WorkspaceRow,
        entry: Entry,
        kept: Option<KeptAnswer>,
    ) -> Result<(), DbError> {
        let vault = self.vault();
        self.write(Priority::Urgent, move |connection| {
            insert(connection, &workspace)?;
            idempotency::keep(connection, &vault, kept.as_ref())?;
            audit::append(connection, &entry)
        })
        .await
    }

    /// A page of all workspaces by id, after `after`.
    pub async fn workspaces(&self, after: Option<String>, limit: usize) -> Result<Vec<WorkspaceRow>, DbError> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT id, name, created_at FROM workspaces WHERE id > ?1 ORDER BY id LIMIT ?2")?;
            let rows = statement
                .query_map(params![after.unwrap_or_default(), limit as i64], row)?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }
}

fn insert(connection: &Connection, workspace: &WorkspaceRow) -> Result<(), DbError> {
    connection.execute(
        "INSERT INTO workspaces (id, name, created_at) VALUES (?1, ?2, ?3)",
        params![workspace.id, workspace.name, workspace.created_at],
    )?;
    Ok(())
}
