//! One act at a time at a channel or a registration. The host's own rounds skip a channel that is busy; an admin's act waits for its
//! turn, because a round that happens to look at the channel is no reason to refuse it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::ChannelError;

/// How long an act waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Inner>);

#[derive(Default)]
struct Inner {
    held: Mutex<HashSet<String>>,
    ended: Notify,
}

/// The right to act at `id`, until it is dropped.
pub(super) struct Turn {
    all: Turns,
    id: String,
}

impl Turns {
    /// Takes the turn at once.
    ///
    /// # Errors
    /// Another act is at it.
    pub(super) fn take(&self, id: &str) -> Result<Turn, ChannelError> {
        if !self.0.held.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()) {
            return Err(ChannelError::Busy);
        }
        Ok(Turn { all: self.clone(), id: id.to_owned() })
    }

    /// Takes the turn as soon as it is free.
    ///
    /// # Errors
    /// Another act is still at it after five seconds.
    pub(super) async fn wait(&self, id: &str) -> Result<Turn, ChannelError> {
        self.wait_until(id, Instant::now() + PATIENCE).await
    }

    async fn wait_until(&self, id: &str, until: Instant) -> Result<Turn, ChannelError> {
        loop {
            let ended = self.0.ended.notified();
            tokio::pin!(ended);
            // A turn that ends between the two next lines is noticed.
            ended.as_mut().enable();
            if let Ok(turn) = self.take(id) {
                return Ok(turn);
            }
            tokio::time::timeout_at(until, ended).await.map_err(|_| ChannelError::Busy)?;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.0.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.all.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_act_waits_for_its_turn_and_is_refused_after_a_while() {
        let turns = Turns::default();
        let first = turns.take("a").unwrap();
        assert!(turns.take("a").is_err(), "a round does not wait");
        assert!(turns.wait("b").await.is_ok(), "another channel is free");
        let refused = turns.wait_until("a", Instant::now() + Duration::from_millis(20)).await;
        assert!(matches!(refused, Err(ChannelError::Busy)));
        let (waited, ()) = tokio::join!(turns.wait("a"), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert!(waited.is_ok());
    }
}
