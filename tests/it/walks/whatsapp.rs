//! The page about WhatsApp: its accounts here, its templates and the settings of a chat widget in files of their own.

mod templates;
mod widget;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use sambung_tests::chromium::drive;
use sambung_tests::host::{Host, leading};
use tokio::net::TcpListener;

use super::{channel_page, closes_dialog, disconnects, fills, is_disabled, opens, says, says_required};

const TOKEN: &str = "gateway-token";
const GATEWAY: &str = "https://waba.gateway.example";

/// A gateway that lets the webhook be set, for who has the token.
async fn gateway() -> String {
    let routes = Router::new().fallback(any(async |headers: HeaderMap| {
        let is_known = headers.get("authorization").is_some_and(|value| value == format!("Bearer {TOKEN}").as_str());
        match is_known {
            true => (StatusCode::OK, "{\"url\":\"\"}"),
            false => (StatusCode::UNAUTHORIZED, "{\"meta\":{\"developer_message\":\"password is missing\"}}"),
        }
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_whatsapp() {
    drive("mengintegrasikan_whatsapp", async |chromium| {
        let gateway = gateway().await;
        let overrides = ["waba", "cabang"].map(|account| (GATEWAY.replace("waba", account), gateway.clone()));
        let host = Host::start(&leading(&overrides, "")).await;
        let browser = chromium.open("en").await;
        opens(&browser, &host, "Add WhatsApp Account").await;
        says(&browser, "guide", "within 24 hours of their last message").await;
        browser.click("radio", "A provider's gateway").await;
        browser.click("button", "Connect").await;
        says_required(&browser, 2).await;
        fills(&browser, "Name in the inbox", "WhatsApp Toko").await;
        fills(&browser, "URL", "http://waba.gateway.example").await;
        fills(&browser, "Token", "wrong").await;
        browser.click("button", "Connect").await;
        says(&browser, "field-error", "must begin with https://").await;
        fills(&browser, "URL", GATEWAY).await;
        browser.click("button", "Connect").await;
        // The reason in our words, and the gateway's own.
        for words in ["The provider refused this token.", "password is missing"] {
            says(&browser, "dialog-body", words).await;
        }
        closes_dialog(&browser, "WhatsApp was not connected", "The provider says:", "Try again").await;
        fills(&browser, "Token", TOKEN).await;
        browser.click("button", "Connect").await;
        closes_dialog(&browser, "WhatsApp is connected", "within 24 hours", "OK").await;
        let page = channel_page(&browser).await;

        // Another account stands beside the first.
        browser.click("link", "Integrations").await;
        browser.click("link", "Add WhatsApp Account").await;
        browser.click("radio", "A provider's gateway").await;
        fills(&browser, "Name in the inbox", "WhatsApp Cabang").await;
        fills(&browser, "URL", &GATEWAY.replace("waba", "cabang")).await;
        fills(&browser, "Token", TOKEN).await;
        browser.click("button", "Connect").await;
        closes_dialog(&browser, "WhatsApp is connected", "within 24 hours", "OK").await;
        browser.click("link", "Integrations").await;
        for account in ["WhatsApp Toko", "WhatsApp Cabang"] {
            browser.wait_for("link", account).await;
        }

        browser.click("link", "WhatsApp Toko").await;
        browser.click("link", "Settings").await;
        browser.wait_for("button", "Save Changes").await;
        assert!(is_disabled(&browser, "account").await);
        fills(&browser, "Name in the inbox", "WhatsApp Kopi").await;
        browser.click("button", "Save Changes").await;
        says(&browser, "notice", "The changes are saved.").await;
        let names: Vec<_> = host.api().all("/v1/channels").await.iter().map(|one| one["name"].clone()).collect();
        assert!(names.contains(&"WhatsApp Kopi".into()) && names.len() == 2, "{names:?}");
        disconnects(&browser, &host, &page).await;
    })
    .await;
}
