//! WhatsApp's Cloud API as its reference describes it: numbers of one business account, sending, files, templates, the app's
//! subscription with its handshake, and signed batches. <https://developers.facebook.com/docs/whatsapp/cloud-api>

mod routes;
mod templates;
mod webhooks;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use serde_json::Value;

use super::served::Served;
use super::{Meddled, Meddling, Recorded};
pub use templates::TemplateTrouble;
pub use webhooks::{batch, image, sign, status, text, value};

/// The registered app.
pub const APP_ID: &str = "670843887433847";
/// Webhooks are signed with it.
pub const APP_SECRET: &str = "simulated-app-secret";
/// The business account.
pub const ACCOUNT: &str = "102290129340398";
/// The account's numbers: their ids and what people dial.
pub const NUMBERS: [(&str, &str); 2] = [("106540352242922", "15550783881"), ("106540352242923", "15550783882")];
/// The only token that the API takes for numbers and the account.
pub const TOKEN: &str = "simulated-system-user-token";

/// A running simulator; it stops when it is dropped.
pub struct WhatsApp {
    served: Served,
    shared: Shared,
}

/// A message that somebody would be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The id of the number that it came from.
    pub number: String,
    /// Its id.
    pub id: String,
    /// As it was sent.
    pub body: Value,
}

/// What goes wrong with the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429: too many messages from this number.
    RateLimit,
    /// 500: something went wrong, and nothing was taken.
    ServerError,
    /// More than 24 hours since the person wrote.
    WindowClosed,
    /// The person cannot be reached.
    Unreachable,
    /// The message was taken, and no answer comes.
    SilenceAfterTaking,
}

#[derive(Default)]
struct State {
    deliveries: Vec<Delivery>,
    troubles: VecDeque<Trouble>,
    /// What people sent: bytes and type, by media id.
    files: HashMap<String, (Bytes, String)>,
    /// The app's address with its verify token.
    subscription: Option<(String, String)>,
    /// Whether the account delivers to the app.
    subscribed: bool,
    /// The token was taken back.
    revoked: bool,
    templates: templates::Templates,
    /// Where the public address is reached from here.
    reached_at: String,
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

impl WhatsApp {
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

    /// What an operator writes under `[egress.overrides]` to send WhatsApp's traffic here.
    pub fn overrides(&self) -> [(String, String); 2] {
        ["https://graph.facebook.com", "https://lookaside.fbsbx.com"]
            .map(|host| (host.into(), self.served.address.clone()))
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

    /// Every message that somebody was shown, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.shared).deliveries.clone()
    }

    /// Makes the sends to come fail, one each.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        lock(&self.shared).troubles.extend(troubles);
    }

    /// The address that the app registered.
    pub fn registered(&self) -> Option<String> {
        lock(&self.shared).subscription.as_ref().map(|(address, _)| address.clone())
    }

    /// Whether the account delivers to the app.
    pub fn subscribed(&self) -> bool {
        lock(&self.shared).subscribed
    }

    /// The token is good no more.
    pub fn revoke(&self) {
        lock(&self.shared).revoked = true;
    }

    /// The token is good again.
    pub fn grant(&self) {
        lock(&self.shared).revoked = false;
    }

    /// A file that a person sent: its media id.
    pub fn file(&self, bytes: &[u8], mime: &str) -> String {
        let mut state = lock(&self.shared);
        let id = (1_000_000_000 + state.number()).to_string();
        state.files.insert(id.clone(), (Bytes::copy_from_slice(bytes), mime.to_owned()));
        id
    }

    fn number(&self) -> u64 {
        lock(&self.shared).number()
    }
}
