//! Every page of the console in a real browser: no complaint of the browser and no fault of accessibility, in every language and
//! theme.

use sambung_tests::axe;
use sambung_tests::chromium::drive;
use sambung_tests::host::with_whatsapp;
use sambung_tests::pages::{LANGUAGES, THEMES, choose_look, every_page};
use sambung_tests::providers::whatsapp::WhatsApp;
use serde_json::json;

use super::console::{sign_in, writes_as_a_visitor};
use super::stories::templates::closed_conversation;

const TEST: &str = "every_page_is_without_complaints_and_without_serious_faults_for_axe";

/// Kinds of pages that there are at least: with fewer, the links that lead to the others are gone.
const AT_LEAST: usize = 26;

/// Pages of operators alone.
const OPERATORS: [&str; 3] = ["/plugins", "/settings/workspaces", "/system"];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_without_complaints_and_without_serious_faults_for_axe() {
    drive(TEST, async |chromium| {
        let platform = WhatsApp::start().await;
        let (host, _channels) = with_whatsapp(&platform, "").await;
        closed_conversation(&platform, host.api()).await;
        let chat = json!({ "plugin": "webchat", "name": "Toko <b>&amp;", "settings": {} });
        let chat = host.api().expect(201, "POST", "/v1/channels", chat).await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url(&format!("/integrations/{}/try", chat["id"].as_str().unwrap()))).await;
        writes_as_a_visitor(&browser, "<script>alert(1)</script> Halo").await;
        let base = host.api().url("");
        let pages = every_page(&browser, &base, "/inbox").await;
        assert!(pages.len() >= AT_LEAST, "{} pages: {pages:?}", pages.len());
        for page in OPERATORS {
            assert!(pages.iter().any(|found| found == page), "no link leads to {page}: {pages:?}");
        }
        let script = axe::script(TEST);
        let mut faults = Vec::new();
        browser.complaints().await;
        for language in LANGUAGES {
            for theme in THEMES {
                choose_look(&browser, language, theme).await;
                for page in &pages {
                    browser.visit(&format!("{base}{page}")).await;
                    let complaints = browser.complaints().await;
                    faults.extend(complaints.iter().map(|one| format!("{page} ({language}, {theme}): {one}")));
                    if let Some(script) = script.as_deref().filter(|_| language == LANGUAGES[0]) {
                        let found = axe::serious(&browser, script).await;
                        faults.extend(found.iter().map(|one| format!("{page} ({theme}): {one}")));
                    }
                }
            }
        }
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    })
    .await;
}
