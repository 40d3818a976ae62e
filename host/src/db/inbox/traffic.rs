//! How many messages came and went, by the hour.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::db::{Db, DbError};
use crate::model::time::HOUR;

/// Messages of one hour of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourRow {
    /// Hours since 1970.
    pub hour: i64,
    /// Messages of customers.
    pub received: u64,
    /// Messages of the business.
    pub sent: u64,
}

/// Counts a message that the host had at `at`, within the act that stores it.
pub(in crate::db) fn count(db: &Connection, account: i64, at: i64, inbound: bool) -> Result<(), DbError> {
    db.prepare_cached(
        "INSERT INTO traffic (account_id, hour, received, sent) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (account_id, hour) DO UPDATE SET received = received + excluded.received, sent = sent + excluded.sent",
    )?
    .execute(params![account, at.div_euclid(HOUR), inbound, !inbound])?;
    Ok(())
}

impl Db {
    /// The hours since `since` (in hours since 1970) in which these channels of a workspace had messages, by channel, the oldest first.
    pub async fn traffic(
        &self,
        workspace: &str,
        channels: Vec<String>,
        since: i64,
    ) -> Result<HashMap<String, Vec<HourRow>>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT hour, received, sent FROM traffic WHERE account_id = \
                 (SELECT account_id FROM channels WHERE id = ?1 AND workspace_id = ?2) AND hour >= ?3 ORDER BY hour",
            )?;
            let mut found = HashMap::new();
            for channel in channels {
                let rows = query.query_map(params![channel, workspace, since], |row| {
                    let count = |at| Ok::<_, rusqlite::Error>(row.get::<_, i64>(at)?.unsigned_abs());
                    Ok(HourRow { hour: row.get(0)?, received: count(1)?, sent: count(2)? })
                })?;
                let rows = rows.collect::<Result<Vec<_>, _>>()?;
                found.insert(channel, rows);
            }
            Ok(found)
        })
        .await
    }
}
