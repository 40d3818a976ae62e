//! A form whose answer takes long, in a real browser.

use std::time::Duration;

use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use sambung_tests::providers::Meddling::HoldsBefore;
use sambung_tests::providers::telegram::{TOKEN, Telegram};

use super::console::sign_in;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_form_shows_that_it_works_and_is_sent_once() {
    drive("a_slow_form_shows_that_it_works_and_is_sent_once", async |chromium| {
        let telegram = Telegram::start().await;
        let lines: String = telegram.overrides().iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
        let host = Host::start(&format!("[egress.overrides]\n{lines}")).await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.click("link", "Integrations").await;
        browser.click("link", "Add Telegram Bot").await;
        browser.click("textbox", "Bot token").await;
        browser.type_text(TOKEN).await;
        let held = telegram.meddle("POST", "/getMe", HoldsBefore);
        // The driver waits while a page loads, so the page notes what its button says meanwhile.
        let script = "const button = document.querySelector('main form button.is-primary');
            new MutationObserver(() => sessionStorage.setItem('busy', button.ariaBusy)).observe(button, { attributes: true });
            setTimeout(() => { button.click(); button.click(); }, 100)";
        browser.run(script).await;
        held.arrived().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(telegram.calls("getMe"), 1, "the form was sent once");
        drop(held);
        browser.wait_for("heading", "Telegram is connected").await;
        assert_eq!(browser.run("return sessionStorage.getItem('busy')").await, "true");
        assert_eq!(browser.run("return document.querySelector('dialog').matches(':modal')").await, true);
        assert_eq!(host.api().all("/v1/channels").await.len(), 1);
    })
    .await;
}
