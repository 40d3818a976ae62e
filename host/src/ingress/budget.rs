//! How much of something may be in use at a time, in all and by one client. A caller that finds no room is told so at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::client_key::ClientKey;

/// Room that is shared. Cheap to clone.
#[derive(Clone)]
pub(super) struct Budget(Arc<Inner>);

struct Inner {
    used: AtomicUsize,
    most: usize,
    of_one: Mutex<HashMap<ClientKey, usize>>,
    most_of_one: usize,
    taken: metrics::Gauge,
    refused_in_all: metrics::Counter,
    refused_of_one: metrics::Counter,
}

/// Room that was taken; given back when dropped.
pub(super) struct Room {
    budget: Budget,
    client: Option<ClientKey>,
    amount: usize,
}

impl Budget {
    /// Room of which one client has at most `most_of_one`. Its metrics carry `room` as a label.
    pub fn with_share(room: &'static str, most: usize, most_of_one: usize) -> Budget {
        metrics::gauge!("sambung_ingress_room", "room" => room).set(most as f64);
        let refused =
            |reason| metrics::counter!("sambung_ingress_room_refused_total", "room" => room, "reason" => reason);
        Budget(Arc::new(Inner {
            used: AtomicUsize::new(0),
            most,
            of_one: Mutex::default(),
            most_of_one,
            taken: metrics::gauge!("sambung_ingress_room_taken", "room" => room),
            refused_in_all: refused("total"),
            refused_of_one: refused("address"),
        }))
    }

    /// Takes room for a client (none: for no client's share), or nothing.
    pub fn take(&self, client: Option<ClientKey>, amount: usize) -> Option<Room> {
        let mut room = Room { budget: self.clone(), client, amount: 0 };
        room.grow(amount).then_some(room)
    }

    fn add(&self, client: Option<ClientKey>, amount: usize) -> bool {
        let fits = |used: usize, most: usize| used.checked_add(amount).filter(|used| *used <= most);
        // The lock is held until the total is known, so that a client's share never counts what it did not get.
        let mut of_one = client.map(|client| (client, self.lock()));
        if let Some((client, of_one)) = &of_one
            && fits(of_one.get(client).copied().unwrap_or_default(), self.0.most_of_one).is_none()
        {
            self.0.refused_of_one.increment(1);
            return false;
        }
        let most = self.0.most;
        if self.0.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| fits(used, most)).is_err() {
            self.0.refused_in_all.increment(1);
            return false;
        }
        self.0.taken.increment(amount as f64);
        if let Some((client, of_one)) = &mut of_one {
            *of_one.entry(*client).or_default() += amount;
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ClientKey, usize>> {
        self.0.of_one.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Takes more until it is so much; false where there is none.
    pub fn grow(&mut self, to: usize) -> bool {
        let Some(more) = to.checked_sub(self.amount).filter(|more| *more > 0) else { return true };
        if !self.budget.add(self.client, more) {
            return false;
        }
        self.amount += more;
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        self.budget.0.used.fetch_sub(self.amount, Ordering::AcqRel);
        self.budget.0.taken.decrement(self.amount as f64);
        let Some(client) = self.client else { return };
        let mut of_one = self.budget.lock();
        if let Some(used) = of_one.get_mut(&client) {
            *used -= self.amount;
            if *used == 0 {
                of_one.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_when_it_is_dropped() {
        let budget = Budget::with_share("test", 10, 10);
        let first = budget.take(None, 8).expect("there is room");
        assert!(budget.take(None, 3).is_none());
        let second = budget.take(None, 2).expect("there is room");
        drop(first);
        assert!(budget.take(None, 8).is_some());
        drop(second);
    }

    #[test]
    fn room_grows_while_there_is_some_and_gives_all_of_it_back() {
        let budget = Budget::with_share("test", 10, 10);
        let mut room = budget.take(None, 2).expect("there is room");
        assert!(room.grow(1) && room.grow(9));
        assert!(!room.grow(11));
        assert!(budget.take(None, 2).is_none() && budget.take(None, 1).is_some());
        drop(room);
        assert!(budget.take(None, 10).is_some());
    }

    #[test]
    fn one_client_has_its_share_and_leaves_the_rest_to_others() {
        let client = |last: u8| Some(ClientKey::of([192, 0, 2, last].into()));
        let budget = Budget::with_share("test", 10, 4);
        let mut first = budget.take(client(1), 3).expect("there is room");
        assert!(!first.grow(5) && first.grow(4));
        assert!(budget.take(client(1), 1).is_none());
        let others = (budget.take(client(2), 4), budget.take(client(3), 2));
        assert!(others.0.is_some() && others.1.is_some());
        assert!(budget.take(client(4), 1).is_none(), "there is no more in all");
        drop((first, others));
        assert!(budget.lock().is_empty());
        assert!(budget.take(client(1), 4).is_some());
    }
}
