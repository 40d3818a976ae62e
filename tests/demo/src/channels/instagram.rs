//! Instagram: the account itself signs in.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::providers::meta::{APP_ID, APP_SECRET, INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, Meta, PAGES, PERSON};
use serde_json::{Value, json};

use super::{Play, connect, sign_in};

pub struct Shop(pub Arc<Meta>);

impl Play for Shop {
    fn plugin(&self) -> &'static str {
        "instagram"
    }

    fn way(&self) -> &'static str {
        "signed in with Instagram"
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        async move {
            let app = json!({
                "app_id": APP_ID,
                "app_secret": APP_SECRET,
                "instagram_app_id": INSTAGRAM_APP_ID,
                "instagram_app_secret": INSTAGRAM_APP_SECRET,
            });
            let app = api.expect(200, "PUT", "/v1/plugins/instagram/settings", app).await;
            self.0.allow_return_to(app["redirect_url"].as_str().unwrap_or_default());
            let channel = connect(api, "instagram", json!({ "mode": "instagram-sign-in" })).await;
            sign_in(api, &channel, &[("https://www.instagram.com", self.0.address())]).await
        }
        .boxed()
    }

    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let event = self.0.text(PAGES[0].account, PERSON, now_ms(), text);
            let told = self.0.post_of_account(PAGES[0].account, [event]).await;
            assert_eq!(told, Some(200), "the account delivers to the app");
        }
        .boxed()
    }

    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        let own = self.0.deliveries().into_iter().filter(|delivery| delivery.from == PAGES[0].account);
        let shown = own.map(|delivery| delivery.body.to_string()).collect();
        async move { shown }.boxed()
    }
}
