//! The web chat's widget in a real browser, on a page of another origin, against the whole server.

use std::path::PathBuf;

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::Html;
use axum::routing::get;
use sambung_tests::api::{Api, until};
use sambung_tests::chromium::{Browser, Chromium, drive};
use sambung_tests::host::Host;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A web site of somebody else's with the chat's one script tag, and as strict a policy as the widget can live with.
struct Site {
    address: String,
}

impl Site {
    /// An address for a site, which the settings of a channel can name before its page can name the channel.
    async fn bind() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        (listener, address)
    }

    fn open((listener, address): (TcpListener, String), host: &Host, channel: &str) -> Self {
        let chat = host.api().url("");
        let policy = format!("default-src 'none'; script-src {chat}; connect-src {chat}; img-src {chat} data:");
        let page = move |channel: String| {
            let script = format!("{chat}/widget/{channel}/widget.js");
            let page = format!(
                "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Shop</title>\
                 <link rel=\"icon\" href=\"data:,\"></head><body><h1>Shop</h1>\
                 <script async src=\"{script}\"></script></body></html>"
            );
            ([(CONTENT_SECURITY_POLICY, policy.clone())], Html(page))
        };
        let (of_another, channel) = (page.clone(), channel.to_owned());
        let app = Router::new()
            .route("/", get(async move || page(channel.clone())))
            .route("/with/{channel}", get(async move |Path(channel): Path<String>| of_another(channel)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address }
    }
}

async fn connect(api: &Api, site: &str) -> String {
    connect_after(api, site, "").await
}

/// Connects a web chat that goes on with an earlier one.
async fn connect_after(api: &Api, site: &str, earlier: &str) -> String {
    let settings = json!({ "domain": [site], "color": "#0a7f3f", "greeting": "Halo!", "earlier": earlier });
    let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel["id"].as_str().unwrap().to_owned()
}

async fn shop() -> (Host, Site) {
    shop_with("").await
}

async fn shop_with(config: &str) -> (Host, Site) {
    let host = Host::start(config).await;
    let bound = Site::bind().await;
    let channel = connect(host.api(), &bound.1).await;
    let site = Site::open(bound, &host, &channel);
    (host, site)
}

/// A visitor with a profile of their own, who has opened the chat on the site's page.
async fn visitor(chromium: &Chromium, site: &Site) -> Browser {
    let browser = chromium.open("en").await;
    browser.visit(&site.address).await;
    open_chat(&browser).await;
    browser
}

async fn open_chat(browser: &Browser) {
    browser.click("button", "Open chat").await;
    until("what is typed goes into the chat", async || {
        browser.find("textbox", "Write a message").await.filter(|field| field.focused)
    })
    .await;
}

/// The log as a screen reader reads it: what the visitor wrote begins with "You: ".
async fn shown(browser: &Browser) -> Vec<String> {
    browser.texts("message").await.into_iter().map(|(_, text)| text).collect()
}

async fn until_shown(browser: &Browser, wanted: &[&str]) {
    until(&format!("the chat shows {wanted:?}"), async || (shown(browser).await == wanted).then_some(())).await;
}

fn texts(messages: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> =
        messages.iter().map(|message| message["content"]["text"].as_str().unwrap_or_default().to_owned()).collect();
    texts.sort();
    texts
}

async fn until_written(api: &Api, wanted: &[&str]) {
    let what = format!("the agent has {wanted:?}");
    until(&what, async || (texts(&api.all_messages().await) == wanted).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_of_another_site_writes_and_reads_the_reply_at_once_and_after_a_reload() {
    drive("a_visitor_of_another_site_writes_and_reads_the_reply", async |chromium| {
        let (host, site) = shop().await;
        let api = host.api();
        let embed = async || api.all("/v1/channels").await[0]["embed"].clone();
        assert_eq!(embed().await["seen"], Value::Null, "no page has loaded it");
        let browser = visitor(chromium, &site).await;
        until_shown(&browser, &["Halo!"]).await;
        assert_eq!(embed().await["seen"]["site"], site.address.as_str(), "where it is installed");
        browser.type_line("Ada stok?").await;
        until_written(api, &["Ada stok?"]).await;
        let conversation = api.first_conversation().await;
        let conversation = conversation["id"].as_str().unwrap();

        let message = api.reply(conversation, "Ada, kak <b>banyak</b>: https://shop.example/m.").await;
        let all = ["Halo!", "You: Ada stok?", "Ada, kak <b>banyak</b>: https://shop.example/m."];
        until_shown(&browser, &all).await;
        browser.wait_for("link", "https://shop.example/m").await;
        api.message_when(&message, "sent").await;

        browser.reload().await;
        open_chat(&browser).await;
        until_shown(&browser, &all).await;
        browser.type_line("Terima kasih").await;
        until_shown(&browser, &[all[0], all[1], all[2], "You: Terima kasih"]).await;
        until_written(api, &["Ada stok?", "Ada, kak <b>banyak</b>: https://shop.example/m.", "Terima kasih"]).await;
        assert_eq!(api.all("/v1/conversations").await.len(), 1, "the same visitor before and after");

        let inside = browser.run("return document.querySelector('[data-sambung]').shadowRoot").await;
        assert_eq!(inside, Value::Null, "the page sees nothing of the chat");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

/// The site's page has the tag of another web chat, which goes on with the one that was there.
#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_stays_the_same_where_a_web_chat_goes_on_with_an_earlier_one() {
    drive("a_visitor_stays_the_same_where_a_web_chat_goes_on", async |chromium| {
        let (host, site) = shop().await;
        let api = host.api();
        let browser = visitor(chromium, &site).await;
        browser.type_line("sebelum").await;
        until_written(api, &["sebelum"]).await;
        let conversation = api.first_conversation().await;
        let (account, channel) = (&conversation["account"]["id"], &conversation["channel"]["id"]);
        let path = format!("/v1/channels/{}", channel.as_str().unwrap());
        api.expect(204, "DELETE", &path, Value::Null).await;
        let again = connect_after(api, &site.address, account.as_str().unwrap()).await;
        for round in ["sesudah", "sekali lagi"] {
            browser.visit(&format!("{}/with/{again}", site.address)).await;
            open_chat(&browser).await;
            until("what was said is shown", async || {
                shown(&browser).await.contains(&"You: sebelum".to_owned()).then_some(())
            })
            .await;
            browser.type_line(round).await;
        }
        until_written(api, &["sebelum", "sekali lagi", "sesudah"]).await;
        let all = api.all("/v1/conversations").await;
        assert_eq!((all.len(), &all[0]["id"]), (1, &conversation["id"]), "{all:?}");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_browser_is_another_visitor_and_reads_its_own_language() {
    drive("another_browser_is_another_visitor", async |chromium| {
        let (host, site) = shop().await;
        let api = host.api();
        let first = visitor(chromium, &site).await;
        first.type_line("rahasia").await;
        until_written(api, &["rahasia"]).await;

        let second = chromium.open("id").await;
        second.visit(&site.address).await;
        second.click("button", "Buka obrolan").await;
        second.wait_for("textbox", "Tulis pesan").await;
        until_shown(&second, &["Halo!"]).await;
        second.type_line("lain").await;
        until_written(api, &["lain", "rahasia"]).await;
        let conversations = api.all("/v1/conversations").await;
        assert_eq!(conversations.len(), 2);

        for conversation in &conversations {
            let id = conversation["id"].as_str().unwrap();
            let written = texts(&api.all(&format!("/v1/conversations/{id}/messages")).await);
            api.reply(id, &format!("jawaban: {}", written[0])).await;
        }
        until_shown(&first, &["Halo!", "You: rahasia", "jawaban: rahasia"]).await;
        until_shown(&second, &["Halo!", "Anda: lain", "jawaban: lain"]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_offline_is_sent_once_when_the_visitor_is_back() {
    drive("what_is_written_offline_is_sent_once", async |chromium| {
        let (host, site) = shop().await;
        let api = host.api();
        let browser = visitor(chromium, &site).await;
        browser.type_line("satu").await;
        until_written(api, &["satu"]).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());

        browser.offline(true).await;
        let offline = "You are offline. Messages are sent when you are back.";
        let told = async || browser.texts("status").await.iter().any(|(_, text)| text == offline).then_some(());
        until("the visitor is told", told).await;
        browser.type_line("dua").await;
        browser.type_line("tiga").await;
        until("both wait", async || (browser.texts("waiting").await.len() == 2).then_some(())).await;
        assert_eq!(texts(&api.all_messages().await), ["satu"]);

        browser.offline(false).await;
        until_written(api, &["dua", "satu", "tiga"]).await;
        let no_notice = async || browser.texts("status").await.iter().all(|(_, text)| text.is_empty()).then_some(());
        until("the notice is gone", no_notice).await;
        until("none waits", async || browser.texts("waiting").await.is_empty().then_some(())).await;
        let conversation = api.first_conversation().await;
        api.reply(conversation["id"].as_str().unwrap(), "empat").await;
        let all = ["Halo!", "You: satu", "You: dua", "You: tiga", "empat"];
        until_shown(&browser, &all).await;
        browser.reload().await;
        open_chat(&browser).await;
        until_shown(&browser, &all).await;
        assert_eq!(api.all_messages().await.len(), 4);
    })
    .await;
}

/// A file of this visitor's.
fn file(name: &str, bytes: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, vec![b'x'; bytes]).unwrap();
    (folder, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_sends_a_file_and_is_told_when_it_is_too_large_or_did_not_arrive() {
    drive("a_visitor_sends_a_file", async |chromium| {
        let (host, site) = shop_with("[ingress]\nmax_file_bytes = 20480\n").await;
        let api = host.api();
        let browser = visitor(chromium, &site).await;
        let (_small, receipt) = file("struk.txt", 20_000);
        browser.click("button", "Attach a file").await;
        browser.choose(&receipt).await;
        until_shown(&browser, &["Halo!", "You: struk.txt19.5 KB"]).await;
        let of_file = async || {
            let messages = api.all_messages().await;
            messages.first().map(|message| message["content"].clone()).filter(|content| content["type"] == "media")
        };
        let content = until("the agent has the file", of_file).await;
        assert_eq!((&content["name"], &content["bytes"]), (&json!("struk.txt"), &json!(20_000)));
        let path = format!("/v1/media/{}", content["media_id"].as_str().unwrap());
        let bytes = api.request("GET", &path).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, vec![b'x'; 20_000]);
        assert_eq!(browser.complaints().await, Vec::<String>::new());

        let (_large, film) = file("film.bin", 20_481);
        browser.choose(&film).await;
        let refused = "You: film.bin20 KBNot sent: the file is larger than 20 KB.";
        until_shown(&browser, &["Halo!", "You: struk.txt19.5 KB", refused]).await;

        browser.offline(true).await;
        let (_late, letter) = file("surat.txt", 10);
        browser.choose(&letter).await;
        let lost = "You: surat.txt10 BNot sent: the file did not arrive.Try again";
        until_shown(&browser, &["Halo!", "You: struk.txt19.5 KB", refused, lost]).await;
        browser.offline(false).await;
        browser.click("button", "Try again: surat.txt").await;
        until_shown(&browser, &["Halo!", "You: struk.txt19.5 KB", refused, "You: surat.txt10 B"]).await;
        until("the agent has both", async || (api.all_messages().await.len() == 2).then_some(())).await;
        until("none waits", async || browser.texts("waiting").await.is_empty().then_some(())).await;

        browser.reload().await;
        open_chat(&browser).await;
        until_shown(&browser, &["Halo!", "You: struk.txt19.5 KB", "You: surat.txt10 B"]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_for_files_speaks_the_visitors_language() {
    drive("the_button_for_files_speaks", async |chromium| {
        let (_host, site) = shop_with("[ingress]\nmax_file_bytes = 2097152\n").await;
        let browser = chromium.open("id").await;
        browser.visit(&site.address).await;
        browser.click("button", "Buka obrolan").await;
        browser.wait_for("button", "Lampirkan berkas").await;
        let (_folder, film) = file("film.bin", 2_200_000);
        browser.choose(&film).await;
        until_shown(&browser, &["Halo!", "Anda: film.bin2,1 MBTidak terkirim: berkas lebih besar dari 2 MB."]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_site_that_is_not_allowed_gets_no_session_and_shows_nothing() {
    drive("a_page_of_a_site_that_is_not_allowed", async |chromium| {
        let host = Host::start("").await;
        let channel = connect(host.api(), "https://shop.example").await;
        let site = Site::open(Site::bind().await, &host, &channel);
        let browser = chromium.open("en").await;
        browser.visit(&site.address).await;
        let fix = format!("Add {} to Sites in the settings of this web chat", site.address);
        until("the page's console says which setting to change", async || {
            browser.complaints().await.iter().any(|line| line.contains(&fix)).then_some(())
        })
        .await;
        assert!(browser.find("button", "Open chat").await.is_none());
        let kept = browser.run("return JSON.stringify(localStorage)").await;
        assert_eq!(kept, json!("{}"));
    })
    .await;
}

/// A web chat with these settings beside the site's address.
async fn shop_of(more: Value) -> (Host, Site) {
    let host = Host::start("").await;
    let bound = Site::bind().await;
    let mut settings = json!({ "domain": [bound.1], "color": "#0a7f3f", "greeting": "Halo!" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": settings });
    let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
    let site = Site::open(bound, &host, channel["id"].as_str().unwrap());
    (host, site)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_before_the_chat_gives_the_contact_its_name() {
    drive("a_form_before_the_chat", async |chromium| {
        let more = json!({ "ask_first": true, "title": "Toko Kopi", "reply_time": "Usually replies at once" });
        let (host, site) = shop_of(more).await;
        let browser = chromium.open("en").await;
        browser.visit(&site.address).await;
        browser.click("button", "Open chat").await;
        browser.wait_for("dialog", "Chat with Toko Kopi").await;
        let focused = async || browser.find("textbox", "Your name").await.filter(|field| field.focused);
        until("the form waits for a name", focused).await;
        assert!(browser.find("textbox", "Write a message").await.is_none(), "the form comes first");
        browser.type_text("Sari Dewi").await;
        browser.click("textbox", "Your e-mail address").await;
        browser.type_line("Sari@Shop.example").await;
        browser.wait_for("textbox", "Write a message").await;
        browser.type_line("Halo").await;
        until_written(host.api(), &["Halo"]).await;
        let contacts = host.api().all("/v1/contacts").await;
        assert_eq!((contacts.len(), &contacts[0]["name"]), (1, &json!("Sari Dewi")));
        browser.reload().await;
        open_chat(&browser).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_opens_by_itself_once_and_never_after_it_was_closed() {
    drive("a_greeting_opens_by_itself", async |chromium| {
        let (_host, site) = shop_of(json!({ "greet_after": 1, "position": "left", "language": "id" })).await;
        let browser = chromium.open("en").await;
        browser.visit(&site.address).await;
        browser.click("button", "Sembunyikan").await;
        until("the greeting is gone", async || browser.find("button", "Sembunyikan").await.is_none().then_some(()))
            .await;
        browser.reload().await;
        browser.wait_for("button", "Buka obrolan").await;
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert!(browser.find("button", "Sembunyikan").await.is_none(), "it was closed before");
        browser.click("button", "Buka obrolan").await;
        browser.click("button", "Emoji").await;
        browser.click("button", "👍").await;
        browser.type_line(" ok").await;
        until_shown(&browser, &["Halo!", "Anda: 👍 ok"]).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}
