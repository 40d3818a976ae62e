//! The console in a real browser: a newcomer's first minutes, and an agent whose inbox is live.

use sambung_tests::api::until;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::host::Host;

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
