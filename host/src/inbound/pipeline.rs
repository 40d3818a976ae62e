//! Takes requests as they arrive, has them translated, and commits what is ready: a request and what came of it in one transaction.
//!
//! The sender of a request waits for that commit, but not for a slow plugin: what is not translated soon is put into the journal
//! first. Requests in flight take places of a pool that workspaces and addresses share. An address that holds its share falls behind:
//! its requests are put into the journal, whose only bound is the disk, and read from there; the others notice nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sambung_runtime::shares::{Place, Shares};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::acknowledge::{self, Choice};
use super::arrivals::{Arrival, Kept, sharer};
use super::lanes::Lanes;
use super::translate::translate;
use crate::db::{Committed, DbError, Effect, PendingRow, STEP, Translated, Which};

/// A request takes a place for each so many bytes of its body, but no more than a twelfth of the pool: the largest finds room beside
/// three workspaces that hold all they may.
const PLACE_BYTES: usize = 24 << 10;
const LARGEST: usize = 12;
/// Requests that are taken, or read from the journal, at a time; and bytes of their bodies.
const AT_ONCE: usize = 1024;
const MOST_BYTES: usize = 24 << 20;
/// A commit costs the disk as much for one row as for many: it waits this long for translations that are under way, unless so many
/// rows are ready.
const GATHER: Duration = Duration::from_millis(2);
const ENOUGH: usize = 64;
/// How long a request waits for its translation before it is put into the journal without one.
const PATIENCE: Duration = Duration::from_millis(25);
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

/// What became of a row that was offered for translation.
enum Taken {
    /// It is translated, or was taken before.
    InFlight,
    /// Its plugin does not run.
    NoPlugin,
    /// Its address or workspace holds its share of the rows in flight.
    NoPlace,
}

struct Pipeline<'i> {
    inner: &'i Arc<Inner>,
    lanes: Lanes<Translated>,
    steps: JoinSet<Step>,
    turns: Shares,
    /// The places of the rows in flight.
    places: HashMap<i64, Place>,
    /// Places became free since the rows of addresses that fell behind were looked at.
    freed: bool,
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
            turns: Shares::queued("translations", (cores * 4).max(8), inner.requests.total() * 2),
            places: HashMap::new(),
            freed: true,
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
                _ = look_again.tick() => (self.more, self.freed) = (true, true),
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

    /// Takes what came: where nothing goes ahead what waits in memory comes first, else what the journal holds. Whether there may be
    /// more to take.
    async fn fill(&mut self) -> Result<bool, DbError> {
        loop {
            if std::mem::take(&mut self.freed) {
                self.read_behind().await?;
            }
            let held = self.inner.arrivals.is_held();
            if held || !self.more {
                let arrivals = self.inner.arrivals.take(AT_ONCE);
                if !arrivals.is_empty() {
                    arrivals.into_iter().for_each(|arrival| self.take_ahead(arrival));
                    continue;
                }
            }
            return if held || self.more { self.read_journal(held).await } else { Ok(false) };
        }
    }

    fn active(&self) -> HashSet<Arc<str>> {
        let all = self.inner.plugins.all();
        all.iter().filter(|one| one.is_active()).map(|one| Arc::from(one.id.as_str())).collect()
    }

    /// Rows that the journal holds and that are not in flight; whether those are all that were asked for.
    async fn pending(&self, active: &HashSet<Arc<str>>, which: Which) -> Result<(Vec<Arc<PendingRow>>, bool), DbError> {
        let plugins = active.iter().map(|plugin| plugin.to_string()).collect();
        let taken = self.lanes.taken().clone();
        let (rows, whole) = self.inner.db.pending_rows(plugins, which, taken, AT_ONCE, MOST_BYTES).await?;
        Ok((rows.into_iter().map(Arc::new).collect(), whole))
    }

    /// Takes rows from the journal, except those of addresses that fell behind. Once none is left, what comes goes ahead again.
    /// Whether to go on at once.
    async fn read_journal(&mut self, held: bool) -> Result<bool, DbError> {
        let active = self.active();
        self.inner.arrivals.catch_up(&active, &[]);
        let settled = self.inner.arrivals.is_settled();
        let apart = self.inner.arrivals.behind().into_keys().collect();
        let (rows, _) = self.pending(&active, Which::AllBut(apart)).await?;
        let end = rows.is_empty();
        drop(self.take_rows(rows));
        if end && held {
            self.inner.arrivals.follow(&active);
        }
        self.more = held || !end || !settled;
        if !self.more {
            self.inner.arrivals.caught_up();
        }
        Ok(held || !end || settled)
    }

    /// Takes rows of the addresses that fell behind, as many as their shares allow: first those that hold least. An address whose last
    /// row was taken catches up.
    async fn read_behind(&mut self) -> Result<(), DbError> {
        let (requests, arrivals) = (&self.inner.requests, &self.inner.arrivals);
        let mut behind: Vec<_> = arrivals.behind().into_iter().collect();
        behind.sort_by_cached_key(|(address, sharer)| requests.load(sharer, address));
        let (mut wanted, mut left) = (Vec::new(), AT_ONCE);
        for (address, sharer) in behind {
            let (room, held) = (requests.room(&sharer, &address), requests.load(&sharer, &address).1);
            // Not for each place that becomes free, because reading passes over the rows in flight.
            if left > 0 && room > 0 && room >= held {
                let most = room.min(left);
                left -= most;
                wanted.push((address, most));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let active = self.active();
        let (rows, whole) = self.pending(&active, Which::These(wanted.clone())).await?;
        let mut found: HashMap<Arc<str>, usize> = HashMap::new();
        for row in &rows {
            *found.entry(Arc::clone(&row.address)).or_default() += 1;
        }
        let full = self.take_rows(rows);
        let is_drained = |address: &Arc<str>, most| {
            whole && !full.contains(address) && found.get(address).is_none_or(|found| *found < most)
        };
        wanted.retain(|(address, most)| is_drained(address, *most));
        let drained: Vec<_> = wanted.into_iter().map(|(address, _)| address).collect();
        self.more |= !drained.is_empty();
        self.inner.arrivals.catch_up(&active, &drained);
        Ok(())
    }

    /// Takes rows that were read from the journal. One without a place stays there, and its address falls behind: these are returned.
    fn take_rows(&mut self, rows: Vec<Arc<PendingRow>>) -> HashSet<Arc<str>> {
        let mut full: HashSet<Arc<str>> = HashSet::new();
        for row in rows {
            if full.contains(&row.address) {
                continue;
            }
            match self.take(&row) {
                Taken::InFlight => {}
                Taken::NoPlugin => drop(self.inner.arrivals.leave(&row.plugin)),
                Taken::NoPlace => {
                    drop(self.inner.arrivals.fall_behind(&row));
                    full.insert(Arc::clone(&row.address));
                }
            }
        }
        full
    }

    fn take_ahead(&mut self, arrival: Arrival) {
        let Arrival { row, kept, since } = arrival;
        let arrivals = &self.inner.arrivals;
        // Nothing overtakes a row of its address that is on its way into the journal.
        let taken = if arrivals.is_behind(&row.address) { Taken::NoPlace } else { self.take(&row) };
        let appending = match taken {
            Taken::InFlight => {
                self.patience.insert(row.id, since + PATIENCE);
                self.waiting.insert(row.id, Waiting { row, kept });
                return;
            }
            Taken::NoPlugin => self.inner.arrivals.leave(&row.plugin),
            Taken::NoPlace => self.inner.arrivals.fall_behind(&row),
        };
        tokio::spawn(keep(Arc::clone(self.inner), vec![Waiting { row, kept }], appending));
    }

    /// Has a row translated where its plugin runs and its workspace and address have a place left.
    fn take(&mut self, row: &Arc<PendingRow>) -> Taken {
        let active = self.inner.plugins.get(&row.plugin).is_some_and(|generation| generation.is_active());
        if !active {
            return Taken::NoPlugin;
        }
        if self.lanes.taken().contains(&row.id) {
            return Taken::InFlight;
        }
        let requests = &self.inner.requests;
        let places = (1 + row.body.len() / PLACE_BYTES).min(requests.total() / LARGEST);
        let Some(place) = requests.try_take_several(sharer(row), &row.address, places) else {
            return Taken::NoPlace;
        };
        self.places.insert(row.id, place);
        self.lanes.take(sharer(row), &row.address, row.id);
        self.translating += 1;
        let (inner, turns, row) = (Arc::clone(self.inner), self.turns.clone(), Arc::clone(row));
        self.steps.spawn(async move {
            let _turn = turns.wait(sharer(&row), &row.address).await;
            Step::Translated(translate(&inner, row).await)
        });
        Taken::InFlight
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
        let pace = self.inner.db.pace();
        let rows = self.lanes.leave(pace.portion().events, STEP, Translated::weight);
        if rows.is_empty() {
            return;
        }
        pace.wrote(rows.iter().map(|translated| sharer(&translated.row)), Instant::now());
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
        for (id, row) in ids.into_iter().zip(done?) {
            let row = row?;
            let stepping = self.stepping.remove(&id);
            if let Some(Waiting { kept, .. }) = self.waiting.remove(&id) {
                // Whoever hung up need not be told.
                let _ = kept.send(Ok(()));
            }
            metrics::counter!("sambung_inbound_events_total").increment(u64::from(row.stored));
            if let (Some(progress), Some(translated)) = (row.progress, stepping) {
                metrics::counter!("sambung_inbound_steps_total").increment(1);
                self.ready.get_or_insert_with(Instant::now);
                let row = Arc::clone(&translated.row);
                self.lanes.back(sharer(&row), &row.address, id, Translated { progress, ..translated });
                continue;
            }
            self.lanes.committed(id);
            self.freed |= self.places.remove(&id).is_some();
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
        Ok(())
    }
}

/// Puts what nobody took into the journal, and whatever comes.
fn keep_arrivals(inner: &Arc<Inner>) -> impl Future<Output = ()> + Send + use<> {
    let (arrivals, appending) = inner.arrivals.hold();
    let waiting = arrivals.into_iter().map(|Arrival { row, kept, .. }| Waiting { row, kept }).collect();
    keep(Arc::clone(inner), waiting, appending)
}

/// Puts requests into the journal without a translation, and tells their senders. `until` is dropped once the last is on disk, or
/// certainly not.
async fn keep(inner: Arc<Inner>, waiting: Vec<Waiting>, until: impl Send + Sync + 'static) {
    let until = Arc::new(until);
    let each = waiting.into_iter().map(|Waiting { row, kept }| {
        let (db, id, until) = (inner.db.clone(), row.id, Arc::clone(&until));
        async move {
            let done = db.append_journal(row, until).await;
            if let Err(error) = &done {
                tracing::warn!(%error, row = id, "a request could not be put into the journal");
            }
            let _ = kept.send(done.map_err(|_| DbError::Busy("the disk does not take it")));
        }
    });
    let each: Vec<_> = each.collect();
    drop(until);
    futures_util::future::join_all(each).await;
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
