//! The order of what was taken from the journal: a lane for each address, whose rows leave in the order in which they came.
//!
//! Pure bookkeeping: it neither waits nor asks anybody.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Rows in flight, with what was made of those that are translated.
pub(super) struct Lanes<T> {
    lanes: HashMap<Arc<str>, VecDeque<Slot<T>>>,
    /// Addresses whose first row is translated.
    ready: VecDeque<Arc<str>>,
    taken: HashSet<i64>,
    done: usize,
}

struct Slot<T> {
    id: i64,
    done: Option<T>,
}

impl<T> Lanes<T> {
    pub fn new() -> Lanes<T> {
        Lanes { lanes: HashMap::new(), ready: VecDeque::new(), taken: HashSet::new(), done: 0 }
    }

    /// Takes a row on; false where it is in flight already.
    pub fn take(&mut self, address: &Arc<str>, id: i64) -> bool {
        if !self.taken.insert(id) {
            return false;
        }
        let lane = self.lanes.entry(Arc::clone(address)).or_default();
        // A row that is run again comes with an old id: it goes where it belongs, but never before what may be leaving now.
        let place = lane.iter().skip(1).position(|slot| slot.id > id).map_or(lane.len(), |place| place + 1);
        lane.insert(place, Slot { id, done: None });
        true
    }

    /// Notes what was made of a row.
    pub fn done(&mut self, address: &Arc<str>, id: i64, value: T) {
        let Some(lane) = self.lanes.get_mut(address) else { return };
        let Some(place) = lane.iter().position(|slot| slot.id == id) else { return };
        lane[place].done = Some(value);
        self.done += 1;
        if place == 0 {
            self.ready.push_back(Arc::clone(address));
        }
    }

    /// What may be committed next, at most `most` by their weight, in the order of each address. A row that weighs more than `step`
    /// counts as that much and is the last of its address: it may come [`Lanes::back`]. Addresses take turns of `step`, so that one with
    /// many rows leaves room for the others.
    pub fn leave(&mut self, most: usize, step: usize, weigh: impl Fn(&T) -> usize) -> Vec<T> {
        let (mut leaving, mut later) = (Vec::new(), Vec::new());
        let mut room = most;
        while room > 0
            && let Some(address) = self.ready.pop_front()
        {
            let Some(lane) = self.lanes.get_mut(&address) else { continue };
            let (mut whole, mut turn) = (true, step);
            while whole && room > 0 && turn > 0 && lane.front().is_some_and(|slot| slot.done.is_some()) {
                let Some(slot) = lane.pop_front() else { break };
                self.done -= 1;
                if let Some(value) = slot.done {
                    let weight = weigh(&value);
                    whole = weight <= step;
                    room = room.saturating_sub(weight.clamp(1, step));
                    turn = turn.saturating_sub(weight.max(1));
                    leaving.push(value);
                }
            }
            match lane.front() {
                None => {
                    self.lanes.remove(&address);
                }
                Some(Slot { done: Some(_), .. }) if whole => self.ready.push_back(address),
                Some(Slot { done: Some(_), .. }) => later.push(address),
                Some(_) => {}
            }
        }
        self.ready.extend(later);
        leaving
    }

    /// A row that left comes back before all others of its address: it is committed in part. To be said before anything else
    /// leaves.
    pub fn back(&mut self, address: &Arc<str>, id: i64, value: T) {
        let lane = self.lanes.entry(Arc::clone(address)).or_default();
        lane.push_front(Slot { id, done: Some(value) });
        self.done += 1;
        if !self.ready.contains(address) {
            self.ready.push_back(Arc::clone(address));
        }
    }

    /// A row that left is committed.
    pub fn committed(&mut self, id: i64) {
        self.taken.remove(&id);
    }

    /// The rows in flight, those that are being committed included.
    pub fn taken(&self) -> &HashSet<i64> {
        &self.taken
    }

    /// Whether a row waits for a translation: its own, or that of one before it.
    pub fn waits(&self, address: &Arc<str>, id: i64) -> bool {
        let lane = self.lanes.get(address).into_iter().flatten();
        let until = lane.take_while(|slot| slot.id <= id);
        until.into_iter().any(|slot| slot.done.is_none())
    }

    /// Rows that something was made of and that did not leave.
    pub fn translated(&self) -> usize {
        self.done
    }

    /// Whether something may leave.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
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
            assert!(lanes.take(&address.into(), id));
        }
        let (a, b) = ("a".into(), "b".into());
        assert!(!lanes.take(&a, 2));
        lanes.done(&a, 2, 2);
        lanes.done(&b, 3, 3);
        assert!(lanes.waits(&a, 2), "for the one before it");
        assert!(!lanes.waits(&b, 3));
        assert_eq!(lanes.leave(10, 10, |_| 1), [3]);
        lanes.done(&a, 1, 1);
        assert!(!lanes.waits(&a, 2));
        assert_eq!(lanes.leave(1, 10, |_| 1), [1]);
        assert!(lanes.is_ready());
        assert_eq!(lanes.leave(1, 10, |_| 1), [2]);
        assert_eq!(lanes.taken().len(), 3);
        [1, 2, 3].into_iter().for_each(|id| lanes.committed(id));
        assert!(lanes.taken().is_empty());
    }

    #[test]
    fn a_row_that_is_committed_in_steps_is_over_before_the_next_of_its_address_and_holds_no_other() {
        let mut lanes = Lanes::new();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        for (address, id) in [(&a, 1), (&a, 2), (&b, 3)] {
            assert!(lanes.take(address, id));
            lanes.done(address, id, id);
        }
        let weigh = |id: &i64| if *id == 1 { 100 } else { 1 };
        assert_eq!(lanes.leave(50, 10, weigh), [1, 3]);
        lanes.committed(3);
        lanes.back(&a, 1, 1);
        assert_eq!(lanes.translated(), 2);
        assert_eq!(lanes.leave(50, 10, weigh), [1]);
        lanes.back(&a, 1, 1);
        assert_eq!(lanes.leave(50, 10, |_| 1), [1, 2], "the last step is light");
        assert!(!lanes.is_ready());
        [1, 2].into_iter().for_each(|id| lanes.committed(id));
        assert!(lanes.taken().is_empty());
        // A row that came while another of its address was out waits behind it.
        assert!(lanes.take(&a, 4));
        lanes.done(&a, 4, 4);
        assert_eq!(lanes.leave(50, 10, |_| 100), [4]);
        assert!(lanes.take(&a, 5));
        lanes.done(&a, 5, 5);
        lanes.back(&a, 4, 4);
        assert_eq!(lanes.leave(50, 10, |_| 1), [4, 5]);
    }

    #[test]
    fn an_address_with_many_rows_leaves_room_for_another() {
        let mut lanes = Lanes::new();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        for id in 0..100 {
            lanes.take(&a, id);
            lanes.done(&a, id, id);
        }
        lanes.take(&b, 100);
        lanes.done(&b, 100, 100);
        let left = lanes.leave(20, 10, |_| 1);
        assert_eq!(left.len(), 20);
        assert_eq!(left[..11], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100]);
        assert_eq!(left[11..], (10..19).collect::<Vec<_>>());
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
                lanes.take(&address.to_string().into(), id as i64);
            }
            let (mut left, mut waiting) = (Vec::new(), rows.clone());
            for index in order {
                if waiting.is_empty() {
                    break;
                }
                let (address, id) = waiting.remove(index.index(waiting.len()));
                lanes.done(&address.as_str().into(), id, (address.clone(), id));
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
