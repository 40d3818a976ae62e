//! The page about Twitter.

use sambung_tests::api::until;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::front::{Front, NAME};
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::x::{ACCESS_TOKEN, ACCESS_TOKEN_SECRET, CLIENT, CONSUMER_KEY, CONSUMER_SECRET, X};
use serde_json::json;

use super::{
    PUBLIC, answers, channel_page, closes_dialog, disconnects, fills, opens_at, says, says_required,
    signs_in_in_a_new_tab,
};
use crate::console::shown;

/// The account of a customer.
const CUSTOMER: &str = "2244994945";

/// A host whose operator registered an app, and the way that browsers reach it and X.
async fn host(x: &X) -> (Host, Front) {
    let host = Host::start(&leading(&x.overrides(), "")).await;
    x.reach_endpoint_at(&host.api().url(""));
    let app = json!({
        "consumer_key": CONSUMER_KEY, "consumer_secret": CONSUMER_SECRET, "client_id": CLIENT.0, "client_secret": CLIENT.1,
    });
    let app = host.api().expect(200, "PUT", "/v1/plugins/x/settings", app).await;
    x.allow_return_to(app["redirect_url"].as_str().unwrap());
    let front = Front::start([(NAME, host.api().url("").as_str()), ("x.com", x.address())]).await;
    (host, front)
}

/// A customer writes in public and in private; only the direct message comes in, and is answered.
async fn writes_and_is_answered(browser: &Browser, host: &Host, x: &X) {
    let mention = json!({ "for_user_id": sambung_tests::providers::x::OWN, "tweet_create_events": [
        { "id_str": "1", "text": "@shop Kapan buka?", "user": { "id_str": CUSTOMER } } ] });
    assert_eq!(x.post(&mention).await.unwrap(), 200);
    let hello = x.write(CUSTOMER, "Apakah toko buka?");
    assert_eq!(x.post_messages(&[&hello]).await.unwrap(), 200);
    answers(browser, host, PUBLIC, "Apakah toko buka?", "Buka, Kak.").await;
    until("the answer arrived", async || x.deliveries().pop().filter(|sent| sent.recipient == CUSTOMER)).await;
    let texts = host.api().all_messages().await;
    assert!(texts.iter().all(|message| message["content"]["text"] != "@shop Kapan buka?"), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_twitter_by_login_in_twitter() {
    drive("mengintegrasikan_twitter_by_login_in_twitter", async |chromium| {
        let x = X::start().await;
        let (host, front) = host(&x).await;
        let browser = chromium.open_through(&front, "en").await;
        opens_at(&browser, &host, PUBLIC, "Add Twitter Account").await;
        says(&browser, "guide", "Only direct messages come into the inbox, never @mentions").await;
        browser.click("button", "Login in Twitter").await;
        browser.click("link", "Login in Twitter").await;
        signs_in_in_a_new_tab(&browser, "X is connected").await;
        closes_dialog(&browser, "X is connected", "Mentions do not", "OK").await;
        let met = x.recorded().into_iter().any(|one| one.url.contains("/i/oauth2/authorize"));
        assert!(met, "the browser was at X's page");
        let page = channel_page(&browser).await;
        writes_and_is_answered(&browser, &host, &x).await;
        disconnects(&browser, &host, &page).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_twitter_with_developer_apps() {
    drive("mengintegrasikan_twitter_with_developer_apps", async |chromium| {
        let x = X::start().await;
        let (host, front) = host(&x).await;
        let browser = chromium.open_through(&front, "en").await;
        opens_at(&browser, &host, PUBLIC, "Add Twitter Account").await;
        browser.click("DisclosureTriangle", "Integrate with developer Apps").await;
        browser.click("button", "Add").await;
        says_required(&browser, 4).await;
        fills(&browser, "API key (consumer key)", CONSUMER_KEY).await;
        fills(&browser, "API key secret (consumer secret)", CONSUMER_SECRET).await;
        fills(&browser, "Access token", "not a token").await;
        fills(&browser, "Access token secret", ACCESS_TOKEN_SECRET).await;
        browser.click("button", "Add").await;
        says(&browser, "field-error", "does not have the expected form").await;
        assert_eq!(shown(&browser, "field-error").await.len(), 1);
        fills(&browser, "Access token", "4337869213-another").await;
        browser.click("button", "Add").await;
        closes_dialog(&browser, "X (Twitter) was not connected", "X refused this access token", "Try again").await;
        fills(&browser, "Access token", ACCESS_TOKEN).await;
        browser.click("button", "Add").await;
        closes_dialog(&browser, "X is connected", "Mentions do not", "OK").await;
        let page = channel_page(&browser).await;
        writes_and_is_answered(&browser, &host, &x).await;
        disconnects(&browser, &host, &page).await;
    })
    .await;
}
