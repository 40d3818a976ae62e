//! X: the account signs in.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_tests::api::Api;
use sambung_tests::providers::x::{CLIENT, CONSUMER_KEY, CONSUMER_SECRET, X};
use serde_json::{Value, json};

use super::{Play, connect, sign_in};

const CUSTOMER: &str = "3001969357";

pub struct Shop(pub X);

impl Play for Shop {
    fn plugin(&self) -> &'static str {
        "x"
    }

    fn way(&self) -> &'static str {
        "signed in with X"
    }

    fn connect<'a>(&'a self, api: &'a Api) -> BoxFuture<'a, Value> {
        async move {
            let app = json!({
                "consumer_key": CONSUMER_KEY,
                "consumer_secret": CONSUMER_SECRET,
                "client_id": CLIENT.0,
                "client_secret": CLIENT.1,
            });
            let app = api.expect(200, "PUT", "/v1/plugins/x/settings", app).await;
            self.0.allow_return_to(app["redirect_url"].as_str().unwrap_or_default());
            let channel = connect(api, "x", json!({ "mode": "sign-in" })).await;
            sign_in(api, &channel, &[("https://x.com", self.0.address())]).await
        }
        .boxed()
    }

    fn writes<'a>(&'a self, text: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let message = self.0.write(CUSTOMER, text);
            assert_eq!(self.0.post_activity(&message).await.expect("the host answers"), 200);
        }
        .boxed()
    }

    fn sees(&self) -> BoxFuture<'_, Vec<String>> {
        let shown = self.0.deliveries().into_iter().map(|message| message.text).collect();
        async move { shown }.boxed()
    }
}
