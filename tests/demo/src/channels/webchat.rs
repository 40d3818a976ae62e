//! Web chat: a visitor of a site, as the widget's script behaves.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::http_client;
use serde_json::{Value, json};

use super::{Play, connect};

const SITE: &str = "https://toko.example";

/// A person with a browser.
pub struct Visitor {
    base: String,
    name: String,
    /// The channel and the session's token.
    session: Mutex<(String, String)>,
    written: AtomicU32,
}

/// A web chat that further visitors may write in.
pub struct Site {
    base: String,
    channel: String,
}

impl Visitor {
    /// The first visitor, who connects the channel as well.
    pub fn new(base: &str) -> Visitor {
        Visitor {
            base: base.to_owned(),
            name: "Ayu".to_owned(),
            session: Mutex::default(),
            written: AtomicU32::default(),
        }
    }

    /// A further visitor of a site.
    pub fn of(site: &Site, name: &str) -> Visitor {
        let session = Mutex::new((site.channel.clone(), String::new()));
        Visitor { base: site.base.clone(), name: name.to_owned(), session, written: AtomicU32::default() }
    }

    fn session(&self) -> (String, String) {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (channel, token) = self.session();
        let url = format!("{}/widget/{channel}/{path}", self.base);
        let mut request = http_client().post(url).header("origin", SITE).json(&body);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("the widget: {error}"));
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        assert!(status.is_success(), "the widget's {path}: {status} {body}");
        body
    }
}

impl Play for Visitor {
    fn plugin(&self) -> &'static str {
        "webchat"
    }

    fn way(&self) -> &'static str {
        "a site's address"
    }

    fn site(&self) -> Option<Site> {
        Some(Site { base: self.base.clone(), channel: self.session().0 })
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        async move {
            let channel = connect(api, "webchat", json!({ "domain": [SITE] })).await;
            let id = channel["id"].as_str().unwrap_or_default().to_owned();
            self.session.lock().unwrap_or_else(PoisonError::into_inner).0 = id;
            channel
        }
        .boxed()
    }

    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()> {
        async move {
            if self.session().1.is_empty() {
                let session = self.post("sessions", json!({})).await;
                let token = session["token"].as_str().unwrap_or_default().to_owned();
                self.session.lock().unwrap_or_else(PoisonError::into_inner).1 = token;
            }
            let who: String = self.name.chars().filter(char::is_ascii_alphanumeric).collect();
            let id = format!("0190a6f0-{who}-{:05}", self.written.fetch_add(1, Ordering::Relaxed));
            let content = json!({ "type": "text", "text": text });
            self.post("messages", json!({ "id": id, "name": self.name, "content": content })).await;
        }
        .boxed()
    }

    /// The stream goes on for ever, so what has come after a moment is looked at.
    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        async move {
            let (channel, token) = self.session();
            let url = format!("{}/widget/{channel}/stream?token={token}", self.base);
            let request = http_client().get(url).header("origin", SITE).timeout(std::time::Duration::from_secs(1));
            let Ok(mut answer) = request.send().await else { return Vec::new() };
            let mut seen = Vec::new();
            while let Ok(Some(chunk)) = answer.chunk().await {
                seen.push(String::from_utf8_lossy(&chunk).into_owned());
            }
            seen
        }
        .boxed()
    }
}
