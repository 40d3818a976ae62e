//! The console in a real browser: a newcomer's first minutes, and an agent whose inbox is live.

use sambung_tests::api::until;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::host::Host;

/// Signs in on the page that the browser was sent to.
async fn sign_in(browser: &Browser, host: &Host) {
    let (email, password) = host.person().await;
    browser.visit(&host.api().url("/")).await;
    browser.click("textbox", "E-mail address").await;
    // Enter goes on to the field that is still empty.
    browser.type_line(&email).await;
    browser.click("textbox", "Password").await;
    browser.type_line(&password).await;
    browser.wait_for("heading", "Inbox").await;
}

async fn writes_as_a_visitor(browser: &Browser, text: &str) {
    browser.click("button", "Open chat").await;
    let field = async || browser.find("textbox", "Write a message").await.filter(|field| field.focused);
    until("what is typed goes into the chat", field).await;
    browser.type_line(text).await;
    until("the chat shows it", async || {
        shown(browser, "message").await.iter().any(|one| one.contains(text)).then_some(())
    })
    .await;
}

async fn shown(browser: &Browser, class: &str) -> Vec<String> {
    browser.texts(class).await.into_iter().map(|(_, text)| text).collect()
}

async fn until_bubble(browser: &Browser, text: &str) {
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
        browser.click("link", "Add Web chat").await;
        browser.click("button", "Connect").await;
        browser.wait_for("heading", "Script tag").await;
        let channel = browser.address().await;

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
