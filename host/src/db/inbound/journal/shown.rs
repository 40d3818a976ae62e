//! The journal as people see it: its pages and rows, for whoever may.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use crate::db::inbound::journal::{PendingRow, pending};
use crate::db::{Db, DbError};
use crate::keys::RequestId;
use crate::model::shown::journal::{JournalEntry, JournalItem, Whole};
use crate::model::time::rfc3339;

/// Who asks about the journal.
#[derive(Debug, Clone)]
pub struct JournalReader {
    /// The workspace whose rows are shown.
    pub workspace: String,
    /// Whether rows that belong to no single workspace are shown too.
    pub operator: bool,
}

/// Which rows of the journal are asked for.
#[derive(Debug, Clone, Default)]
pub struct JournalFilter {
    /// `pending`, `waiting`, `settled` or `parked`; all where it is absent.
    pub state: Option<String>,
    /// The channel that the request, or an item of it, was for.
    pub channel: Option<String>,
}

impl Db {
    /// A page of the journal, the newest first, before the id `before`.
    pub async fn journal_page(
        &self,
        reader: JournalReader,
        filter: JournalFilter,
        before: Option<RequestId>,
        limit: u32,
    ) -> Result<Vec<JournalEntry>, DbError> {
        self.read(move |db| {
            // Few rows of many are in one of these states, and each has an index of its own.
            let from = match filter.state.as_deref() {
                Some("pending") => "journal INDEXED BY journal_pending WHERE state = 'pending'",
                Some("waiting") => "journal INDEXED BY journal_waiting WHERE state = 'waiting'",
                Some("parked") => "journal INDEXED BY journal_parked WHERE state = 'parked'",
                Some(_) => "journal WHERE state = 'settled'",
                None => "journal WHERE TRUE",
            };
            let mut query = db.prepare_cached(&format!(
                "SELECT id, plugin_id, address, workspace_id, channel_id, app_id, recipe, method, path, received_at, replays, NULL, NULL, NULL, \
                        state, reason, stored, settled_at, (SELECT length(body) FROM raw_requests WHERE journal_id = journal.id) \
                 FROM {from} AND id < ?1 AND (workspace_id = ?2 OR (workspace_id IS NULL AND ?3) \
                   OR EXISTS (SELECT 1 FROM journal_items i WHERE i.journal_id = journal.id AND i.workspace_id = ?2)) \
                   AND (?5 IS NULL OR channel_id = ?5 \
                     OR EXISTS (SELECT 1 FROM journal_items i WHERE i.journal_id = journal.id AND i.workspace_id = ?2 AND i.channel_id = ?5)) \
                 ORDER BY id DESC LIMIT ?4",
            ))?;
            let values = params![before.map_or(i64::MAX, |before| before.row()), reader.workspace, reader.operator, limit, filter.channel];
            let rows: Vec<(PendingRow, JournalEntry)> =
                query.query_map(values, |row| Ok((pending(row)?, shown(row)?)))?.collect::<Result<_, _>>()?;
            rows.into_iter().map(|(row, entry)| with_items(db, &reader, &row, entry)).collect()
        })
        .await
    }

    /// One row with its body, for whoever may see it whole.
    pub async fn journal_row(&self, reader: JournalReader, id: RequestId) -> Result<Option<JournalEntry>, DbError> {
        self.read(move |db| {
            let found = db
                .prepare_cached(
                    "SELECT id, plugin_id, address, workspace_id, channel_id, app_id, recipe, method, path, received_at, replays, query, headers, \
                            body, state, reason, stored, settled_at, length(body) \
                     FROM journal LEFT JOIN raw_requests ON journal_id = id WHERE id = ?1",
                )?
                .query_row([id], |row| Ok((pending(row)?, shown(row)?)))
                .optional()?;
            let Some((row, mut entry)) = found else { return Ok(None) };
            if !reader.may_see(&row) {
                return Ok(None);
            }
            if let Some(whole) = &mut entry.whole {
                whole.headers = Some(json!(row.headers));
                whole.body = Some(String::from_utf8_lossy(&row.body).into_owned());
            }
            with_items(db, &reader, &row, entry).map(Some)
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

fn shown(row: &Row<'_>) -> rusqlite::Result<JournalEntry> {
    Ok(JournalEntry {
        id: row.get(0)?,
        plugin: row.get(1)?,
        received_at: rfc3339(row.get(9)?),
        state: row.get(14)?,
        settled_at: row.get::<_, Option<i64>>(17)?.map(rfc3339),
        whole: Some(Whole {
            channel_id: row.get(4)?,
            app_id: row.get(5)?,
            recipe: row.get(6)?,
            replays: row.get(10)?,
            reason: row.get(15)?,
            stored: row.get(16)?,
            bytes: row.get(18)?,
            headers: None,
            body: None,
        }),
        items: Vec::new(),
    })
}

/// A row's items that were not simply stored: all for whoever sees the row whole, else those of the reader's workspace.
fn with_items(
    db: &Connection,
    reader: &JournalReader,
    row: &PendingRow,
    mut entry: JournalEntry,
) -> Result<JournalEntry, DbError> {
    let mut query = db.prepare_cached(
        "SELECT idx, channel_id, outcome, reason, pointer, at FROM journal_items WHERE journal_id = ?1 AND (?2 OR workspace_id = ?3) \
         ORDER BY idx LIMIT 1000",
    )?;
    let items = query.query_map(params![row.id, reader.may_see(row), reader.workspace], |row| {
        Ok(JournalItem {
            index: row.get(0)?,
            channel_id: row.get(1)?,
            outcome: row.get(2)?,
            reason: row.get(3)?,
            pointer: row.get(4)?,
            at: rfc3339(row.get(5)?),
        })
    })?;
    entry.items = items.collect::<Result<_, _>>()?;
    if !reader.may_see(row) {
        entry.whole = None;
    }
    Ok(entry)
}
