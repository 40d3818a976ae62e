//! Walks through the pages of the source material: each from sign-in to disconnect, in a browser, with the words of that page.

mod email;
mod facebook_messenger;
mod instagram;
mod line;
mod twitter;
mod whatsapp;

use sambung_tests::api::until;
use sambung_tests::chromium::Browser;
use sambung_tests::host::Host;

use super::console::{shown, sign_in_at, until_bubble};

/// Signs in and opens the form that this button of *Integrations* leads to.
async fn opens(browser: &Browser, host: &Host, add: &str) {
    opens_at(browser, host, &host.api().url(""), add).await;
}

/// As [`opens`], where the host is reached by this address.
async fn opens_at(browser: &Browser, host: &Host, base: &str, add: &str) {
    sign_in_at(browser, host, base).await;
    browser.click("link", "Integrations").await;
    browser.click("link", add).await;
    browser.wait_for("heading", add).await;
    says(browser, "guide", "Only an admin connects").await;
}

/// Waits until an element of this class says something.
async fn says(browser: &Browser, class: &str, wanted: &str) {
    until(&format!("{class} says {wanted:?}"), async || {
        shown(browser, class).await.iter().any(|one| one.contains(wanted)).then_some(())
    })
    .await;
}

/// Waits until so many fields say that they are required, and no field says anything else.
async fn says_required(browser: &Browser, times: usize) {
    until(&format!("{times} empty fields say that they are required"), async || {
        let faults = shown(browser, "field-error").await;
        (faults.len() == times && faults.iter().all(|one| one == "field is required")).then_some(())
    })
    .await;
}

/// Types into a field, over what stands there.
async fn fills(browser: &Browser, label: &str, text: &str) {
    browser.click("textbox", label).await;
    browser.run("document.activeElement.select()").await;
    browser.type_text(text).await;
}

/// Whether the control of this id is disabled.
async fn is_disabled(browser: &Browser, id: &str) -> bool {
    browser.run(&format!("return document.getElementById('{id}').disabled")).await == true
}

/// Reads the dialog and closes it by its button, which has the focus.
async fn closes_dialog(browser: &Browser, title: &str, text: &str, button: &str) {
    browser.wait_for("heading", title).await;
    says(browser, "dialog-body", text).await;
    assert!(browser.wait_for("button", button).await.focused, "the button of the dialog has the focus");
    browser.click("button", button).await;
    until("the dialog is closed", async || {
        (browser.run("return document.querySelector('dialog[open]')").await.is_null()).then_some(())
    })
    .await;
}

/// The address of the channel's page that the browser is at.
async fn channel_page(browser: &Browser) -> String {
    until("the page is a channel's", async || {
        let address = browser.address().await;
        let path = address.split('?').next().unwrap_or_default().to_owned();
        path.rsplit('/').next().is_some_and(|id| id.starts_with("ch_")).then_some(path)
    })
    .await
}

/// Disconnects the channel of this page: once the question is cancelled, which changes nothing, then it is answered.
async fn disconnects(browser: &Browser, host: &Host, page: &str) {
    let before = host.api().all("/v1/channels").await;
    for answer in ["Cancel", "Disconnect"] {
        browser.visit(page).await;
        browser.click("link", "Disconnect…").await;
        browser.wait_for("heading", "Are you sure?").await;
        says(browser, "question", "Disconnecting this channel will also delete this channel").await;
        assert!(browser.wait_for("link", "Cancel").await.focused, "Enter changes nothing");
        browser.click(if answer == "Cancel" { "link" } else { "button" }, answer).await;
        if answer == "Cancel" {
            browser.wait_for("link", "Disconnect…").await;
            let after = host.api().all("/v1/channels").await;
            assert_eq!(after.len(), before.len());
            assert_eq!(after[0]["state"], before[0]["state"]);
        }
    }
    browser.wait_for("heading", "Integrations").await;
    assert_eq!(host.api().all("/v1/channels").await.len() + 1, before.len());
    // A form that is shown again with its faults answers 4xx or 502, which Chromium notes.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|one| one.contains("the server responded with a status of")), "{complaints:?}");
}

/// The public address of a host that is met through a `Front`.
const PUBLIC: &str = "https://chat.example";

/// Opens the only conversation, reads in it what a customer wrote, and answers.
async fn answers(browser: &Browser, host: &Host, base: &str, written: &str, answer: &str) {
    let conversation = host.api().first_conversation().await;
    browser.visit(&format!("{base}/inbox/{}", conversation["id"].as_str().unwrap())).await;
    until_bubble(browser, written).await;
    browser.run("document.querySelector('.composer-text').focus()").await;
    browser.type_line(answer).await;
    until_bubble(browser, answer).await;
}

/// Turns to the tab in which the provider was met, which tells that the channel is connected, and closes it. The page that opened it
/// notices by itself what came of it.
async fn signs_in_in_a_new_tab(browser: &Browser, connected: &str) {
    browser.turn_to_new_tab(&format!("{PUBLIC}/integrations/")).await;
    browser.wait_for("heading", connected).await;
    browser.close_tab().await;
}
