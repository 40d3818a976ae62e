//! Messenger: somebody signs in with Facebook and chooses a page.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::providers::meta::{APP_ID, APP_SECRET, Meta, PAGES, PERSON};
use serde_json::{Value, json};

use super::{Play, choose_first, connect, sign_in};

pub struct Shop(pub Arc<Meta>);

impl Play for Shop {
    fn plugin(&self) -> &'static str {
        "messenger"
    }

    fn way(&self) -> &'static str {
        "signed in with Facebook, and chose the page"
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        async move {
            let app = json!({ "app_id": APP_ID, "app_secret": APP_SECRET });
            let app = api.expect(200, "PUT", "/v1/plugins/messenger/settings", app).await;
            self.0.allow_return_to(app["redirect_url"].as_str().unwrap_or_default());
            let channel = connect(api, "messenger", json!({ "mode": "sign-in" })).await;
            let channel = sign_in(api, &channel, &[("https://www.facebook.com", self.0.address())]).await;
            choose_first(api, channel).await
        }
        .boxed()
    }

    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let event = self.0.text(PAGES[0].id, PERSON, now_ms(), text);
            assert_eq!(self.0.post_of_page(PAGES[0].id, [event]).await, Some(200), "the page delivers to the app");
        }
        .boxed()
    }

    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        let own = self.0.deliveries().into_iter().filter(|delivery| delivery.from == PAGES[0].id);
        let shown = own.map(|delivery| delivery.body.to_string()).collect();
        async move { shown }.boxed()
    }
}
