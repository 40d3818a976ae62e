//! The connections of mail servers: how many there are, of whom, and which one ends where a new one needs its seat.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::client_key::ClientKey;

/// One connection.
pub(super) struct Seat {
    client: Option<ClientKey>,
    /// When it was accepted, or its last mail was over.
    since: Mutex<Instant>,
    /// Whether a mail with a recipient is under way.
    serving: AtomicBool,
    end: Notify,
}

impl Seat {
    /// Notes that a mail has a recipient here.
    pub fn serves(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// Notes that no mail is under way.
    pub fn rests(&self) {
        if self.serving.swap(false, Ordering::AcqRel) {
            *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// Waits until another connection needs the seat.
    pub async fn ended(&self) {
        self.end.notified().await;
    }

    /// For how long it has been without a mail; none where one is under way.
    fn idle(&self) -> Option<Duration> {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        (!self.serving.load(Ordering::Acquire)).then(|| since.elapsed())
    }
}

/// The seats there are. Cheap to clone.
#[derive(Clone)]
pub(super) struct Seats {
    taken: Arc<Mutex<Vec<Arc<Seat>>>>,
    most: usize,
    most_of_one: usize,
    patience: Duration,
}

/// A seat that is taken; free again when dropped.
pub(super) struct Taken {
    seats: Seats,
    pub seat: Arc<Seat>,
}

impl Seats {
    /// So many, in all and of one client. A connection that has been without a mail for longer than `patience` gives its seat to a new
    /// one, so that a few clients which only connect keep nobody's mail out.
    pub fn new(most: usize, most_of_one: usize, patience: Duration) -> Seats {
        Seats { taken: Arc::default(), most, most_of_one, patience }
    }

    /// Takes a seat, if there is one or one can be freed.
    pub fn take(&self, client: Option<ClientKey>) -> Option<Taken> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if client.is_some() && taken.iter().filter(|seat| seat.client == client).count() >= self.most_of_one {
            self.free(&mut taken, |seat| seat.client == client)?;
        }
        if taken.len() >= self.most {
            self.free(&mut taken, |_| true)?;
        }
        let (since, serving) = (Mutex::new(Instant::now()), AtomicBool::new(false));
        let seat = Arc::new(Seat { client, since, serving, end: Notify::new() });
        taken.push(Arc::clone(&seat));
        Some(Taken { seats: self.clone(), seat })
    }

    /// Ends the connection that has been without a mail for the longest time.
    fn free(&self, taken: &mut Vec<Arc<Seat>>, of: impl Fn(&Seat) -> bool) -> Option<()> {
        let idle = taken.iter().enumerate().filter(|(_, seat)| of(seat));
        let idle = idle.filter_map(|(at, seat)| Some((seat.idle().filter(|idle| *idle > self.patience)?, at)));
        let (_, at) = idle.max()?;
        taken.swap_remove(at).end.notify_one();
        metrics::counter!("sambung_mail_connections_ended_total").increment(1);
        Some(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|seat| !Arc::ptr_eq(seat, &self.seat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_without_a_mail_gives_its_seat_to_a_new_one_and_one_with_a_mail_does_not() {
        let client = |last: u8| Some(ClientKey::of([192, 0, 2, last].into()));
        let seats = Seats::new(3, 2, Duration::from_millis(5));
        let (first, second) = (seats.take(client(1)).expect("free"), seats.take(client(1)).expect("free"));
        assert!(seats.take(client(1)).is_none(), "both have only come");
        first.seat.serves();
        std::thread::sleep(Duration::from_millis(20));
        let third = seats.take(client(1)).expect("the second's");
        let ended = |seat: &Seat| futures_util::FutureExt::now_or_never(seat.ended()).is_some();
        assert!(ended(&second.seat) && !ended(&first.seat));
        drop(second);
        third.seat.serves();
        let fourth = seats.take(client(2)).expect("free");
        fourth.seat.serves();
        std::thread::sleep(Duration::from_millis(20));
        assert!(seats.take(client(3)).is_none(), "all have mails under way");
        fourth.seat.rests();
        std::thread::sleep(Duration::from_millis(20));
        assert!(seats.take(client(3)).is_some());
        drop((first, third, fourth));
        assert!(seats.taken.lock().expect("no panic").is_empty());
    }
}
