//! Telegram's Bot API as its reference and its server's source describe it: one bot, its webhook and `getUpdates`, of which only
//! one works at a time, sending, and files. <https://core.telegram.org/bots/api>

mod form;
mod routes;
mod updates;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Notify;

use super::served::Served;
use super::{Meddled, Meddling, Recorded};
pub use updates::{group, private};

/// The bot's id.
pub const BOT: &str = "7000001";
/// The only token that the API takes.
pub const TOKEN: &str = "7000001:AASimulatedSimulatedSimulatedSimula";

/// A running simulator; it stops when it is dropped.
pub struct Telegram {
    served: Served,
    shared: Shared,
}

/// A message that somebody would be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The method that sent it.
    pub method: String,
    /// Its number in its chat.
    pub id: i64,
    /// The call's parameters. A file is `{"name", "mime", "bytes"}`.
    pub parameters: Value,
}

/// What goes wrong with the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429: again after so many seconds.
    RateLimit(u64),
    /// 503, and nothing was taken.
    Unavailable,
    /// The person blocked the bot.
    Blocked,
    /// The group has this id now.
    Moved(i64),
    /// The message was taken, and no answer comes.
    SilenceAfterTaking,
}

/// The registered address.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// As it was given.
    pub url: String,
    /// Said back with every update.
    pub secret: String,
}

#[derive(Default)]
struct State {
    webhook: Option<Webhook>,
    allowed: Vec<String>,
    pending: VecDeque<Value>,
    dropped: usize,
    deliveries: Vec<Delivery>,
    troubles: VecDeque<Trouble>,
    /// Callback queries that were answered.
    acknowledged: Vec<String>,
    /// What people sent, by file id.
    files: HashMap<String, Bytes>,
    /// The token was taken back.
    revoked: bool,
    /// Grows with every `getUpdates`: an older one that still waits is ended by it.
    poller: u64,
    conflicts: usize,
    next_update: i64,
    next_message: i64,
    /// Where the public address is reached from here.
    reached_at: String,
}

#[derive(Default)]
struct Inside {
    state: Mutex<State>,
    came: Notify,
}

type Shared = Arc<Inside>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl State {
    fn message(&mut self) -> i64 {
        self.next_message += 1;
        self.next_message
    }
}

impl Telegram {
    /// Starts on a free port of loopback.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        let shared = Shared::default();
        let served = Served::start(routes::router(Arc::clone(&shared)), routes::MOST_BYTES, routes::too_large).await;
        Self { served, shared }
    }

    /// What an operator writes under `[egress.overrides]` to send Telegram's traffic here.
    pub fn overrides(&self) -> [(String, String); 1] {
        [("https://api.telegram.org".into(), self.served.address.clone())]
    }

    /// Where the registered (public) address is reached from here: the host's own, `http://127.0.0.1:…`.
    pub fn reach_endpoint_at(&self, base: &str) {
        base.trim_end_matches('/').clone_into(&mut lock(&self.shared).reached_at);
    }

    /// Meddles with requests of this method whose path ends so.
    pub fn meddle(&self, method: &'static str, path: &str, what: Meddling) -> Meddled {
        self.served.meddle(method, path, what)
    }

    /// Everything that arrived, in order.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.served.recorded()
    }

    /// How often this method was called.
    pub fn calls(&self, method: &str) -> usize {
        let end = format!("/{method}");
        self.recorded().iter().filter(|request| request.url.ends_with(&end)).count()
    }

    /// Every message that somebody was shown, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.shared).deliveries.clone()
    }

    /// The callback queries that were answered, in order.
    pub fn acknowledged(&self) -> Vec<String> {
        lock(&self.shared).acknowledged.clone()
    }

    /// Makes the sends to come fail, one each.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        lock(&self.shared).troubles.extend(troubles);
    }

    /// The address that is registered.
    pub fn webhook(&self) -> Option<Webhook> {
        lock(&self.shared).webhook.clone()
    }

    /// Somebody registers another address, or takes it away.
    pub fn register(&self, url: Option<&str>) {
        let webhook = url.map(|url| Webhook { url: url.to_owned(), secret: String::new() });
        lock(&self.shared).webhook = webhook;
        self.shared.came.notify_waiters();
    }

    /// Updates that wait, and how many somebody had dropped.
    pub fn pending(&self) -> (usize, usize) {
        let state = lock(&self.shared);
        (state.pending.len(), state.dropped)
    }

    /// How often two asked for updates at once.
    pub fn conflicts(&self) -> usize {
        lock(&self.shared).conflicts
    }

    /// @BotFather takes the token back.
    pub fn revoke(&self) {
        lock(&self.shared).revoked = true;
        self.shared.came.notify_waiters();
    }

    /// The token is good again.
    pub fn grant(&self) {
        lock(&self.shared).revoked = false;
    }

    /// A file that a person sent.
    pub fn file(&self, id: &str, bytes: &[u8]) {
        lock(&self.shared).files.insert(id.to_owned(), Bytes::copy_from_slice(bytes));
    }
}
