//! Items of a journalled request that were not simply stored.

use rusqlite::{Connection, params};

use crate::db::DbError;

/// What became of an item that was not stored.
pub(super) struct ItemRow<'i> {
    pub index: usize,
    pub workspace: Option<&'i str>,
    pub channel: Option<&'i str>,
    /// `ignored`, `parked` or `unknown`.
    pub outcome: &'static str,
    pub reason: &'i str,
    pub pointer: Option<&'i str>,
}

/// Longest reason that is kept, in characters.
const MOST_REASON: usize = 1_000;

pub(super) fn clear(db: &Connection, journal: i64) -> Result<(), DbError> {
    db.prepare_cached("DELETE FROM journal_items WHERE journal_id = ?1")?.execute([journal])?;
    Ok(())
}

pub(super) fn put(db: &Connection, journal: i64, item: &ItemRow<'_>, at: i64) -> Result<(), DbError> {
    let reason: String = item.reason.chars().take(MOST_REASON).collect();
    db.prepare_cached(
        "INSERT OR REPLACE INTO journal_items (journal_id, idx, workspace_id, channel_id, outcome, reason, pointer, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        journal,
        item.index as i64,
        item.workspace,
        item.channel,
        item.outcome,
        reason,
        item.pointer,
        at
    ])?;
    Ok(())
}
