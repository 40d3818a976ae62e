//! Web visitors: their sessions, and the stream of what they wrote and were answered.

use rusqlite::{Connection, OptionalExtension, params};

use crate::db::engine::after;
use crate::db::inbound::journal::{self, NewRow};
use crate::db::media::visitor_source;
use crate::db::{Db, DbError, Priority};
use crate::keys::{EntryId, MediaId};

/// A visitor's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorRow {
    /// `vs_…`; also the thread's key.
    pub id: String,
    /// The account of the channel that it belongs to.
    pub account: i64,
    /// Whose channel that is.
    pub workspace: String,
}

/// An entry of a visitor's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Grows with every entry.
    pub id: EntryId,
    /// JSON.
    pub entry: String,
}

/// A visitor's message: the journal's row and the stream's entry, which stand or fall together.
#[derive(Debug, Clone)]
pub struct VisitorMessage {
    /// Who wrote it.
    pub visitor: String,
    /// The account of the channel.
    pub account: i64,
    /// The widget's own id of the message.
    pub entry_id: String,
    /// What the visitor's pages show of it, JSON.
    pub entry: String,
    /// What the plugin translates.
    pub row: NewRow,
}

/// Longest stream that is handed out at once.
const MOST_ENTRIES: u32 = 200;

/// Loads of a widget within this time are noted as one, so that a busy site is no load for the database.
const LOAD_MS: i64 = 60_000;

/// The site whose page loaded a channel's widget last, and when.
pub(in crate::db) fn widget_load(db: &Connection, channel: &str) -> Result<Option<(String, i64)>, DbError> {
    Ok(db
        .prepare_cached("SELECT site, at FROM widget_loads WHERE channel_id = ?1")?
        .query_row([channel], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

impl Db {
    /// Keeps a new session; of its token only the hash.
    pub async fn add_visitor(
        &self,
        visitor: VisitorRow,
        token_hash: Vec<u8>,
        site: Option<String>,
        now: i64,
    ) -> Result<(), DbError> {
        self.write(Priority::Urgent, move |db| {
            db.prepare_cached(
                "INSERT INTO visitors (id, account_id, workspace_id, token_hash, site, created_at, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
            )?
            .execute(params![visitor.id, visitor.account, visitor.workspace, token_hash, site, now])?;
            Ok(())
        })
        .await
    }

    /// Whose token this is, in this account.
    pub async fn visitor_by_token(&self, account: i64, token_hash: Vec<u8>) -> Result<Option<VisitorRow>, DbError> {
        self.read(move |db| {
            Ok(db
                .prepare_cached(
                    "SELECT id, account_id, workspace_id FROM visitors WHERE token_hash = ?1 AND account_id = ?2",
                )?
                .query_row(params![token_hash, account], |row| {
                    Ok(VisitorRow { id: row.get(0)?, account: row.get(1)?, workspace: row.get(2)? })
                })
                .optional()?)
        })
        .await
    }

    /// Journals a visitor's message and appends it to their stream, once; false where it was there already. After this it may
    /// be acknowledged.
    pub async fn append_visitor_message(&self, message: VisitorMessage) -> Result<bool, DbError> {
        let VisitorMessage { visitor, account, entry_id, entry, row } = message;
        self.write(Priority::Urgent, move |db| {
            let fresh = db
                .prepare_cached(
                    "INSERT INTO visitor_entries (id, account_id, visitor, entry_id, entry, at) VALUES (?6, ?1, ?2, ?3, ?4, ?5) \
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![account, visitor, entry_id, entry, row.received_at, EntryId::new(row.received_at)])?;
            if fresh == 0 {
                return Ok(false);
            }
            db.prepare_cached("UPDATE visitors SET seen_at = ?2, wrote = 1 WHERE id = ?1")?
                .execute(params![visitor, row.received_at])?;
            journal::append(db, row)?;
            after::wake_journal();
            after::wake_visitor(&visitor);
            Ok(true)
        })
        .await
    }

    /// Notes that a visitor is here, unless that was noted after `since`.
    pub async fn visitor_seen(&self, visitor: &str, since: i64, now: i64) -> Result<(), DbError> {
        let visitor = visitor.to_owned();
        let stale = self
            .read({
                let visitor = visitor.clone();
                move |db| {
                    Ok(db
                        .prepare_cached("SELECT 1 FROM visitors WHERE id = ?1 AND seen_at < ?2")?
                        .exists(params![visitor, since])?)
                }
            })
            .await?;
        if !stale {
            return Ok(());
        }
        self.write(Priority::Routine, move |db| {
            db.prepare_cached("UPDATE visitors SET seen_at = ?2 WHERE id = ?1")?.execute(params![visitor, now])?;
            Ok(())
        })
        .await
    }

    async fn widget_load(&self, channel: &str) -> Result<Option<(String, i64)>, DbError> {
        let channel = channel.to_owned();
        self.read(move |db| widget_load(db, &channel)).await
    }

    /// Notes that a page of this site loaded a channel's widget, unless a load was noted within the last minute.
    pub async fn note_widget(&self, channel: &str, site: &str, now: i64) -> Result<(), DbError> {
        let (channel, site) = (channel.to_owned(), site.to_owned());
        if self.widget_load(&channel).await?.is_some_and(|(_, at)| now - at < LOAD_MS) {
            return Ok(());
        }
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO widget_loads (channel_id, site, at) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM channels WHERE id = ?1) \
                 ON CONFLICT (channel_id) DO UPDATE SET site = excluded.site, at = excluded.at",
            )?
            .execute(params![channel, site, now])?;
            Ok(())
        })
        .await
    }

    /// Forgets visitors who were not seen since `before`, and those who never wrote and were not seen since `silent`, with what
    /// their browsers show of the chat: at most `most` rows. Their conversations stay. How many rows went.
    pub async fn forget_visitors(&self, before: i64, silent: i64, most: u32) -> Result<usize, DbError> {
        self.write(Priority::Routine, move |db| {
            let mut gone = 0;
            for (wrote, before) in [(1, before), (0, silent)] {
                let entries = db
                    .prepare_cached(
                        "DELETE FROM visitor_entries WHERE id IN (SELECT e.id FROM visitors v JOIN visitor_entries e \
                         ON e.account_id = v.account_id AND e.visitor = v.id WHERE v.wrote = ?1 AND v.seen_at < ?2 LIMIT ?3)",
                    )?
                    .execute(params![wrote, before, most])?;
                gone = gone.max(entries);
                // A visitor goes after the last of their entries.
                if entries < most as usize {
                    let visitors = db
                        .prepare_cached(
                            "DELETE FROM visitors WHERE id IN (SELECT id FROM visitors WHERE wrote = ?1 AND seen_at < ?2 LIMIT ?3)",
                        )?
                        .execute(params![wrote, before, most])?;
                    gone = gone.max(visitors);
                }
            }
            Ok(gone)
        })
        .await
    }

    /// What a visitor's stream holds after the entry `after`, in order, a part at a time.
    pub async fn visitor_entries(&self, account: i64, visitor: &str, after: EntryId) -> Result<Vec<EntryRow>, DbError> {
        let visitor = visitor.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT id, entry FROM visitor_entries WHERE account_id = ?1 AND visitor = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
            )?;
            let rows = query.query_map(params![account, visitor, after, MOST_ENTRIES], |row| {
                Ok(EntryRow { id: row.get(0)?, entry: row.get(1)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Whether this file came from this visitor and belongs to no message yet.
    pub async fn is_visitor_file(&self, file: MediaId, visitor: &str) -> Result<bool, DbError> {
        let source = visitor_source(visitor);
        self.read(move |db| {
            Ok(db
                .prepare_cached("SELECT 1 FROM media WHERE id = ?1 AND source = ?2 AND message_id IS NULL")?
                .exists(params![file, source])?)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbConfig;
    use crate::model::envelope::Vault;

    #[tokio::test]
    async fn a_load_of_a_widget_is_noted_once_in_a_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        db.write(Priority::Routine, |db| {
            db.execute_batch(
                "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0);
                 INSERT INTO plugins (id, state, installed_at, changed_at) VALUES ('p', 'active', 0, 0);
                 INSERT INTO channels (id, workspace_id, plugin_id, name, state, settings, created_at, changed_at)
                 VALUES ('ch_1', 'ws_1', 'p', 'One', 'connected', '{}', 0, 0);",
            )?;
            Ok(())
        })
        .await
        .expect("prepared");
        for (site, at, noted) in [
            ("https://one.example", 1_000, ("https://one.example", 1_000)),
            ("https://two.example", 60_999, ("https://one.example", 1_000)),
            ("https://two.example", 61_000, ("https://two.example", 61_000)),
        ] {
            db.note_widget("ch_1", site, at).await.expect("noted");
            let (last, when) = db.widget_load("ch_1").await.expect("read").expect("there");
            assert_eq!((last.as_str(), when), noted);
        }
        db.note_widget("ch_none", "https://one.example", 1).await.expect("asked");
        assert!(db.widget_load("ch_none").await.expect("read").is_none());
    }
}
