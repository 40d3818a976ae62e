//! The page about Facebook Messenger, which describes Telegram as well.

use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use sambung_tests::providers::telegram::{TOKEN, Telegram};

use super::{channel_page, closes_dialog, disconnects, fills, opens, says, says_required};

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
