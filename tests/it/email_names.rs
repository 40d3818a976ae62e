//! Names, subjects and addresses that would break a header: they are shown as one line, and their senders are answered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, Postbox, deliver, header};
use serde_json::json;

fn encoded(text: &str) -> String {
    format!("=?utf-8?b?{}?=", STANDARD.encode(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_whose_name_holds_control_characters_is_shown_and_answered() {
    let postbox = Postbox::start().await;
    let names = NameServer::start(&[]).await.address();
    let host = Host::start(&format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n\
         [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n",
        postbox.address().port()
    ))
    .await;
    let api = host.api();
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel =
        api.expect(201, "POST", "/v1/channels", json!({ "plugin": "email", "name": "S", "settings": settings })).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap();
    let troubles = ["a\r\nBcc: victim@bank.example", "b\0c", "d\u{202e}gpj.exe", "\u{1}\u{7f}\u{9b}", "e\tf\u{2028}g"];
    for (number, trouble) in troubles.iter().enumerate() {
        let from = format!("siti{number}@customer.example");
        let mail = format!(
            "From: {name} <{from}>\nReply-To: {name} <office{number}@customer.example>, other@bank.example\nTo: support@shop.example\n\
             Subject: {name}\nMessage-ID: <m{number}@customer.example>\n\nHalo\n",
            name = encoded(trouble)
        );
        deliver(host.mail(), &from, address, &mail).await;
        let message = until("it is there", async || {
            let all = api.all_messages().await;
            all.into_iter().find(|message| message["content"]["from"][0]["address"] == from.as_str())
        })
        .await;
        let content = &message["content"];
        for shown in
            [&message["from"]["name"], &content["subject"], &content["reply_to"][0]["name"], &content["headers"]]
        {
            let text = shown.to_string();
            for bad in ["\\r", "\\n", "\\t", "\\u00", "\u{7f}", "\u{9b}", "\u{202e}", "\u{2028}"] {
                assert!(!text.contains(bad), "{bad:?} in {text}");
            }
        }
        assert_eq!(content["reply_to"].as_array().unwrap().len(), 2, "every address is shown");
        assert_eq!(content["extra"]["answered-at"], format!("office{number}@customer.example"), "{content}");
        let id = api.reply(message["conversation_id"].as_str().unwrap(), "Ya").await;
        api.message_when(&id, "sent").await;
        let taken = postbox.taken();
        assert_eq!(taken.len(), number + 1);
        assert_eq!(taken[number].to, [format!("office{number}@customer.example")], "to one address");
        assert_eq!(header(&taken[number].raw, "Bcc"), "");
        assert!(!taken[number].raw.contains('\0'));
    }
}
