//! Takes rows as they arrive, has them translated, and commits what is ready.
//!
//! Bounded in rows and bytes; what does not fit stays in the journal, whose only bound is the disk, and is read from there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::lanes::Lanes;
use super::translate::translate;
use crate::db::{Committed, DbError, Effect, PendingRow, Translated};

/// Rows in flight.
const MOST_ROWS: usize = 1024;
/// Bytes of bodies in flight.
const MOST_BYTES: usize = 64 << 20;
/// Rows in one commit.
const MOST_IN_COMMIT: usize = 512;
/// How often the journal is looked at without a signal.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long to wait when the database does not take what is ready.
const PAUSE: Duration = Duration::from_millis(250);

enum Step {
    Translated(Arc<str>, Translated),
    Committed(Vec<i64>, Result<Vec<Result<Committed, DbError>>, DbError>),
}

struct Pipeline<'i> {
    inner: &'i Arc<Inner>,
    lanes: Lanes<Translated>,
    steps: JoinSet<Step>,
    turns: Arc<Semaphore>,
    committing: bool,
    /// The journal may hold rows that are not handed on.
    more: bool,
}

pub(super) async fn run(inner: &Arc<Inner>, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut pipeline = Pipeline {
            inner,
            lanes: Lanes::new(),
            steps: JoinSet::new(),
            turns: Arc::new(Semaphore::new((cores * 2).max(4))),
            committing: false,
            more: true,
        };
        if let Err(error) = pipeline.work().await {
            // Nothing is lost: everything that was in flight is taken from the journal again.
            tracing::warn!(%error, "inbound work begins again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Pipeline<'_> {
    async fn work(&mut self) -> Result<(), DbError> {
        let mut look_again = tokio::time::interval(LOOK_AGAIN);
        loop {
            self.fill().await?;
            self.commit_ready();
            tokio::select! {
                Some(step) = self.steps.join_next(), if !self.steps.is_empty() => match step {
                    Ok(Step::Translated(address, row)) => self.translated(&address, row),
                    Ok(Step::Committed(ids, done)) => self.committed(ids, done)?,
                    Err(error) => {
                        tracing::error!(%error, "a step of inbound work panicked");
                        return Err(DbError::Damaged("a step of inbound work panicked".into()));
                    }
                },
                () = self.inner.arrivals.came() => {}
                () = self.inner.wakes.journal.notified() => self.more = true,
                _ = look_again.tick() => self.more = true,
            }
        }
    }

    /// Takes what fits.
    async fn fill(&mut self) -> Result<(), DbError> {
        while self.has_room() {
            if self.more {
                self.read_journal().await?;
            } else if let Some(rows) = self.inner.arrivals.take(MOST_ROWS - self.lanes.len()) {
                if rows.is_empty() {
                    break;
                }
                rows.into_iter().for_each(|row| self.take(row));
            } else {
                self.more = true;
            }
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.lanes.len() < MOST_ROWS && self.lanes.bytes() < MOST_BYTES
    }

    /// Takes rows that were not handed on. Once none is left, rows are handed on again.
    async fn read_journal(&mut self) -> Result<(), DbError> {
        let plugins: Vec<String> = self
            .inner
            .plugins
            .all()
            .iter()
            .filter(|generation| generation.is_active())
            .map(|generation| generation.id.clone())
            .collect();
        self.inner.arrivals.follow();
        let (room, bytes) = (MOST_ROWS - self.lanes.len(), MOST_BYTES - self.lanes.bytes());
        let rows = self.inner.db.pending_rows(plugins, self.lanes.taken().clone(), room, bytes).await?;
        self.more = !rows.is_empty();
        if self.more {
            self.inner.arrivals.hold();
        }
        rows.into_iter().for_each(|row| self.take(row));
        Ok(())
    }

    fn take(&mut self, row: PendingRow) {
        // What nobody translates now stays in the journal until its plugin runs again.
        let active = self.inner.plugins.get(&row.plugin).is_some_and(|generation| generation.is_active());
        if active && self.lanes.take(&row.address, row.id, row.body.len()) {
            let (inner, turns) = (Arc::clone(self.inner), Arc::clone(&self.turns));
            self.steps.spawn(async move {
                let address = Arc::clone(&row.address);
                let _turn = turns.acquire_owned().await;
                let translated = translate(&inner, row).await;
                Step::Translated(address, translated)
            });
        }
    }

    fn translated(&mut self, address: &Arc<str>, row: Translated) {
        let id = row.id;
        self.lanes.done(address, id, row);
    }

    /// One commit at a time: what becomes ready meanwhile goes together into the next.
    fn commit_ready(&mut self) {
        if self.committing || !self.lanes.is_ready() {
            return;
        }
        let rows = self.lanes.leave(MOST_IN_COMMIT);
        if rows.is_empty() {
            return;
        }
        self.committing = true;
        let (db, now) = (self.inner.db.clone(), self.inner.clock.now());
        let ids = rows.iter().map(|row| row.id).collect();
        self.steps.spawn(async move {
            let done = db.commit_translated(rows, now).await;
            Step::Committed(ids, done)
        });
    }

    fn committed(
        &mut self,
        ids: Vec<i64>,
        done: Result<Vec<Result<Committed, DbError>>, DbError>,
    ) -> Result<(), DbError> {
        self.committing = false;
        let (mut media, mut strangers) = (false, false);
        for (id, row) in ids.into_iter().zip(done?) {
            let row = row?;
            self.lanes.committed(id);
            media |= row.media;
            strangers |= row.strangers;
            self.more |= row.effect == Effect::Again;
            let outcome = match row.effect {
                Effect::Settled => "settled",
                Effect::Parked => "parked",
                Effect::Waiting => "waiting",
                Effect::Again => "again",
            };
            metrics::counter!("sambung_inbound_rows_total", "outcome" => outcome).increment(1);
            metrics::counter!("sambung_inbound_events_total").increment(u64::from(row.stored));
        }
        self.inner.wakes.feed_grew();
        if media {
            self.inner.wakes.media.notify_one();
        }
        if strangers {
            self.inner.strangers.notify_one();
        }
        Ok(())
    }
}
