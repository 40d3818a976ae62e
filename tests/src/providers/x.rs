//! X as its documentation says: an app with its keys, one account, webhooks with their handshake, subscriptions of both of its
//! APIs, messages that are sent, delivered and looked up, files, and signing in. <https://docs.x.com/x-api>

mod auth;
mod files;
mod messages;
mod oauth2;
mod routes;
mod webhooks;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use serde_json::Value;

use super::served::Served;
use super::{Meddled, Meddling, Recorded};
pub use auth::oauth1_signature;
pub use webhooks::{answer_to, sign};

/// The app's key.
pub const CONSUMER_KEY: &str = "simulatedConsumerKey";
/// Its secret, with which webhooks are signed.
pub const CONSUMER_SECRET: &str = "simulatedConsumerSecret";
/// The account's token for it.
pub const ACCESS_TOKEN: &str = "4337869213-simulatedAccessToken";
/// The token's secret.
pub const ACCESS_TOKEN_SECRET: &str = "simulatedAccessTokenSecret";
/// What the app's key and secret are exchanged for.
pub const BEARER: &str = "AAAAsimulatedBearerToken";
/// With these the app lets people sign in.
pub const CLIENT: (&str, &str) = ("simulatedClientId", "simulatedClientSecret");
/// The account.
pub const OWN: &str = "4337869213";

/// A running simulator; it stops when it is dropped.
pub struct X {
    served: Served,
    shared: Shared,
}

/// A message between the account and somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    /// Its id, larger than that of every earlier one.
    pub id: String,
    /// Who wrote it.
    pub sender: String,
    /// Who it went to.
    pub recipient: String,
    /// What it says, as it was written.
    pub text: String,
    /// In milliseconds since 1970.
    pub time_ms: u64,
    /// The files and choices of one that was sent by the API.
    pub sent: Option<Value>,
    /// Where the file of one that was received is.
    pub file: Option<String>,
}

/// What goes wrong with the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429, whole again after so many seconds.
    RateLimit(u64),
    /// 503, and nothing was taken.
    Unavailable,
    /// 500 after the message was taken.
    ErrorAfterTaking,
    /// 401: the token is good no more.
    Unauthorized,
    /// 403: the person takes no messages from the account.
    NotTaken,
    /// The message was taken, and no answer comes.
    SilenceAfterTaking,
}

/// A registered address.
#[derive(Debug, Clone)]
struct Webhook {
    id: String,
    url: String,
    valid: bool,
}

/// A subscription of the X Activity API.
#[derive(Debug, Clone)]
struct Subscription {
    id: String,
    event: String,
    user: String,
    webhook: String,
}

struct State {
    webhooks: Vec<Webhook>,
    most_webhooks: usize,
    /// Whether the app may use the X Activity API.
    activity: bool,
    subscriptions: Vec<Subscription>,
    /// Webhooks that the account is subscribed to by the Account Activity API.
    by_account: HashSet<String>,
    messages: Vec<Direct>,
    troubles: VecDeque<Trouble>,
    /// What people sent, by path at the file server.
    files: HashMap<String, (Bytes, String)>,
    uploads: BTreeMap<String, files::Upload>,
    nonces: HashSet<String>,
    /// The account's keys were taken back.
    withdrawn: bool,
    /// Where browsers may come back to.
    return_to: HashSet<String>,
    /// Codes of people who signed in, with the challenge and the redirect they are bound to.
    codes: HashMap<String, (String, String)>,
    /// The access and the refresh token that are good.
    tokens: Option<(String, String)>,
    revoked: Vec<String>,
    reached_at: String,
    next_id: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            webhooks: Vec::new(),
            most_webhooks: 1,
            activity: true,
            subscriptions: Vec::new(),
            by_account: HashSet::new(),
            messages: Vec::new(),
            troubles: VecDeque::new(),
            files: HashMap::new(),
            uploads: BTreeMap::new(),
            nonces: HashSet::new(),
            withdrawn: false,
            return_to: HashSet::new(),
            codes: HashMap::new(),
            tokens: None,
            revoked: Vec::new(),
            reached_at: String::new(),
            next_id: 0,
        }
    }
}

type Shared = Arc<Mutex<State>>;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl State {
    fn number(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// A number like those of messages, files and webhooks: larger than every earlier one.
    fn snowflake(&mut self) -> String {
        (2_080_765_901_528_530_000 + self.number()).to_string()
    }
}

impl X {
    /// Starts on a free port of loopback.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        let shared = Shared::default();
        let served = Served::start(routes::router(shared.clone()), routes::MOST_BYTES, routes::too_large).await;
        Self { served, shared }
    }

    /// Where it listens: `http://127.0.0.1:…`.
    pub fn address(&self) -> &str {
        &self.served.address
    }

    /// What an operator writes under `[egress.overrides]` to send X's traffic here.
    pub fn overrides(&self) -> [(String, String); 3] {
        ["https://api.x.com", "https://ton.twitter.com", "https://pbs.twimg.com"]
            .map(|host| (host.into(), self.served.address.clone()))
    }

    /// Where the registered (public) address is reached from here: the host's own, `http://127.0.0.1:…`.
    pub fn reach_endpoint_at(&self, base: &str) {
        base.trim_end_matches('/').clone_into(&mut lock(&self.shared).reached_at);
    }

    /// The admin enters, in the app's settings, an address that browsers may come back to; any other is refused.
    pub fn allow_return_to(&self, address: &str) {
        lock(&self.shared).return_to.insert(address.to_owned());
    }

    /// Meddles with requests of this method whose path ends so.
    pub fn meddle(&self, method: &'static str, path: &str, what: Meddling) -> Meddled {
        self.served.meddle(method, path, what)
    }

    /// Everything that arrived, in order.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.served.recorded()
    }

    /// Every message that the account sent by the API, in order.
    pub fn deliveries(&self) -> Vec<Direct> {
        lock(&self.shared).messages.iter().filter(|message| message.sent.is_some()).cloned().collect()
    }

    /// Makes the sends to come fail, one each.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        lock(&self.shared).troubles.extend(troubles);
    }

    /// The account takes back what it allowed the app.
    pub fn revoke(&self) {
        lock(&self.shared).withdrawn = true;
    }

    /// The account allows it again.
    pub fn grant(&self) {
        lock(&self.shared).withdrawn = false;
    }

    /// How many webhooks the app may have.
    pub fn allow_webhooks(&self, most: usize) {
        lock(&self.shared).most_webhooks = most;
    }

    /// Takes the X Activity API away from the app.
    pub fn forbid_activity(&self) {
        lock(&self.shared).activity = false;
    }

    /// The registered addresses.
    pub fn registered(&self) -> Vec<String> {
        lock(&self.shared).webhooks.iter().map(|webhook| webhook.url.clone()).collect()
    }

    /// What is subscribed: kinds of events, and "all" by the Account Activity API.
    pub fn subscribed(&self) -> Vec<String> {
        let state = lock(&self.shared);
        let all = state.by_account.iter().map(|_| "all".to_owned());
        state.subscriptions.iter().map(|one| one.event.clone()).chain(all).collect()
    }

    /// Tokens that were given back.
    pub fn revoked(&self) -> Vec<String> {
        lock(&self.shared).revoked.clone()
    }

    /// The account takes its sign-in back: neither of its tokens is good any more.
    pub fn withdraw(&self) {
        lock(&self.shared).tokens = None;
    }

    /// The account's token after signing in.
    pub fn token(&self) -> Option<String> {
        lock(&self.shared).tokens.as_ref().map(|(access, _)| access.clone())
    }
}
