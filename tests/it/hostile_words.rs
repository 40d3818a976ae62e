//! Markup and scripts wherever a stranger's words are shown: names, messages, mails and their files, templates, and everything that a
//! plugin says. Nothing of it runs on any page in any language, and the browser has nothing to complain of.

use sambung_tests::api::{Api, now_ms};
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::host::{Host, with_whatsapp};
use sambung_tests::pages::{LANGUAGES, choose_look, every_page};
use sambung_tests::providers::email::{NameServer, deliver};
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};

use super::console::{shown, sign_in};
use super::console_team::Chat;

/// Short enough for a name.
const NAME: &str = "<img src=x onerror=window.ran=1><script>window.ran=1</script>";
const WORDS: &str =
    "<img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>\"'><svg onload=window.ran=1>{{1}}</textarea>";
/// Pages on which the words are read at least: with fewer, they did not arrive.
const SHOWN_AT_LEAST: usize = 25;

fn path(channel: &Value) -> String {
    format!("/v1/channels/{}", channel["id"].as_str().unwrap())
}

/// A plugin that says nothing else, with a channel at each step of connecting.
async fn plugin(host: &Host) {
    let api = host.api();
    let guest = sambung_guests::component(&target_folder(), "hostile_words");
    let upload = api.request("POST", "/v1/plugins").header("content-type", "application/wasm");
    let upload = upload.timeout(std::time::Duration::from_secs(300)).body(guest).send().await.unwrap();
    assert!(upload.status().is_success(), "{}", upload.text().await.unwrap());
    for choice in ["", "waits", "asks", "connects"] {
        let form = json!({ "plugin": "hostile-words", "name": NAME, "settings": { "word": WORDS } });
        let channel = api.expect(201, "POST", "/v1/channels", form).await;
        if !choice.is_empty() {
            api.expect(200, "POST", &format!("{}/answer", path(&channel)), json!({ "choice": choice })).await;
        }
        if choice == "connects" {
            // The plugin refuses to read it, and its words go to the journal.
            Chat::visit(host, channel["id"].as_str().unwrap()).await.write(host, "m1", WORDS).await;
        }
    }
}

/// A visitor, a mail, a person on the phone, and a colleague.
async fn strangers(host: &Host, platform: &WhatsApp) {
    let api = host.api();
    let chat = json!({ "plugin": "webchat", "name": NAME,
        "settings": { "title": &NAME[..60], "greeting": WORDS, "subtitle": NAME } });
    let chat = api.expect(201, "POST", "/v1/channels", chat).await;
    Chat::visit(host, chat["id"].as_str().unwrap()).await.write_as(host, "m1", NAME, WORDS).await;
    let conversation = api.first_conversation().await;
    let conversation = format!("/v1/conversations/{}", conversation["id"].as_str().unwrap());
    let name: String = format!("{NAME}.pdf").bytes().map(|byte| format!("%{byte:02x}")).collect();
    let file = api.request("POST", &format!("/v1/media?name={name}"));
    let file = file.header("content-type", "application/pdf").body("%PDF-1.4\n%%EOF\n").send().await.unwrap();
    let file: Value = file.json().await.unwrap();
    let media = json!({ "content": { "type": "media", "kind": "document", "media_id": file["id"], "caption": WORDS } });
    api.expect(202, "POST", &format!("{conversation}/messages"), media).await;
    let person = json!({ "email": "x@toko.example", "name": NAME, "role": "agent", "password": "a long password" });
    let person = api.expect(201, "POST", "/v1/users", person).await;
    let assigned = api.ask("POST", &format!("{conversation}/assign"), &json!({ "user": person["id"] })).await.unwrap();
    assert_eq!(assigned.0 / 100, 2, "{assigned:?}");

    let mail = json!({ "plugin": "email", "name": NAME, "settings": { "address": "support@shop.example",
        "display_name": NAME, "sending": "relay" } });
    let mail = api.expect(201, "POST", "/v1/channels", mail).await;
    let address = mail["settings"]["forwarding_address"].as_str().unwrap();
    let raw = format!(
        "From: \"<script>window.ran=1</script>\" <siti@customer.example>\nTo: support@shop.example\nSubject: {NAME}\n\
         Message-ID: <m1@c>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n\
         <html><head><meta http-equiv=refresh content=\"0;url=javascript:window.ran=1\"><style>@import 'https://evil.example/x';</style>\
         <base href=\"https://evil.example/\"></head><body onload=\"window.ran=1\">{WORDS}<p>Kapan sampai? window.ran=1</p>\
         <a href=\"javascript:window.ran=1\">link</a><iframe srcdoc=\"<script>parent.ran=1</script>\"></iframe>\
         <form action=\"javascript:window.ran=1\"><button>send</button></form><img src=\"https://evil.example/pixel.png\">\
         <object data=\"data:text/html,x\"></object><svg><script>window.ran=1</script></svg></body></html>\n\
         --b\nContent-Type: text/html; name=\"{NAME}.html\"\nContent-Disposition: attachment; filename=\"{NAME}.html\"\n\n\
         <script>window.ran=1</script>\n--b--\n"
    );
    deliver(host.mail(), "f@mail.example", address, &raw).await;

    let mut hello = whatsapp::value(0, &[whatsapp::text(platform, "6281234567890", now_ms() / 1000, WORDS)], &[]);
    hello["contacts"] = json!([{ "wa_id": "6281234567890", "profile": { "name": NAME } }]);
    assert_eq!(platform.post(&[hello]).await.unwrap(), 200);
    // A number that nobody connected, so that the request stays in the journal.
    let mut unknown = whatsapp::value(0, &[whatsapp::text(platform, "6281", now_ms() / 1000, WORDS)], &[]);
    unknown["metadata"]["phone_number_id"] = json!(NAME);
    assert_eq!(platform.post(&[unknown]).await.unwrap(), 200);
    api.translated().await;
}

/// What an admin of bad intent writes into every form.
async fn insiders(api: &Api, channel: &Value, platform: &WhatsApp) {
    let template = json!({ "name": "siap", "language": "id", "category": "utility",
        "header": { "kind": "text", "text": &NAME[..60] }, "footer": &NAME[..60],
        "body": { "text": format!("{WORDS} akhir"), "examples": { "1": WORDS } },
        "buttons": [{ "kind": "quick-reply", "label": "<script>x</script>" }] });
    api.expect(201, "POST", &format!("{}/templates", path(channel)), template).await;
    let rejected = platform.decide("siap", "id", "REJECTED", &json!({ "reason": WORDS }));
    platform.post_change(1_780_000_000, "message_template_status_update", &rejected).await.unwrap();
    api.expect(201, "POST", "/v1/replies", json!({ "name": NAME, "text": "<script>window.ran=1</script>" })).await;
    api.expect(201, "POST", "/v1/tokens", json!({ "name": NAME, "role": "agent" })).await;
    api.expect(201, "POST", "/v1/endpoints", json!({ "url": "https://hooks.example/?<script>window.ran=1</script>" }))
        .await;
    let workspace = api.all("/v1/workspaces").await.remove(0);
    let workspace = format!("/v1/workspaces/{}", workspace["id"].as_str().unwrap());
    api.expect(200, "PATCH", &workspace, json!({ "name": "<script>window.ran=1</script>" })).await;
    api.translated().await;
}

/// Whether the words are read on the page; what ran or stands there as markup is a fault, as is what the browser complains of.
async fn looks(browser: &Browser, page: &str, faults: &mut Vec<String>) -> bool {
    let markup =
        "return [window.ran ?? null, document.querySelectorAll('[onerror],[onload],script:not([src]),[src=x]').length]";
    let found = browser.run(markup).await;
    if found != json!([null, 0]) {
        faults.push(format!("{page}: markup of a stranger: {found}"));
    }
    // A picture of a plugin that could run something is not served.
    let complaints = browser.complaints().await.into_iter().filter(|one| !one.contains("/hostile-words/icon"));
    faults.extend(complaints.map(|one| format!("{page}: {one}")));
    let read = "return (document.body.innerText + [...document.querySelectorAll('input, textarea, [title]')] \
                .map(one => (one.value ?? '') + one.title).join()).includes('window.ran=1')";
    browser.run(read).await == true
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_strangers_run_nowhere() {
    drive("words_of_strangers_run_nowhere", async |chromium| {
        let platform = WhatsApp::start().await;
        let names = NameServer::start(&[]).await.address();
        let mail = format!("[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n");
        let (host, [channel, _]) = with_whatsapp(&platform, &mail).await;
        let api = host.api();
        plugin(&host).await;
        strangers(&host, &platform).await;
        insiders(api, &channel, &platform).await;

        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        let base = api.url("");
        let mut pages = every_page(&browser, &base, "/inbox").await;
        for (list, at) in [("channels", "integrations"), ("conversations", "inbox"), ("contacts", "contacts")] {
            for one in api.all(&format!("/v1/{list}")).await {
                pages.push(format!("/{at}/{}", one["id"].as_str().unwrap()));
            }
        }
        for one in api.all("/v1/channels").await {
            let id = one["id"].as_str().unwrap();
            pages.extend(["?connected=1", "/settings", "/disconnect"].map(|more| format!("/integrations/{id}{more}")));
        }
        pages
            .extend(api.all("/v1/journal").await.iter().map(|one| format!("/journal/{}", one["id"].as_str().unwrap())));
        browser.complaints().await;
        let (mut faults, mut read) = (Vec::new(), 0);
        for language in LANGUAGES {
            choose_look(&browser, language, "light").await;
            for page in &pages {
                browser.visit(&format!("{base}{page}")).await;
                read += usize::from(looks(&browser, &format!("{page} ({language})"), &mut faults).await);
            }
        }
        choose_look(&browser, "en", "light").await;

        // What is refused says so in the plugin's words.
        let waits = api.all("/v1/channels").await.into_iter().find(|one| one["step"]["kind"] == "choose").unwrap();
        browser.visit(&format!("{base}/integrations/{}", waits["id"].as_str().unwrap())).await;
        browser
            .click(
                "radio",
                &format!(
                    "refuses {}",
                    "<img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>\"'><svg onload=window.ran=1>"
                ),
            )
            .await;
        browser.click("button", "Connect this one").await;
        sambung_tests::api::until("the page says why", async || shown(&browser, "notice").await.pop()).await;
        let mut refused = Vec::new();
        read += usize::from(looks(&browser, "a refused choice", &mut refused).await);
        faults.extend(refused.into_iter().filter(|one| !one.contains("status of 422")));

        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
        assert!(read >= SHOWN_AT_LEAST, "the words are read on {read} pages");
    })
    .await;
}
