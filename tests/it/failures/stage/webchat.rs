//! Web chat: visitors of a site write through the host itself, each with a browser of their own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use futures_util::future::LocalBoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::http_client;
use serde_json::{Value, json};

use super::{Provider, Trouble};

const SITE: &str = "https://toko.example";

/// The browsers: each visitor's token.
#[derive(Default)]
pub struct Site {
    sessions: Mutex<HashMap<u64, String>>,
    written: Mutex<u32>,
    /// The account, once there is one: its browsers come back to it.
    account: Mutex<Option<String>>,
}

impl Site {
    fn event(&self, from: u32, content: Value) -> Value {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written += 1;
        json!({ "from": from, "body": { "id": format!("m-{written}"), "name": "Ayu", "content": content } })
    }

    /// The visitor's token, asked for where there is none.
    async fn token(&self, widget: &str, from: u64) -> Option<String> {
        let known = || self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = known().get(&from) {
            return Some(token.clone());
        }
        let asked = http_client().post(format!("{widget}/sessions")).header("origin", SITE).json(&json!({}));
        let session: Value = asked.send().await.ok()?.json().await.ok()?;
        let token = session["token"].as_str()?.to_owned();
        known().insert(from, token.clone());
        Some(token)
    }

    async fn post(&self, widget: &str, event: &Value) -> Option<u16> {
        let token = self.token(widget, event["from"].as_u64()?).await?;
        let mut body = event["body"].clone();
        if let Some(bytes) = event["file"].as_str() {
            let file = http_client().post(format!("{widget}/media?name=a.png")).header("origin", SITE);
            let file = file.bearer_auth(&token).header("content-type", "image/png").body(hex::decode(bytes).ok()?);
            let file: Value = file.send().await.ok()?.json().await.ok()?;
            body["content"]["media_id"] = file["media_id"].clone();
        }
        let sent = http_client().post(format!("{widget}/messages")).header("origin", SITE).bearer_auth(token);
        Some(sent.json(&body).send().await.ok()?.status().as_u16())
    }
}

impl Provider for Site {
    fn plugin(&self) -> &'static str {
        "webchat"
    }

    fn config(&self) -> String {
        sambung_tests::host::leading(&[], "")
    }

    fn form(&self) -> Value {
        json!({ "domain": [SITE] })
    }

    fn secrets(&self) -> &'static [&'static str] {
        &[]
    }

    /// There is no provider to know the account by: it goes on where it is named.
    fn connect<'a>(&'a self, api: &'a Api) -> LocalBoxFuture<'a, Value> {
        Box::pin(async move {
            let mut settings = self.form();
            if let Some(account) = &*self.account.lock().unwrap_or_else(PoisonError::into_inner) {
                settings["earlier"] = json!(account);
            }
            let channel = json!({ "plugin": self.plugin(), "name": "Toko", "settings": settings });
            let channel = api.expect(201, "POST", "/v1/channels", channel).await;
            *self.account.lock().unwrap_or_else(PoisonError::into_inner) =
                channel["account"].as_str().map(str::to_owned);
            channel
        })
    }

    fn text(&self, from: u32, _at_ms: u64, words: &str) -> Value {
        self.event(from, json!({ "type": "text", "text": words }))
    }

    fn oddity(&self, from: u32, _at_ms: u64) -> Value {
        self.event(from, json!({ "type": "hologram", "depth": 3 }))
    }

    fn picture(&self, from: u32, _at_ms: u64, bytes: &[u8]) -> Value {
        let mut event = self.event(from, json!({ "type": "media" }));
        event["file"] = json!(hex::encode(bytes));
        event
    }

    fn deliver<'a>(&'a self, api: &'a Api, channel: &'a Value, events: &'a [Value]) -> LocalBoxFuture<'a, bool> {
        Box::pin(async move {
            let widget = api.url(&format!("/widget/{}", channel["id"].as_str().unwrap_or_default()));
            for event in events {
                if self.post(&widget, event).await != Some(202) {
                    return false;
                }
            }
            true
        })
    }

    /// What stands in the visitors' streams.
    fn seen(&self, data: &Path) -> Vec<String> {
        let db = rusqlite::Connection::open(data.join("sambung.db")).unwrap();
        let mut ask = db.prepare("SELECT entry FROM visitor_entries ORDER BY id").unwrap();
        let entries = ask.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let entries = entries.map(|entry| serde_json::from_str::<Value>(&entry.unwrap()).unwrap());
        let of_agents = entries.filter(|entry| entry["from"] == "agent");
        of_agents.map(|entry| entry["content"]["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn trouble(&self, _trouble: Trouble) -> bool {
        false
    }

    fn revoke(&self) -> bool {
        false
    }

    fn tells_time(&self) -> bool {
        false
    }
}
