//! The console in a real browser: a newcomer's first minutes, and an agent whose inbox is live.

use sambung_tests::api::until;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::host::{Host, with_whatsapp};
use sambung_tests::providers::whatsapp::WhatsApp;

use super::stories::templates::closed_conversation;

/// Signs in on the page that the browser was sent to.
pub(crate) async fn sign_in(browser: &Browser, host: &Host) {
    sign_in_at(browser, host, &host.api().url("")).await;
}

/// As [`sign_in`], where the host is reached by this address.
pub(crate) async fn sign_in_at(browser: &Browser, host: &Host, base: &str) {
    let (email, password) = host.person().await;
    browser.visit(&format!("{base}/")).await;
    browser.click("textbox", "E-mail address").await;
    // Enter goes on to the field that is still empty.
    browser.type_line(&email).await;
    browser.click("textbox", "Password").await;
    browser.type_line(&password).await;
    browser.wait_for("heading", "Inbox").await;
}

pub(crate) async fn writes_as_a_visitor(browser: &Browser, text: &str) {
    browser.click("button", "Open chat").await;
    let field = async || browser.find("textbox", "Write a message").await.filter(|field| field.focused);
    until("what is typed goes into the chat", field).await;
    browser.type_line(text).await;
    until("the chat shows it", async || {
        shown(browser, "message").await.iter().any(|one| one.contains(text)).then_some(())
    })
    .await;
}

pub(crate) async fn shown(browser: &Browser, class: &str) -> Vec<String> {
    browser.texts(class).await.into_iter().map(|(_, text)| text).collect()
}

pub(crate) async fn until_bubble(browser: &Browser, text: &str) {
    let what = format!("the thread shows {text:?}");
    until(&what, async || shown(browser, "bubble").await.iter().any(|one| one == text).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_connects_web_chat_writes_to_it_and_answers() {
    drive("a_newcomer_connects_web_chat_writes_to_it_and_answers", async |chromium| {
        let host = Host::start("").await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.click("link", "Integrations").await;
        browser.click("link", "Add Web Chat").await;
        browser.click("button", "Connect").await;
        browser.click("button", "OK").await;
        browser.wait_for("heading", "Script tag").await;
        let address = browser.address().await;
        let channel = address.split('?').next().unwrap();

        browser.visit(&format!("{channel}/try")).await;
        writes_as_a_visitor(&browser, "Apakah toko buka? <img src=x onerror=alert(1)>").await;
        browser.visit(&host.api().url("/inbox")).await;
        until("the message is in the inbox", async || {
            browser
                .run("const row = document.querySelector('a.conversation'); row?.click(); return !!row")
                .await
                .as_bool()
                .filter(|found| *found)
        })
        .await;
        until_bubble(&browser, "Apakah toko buka? <img src=x onerror=alert(1)>").await;
        browser.click("textbox", "Reply to Unnamed").await;
        browser.type_line("Buka sampai pukul 21.00.").await;
        until_bubble(&browser, "Buka sampai pukul 21.00.").await;
        assert_eq!(browser.run("return document.querySelector('.composer-text').value").await, "");

        // The chat has read it before it is opened.
        browser.visit(&format!("{channel}/try")).await;
        let answered = async || {
            let messages = shown(&browser, "message").await;
            messages.iter().any(|one| one.contains("Buka sampai pukul 21.00.")).then_some(())
        };
        until("the visitor has the answer", answered).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_inbox_shows_what_comes_also_after_the_connection_was_lost() {
    drive("an_open_inbox_shows_what_comes_also_after_the_connection_was_lost", async |chromium| {
        let host = Host::start("").await;
        let settings = serde_json::json!({ "plugin": "webchat", "name": "Toko", "settings": {} });
        let channel = host.api().expect(201, "POST", "/v1/channels", settings).await;
        let (agent, visitor) = (chromium.open("en").await, chromium.open("en").await);
        sign_in(&agent, &host).await;
        // A page of this very server shows the chat without being named in the settings.
        visitor.visit(&host.api().url("/sign-in")).await;
        let script = format!("/widget/{}/widget.js", channel["id"].as_str().unwrap());
        visitor
            .run(&format!("const s = document.createElement('script'); s.src = '{script}'; document.body.append(s)"))
            .await;
        writes_as_a_visitor(&visitor, "one").await;
        let rows = async || shown(&agent, "conversation-preview").await;
        until("the list shows it without a reload", async || {
            rows().await.iter().any(|row| row.contains("one")).then_some(())
        })
        .await;

        agent.offline(true).await;
        visitor.type_line("two").await;
        let says_so = async || agent.run("return !document.getElementById('reconnecting').hidden").await.as_bool();
        until("the page says that the connection is lost", async || says_so().await.filter(|says| *says)).await;
        assert!(!rows().await.iter().any(|row| row.contains("two")));
        agent.offline(false).await;
        until("the list catches up", async || rows().await.iter().any(|row| row.contains("two")).then_some(())).await;
        until("the notice is gone", async || says_so().await.filter(|says| !*says)).await;
    })
    .await;
}

/// The page about WhatsApp: a template is added in steps, approved, switched, used where the window is closed, and deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_added_in_steps_switched_used_in_a_closed_window_and_deleted() {
    drive("a_template_is_added_in_steps_switched_used_in_a_closed_window_and_deleted", async |chromium| {
        let platform = WhatsApp::start().await;
        let (host, [channel, _]) = with_whatsapp(&platform, "").await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        let page = host.api().url(&format!("/integrations/{}", channel["id"].as_str().unwrap()));
        browser.visit(&page).await;
        browser.click("link", "24 Hours HSM Template").await;
        browser.click("link", "Add HSM Template").await;
        browser.click("button", "Next").await;
        let is_required = async |times: usize| {
            until("each empty field says that it is required", async || {
                let faults = shown(&browser, "field-error").await;
                (faults.len() == times && faults.iter().all(|one| one == "field is required")).then_some(())
            })
            .await;
        };
        is_required(2).await;
        browser.click("textbox", "Name").await;
        browser.type_text("pesanan_siap").await;
        browser.click("textbox", "Language").await;
        browser.type_line("id").await;
        browser.click("textbox", "Body").await;
        browser.type_text("Halo {{1}}, pesanan siap.").await;
        browser.click("button", "Next").await;
        is_required(1).await;
        browser.click("textbox", "{{1}}").await;
        browser.type_line("Dewi").await;
        let preview = async || shown(&browser, "phone-bubble").await.concat();
        until("the preview shows the sample", async || {
            preview().await.contains("Halo Dewi, pesanan siap.").then_some(())
        })
        .await;
        browser.click("button", "Send for approval").await;
        let says = async |class: &str, wanted: &str| {
            until(&format!("{class} says {wanted}"), async || {
                shown(&browser, class).await.iter().any(|one| one.contains(wanted)).then_some(())
            })
            .await;
        };
        says("state", "In review").await;

        let news = platform.decide("pesanan_siap", "id", "APPROVED", &serde_json::json!({}));
        platform.post_change(1_780_000_000, "message_template_status_update", &news).await.unwrap();
        let list = format!("{page}/templates");
        until("it is approved", async || {
            browser.visit(&list).await;
            shown(&browser, "state").await.iter().any(|one| one == "Approved").then_some(())
        })
        .await;
        browser.click("switch", "pesanan_siap in use").await;
        says("toast", "Successfully updated!").await;
        says("switch-button", "OFF").await;
        browser.click("switch", "pesanan_siap in use").await;
        says("switch-button", "ON").await;

        let conversation = closed_conversation(&platform, host.api()).await;
        browser.visit(&host.api().url(&format!("/inbox/{}", conversation["id"].as_str().unwrap()))).await;
        says("closed", "The messaging window is closed.").await;
        browser.run("document.querySelector('.template-use').open = true").await;
        browser.click("textbox", "Text 1").await;
        browser.type_line("Budi").await;
        says("message", "Sent").await;
        browser.visit(&format!("{list}/pesanan_siap:id")).await;
        browser.click("button", "Delete template").await;
        says("toast", "The template was deleted.").await;
        assert_eq!(platform.templates().len(), 0);
        // A form that is shown again with its faults answers 422, which Chromium notes.
        let complaints = browser.complaints().await;
        assert!(complaints.iter().all(|one| one.contains("status of 422")), "{complaints:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_taken_answered_with_a_quote_marked_as_done_and_found_again() {
    drive("a_conversation_is_taken_answered_with_a_quote_marked_as_done_and_found_again", async |chromium| {
        let host = Host::start("").await;
        let settings = serde_json::json!({ "plugin": "webchat", "name": "Toko", "settings": {} });
        let channel = host.api().expect(201, "POST", "/v1/channels", settings).await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url(&format!("/integrations/{}/try", channel["id"].as_str().unwrap()))).await;
        writes_as_a_visitor(&browser, "Ada kopi Gayo?").await;
        let conversation = host.api().first_conversation().await;
        let open = host.api().url(&format!("/inbox/{}", conversation["id"].as_str().unwrap()));
        browser.visit(&open).await;
        until_bubble(&browser, "Ada kopi Gayo?").await;
        assert_eq!(
            browser.run("return document.documentElement.dataset.zone").await,
            browser.run("return Intl.DateTimeFormat().resolvedOptions().timeZone").await
        );

        // By keys: assign to oneself, quote, answer, mark as done.
        browser.run("document.activeElement.blur()").await;
        browser.press("a").await;
        browser.run("document.querySelector('form.menu-list button').click()").await;
        let assigned = async || shown(&browser, "tabs").await.concat();
        until("it is mine", async || assigned().await.contains("Mine 1").then_some(())).await;
        browser.run("document.querySelector('.message-tools a').click()").await;
        until("the composer quotes", async || shown(&browser, "composer-reply").await.pop()).await;
        browser.click("textbox", "Reply to Unnamed").await;
        browser.type_line("Ada, Kak.").await;
        until_bubble(&browser, "Ada, Kak.").await;
        assert_eq!(shown(&browser, "quote").await.len(), 1);
        assert_eq!(shown(&browser, "composer-reply").await.len(), 0, "the next message quotes nothing");
        browser.run("document.activeElement.blur()").await;
        browser.press("e").await;
        until("it is done", async || assigned().await.contains("Mine 0").then_some(())).await;
        browser.visit(&host.api().url("/inbox?status=done&of=mine")).await;
        until("it is among those that are done", async || shown(&browser, "conversation").await.pop()).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_web_chat_show_every_change_in_the_preview_before_it_is_saved() {
    drive("the_settings_of_web_chat_show_every_change", async |chromium| {
        let host = Host::start("").await;
        let settings = serde_json::json!({ "plugin": "webchat", "name": "Toko", "settings": { "greeting": "Halo!" } });
        let channel = host.api().expect(201, "POST", "/v1/channels", settings).await;
        let id = channel["id"].as_str().unwrap();
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url(&format!("/integrations/{id}/settings"))).await;
        let previewed = async |name: &str| {
            let what = format!("the preview has the title {name:?}");
            let titles =
                async || shown(&browser, "heading").await.iter().any(|title| title.starts_with(name)).then_some(());
            until(&what, titles).await;
        };
        previewed("Toko").await;
        browser.click("textbox", "Title").await;
        browser.type_text("Kopi <b>Gayo</b>").await;
        previewed("Kopi <b>Gayo</b>").await;
        browser.click("radio", "Indonesia").await;
        until("the preview speaks Indonesian", async || {
            shown(&browser, "bubble").await.iter().any(|line| line.starts_with("Anda: Halo!")).then_some(())
        })
        .await;
        browser.click("radio", "Phone").await;
        let saved = host.api().get(&format!("/v1/channels/{id}")).await;
        assert!(saved["settings"]["title"].is_null(), "a preview saves nothing: {saved}");
        let visitors = host.api().all("/v1/conversations").await;
        assert!(visitors.is_empty(), "a preview is no visitor");
        if let Some(folder) = std::env::var_os("SAMBUNG_PICTURES") {
            browser.picture(&std::path::PathBuf::from(folder).join("widget-settings.png")).await;
        }
        browser.click("button", "Save Changes").await;
        until("the page says so", async || browser.address().await.contains("saved=1").then_some(())).await;
        let saved = host.api().get(&format!("/v1/channels/{id}")).await;
        assert_eq!(saved["settings"]["title"], "Kopi <b>Gayo</b>");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}
