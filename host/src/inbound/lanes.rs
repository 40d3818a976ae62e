//! The order of what was taken from the journal: a lane for each address, whose rows leave in the order in which they came.
//!
//! Pure bookkeeping: it neither waits nor asks anybody.

use crate::keys::RequestId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Rows in flight, with what was made of those that are translated.
pub(super) struct Lanes<T> {
    lanes: HashMap<Arc<str>, Lane<T>>,
    ready: Turns,
    taken: HashSet<RequestId>,
    done: usize,
}

struct Lane<T> {
    /// Whose turns the rows use, see [`crate::db::PendingRow::sharer`].
    sharer: Arc<str>,
    rows: VecDeque<Slot<T>>,
}

struct Slot<T> {
    id: RequestId,
    done: Option<T>,
}

/// Addresses whose first row is translated, by sharer. Sharers take turns, and so do the addresses of each.
#[derive(Default)]
struct Turns {
    sharers: VecDeque<Arc<str>>,
    addresses: HashMap<Arc<str>, VecDeque<Arc<str>>>,
}

/// What a sharer may still put into a commit.
struct Turn {
    /// What one address may put in at a time, by weight.
    step: usize,
    /// What all addresses of the sharer may still put in, by weight.
    left: usize,
    /// No row has left in this turn yet.
    is_new: bool,
}

/// What an address still holds after its rows left.
enum Left {
    /// No row that is ready.
    Nothing,
    /// Rows that may leave in the same commit.
    More,
    /// Rows that wait for the one that left in part.
    Behind,
    /// All its rows, because none fits into the turn.
    All,
}

impl Turns {
    /// The addresses of a sharer. The caller adds one at least.
    fn of(&mut self, sharer: &Arc<str>) -> &mut VecDeque<Arc<str>> {
        self.addresses.entry(Arc::clone(sharer)).or_insert_with(|| {
            self.sharers.push_back(Arc::clone(sharer));
            VecDeque::new()
        })
    }

    /// The sharer whose turn it is, with its addresses.
    fn next(&mut self) -> Option<(Arc<str>, VecDeque<Arc<str>>)> {
        let sharer = self.sharers.pop_front()?;
        let addresses = self.addresses.remove(&sharer)?;
        Some((sharer, addresses))
    }
}

impl<T> Lanes<T> {
    pub fn new() -> Lanes<T> {
        Lanes { lanes: HashMap::new(), ready: Turns::default(), taken: HashSet::new(), done: 0 }
    }

    /// Takes a row on; false where it is in flight already.
    pub fn take(&mut self, sharer: &Arc<str>, address: &Arc<str>, id: RequestId) -> bool {
        if !self.taken.insert(id) {
            return false;
        }
        let lane = self.lane(sharer, address);
        // A row that is run again comes with an old id: it goes where it belongs, but never before what may be leaving now.
        let place = lane.iter().skip(1).position(|slot| slot.id > id).map_or(lane.len(), |place| place + 1);
        lane.insert(place, Slot { id, done: None });
        true
    }

    fn lane(&mut self, sharer: &Arc<str>, address: &Arc<str>) -> &mut VecDeque<Slot<T>> {
        let new = || Lane { sharer: Arc::clone(sharer), rows: VecDeque::new() };
        &mut self.lanes.entry(Arc::clone(address)).or_insert_with(new).rows
    }

    /// Notes what was made of a row.
    pub fn done(&mut self, address: &Arc<str>, id: RequestId, value: T) {
        let Some(Lane { sharer, rows }) = self.lanes.get_mut(address) else { return };
        let Some(place) = rows.iter().position(|slot| slot.id == id) else { return };
        rows[place].done = Some(value);
        self.done += 1;
        if place == 0 {
            self.ready.of(sharer).push_back(Arc::clone(address));
        }
    }

    /// What may be committed next, at most `most` by their weight, in the order of each address. Sharers divide that among them, each
    /// with one turn of at most `step`, so that a commit with rows of several is short; a sharer that is alone fills it. A row that
    /// weighs more than `step` counts as that much and is the last of its address: it may come [`Lanes::back`].
    pub fn leave(&mut self, most: usize, step: usize, weigh: impl Fn(&T) -> usize) -> Vec<T> {
        let sharers = self.ready.sharers.len();
        let each = if sharers == 1 { most } else { step.min(most / sharers.max(1)).max(1) };
        let (mut leaving, mut room) = (Vec::new(), most);
        for _ in 0..sharers {
            if room == 0 {
                break;
            }
            let Some((sharer, mut addresses)) = self.ready.next() else { break };
            let (mut turn, mut later) = (Turn { step, left: each.min(room), is_new: true }, Vec::new());
            room -= turn.left;
            while let Some(address) = addresses.pop_front() {
                match self.leave_one(&address, &mut turn, &weigh, &mut leaving) {
                    Left::Nothing => {}
                    Left::More => addresses.push_back(address),
                    Left::Behind => later.push(address),
                    Left::All => {
                        addresses.push_front(address);
                        break;
                    }
                }
            }
            room += turn.left;
            addresses.extend(later);
            if !addresses.is_empty() {
                self.ready.of(&sharer).append(&mut addresses);
            }
        }
        leaving
    }

    /// Lets rows of one address leave, at most a `step` together.
    fn leave_one(
        &mut self,
        address: &Arc<str>,
        turn: &mut Turn,
        weigh: impl Fn(&T) -> usize,
        leaving: &mut Vec<T>,
    ) -> Left {
        let Some(Lane { rows, .. }) = self.lanes.get_mut(address) else { return Left::Nothing };
        let before = leaving.len();
        let (mut room, mut whole) = (turn.step, true);
        while whole && let Some(value) = rows.front().and_then(|slot| slot.done.as_ref()) {
            let weight = weigh(value).max(1);
            let counts = weight.min(turn.step);
            // The first of a turn leaves whatever it weighs.
            if !turn.is_new && counts > room.min(turn.left) {
                break;
            }
            whole = weight <= turn.step;
            room = room.saturating_sub(counts);
            turn.left = turn.left.saturating_sub(counts);
            turn.is_new = false;
            self.done -= 1;
            leaving.extend(rows.pop_front().and_then(|slot| slot.done));
        }
        let more = rows.front().is_some_and(|slot| slot.done.is_some());
        if rows.is_empty() {
            self.lanes.remove(address);
        }
        match (more, whole) {
            (false, _) => Left::Nothing,
            (true, false) => Left::Behind,
            (true, true) if leaving.len() == before => Left::All,
            (true, true) => Left::More,
        }
    }

    /// A row that left comes back before all others of its address: it is committed in part. To be said before anything else
    /// leaves.
    pub fn back(&mut self, sharer: &Arc<str>, address: &Arc<str>, id: RequestId, value: T) {
        self.lane(sharer, address).push_front(Slot { id, done: Some(value) });
        self.done += 1;
        let ready = self.ready.of(sharer);
        if !ready.contains(address) {
            ready.push_back(Arc::clone(address));
        }
    }

    /// A row that left is committed.
    pub fn committed(&mut self, id: RequestId) {
        self.taken.remove(&id);
    }

    /// The rows in flight, those that are being committed included.
    pub fn taken(&self) -> &HashSet<RequestId> {
        &self.taken
    }

    /// Rows that something was made of and that did not leave.
    pub fn translated(&self) -> usize {
        self.done
    }

    /// Whether something may leave.
    pub fn is_ready(&self) -> bool {
        !self.ready.sharers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slow_row_holds_its_own_address_and_no_other() {
        let mut lanes = Lanes::new();
        for (address, id) in [("a", 1), ("a", 2), ("b", 3)] {
            assert!(lanes.take(&address.into(), &address.into(), RequestId::of_row(id)));
        }
        let (a, b) = ("a".into(), "b".into());
        assert!(!lanes.take(&a, &a, RequestId::of_row(2)));
        lanes.done(&a, RequestId::of_row(2), 2);
        lanes.done(&b, RequestId::of_row(3), 3);
        assert_eq!(lanes.leave(10, 10, |_| 1), [3]);
        lanes.done(&a, RequestId::of_row(1), 1);
        assert_eq!(lanes.leave(1, 10, |_| 1), [1]);
        assert!(lanes.is_ready());
        assert_eq!(lanes.leave(1, 10, |_| 1), [2]);
        assert_eq!(lanes.taken().len(), 3);
        [1, 2, 3].into_iter().for_each(|id| lanes.committed(RequestId::of_row(id)));
        assert!(lanes.taken().is_empty());
    }

    #[test]
    fn a_row_that_is_committed_in_steps_is_over_before_the_next_of_its_address_and_holds_no_other() {
        let mut lanes = Lanes::new();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        for (address, id) in [(&a, 1), (&a, 2), (&b, 3)] {
            assert!(lanes.take(address, address, RequestId::of_row(id)));
            lanes.done(address, RequestId::of_row(id), id);
        }
        let weigh = |id: &i64| if *id == 1 { 100 } else { 1 };
        assert_eq!(lanes.leave(50, 10, weigh), [1, 3]);
        lanes.committed(RequestId::of_row(3));
        lanes.back(&a, &a, RequestId::of_row(1), 1);
        assert_eq!(lanes.translated(), 2);
        assert_eq!(lanes.leave(50, 10, weigh), [1]);
        lanes.back(&a, &a, RequestId::of_row(1), 1);
        assert_eq!(lanes.leave(50, 10, |_| 1), [1, 2], "the last step is light");
        assert!(!lanes.is_ready());
        [1, 2].into_iter().for_each(|id| lanes.committed(RequestId::of_row(id)));
        assert!(lanes.taken().is_empty());
        // A row that came while another of its address was out waits behind it.
        assert!(lanes.take(&a, &a, RequestId::of_row(4)));
        lanes.done(&a, RequestId::of_row(4), 4);
        assert_eq!(lanes.leave(50, 10, |_| 100), [4]);
        assert!(lanes.take(&a, &a, RequestId::of_row(5)));
        lanes.done(&a, RequestId::of_row(5), 5);
        lanes.back(&a, &a, RequestId::of_row(4), 4);
        assert_eq!(lanes.leave(50, 10, |_| 1), [4, 5]);
    }

    /// Rows `from..until` of an address, all translated.
    fn fill(lanes: &mut Lanes<i64>, sharer: &str, address: &str, rows: std::ops::Range<i64>) {
        let (sharer, address) = (sharer.into(), address.into());
        for id in rows {
            assert!(lanes.take(&sharer, &address, RequestId::of_row(id)));
            lanes.done(&address, RequestId::of_row(id), id);
        }
    }

    #[test]
    fn a_sharer_that_is_alone_fills_a_commit_and_beside_another_it_has_a_turn() {
        let mut lanes = Lanes::new();
        fill(&mut lanes, "a", "a1", 0..60);
        assert_eq!(lanes.leave(20, 10, |_| 1), (0..20).collect::<Vec<_>>());
        fill(&mut lanes, "b", "b1", 100..101);
        assert_eq!(lanes.leave(20, 10, |_| 1), (20..30).chain([100]).collect::<Vec<_>>());
        assert_eq!(lanes.leave(20, 10, |_| 1), (30..50).collect::<Vec<_>>());
    }

    #[test]
    fn the_addresses_of_a_sharer_take_turns_and_however_many_they_are_another_waits_for_no_more_than_one_turn() {
        let mut lanes = Lanes::new();
        for address in 0..50 {
            fill(&mut lanes, "a", &format!("a{address}"), address * 100..address * 100 + 20);
        }
        fill(&mut lanes, "b", "b1", 9_000..9_001);
        assert_eq!(lanes.leave(20, 10, |_| 1), (0..10).chain([9_000]).collect::<Vec<_>>());
        assert_eq!(lanes.leave(20, 10, |_| 1), (100..110).chain(200..210).collect::<Vec<_>>());
        let mut left = 31;
        while lanes.is_ready() {
            left += lanes.leave(20, 10, |_| 1).len();
        }
        assert_eq!(left, 50 * 20 + 1);
    }

    #[test]
    fn rows_of_many_events_leave_within_the_turn_of_their_address() {
        let mut lanes = Lanes::new();
        fill(&mut lanes, "a", "a1", 0..5);
        fill(&mut lanes, "b", "b1", 100..101);
        assert_eq!(lanes.leave(100, 10, |_| 6), [0, 100], "two of them are more than a turn");
        assert_eq!(lanes.leave(12, 10, |_| 6), [1, 2]);
        assert_eq!(lanes.leave(100, 10, |_| 5), [3, 4]);
    }

    #[test]
    fn however_many_sharers_have_rows_each_has_some_in_the_next_commit() {
        let mut lanes = Lanes::new();
        for sharer in 0..20 {
            fill(&mut lanes, &format!("s{sharer}"), &format!("a{sharer}"), sharer * 100..sharer * 100 + 50);
        }
        assert_eq!(lanes.leave(40, 64, |_| 1), (0..20).flat_map(|one| [one * 100, one * 100 + 1]).collect::<Vec<_>>());
        assert_eq!(lanes.leave(10, 64, |_| 1).len(), 10, "one each, of as many as there is room for");
    }

    proptest! {
        /// Whatever the order in which translations end, the rows of an address leave in order of arrival, each once.
        #[test]
        fn rows_of_an_address_leave_in_order(
            addresses in prop::collection::vec(0..4u8, 1..60),
            order in prop::collection::vec(any::<prop::sample::Index>(), 60),
            most in 1..7usize,
        ) {
            let mut lanes = Lanes::new();
            let mut rows: Vec<(String, i64)> = Vec::new();
            for (id, address) in addresses.iter().enumerate() {
                rows.push((address.to_string(), id as i64));
                lanes.take(&(address % 2).to_string().into(), &address.to_string().into(), RequestId::of_row(id as i64));
            }
            let (mut left, mut waiting) = (Vec::new(), rows.clone());
            for index in order {
                if waiting.is_empty() {
                    break;
                }
                let (address, id) = waiting.remove(index.index(waiting.len()));
                lanes.done(&address.as_str().into(), RequestId::of_row(id), (address.clone(), id));
                left.extend(lanes.leave(most, 10, |_| 1));
            }
            while lanes.is_ready() {
                left.extend(lanes.leave(most, 10, |_| 1));
            }
            for address in addresses {
                let of = |all: &[(String, i64)]| -> Vec<i64> {
                    all.iter().filter(|(other, _)| *other == address.to_string()).map(|(_, id)| *id).collect()
                };
                prop_assert_eq!(of(&left), of(&rows));
            }
        }
    }
}
