//! What wakes whom: one signal for each kind of work that waits in the database.
//!
//! A signal says "look again", never what there is; whoever misses one finds the work at its next look.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

/// The signals of one host. Cheap to clone.
#[derive(Clone)]
pub struct Wakes {
    /// A journal row waits for translation.
    pub journal: Arc<Notify>,
    /// A part may be due.
    pub outbound: Arc<Notify>,
    /// A file waits to be fetched.
    pub media: Arc<Notify>,
    /// A delivery to an endpoint may be due.
    pub deliveries: Arc<Notify>,
    /// Something was appended to the feed.
    pub feed: watch::Sender<u64>,
    /// Something was appended to a web visitor's stream.
    pub visitors: watch::Sender<u64>,
}

impl Default for Wakes {
    fn default() -> Self {
        Self {
            journal: Arc::default(),
            outbound: Arc::default(),
            media: Arc::default(),
            deliveries: Arc::default(),
            feed: watch::Sender::new(0),
            visitors: watch::Sender::new(0),
        }
    }
}

impl Wakes {
    /// Tells everybody who follows the feed, and the outgoing webhooks, to look again.
    pub fn feed_grew(&self) {
        self.feed.send_modify(|count| *count += 1);
        self.deliveries.notify_one();
    }

    /// Tells every open visitor stream to look again.
    pub fn visitors_grew(&self) {
        self.visitors.send_modify(|count| *count += 1);
    }
}
