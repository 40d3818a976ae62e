//! How much of something may be in memory at a time: who finds no room is told so at once, and nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Room that is shared. Cheap to clone.
#[derive(Clone)]
pub(super) struct Budget(Arc<Inner>);

struct Inner {
    used: AtomicUsize,
    most: usize,
}

/// Room that was taken; given back when dropped.
pub(super) struct Room {
    budget: Budget,
    amount: usize,
}

impl Budget {
    pub fn new(most: usize) -> Budget {
        Budget(Arc::new(Inner { used: AtomicUsize::new(0), most }))
    }

    /// Takes room, or nothing.
    pub fn take(&self, amount: usize) -> Option<Room> {
        let taken = self.0.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(amount).filter(|used| *used <= self.0.most)
        });
        taken.ok().map(|_| Room { budget: self.clone(), amount })
    }
}

impl Room {
    /// Takes more until it is so much; false where there is none.
    pub fn grow(&mut self, to: usize) -> bool {
        let Some(more) = to.checked_sub(self.amount).filter(|more| *more > 0) else { return true };
        let Some(mut taken) = self.budget.take(more) else { return false };
        self.amount += std::mem::take(&mut taken.amount);
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.amount, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_when_it_is_dropped() {
        let budget = Budget::new(10);
        let first = budget.take(8).expect("there is room");
        assert!(budget.take(3).is_none());
        let second = budget.take(2).expect("there is room");
        drop(first);
        assert!(budget.take(8).is_some());
        drop(second);
    }

    #[test]
    fn room_grows_while_there_is_some_and_gives_all_of_it_back() {
        let budget = Budget::new(10);
        let mut room = budget.take(2).expect("there is room");
        assert!(room.grow(1) && room.grow(9));
        assert!(!room.grow(11));
        assert!(budget.take(2).is_none() && budget.take(1).is_some());
        drop(room);
        assert!(budget.take(10).is_some());
    }
}
