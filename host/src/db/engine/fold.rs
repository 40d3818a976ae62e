//! Folds the write-ahead log into the database file while commits go on.
//!
//! A thread with a connection of its own copies what the log holds and has the disk take it, again and again. Once the log is long the
//! writer copies the little that was committed meanwhile, and the log begins anew. Where the thread does not keep up the writer folds
//! it all in, and commits wait.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::db::DbError;
use crate::db::engine::pace::Pace;

/// While little is written the thread copies so many pages at a time, with this pause in between, because a commit waits for the disk
/// while the disk takes many pages.
const FEW: i32 = 500;
const PAUSE: Duration = Duration::from_millis(250);
/// The log begins anew when it has this many pages.
const LONG: i32 = 4_000;
/// The writer does not wait for the thread any longer.
const TOO_LONG: i32 = 16_000;

thread_local! {
    /// Pages in the log after this thread's last commit.
    static PAGES: Cell<i32> = const { Cell::new(0) };
}

/// The writer's side.
pub(in crate::db) struct Fold {
    begin: Option<SyncSender<()>>,
    /// Says from how many pages on the thread begins.
    pace: Arc<Pace>,
    copied: Arc<AtomicBool>,
    asked: Cell<bool>,
    /// Pages in the log when the thread was asked last, and when that was.
    folded: Cell<i32>,
    folded_at: Cell<Instant>,
    thread: Option<JoinHandle<()>>,
}

impl Fold {
    /// `writer`: the connection that commits; SQLite no longer folds in its log by itself.
    pub fn start(writer: &Connection, path: &Path, pace: Arc<Pace>) -> Result<Fold, DbError> {
        writer.wal_hook(Some(|_: &Wal, pages| {
            PAGES.set(pages);
            Ok(())
        }));
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let file = File::open(path)
            .map_err(|error| DbError::Damaged(format!("{} cannot be opened: {error}", path.display())))?;
        let (begin, begun) = sync_channel(1);
        let copied = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&copied);
        let thread = std::thread::Builder::new()
            .name("sambung-fold".into())
            .spawn(move || work(&connection, &file, &begun, &theirs))
            .map_err(|error| DbError::Damaged(format!("no thread can be started: {error}")))?;
        Ok(Fold {
            begin: Some(begin),
            pace,
            copied,
            asked: Cell::new(false),
            folded: Cell::new(0),
            folded_at: Cell::new(Instant::now()),
            thread: Some(thread),
        })
    }

    /// To be called by the writer between commits.
    pub fn tend(&self, writer: &Connection) {
        let pages = PAGES.get();
        let copied = self.copied.swap(false, Ordering::Acquire);
        if copied {
            self.asked.set(false);
        }
        if pages < self.folded.get() {
            // It began anew without the writer's part, because the thread had copied all there was.
            self.folded.set(0);
        }
        let added = pages - self.folded.get();
        let due = added > self.pace.portion().pages || (added > FEW && self.folded_at.get().elapsed() > PAUSE);
        if (copied && pages > LONG) || pages > TOO_LONG {
            copy(writer);
            PAGES.set(0);
            self.folded.set(0);
        } else if due && !self.asked.replace(true) {
            self.folded.set(pages);
            self.folded_at.set(Instant::now());
            // A full channel has asked already; one without a reader leaves it to the writer.
            let _ = self.begin.as_ref().map(|begin| begin.try_send(()));
        }
    }
}

impl Drop for Fold {
    fn drop(&mut self) {
        drop(self.begin.take());
        if let Some(thread) = self.thread.take() {
            // It ends by itself; what it panicked of is in the log.
            let _ = thread.join();
        }
    }
}

/// `file` stays open as long as the thread lives, because closing it would end the locks that SQLite holds on the database.
fn work(connection: &Connection, file: &File, begun: &Receiver<()>, copied: &AtomicBool) {
    while begun.recv().is_ok() {
        // SQLite has the disk take what it copied only where it copied all there is, which is the writer's part: commits would wait for
        // all of it. The second time there is little left, and so for the writer.
        for _ in 0..2 {
            copy(connection);
            if let Err(error) = file.sync_data() {
                tracing::warn!(%error, "the disk could not be told to take what was folded in");
            }
        }
        copied.store(true, Ordering::Release);
    }
}

/// Copies what no reader needs any more. It holds up nobody, and what it cannot do the next one does.
fn copy(connection: &Connection) {
    let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = done {
        tracing::warn!(%error, "the write-ahead log could not be folded in");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, DbConfig, Priority};
    use crate::model::envelope::Vault;

    /// Under writes without a pause the log stays about as long as it is when the thread begins.
    #[tokio::test]
    async fn the_log_does_not_grow_without_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.db");
        let db = Db::open(DbConfig::at(&path), Vault::new([1; 32])).expect("opens");
        db.write(Priority::Routine, |db| Ok(db.execute_batch("CREATE TABLE big (b BLOB)")?)).await.expect("a table");
        let pages = u64::from(TOO_LONG.unsigned_abs()) * 3 / 2;
        for _ in 0..pages / 500 {
            let act = |db: &Connection| Ok(db.execute("INSERT INTO big VALUES (zeroblob(?1))", [500 * 4_096])?);
            db.write(Priority::Routine, act).await.expect("written");
        }
        let log = std::fs::metadata(path.with_extension("db-wal")).expect("there is a log").len();
        assert!(log < u64::from(TOO_LONG.unsigned_abs()) * 4_096, "{log} bytes");
    }
}
