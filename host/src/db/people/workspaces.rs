//! Workspaces: whose everything else is.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::people::audit;
use crate::db::people::idempotency::KeptAnswer;
use crate::db::{Db, DbError, Priority};
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

/// What a workspace has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkspaceUse {
    /// People, disabled ones included.
    pub people: i64,
    /// Channels, paused ones included.
    pub channels: i64,
    /// Bytes of files that are kept.
    pub file_bytes: i64,
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

    /// The oldest workspace, made with `id` and `name` where there is none yet.
    pub async fn first_workspace_or_new(&self, id: String, name: &str, now: i64) -> Result<WorkspaceRow, DbError> {
        let name = name.to_owned();
        self.write(Priority::Urgent, move |connection| {
            let first = connection
                .prepare_cached("SELECT id, name, created_at FROM workspaces ORDER BY created_at, id LIMIT 1")?
                .query_row([], row)
                .optional()?;
            if let Some(found) = first {
                return Ok(found);
            }
            let made = WorkspaceRow { id, name, created_at: now };
            insert(connection, &made)?;
            Ok(made)
        })
        .await
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
        let keeper = self.keeper();
        self.write(Priority::Urgent, move |connection| {
            insert(connection, &workspace)?;
            keeper.keep(connection, kept.as_ref())?;
            audit::append(connection, &entry)
        })
        .await
    }

    /// Renames a workspace; whether there was one. A unique violation where the name is taken.
    pub async fn rename_workspace(&self, id: &str, name: &str, entry: Entry) -> Result<bool, DbError> {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.write(Priority::Urgent, move |connection| {
            let changed = connection.execute("UPDATE workspaces SET name = ?2 WHERE id = ?1", params![id, name])?;
            if changed > 0 {
                audit::append(connection, &entry)?;
            }
            Ok(changed > 0)
        })
        .await
    }

    /// The workspace of this id, with what it has.
    pub async fn workspace_in_use(&self, id: &str) -> Result<Option<(WorkspaceRow, WorkspaceUse)>, DbError> {
        let id = id.to_owned();
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(&format!("{IN_USE} WHERE w.id = ?1"))?
                .query_row(params![id], in_use)
                .optional()?)
        })
        .await
    }

    /// A page of all workspaces by id, after `after`, with what each has.
    pub async fn workspaces(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<(WorkspaceRow, WorkspaceUse)>, DbError> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached(&format!("{IN_USE} WHERE w.id > ?1 ORDER BY w.id LIMIT ?2"))?;
            let rows = statement.query_map(params![after.unwrap_or_default(), limit as i64], in_use)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

const IN_USE: &str = "SELECT w.id, w.name, w.created_at, (SELECT count(*) FROM users u WHERE u.workspace_id = w.id), \
     (SELECT count(*) FROM channels c WHERE c.workspace_id = w.id), \
     coalesce((SELECT m.bytes FROM media_usage m WHERE m.scope = 'workspace' AND m.key = w.id), 0) FROM workspaces w";

fn in_use(found: &Row<'_>) -> rusqlite::Result<(WorkspaceRow, WorkspaceUse)> {
    let using = WorkspaceUse { people: found.get(3)?, channels: found.get(4)?, file_bytes: found.get(5)? };
    Ok((row(found)?, using))
}

fn insert(connection: &Connection, workspace: &WorkspaceRow) -> Result<(), DbError> {
    connection.execute(
        "INSERT INTO workspaces (id, name, created_at) VALUES (?1, ?2, ?3)",
        params![workspace.id, workspace.name, workspace.created_at],
    )?;
    Ok(())
}
