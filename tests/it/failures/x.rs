//! What fails elsewhere on X alone: tokens that end every two hours, and deliveries for accounts that nobody connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sambung::clock::Clock;
use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::browser::Browser;
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::x::{CLIENT, CONSUMER_KEY, CONSUMER_SECRET, X};
use serde_json::{Value, json};

use super::stage::path;

const CUSTOMER: &str = "3001969357";
const MINUTE_MS: i64 = 60_000;

async fn with_app(x: &X, clock: Clock) -> Host {
    let host = Host::start_at(&leading(&x.overrides(), ""), clock).await;
    x.reach_endpoint_at(&host.api().url(""));
    let app = json!({ "consumer_key": CONSUMER_KEY, "consumer_secret": CONSUMER_SECRET, "client_id": CLIENT.0, "client_secret": CLIENT.1 });
    let app = host.api().expect(200, "PUT", "/v1/plugins/x/settings", app).await;
    x.allow_return_to(app["redirect_url"].as_str().unwrap());
    host
}

/// Has the account's owner sign in: the channel afterwards.
async fn sign_in(api: &Api, x: &X, channel: &Value) -> Value {
    let leads = [("https://chat.example", api.url("")), ("https://x.com", x.address().to_owned())];
    let browser = Browser::new(leads.map(|(from, to)| (from.to_owned(), to)));
    let (status, page) = browser.open(channel["step"]["url"].as_str().unwrap_or_else(|| panic!("{channel}"))).await;
    assert_eq!(status, 200, "{page}");
    api.get(&path(channel)).await
}

/// Ahead of its end, so that no message ever meets an ended one. Where the account took its sign-in back the channel says so, holds
/// what is to be sent, and goes on in place when somebody signs in again.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_ahead_and_one_that_was_taken_back_is_told() {
    let x = X::start().await;
    let (ahead, system) = (Arc::new(AtomicI64::new(0)), Clock::system());
    let told = Arc::clone(&ahead);
    let host = with_app(&x, Clock::from_fn(move || system.now() + told.load(Ordering::SeqCst))).await;
    let api = host.api();
    let channel = json!({ "plugin": "x", "name": "Toko", "settings": { "mode": "sign-in" } });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    let channel = sign_in(api, &x, &channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    assert_eq!(x.post_activity(&x.write(CUSTOMER, "Halo")).await.unwrap(), 200);
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let first = x.token().unwrap();
    host.look_after_credentials().await;
    assert_eq!(x.token().unwrap(), first, "two hours are left");
    ahead.store(119 * MINUTE_MS, Ordering::SeqCst);
    host.look_after_credentials().await;
    assert_ne!(x.token().unwrap(), first, "renewed while the old one was good");
    let reply = api.reply(&conversation, "satu").await;
    let sent = api.message_when(&reply, "sent").await;
    assert_eq!(sent["attempts"].as_array().unwrap().len(), 1, "{sent}");

    x.withdraw();
    let held = api.reply(&conversation, "dua").await;
    let marked = until("the channel needs attention", async || {
        let channel = api.get(&path(&channel)).await;
        (channel["state"] == "needs_attention").then_some(channel)
    })
    .await;
    assert!(marked["findings"].as_array().is_some_and(|all| !all.is_empty()), "{marked}");
    assert_eq!(api.get(&format!("/v1/messages/{held}")).await["status"], "queued");
    let again = api.expect(200, "POST", &format!("{}/reconnect", path(&channel)), json!({})).await;
    let again = sign_in(api, &x, &again).await;
    assert_eq!((&again["id"], &again["state"]), (&channel["id"], &json!("connected")), "{again}");
    api.message_when(&held, "sent").await;
    assert_eq!(x.deliveries().len(), 2);
}

/// An account that allows the app and is not connected here: what is delivered for it is kept, and shown to the operator.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_an_account_that_nobody_connected_is_kept_and_says_for_whom() {
    let x = X::start().await;
    let host = with_app(&x, Clock::system()).await;
    let mut delivery = x.delivery(&x.write(CUSTOMER, "Ada orang?"));
    delivery["for_user_id"] = json!("900900900");
    delivery["direct_message_events"][0]["message_create"]["target"]["recipient_id"] = json!("900900900");
    delivery["direct_message_events"][0]["created_timestamp"] = json!(now_ms().to_string());
    assert_eq!(x.post(&delivery).await.unwrap(), 200);
    host.api().translated().await;
    assert_eq!(host.api().all("/v1/conversations").await, Vec::<Value>::new());
    let kept = host.api().all("/v1/journal?state=parked").await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0]["items"][0]["reason"].as_str().unwrap().contains("900900900"), "{kept:?}");
    let row = host.api().get(&format!("/v1/journal/{}", kept[0]["id"].as_str().unwrap())).await;
    assert!(row["body"].as_str().unwrap().contains("Ada orang?"), "{row}");
}
