//! How many calls run at once, and how many may queue for their turn, with a fair share for each workspace and channel.
//!
//! Calls that may wait for a provider and calls that wait for nothing have places of their own: a provider that answers
//! nobody holds back sending, and translation goes on.

use std::time::Duration;

use crate::call::Caller;
use crate::calls::Function;
use crate::shares::{Place, Shares};

/// One in so many places is for calls that wait for nothing: they take a place for milliseconds, the others for as long as a
/// provider likes.
const PURE_SHARE: u32 = 4;

/// As many places as instances fit into the engine's pool.
pub(crate) struct Places {
    pure: Shares,
    waiting: Shares,
}

impl Places {
    /// Shares out this many, of which there are at least two.
    pub(crate) fn new(number: u32) -> Places {
        let pure = (number / PURE_SHARE).max(1);
        let waiting = number.saturating_sub(pure).max(1);
        Places { pure: Shares::new("pure_calls", pure as usize), waiting: Shares::new("calls", waiting as usize) }
    }

    /// A place for a call of this function, waited for no longer than this. What concerns no channel counts as one member of its
    /// workspace.
    pub(crate) async fn take(&self, function: Function, caller: &Caller, patience: Duration) -> Option<Place> {
        let kind = if function.is_pure() { &self.pure } else { &self.waiting };
        kind.take(&caller.workspace, caller.channel.as_deref().unwrap_or_default(), patience).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(workspace: usize) -> Caller {
        Caller { workspace: workspace.to_string(), ..Caller::default() }
    }

    async fn fill(places: &Places, function: Function) -> Vec<Place> {
        let soon = Duration::from_millis(1);
        let mut taken = Vec::new();
        for workspace in 0.. {
            let before = taken.len();
            while let Some(place) = places.take(function, &caller(workspace), soon).await {
                taken.push(place);
            }
            if taken.len() == before {
                break;
            }
        }
        taken
    }

    #[tokio::test]
    async fn whoever_waits_for_a_provider_takes_no_place_of_translation() {
        for number in [2, 3, 16, 256] {
            let places = Places::new(number);
            let sending = fill(&places, Function::Send).await;
            let translating = fill(&places, Function::HandleWebhook).await;
            assert!(!translating.is_empty(), "{number}");
            assert!(sending.len() >= translating.len(), "{number}");
            assert_eq!(sending.len() + translating.len(), number as usize, "no more than the pool has");
        }
    }

    #[tokio::test]
    async fn the_calls_of_one_workspace_leave_places_for_another() {
        let places = Places::new(16);
        let soon = Duration::from_millis(1);
        let mut taken = Vec::new();
        while let Some(place) = places.take(Function::Send, &caller(1), soon).await {
            taken.push(place);
        }
        assert!(taken.len() < 12, "{}", taken.len());
        assert!(places.take(Function::Send, &caller(2), soon).await.is_some());
    }
}
