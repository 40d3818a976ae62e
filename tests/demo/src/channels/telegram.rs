//! Telegram: a bot's token from @BotFather.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::telegram::{TOKEN, Telegram};
use serde_json::{Value, json};

use super::{Play, connect};

const CUSTOMER: i64 = 811_000_001;

pub struct Shop(pub Telegram);

impl Play for Shop {
    fn plugin(&self) -> &'static str {
        "telegram"
    }

    fn way(&self) -> &'static str {
        "bot token"
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        connect(api, "telegram", json!({ "bot_token": TOKEN })).boxed()
    }

    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()> {
        async move {
            self.0.writes(CUSTOMER, text);
            assert_eq!(self.0.deliver().await, 200);
        }
        .boxed()
    }

    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        let shown = self.0.deliveries().iter().map(|delivery| format!("{delivery:?}")).collect();
        async move { shown }.boxed()
    }
}
