//! The writer: one thread that takes the acts that wait, runs each in a savepoint, commits them together with one fsync, and
//! only then answers. An act that only a failing disk can fail needs no savepoint: the commit fails with it. Neither does the first of
//! a transaction, which begins anew where that act fails: so an act that is many acts itself comes first.
//!
//! It knows nothing of what the acts do. Urgent acts (the journal) go first; acts of translation are at most
//! [`MOST_ROUTINE`] in a transaction, so that an acknowledgement never waits behind a backlog.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::db::DbError;

/// Routine acts in one transaction.
const MOST_ROUTINE: usize = 100;
/// Bytes that urgent acts bring along in one transaction, one act at least: the acts that wait for it wait for these bytes.
const MOST_BYTES: usize = 1 << 20;

/// What goes first into the next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody outside waits for an acknowledgement.
    Urgent,
    /// The host's own work.
    Routine,
}

/// What undoes an act that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) enum Undo {
    /// A savepoint, which costs a copy of every page that the act touches.
    Savepoint,
    /// The whole commit, which fails with it: nothing but a disk that does not take it fails such an act.
    Commit,
    /// Its transaction, in which it is the first; those after it have another then.
    Transaction,
}

/// An act and the caller who waits for it.
trait Job: Send {
    fn undo(&self) -> Undo;
    /// Bytes that it brings along.
    fn bytes(&self) -> usize;
    /// Runs in its savepoint; whether to keep what it did.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller, after the commit or its failure.
    fn answer(self: Box<Self>, failure: Option<DbError>);
}

struct Pending<T, U, F, G> {
    act: Option<F>,
    undo: Undo,
    bytes: usize,
    result: Option<Result<T, DbError>>,
    committed: G,
    caller: oneshot::Sender<Result<U, DbError>>,
}

impl<T, U, F, G> Job for Pending<T, U, F, G>
where
    T: Send,
    U: Send,
    F: FnOnce(&Connection) -> Result<T, DbError> + Send,
    G: FnOnce(T) -> U + Send,
{
    fn undo(&self) -> Undo {
        self.undo
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn run(&mut self, connection: &Connection) -> bool {
        // A panic in one act must not take the writer, and with it every acknowledgement, down.
        let result = self.act.take().map(|act| {
            std::panic::catch_unwind(AssertUnwindSafe(|| act(connection)))
                .unwrap_or_else(|_| Err(DbError::Damaged("an act panicked; its words are in the log".into())))
        });
        let keep = matches!(result, Some(Ok(_)));
        self.result = result;
        keep
    }

    fn answer(self: Box<Self>, failure: Option<DbError>) {
        let answer = match (failure, self.result) {
            // Whose own statement failed learns that; the others learn that nothing of the transaction stands.
            (Some(_), Some(Err(own))) => Err(own),
            (Some(error), _) => Err(error),
            (None, Some(result)) => result.map(self.committed),
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
    bounds: Bounds,
}

/// What the writer takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::db) struct Bounds {
    /// Acts that may wait, of each priority.
    pub queue: usize,
    /// Acts in one transaction, of both together.
    pub together: usize,
}

pub(in crate::db) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// `begun` is called on the writer's thread before anything else, `committed` after each transaction is on disk, before anybody is answered; `between` afterwards.
    pub(in crate::db) fn start(
        connection: Connection,
        bounds: Bounds,
        begun: impl FnOnce() + Send + 'static,
        committed: impl Fn() + Send + 'static,
        between: impl Fn(&Connection) + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { urgent: VecDeque::new(), routine: VecDeque::new(), closing: false }),
            wake: Condvar::new(),
            waiting: AtomicUsize::new(0),
            bounds,
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sambung-writer".into())
            .spawn(move || {
                begun();
                work(&theirs, &connection, &committed, &between);
            })
            .expect("the system can start a thread");
        Self { shared, thread: Mutex::new(Some(thread)) }
    }

    pub(in crate::db) fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    pub(in crate::db) async fn run<T: Send + 'static>(
        &self,
        priority: Priority,
        act: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        self.run_then(priority, Undo::Savepoint, 0, act, |done| done).await
    }

    /// As [`Writer::run`], of an act that brings so many bytes along; `committed` is called once the act is on disk, in the order of
    /// the acts, on the writer's thread: it must be quick.
    pub(in crate::db) async fn run_then<T: Send + 'static, U: Send + 'static>(
        &self,
        priority: Priority,
        undo: Undo,
        bytes: usize,
        act: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
        committed: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, DbError> {
        let (tell, told) = oneshot::channel();
        let job: Box<dyn Job> =
            Box::new(Pending { act: Some(act), undo, bytes, result: None, committed, caller: tell });
        {
            let mut queue = self.shared.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if queue.closing {
                return Err(DbError::Closed);
            }
            match priority {
                Priority::Urgent if queue.urgent.len() >= self.shared.bounds.queue => {
                    return Err(DbError::Busy("too many writes wait for the disk"));
                }
                Priority::Routine if queue.routine.len() >= self.shared.bounds.queue => {
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

    pub(in crate::db) async fn close(&self) {
        self.shared.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).closing = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

fn work(shared: &Shared, connection: &Connection, committed: &dyn Fn(), between: &dyn Fn(&Connection)) {
    while let Some(batch) = next_batch(shared) {
        let count = batch.len();
        commit(connection, batch, committed);
        shared.waiting.fetch_sub(count, Ordering::Relaxed);
        between(connection);
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
    let together = shared.bounds.together.max(1);
    // However many urgent acts wait, the others have a share of every commit.
    let share = queue.routine.len().min(MOST_ROUTINE).min(together / 2);
    let mut bytes = 0;
    let fits = queue.urgent.iter().enumerate().take_while(|(place, job)| {
        bytes += job.bytes();
        *place == 0 || bytes <= MOST_BYTES
    });
    let urgent = fits.count().min(together - share);
    let routine = queue.routine.len().min(MOST_ROUTINE).min(together - urgent);
    let mut batch: Vec<Box<dyn Job>> = queue.urgent.drain(..urgent).collect();
    batch.extend(queue.routine.drain(..routine));
    Some(batch)
}

/// One transaction for all, but for a second act that has to be the first of one.
fn commit(connection: &Connection, batch: Vec<Box<dyn Job>>, committed: &dyn Fn()) {
    let (first, mut rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(|job| job.undo() == Undo::Transaction);
    let mut first = first.into_iter();
    let mut together: Vec<_> = first.next().into_iter().collect();
    together.append(&mut rest);
    for batch in std::iter::once(together).chain(first.map(|job| vec![job])) {
        commit_one(connection, batch, committed);
    }
}

/// One transaction, an act a savepoint. If the transaction itself fails, everybody in it is told so and nothing of it stands.
fn commit_one(connection: &Connection, mut batch: Vec<Box<dyn Job>>, committed: &dyn Fn()) {
    let failure = transact(connection, &mut batch).err();
    if !connection.is_autocommit() {
        // SQLite may have ended it itself when the disk is full.
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
        let savepoint = job.undo() == Undo::Savepoint;
        if savepoint {
            execute(connection, "SAVEPOINT act")?;
        }
        let keep = job.run(connection);
        if connection.is_autocommit() {
            // SQLite ends a transaction itself when there is no room: nothing of this commit stands.
            return Err(no_room());
        }
        if !keep && job.undo() == Undo::Commit {
            return Err(aborted());
        }
        if !keep && job.undo() == Undo::Transaction {
            execute(connection, "ROLLBACK")?;
            execute(connection, "BEGIN IMMEDIATE")?;
        }
        if savepoint {
            if !keep {
                execute(connection, "ROLLBACK TO act")?;
            }
            execute(connection, "RELEASE act")?;
        }
    }
    execute(connection, "COMMIT")
}

fn aborted() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT);
    rusqlite::Error::SqliteFailure(code, Some("another act of the same commit failed".into()))
}

fn no_room() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    rusqlite::Error::SqliteFailure(code, Some("the transaction was given up for want of room".into()))
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn table() -> Connection {
        let connection = Connection::open_in_memory().expect("memory is there");
        connection.execute_batch("CREATE TABLE t (a INTEGER NOT NULL UNIQUE)").expect("a table");
        connection
    }

    fn queue(most: usize) -> Bounds {
        Bounds { queue: most, together: 1024 }
    }

    fn insert(value: i64) -> impl FnOnce(&Connection) -> Result<i64, DbError> + Send + 'static {
        move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [value])?;
            Ok(value)
        }
    }

    async fn count(writer: &Writer) -> i64 {
        let ask = |connection: &Connection| Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?);
        writer.run(Priority::Routine, ask).await.expect("counted")
    }

    /// Keeps the writer busy within an act until the sender goes away.
    fn hold(
        writer: &Arc<Writer>,
    ) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), DbError>>, oneshot::Receiver<()>) {
        let (let_go, wait) = mpsc::channel::<()>();
        let (began, begun) = oneshot::channel();
        let writer = Arc::clone(writer);
        let held = tokio::spawn(async move {
            let act = move |connection: &Connection| {
                connection.execute("INSERT INTO t VALUES (-1)", [])?;
                let _ = began.send(());
                let _ = wait.recv();
                Ok(())
            };
            writer.run(Priority::Urgent, act).await
        });
        (let_go, held, begun)
    }

    /// In how many commits one act that held the writer, and twenty that waited for it, are on disk.
    async fn commits_of_twenty(together: usize) -> usize {
        let connection = table();
        let (tell, commits) = mpsc::channel();
        connection.commit_hook(Some(move || tell.send(()).is_err())).expect("a hook");
        let writer = Arc::new(Writer::start(connection, Bounds { queue: 64, together }, || {}, || {}, |_| {}));
        let (let_go, held, begun) = hold(&writer);
        begun.await.expect("it runs");
        let acts: Vec<_> = (0..20)
            .map(|value| {
                let writer = Arc::clone(&writer);
                let priority = if value % 2 == 0 { Priority::Urgent } else { Priority::Routine };
                tokio::spawn(async move { writer.run(priority, insert(value)).await })
            })
            .collect();
        while writer.waiting() < 21 {
            tokio::task::yield_now().await;
        }
        drop(let_go);
        held.await.expect("it ended").expect("it stands");
        for act in acts {
            act.await.expect("it ended").expect("it stands");
        }
        commits.try_iter().count()
    }

    #[tokio::test]
    async fn what_waits_is_committed_together() {
        assert_eq!(commits_of_twenty(1024).await, 1 + 1);
    }

    #[tokio::test]
    async fn a_commit_takes_no_more_acts_than_it_may() {
        assert_eq!(commits_of_twenty(1).await, 1 + 20);
        assert_eq!(commits_of_twenty(8).await, 1 + 3);
    }

    #[tokio::test]
    async fn urgent_acts_share_a_commit_up_to_so_many_bytes() {
        for (bytes, commits_of_ten) in [(0, 1), (MOST_BYTES / 4, 3), (MOST_BYTES * 2, 10)] {
            let connection = table();
            let (tell, commits) = mpsc::channel();
            connection.commit_hook(Some(move || tell.send(()).is_err())).expect("a hook");
            let writer = Arc::new(Writer::start(connection, queue(64), || {}, || {}, |_| {}));
            let (let_go, held, begun) = hold(&writer);
            begun.await.expect("it runs");
            let release = async {
                while writer.waiting() < 11 {
                    tokio::task::yield_now().await;
                }
                drop(let_go);
            };
            let acts =
                (0..10).map(|value| writer.run_then(Priority::Urgent, Undo::Commit, bytes, insert(value), |done| done));
            let (acts, ()) = tokio::join!(futures_util::future::join_all(acts), release);
            held.await.expect("it ended").expect("it stands");
            assert!(acts.iter().all(Result::is_ok));
            assert_eq!(commits.try_iter().count(), 1 + commits_of_ten, "{bytes} bytes each");
        }
    }

    #[tokio::test]
    async fn an_act_that_fails_undoes_itself_alone() {
        let writer = Writer::start(table(), queue(64), || {}, || {}, |_| {});
        let half = |connection: &Connection| -> Result<(), DbError> {
            connection.execute("INSERT INTO t VALUES (100)", [])?;
            Err(DbError::Damaged("on purpose".into()))
        };
        let (one, failed, two, twice) = tokio::join!(
            writer.run(Priority::Urgent, insert(1)),
            writer.run(Priority::Urgent, half),
            writer.run(Priority::Urgent, insert(2)),
            writer.run(Priority::Urgent, insert(1)),
        );
        assert!(one.is_ok() && two.is_ok());
        assert!(matches!(failed, Err(DbError::Damaged(_))));
        assert_eq!(twice.expect_err("unique").unique_violation(), Some("t.a"));
        assert_eq!(count(&writer).await, 2);
    }

    /// Acts that are undone with their transaction, and an act beside them that waits for the same turn.
    #[tokio::test]
    async fn an_act_that_is_undone_with_its_transaction_takes_no_other_with_it() {
        let writer = Arc::new(Writer::start(table(), queue(64), || {}, || {}, |_| {}));
        let alone = |value: i64, ends: fn() -> Result<(), DbError>| {
            let writer = Arc::clone(&writer);
            let act = move |connection: &Connection| {
                connection.execute("INSERT INTO t VALUES (?1)", [value])?;
                ends()
            };
            async move { writer.run_then(Priority::Routine, Undo::Transaction, 0, act, |done| done).await }
        };
        let (let_go, held, begun) = hold(&writer);
        begun.await.expect("it runs");
        let release = async {
            while writer.waiting() < 5 {
                tokio::task::yield_now().await;
            }
            drop(let_go);
        };
        let (failed, beside, stands, panicked, ()) = tokio::join!(
            alone(1, || Err(DbError::Damaged("on purpose".into()))),
            writer.run(Priority::Routine, insert(2)),
            alone(3, || Ok(())),
            alone(4, || panic!("on purpose")),
            release,
        );
        held.await.expect("it ended").expect("it stands");
        assert!(matches!(&failed, Err(DbError::Damaged(words)) if words == "on purpose"));
        assert!(beside.is_ok() && stands.is_ok() && panicked.is_err());
        assert_eq!(count(&writer).await, 3, "the one that held the writer, the one beside, and the one that stands");
    }

    /// An act without a savepoint that fails half-way leaves nothing, and what shared its commit may be tried again.
    #[tokio::test]
    async fn an_act_without_a_savepoint_takes_its_commit_with_it() {
        let writer = Arc::new(Writer::start(table(), queue(64), || {}, || {}, |_| {}));
        let (let_go, held, begun) = hold(&writer);
        begun.await.expect("it runs");
        let half = |connection: &Connection| -> Result<(), DbError> {
            connection.execute("INSERT INTO t VALUES (100)", [])?;
            Err(DbError::Damaged("on purpose".into()))
        };
        let release = async {
            while writer.waiting() < 3 {
                tokio::task::yield_now().await;
            }
            drop(let_go);
        };
        let (failed, beside, ()) = tokio::join!(
            writer.run_then(Priority::Urgent, Undo::Commit, 0, half, |done| done),
            writer.run(Priority::Urgent, insert(1)),
            release,
        );
        held.await.expect("it ended").expect("it stands");
        assert!(matches!(&failed, Err(DbError::Damaged(words)) if words == "on purpose"));
        assert!(beside.expect_err("it fell with it").may_pass());
        assert_eq!(count(&writer).await, 1, "the one that held the writer");
    }

    #[tokio::test]
    async fn an_act_beyond_the_bound_is_told_to_come_back() {
        let writer = Arc::new(Writer::start(table(), queue(2), || {}, || {}, |_| {}));
        let (let_go, held, begun) = hold(&writer);
        begun.await.expect("it runs");
        let waiting: Vec<_> = (0..2)
            .map(|value| {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move { writer.run(Priority::Urgent, insert(value)).await })
            })
            .collect();
        while writer.waiting() < 3 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(writer.run(Priority::Urgent, insert(9)).await, Err(DbError::Busy(_))));
        drop(let_go);
        held.await.expect("it ended").expect("it stands");
        for act in waiting {
            act.await.expect("it ended").expect("it stands");
        }
        assert!(writer.run(Priority::Urgent, insert(9)).await.is_ok());
    }

    #[tokio::test]
    async fn when_the_file_may_not_grow_the_whole_commit_fails_and_a_later_one_works() {
        let connection = table();
        connection.execute_batch("CREATE TABLE big (b BLOB)").expect("a table");
        let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("counted");
        connection.pragma_update(None, "max_page_count", pages + 3).expect("limited");
        let writer = Writer::start(connection, queue(64), || {}, || {}, |_| {});
        let grow = |connection: &Connection| -> Result<(), DbError> {
            connection.execute("INSERT INTO big VALUES (zeroblob(100000))", [])?;
            Ok(())
        };
        let full = writer.run(Priority::Urgent, grow).await.expect_err("no room");
        assert!(full.is_full(), "{full}");
        assert!(writer.run(Priority::Urgent, insert(1)).await.is_ok());
        assert_eq!(count(&writer).await, 1);
    }

    #[tokio::test]
    async fn closing_commits_what_waits_and_refuses_what_comes() {
        let writer = Writer::start(table(), queue(64), || {}, || {}, |_| {});
        writer.run(Priority::Routine, insert(1)).await.expect("it stands");
        writer.close().await;
        assert!(matches!(writer.run(Priority::Urgent, insert(2)).await, Err(DbError::Closed)));
    }

    #[tokio::test]
    async fn a_panic_in_an_act_is_that_acts_own() {
        let writer = Writer::start(table(), queue(64), || {}, || {}, |_| {});
        let panics = |_: &Connection| -> Result<(), DbError> { panic!("on purpose") };
        assert!(writer.run(Priority::Urgent, panics).await.is_err());
        assert!(writer.run(Priority::Urgent, insert(1)).await.is_ok(), "the writer goes on");
    }
}
