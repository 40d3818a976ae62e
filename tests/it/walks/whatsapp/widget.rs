//! `Settings` of a chat widget: name, domain and status, with a live preview at the right side.

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;

use crate::console::{shown, sign_in};
use crate::walks::{fills, says};

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_whatsapp_settings_of_a_chat_widget() {
    drive("mengintegrasikan_whatsapp_settings_of_a_chat_widget", async |chromium| {
        let host = Host::start("").await;
        let settings = serde_json::json!({ "plugin": "webchat", "name": "Toko", "settings": { "greeting": "Halo!" } });
        let channel = host.api().expect(201, "POST", "/v1/channels", settings).await;
        let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
        let browser = chromium.open("en").await;
        browser.resize(1440, 900).await;
        sign_in(&browser, &host).await;
        browser.click("link", "Integrations").await;
        browser.click("link", "Toko").await;
        browser.click("link", "Settings").await;
        browser.wait_for("button", "Save Changes").await;
        let is_beside = "const at = (one) => document.querySelector(one).getBoundingClientRect(); \
                         return at('iframe').left >= at('#settings').right";
        assert_eq!(browser.run(is_beside).await, true, "the preview is at the right side of the form");

        // Every change shows in the preview before it is saved.
        let previewed = async |name: &str| {
            until(&format!("the preview has the title {name:?}"), async || {
                shown(&browser, "heading").await.iter().any(|title| title.starts_with(name)).then_some(())
            })
            .await;
        };
        previewed("Toko").await;
        fills(&browser, "Name in the inbox", "Toko Kopi").await;
        previewed("Toko Kopi").await;
        browser.click("textbox", "Title").await;
        browser.type_text("Kopi <b>Gayo</b>").await;
        previewed("Kopi <b>Gayo</b>").await;
        browser.click("radio", "Indonesia").await;
        says(&browser, "bubble", "Anda: Halo!").await;
        browser.click("radio", "Phone").await;
        let saved = host.api().get(&path).await;
        assert!(saved["settings"]["title"].is_null() && saved["name"] == "Toko", "a preview saves nothing: {saved}");
        assert!(host.api().all("/v1/conversations").await.is_empty(), "a preview is no visitor");

        // The domain is checked; name, domain and status are saved together.
        fills(&browser, "Sites", "https://shop.example/path").await;
        browser.click("button", "Save Changes").await;
        says(&browser, "field-error", "`https://shop.example/path` is no site").await;
        previewed("Kopi <b>Gayo</b>").await;
        fills(&browser, "Sites", "https://shop.example").await;
        browser.click("checkbox", "Show the chat").await;
        browser.click("button", "Save Changes").await;
        says(&browser, "notice", "The changes are saved.").await;
        let saved = host.api().get(&path).await;
        let (name, settings) = (&saved["name"], &saved["settings"]);
        assert_eq!((name, &settings["title"]), (&"Toko Kopi".into(), &"Kopi <b>Gayo</b>".into()));
        assert_eq!((&settings["domain"][0], &settings["enabled"]), (&"https://shop.example".into(), &false.into()));
        let complaints = browser.complaints().await;
        assert!(complaints.iter().all(|one| one.contains("status of 422")), "{complaints:?}");
    })
    .await;
}
