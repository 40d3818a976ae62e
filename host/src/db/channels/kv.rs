//! The small memories of channels.

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::KvWrite;

use crate::db::{Db, DbError};

/// Keys that one channel may have.
pub const MOST_KEYS: i64 = 128;

/// Applies what a call wrote, within the act that commits the call's result. What would be a key too many is left out, since
/// the result itself (a message that was sent) must stand; answers whether anything was left out.
pub(in crate::db) fn apply(db: &Connection, channel: &str, writes: &[KvWrite]) -> Result<bool, DbError> {
    let mut left_out = false;
    for write in writes {
        let Some(value) = &write.value else {
            db.prepare_cached("DELETE FROM kv WHERE channel_id = ?1 AND key = ?2")?
                .execute(params![channel, write.key])?;
            continue;
        };
        let written = db
            .prepare_cached(
                "INSERT INTO kv (channel_id, key, value) SELECT ?1, ?2, ?3 \
                 WHERE (SELECT count(*) FROM kv WHERE channel_id = ?1 AND key <> ?2) < ?4 \
                 ON CONFLICT (channel_id, key) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![channel, write.key, value, MOST_KEYS])?;
        left_out |= written == 0;
    }
    Ok(left_out)
}

impl Db {
    /// A value of a channel's memory.
    pub async fn kv_value(&self, channel: &str, key: &str) -> Result<Option<Vec<u8>>, DbError> {
        let (channel, key) = (channel.to_owned(), key.to_owned());
        self.read(move |db| {
            Ok(db
                .prepare_cached("SELECT value FROM kv WHERE channel_id = ?1 AND key = ?2")?
                .query_row([channel, key], |row| row.get(0))
                .optional()?)
        })
        .await
    }
}
