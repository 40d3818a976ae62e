//! How many calls run at once, and how many may queue for their turn.
//!
//! Calls that may wait for a provider and calls that wait for nothing have places of their own: a provider that answers
//! nobody holds back sending, and translation goes on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::calls::Function;

/// How many calls may wait for a place, for each place there is.
const WAITING_PER_PLACE: usize = 4;

/// One in so many places is for calls that wait for nothing: they take a place for milliseconds, the others for as long as a
/// provider likes.
const PURE_SHARE: u32 = 4;

/// As many places as instances fit into the engine's pool.
pub(crate) struct Places {
    pure: Kind,
    waiting: Kind,
}

impl Places {
    /// Shares out this many, of which there are at least two.
    pub(crate) fn new(number: u32) -> Places {
        let pure = (number / PURE_SHARE).max(1);
        Places { pure: Kind::new(pure), waiting: Kind::new(number.saturating_sub(pure).max(1)) }
    }

    /// A place for a call of this function, waited for no longer than this.
    pub(crate) async fn take(&self, function: Function, patience: Duration) -> Option<SemaphorePermit<'_>> {
        let kind = if function.is_pure() { &self.pure } else { &self.waiting };
        kind.take(patience).await
    }
}

/// Places that are taken in each other's stead, with a bounded queue before them.
struct Kind {
    free: Semaphore,
    queued: AtomicUsize,
    may_queue: usize,
}

impl Kind {
    fn new(number: u32) -> Kind {
        let number = number as usize;
        Kind { free: Semaphore::new(number), queued: AtomicUsize::new(0), may_queue: number * WAITING_PER_PLACE }
    }

    async fn take(&self, patience: Duration) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.free.try_acquire() {
            return Some(place);
        }
        let queued = Queued::join(self)?;
        let place = timeout(patience, self.free.acquire()).await.ok()?.ok();
        drop(queued);
        place
    }
}

/// One in the queue; leaves it also when its call is given up.
struct Queued<'a>(&'a Kind);

impl<'a> Queued<'a> {
    fn join(kind: &'a Kind) -> Option<Queued<'a>> {
        let queued = Queued(kind);
        (kind.queued.fetch_add(1, Ordering::Relaxed) < kind.may_queue).then_some(queued)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_for_a_provider_takes_no_place_of_translation() {
        for number in [2, 3, 16, 256] {
            let places = Places::new(number);
            let soon = Duration::from_millis(1);
            let mut sending = Vec::new();
            while let Some(place) = places.take(Function::Send, soon).await {
                sending.push(place);
            }
            let mut translating = Vec::new();
            while let Some(place) = places.take(Function::HandleWebhook, soon).await {
                translating.push(place);
            }
            assert!(!translating.is_empty(), "{number}");
            assert!(sending.len() >= translating.len(), "{number}");
            assert_eq!(sending.len() + translating.len(), number as usize, "no more than the pool has");
        }
    }
}
