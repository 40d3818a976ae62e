//! LINE: two keys from its console.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::providers::line::{Line, SECRET, Source, TOKEN, message_event};
use serde_json::{Value, json};

use super::{Play, connect};

const CUSTOMER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";

pub struct Shop {
    pub line: Line,
    pub base: String,
}

impl Play for Shop {
    fn plugin(&self) -> &'static str {
        "line"
    }

    fn way(&self) -> &'static str {
        "channel secret and access token"
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        self.line.profile(CUSTOMER, json!({ "userId": CUSTOMER, "displayName": "Taro" }));
        connect(api, "line", json!({ "channel_secret": SECRET, "channel_access_token": TOKEN })).boxed()
    }

    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let address = self.line.endpoint().expect("the address is registered");
            let path =
                address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
            let message = json!({ "type": "text", "text": text });
            let event = message_event(&self.line, Source::User(CUSTOMER), now_ms(), message);
            let status = self.line.post(&format!("{}/{path}", self.base), &[event]).await;
            assert_eq!(status.expect("the host answers"), 200);
        }
        .boxed()
    }

    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        let shown = self.line.deliveries().iter().map(|delivery| delivery.object.to_string()).collect();
        async move { shown }.boxed()
    }
}
