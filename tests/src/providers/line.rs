//! LINE's Messaging API as its reference describes it: it checks the bearer, spends reply tokens, honours retry keys, limits
//! and fails when told to, and signs and posts webhooks. <https://developers.line.biz/en/reference/messaging-api/>

mod routes;
mod webhooks;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

pub use super::Recorded;
use super::served::Served;
use super::{Meddled, Meddling};
pub use webhooks::{Source, body, event, message_event, redelivered, sign};

/// The account's user id: the webhooks' `destination`.
pub const BOT: &str = "U8e742f61d673b39c7fff3cecb7536ef0";
/// The secret that webhooks are signed with.
pub const SECRET: &str = "8c570fa6dd201bb328f1c1eac23a96d8";
/// The first account's token.
pub const TOKEN: &str = "simulated-channel-access-token";

/// The token of another account; there are as many as somebody asks for. [`TOKEN`] is that of account 0.
pub fn token_of(account: u32) -> String {
    format!("{TOKEN}-{account}")
}

/// The user id of another account.
pub fn bot_of(account: u32) -> String {
    format!("U{account:032x}")
}

/// Whose token it is.
fn account_of(token: &str) -> Option<u32> {
    match token.strip_prefix(TOKEN)? {
        "" => Some(0),
        rest => rest.strip_prefix('-')?.parse().ok().filter(|account| *account > 0),
    }
}

/// A reply token is good for so long after its event was delivered.
const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// A running simulator; it stops when it is dropped.
pub struct Line {
    served: Served,
    shared: Shared,
}

/// A message object that LINE would show to somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Whom: a user's, a group's or a room's id.
    pub to: String,
    /// Whether it went as a reply (else as a push).
    pub reply: bool,
    /// Its id.
    pub id: String,
    /// As it was sent.
    pub object: Value,
}

/// What goes wrong with the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429, too many requests.
    RateLimit,
    /// 429, the month's quota is spent; of pushes only.
    MonthlyLimit,
    /// 500, and nothing was taken.
    ServerError,
    /// 500, and the messages were taken all the same.
    ServerErrorAfterTaking,
    /// The messages were taken, and no answer comes.
    SilenceAfterTaking,
    /// 401, as if the token had been revoked.
    Unauthorized,
}

/// What a user's or a file's look-up answers.
#[derive(Debug, Clone)]
pub enum Stored {
    /// Its bytes and type.
    Ready(Bytes, &'static str),
    /// LINE still prepares it; ready at the next question.
    Preparing(Bytes, &'static str),
    /// It is deleted.
    Gone,
}

struct ReplyToken {
    to: String,
    delivered: Instant,
    spent: bool,
}

#[derive(Default)]
struct State {
    deliveries: Vec<Delivery>,
    tokens: HashMap<String, ReplyToken>,
    retry_keys: HashMap<String, Vec<Value>>,
    troubles: VecDeque<Trouble>,
    blocked: HashSet<String>,
    profiles: HashMap<String, Value>,
    contents: HashMap<String, Stored>,
    /// Webhook addresses by account.
    endpoints: HashMap<u32, String>,
    inactive: bool,
    /// Accounts whose requests are never answered.
    silent: HashSet<u32>,
    /// The tokens were taken back.
    revoked: bool,
    reached_at: Option<String>,
    quota: Option<(u64, u64)>,
    answer_after: Duration,
    next_id: u64,
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
}

impl Line {
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

    /// What an operator writes under `[egress.overrides]` to send LINE's traffic here.
    pub fn overrides(&self) -> [(String, String); 2] {
        ["https://api.line.me", "https://api-data.line.me"].map(|line| (line.to_owned(), self.served.address.clone()))
    }

    /// Meddles with requests of this method whose path ends so.
    pub fn meddle(&self, method: &'static str, path: &str, what: Meddling) -> Meddled {
        self.served.meddle(method, path, what)
    }

    /// Everything that arrived, in order.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.served.recorded()
    }

    /// Every message object that somebody was shown, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.shared).deliveries.clone()
    }

    /// Makes the sends to come fail, one each.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        lock(&self.shared).troubles.extend(troubles);
    }

    /// From now on a send is answered so long after its messages were taken.
    pub fn answer_after(&self, wait: Duration) {
        lock(&self.shared).answer_after = wait;
    }

    /// From now on no request of this account is answered.
    pub fn fall_silent(&self, account: u32) {
        lock(&self.shared).silent.insert(account);
    }

    /// What arrived after so many requests, in order.
    pub fn recorded_since(&self, count: usize) -> Vec<Recorded> {
        self.served.recorded_since(count)
    }

    /// The tokens are good no more.
    pub fn revoke(&self) {
        lock(&self.shared).revoked = true;
    }

    /// The tokens are good again.
    pub fn grant(&self) {
        lock(&self.shared).revoked = false;
    }

    /// This user blocks the account: pushes to them are taken with 200 and shown to nobody.
    pub fn block(&self, user: &str) {
        lock(&self.shared).blocked.insert(user.to_owned());
    }

    /// What the profile of this user says.
    pub fn profile(&self, user: &str, profile: Value) {
        lock(&self.shared).profiles.insert(user.to_owned(), profile);
    }

    /// What the bytes of this message are.
    pub fn content(&self, message: &str, stored: Stored) {
        lock(&self.shared).contents.insert(message.to_owned(), stored);
    }

    /// "Use webhook" in the console.
    pub fn use_webhook(&self, on: bool) {
        lock(&self.shared).inactive = !on;
    }

    /// The plan's limit of pushes a month, and how many are used.
    pub fn quota(&self, limit: u64, used: u64) {
        lock(&self.shared).quota = Some((limit, used));
    }

    /// The webhook address that the first account registered.
    pub fn endpoint(&self) -> Option<String> {
        lock(&self.shared).endpoints.get(&0).cloned()
    }

    /// Where the registered (public) address is reached from here: the host's own, `http://127.0.0.1:…`.
    pub fn reach_endpoint_at(&self, base: &str) {
        lock(&self.shared).reached_at = Some(base.trim_end_matches('/').to_owned());
    }

    /// A reply token as an event would carry it, delivered now.
    pub fn issue_token(&self, to: &str) -> String {
        let mut state = lock(&self.shared);
        let token = format!("{:032x}", 0x7579_1377_0000 + state.number());
        let issued = ReplyToken { to: to.to_owned(), delivered: Instant::now(), spent: false };
        state.tokens.insert(token.clone(), issued);
        token
    }

    /// Lets a reply token grow too old.
    pub fn expire_token(&self, token: &str) {
        let mut state = lock(&self.shared);
        if let Some(token) = state.tokens.get_mut(token) {
            token.spent = true;
        }
    }

    fn number(&self) -> u64 {
        lock(&self.shared).number()
    }
}
