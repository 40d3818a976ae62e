//! The only SQL. One writer that commits in groups, readers in a pool; every question has a function named for it in the file
//! of its aggregate.
//!
//! Nothing outside this folder sees a connection.

pub mod backup;
mod channels;
mod engine;
mod feed;
mod inbound;
mod inbox;
mod media;
mod outbound;
mod people;
mod plugins;
mod queues;
mod retention;
mod system;
mod take_over;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

pub use channels::apps::AppRow;
pub use channels::secrets::{Secret, SecretState};
pub use channels::visitors::{EntryRow, VisitorMessage, VisitorRow};
pub use channels::{
    ChannelRow, Connected, CredentialEnding, Departure, Holder, MailAddress, NewChannel, NewSecret, NewSignIn,
    Registration, Return, SettingsChange, ShownChannel, SignInRow,
};
pub use engine::writer::Priority;
pub use feed::endpoints::{Delivered, DueDelivery, Endpoint, EndpointAnswer, EndpointChange, WaitingEndpoint};
pub use feed::{FeedRange, FeedRow};
pub use inbound::journal::{JournalFilter, JournalReader, NewRow, PendingRow, Replay, Which};
pub use inbound::polls::{PollResult, PolledChannel};
pub use inbound::{
    AccountWithMedia, Committed, DueMedia, Effect, Erased, MediaOutcome, Progress, STEP, StrangerRow, Translated,
    Translation,
};
pub use inbox::contacts::merging::{MOST_MERGED, Merging};
pub use inbox::conversations::{Assigned, Assigner, ConversationRow, Counts, InboxCursor, InboxFilter, Whose};
pub use inbox::messages::MessageCursor;
pub use inbox::replies::{NewReply, ReplyAdded};
pub use inbox::traffic::HourRow;
pub use inbox::typing::{TypingPlace, event as typing_event};
pub use media::{MediaRow, PublishedRow, UsageScope, visitor_source};
pub use outbound::claim::{BusyAccount, Claim, DuePart, Group};
pub use outbound::queue::{Addressee, Changed, KeyedAnswer, NewMessage, Queued};
pub use outbound::settle::{Ended, Ending, Settlement};
pub use outbound::templates::{KnownTemplate, NewTemplate, StaleTemplates, TemplateFilter};
pub use outbound::unknown::{LostAttempt, UnknownPart};
pub use people::audit::{AuditFilter, AuditPage};
pub use people::idempotency::{Earlier, KeptAnswer, Ticket};
pub use people::tokens::{NewToken, Standing, TokenKind, TokenRow, Who};
pub use people::users::{NewUser, UserChange, UserChanged, UserRow};
pub use people::workspaces::{WorkspaceRow, WorkspaceUse};
pub use plugins::approvals::{Held, Order};
pub use plugins::{GenerationRow, PluginRow, RefusedFile};
pub use queues::Backlog;
pub use retention::Expired;
pub use system::answers_challenge;

use crate::model::envelope::Vault;
use crate::wake::Wakes;
use engine::writer::Undo;

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A statement failed.
    #[error("the database refused a statement: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date")]
    Migrate(#[from] rusqlite_migration::Error),
    /// The file was written by a newer host.
    #[error(
        "{path} was written by a newer version of this program (schema {found}, this program knows {known}); run that version, or restore a backup made by this one"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest that this program knows.
        known: usize,
    },
    /// Too many writes wait already, or the disk is full; try again after a moment.
    #[error("{0}")]
    Busy(&'static str),
    /// What was to be changed is not there any more.
    #[error("it is not there any more")]
    Gone,
    /// Another server took the request over.
    #[error("another server took this request over; send it again")]
    TakenOver,
    /// The database is being closed.
    #[error("the database is closed")]
    Closed,
    /// A stored value does not have the form this program gave it.
    #[error("a stored value is damaged: {0}")]
    Damaged(String),
    /// The database was written with another master key.
    #[error("the master key does not belong to this database; put the key file that it was made with in its place")]
    WrongKey,
    /// The process serves another database already.
    #[error("this process serves another database already; open this one in a process of its own")]
    Another,
    /// A secret does not open.
    #[error("a stored secret does not open")]
    Sealed(#[from] crate::model::envelope::EnvelopeError),
}

impl DbError {
    /// The write failed for want of room on the disk; nothing is damaged, and it goes on by itself when there is room.
    pub fn is_full(&self) -> bool {
        match self {
            DbError::Sql(rusqlite::Error::SqliteFailure(error, _)) => {
                error.code == rusqlite::ErrorCode::DiskFull || error.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE
            }
            _ => false,
        }
    }

    /// Whether the same act may succeed when it is tried again: too much waits, the database is busy or being closed, the disk
    /// has no room or does not answer. Any other failure is the act's own, and it fails however often it is tried.
    pub fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode as Code;
        match self {
            DbError::Busy(_) | DbError::Closed => true,
            DbError::Sql(rusqlite::Error::SqliteFailure(error, _)) => matches!(
                error.code,
                Code::DatabaseBusy
                    | Code::DatabaseLocked
                    | Code::OutOfMemory
                    | Code::OperationInterrupted
                    | Code::OperationAborted
                    | Code::SystemIoFailure
                    | Code::DiskFull
                    | Code::CannotOpen
                    | Code::FileLockingProtocolFailed
                    | Code::SchemaChanged
                    | Code::PermissionDenied
                    | Code::ReadOnly
            ),
            _ => false,
        }
    }

    /// Which unique key was violated, as SQLite names its columns.
    pub fn unique_violation(&self) -> Option<&str> {
        match self {
            DbError::Sql(rusqlite::Error::SqliteFailure(error, Some(words)))
                if matches!(
                    error.extended_code,
                    rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                ) =>
            {
                Some(words.strip_prefix("UNIQUE constraint failed: ").unwrap_or(words))
            }
            _ => None,
        }
    }
}

/// How the database is opened.
#[derive(Debug, Clone)]
pub struct DbConfig {
    /// The file.
    pub path: PathBuf,
    /// Readers that may be open at a time.
    pub readers: usize,
    /// Writes that may wait; past it [`DbError::Busy`].
    pub queue: usize,
    /// Questions that may wait for a reader; past it [`DbError::Busy`].
    pub read_queue: usize,
    /// Writes in one commit.
    pub together: usize,
    /// Most pages the file may grow to; none: the disk decides.
    pub max_pages: Option<u32>,
}

impl DbConfig {
    /// The defaults for this file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), readers: 4, queue: 4096, read_queue: 4096, together: 1024, max_pages: None }
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    addresses: engine::watch::Changes,
    wakes: Wakes,
    channels: Arc<channels::ChannelCache>,
    secrets: Arc<channels::secrets::SecretCache>,
    completion: channels::Completion,
    vault: Vault,
    opening: i64,
    path: PathBuf,
    writer: engine::writer::Writer,
    readers: engine::readers::Readers,
    pace: Arc<engine::pace::Pace>,
    closed: AtomicBool,
}

const MIGRATIONS: &[M<'static>] = &[M::up(include_str!("migrations/0001_initial.sql"))];

impl Db {
    /// Opens or makes the file, brings its schema up to date, sees that the master key is the one it was made with, and starts
    /// the writer.
    pub fn open(config: DbConfig, vault: Vault) -> Result<Db, DbError> {
        let mut connection = Connection::open(&config.path)?;
        prepare(&connection)?;
        migrate(&mut connection, &config.path)?;
        system::prove_key(&connection, &vault)?;
        let opening = system::serve_keys(&connection, &vault)?;
        if let Some(pages) = config.max_pages {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        let addresses = engine::watch::Changes::of(&connection, &["channels", "apps", "plugins"])?;
        let wakes = Wakes::default();
        let cache = Arc::new(channels::ChannelCache::default());
        let sealed = Arc::new(channels::secrets::SecretCache::default());
        let (seen, woken, forgets, too) = (addresses.clone(), wakes.clone(), Arc::clone(&cache), Arc::clone(&sealed));
        let committed = move || {
            seen.committed();
            engine::after::committed(&woken, &forgets, &too);
        };
        let pace = Arc::new(engine::pace::Pace::new());
        let fold = engine::fold::Fold::start(&connection, &config.path, Arc::clone(&pace))?;
        let bounds = engine::writer::Bounds { queue: config.queue, together: config.together };
        let completion = channels::Completion::default();
        let begun = {
            let completion = completion.clone();
            move || completion.serve_this_thread()
        };
        Ok(Db(Arc::new(Inner {
            addresses,
            wakes,
            channels: cache,
            secrets: sealed,
            completion,
            vault,
            opening,
            writer: engine::writer::Writer::start(connection, bounds, begun, committed, move |writer| {
                fold.tend(writer)
            }),
            readers: engine::readers::Readers::start(&config.path, config.readers, config.read_queue),
            path: config.path,
            pace,
            closed: AtomicBool::new(false),
        })))
    }

    /// Runs `act` in a savepoint of the next group commit and answers once that is on disk. An error undoes this act alone.
    pub(in crate::db) async fn write<T: Send + 'static>(
        &self,
        priority: Priority,
        act: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        self.0.writer.run(priority, act).await
    }

    /// As [`Db::write`], without a savepoint, for an act that writes so many bytes and that only a failing disk can fail: the whole
    /// commit fails with it. `committed` is called once it is on disk, in the order of the acts: it must be quick.
    pub(in crate::db) async fn write_bare<T: Send + 'static, U: Send + 'static>(
        &self,
        priority: Priority,
        bytes: usize,
        act: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
        committed: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, DbError> {
        self.0.writer.run_then(priority, Undo::Commit, bytes, act, committed).await
    }

    /// As [`Db::write`], for an act that is many acts itself: it is the first of its transaction, which is undone where it fails.
    pub(in crate::db) async fn write_first<T: Send + 'static>(
        &self,
        priority: Priority,
        act: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        self.0.writer.run_then(priority, Undo::Transaction, 0, act, |done| done).await
    }

    /// Runs `ask` on one of the readers.
    pub(in crate::db) async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(DbError::Closed);
        }
        self.0.readers.ask(ask).await
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The master keys, for sealing and opening what a row holds.
    pub(in crate::db) fn vault(&self) -> Vault {
        self.0.vault.clone()
    }

    /// The number of this opening of the database, which no other has. What is claimed carries it, so that a process which was taken
    /// for dead and goes on says nothing about what another took over.
    pub(in crate::db) fn opening(&self) -> i64 {
        self.0.opening
    }

    /// What keeps the answers of requests with a key.
    pub(in crate::db) fn keeper(&self) -> people::idempotency::Keeper {
        people::idempotency::Keeper { vault: self.vault(), holder: self.opening() }
    }

    /// How much is written at a time.
    pub fn pace(&self) -> &engine::pace::Pace {
        &self.0.pace
    }

    /// Channels in memory.
    pub(in crate::db) fn channel_cache(&self) -> &channels::ChannelCache {
        &self.0.channels
    }

    /// Secrets in memory.
    pub(in crate::db) fn secret_cache(&self) -> &channels::secrets::SecretCache {
        &self.0.secrets
    }

    /// How channels are completed of which the feed tells.
    pub(in crate::db) fn completion(&self) -> &channels::Completion {
        &self.0.completion
    }

    /// Grows with every commit that changed a channel, a registration or a plugin: what was read before is old then. To be
    /// asked before reading.
    pub fn addresses_epoch(&self) -> u64 {
        self.0.addresses.epoch()
    }

    /// Who is woken when something that waits for them is on disk.
    pub fn wakes(&self) -> &Wakes {
        &self.0.wakes
    }

    /// Writes that wait now.
    pub fn waiting(&self) -> usize {
        self.0.writer.waiting()
    }

    /// Commits what waits and refuses what comes after.
    pub async fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.readers.close().await;
        self.0.writer.close().await;
    }
}

fn prepare(connection: &Connection) -> Result<(), DbError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(256);
    keep_plans(connection)?;
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), DbError> {
    let migrations = Migrations::from_slice(MIGRATIONS);
    let found: usize =
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?.try_into().unwrap_or(0);
    if found > MIGRATIONS.len() {
        return Err(DbError::Newer { path: path.to_owned(), found, known: MIGRATIONS.len() });
    }
    migrations.to_latest(connection)?;
    Ok(())
}

/// A statement is planned once, and not again because another value is bound to it.
fn keep_plans(connection: &Connection) -> Result<(), DbError> {
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
