//! What wakes whom: one signal for each kind of work that waits in the database.
//!
//! A signal says "look again", never what there is; whoever misses one finds the work at its next look.

mod passing;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

pub use passing::{Listening, Passing, PassingEvent};

/// The signals of one host. Cheap to clone.
#[derive(Clone)]
pub struct Wakes {
    /// A journal row waits for translation.
    pub journal: Arc<Notify>,
    /// Which channels are polled may have changed.
    pub polling: Arc<Notify>,
    /// A part may be due.
    pub outbound: Arc<Notify>,
    /// A file waits to be fetched.
    pub media: Arc<Notify>,
    /// A contact is new, and the loop that looks people up has not asked its provider yet.
    pub strangers: Arc<Notify>,
    /// A channel that waits for its provider may go on.
    pub channels: Arc<Notify>,
    /// A delivery to an endpoint may be due.
    pub deliveries: Arc<Notify>,
    /// Whether some endpoint takes deliveries, as far as is known.
    pub delivering: Arc<AtomicBool>,
    /// Something was appended to the feed.
    pub feed: watch::Sender<u64>,
    /// Something was appended to a web visitor's stream.
    pub visitors: Visitors,
    /// A user types to a web visitor.
    pub typing: Followers<String>,
    /// What happens in a workspace and is kept nowhere.
    pub passing: Passing,
    /// What decides whether a credential holds was changed or removed.
    pub credentials: Followers<Credential>,
}

impl Default for Wakes {
    fn default() -> Self {
        Self {
            journal: Arc::default(),
            polling: Arc::default(),
            outbound: Arc::default(),
            media: Arc::default(),
            strangers: Arc::default(),
            channels: Arc::default(),
            deliveries: Arc::default(),
            delivering: Arc::new(AtomicBool::new(true)),
            feed: watch::Sender::new(0),
            visitors: Visitors::default(),
            typing: Followers::default(),
            passing: Passing::default(),
            credentials: Followers::default(),
        }
    }
}

impl Wakes {
    /// Wakes those who wait for a plugin to run, because a plugin that is exchanged in memory changes no row for them.
    pub fn plugin_exchanged(&self) {
        self.journal.notify_one();
        self.outbound.notify_one();
        self.polling.notify_one();
    }

    /// Tells everybody who follows the feed, and the outgoing webhooks, to look again. A commit that appended to the feed calls it.
    pub fn feed_grew(&self) {
        self.feed.send_modify(|count| *count += 1);
        if self.delivering.load(Ordering::Acquire) {
            self.deliveries.notify_one();
        }
    }
}

/// Who follows which visitor's stream, so that what one visitor writes wakes nobody else's.
pub type Visitors = Followers<String>;

/// A row that decides whether a credential holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Credential {
    /// A token or a session, by its row.
    Token(i64),
    /// A person, by their row.
    User(i64),
}

/// Who follows what, by a key. Cheap to clone.
pub struct Followers<K: Hash + Eq + Clone>(Arc<Mutex<HashMap<K, watch::Sender<()>>>>);

impl<K: Hash + Eq + Clone> Clone for Followers<K> {
    fn clone(&self) -> Self {
        Followers(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone> Default for Followers<K> {
    fn default() -> Self {
        Followers(Arc::default())
    }
}

/// Is told whenever what its key names grew or changed, until it is dropped.
pub struct Following<K: Hash + Eq + Clone> {
    key: K,
    of: Followers<K>,
    grew: watch::Receiver<()>,
}

impl<K: Hash + Eq + Clone> Followers<K> {
    /// Begins to follow.
    pub fn follow(&self, key: K) -> Following<K> {
        let grew = self.all().entry(key.clone()).or_insert_with(|| watch::Sender::new(())).subscribe();
        Following { key, of: self.clone(), grew }
    }

    /// Tells whoever follows this to look again.
    pub fn grew<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some(followers) = self.all().get(key) {
            followers.send_replace(());
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<K, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Following<K> {
    /// What was told until now is known: to be said before the stream is read.
    pub fn look(&mut self) {
        self.grew.mark_unchanged();
    }

    /// Waits until it grew since the last [`Following::look`].
    pub async fn grew(&mut self) {
        // The sender lives as long as somebody follows.
        let _ = self.grew.changed().await;
    }
}

impl<K: Hash + Eq + Clone> Drop for Following<K> {
    fn drop(&mut self) {
        let mut all = self.of.all();
        if all.get(&self.key).is_some_and(|followers| followers.receiver_count() <= 1) {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn what_one_visitor_writes_wakes_those_who_follow_them_and_nobody_else() {
        let visitors = Visitors::default();
        let follow = |visitor: &str| visitors.follow(visitor.to_owned());
        let (mut first, mut second, mut other) = (follow("a"), follow("a"), follow("b"));
        visitors.grew("a");
        assert!(first.grew().now_or_never().is_some() && second.grew().now_or_never().is_some());
        assert!(other.grew().now_or_never().is_none());
        visitors.grew("b");
        other.look();
        assert!(other.grew().now_or_never().is_none(), "it was seen");
    }

    #[test]
    fn whom_nobody_follows_any_more_is_forgotten() {
        let visitors = Visitors::default();
        let (first, second) = (visitors.follow("a".to_owned()), visitors.follow("a".to_owned()));
        drop(first);
        assert_eq!(visitors.all().len(), 1);
        drop(second);
        assert!(visitors.all().is_empty());
    }
}
