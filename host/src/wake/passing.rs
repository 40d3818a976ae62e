//! What happens in a workspace and is kept nowhere: it is told to those who follow the workspace at that moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

/// Events that one follower may be behind; past it the oldest are left out.
const BEHIND: usize = 64;
/// Subjects of one workspace of which something is told in [`SPACING`]; past it nothing is told of others.
const MOST_SUBJECTS: usize = 1_000;
/// Least time between two events of the same subject.
const SPACING: Duration = Duration::from_secs(3);

/// An event that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassingEvent {
    /// `conversation.typing`
    pub kind: &'static str,
    /// JSON.
    pub data: String,
}

/// Tells events that are not kept, by workspace. Cheap to clone.
#[derive(Clone, Default)]
pub struct Passing(Arc<Mutex<HashMap<String, Workspace>>>);

struct Workspace {
    tell: broadcast::Sender<Arc<PassingEvent>>,
    /// When something was last told of a subject.
    told: HashMap<String, Instant>,
}

impl Passing {
    /// Begins to follow a workspace.
    pub fn follow(&self, workspace: &str) -> Listening {
        let mut all = self.all();
        let followed = all
            .entry(workspace.to_owned())
            .or_insert_with(|| Workspace { tell: broadcast::Sender::new(BEHIND), told: HashMap::new() });
        Listening { workspace: workspace.to_owned(), of: self.clone(), events: followed.tell.subscribe() }
    }

    /// Tells those who follow the workspace, unless something was told of the same subject less than three seconds ago. Without a
    /// follower it costs a look into a table.
    pub fn tell(&self, workspace: &str, subject: &str, event: impl FnOnce() -> PassingEvent) {
        let mut all = self.all();
        let Some(followed) = all.get_mut(workspace) else { return };
        let now = Instant::now();
        let is_fresh = |told: &Instant| now.duration_since(*told) < SPACING;
        if followed.told.get(subject).is_some_and(is_fresh) {
            return;
        }
        if followed.told.len() >= MOST_SUBJECTS {
            followed.told.retain(|_, told| is_fresh(told));
            if followed.told.len() >= MOST_SUBJECTS {
                return;
            }
        }
        followed.told.insert(subject.to_owned(), now);
        // The last follower may just have left.
        let _ = followed.tell.send(Arc::new(event()));
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Workspace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Is told what happens in a workspace, until it is dropped.
pub struct Listening {
    workspace: String,
    of: Passing,
    events: broadcast::Receiver<Arc<PassingEvent>>,
}

impl Listening {
    /// The next event. What came while this follower was too far behind is left out.
    pub async fn next(&mut self) -> Arc<PassingEvent> {
        loop {
            match self.events.recv().await {
                Ok(event) => return event,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                // The sender lives as long as it has a follower.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut all = self.of.all();
        if all.get(&self.workspace).is_some_and(|followed| followed.tell.receiver_count() <= 1) {
            all.remove(&self.workspace);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn typing(passing: &Passing, workspace: &str, subject: &str) {
        passing.tell(workspace, subject, || PassingEvent { kind: "conversation.typing", data: subject.to_owned() });
    }

    #[test]
    fn followers_of_a_workspace_are_told_once_in_a_while_and_those_of_another_never() {
        let passing = Passing::default();
        typing(&passing, "a", "one");
        assert!(passing.all().is_empty(), "nothing is kept where nobody follows");
        let (mut first, mut second, mut other) = (passing.follow("a"), passing.follow("a"), passing.follow("b"));
        typing(&passing, "a", "one");
        typing(&passing, "a", "one");
        typing(&passing, "a", "two");
        for follower in [&mut first, &mut second] {
            assert_eq!(follower.next().now_or_never().unwrap().data, "one");
            assert_eq!(follower.next().now_or_never().unwrap().data, "two");
            assert!(follower.next().now_or_never().is_none());
        }
        assert!(other.next().now_or_never().is_none());
        drop((first, second, other));
        assert!(passing.all().is_empty());
    }

    #[test]
    fn a_workspace_with_many_subjects_is_bounded() {
        let passing = Passing::default();
        let _follower = passing.follow("a");
        for number in 0..MOST_SUBJECTS * 2 {
            typing(&passing, "a", &number.to_string());
        }
        assert_eq!(passing.all()["a"].told.len(), MOST_SUBJECTS);
        let mut neighbour = passing.follow("b");
        typing(&passing, "b", "one");
        assert_eq!(neighbour.next().now_or_never().unwrap().data, "one", "a neighbour's share is its own");
    }
}
