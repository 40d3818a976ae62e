//! Every channel behind one face, so that a story is told of all of them: the whole host, the real component, and its provider's
//! simulator. What is peculiar to one channel stands in its own file.

mod email;
mod line;
mod meta;
mod telegram;
mod webchat;
mod whatsapp;
mod x;

use std::path::Path;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::Host;
use serde_json::{Value, json};

/// What goes wrong with the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The provider refuses it for good.
    Refused,
    /// The provider fails, and takes it the next time.
    Passing,
    /// The provider takes it and never says so.
    LostAnswer,
}

/// A provider with its customers, who are numbers.
pub trait Provider: Send + Sync {
    /// The plugin's id.
    fn plugin(&self) -> &'static str;

    /// The configuration of a host whose requests are led here.
    fn config(&self) -> String;

    /// What an operator sets up once, on a host that is reached there.
    fn prepare<'a>(&'a self, _api: &'a Api) -> LocalBoxFuture<'a, ()> {
        Box::pin(async {})
    }

    /// The host is reached there from now on.
    fn reach(&self, _api: &Api) {}

    /// The form as an admin fills it in for the account.
    fn form(&self) -> Value;

    /// The fields of the form that are secrets.
    fn secrets(&self) -> &'static [&'static str];

    /// Connects the account: the channel.
    fn connect<'a>(&'a self, api: &'a Api) -> LocalBoxFuture<'a, Value> {
        Box::pin(async move {
            let channel = json!({ "plugin": self.plugin(), "name": "Toko", "settings": self.form() });
            api.expect(201, "POST", "/v1/channels", channel).await
        })
    }

    /// An event: somebody writes a text, at a time in milliseconds.
    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value;

    /// An event: somebody writes something of a kind that nobody knows yet.
    fn oddity(&self, from: u32, at_ms: u64) -> Value;

    /// An event: somebody sends a picture.
    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value;

    /// Lets the host have events, in one request where the provider makes batches. Whether all were acknowledged.
    fn deliver<'a>(&'a self, api: &'a Api, channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool>;

    /// The texts that customers were shown, in order. `data` is the host's folder.
    fn seen(&self, data: &Path) -> Vec<String>;

    /// Makes the next send fail. Whether it can.
    fn trouble(&self, trouble: Trouble) -> bool;

    /// The account's credential is good no more. Whether there is one.
    fn revoke(&self) -> bool;

    /// It is good again.
    fn grant(&self) {}

    /// The form, filled in for another account. None: there is only one.
    fn other_account(&self) -> Option<Value> {
        None
    }

    /// Whether the provider says when something was written, to the second at least.
    fn tells_time(&self) -> bool {
        true
    }
}

/// Every bundled channel's provider.
pub async fn providers() -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(email::Mail::start().await),
        Box::new(meta::Instagram::start().await),
        Box::new(line::Shop::start().await),
        Box::new(meta::Messenger::start().await),
        Box::new(telegram::Bot::start().await),
        Box::new(webchat::Site::default()),
        Box::new(whatsapp::Number::start().await),
        Box::new(x::Account::start().await),
    ]
}

/// Says which channel it was when a story fails.
struct Told(&'static str);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was {}", self.0);
        }
    }
}

/// Tells a story of every channel, one after the other.
pub async fn of_every_channel(story: impl AsyncFn(Stage)) {
    of_those(|_| true, story).await;
}

/// As [`of_every_channel`], of those that it is true of; there are some.
pub async fn of_those(fits: impl Fn(&dyn Provider) -> bool, story: impl AsyncFn(Stage)) {
    let mut told = 0;
    for provider in providers().await {
        if fits(&*provider) {
            let _told = Told(provider.plugin());
            story(Stage::open(provider, "").await).await;
            told += 1;
        }
    }
    assert!(told > 1, "the story is of {told} channels");
}

/// A host with the account connected.
pub struct Stage {
    pub provider: Box<dyn Provider>,
    pub host: Host,
    pub channel: Value,
}

impl Stage {
    pub async fn open(provider: Box<dyn Provider>, more: &str) -> Stage {
        Stage::open_at(provider, more, sambung::clock::Clock::system()).await
    }

    pub async fn open_at(provider: Box<dyn Provider>, more: &str, clock: sambung::clock::Clock) -> Stage {
        let host = Host::start_at(&config(&*provider, more), clock).await;
        let channel = connect(&*provider, host.api()).await;
        Stage { provider, host, channel }
    }

    pub fn api(&self) -> &Api {
        self.host.api()
    }

    /// The channel's place in the API.
    pub fn path(&self) -> String {
        path(&self.channel)
    }

    /// The channel as it is now.
    pub async fn now(&self) -> Value {
        self.api().get(&self.path()).await
    }

    /// Events arrive.
    pub async fn deliver(&self, events: &[Value]) {
        assert!(self.provider.deliver(self.api(), &self.channel, events).await, "it is acknowledged");
    }

    /// Somebody writes, now; the conversation.
    pub async fn begin(&self, words: &str) -> String {
        self.deliver(&[self.provider.text(1, now_ms(), words)]).await;
        self.find(words).await["conversation_id"].as_str().unwrap().to_owned()
    }

    /// The message of the channel with this text, once it is there.
    pub async fn find(&self, words: &str) -> Value {
        until(&format!("`{words}` is shown"), async || {
            self.messages().await.into_iter().find(|message| text(message) == words)
        })
        .await
    }

    /// Every message, without what connecting itself took.
    pub async fn messages(&self) -> Vec<Value> {
        let mut all = self.api().all_messages().await;
        all.retain(|message| text(message) != email::FIRST);
        all
    }

    /// The texts of every message, the newest first.
    pub async fn texts(&self) -> Vec<String> {
        self.messages().await.iter().map(text).collect()
    }

    /// What customers were shown.
    pub fn seen(&self) -> Vec<String> {
        self.provider.seen(&self.host.data())
    }

    /// Uploads a file: its id.
    pub async fn upload(&self, name: &str, mime: &str, bytes: Vec<u8>) -> String {
        let upload = self.api().request("POST", &format!("/v1/media?name={name}")).header("content-type", mime);
        let media: Value = upload.body(bytes).send().await.unwrap().json().await.unwrap();
        media["id"].as_str().unwrap_or_else(|| panic!("{media}")).to_owned()
    }
}

/// The configuration of a host with this provider's channel alone, which starts sooner than one with all of them.
pub fn config(provider: &dyn Provider, more: &str) -> String {
    format!("{}[plugins]\nbundled = false\n{more}", provider.config())
}

/// Installs the plugin and connects its channel as an operator does, on a host that runs for the first time.
pub async fn connect(provider: &dyn Provider, api: &Api) -> Value {
    let plugin = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == provider.plugin()).unwrap();
    // Compiling it takes its time where no earlier test did.
    let upload = api.request("POST", "/v1/plugins").timeout(Duration::from_secs(300));
    let upload = upload.header("content-type", "application/wasm").body(plugin.wasm.to_vec());
    let installed = upload.send().await.unwrap();
    assert!(installed.status().is_success(), "{}", installed.text().await.unwrap());
    provider.reach(api);
    provider.prepare(api).await;
    let channel = provider.connect(api).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel
}

/// Where a channel stands in the API.
pub fn path(channel: &Value) -> String {
    format!("/v1/channels/{}", channel["id"].as_str().unwrap())
}

/// Where a conversation's messages are.
pub fn messages_of(conversation: &str) -> String {
    format!("/v1/conversations/{conversation}/messages")
}

/// What a message says, without the end of its last line.
pub fn text(message: &Value) -> String {
    let first = if message["content"].is_array() { &message["content"][0] } else { &message["content"] };
    first["text"].as_str().unwrap_or_default().trim_end().to_owned()
}

/// The smallest picture.
pub fn picture() -> Vec<u8> {
    use base64::Engine;
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    base64::engine::general_purpose::STANDARD.decode(png).unwrap()
}
