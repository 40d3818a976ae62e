//! The inbox of a team in real browsers: who types, and saved replies.

use sambung_tests::api::until;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::host::Host;
use sambung_tests::providers::http_client;
use serde_json::{Value, json};

use super::console::{shown, sign_in, until_bubble};

/// A picture of one pixel.
const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00, 0x00, 0x00, 0x0d, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x60, 0x68, 0x68, 0xf8, 0x0f, 0x00, 0x03, 0x84, 0x02, 0x00, 0x57, 0xc9, 0xfa,
    0x2e, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// A web chat, and a visitor who wrote in it.
pub(super) struct Chat {
    channel: String,
    token: String,
    pub conversation: String,
}

impl Chat {
    pub async fn begin(host: &Host) -> Chat {
        let settings = json!({ "plugin": "webchat", "name": "Toko", "settings": {} });
        let channel = host.api().expect(201, "POST", "/v1/channels", settings).await;
        let mut chat = Chat::visit(host, channel["id"].as_str().unwrap()).await;
        chat.write(host, "m1", "Halo").await;
        let conversation = host.api().first_conversation().await;
        conversation["id"].as_str().unwrap().clone_into(&mut chat.conversation);
        chat
    }

    /// A visitor of a channel who has not written yet.
    pub async fn visit(host: &Host, channel: &str) -> Chat {
        let address = host.api().url(&format!("/widget/{channel}/sessions"));
        let session: Value = http_client().post(address).json(&json!({})).send().await.unwrap().json().await.unwrap();
        let token = session["token"].as_str().unwrap().to_owned();
        Chat { channel: channel.to_owned(), token, conversation: String::new() }
    }

    /// Another visitor of the same channel, who has not written yet.
    pub async fn another(&self, host: &Host) -> Chat {
        Chat::visit(host, &self.channel).await
    }

    async fn tell(&self, host: &Host, path: &str, body: Value) {
        let address = host.api().url(&format!("/widget/{}/{path}", self.channel));
        let answer = http_client().post(address).bearer_auth(&self.token).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Sends a picture: its file's id.
    pub async fn send_picture(&self, host: &Host, name: &str) -> String {
        let address = host.api().url(&format!("/widget/{}/media?name={name}", self.channel));
        let request = http_client().post(address).bearer_auth(&self.token).header("content-type", "image/png");
        let file: Value = request.body(PIXEL).send().await.unwrap().json().await.unwrap();
        let message = json!({ "id": name, "content": { "type": "media", "media_id": file["media_id"] } });
        self.tell(host, "messages", message).await;
        host.api().translated().await;
        file["media_id"].as_str().unwrap().to_owned()
    }

    pub async fn write(&self, host: &Host, id: &str, text: &str) {
        self.write_as(host, id, "Sari", text).await;
    }

    /// As [`Chat::write`], by this name.
    pub async fn write_as(&self, host: &Host, id: &str, name: &str, text: &str) {
        let message = json!({ "id": id, "name": name, "content": { "type": "text", "text": text } });
        self.tell(host, "messages", message).await;
        host.api().translated().await;
    }
}

async fn typing(browser: &Browser) -> String {
    let script = "const line = document.getElementById('typing'); return line.hidden ? '' : line.innerText.trim()";
    browser.run(script).await.as_str().unwrap_or_default().to_owned()
}

async fn until_typing(browser: &Browser, line: &str) {
    until(&format!("the page says {line:?}"), async || (typing(browser).await == line).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn colleagues_and_the_customer_see_each_other_type() {
    drive("colleagues_and_the_customer_see_each_other_type", async |chromium| {
        let host = Host::start("").await;
        let chat = Chat::begin(&host).await;
        let (first, second) = (chromium.open("en").await, chromium.open("id").await);
        sign_in(&first, &host).await;
        let budi =
            json!({ "email": "budi@toko.example", "name": "Budi", "role": "agent", "password": "a long password" });
        host.api().expect(201, "POST", "/v1/users", budi).await;
        let page = host.api().url(&format!("/inbox/{}", chat.conversation));
        second.visit(&page).await;
        second.click("textbox", "Alamat email").await;
        second.type_line("budi@toko.example").await;
        second.click("textbox", "Kata sandi").await;
        second.type_line("a long password").await;
        for browser in [&first, &second] {
            browser.visit(&page).await;
            until_bubble(browser, "Halo").await;
        }
        second.click("textbox", "Balas Sari").await;
        second.type_text("Sebentar").await;
        until_typing(&first, "Budi is typing…").await;
        assert_eq!(typing(&second).await, "", "nobody is told about themselves");
        chat.tell(&host, "typing", Value::Null).await;
        until_typing(&first, "Sari is typing…").await;
        until_typing(&second, "Sari sedang mengetik…").await;
        chat.write(&host, "m2", "Apakah buka?").await;
        until_typing(&first, "").await;
        until_typing(&second, "").await;
        for browser in [&first, &second] {
            assert_eq!(browser.complaints().await, Vec::<String>::new());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_reply_is_made_in_the_settings_and_sent_by_keyboard() {
    drive("a_saved_reply_is_made_in_the_settings_and_sent_by_keyboard", async |chromium| {
        let host = Host::start("").await;
        let chat = Chat::begin(&host).await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url("/settings/replies")).await;
        let save = async |name: &str, text: &str| {
            browser.click("textbox", "Name").await;
            browser.type_text(name).await;
            browser.click("textbox", "Text").await;
            browser.type_text(text).await;
            browser.click("button", "Save a reply").await;
            until("it is listed", async || {
                let rows = shown(&browser, "reply-row").await;
                rows.iter().any(|row| row.contains(name)).then_some(())
            })
            .await;
        };
        save("Opening hours", "Hello {{contact.name}}, we are open until 21.00.").await;
        save("Address", "Jalan Merdeka 1").await;

        browser.visit(&host.api().url(&format!("/inbox/{}", chat.conversation))).await;
        browser.click("textbox", "Reply to Sari").await;
        browser.press("/").await;
        let find = async || browser.find("searchbox", "Find by name").await.filter(|field| field.focused);
        until("the menu is open", find).await;
        browser.type_line("open").await;
        let written = async || browser.run("return document.querySelector('.composer-text').value").await;
        until("the reply is in the field", async || {
            (written().await == "Hello Sari, we are open until 21.00.").then_some(())
        })
        .await;
        browser.type_line(" See you!").await;
        until_bubble(&browser, "Hello Sari, we are open until 21.00. See you!").await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_contacts_are_merged_in_the_inbox_and_taken_apart_again() {
    drive("two_contacts_are_merged_in_the_inbox_and_taken_apart_again", async |chromium| {
        let host = Host::start("").await;
        let mut contacts = Vec::new();
        for name in ["Sari", "Sari W."] {
            let chat = Chat::begin(&host).await;
            let path = format!("/v1/conversations/{}", chat.conversation);
            let contact = host.api().get(&path).await["contact"]["id"].as_str().unwrap().to_owned();
            let path = format!("/v1/contacts/{contact}");
            let named = host.api().expect(200, "PATCH", &path, json!({ "name": name })).await;
            contacts.push((chat, contact, named["identities"][0]["value"].as_str().unwrap().to_owned()));
        }
        let [(_, kept, _), (chat, other, visitor)] = &contacts[..] else { unreachable!() };
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.resize(1440, 900).await;
        let conversation = &contacts[0].0.conversation;
        browser.visit(&host.api().url(&format!("/inbox/{conversation}"))).await;
        browser.click("link", "Merge with another contact").await;
        browser.click("searchbox", "Search names and numbers").await;
        browser.type_line("Sari W").await;
        browser.click("link", &format!("Sari W. visitor {visitor}")).await;
        browser.wait_for("heading", "Merge Sari W. into Sari?").await;
        browser.click("link", "Cancel").await;
        browser.click("link", &format!("Sari W. visitor {visitor}")).await;
        browser.click("button", "Merge").await;
        browser.wait_for("button", "Take apart").await;
        assert!(browser.address().await.ends_with(&format!("/inbox/{conversation}")), "back where it began");
        let path = format!("/v1/conversations/{}", chat.conversation);
        assert_eq!(host.api().get(&path).await["contact"], json!({ "id": kept, "name": "Sari" }));
        browser.visit(&host.api().url(&format!("/contacts/{kept}"))).await;
        browser.click("button", "Take apart").await;
        until("they are two again", async || (host.api().get(&path).await["contact"]["id"] == **other).then_some(()))
            .await;
        browser.wait_for("link", "Merge with another contact").await;
        assert!(browser.find("button", "Take apart").await.is_none());
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}
