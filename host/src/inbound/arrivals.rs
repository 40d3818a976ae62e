//! Requests on their way to translation: those that go ahead in memory, to be committed together with what came of them, and
//! those that have to be put into the journal first.
//!
//! A request goes ahead only where it overtakes nothing: whoever was told that one is kept may send another that builds on it. So
//! none does while the journal may hold one that was kept before it and that nobody has taken.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, oneshot};

use crate::db::{DbError, PendingRow};

/// Requests that wait in memory; past it all are put into the journal first, until it is read to its end.
const MOST_ROWS: usize = 1_024;
/// Bytes of their bodies.
const MOST_BYTES: usize = 16 << 20;
/// How much more of both there may be while the journal is read to its end, until when none may be put behind them.
const MEANWHILE: usize = 8;

/// Which share the places of a row count in: its workspace's, or that of the address itself where several workspaces share it.
pub(super) fn sharer(row: &PendingRow) -> &Arc<str> {
    row.workspace.as_ref().unwrap_or(&row.address)
}

/// Whom to tell that a request is kept, or that it is not.
pub(super) type Kept = oneshot::Sender<Result<(), DbError>>;

/// A request that goes ahead.
pub(super) struct Arrival {
    pub row: Arc<PendingRow>,
    pub kept: Kept,
    pub since: Instant,
}

/// Which way a request goes.
pub(super) enum Way {
    /// Somebody takes it, and tells once it is kept.
    Ahead(oneshot::Receiver<Result<(), DbError>>),
    /// It is to be put into the journal; what is given with it must last until that is done.
    Journal(Appending),
    /// There is no room for it now.
    Nowhere,
}

/// See the module.
pub(super) struct Arrivals {
    queue: Mutex<Queue>,
    came: Notify,
}

struct Queue {
    ahead: VecDeque<Arrival>,
    bytes: usize,
    /// Whatever comes is put into the journal first.
    held: bool,
    /// What waits here has nothing before it in the journal.
    caught_up: bool,
    /// Plugins whose requests may go ahead: of no other has anybody looked what the journal holds.
    following: HashSet<Arc<str>>,
    /// Addresses that hold their share of the rows in flight: their requests are put into the journal, and read from there as their
    /// share allows. They hold up no other address. Each with its [`sharer`].
    behind: HashMap<Arc<str>, Arc<str>>,
    /// A request of a plugin that runs came, and it is not one of these.
    missed: bool,
    /// Grows each time that requests begin to go ahead.
    epoch: u64,
    /// Requests that are being put into the journal: of this epoch, and of those before.
    appending: usize,
    appending_before: usize,
}

/// A request that is being put into the journal.
pub(super) struct Appending {
    arrivals: Arc<Arrivals>,
    epoch: u64,
}

impl Arrivals {
    /// Nothing goes ahead before somebody takes it.
    pub fn new() -> Arc<Arrivals> {
        let queue = Queue {
            ahead: VecDeque::new(),
            bytes: 0,
            held: true,
            caught_up: false,
            following: HashSet::new(),
            behind: HashMap::new(),
            missed: false,
            epoch: 0,
            appending: 0,
            appending_before: 0,
        };
        Arc::new(Arrivals { queue: Mutex::new(queue), came: Notify::new() })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request came. `active`: its plugin is there to translate it.
    pub fn offer(self: &Arc<Self>, row: &Arc<PendingRow>, active: bool) -> Way {
        let mut queue = self.queue();
        if !active {
            queue.following.remove(&row.plugin);
        }
        let follows = queue.following.contains(&row.plugin);
        if queue.held || !follows || queue.behind.contains_key(&row.address) {
            queue.missed |= active && !queue.held && !follows;
            let appending = self.appending(&mut queue);
            drop(queue);
            if active {
                self.came.notify_one();
            }
            return Way::Journal(appending);
        }
        let full = |times| queue.ahead.len() >= MOST_ROWS * times || queue.bytes >= MOST_BYTES * times;
        if full(MEANWHILE) {
            return Way::Nowhere;
        }
        let (kept, told) = oneshot::channel();
        queue.bytes += row.body.len();
        queue.ahead.push_back(Arrival { row: Arc::clone(row), kept, since: Instant::now() });
        queue.held = queue.caught_up && (queue.ahead.len() >= MOST_ROWS || queue.bytes >= MOST_BYTES);
        let first = queue.ahead.len() == 1;
        drop(queue);
        if first {
            self.came.notify_one();
        }
        Way::Ahead(told)
    }

    /// Nobody translates requests of this plugin: they are put into the journal, and so is this one that was taken.
    pub fn leave(self: &Arc<Self>, plugin: &Arc<str>) -> Appending {
        let mut queue = self.queue();
        queue.following.remove(plugin);
        self.appending(&mut queue)
    }

    /// The address of this row holds its share of the rows in flight: its requests are put into the journal, and so is this one.
    pub fn fall_behind(self: &Arc<Self>, row: &PendingRow) -> Appending {
        let mut queue = self.queue();
        queue.behind.insert(Arc::clone(&row.address), Arc::clone(sharer(row)));
        self.appending(&mut queue)
    }

    /// Whether an address [fell behind](Arrivals::fall_behind).
    pub fn is_behind(&self, address: &Arc<str>) -> bool {
        self.queue().behind.contains_key(address)
    }

    /// The addresses that [fell behind](Arrivals::fall_behind), each with its [`sharer`].
    pub fn behind(&self) -> HashMap<Arc<str>, Arc<str>> {
        self.queue().behind.clone()
    }

    /// A request that was taken is put into the journal.
    pub fn keep(self: &Arc<Self>) -> Appending {
        self.appending(&mut self.queue())
    }

    fn appending(self: &Arc<Self>, queue: &mut Queue) -> Appending {
        queue.appending += 1;
        Appending { arrivals: Arc::clone(self), epoch: queue.epoch }
    }

    /// Until something came, or the last of those is in the journal that [`Arrivals::is_settled`] waits for.
    pub async fn came(&self) {
        self.came.notified().await;
    }

    /// The requests that go ahead, in order of arrival, at most `most`. Where [`Arrivals::is_held`], they come before what the
    /// journal holds, else after it.
    pub fn take(&self, most: usize) -> Vec<Arrival> {
        let mut queue = self.queue();
        let most = most.min(queue.ahead.len());
        let taken: Vec<Arrival> = queue.ahead.drain(..most).collect();
        queue.bytes -= taken.iter().map(|arrival| arrival.row.body.len()).sum::<usize>();
        taken
    }

    /// Whether requests of plugins that run are put into the journal, since nobody looked what it holds of them.
    pub fn missed(&self) -> bool {
        std::mem::take(&mut self.queue().missed)
    }

    /// Since when the first has waited that nobody took.
    pub fn since(&self) -> Option<Instant> {
        self.queue().ahead.front().map(|arrival| arrival.since)
    }

    /// Whether all that comes is put into the journal.
    pub fn is_held(&self) -> bool {
        self.queue().held
    }

    /// From now on all that comes is put into the journal; so are those that nobody took, which are handed back for it.
    pub fn hold(self: &Arc<Self>) -> (Vec<Arrival>, Appending) {
        let mut queue = self.queue();
        queue.held = true;
        queue.bytes = 0;
        (queue.ahead.drain(..).collect(), self.appending(&mut queue))
    }

    /// From now on requests of these plugins go ahead. To be called where the journal was read to its end and nothing waits here;
    /// what comes may be taken once the journal was read to its end again, and was settled when that began.
    pub fn follow(&self, active: &HashSet<Arc<str>>) {
        let mut queue = self.queue();
        queue.held = false;
        queue.begin(active);
    }

    /// These plugins run now, and all that the journal held of these addresses was taken. Requests of plugins that did not run before,
    /// and of these addresses, go ahead from now on, as with [`Arrivals::follow`].
    pub fn catch_up(&self, active: &HashSet<Arc<str>>, drained: &[Arc<str>]) {
        let mut queue = self.queue();
        queue.following.retain(|plugin| active.contains(plugin));
        let behind = queue.behind.len();
        drained.iter().for_each(|address| _ = queue.behind.remove(address));
        let grows = queue.following.len() < active.len() || queue.behind.len() < behind;
        if !queue.held && grows {
            queue.begin(active);
        }
    }

    /// The journal was read to its end, and was settled when that began.
    pub fn caught_up(&self) {
        self.queue().caught_up = true;
    }

    /// Whether all that came before requests began to go ahead is in the journal.
    pub fn is_settled(&self) -> bool {
        self.queue().appending_before == 0
    }
}

impl Queue {
    fn begin(&mut self, active: &HashSet<Arc<str>>) {
        self.following.clone_from(active);
        self.epoch += 1;
        self.caught_up = false;
        self.appending_before += std::mem::take(&mut self.appending);
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        let mut queue = self.arrivals.queue();
        let settled = if self.epoch == queue.epoch {
            queue.appending -= 1;
            queue.held && queue.appending == 0
        } else {
            queue.appending_before -= 1;
            queue.appending_before == 0
        };
        drop(queue);
        if settled {
            self.arrivals.came.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, plugin: &str) -> Arc<PendingRow> {
        Arc::new(PendingRow { id, plugin: plugin.into(), ..PendingRow::default() })
    }

    fn all(names: &[&str]) -> HashSet<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn appending(way: Way) -> Appending {
        match way {
            Way::Journal(appending) => appending,
            Way::Ahead(_) | Way::Nowhere => panic!("it is not put into the journal"),
        }
    }

    fn ids(arrivals: &Arrivals) -> Vec<i64> {
        arrivals.take(9).iter().map(|arrival| arrival.row.id).collect()
    }

    #[test]
    fn nothing_goes_ahead_of_what_is_still_on_its_way_into_the_journal() {
        let arrivals = Arrivals::new();
        let first = appending(arrivals.offer(&row(1, "p"), true));
        arrivals.follow(&all(&["p"]));
        assert!(matches!(arrivals.offer(&row(2, "p"), true), Way::Ahead(_)));
        assert!(!arrivals.is_settled(), "the first may not be in the journal when it is read");
        drop(first);
        assert!(arrivals.is_settled());
        assert_eq!(ids(&arrivals), [2]);
    }

    #[test]
    fn what_a_plugin_left_behind_is_read_before_it_goes_ahead_again_and_holds_up_no_other() {
        let arrivals = Arrivals::new();
        arrivals.follow(&all(&["p", "q"]));
        let left = appending(arrivals.offer(&row(1, "p"), false));
        assert!(matches!(arrivals.offer(&row(2, "q"), true), Way::Ahead(_)));
        assert!(!arrivals.missed());
        drop(appending(arrivals.offer(&row(3, "p"), true)));
        assert!(arrivals.missed(), "somebody has to look what the journal holds");
        assert!(arrivals.is_settled(), "nobody waits for those whom nobody translates");
        arrivals.catch_up(&all(&["q"]), &[]);
        drop(appending(arrivals.offer(&row(4, "p"), true)));
        arrivals.catch_up(&all(&["p", "q"]), &[]);
        assert!(!arrivals.is_settled());
        assert!(matches!(arrivals.offer(&row(5, "p"), true), Way::Ahead(_)));
        drop(left);
        assert!(arrivals.is_settled());
        assert_eq!(ids(&arrivals), [2, 5]);
    }

    fn row_at(id: i64, address: &str) -> Arc<PendingRow> {
        Arc::new(PendingRow { id, plugin: "p".into(), address: address.into(), ..PendingRow::default() })
    }

    #[test]
    fn an_address_that_fell_behind_holds_up_no_other_and_goes_ahead_once_the_journal_holds_none_of_it() {
        let arrivals = Arrivals::new();
        arrivals.follow(&all(&["p"]));
        drop(arrivals.fall_behind(&row_at(0, "a")));
        let kept = appending(arrivals.offer(&row_at(1, "a"), true));
        assert!(matches!(arrivals.offer(&row_at(2, "b"), true), Way::Ahead(_)));
        assert!(!arrivals.missed() && arrivals.is_settled(), "the others wait for nothing");
        arrivals.catch_up(&all(&["p"]), &["a".into()]);
        assert!(matches!(arrivals.offer(&row_at(3, "a"), true), Way::Ahead(_)));
        assert!(!arrivals.is_settled(), "the first of the address may not be in the journal when it is read");
        drop(kept);
        assert!(arrivals.is_settled());
        assert_eq!(ids(&arrivals), [2, 3]);
    }

    #[test]
    fn what_does_not_fit_is_put_into_the_journal_behind_what_waits() {
        let arrivals = Arrivals::new();
        arrivals.follow(&all(&["p"]));
        for id in 0..MOST_ROWS as i64 {
            assert!(matches!(arrivals.offer(&row(id, "p"), true), Way::Ahead(_)));
        }
        assert!(!arrivals.is_held(), "the journal may hold what comes before them");
        arrivals.caught_up();
        assert!(matches!(arrivals.offer(&row(-2, "p"), true), Way::Ahead(_)));
        assert!(arrivals.is_held());
        drop(appending(arrivals.offer(&row(-1, "p"), true)));
        assert_eq!(ids(&arrivals), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let (rest, _) = arrivals.hold();
        assert_eq!(rest.len(), MOST_ROWS - 8);
    }

    fn heavy(bytes: usize) -> Arc<PendingRow> {
        Arc::new(PendingRow { plugin: "p".into(), body: vec![0; bytes], ..PendingRow::default() })
    }

    #[test]
    fn a_few_large_requests_are_as_many_as_fit() {
        let arrivals = Arrivals::new();
        arrivals.follow(&all(&["p"]));
        arrivals.caught_up();
        assert!(matches!(arrivals.offer(&heavy(MOST_BYTES), true), Way::Ahead(_)));
        drop(appending(arrivals.offer(&heavy(1), true)));
        assert_eq!(arrivals.take(9).len(), 1);
        arrivals.follow(&all(&["p"]));
        assert!(matches!(arrivals.offer(&heavy(1), true), Way::Ahead(_)), "what was taken makes room");
    }

    #[test]
    fn nothing_is_taken_past_the_bound_while_the_journal_is_read() {
        let arrivals = Arrivals::new();
        arrivals.follow(&all(&["p"]));
        for _ in 0..MOST_ROWS * MEANWHILE {
            assert!(matches!(arrivals.offer(&row(1, "p"), true), Way::Ahead(_)));
        }
        assert!(matches!(arrivals.offer(&row(2, "p"), true), Way::Nowhere));
        arrivals.take(1);
        assert!(matches!(arrivals.offer(&heavy(MOST_BYTES * MEANWHILE), true), Way::Ahead(_)));
        arrivals.take(9);
        assert!(matches!(arrivals.offer(&row(3, "p"), true), Way::Nowhere), "it has too many bytes");
    }
}
