//! The journal as people see it: its pages and rows, for whoever may.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::{PendingRow, pending};
use crate::db::{Db, DbError};
use crate::model::time::rfc3339;

/// Who asks about the journal.
#[derive(Debug, Clone)]
pub struct JournalReader {
    /// The workspace whose rows are shown.
    pub workspace: String,
    /// Whether rows that belong to no single workspace are shown too.
    pub operator: bool,
}

impl Db {
    /// A page of the journal, the newest first, before the id `before`; only rows in `state` where one is given.
    pub async fn journal_page(
        &self,
        reader: JournalReader,
        state: Option<String>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Value>, DbError> {
        self.read(move |db| {
            // Few rows of many are in one of these states, and each has an index of its own.
            let from = match state.as_deref() {
                Some("pending") => "journal INDEXED BY journal_pending WHERE state = 'pending'",
                Some("waiting") => "journal INDEXED BY journal_waiting WHERE state = 'waiting'",
                Some("parked") => "journal INDEXED BY journal_parked WHERE state = 'parked'",
                Some(_) => "journal WHERE state = 'settled'",
                None => "journal WHERE TRUE",
            };
            let mut query = db.prepare_cached(&format!(
                "SELECT id, plugin_id, address, workspace_id, channel_id, app_id, recipe, method, path, query, headers, NULL, received_at, replays, \
                        state, reason, stored, settled_at, length(body) \
                 FROM {from} AND id < ?1 AND (workspace_id = ?2 OR (workspace_id IS NULL AND ?3) \
                   OR EXISTS (SELECT 1 FROM journal_items i WHERE i.journal_id = journal.id AND i.workspace_id = ?2)) \
                 ORDER BY id DESC LIMIT ?4",
            ))?;
            let values = params![before.unwrap_or(i64::MAX), reader.workspace, reader.operator, limit];
            let rows: Vec<(PendingRow, Value)> =
                query.query_map(values, |row| Ok((pending(row)?, shown(row)?)))?.collect::<Result<_, _>>()?;
            rows.into_iter().map(|(row, json)| with_items(db, &reader, &row, json)).collect()
        })
        .await
    }

    /// One row with its body, for whoever may see it whole.
    pub async fn journal_row(&self, reader: JournalReader, id: i64) -> Result<Option<Value>, DbError> {
        self.read(move |db| {
            let found = db
                .prepare_cached(
                    "SELECT id, plugin_id, address, workspace_id, channel_id, app_id, recipe, method, path, query, headers, body, received_at, replays, \
                            state, reason, stored, settled_at, length(body) FROM journal WHERE id = ?1",
                )?
                .query_row([id], |row| Ok((pending(row)?, shown(row)?)))
                .optional()?;
            let Some((row, mut json)) = found else { return Ok(None) };
            if !reader.may_see(&row) {
                return Ok(None);
            }
            if let Some(object) = json.as_object_mut() {
                object.insert("headers".into(), json!(row.headers));
                object.insert("body".into(), String::from_utf8_lossy(&row.body).into());
            }
            with_items(db, &reader, &row, json).map(Some)
        })
        .await
    }
}

impl JournalReader {
    fn may_see(&self, row: &PendingRow) -> bool {
        match &row.workspace {
            Some(workspace) => **workspace == *self.workspace,
            None => self.operator,
        }
    }
}

fn shown(row: &Row<'_>) -> rusqlite::Result<Value> {
    Ok(json!({
        "id": row.get::<_, i64>(0)?,
        "plugin": row.get::<_, String>(1)?,
        "channel_id": row.get::<_, Option<String>>(4)?,
        "app_id": row.get::<_, Option<String>>(5)?,
        "recipe": row.get::<_, String>(6)?,
        "received_at": rfc3339(row.get(12)?),
        "replays": row.get::<_, i64>(13)?,
        "state": row.get::<_, String>(14)?,
        "reason": row.get::<_, Option<String>>(15)?,
        "stored": row.get::<_, i64>(16)?,
        "settled_at": row.get::<_, Option<i64>>(17)?.map(rfc3339),
        "bytes": row.get::<_, Option<i64>>(18)?,
    }))
}

/// A row's items that were not simply stored: all for whoever sees the row whole, else those of the reader's workspace.
fn with_items(db: &Connection, reader: &JournalReader, row: &PendingRow, mut json: Value) -> Result<Value, DbError> {
    let mut query = db.prepare_cached(
        "SELECT idx, channel_id, outcome, reason, pointer, at FROM journal_items WHERE journal_id = ?1 AND (?2 OR workspace_id = ?3) \
         ORDER BY idx LIMIT 1000",
    )?;
    let items = query.query_map(params![row.id, reader.may_see(row), reader.workspace], |row| {
        Ok(json!({
            "index": row.get::<_, i64>(0)?,
            "channel_id": row.get::<_, Option<String>>(1)?,
            "outcome": row.get::<_, String>(2)?,
            "reason": row.get::<_, String>(3)?,
            "pointer": row.get::<_, Option<String>>(4)?,
            "at": rfc3339(row.get(5)?),
        }))
    })?;
    let items: Vec<Value> = items.collect::<Result<_, _>>()?;
    if let Some(object) = json.as_object_mut() {
        if !reader.may_see(row) {
            object.retain(|key, _| matches!(key.as_str(), "id" | "plugin" | "received_at" | "state" | "settled_at"));
        }
        object.insert("items".into(), items.into());
    }
    Ok(json)
}
