//! The writer: one thread that takes the acts that wait, runs each in a savepoint, commits them together with one fsync, and
//! only then answers.
//!
//! It knows nothing of what the acts do. Urgent acts (the journal) go first; acts of translation are at most
//! [`MOST_ROUTINE`] in a transaction, so that an acknowledgement never waits behind a backlog.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::DbError;

/// Routine acts in one transaction.
const MOST_ROUTINE: usize = 100;
/// Urgent acts in one transaction.
const MOST_URGENT: usize = 1024;

/// What goes first into the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody outside waits for an acknowledgement.
    Urgent,
    /// The host's own work.
    Routine,
}

/// An act and the caller who waits for it.
trait Job: Send {
    /// Runs in its savepoint; whether to keep what it did.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller, after the commit or its failure.
    fn answer(self: Box<Self>, failure: Option<DbError>);
}

struct Pending<T, F> {
    act: Option<F>,
    result: Option<Result<T, DbError>>,
    caller: oneshot::Sender<Result<T, DbError>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, DbError> + Send> Job for Pending<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        let result = self.act.take().map(|act| act(connection));
        let keep = matches!(result, Some(Ok(_)));
        self.result = result;
        keep
    }

    fn answer(self: Box<Self>, failure: Option<DbError>) {
        let answer = match (failure, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => result,
            (None, None) => Err(DbError::Closed),
        };
        // A caller that went away does not need its answer; the act stands all the same.
        let _ = self.caller.send(answer);
    }
}

struct Queue {
    urgent: VecDeque<Box<dyn Job>>,
    routine: VecDeque<Box<dyn Job>>,
    closing: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    waiting: AtomicUsize,
    most: usize,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// `committed` is called after each transaction is on disk, before anybody is answered.
    pub(super) fn start(connection: Connection, most: usize, committed: impl Fn() + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { urgent: VecDeque::new(), routine: VecDeque::new(), closing: false }),
            wake: Condvar::new(),
            waiting: AtomicUsize::new(0),
            most,
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sambung-writer".into())
            .spawn(move || work(&theirs, &connection, &committed))
            .expect("the system can start a thread");
        Self { shared, thread: Mutex::new(Some(thread)) }
    }

    pub(super) fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        priority: Priority,
        act: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        let (tell, told) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Pending { act: Some(act), result: None, caller: tell });
        {
            let mut queue = self.shared.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if queue.closing {
                return Err(DbError::Closed);
            }
            match priority {
                Priority::Urgent if queue.urgent.len() >= self.shared.most => {
                    return Err(DbError::Busy("too many writes wait for the disk"));
                }
                Priority::Routine if queue.routine.len() >= self.shared.most => {
                    return Err(DbError::Busy("too many writes wait for the disk"));
                }
                Priority::Urgent => queue.urgent.push_back(job),
                Priority::Routine => queue.routine.push_back(job),
            }
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.wake.notify_one();
        told.await.unwrap_or(Err(DbError::Closed))
    }

    pub(super) async fn close(&self) {
        self.shared.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).closing = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn work(shared: &Shared, connection: &Connection, committed: &dyn Fn()) {
    while let Some(batch) = next_batch(shared) {
        let count = batch.len();
        commit(connection, batch, committed);
        shared.waiting.fetch_sub(count, Ordering::Relaxed);
    }
    let _ = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
}

fn next_batch(shared: &Shared) -> Option<Vec<Box<dyn Job>>> {
    let mut queue = shared.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    while queue.urgent.is_empty() && queue.routine.is_empty() {
        if queue.closing {
            return None;
        }
        queue = shared.wake.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner());
    }
    let urgent = queue.urgent.len().min(MOST_URGENT);
    let routine = queue.routine.len().min(MOST_ROUTINE);
    let mut batch: Vec<Box<dyn Job>> = queue.urgent.drain(..urgent).collect();
    batch.extend(queue.routine.drain(..routine));
    Some(batch)
}

/// One transaction, an act a savepoint. If the transaction itself fails, everybody in it is told so and nothing of it stands.
fn commit(connection: &Connection, mut batch: Vec<Box<dyn Job>>, committed: &dyn Fn()) {
    let failure = transact(connection, &mut batch).err();
    if failure.is_some() {
        // The transaction may be gone already, as SQLite ends it itself when the disk is full.
        let _ = connection.execute_batch("ROLLBACK");
    }
    committed();
    for job in batch {
        job.answer(failure.as_ref().map(copy));
    }
}

fn transact(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), rusqlite::Error> {
    execute(connection, "BEGIN IMMEDIATE")?;
    for job in batch {
        execute(connection, "SAVEPOINT act")?;
        if !job.run(connection) {
            execute(connection, "ROLLBACK TO act")?;
        }
        execute(connection, "RELEASE act")?;
    }
    execute(connection, "COMMIT")
}

fn execute(connection: &Connection, statement: &str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(statement)?.execute([]).map(|_| ())
}

fn copy(error: &rusqlite::Error) -> DbError {
    match error {
        rusqlite::Error::SqliteFailure(code, words) => {
            DbError::Sql(rusqlite::Error::SqliteFailure(*code, words.clone()))
        }
        other => DbError::Damaged(other.to_string()),
    }
}
