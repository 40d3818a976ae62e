//! The event feed on its way out: streams that resume, and signed deliveries to endpoints.
//!
//! Both read the same table, so neither misses nor repeats what was committed; a signal only says that it is worth looking.
//! Knows nothing of what the rows tell.

mod delivery;
mod signature;

use std::sync::Arc;

use sambung_runtime::egress::Client;
use sambung_runtime::shares::{Place, Shares};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::db::{Db, DbError, FeedRow};
use crate::keys::EventId;
use crate::wake::{Listening, PassingEvent, Wakes};

pub use signature::{Secret, sign};

/// Rows read at a time for one stream.
const BATCH: u32 = 200;

/// Bounds of the feed's ways out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Open streams, shared by all workspaces.
    pub streams: usize,
    /// Deliveries under way at a time, shared by all workspaces and their endpoints.
    pub deliveries: usize,
    /// Deliveries that may wait for one endpoint; past it the endpoint waits in the feed.
    pub waiting_per_endpoint: u32,
    /// How long an endpoint may take to answer, in milliseconds.
    pub timeout_ms: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { streams: 2_000, deliveries: 128, waiting_per_endpoint: 1_000, timeout_ms: 20_000 }
    }
}

/// The feed. Cheap to clone.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    wakes: Wakes,
    client: Client,
    settings: Settings,
    streams: Shares,
    deliveries: Shares,
}

/// What a stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A row of the feed.
    Row(FeedRow),
    /// What happened now and is no row.
    Passing(Arc<PassingEvent>),
    /// What was asked for is not there any more: read the state anew, and go on from here.
    Reset {
        /// The newest row.
        newest: EventId,
    },
}

impl Feed {
    /// A feed that delivers nothing before [`Feed::run`]. `client` dials endpoints by the operator's rules.
    pub fn new(db: Db, clock: Clock, wakes: Wakes, client: Client, settings: Settings) -> Feed {
        Feed(Arc::new(Inner {
            streams: Shares::new("event_streams", settings.streams),
            deliveries: Shares::limited("deliveries", settings.deliveries, delivery::PER_ENDPOINT),
            db,
            clock,
            wakes,
            client,
            settings,
        }))
    }

    /// Delivers to endpoints until `stop`; what is under way then is finished.
    pub async fn run(&self, stop: CancellationToken) {
        self.deliver(stop).await;
    }

    /// What dials endpoints.
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Follows a workspace's feed after `seen`, or from now on, for a person or token. None while too many streams are open.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn follow(&self, workspace: &str, who: &str, seen: Option<EventId>) -> Result<Option<Stream>, DbError> {
        let Some(place) = self.0.streams.try_take(workspace, who) else { return Ok(None) };
        let grew = self.0.wakes.feed.subscribe();
        let passing = self.0.wakes.passing.follow(workspace);
        let range = self.0.db.feed_range().await?;
        let (seen, reset) = match seen {
            None => (range.newest, false),
            Some(seen) if range.follows(seen) => (seen, false),
            Some(_) => (range.newest, true),
        };
        Ok(Some(Stream {
            db: self.0.db.clone(),
            workspace: workspace.to_owned(),
            seen,
            reset,
            grew,
            passing,
            read: Vec::new().into_iter(),
            _place: place,
        }))
    }
}

/// One open stream.
pub struct Stream {
    db: Db,
    workspace: String,
    seen: EventId,
    reset: bool,
    grew: watch::Receiver<u64>,
    passing: Listening,
    read: std::vec::IntoIter<FeedRow>,
    _place: Place,
}

impl Stream {
    /// The next thing to tell; waits until there is one.
    ///
    /// # Errors
    /// The database does not answer; the stream ends, and whoever follows comes back with what they saw last.
    pub async fn next(&mut self) -> Result<Told, DbError> {
        if std::mem::take(&mut self.reset) {
            return Ok(Told::Reset { newest: self.seen });
        }
        loop {
            if let Some(row) = self.read.next() {
                self.seen = row.id;
                return Ok(Told::Row(row));
            }
            self.grew.borrow_and_update();
            let rows = self.db.feed_after(&self.workspace, self.seen, BATCH).await?;
            if rows.is_empty() {
                tokio::select! {
                    grew = self.grew.changed() => grew.map_err(|_| DbError::Closed)?,
                    event = self.passing.next() => return Ok(Told::Passing(event)),
                }
                continue;
            }
            self.read = rows.into_iter();
        }
    }
}
