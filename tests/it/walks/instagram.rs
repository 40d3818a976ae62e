//! The page about Facebook Messenger names Instagram as well, which connects as Messenger does.

use sambung_tests::api::{now_ms, until};
use sambung_tests::chromium::drive;
use sambung_tests::front::{Front, NAME};
use sambung_tests::providers::meta::{Meta, PAGES, PERSON};

use super::{PUBLIC, answers, channel_page, closes_dialog, disconnects, opens_at, signs_in_in_a_new_tab};
use crate::meta::with_app;

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_instagram() {
    drive("mengintegrasikan_instagram", async |chromium| {
        let meta = Meta::start().await;
        let host = with_app(&meta, "").await;
        let front = Front::start([(NAME, host.api().url("").as_str()), ("www.instagram.com", meta.address())]).await;
        let browser = chromium.open_through(&front, "en").await;
        opens_at(&browser, &host, PUBLIC, "Connect with Instagram").await;
        browser.click("button", "Sign in with Instagram").await;
        let page = channel_page(&browser).await;
        browser.click("link", "Sign in with Instagram").await;
        // An account that signs in is the only one there is to choose.
        signs_in_in_a_new_tab(&browser, "Instagram is connected").await;
        closes_dialog(&browser, "Instagram is connected", "appears in the inbox", "OK").await;
        assert!(meta.recorded().iter().any(|one| one.url.contains("/oauth/authorize")), "it was at Instagram's page");

        let hello = meta.text(PAGES[0].account, PERSON, now_ms(), "Apakah toko buka?");
        assert_eq!(meta.post_of_account(PAGES[0].account, [hello]).await, Some(200));
        answers(&browser, &host, PUBLIC, "Apakah toko buka?", "Buka, Kak.").await;
        let sent = until("the answer arrived", async || meta.deliveries().pop()).await;
        assert_eq!((sent.from.as_str(), &sent.body["message"]["text"]), (PAGES[0].account, &"Buka, Kak.".into()));
        disconnects(&browser, &host, &page).await;
    })
    .await;
}
