//! Out: an agent's answer goes through Postfix into a mailbox, and is there what was sent.

use sambung::mail::{file_of, parse};
use sambung_runtime::contract::types::{Envelope, Mail};
use sambung_tests::host::Host;
use sambung_tests::providers::email::header;
use serde_json::{Value, json};

use super::{SHOP, SITI, messages, stage};

const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";
/// With ends of lines of both kinds.
const BILL: &[u8] = b"%PDF-1.4\r\n.\nbon nomor 7\r\n";

/// Stores a file: its id.
async fn upload(host: &Host, name: &str, mime: &str, bytes: &[u8]) -> String {
    let request = host.api().request("POST", &format!("/v1/media?name={name}"));
    let stored: Value =
        request.header("content-type", mime).body(bytes.to_vec()).send().await.unwrap().json().await.unwrap();
    stored["id"].as_str().unwrap().to_owned()
}

fn read(raw: &[u8]) -> Mail {
    parse(raw, Envelope { sender: String::new(), recipients: Vec::new(), extra: Vec::new() }, Vec::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_through_postfix_into_a_mailbox_with_its_files_and_the_picture_in_it() {
    let test = "an_answer_goes_through_postfix_into_a_mailbox_with_its_files_and_the_picture_in_it";
    let Some((postfix, host, first)) = stage(test, SITI, "").await else { return };
    let api = host.api();
    let logo = upload(&host, "logo.png", "image/png", PICTURE).await;
    let bill = upload(&host, "bon.pdf", "application/pdf", BILL).await;
    let content = json!({
        "type": "mail",
        "text": "Besok.\n.\nSalam",
        "html": "<p>Besok. <img src=\"cid:logo\" alt=\"Toko\"></p><script>alert(1)</script>",
        "files": [
            { "kind": "image", "media_id": logo, "content_id": "logo", "inline": true },
            { "kind": "document", "media_id": bill },
        ],
    });
    let path = format!("/v1/conversations/{}/messages", first["conversation_id"].as_str().unwrap());
    let sent = api.expect(202, "POST", &path, json!({ "content": content })).await;
    api.message_when(sent["id"].as_str().unwrap(), "sent").await;
    let raw = postfix.mailbox(SITI, 1).await.remove(0);
    postfix.is_idle().await;

    let text = String::from_utf8_lossy(&raw).replace("\r\n", "\n").replace('\n', "\r\n");
    assert_eq!(header(&text, "return-path"), format!("<{SHOP}>"));
    assert_eq!(header(&text, "delivered-to"), SITI);
    assert_eq!(header(&text, "from"), format!("Shop <{SHOP}>"));
    assert_eq!(header(&text, "subject"), "Re: Pesanan");
    let id = header(&text, "message-id");
    assert!(id.ends_with("@shop.example>") && id.len() == "<>@shop.example".len() + 36, "{id}");
    assert_eq!(header(&text, "in-reply-to"), "<m1@customer.example>");
    assert_eq!(header(&text, "references"), "<m1@customer.example>");
    let signed = header(&text, "reply-to");
    let forwarding = api.all("/v1/channels").await[0]["settings"]["forwarding_address"].as_str().unwrap().to_owned();
    let begin = forwarding.replace("@in.example", "+");
    assert!(signed.contains(&begin) && signed.len() > begin.len() + 40, "{signed}");

    let mail = read(&raw);
    assert_eq!(mail.text.as_deref().map(|text| text.trim().replace("\r\n", "\n")).as_deref(), Some("Besok.\n.\nSalam"));
    let html = mail.html.unwrap();
    assert!(html.contains("src=\"cid:logo\"") && !html.contains("alert"), "{html}");
    let about = |file: &sambung_runtime::contract::types::MediaRef| {
        let found = file_of(&raw, file.blob.as_deref().unwrap()).unwrap();
        let extra: Vec<_> = file.extra.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (file.name.clone(), found.mime, found.bytes, extra.join(" "))
    };
    let files: Vec<_> = mail.files.iter().map(about).collect();
    let picture = ("image/png".to_owned(), PICTURE.to_vec(), "inline=true content-id=\"logo\"".to_owned());
    let (_, mime, bytes, extra) = files[0].clone();
    assert_eq!((mime.unwrap(), bytes, extra), picture);
    let bon = (Some("bon.pdf".to_owned()), Some("application/pdf".to_owned()), BILL.to_vec(), String::new());
    assert_eq!(files[1..], [bon]);
    assert_eq!(messages(api, 2).await.len(), 2, "nothing of it came back");
}
