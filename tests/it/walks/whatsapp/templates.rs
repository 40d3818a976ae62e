//! *24 Hours HSM Template*: a template is added in steps, approved, viewed, switched, used where the window is closed, and deleted.

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::with_whatsapp;
use sambung_tests::providers::whatsapp::WhatsApp;

use crate::console::{shown, sign_in};
use crate::stories::templates::closed_conversation;
use crate::walks::{closes_dialog, fills, says, says_required};

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_whatsapp_24_hours_hsm_template() {
    drive("mengintegrasikan_whatsapp_24_hours_hsm_template", async |chromium| {
        let platform = WhatsApp::start().await;
        let (host, [channel, _]) = with_whatsapp(&platform, "").await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.click("link", "Integrations").await;
        browser.click("link", channel["name"].as_str().unwrap()).await;
        browser.click("link", "24 Hours HSM Template").await;
        browser.wait_for("link", "Add HSM Template").await;
        let list = browser.address().await;
        browser.click("link", "Add HSM Template").await;

        // Empty fields say so on Next; what is wrong with a filled one is told in a dialog, which leads back to it.
        browser.click("button", "Next").await;
        says_required(&browser, 2).await;
        fills(&browser, "Name", "pesanan_siap").await;
        fills(&browser, "Language", "id").await;
        browser.click("button", "Next").await;
        fills(&browser, "Body", "Pesanan siap, {{1}").await;
        browser.click("button", "Next").await;
        closes_dialog(&browser, "Error in the template", "Body: ", "Try again").await;
        let focused = async || browser.find("textbox", "Body").await.filter(|field| field.focused);
        until("the dialog leads to the field that is wrong", focused).await;
        fills(&browser, "Body", "Pesanan siap, {{1}}").await;
        browser.click("button", "Next").await;
        says_required(&browser, 1).await;
        browser.click("textbox", "{{1}}").await;
        browser.type_line("Dewi").await;
        says(&browser, "phone-bubble", "Pesanan siap, Dewi").await;
        browser.click("button", "Send for approval").await;
        let words = "Variables can't be at the start or end of the template";
        closes_dialog(&browser, "Error in the template", words, "Try again").await;
        assert_eq!(platform.templates().len(), 0, "what the provider refused is not there");
        fills(&browser, "Body", "Halo {{1}}, pesanan siap.").await;
        browser.click("button", "Next").await;
        says(&browser, "phone-bubble", "Halo Dewi, pesanan siap.").await;
        browser.click("button", "Send for approval").await;
        says(&browser, "toast", "The template was sent for approval.").await;
        says(&browser, "state", "In review").await;

        let news = platform.decide("pesanan_siap", "id", "APPROVED", &serde_json::json!({}));
        platform.post_change(1_780_000_000, "message_template_status_update", &news).await.unwrap();
        until("it is approved", async || {
            browser.visit(&list).await;
            shown(&browser, "state").await.iter().any(|one| one == "Approved").then_some(())
        })
        .await;
        browser.click("switch", "pesanan_siap in use").await;
        says(&browser, "toast", "Successfully updated!").await;
        says(&browser, "switch-button", "OFF").await;
        browser.click("switch", "pesanan_siap in use").await;
        says(&browser, "switch-button", "ON").await;

        let conversation = closed_conversation(&platform, host.api()).await;
        browser.visit(&host.api().url(&format!("/inbox/{}", conversation["id"].as_str().unwrap()))).await;
        says(&browser, "closed", "The messaging window is closed.").await;
        browser.run("document.querySelector('.template-use').open = true").await;
        browser.click("textbox", "Text 1").await;
        browser.type_line("Budi").await;
        says(&browser, "message", "Sent").await;

        // Viewed as it looks on a phone, and deleted.
        browser.visit(&list).await;
        browser.click("link", "pesanan_siap").await;
        browser.wait_for("heading", "pesanan_siap").await;
        says(&browser, "phone-bubble", "Halo {{1}}, pesanan siap.").await;
        browser.click("button", "Delete template").await;
        says(&browser, "toast", "The template was deleted.").await;
        assert_eq!(platform.templates().len(), 0);
        // A form that is shown again with its faults answers 422, which Chromium notes.
        let complaints = browser.complaints().await;
        assert!(complaints.iter().all(|one| one.contains("status of 422")), "{complaints:?}");
    })
    .await;
}
