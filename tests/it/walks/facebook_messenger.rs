//! The page about Facebook Messenger, which describes Telegram as well.

use sambung_tests::api::{now_ms, until};
use sambung_tests::chromium::drive;
use sambung_tests::front::{Front, NAME};
use sambung_tests::host::Host;
use sambung_tests::providers::meta::{Meta, PAGES, PERSON};
use sambung_tests::providers::telegram::{TOKEN, Telegram};

use super::{PUBLIC, answers, channel_page, closes_dialog, disconnects, fills, opens, opens_at, says, says_required};
use crate::meta::with_app;

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_facebook_messenger() {
    drive("mengintegrasikan_facebook_messenger", async |chromium| {
        let meta = Meta::start().await;
        let host = with_app(&meta, "").await;
        let front = Front::start([(NAME, host.api().url("").as_str()), ("www.facebook.com", meta.address())]).await;
        let browser = chromium.open_through(&front, "en").await;
        opens_at(&browser, &host, PUBLIC, "Connect with Facebook").await;
        browser.click("button", "Connect with Facebook").await;
        let page = channel_page(&browser).await;

        // The link opens a new tab, in which the person signs in at Facebook and comes back to choose the page.
        browser.click("link", "Connect with Facebook").await;
        browser.turn_to_new_tab(&page).await;
        assert!(
            meta.recorded().iter().any(|one| one.url.contains("/dialog/oauth")),
            "the browser was at Facebook's page"
        );
        browser.wait_for("radio", PAGES[0].name).await;
        browser.click("radio", PAGES[1].name).await;
        browser.click("button", "Connect this one").await;
        closes_dialog(&browser, "Messenger is connected", "appears in the inbox", "OK").await;
        browser.close_tab().await;
        closes_dialog(&browser, "Messenger is connected", "appears in the inbox", "OK").await;
        assert!(meta.delivered(PAGES[1].id).contains("messages") && meta.delivered(PAGES[0].id).is_empty());

        let hello = meta.text(PAGES[1].id, PERSON, now_ms(), "Apakah toko buka?");
        assert_eq!(meta.post_of_page(PAGES[1].id, [hello]).await, Some(200));
        answers(&browser, &host, PUBLIC, "Apakah toko buka?", "Buka, Kak.").await;
        let sent = until("the answer arrived", async || meta.deliveries().pop()).await;
        assert_eq!((sent.from.as_str(), &sent.body["message"]["text"]), (PAGES[1].id, &"Buka, Kak.".into()));
        disconnects(&browser, &host, &page).await;
        assert!(meta.delivered(PAGES[1].id).is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_facebook_messenger_telegram() {
    drive("mengintegrasikan_facebook_messenger_telegram", async |chromium| {
        let telegram = Telegram::start().await;
        let lines: String = telegram.overrides().iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
        let host = Host::start(&format!("[egress.overrides]\n{lines}")).await;
        let browser = chromium.open("en").await;
        opens(&browser, &host, "Add Telegram Bot").await;
        says(&browser, "guide", "Open @BotFather in Telegram, send /newbot").await;
        browser.click("button", "Connect").await;
        says_required(&browser, 1).await;
        fills(&browser, "Bot token", "123456789:AAF_not_the_token_of_a_bot_at_all__").await;
        browser.click("button", "Connect").await;
        let words = "Telegram refused this token. Copy it again from @BotFather.";
        closes_dialog(&browser, "Telegram was not connected", words, "Try again").await;
        fills(&browser, "Bot token", TOKEN).await;
        browser.click("button", "Connect").await;
        closes_dialog(&browser, "Telegram is connected", "Write to the bot", "OK").await;
        let page = channel_page(&browser).await;
        disconnects(&browser, &host, &page).await;
    })
    .await;
}
