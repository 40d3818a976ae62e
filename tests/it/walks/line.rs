//! The page about LINE.

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::line::{Line, SECRET, TOKEN};

use super::{channel_page, closes_dialog, disconnects, fills, is_disabled, opens, says, says_required};

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_line_messenger() {
    drive("mengintegrasikan_line_messenger", async |chromium| {
        let line = Line::start().await;
        line.use_webhook(false);
        let host = Host::start(&leading(&line.overrides(), "")).await;
        line.reach_endpoint_at(&host.api().url(""));
        let browser = chromium.open("en").await;
        opens(&browser, &host, "Add Line Account").await;
        for step in
            ["Make sure that you have an official account", "Channel access token. Choose Issue", "turn on Use webhook"]
        {
            says(&browser, "guide", step).await;
        }
        browser.click("button", "Install").await;
        says_required(&browser, 2).await;
        fills(&browser, "Name in the inbox", "Toko Kopi").await;
        fills(&browser, "Channel secret", SECRET).await;
        fills(&browser, "Channel access token", "wrong").await;
        browser.click("button", "Install").await;
        let words = "LINE refused this channel access token. Issue it again";
        closes_dialog(&browser, "LINE was not connected", words, "Try again").await;
        fills(&browser, "Channel access token", TOKEN).await;
        browser.click("button", "Install").await;
        closes_dialog(&browser, "LINE is connected", "One step is left: turn on Use webhook", "OK").await;
        let page = channel_page(&browser).await;

        // The reminder is there from the beginning, and is ticked once the switch is on.
        says(&browser, "check-list", "Use webhook is off").await;
        line.use_webhook(true);
        says(&browser, "is-done", "Use webhook is off").await;
        until("nothing is wrong any more", async || {
            let channel = host.api().all("/v1/channels").await.remove(0);
            (channel["findings"] == serde_json::json!([])).then_some(())
        })
        .await;

        browser.click("link", "Settings").await;
        browser.wait_for("button", "Save Changes").await;
        assert!(is_disabled(&browser, "account").await, "LINE names the channel");
        assert!(is_disabled(&browser, "f-channel_secret").await, "another secret is another channel");
        assert!(!is_disabled(&browser, "f-channel_access_token").await, "a token is issued again");
        disconnects(&browser, &host, &page).await;
    })
    .await;
}
