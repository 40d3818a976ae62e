//! The readers: threads with a connection each, which answer questions in the order in which they were asked.
//!
//! They are threads of their own and not the runtime's threads for blocking work, because there may be hundreds of those, and each
//! that reads once keeps memory of SQLite's and of the allocator's.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::db::{DbError, keep_plans};

/// A question with the caller who waits for its answer.
trait Question: Send {
    fn answer(self: Box<Self>, connection: Result<&Connection, DbError>);
}

struct Asked<T, F> {
    ask: F,
    caller: oneshot::Sender<Result<T, DbError>>,
}

impl<T, F> Question for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, DbError> + Send,
{
    fn answer(self: Box<Self>, connection: Result<&Connection, DbError>) {
        let Asked { ask, caller } = *self;
        if caller.is_closed() {
            return;
        }
        // A panic in one question must not take the reader down.
        let answer = connection.and_then(|connection| {
            std::panic::catch_unwind(AssertUnwindSafe(|| ask(connection)))
                .unwrap_or_else(|_| Err(DbError::Damaged("a question panicked; its words are in the log".into())))
        });
        let _ = caller.send(answer);
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Question>>,
    closing: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(in crate::db) struct Readers {
    shared: Arc<Shared>,
    /// Questions that may wait.
    most: usize,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Starts so many threads, at least one; each opens its connection when it is first asked. At most `most` questions wait.
    pub(in crate::db) fn start(path: &Path, count: usize, most: usize) -> Readers {
        let shared = Arc::new(Shared::default());
        let start = |_| {
            let (shared, path) = (Arc::clone(&shared), path.to_owned());
            std::thread::Builder::new().name("sambung-reader".into()).spawn(move || work(&shared, &path))
        };
        let threads =
            (0..count.max(1)).map(start).collect::<Result<Vec<_>, _>>().expect("the system can start a thread");
        Readers { shared, most, threads: Mutex::new(threads) }
    }

    /// Asks; a caller that goes away before its turn is not answered.
    pub(in crate::db) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        let (tell, told) = oneshot::channel();
        {
            let mut queue = self.shared.queue();
            if queue.closing {
                return Err(DbError::Closed);
            }
            if queue.waiting.len() >= self.most {
                metrics::counter!("sambung_reads_refused_total").increment(1);
                return Err(DbError::Busy("too many reads wait for the database"));
            }
            queue.waiting.push_back(Box::new(Asked { ask, caller: tell }));
        }
        self.shared.wake.notify_one();
        told.await.unwrap_or(Err(DbError::Closed))
    }

    /// Answers what was asked before, and closes the connections.
    pub(in crate::db) async fn close(&self) {
        self.end();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        let _ = joined.await;
    }

    fn end(&self) {
        self.shared.queue().closing = true;
        self.shared.wake.notify_all();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.end();
    }
}

fn work(shared: &Shared, path: &Path) {
    let mut connection = None;
    while let Some(question) = next(shared) {
        if connection.is_none() {
            match open(path) {
                Ok(opened) => connection = Some(opened),
                Err(error) => {
                    question.answer(Err(error));
                    continue;
                }
            }
        }
        question.answer(connection.as_ref().ok_or(DbError::Closed));
    }
}

fn next(shared: &Shared) -> Option<Box<dyn Question>> {
    let mut queue = shared.queue();
    loop {
        match queue.waiting.pop_front() {
            Some(question) => return Some(question),
            None if queue.closing => return None,
            None => queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

fn open(path: &Path) -> Result<Connection, DbError> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(&connection)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (7);")
            .unwrap();
        (folder, path)
    }

    fn number(connection: &Connection) -> Result<i64, DbError> {
        Ok(connection.query_row("SELECT n FROM t", [], |row| row.get(0))?)
    }

    #[tokio::test]
    async fn a_question_that_panics_ends_no_reader_and_closing_answers_what_was_asked() {
        let (_folder, path) = file();
        let readers = Arc::new(Readers::start(&path, 1, 8));
        let broken = readers.ask::<()>(|_| panic!("the question broke")).await;
        assert!(matches!(broken, Err(DbError::Damaged(_))), "{broken:?}");
        let asked = readers.ask(|connection| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            number(connection)
        });
        let (answer, ()) = tokio::join!(asked, readers.close());
        assert_eq!(answer.unwrap(), 7);
        assert!(matches!(readers.ask(number).await, Err(DbError::Closed)));
    }

    #[tokio::test]
    async fn more_questions_than_may_wait_are_refused_and_the_others_answered() {
        let (_folder, path) = file();
        let readers = Readers::start(&path, 1, 8);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let (tell, begun) = oneshot::channel();
        let slow = readers.ask(move |connection| {
            let _ = tell.send(());
            let _ = wait.recv();
            number(connection)
        });
        let others = async {
            begun.await.unwrap();
            let asked = futures_util::future::join_all((0..9).map(|_| readers.ask(number)));
            let released = async { go.send(()).unwrap() };
            tokio::join!(asked, released).0
        };
        let (slow, others) = tokio::join!(slow, others);
        assert_eq!(slow.unwrap(), 7);
        assert_eq!(others.iter().filter(|answer| matches!(answer, Ok(7))).count(), 8);
        assert!(matches!(others[8], Err(DbError::Busy(_))));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_tried_again() {
        let (_folder, path) = file();
        let away = path.with_extension("away");
        std::fs::rename(&path, &away).unwrap();
        let readers = Readers::start(&path, 1, 8);
        assert!(readers.ask(number).await.is_err());
        std::fs::rename(&away, &path).unwrap();
        assert_eq!(readers.ask(number).await.unwrap(), 7);
    }
}
