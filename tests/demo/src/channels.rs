//! What each channel's play needs: how it is connected, how its customer writes, and what the customer sees.

mod email;
mod instagram;
mod line;
mod messenger;
mod telegram;
pub mod webchat;
mod whatsapp;
mod x;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sambung_tests::api::Api;
use sambung_tests::browser::Browser;
use sambung_tests::providers::{line::Line, meta::Meta, telegram::Telegram, whatsapp::WhatsApp, x::X};
use serde_json::{Value, json};

use crate::graph::Graph;

/// The address that providers know the host by.
const PUBLIC: &str = "https://chat.example";

/// One channel with its customer.
pub trait Play: Send + Sync {
    /// The plugin's id.
    fn plugin(&self) -> &'static str;

    /// How it is connected, in a few words.
    fn way(&self) -> &'static str;

    /// Where further visitors may write, if it is a page that anybody opens.
    fn site(&self) -> Option<webchat::Site> {
        None
    }

    /// Connects it as an admin does: the channel.
    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value>;

    /// The customer writes.
    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()>;

    /// Everything that the customer was shown.
    fn sees(&self) -> BoxFuture<'_, Vec<String>>;
}

/// A simulator of every provider.
pub struct Simulators {
    email: email::Servers,
    line: Line,
    meta: Arc<Meta>,
    telegram: Telegram,
    whatsapp: WhatsApp,
    x: X,
}

/// Starts them all.
pub async fn simulators() -> (Simulators, Graph) {
    let simulators = Simulators {
        email: email::Servers::start().await,
        line: Line::start().await,
        meta: Arc::new(Meta::start().await),
        telegram: Telegram::start().await,
        whatsapp: WhatsApp::start().await,
        x: X::start().await,
    };
    let graph = Graph::start(simulators.whatsapp.address(), simulators.meta.address()).await;
    (simulators, graph)
}

impl Simulators {
    /// Where the host's requests go.
    pub fn overrides(&self, graph: &Graph) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        all.extend(self.line.overrides());
        all.extend(self.whatsapp.overrides());
        all.extend(self.meta.overrides());
        all.extend(self.telegram.overrides());
        all.extend(self.x.overrides());
        all.retain(|(from, _)| from != "https://graph.facebook.com");
        all.push(("https://graph.facebook.com".to_owned(), graph.address.clone()));
        all
    }

    /// What else the host is to be told.
    pub fn config(&self) -> String {
        self.email.config()
    }

    /// The plays, for a host that is reached there, and takes mail there.
    pub fn plays(self, base: &str, mail: SocketAddr) -> Vec<Box<dyn Play>> {
        self.line.reach_endpoint_at(base);
        self.meta.reach_endpoint_at(base);
        self.telegram.reach_endpoint_at(base);
        self.whatsapp.reach_endpoint_at(base);
        self.x.reach_endpoint_at(base);
        vec![
            Box::new(webchat::Visitor::new(base)),
            Box::new(line::Shop { line: self.line, base: base.to_owned() }),
            Box::new(whatsapp::Shop(self.whatsapp)),
            Box::new(messenger::Shop(Arc::clone(&self.meta))),
            Box::new(instagram::Shop(self.meta)),
            Box::new(telegram::Shop(self.telegram)),
            Box::new(x::Shop(self.x)),
            Box::new(self.email.play(mail)),
        ]
    }
}

/// Connects a channel: what came of it.
async fn connect(api: &Api, plugin: &str, settings: Value) -> Value {
    let form = json!({ "plugin": plugin, "name": "Toko Sambung", "settings": settings });
    api.expect(201, "POST", "/v1/channels", form).await
}

/// Has somebody sign in with the provider, in a browser that meets its pages at `leads`: the channel afterwards.
async fn sign_in(api: &Api, channel: &Value, leads: &[(&str, &str)]) -> Value {
    let mut leads: Vec<(String, String)> =
        leads.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    leads.push((PUBLIC.to_owned(), api.url("")));
    let url = channel["step"]["url"].as_str().unwrap_or_else(|| panic!("nobody is asked to sign in: {channel}"));
    let (status, page) = Browser::new(leads).open(url).await;
    assert_eq!(status, 200, "{page}");
    api.get(&format!("/v1/channels/{}", channel["id"].as_str().unwrap_or_default())).await
}

/// Answers which account is meant, where somebody reaches several: the channel afterwards.
async fn choose_first(api: &Api, channel: Value) -> Value {
    let Some(first) = channel["step"]["choices"][0]["id"].as_str() else { return channel };
    let path = format!("/v1/channels/{}/answer", channel["id"].as_str().unwrap_or_default());
    api.expect(200, "POST", &path, json!({ "choice": first })).await
}
