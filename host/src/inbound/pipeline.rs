//! Takes requests out of the journal, or as they are handed over from it, has them translated, and commits what is ready: what came of
//! a request in one transaction.
//!
//! Requests in flight take places of a pool that workspaces and addresses share. An address that holds its share falls behind: its
//! requests stay in the journal, whose only bound is the disk, and are read as places become free; the others notice nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sambung_runtime::shares::{Place, Shares};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::acknowledge::{self, Choice};
use super::lanes::Lanes;
use super::translate::translate;
use crate::db::{Committed, DbError, Effect, PendingRow, STEP, Translated, Which};
use crate::keys::RequestId;

/// A request takes a place for each so many bytes of its body, but no more than a twelfth of the pool: the largest finds room beside
/// three workspaces that hold all they may.
const PLACE_BYTES: usize = 24 << 10;
const LARGEST: usize = 12;
/// Requests that are read from the journal at a time, and bytes of their bodies.
const AT_ONCE: usize = 1024;
const MOST_BYTES: usize = 24 << 20;
/// A commit costs the disk as much for one row as for many: it waits this long for translations that are under way, unless so many
/// rows are ready.
const GATHER: Duration = Duration::from_millis(2);
const ENOUGH: usize = 64;
/// How often the journal is looked at without a signal.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long to wait when the database does not take what is ready.
const PAUSE: Duration = Duration::from_millis(250);

/// Rows of one address that a task translates one after another: a task of its own for each costs more than a short translation.
const MOST_IN_A_ROW: usize = 8;

enum Step {
    Translated(Translated),
    Committed(Vec<RequestId>, Result<Vec<Result<Committed, DbError>>, DbError>),
}

struct Pipeline<'i> {
    inner: &'i Arc<Inner>,
    lanes: Lanes<Translated>,
    /// What tasks came to.
    steps: UnboundedReceiver<Step>,
    /// For tasks to say it.
    say: UnboundedSender<Step>,
    tasks: JoinSet<()>,
    /// Rows that are about to be translated.
    fresh: Vec<Arc<PendingRow>>,
    cores: usize,
    turns: Shares,
    /// The places of the rows in flight.
    places: HashMap<RequestId, Place>,
    /// Places became free since the rows of addresses that fell behind were looked at.
    freed: bool,
    /// Addresses that fell behind, each with the share that its places count in: their rows are read as their shares allow.
    behind: HashMap<Arc<str>, Arc<str>>,
    committing: bool,
    /// Rows that are being translated.
    translating: usize,
    /// Since when some row has been ready.
    ready: Option<Instant>,
    /// The journal may hold rows that nobody took.
    more: bool,
    /// Choices in requests that are being committed.
    choices: HashMap<RequestId, Vec<Choice>>,
    /// Requests of which the next step is being committed.
    stepping: HashMap<RequestId, Translated>,
}

pub(super) async fn run(inner: &Arc<Inner>, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let (say, steps) = tokio::sync::mpsc::unbounded_channel();
        let mut pipeline = Pipeline {
            inner,
            lanes: Lanes::new(),
            steps,
            say,
            tasks: JoinSet::new(),
            fresh: Vec::new(),
            cores,
            turns: Shares::queued("translations", (cores * 4).max(8), inner.requests.total() * 2),
            places: HashMap::new(),
            freed: true,
            behind: HashMap::new(),
            committing: false,
            translating: 0,
            ready: None,
            more: true,
            choices: HashMap::new(),
            stepping: HashMap::new(),
        };
        tokio::select! {
            Err(error) = pipeline.work() => {
                // Nothing is lost, because what was in flight is taken from the journal again.
                tracing::warn!(%error, "inbound work begins again");
                drop(pipeline);
                tokio::time::sleep(PAUSE).await;
            }
            () = stop.cancelled() => {}
        }
    }
}

impl Pipeline<'_> {
    async fn work(&mut self) -> Result<(), DbError> {
        let mut look_again = tokio::time::interval(LOOK_AGAIN);
        loop {
            let again = self.fill().await?;
            self.commit_ready();
            let gathered = self.next_commit();
            tokio::select! {
                Some(step) = self.steps.recv() => {
                    self.follow(step)?;
                    while let Ok(step) = self.steps.try_recv() {
                        self.follow(step)?;
                    }
                }
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    let mut all = vec![ended];
                    all.extend(std::iter::from_fn(|| self.tasks.try_join_next()));
                    if let Some(error) = all.into_iter().find_map(Result::err) {
                        tracing::error!(%error, "a step of inbound work panicked");
                        return Err(DbError::Damaged("a step of inbound work panicked".into()));
                    }
                }
                () = std::future::ready(()), if again => {}
                () = self.inner.handover.came() => {}
                () = self.inner.wakes.journal.notified() => self.more = true,
                () = until(gathered) => {}
                _ = look_again.tick() => (self.more, self.freed) = (true, true),
            }
        }
    }

    fn follow(&mut self, step: Step) -> Result<(), DbError> {
        match step {
            Step::Translated(row) => {
                self.translated(row);
                Ok(())
            }
            Step::Committed(ids, done) => self.committed(ids, done),
        }
    }

    /// Takes what the journal holds, then what was handed over. Whether to go on at once.
    async fn fill(&mut self) -> Result<bool, DbError> {
        if std::mem::take(&mut self.freed) {
            self.read_behind().await?;
        }
        if self.more {
            // What was handed over until now is read from the journal as well.
            drop(self.inner.handover.take());
            return self.read_journal().await;
        }
        let (rows, missed) = self.inner.handover.take();
        self.take_rows(rows);
        self.more = missed;
        Ok(missed)
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

    /// Takes rows from the journal, except those of addresses that fell behind. Whether to go on at once.
    async fn read_journal(&mut self) -> Result<bool, DbError> {
        let active = self.active();
        let apart = self.behind.keys().cloned().collect();
        let (rows, _) = self.pending(&active, Which::AllBut(apart)).await?;
        self.more = !rows.is_empty();
        self.take_rows(rows);
        Ok(true)
    }

    /// Takes rows of the addresses that fell behind, as many as their shares allow: first those that hold least. An address whose last
    /// row was taken catches up.
    async fn read_behind(&mut self) -> Result<(), DbError> {
        let requests = &self.inner.requests;
        let mut behind: Vec<_> =
            self.behind.iter().map(|(address, sharer)| (Arc::clone(address), Arc::clone(sharer))).collect();
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
        // One that has no place for one of these rows falls behind again.
        let mut before: HashMap<_, _> =
            wanted.iter().filter_map(|(address, _)| self.behind.remove_entry(address)).collect();
        self.take_rows(rows);
        for (address, most) in wanted {
            let is_drained = whole && found.get(&address).is_none_or(|found| *found < most);
            if let Some(sharer) = before.remove(&address).filter(|_| !is_drained) {
                self.behind.entry(address).or_insert(sharer);
            } else if !self.behind.contains_key(&address) {
                // What was handed over of it meanwhile was passed over.
                self.more = true;
            }
        }
        Ok(())
    }

    /// Takes rows in the order of the journal. One without a place stays there, and its address falls behind.
    fn take_rows(&mut self, rows: impl IntoIterator<Item = Arc<PendingRow>>) {
        for row in rows {
            if !self.behind.contains_key(&row.address) && !self.take(&row) {
                self.behind.insert(Arc::clone(&row.address), Arc::clone(row.sharer()));
            }
        }
        self.translate_fresh();
    }

    /// Has a row translated where its plugin runs, unless it is in flight; false where its workspace or its address has no place left.
    fn take(&mut self, row: &Arc<PendingRow>) -> bool {
        let active = self.inner.plugins.get(&row.plugin).is_some_and(|generation| generation.is_active());
        if !active || self.lanes.taken().contains(&row.id) {
            return true;
        }
        let requests = &self.inner.requests;
        let places = (1 + row.body.len() / PLACE_BYTES).min(requests.total() / LARGEST);
        let Some(place) = requests.try_take_several(row.sharer(), &row.address, places) else {
            return false;
        };
        self.places.insert(row.id, place);
        self.lanes.take(row.sharer(), &row.address, row.id);
        self.fresh.push(Arc::clone(row));
        true
    }

    /// Has the fresh rows translated, a few of one address by one task where there are many.
    fn translate_fresh(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        let in_a_row = (fresh.len() / (self.cores * 2)).clamp(1, MOST_IN_A_ROW);
        let same = fresh.chunk_by(|one, other| one.address == other.address);
        for rows in same.flat_map(|rows| rows.chunks(in_a_row)) {
            self.translating += rows.len();
            let (inner, turns, say, rows) =
                (Arc::clone(self.inner), self.turns.clone(), self.say.clone(), rows.to_vec());
            self.tasks.spawn(async move {
                let Some(first) = rows.first() else { return };
                let _turn = turns.wait(first.sharer(), &first.address).await;
                for row in &rows {
                    // The receiver is gone where inbound work began again.
                    let _ = say.send(Step::Translated(translate(&inner, Arc::clone(row)).await));
                }
            });
        }
    }

    fn translated(&mut self, translated: Translated) {
        let row = Arc::clone(&translated.row);
        self.translating -= 1;
        self.ready.get_or_insert_with(Instant::now);
        self.lanes.done(&row.address, row.id, translated);
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
        pace.wrote(rows.iter().map(|translated| translated.row.sharer()), Instant::now());
        self.committing = true;
        self.ready = None;
        let (db, now) = (self.inner.db.clone(), self.inner.clock.now());
        let ids: Vec<RequestId> = rows.iter().map(|translated| translated.row.id).collect();
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
        let say = self.say.clone();
        self.tasks.spawn(async move {
            let done = db.commit_translated(rows, now).await;
            let _ = say.send(Step::Committed(ids, done));
        });
    }

    fn committed(
        &mut self,
        ids: Vec<RequestId>,
        done: Result<Vec<Result<Committed, DbError>>, DbError>,
    ) -> Result<(), DbError> {
        self.committing = false;
        let (mut stored, mut outcomes) = (0, HashMap::new());
        for (id, row) in ids.into_iter().zip(done?) {
            let row = row?;
            let stepping = self.stepping.remove(&id);
            stored += u64::from(row.stored);
            if let (Some(progress), Some(translated)) = (row.progress, stepping) {
                metrics::counter!("sambung_inbound_steps_total").increment(1);
                self.ready.get_or_insert_with(Instant::now);
                let row = Arc::clone(&translated.row);
                self.lanes.back(row.sharer(), &row.address, id, Translated { progress, ..translated });
                continue;
            }
            self.lanes.committed(id);
            self.freed |= self.places.remove(&id).is_some();
            let choices = self.choices.remove(&id).unwrap_or_default();
            if row.effect == Effect::Settled && row.stored > 0 {
                acknowledge::tell(self.inner, choices);
            }
            self.more |= row.effect == Effect::Again;
            *outcomes.entry(row.effect.word()).or_default() += 1;
        }
        metrics::counter!("sambung_inbound_events_total").increment(stored);
        for (outcome, rows) in outcomes {
            metrics::counter!("sambung_inbound_rows_total", "outcome" => outcome).increment(rows);
        }
        Ok(())
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
