//! Items of a journalled request that were not simply stored.

use rusqlite::{Connection, params};

use crate::db::DbError;
use crate::keys::RequestId;

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

pub(super) fn clear(db: &Connection, journal: RequestId) -> Result<(), DbError> {
    db.prepare_cached("DELETE FROM journal_items WHERE journal_id = ?1")?.execute([journal])?;
    db.prepare_cached("DELETE FROM unrouted WHERE journal_id = ?1")?.execute([journal])?;
    Ok(())
}

/// An item is parked since no channel is connected for it: one may be connecting just then.
pub(super) fn wait_for_channel(
    db: &Connection,
    journal: RequestId,
    plugin: &str,
    routes: &[String],
) -> Result<(), DbError> {
    for route in routes {
        db.prepare_cached(
            "INSERT INTO unrouted (plugin_id, route, journal_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![plugin, route, journal])?;
    }
    Ok(())
}

/// A channel is connected to this account: what arrived for it at a shared address while it was connecting is translated once
/// more, in order of arrival, as if it had waited. What the same requests gave others before stands, by the ids of their events.
pub(in crate::db) fn channel_appeared(db: &Connection, channel: &str) -> Result<usize, DbError> {
    let mut query = db.prepare_cached(
        "SELECT j.id FROM channels c JOIN unrouted u ON u.plugin_id = c.plugin_id JOIN journal j ON j.id = u.journal_id \
         WHERE c.id = ?1 AND (u.route = c.account OR u.route IN (SELECT r.route FROM routes r WHERE r.channel_id = c.id)) \
           AND j.state = 'parked' AND j.raw = 1 AND j.received_at >= c.created_at \
           AND (c.app_id IS j.app_id OR (c.app_id IS NULL AND EXISTS (SELECT 1 FROM apps a WHERE a.id = j.app_id AND a.is_default = 1))) \
         ORDER BY j.id",
    )?;
    let rows: Vec<RequestId> = query.query_map([channel], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for row in &rows {
        clear(db, *row)?;
        db.prepare_cached("UPDATE journal SET state = 'pending', reason = NULL, settled_at = NULL WHERE id = ?1")?
            .execute([row])?;
    }
    Ok(rows.len())
}

pub(super) fn put(db: &Connection, journal: RequestId, item: &ItemRow<'_>, at: i64) -> Result<(), DbError> {
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
