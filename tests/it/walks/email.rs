//! The page about e-mail.

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, Postbox, deliver};

use super::{channel_page, closes_dialog, disconnects, fills, is_disabled, opens, says, says_required};
use crate::console::shown;
use crate::email_security::{PUBLIC, forwarding_confirmation, signed};

const SHOP: &str = "support@shop.example";

#[tokio::test(flavor = "multi_thread")]
async fn mengintegrasikan_email() {
    drive("mengintegrasikan_email", async |chromium| {
        let postbox = Postbox::start().await;
        let names = NameServer::start(&[("s._domainkey.google.com", PUBLIC)]).await;
        let host = Host::start(&format!(
            "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{}'\n\
             [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n",
            names.address(),
            postbox.address().port()
        ))
        .await;
        let browser = chromium.open("en").await;
        opens(&browser, &host, "Add Email").await;
        says(&browser, "guide", "can forward every incoming mail to another address").await;

        // Every empty field says so at once; a wrong one says what is wrong with it.
        fills(&browser, "Name in the inbox", "").await;
        browser.click("radio", "By an SMTP account of yours").await;
        browser.click("button", "Submit").await;
        says_required(&browser, 5).await;
        fills(&browser, "E-mail address", "support at shop").await;
        fills(&browser, "Outgoing mail server", "https://smtp.shop.example").await;
        browser.click("button", "Submit").await;
        says(&browser, "field-error", "must be an e-mail address").await;
        let faults = shown(&browser, "field-error").await;
        assert_eq!(faults.len(), 5, "{faults:?}");
        fills(&browser, "Name in the inbox", "Email Toko").await;
        fills(&browser, "E-mail address", SHOP).await;
        browser.click("radio", "By this server's mail relay").await;
        browser.click("button", "Submit").await;

        // The details: the forwarding address, to be copied.
        let page = channel_page(&browser).await;
        let channel = host.api().all("/v1/channels").await.remove(0);
        let address = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();
        says(&browser, "copyable", &address).await;
        browser.click("button", "Copy").await;
        says(&browser, "copyable", "Copied").await;

        // The provider asks back: its code and its link are there to be used.
        deliver(
            host.mail(),
            "x@google.com",
            &address,
            &signed("google.com", &forwarding_confirmation("1", "104729338")),
        )
        .await;
        closes_dialog(&browser, "The e-mail channel is connected", "Once your mail provider forwards it", "OK").await;
        says(&browser, "check-list", "asks whether to forward mail here").await;
        says(&browser, "copyable", "104729338").await;
        let link = browser.run("return document.querySelector('#left .check-fix a').href").await;
        assert_eq!(link, "https://mail-settings.google.com/mail/vf-abc");
        let mail = format!(
            "From: Siti <siti@customer.example>\nTo: {SHOP}\nSubject: Pesanan\nMessage-ID: <m1@c>\n\nKapan sampai?\n"
        );
        deliver(host.mail(), "owner+caf_=x@mail.example", &address, &mail).await;
        says(&browser, "is-done", "asks whether to forward mail here").await;

        // A mail in, and its answer out.
        let conversation = host.api().first_conversation().await;
        browser.visit(&host.api().url(&format!("/inbox/{}", conversation["id"].as_str().unwrap()))).await;
        says(&browser, "email-body", "Kapan sampai?").await;
        browser.click("textbox", "Reply to Siti").await;
        browser.type_text("Besok, Kak.").await;
        browser.click("button", "Send").await;
        until("the answer has left", async || postbox.taken().pop()).await;

        // Opened by its name, changed, saved.
        browser.visit(&host.api().url("/integrations")).await;
        browser.click("link", "Email Toko").await;
        browser.click("link", "Settings").await;
        browser.wait_for("button", "Save Changes").await;
        assert!(is_disabled(&browser, "f-address").await, "another address is another channel");
        fills(&browser, "Name in the inbox", "").await;
        browser.click("button", "Save Changes").await;
        says_required(&browser, 1).await;
        fills(&browser, "Name in the inbox", "Email Kopi").await;
        fills(&browser, "Display name", "Layanan Kopi").await;
        browser.click("button", "Save Changes").await;
        says(&browser, "notice", "The changes are saved.").await;
        let channel = host.api().all("/v1/channels").await.remove(0);
        assert_eq!(
            (&channel["name"], &channel["settings"]["display_name"]),
            (&"Email Kopi".into(), &"Layanan Kopi".into())
        );
        disconnects(&browser, &host, &page).await;
    })
    .await;
}
