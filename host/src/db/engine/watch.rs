//! Notices that tables changed, so that what memory holds of them cannot be forgotten to be forgotten; and which credentials did,
//! so that no act that changes one has to say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;

use crate::db::DbError;
use crate::db::engine::after;
use crate::wake::Credential;

/// Whether some tables changed. Cheap to clone.
#[derive(Clone)]
pub(in crate::db) struct Changes(Arc<Inner>);

struct Inner {
    /// In the transaction that is open.
    touched: AtomicBool,
    epoch: AtomicU64,
}

impl Changes {
    /// Watches these tables (with row ids: SQLite tells nothing of others) on the writer's connection.
    pub fn of(writer: &Connection, tables: &'static [&'static str]) -> Result<Changes, DbError> {
        let changes = Changes(Arc::new(Inner { touched: AtomicBool::new(false), epoch: AtomicU64::new(0) }));
        let seen = changes.clone();
        writer.update_hook(Some(move |_, _: &str, table: &str, row: i64| {
            if tables.contains(&table) {
                seen.0.touched.store(true, Ordering::Relaxed);
            }
            match table {
                "tokens" => after::credential_changed(Credential::Token(row)),
                "users" => after::credential_changed(Credential::User(row)),
                _ => {}
            }
        }))?;
        Ok(changes)
    }

    /// A transaction is on disk, and nobody was told of it yet.
    pub fn committed(&self) {
        if self.0.touched.swap(false, Ordering::Relaxed) {
            self.0.epoch.fetch_add(1, Ordering::Release);
        }
    }

    /// How often the tables changed.
    pub fn epoch(&self) -> u64 {
        self.0.epoch.load(Ordering::Acquire)
    }
}
