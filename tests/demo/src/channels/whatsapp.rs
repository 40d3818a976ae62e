//! WhatsApp: a number of the Cloud API, with a system user's token.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::providers::whatsapp::{ACCOUNT, APP_ID, APP_SECRET, NUMBERS, TOKEN, WhatsApp, text, value};
use serde_json::{Value, json};

use super::{Play, connect};

const CUSTOMER: &str = "6281230001111";

pub struct Shop(pub WhatsApp);

impl Play for Shop {
    fn plugin(&self) -> &'static str {
        "whatsapp"
    }

    fn way(&self) -> &'static str {
        "Cloud API, system user's token"
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        async move {
            let app = json!({ "app_id": APP_ID, "app_secret": APP_SECRET });
            api.expect(200, "PUT", "/v1/plugins/whatsapp/settings", app).await;
            let settings = json!({
                "mode": "cloud",
                "phone_number_id": NUMBERS[0].0,
                "business_account_id": ACCOUNT,
                "access_token": TOKEN,
            });
            connect(api, "whatsapp", settings).await
        }
        .boxed()
    }

    fn writes<'a>(&'a self, words: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let message = text(&self.0, CUSTOMER, now_ms() / 1_000, words);
            assert_eq!(self.0.post(&[value(0, &[message], &[])]).await.expect("the host answers"), 200);
        }
        .boxed()
    }

    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        let shown = self.0.deliveries().iter().map(|delivery| delivery.body.to_string()).collect();
        async move { shown }.boxed()
    }
}
