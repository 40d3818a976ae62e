//! E-mail: a mail server hands mail over, and another one, the channel's own, takes what is sent.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::LocalBoxFuture;
use sambung::model::time::rfc3339;
use sambung_testkit::contract::types::Envelope;
use sambung_tests::api::{Api, until};
use sambung_tests::providers::email::{Client, NameServer, Postbox, free_address};
use serde_json::{Value, json};

use super::{Provider, Trouble, path};

const SHOP: &str = "support@shop.example";
/// What the mail says that connects the channel.
pub const FIRST: &str = "The first mail connects.";

pub struct Mail {
    postbox: Postbox,
    names: NameServer,
    listener: SocketAddr,
    written: AtomicU32,
}

impl Mail {
    pub async fn start() -> Mail {
        let postbox = Postbox::start().await;
        postbox.ask_for("shop", "right");
        Mail { postbox, names: NameServer::start(&[]).await, listener: free_address(), written: AtomicU32::new(0) }
    }

    /// A mail of somebody's; all of one person's are of one thread.
    fn mail(&self, from: u32, at_ms: u64, head: &str, body: &str) -> Value {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let at = rfc3339(at_ms as i64);
        let date = date(&at);
        json!(format!(
            "From: Siti <siti{from}@customer.example>\nTo: {SHOP}\nSubject: Pesanan\nDate: {date}\n\
             Message-ID: <m{number}@customer.example>\nReferences: <root{from}@customer.example>\nMIME-Version: 1.0\n{head}\n{body}\n"
        ))
    }

    async fn hand_over(&self, to: &str, mail: &str) -> Option<()> {
        let stream = tokio::net::TcpStream::connect(self.listener).await.ok()?;
        let mut client = Client::of(stream);
        client.answer().await.starts_with("220 ").then_some(())?;
        client.say("EHLO mx.mail.example").await;
        client.hand_over("forwarder@mail.example", to, mail).await.starts_with("250").then_some(())
    }
}

/// A time of RFC 3339 as a mail writes it.
fn date(at: &str) -> String {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months[at[5..7].parse::<usize>().unwrap() - 1];
    format!("{} {month} {} {} +0000", &at[8..10], &at[0..4], &at[11..19])
}

impl Provider for Mail {
    fn plugin(&self) -> &'static str {
        "email"
    }

    fn config(&self) -> String {
        format!(
            "[mail]\nlisten = '{}'\ndomain = 'in.example'\nresolver = '{}'\n\
             [egress.overrides]\n'smtp://smtp.shop.example:587' = 'smtp://{}'\n",
            self.listener,
            self.names.address(),
            self.postbox.address()
        )
    }

    fn form(&self) -> Value {
        json!({
            "address": SHOP, "sending": "account", "smtp_host": "smtp.shop.example", "smtp_port": 587,
            "smtp_security": "starttls", "smtp_user": "shop", "smtp_password": "right",
        })
    }

    fn secrets(&self) -> &'static [&'static str] {
        &["smtp_password"]
    }

    /// A first mail shows that mail is forwarded.
    fn connect<'a>(&'a self, api: &'a Api) -> LocalBoxFuture<'a, Value> {
        Box::pin(async move {
            let channel = json!({ "plugin": "email", "name": "Toko", "settings": self.form() });
            let channel = api.expect(201, "POST", "/v1/channels", channel).await;
            self.deliver(api, &channel, &[self.mail(0, 1_780_000_000_000, "", FIRST)]).await;
            until("the first mail connects the channel", async || {
                let channel = api.get(&path(&channel)).await;
                (channel["state"] == "connected").then_some(channel)
            })
            .await
        })
    }

    fn text(&self, from: u32, at_ms: u64, words: &str) -> Value {
        self.mail(from, at_ms, "Content-Type: text/plain; charset=utf-8\n", words)
    }

    fn oddity(&self, from: u32, at_ms: u64) -> Value {
        self.mail(from, at_ms, "Content-Type: message/hologram\n", "Depth: 3")
    }

    fn picture(&self, from: u32, at_ms: u64, bytes: &[u8]) -> Value {
        let head = "Content-Type: multipart/mixed; boundary=b\n";
        let body = format!(
            "--b\nContent-Type: image/png; name=a.png\nContent-Disposition: attachment; filename=a.png\n\
             Content-Transfer-Encoding: base64\n\n{}\n--b--",
            STANDARD.encode(bytes)
        );
        self.mail(from, at_ms, head, &body)
    }

    fn deliver<'a>(&'a self, _api: &'a Api, channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move {
            let to = channel["settings"]["forwarding_address"].as_str().unwrap_or_default();
            for event in events {
                if self.hand_over(to, event.as_str().unwrap_or_default()).await.is_none() {
                    return false;
                }
            }
            true
        })
    }

    fn seen(&self, _data: &Path) -> Vec<String> {
        let envelope = || Envelope { sender: SHOP.to_owned(), recipients: Vec::new(), extra: Vec::new() };
        let text = |raw: &str| sambung::mail::parse(raw.as_bytes(), envelope(), Vec::new()).text.unwrap_or_default();
        self.postbox.taken().iter().map(|mail| text(&mail.raw).trim_end().to_owned()).collect()
    }

    fn trouble(&self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::Refused => self.postbox.say_next("RCPT", "550 5.1.1 no such user"),
            Trouble::LostAnswer => self.postbox.say_next(".", ""),
            // A mail server is asked again after minutes, as such servers want it.
            Trouble::Passing => return false,
        }
        true
    }

    fn revoke(&self) -> bool {
        self.postbox.ask_for("shop", "another");
        true
    }

    fn grant(&self) {
        self.postbox.ask_for("shop", "right");
    }

    fn other_account(&self) -> Option<Value> {
        Some(json!({ "address": "other@shop.example" }))
    }
}
