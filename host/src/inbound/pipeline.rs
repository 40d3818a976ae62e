//! Takes requests as they arrive, has them translated, and commits what is ready: a request and what came of it in one transaction.
//!
//! Whoever sent a request waits for that commit, but not for a slow plugin: what is not translated soon is put into the journal
//! first. Bounded in rows and bytes; what does not fit is put into the journal, whose only bound is the disk, and read from there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sambung_runtime::shares::Shares;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::acknowledge::{self, Choice};
use super::arrivals::{Arrival, Kept};
use super::lanes::Lanes;
use super::translate::translate;
use crate::db::{Committed, DbError, Effect, PendingRow, STEP, Translated};

/// Rows in flight.
const MOST_ROWS: usize = 1024;
/// Bytes of bodies in flight.
const MOST_BYTES: usize = 64 << 20;
/// Events in one commit, a row without any counting as one.
const MOST_IN_COMMIT: usize = 512;
/// A commit costs the disk as much for one row as for many: it waits this long for translations that are under way, unless so many
/// rows are ready.
const GATHER: Duration = Duration::from_millis(2);
const ENOUGH: usize = 64;
/// How long a request waits for its translation before it is put into the journal without one.
const PATIENCE: Duration = Duration::from_millis(25);
/// A row that was taken waits for its turn however long that takes.
const FOREVER: Duration = Duration::from_secs(365 * 86_400);
/// How often the journal is looked at without a signal.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long to wait when the database does not take what is ready.
const PAUSE: Duration = Duration::from_millis(250);

enum Step {
    Translated(Translated),
    Committed(Vec<i64>, Result<Vec<Result<Committed, DbError>>, DbError>),
}

/// A request whose sender waits to be told that it is kept.
struct Waiting {
    row: Arc<PendingRow>,
    kept: Kept,
}

struct Pipeline<'i> {
    inner: &'i Arc<Inner>,
    lanes: Lanes<Translated>,
    steps: JoinSet<Step>,
    turns: Shares,
    committing: bool,
    /// Rows that are being translated.
    translating: usize,
    /// Since when some row has been ready.
    ready: Option<Instant>,
    /// The journal may hold rows that nobody took.
    more: bool,
    waiting: BTreeMap<i64, Waiting>,
    /// Choices in requests that are being committed.
    choices: BTreeMap<i64, Vec<Choice>>,
    /// Requests of which the next step is being committed.
    stepping: HashMap<i64, Translated>,
    /// Until when the senders of these have patience.
    patience: BTreeMap<i64, Instant>,
}

pub(super) async fn run(inner: &Arc<Inner>, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut pipeline = Pipeline {
            inner,
            lanes: Lanes::new(),
            steps: JoinSet::new(),
            turns: Shares::queued("translations", (cores * 4).max(8), MOST_ROWS * 2),
            committing: false,
            translating: 0,
            ready: None,
            more: true,
            waiting: BTreeMap::new(),
            choices: BTreeMap::new(),
            stepping: HashMap::new(),
            patience: BTreeMap::new(),
        };
        tokio::select! {
            Err(error) = pipeline.work() => {
                // Nothing is lost: what was in flight is taken from the journal again, or its sender is told to come again.
                tracing::warn!(%error, "inbound work begins again");
                drop(pipeline);
                keep_arrivals(inner).await;
                tokio::time::sleep(PAUSE).await;
            }
            () = stop.cancelled() => {
                let taken = std::mem::take(&mut pipeline.waiting).into_values().collect();
                drop(pipeline);
                keep(Arc::clone(inner), taken, ()).await;
                keep_arrivals(inner).await;
            }
        }
    }
}

impl Pipeline<'_> {
    async fn work(&mut self) -> Result<(), DbError> {
        let mut look_again = tokio::time::interval(LOOK_AGAIN);
        loop {
            let again = self.fill().await?;
            self.commit_ready();
            let (late, gathered) = (self.next_late(), self.next_commit());
            tokio::select! {
                Some(step) = self.steps.join_next(), if !self.steps.is_empty() => {
                    self.follow(step)?;
                    while let Some(step) = self.steps.try_join_next() {
                        self.follow(step)?;
                    }
                }
                () = std::future::ready(()), if again => {}
                () = self.inner.arrivals.came() => self.more |= self.inner.arrivals.missed(),
                () = self.inner.wakes.journal.notified() => self.more = true,
                () = until(late) => self.keep_late(),
                () = until(gathered) => {}
                _ = look_again.tick() => self.more = true,
            }
        }
    }

    fn follow(&mut self, step: Result<Step, tokio::task::JoinError>) -> Result<(), DbError> {
        match step {
            Ok(Step::Translated(row)) => self.translated(row),
            Ok(Step::Committed(ids, done)) => self.committed(ids, done)?,
            Err(error) => {
                tracing::error!(%error, "a step of inbound work panicked");
                return Err(DbError::Damaged("a step of inbound work panicked".into()));
            }
        }
        Ok(())
    }

    /// Takes what fits: where nothing goes ahead what waits in memory comes first, else what the journal holds. Whether there may
    /// be more to take.
    async fn fill(&mut self) -> Result<bool, DbError> {
        while self.has_room() {
            let held = self.inner.arrivals.is_held();
            if held || !self.more {
                let arrivals = self.inner.arrivals.take(MOST_ROWS - self.lanes.len());
                if !arrivals.is_empty() {
                    arrivals.into_iter().for_each(|arrival| self.take_ahead(arrival));
                    continue;
                }
            }
            return if held || self.more { self.read_journal(held).await } else { Ok(false) };
        }
        Ok(false)
    }

    fn has_room(&self) -> bool {
        self.lanes.len() < MOST_ROWS && self.lanes.bytes() < MOST_BYTES
    }

    /// Takes rows from the journal. Once none is left, what comes goes ahead again. Whether to go on at once.
    async fn read_journal(&mut self, held: bool) -> Result<bool, DbError> {
        let active: HashSet<Arc<str>> = self
            .inner
            .plugins
            .all()
            .iter()
            .filter(|generation| generation.is_active())
            .map(|generation| Arc::from(generation.id.as_str()))
            .collect();
        self.inner.arrivals.catch_up(&active);
        let settled = self.inner.arrivals.is_settled();
        let (room, bytes) = (MOST_ROWS - self.lanes.len(), MOST_BYTES - self.lanes.bytes());
        let plugins = active.iter().map(|plugin| plugin.to_string()).collect();
        let rows = self.inner.db.pending_rows(plugins, self.lanes.taken().clone(), room, bytes).await?;
        let end = rows.is_empty();
        for row in rows {
            let row = Arc::new(row);
            if !self.take(&row) {
                drop(self.inner.arrivals.leave(&row.plugin));
            }
        }
        if end && held {
            self.inner.arrivals.follow(&active);
        }
        self.more = held || !end || !settled;
        if !self.more {
            self.inner.arrivals.caught_up();
        }
        Ok(held || !end || settled)
    }

    fn take_ahead(&mut self, arrival: Arrival) {
        let Arrival { row, kept, since } = arrival;
        if self.take(&row) {
            self.patience.insert(row.id, since + PATIENCE);
            self.waiting.insert(row.id, Waiting { row, kept });
        } else {
            let appending = self.inner.arrivals.leave(&row.plugin);
            tokio::spawn(keep(Arc::clone(self.inner), vec![Waiting { row, kept }], appending));
        }
    }

    /// Whether somebody translates it.
    fn take(&mut self, row: &Arc<PendingRow>) -> bool {
        let active = self.inner.plugins.get(&row.plugin).is_some_and(|generation| generation.is_active());
        if !active {
            return false;
        }
        if self.lanes.take(&row.address, row.id, row.body.len()) {
            self.translating += 1;
            let (inner, turns, row) = (Arc::clone(self.inner), self.turns.clone(), Arc::clone(row));
            self.steps.spawn(async move {
                let _turn = turns.take(row.workspace.as_deref().unwrap_or_default(), &row.address, FOREVER).await;
                Step::Translated(translate(&inner, row).await)
            });
        }
        true
    }

    fn translated(&mut self, translated: Translated) {
        let row = Arc::clone(&translated.row);
        self.translating -= 1;
        self.ready.get_or_insert_with(Instant::now);
        self.lanes.done(&row.address, row.id, translated);
    }

    /// When the patience of somebody ends.
    fn next_late(&self) -> Option<Instant> {
        let taken = self.patience.first_key_value().map(|(_, until)| *until);
        let ahead = self.inner.arrivals.since().map(|since| since + PATIENCE);
        taken.into_iter().chain(ahead).min()
    }

    /// Puts into the journal what has waited too long.
    fn keep_late(&mut self) {
        let now = Instant::now();
        let mut late = Vec::new();
        while let Some(first) = self.patience.first_entry().filter(|first| *first.get() <= now) {
            let id = first.remove_entry().0;
            // What only waits for the disk waits for it either way.
            let waits = |waiting: &Waiting| self.lanes.waits(&waiting.row.address, id);
            if self.waiting.get(&id).is_some_and(waits) {
                late.extend(self.waiting.remove(&id));
            }
        }
        if !late.is_empty() {
            let appending = self.inner.arrivals.keep();
            tokio::spawn(keep(Arc::clone(self.inner), late, appending));
        }
        if self.inner.arrivals.since().is_some_and(|since| since + PATIENCE <= now) {
            // There is no room for it, nor for what comes.
            tokio::spawn(keep_arrivals(self.inner));
        }
    }

    /// When what is ready is committed, whatever is still under way.
    fn next_commit(&self) -> Option<Instant> {
        self.ready.filter(|_| !self.committing && self.lanes.is_ready()).map(|since| since + GATHER)
    }

    /// One commit at a time: what becomes ready meanwhile goes together into the next.
    fn commit_ready(&mut self) {
        if self.committing || !self.lanes.is_ready() {
            return;
        }
        let gathered = self.ready.is_none_or(|since| since.elapsed() >= GATHER);
        if self.translating > 0 && self.lanes.translated() < ENOUGH && !gathered {
            return;
        }
        let rows = self.lanes.leave(MOST_IN_COMMIT, STEP, Translated::weight);
        if rows.is_empty() {
            return;
        }
        self.committing = true;
        self.ready = None;
        let (db, now) = (self.inner.db.clone(), self.inner.clock.now());
        let ids: Vec<i64> = rows.iter().map(|translated| translated.row.id).collect();
        for translated in &rows {
            if translated.weight() > STEP {
                self.stepping.insert(translated.row.id, translated.clone());
            }
            if self.choices.contains_key(&translated.row.id) {
                continue;
            }
            let choices = acknowledge::choices(translated, now);
            if !choices.is_empty() {
                self.choices.insert(translated.row.id, choices);
            }
        }
        for id in &ids {
            self.patience.remove(id);
        }
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
            let stepping = self.stepping.remove(&id);
            media |= row.media;
            strangers |= row.strangers;
            if let Some(Waiting { kept, .. }) = self.waiting.remove(&id) {
                // Whoever hung up need not be told.
                let _ = kept.send(Ok(()));
            }
            metrics::counter!("sambung_inbound_events_total").increment(u64::from(row.stored));
            if let (Some(progress), Some(translated)) = (row.progress, stepping) {
                metrics::counter!("sambung_inbound_steps_total").increment(1);
                self.ready.get_or_insert_with(Instant::now);
                let address = Arc::clone(&translated.row.address);
                let bytes = translated.row.body.len();
                self.lanes.back(&address, id, bytes, Translated { progress, ..translated });
                continue;
            }
            self.lanes.committed(id);
            let choices = self.choices.remove(&id).unwrap_or_default();
            if row.effect == Effect::Settled && row.stored > 0 {
                acknowledge::tell(self.inner, choices);
            }
            self.more |= row.effect == Effect::Again;
            let outcome = match row.effect {
                Effect::Settled => "settled",
                Effect::Parked => "parked",
                Effect::Waiting => "waiting",
                Effect::Partly => "partly",
                Effect::Again => "again",
            };
            metrics::counter!("sambung_inbound_rows_total", "outcome" => outcome).increment(1);
        }
        if media {
            self.inner.wakes.media.notify_one();
        }
        if strangers {
            self.inner.strangers.notify_one();
        }
        Ok(())
    }
}

/// Puts what nobody took into the journal, and whatever comes.
fn keep_arrivals(inner: &Arc<Inner>) -> impl Future<Output = ()> + Send + use<> {
    let (arrivals, appending) = inner.arrivals.hold();
    let waiting = arrivals.into_iter().map(|Arrival { row, kept, .. }| Waiting { row, kept }).collect();
    keep(Arc::clone(inner), waiting, appending)
}

/// Puts requests into the journal without a translation, and tells their senders.
async fn keep(inner: Arc<Inner>, waiting: Vec<Waiting>, until: impl Send + 'static) {
    if waiting.is_empty() {
        return;
    }
    let rows = waiting.iter().map(|waiting| Arc::clone(&waiting.row)).collect();
    let done = inner.db.append_journal_rows(rows, until).await;
    if let Err(error) = &done {
        tracing::warn!(%error, "requests could not be put into the journal");
    }
    for Waiting { kept, .. } in waiting {
        let told = if done.is_ok() { Ok(()) } else { Err(DbError::Busy("the disk does not take it")) };
        let _ = kept.send(told);
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
