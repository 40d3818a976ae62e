//! Calls of plugins that the host makes unasked: looking people up, checking channels, renewing credentials, reading templates, asking
//! what became of an attempt. They run side by side in a pool that workspaces share, and of each kind one at a time for each channel,
//! because a provider that hangs must hold up its own channel only.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::time::Duration;

use sambung_runtime::shares::Shares;
use tokio::task::{Id, JoinError, JoinSet};

/// Between two rounds of starting calls, so that calls that end at once do not make them a loop without rest.
const PAUSE: Duration = Duration::from_millis(100);

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Upkeep(Shares);

/// The calls of one kind that are running. Dropping it ends them.
pub struct Calls {
    kind: &'static str,
    places: Shares,
    running: JoinSet<()>,
    /// The channel of each.
    channels: HashMap<Id, String>,
}

impl Upkeep {
    /// A pool for so many calls at a time.
    pub fn new(calls: usize) -> Upkeep {
        Upkeep(Shares::new("upkeep", calls))
    }

    /// For calls of one kind; its name appears in the log.
    pub fn calls(&self, kind: &'static str) -> Calls {
        Calls { kind, places: self.0.clone(), running: JoinSet::new(), channels: HashMap::new() }
    }
}

impl Calls {
    /// Starts a call for a channel. False where one for this channel is running, or where the workspace holds its share of the pool:
    /// then it is to be tried again after a [pause](Calls::pause).
    pub fn start(&mut self, workspace: &str, channel: &str, call: impl Future<Output = ()> + Send + 'static) -> bool {
        if self.is_running(channel) {
            return false;
        }
        let Some(place) = self.places.try_take(workspace, channel) else { return false };
        let task = self.running.spawn(async move {
            call.await;
            drop(place);
        });
        self.channels.insert(task.id(), channel.to_owned());
        true
    }

    /// Whether a call for this channel is running.
    pub fn is_running(&mut self, channel: &str) -> bool {
        self.reap();
        self.channels.values().any(|running| running == channel)
    }

    /// The channels for which a call is running.
    pub fn channels(&mut self) -> HashSet<String> {
        self.reap();
        self.channels.values().cloned().collect()
    }

    /// Forgets the calls that ended, because a loop that is woken before its [pause](Calls::pause) is over never waits for them.
    fn reap(&mut self) {
        while let Some(ended) = self.running.try_join_next_with_id() {
            self.forget(ended);
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                let task = error.id();
                let channel = self.channels.get(&task).map(String::as_str).unwrap_or_default();
                tracing::error!(kind = self.kind, channel, %error, "a call of the host's own panicked");
                task
            }
        };
        self.channels.remove(&task);
    }

    /// Until one of the calls ended or `longest` passed, but no less than a tenth of a second.
    pub async fn pause(&mut self, longest: Duration) {
        tokio::time::sleep(PAUSE).await;
        // That the time passed is no failure.
        let _ = tokio::time::timeout(longest.saturating_sub(PAUSE), self.ended()).await;
    }

    /// Until one of the calls ended; for ever where none is running.
    async fn ended(&mut self) {
        match self.running.join_next_with_id().await {
            None => std::future::pending().await,
            Some(ended) => self.forget(ended),
        }
    }

    /// Until all of them ended.
    pub async fn finish(mut self) {
        while !self.running.is_empty() {
            self.ended().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_hangs_holds_up_its_own_channel_only_and_a_workspace_leaves_others_their_share() {
        let upkeep = Upkeep::new(8);
        let mut calls = upkeep.calls("test");
        let hanging = (0..8).filter(|n| calls.start("a", &format!("a{n}"), std::future::pending())).count();
        assert_eq!(hanging, 4, "half of the pool");
        assert!(!calls.start("a", "a0", async {}), "one at a time for a channel");
        assert!(calls.start("b", "b0", async {}));
        calls.ended().await;
        assert!(!calls.is_running("b0") && calls.is_running("a0"));
        assert!(calls.start("b", "b0", async { panic!("the call broke") }));
        calls.ended().await;
        assert!(calls.start("b", "b0", async {}), "a panic gives its place back");
        assert!(!upkeep.calls("other").start("a", "a9", async {}), "the pool is one for every kind of call");
        let mut woken = upkeep.calls("woken");
        for _ in 0..3 {
            assert!(
                woken.start("b", "b1", async {}),
                "a call that ended holds up no other, whether or not somebody waited for it"
            );
            tokio::task::yield_now().await;
        }
        drop(calls);
        tokio::task::yield_now().await;
        assert!(upkeep.calls("other").start("a", "a0", async {}));
    }
}
