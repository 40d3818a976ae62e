//! The console without a mouse: a person connects web chat and answers a visitor by the keyboard alone.

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;

use super::console::{until_bubble, writes_as_a_visitor};

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_connected_and_a_visitor_answered_by_the_keyboard_alone() {
    drive("a_channel_is_connected_and_a_visitor_answered_by_the_keyboard_alone", async |chromium| {
        let host = Host::start("").await;
        let (email, password) = host.person().await;
        let browser = chromium.open("en").await;
        browser.visit(&host.api().url("/")).await;
        browser.tab_to("textbox", "E-mail address").await;
        browser.type_text(&email).await;
        browser.tab_to("textbox", "Password").await;
        browser.type_line(&password).await;
        browser.wait_for("heading", "Inbox").await;
        browser.tab_to("link", "Integrations").await;
        browser.enter().await;
        browser.tab_to("link", "Add Web Chat").await;
        browser.enter().await;
        browser.tab_to("button", "Connect").await;
        browser.enter().await;
        // The dialog's button has the focus.
        browser.wait_for("button", "OK").await;
        browser.enter().await;
        browser.wait_for("heading", "Script tag").await;

        let visitor = chromium.open("en").await;
        let session = browser.address().await;
        visitor.visit(&host.api().url("/sign-in")).await;
        let channel = session.split('?').next().and_then(|address| address.rsplit('/').next()).unwrap_or_default();
        let script = format!("/widget/{channel}/widget.js");
        visitor
            .run(&format!("const s = document.createElement('script'); s.src = '{script}'; document.body.append(s)"))
            .await;
        writes_as_a_visitor(&visitor, "Halo?").await;

        browser.tab_to("link", "Inbox").await;
        browser.enter().await;
        browser.wait_for("heading", "Inbox").await;
        until("the message is in the list", async || browser.texts("conversation").await.pop()).await;
        browser.press("j").await;
        until_bubble(&browser, "Halo?").await;
        browser.press("r").await;
        let field = async || browser.find("textbox", "Reply to Unnamed").await.filter(|field| field.focused);
        until("the key leads into the field", field).await;
        browser.type_line("Halo juga!").await;
        until_bubble(&browser, "Halo juga!").await;
    })
    .await;
}
