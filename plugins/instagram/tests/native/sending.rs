//! What is sent, and what is an Instagram refusal's own; the other codes are tested with Messenger's.

use crate::support::{ACCOUNT, GRAPH, OWN, PERSON, channel};
use sambung_plugin_instagram::Instagram;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Content, Identity, MediaRef, Target, Thread};

fn outgoing(content: Content) -> Outgoing {
    let mut message = Outgoing::new("key-1", Thread::new(PERSON), content);
    message.to = vec![Identity::new("instagram-user", ACCOUNT, PERSON)];
    message.rule = Some("customer-service".to_owned());
    message
}

fn send(message: Outgoing) -> Result<Receipt, SendError> {
    Instagram::send(vec![message], channel("instagram-token")).remove(0)
}

fn taken(host: &Host) {
    host.expect("POST", format!("{OWN}/me/messages"))
        .answer(200, json!({ "recipient_id": PERSON, "message_id": "m_OUT" }));
}

fn sent(host: &Host) -> Value {
    serde_json::from_slice(&host.requests().last().unwrap().body_bytes()).unwrap()
}

#[test]
fn a_text_says_nothing_but_whom_and_what() {
    let host = Host::new();
    taken(&host);
    let mut message = outgoing(Content::text("Halo"));
    message.reply_to = Some(Target::new("m_IN"));
    assert_eq!(send(message).unwrap().ids, ["m_OUT"]);
    assert_eq!(
        sent(&host),
        json!({ "recipient": { "id": PERSON }, "message": { "text": "Halo" }, "reply_to": { "mid": "m_IN" } })
    );
}

#[test]
fn an_account_of_a_page_sends_by_the_page() {
    let host = Host::new();
    host.expect("POST", format!("{GRAPH}/me/messages")).answer(200, json!({ "message_id": "m_OUT" }));
    let mut message = outgoing(Content::text("Halo"));
    message.rule = Some("human-agent".to_owned());
    assert!(Instagram::send(vec![message], channel("token"))[0].is_ok());
    assert_eq!((&sent(&host)["messaging_type"], &sent(&host)["tag"]), (&json!("MESSAGE_TAG"), &json!("HUMAN_AGENT")));
}

/// Instagram takes no bytes: it fetches the file from the host's public address.
#[test]
fn a_file_is_published_and_sent_by_its_address() {
    let host = Host::new();
    for (kind, word) in [("image", "image"), ("video", "video"), ("voice", "audio"), ("document", "file")] {
        taken(&host);
        send(outgoing(Content::media(MediaRef::new(kind).blob("blob-1")))).unwrap();
        let payload = json!({ "url": "https://files.example/blob-1" });
        assert_eq!(sent(&host)["message"], json!({ "attachment": { "type": word, "payload": payload } }));
    }
    assert_eq!(host.published()[0], ("blob-1".to_owned(), 3_600_000));
}

#[test]
fn choices_are_quick_replies_and_links_stand_on_a_card() {
    let host = Host::new();
    let interactive = |content: Value| outgoing(Content::Interactive(content.to_string()));
    taken(&host);
    send(interactive(json!({ "body": "Which?", "buttons": [{ "id": "a", "label": "A" }] }))).unwrap();
    assert_eq!(
        sent(&host)["message"],
        json!({ "text": "Which?", "quick_replies": [{ "content_type": "text", "title": "A", "payload": "a" }] })
    );
    taken(&host);
    let link = json!({ "label": "Open", "url": "https://example.com" });
    send(interactive(json!({ "body": "Look", "buttons": [link] }))).unwrap();
    let payload = sent(&host)["message"]["attachment"]["payload"].clone();
    assert_eq!((&payload["template_type"], &payload["elements"][0]["title"]), (&json!("generic"), &json!("Look")));
    taken(&host);
    send(interactive(json!({ "kind": "sticker", "sticker_id": "like_heart" }))).unwrap();
    assert_eq!(sent(&host)["message"], json!({ "attachment": { "type": "like_heart" } }));
    let other = send(interactive(json!({ "kind": "sticker", "sticker_id": "369" }))).unwrap_err();
    assert_eq!(other.field.as_deref(), Some("/sticker_id"));
}

#[test]
fn refusals_mean_what_metas_pages_say() {
    let host = Host::new();
    let rows: &[(i64, i64, &str)] = &[
        (190, 0, "Unauthorized"),
        (10, 2_534_022, "WindowClosed"),
        (10, 2_018_278, "WindowClosed"),
        (551, 0, "Unreachable"),
        (100, 2_534_014, "Unreachable"),
        (80_002, 0, "RateLimited"),
        (613, 0, "RateLimited"),
        (4, 0, "RateLimited"),
        (230, 0, "forbidden"),
    ];
    for (code, subcode, fault) in rows {
        let body = json!({ "error": { "message": "words", "code": code, "error_subcode": subcode } });
        host.expect("POST", format!("{OWN}/me/messages")).answer(400, body);
        let error = send(outgoing(Content::text("hi"))).unwrap_err();
        assert!(format!("{:?}", error.fault).contains(fault), "{code}: {:?}", error.fault);
    }
    host.expect("POST", format!("{OWN}/me/messages")).fail("timeout", true);
    assert!(matches!(send(outgoing(Content::text("hi"))).unwrap_err().fault, SendFault::Unknown));
}
