//! E-mail: what customers write to the shop's address is forwarded, and answers leave by a relay.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::email::{NameServer, Postbox, deliver};
use serde_json::{Value, json};

use super::{Play, connect};

const SHOP: &str = "toko@sambung.example";
const CUSTOMER: &str = "siti@customer.example";

/// The mail servers of everybody else.
pub struct Servers {
    names: NameServer,
    relay: Postbox,
}

impl Servers {
    pub async fn start() -> Servers {
        Servers { names: NameServer::start(&[]).await, relay: Postbox::start().await }
    }

    /// The host's configuration for mail.
    pub fn config(&self) -> String {
        format!(
            "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.sambung.example'\nresolver = '{}'\n\
             [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n",
            self.names.address(),
            self.relay.address().port()
        )
    }

    /// The play, with a host that takes mail there.
    pub fn play(self, host: SocketAddr) -> Shop {
        Shop { servers: self, host, forwarding: Mutex::default(), written: AtomicU32::default() }
    }
}

pub struct Shop {
    servers: Servers,
    host: SocketAddr,
    /// The address that the shop's provider forwards to.
    forwarding: Mutex<String>,
    written: AtomicU32,
}

impl Shop {
    /// Somebody writes to the shop, and its provider forwards that.
    async fn forward(&self, from: &str, subject: &str, text: &str) {
        let address = self.forwarding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let name = from.split('@').next().unwrap_or_default();
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let mail = format!(
            "From: {name} <{from}>\nTo: {SHOP}\nSubject: {subject}\nMessage-ID: <{name}-{number}@demo.example>\n\n{text}\n"
        );
        deliver(self.host, from, &address, &mail).await;
    }
}

impl Play for Shop {
    fn plugin(&self) -> &'static str {
        "email"
    }

    fn way(&self) -> &'static str {
        "an address that forwards here, and a mail to try"
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        async move {
            let settings = json!({ "address": SHOP, "display_name": "Toko Sambung", "sending": "relay" });
            let before = api.all("/v1/conversations").await.len();
            let channel = connect(api, "email", settings).await;
            let address = channel["settings"]["forwarding_address"].as_str().unwrap_or_default().to_owned();
            *self.forwarding.lock().unwrap_or_else(PoisonError::into_inner) = address;
            self.forward("admin@sambung.example", "Coba", "Apakah ini sampai?").await;
            let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap_or_default());
            // The play waits for a conversation that was not there before, so this one is to be there first.
            for _ in 0..600 {
                let channel = api.get(&path).await;
                if channel["state"] == "connected" && api.all("/v1/conversations").await.len() > before {
                    return channel;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("the mail to try did not connect the channel")
        }
        .boxed()
    }

    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()> {
        self.forward(CUSTOMER, "Pertanyaan", text).boxed()
    }

    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        let received = self.servers.relay.taken().into_iter().filter(|mail| mail.to == [CUSTOMER]);
        let shown = received.map(|mail| mail.raw).collect();
        async move { shown }.boxed()
    }
}
