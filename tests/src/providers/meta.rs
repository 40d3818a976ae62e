//! Meta's Graph API as its reference describes it: pages with linked Instagram accounts, an app with its subscriptions, signing
//! in, sending, and signed batches. One server stands for every host of Meta's; a token says who asks, as it does there.
//! <https://developers.facebook.com/docs/messenger-platform>, <https://developers.facebook.com/docs/instagram-platform>

mod graph;
mod login;
mod sending;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::served::Served;
use super::{Meddled, Meddling, Recorded};
pub use webhooks::{Batch, batch, sign};

/// The app.
pub const APP_ID: &str = "670843887433847";
/// Signs webhooks, and proves calls.
pub const APP_SECRET: &str = "simulated-app-secret";
/// The app inside it that accounts sign in to.
pub const INSTAGRAM_APP_ID: &str = "770843887433848";
/// Its secret.
pub const INSTAGRAM_APP_SECRET: &str = "simulated-instagram-app-secret";
/// The person who signs in with Facebook: a token for an hour, and one for 60 days.
pub const USER_TOKENS: [&str; 2] = ["EAA-user-short-0123456789", "EAA-user-long-0123456789"];

/// A page, and the professional account that is linked to it.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Graph's id.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// Of the page.
    pub token: &'static str,
    /// The linked account's id.
    pub account: &'static str,
    /// Its name on Instagram.
    pub username: &'static str,
    /// Of the account itself.
    pub account_token: &'static str,
}

/// The person's pages.
pub const PAGES: [Page; 2] = [
    Page {
        id: "1067280970047460",
        name: "Example Shop",
        token: "EAA-page-one-0123456789",
        account: "17841400000000001",
        username: "example.shop",
        account_token: "IGAA-one-0123456789",
    },
    Page {
        id: "2067280970047461",
        name: "Example Bakery",
        token: "EAA-page-two-0123456789",
        account: "17841400000000002",
        username: "example.bakery",
        account_token: "IGAA-two-0123456789",
    },
];

/// Somebody who writes.
pub const PERSON: &str = "25000000000000001";

/// A running simulator; it stops when it is dropped.
pub struct Meta {
    served: Served,
    shared: Shared,
}

/// A message that somebody would be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The page's or account's id.
    pub from: String,
    /// Whom it was for.
    pub to: Value,
    /// Its id.
    pub id: String,
    /// Everything that was sent: `message`, `messaging_type`, `tag`, `reply_to`.
    pub body: Value,
    /// The bytes of a file that came along or was fetched.
    pub file: Option<Bytes>,
}

/// What goes wrong with the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Too many messages; the header says that it passes in a minute.
    RateLimit,
    /// 500 with the API's own word for it: nothing was taken.
    ServerError,
    /// The person blocked the page.
    Unavailable,
    /// The token ended.
    Unauthorized,
    /// The message was taken, and no answer comes.
    SilenceAfterTaking,
}

#[derive(Default)]
struct State {
    deliveries: Vec<Delivery>,
    /// `typing_on`, `mark_seen`, with whom they were shown to.
    actions: Vec<(String, String)>,
    troubles: VecDeque<Trouble>,
    /// By object: the app's address with its fields.
    subscriptions: BTreeMap<String, (String, Vec<String>)>,
    /// What pages (by id) and accounts (by id) deliver to the app.
    delivered: BTreeMap<String, BTreeSet<String>>,
    /// When somebody last did something, in milliseconds since 1970, by account and person.
    acted: HashMap<(String, String), u64>,
    /// Meta approved the app for answers of people.
    human_agent: bool,
    /// Tokens that are good no more.
    ended: BTreeSet<String>,
    /// Where browsers may come back to.
    return_to: BTreeSet<String>,
    /// Codes that are good, each once: of which app, and with which address they came back.
    codes: BTreeMap<String, (&'static str, String)>,
    /// Whoever is asked to sign in says no.
    denies: bool,
    /// Tokens of accounts that signed in with Instagram, by what they stand for.
    renewed: BTreeMap<String, usize>,
    /// What people sent.
    files: BTreeMap<String, (Bytes, String)>,
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

/// HMAC-SHA256 in hexadecimal digits.
fn hmac(secret: &str, data: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(data);
    hex::encode(mac.finalize().into_bytes())
}

impl Meta {
    /// Starts on a free port of loopback.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start() -> Self {
        let shared = Shared::default();
        let routes: Router = graph::routes().merge(sending::routes()).merge(login::routes()).with_state(shared.clone());
        let served = Served::start(routes, sending::MOST_BYTES, graph::too_large).await;
        Self { served, shared }
    }

    /// Where it listens: `http://127.0.0.1:…`.
    pub fn address(&self) -> &str {
        &self.served.address
    }

    /// What an operator writes under `[egress.overrides]` to send Meta's traffic here.
    pub fn overrides(&self) -> [(String, String); 4] {
        [
            "https://graph.facebook.com",
            "https://graph.instagram.com",
            "https://api.instagram.com",
            "https://scontent.xx.fbcdn.net",
        ]
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

    /// Every message that somebody was shown, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.shared).deliveries.clone()
    }

    /// What was shown beside messages, and to whom.
    pub fn actions(&self) -> Vec<(String, String)> {
        lock(&self.shared).actions.clone()
    }

    /// Makes the sends to come fail, one each.
    pub fn trouble(&self, troubles: impl IntoIterator<Item = Trouble>) {
        lock(&self.shared).troubles.extend(troubles);
    }

    /// The address that the app registered for an object.
    pub fn registered(&self, object: &str) -> Option<String> {
        lock(&self.shared).subscriptions.get(object).map(|(address, _)| address.clone())
    }

    /// What a page or account delivers to the app.
    pub fn delivered(&self, id: &str) -> BTreeSet<String> {
        lock(&self.shared).delivered.get(id).cloned().unwrap_or_default()
    }

    /// As after an hour of failing webhooks: the page or account delivers nothing more.
    pub fn stop_delivering(&self, id: &str) {
        lock(&self.shared).delivered.remove(id);
    }

    /// Meta approves the app for answers of people within seven days.
    pub fn approve_human_agent(&self) {
        lock(&self.shared).human_agent = true;
    }

    /// A token is good no more: somebody changed their password.
    pub fn end(&self, token: &str) {
        lock(&self.shared).ended.insert(token.to_owned());
    }

    /// A token that was good no more is good again.
    pub fn grant(&self, token: &str) {
        lock(&self.shared).ended.remove(token);
    }

    /// Whoever is asked to sign in says no.
    pub fn deny(&self) {
        lock(&self.shared).denies = true;
    }

    /// A file that a person sent: its address, which works without a token.
    pub fn file(&self, bytes: &[u8], mime: &str) -> String {
        let mut state = lock(&self.shared);
        let name = format!("{}.bin", state.number());
        state.files.insert(name.clone(), (Bytes::copy_from_slice(bytes), mime.to_owned()));
        format!("https://scontent.xx.fbcdn.net/files/{name}")
    }
}
