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
        self.reserve(amount).then(|| Room { budget: self.clone(), amount })
    }

    fn reserve(&self, amount: usize) -> bool {
        let taken = self.0.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(amount).filter(|used| *used <= self.0.most)
        });
        taken.is_ok()
    }
}

impl Room {
    /// Makes it this large, where it is smaller; whether there is room for that.
    pub fn grow(&mut self, amount: usize) -> bool {
        let Some(more) = amount.checked_sub(self.amount).filter(|more| *more > 0) else { return true };
        let taken = self.budget.reserve(more);
        self.amount += if taken { more } else { 0 };
        taken
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
        let mut second = budget.take(1).expect("there is room");
        assert!(second.grow(2) && second.grow(1) && !second.grow(3));
        drop(first);
        assert!(budget.take(8).is_some());
        drop(second);
    }
}
