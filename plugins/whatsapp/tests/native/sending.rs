//! What is sent, held against the provider's published description, and what its refusals mean.

use crate::support::{CUSTOMER, cloud, gateway};
use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Content, Identity, MediaRef, Target, Thread};

const MESSAGES: &str = "https://graph.facebook.com/v25.0/106540352242922/messages";

fn outgoing(content: Content) -> Outgoing {
    let mut message = Outgoing::new("key-1", Thread::new(CUSTOMER), content);
    message.to = vec![Identity::phone(CUSTOMER)];
    message
}

fn send(message: Outgoing, channel: Channel) -> Result<Receipt, SendError> {
    WhatsApp::send(vec![message], channel).remove(0)
}

fn accepted() -> Value {
    json!({ "messaging_product": "whatsapp", "contacts": [{ "input": CUSTOMER, "wa_id": CUSTOMER }], "messages": [{ "id": "wamid.OUT" }] })
}

/// The body of the last request.
fn sent(host: &Host) -> Value {
    serde_json::from_slice(&host.requests().last().unwrap().body_bytes()).unwrap()
}

#[test]
fn a_text_carries_the_attempt_key_and_the_quoted_message() {
    let host = Host::new();
    host.expect("POST", MESSAGES).answer(200, accepted());
    let mut message = outgoing(Content::text("see https://example.com"));
    message.reply_to = Some(Target::new("wamid.IN"));
    let receipt = send(message, cloud()).unwrap();
    assert_eq!(receipt.ids, ["wamid.OUT"]);
    assert_eq!(
        sent(&host),
        json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": format!("+{CUSTOMER}"), "type": "text",
            "text": { "body": "see https://example.com", "preview_url": true },
            "context": { "message_id": "wamid.IN" }, "biz_opaque_callback_data": "key-1",
        })
    );
}

#[test]
fn somebody_without_a_number_is_addressed_by_user_id_and_a_group_by_its_own() {
    let host = Host::new();
    host.expect("POST", MESSAGES).answer(200, accepted());
    let mut message = outgoing(Content::text("hi"));
    message.to = vec![Identity::new("whatsapp-user", "1", "US.1")];
    send(message, cloud()).unwrap();
    assert_eq!(sent(&host)["recipient"], "US.1");
    assert!(sent(&host).get("to").is_none());
    host.expect("POST", MESSAGES).answer(200, accepted());
    let mut message = outgoing(Content::text("hi"));
    message.thread = Some(Thread::new("group:G1"));
    send(message, cloud()).unwrap();
    assert_eq!((sent(&host)["to"].clone(), sent(&host)["recipient_type"].clone()), (json!("G1"), json!("group")));
}

#[test]
fn a_file_is_uploaded_and_then_sent_by_its_id() {
    let host = Host::new();
    host.expect("POST", "https://graph.facebook.com/v25.0/106540352242922/media")
        .answer(200, json!({ "id": "media-1" }));
    host.expect("POST", MESSAGES).answer(200, accepted());
    let file =
        MediaRef::new("document").blob("blob-1").mime("application/pdf".to_owned()).name("a \"b\".pdf".to_owned());
    send(outgoing(Content::media_with_caption(file, "Invoice".to_owned())), cloud()).unwrap();
    let upload = String::from_utf8(host.requests()[0].body_bytes()).unwrap();
    assert!(upload.contains("name=\"messaging_product\"\r\n\r\nwhatsapp\r\n"), "{upload}");
    assert!(upload.contains("filename=\"a b.pdf\"\r\ncontent-type: application/pdf\r\n\r\n"), "{upload}");
    assert_eq!(sent(&host)["document"], json!({ "id": "media-1", "caption": "Invoice", "filename": "a \"b\".pdf" }));
}

/// Nobody is reached by an upload: one whose answer was lost is made again.
#[test]
fn a_lost_upload_is_tried_again_and_a_lost_message_is_unknown() {
    let host = Host::new();
    host.expect("POST", "https://graph.facebook.com/v25.0/106540352242922/media").fail("timeout", true);
    let file = MediaRef::new("image").blob("blob-1").mime("image/png".to_owned());
    let error = send(outgoing(Content::media(file)), cloud()).unwrap_err();
    assert!(matches!(error.fault, SendFault::Unavailable) && error.retryable);
    host.expect("POST", MESSAGES).fail("timeout", true);
    let error = send(outgoing(Content::text("hi")), cloud()).unwrap_err();
    assert!(matches!(error.fault, SendFault::Unknown) && !error.retryable);
}

#[test]
fn a_template_is_filled_in_by_number_and_by_name() {
    let host = Host::new();
    host.expect("POST", MESSAGES).answer(200, accepted());
    let template = json!({ "name": "order", "language": "id", "parameters": {
        "1": "Budi", "2": "42", "10": "last", "header.1": "Halo", "button.0": "track/42",
    }});
    send(outgoing(Content::Template(template.to_string())), cloud()).unwrap();
    let sent_template = sent(&host)["template"].clone();
    assert_eq!(sent_template["language"]["code"], "id");
    let components = sent_template["components"].as_array().unwrap();
    let words: Vec<&str> =
        components[1]["parameters"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!(words, ["Budi", "42", "last"]);
    assert_eq!(
        components[2],
        json!({ "type": "button", "sub_type": "url", "index": "0", "parameters": [{ "type": "text", "text": "track/42" }] })
    );
    host.expect("POST", MESSAGES).answer(200, accepted());
    let named = json!({ "name": "order", "language": "id", "parameters": { "customer": "Budi" } });
    send(outgoing(Content::Template(named.to_string())), cloud()).unwrap();
    assert_eq!(sent(&host)["template"]["components"][0]["parameters"][0]["parameter_name"], "customer");
}

/// Each place of a template has its own kind of parameter, and a blank may be called like one of them.
#[test]
fn files_places_payloads_codes_and_odd_names_stand_where_they_belong() {
    let host = Host::new();
    host.expect("POST", "https://graph.facebook.com/v25.0/106540352242922/media").answer(200, json!({ "id": "m1" }));
    host.expect("POST", MESSAGES).answer(200, accepted());
    let file = json!({ "kind": "document", "blob": "md_1", "mime": "application/pdf", "name": "nota.pdf", "bytes": 9 });
    let template = json!({ "name": "nota", "language": "id", "parameters": {
        "header": file, "body.header": "A-7", "button.0.payload": "paid", "button.1.code": "HEMAT",
    }});
    send(outgoing(Content::Template(template.to_string())), cloud()).unwrap();
    assert_eq!(
        sent(&host)["template"]["components"],
        json!([
            { "type": "header", "parameters": [{ "type": "document", "document": { "id": "m1", "filename": "nota.pdf" } }] },
            { "type": "body", "parameters": [{ "type": "text", "text": "A-7", "parameter_name": "header" }] },
            { "type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{ "type": "payload", "payload": "paid" }] },
            { "type": "button", "sub_type": "copy_code", "index": "1", "parameters": [{ "type": "coupon_code", "coupon_code": "HEMAT" }] },
        ])
    );
    host.expect("POST", MESSAGES).answer(200, accepted());
    let place = json!({ "latitude": -6.2, "longitude": 106.8, "name": "Monas" });
    let template = json!({ "name": "di_sini", "language": "id", "parameters": { "header": place } });
    send(outgoing(Content::Template(template.to_string())), cloud()).unwrap();
    assert_eq!(
        sent(&host)["template"]["components"][0]["parameters"],
        json!([{ "type": "location", "location": place }])
    );
}

#[test]
fn buttons_lists_and_links_become_the_providers_interactive_messages() {
    let host = Host::new();
    let kinds = [
        (json!({ "body": "Pick", "buttons": [{ "id": "a", "label": "A" }, { "id": "b", "label": "B" }] }), "button"),
        (
            json!({ "body": "Pick", "sections": [{ "rows": [{ "id": "a", "label": "A", "description": "first" }] }] }),
            "list",
        ),
        (json!({ "body": "Go", "buttons": [{ "label": "Open", "url": "https://example.com" }] }), "cta_url"),
    ];
    for (content, kind) in kinds {
        host.expect("POST", MESSAGES).answer(200, accepted());
        send(outgoing(Content::Interactive(content.to_string())), cloud()).unwrap();
        assert_eq!(sent(&host)["interactive"]["type"], kind);
    }
    let long = json!({ "body": "Pick", "buttons": [{ "id": "a", "label": "x".repeat(21) }] });
    let error = send(outgoing(Content::Interactive(long.to_string())), cloud()).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("/buttons/0/label"));
}

/// Codes of the Cloud API and of the On-Premises API, and what each means to the host.
#[test]
fn refusals_mean_what_the_providers_pages_say() {
    let host = Host::new();
    let rows: &[(u16, i64, &str, &str, bool)] = &[
        (401, 190, "Unauthorized", "channel", false),
        (400, 131_047, "WindowClosed", "thread", false),
        (400, 130_429, "RateLimited", "channel", true),
        (400, 131_056, "RateLimited", "recipient", true),
        (400, 131_026, "Unreachable", "message", false),
        (400, 131_050, "OptedOut", "message", false),
        (404, 132_001, "Template", "message", false),
        (400, 131_053, "Invalid", "message", false),
        (500, 131_000, "Unavailable", "message", true),
        (403, 131_031, "Other", "channel", false),
        (400, 131_048, "Quota", "channel", false),
    ];
    for (status, code, fault, scope, retryable) in rows {
        let body = json!({ "error": { "message": "words", "code": code, "error_data": { "details": "more" } } });
        host.expect("POST", MESSAGES).answer(*status, body);
        let error = send(outgoing(Content::text("hi")), cloud()).unwrap_err();
        assert!(format!("{:?}", error.fault).contains(fault), "{code}: {:?}", error.fault);
        assert_eq!((error.scope.as_str(), error.retryable), (*scope, *retryable), "{code}");
        assert_eq!((error.words.as_str(), error.code.clone()), ("words: more", Some(code.to_string())));
    }
}

#[test]
fn an_on_premises_client_gets_its_own_shape() {
    let host = Host::new();
    host.secret("token", "k");
    host.expect("POST", "https://wa.example.com/v1/messages").answer(201, json!({ "messages": [{ "id": "gBEG" }] }));
    let channel = gateway("https://wa.example.com/v1", "Authorization: Bearer");
    assert_eq!(send(outgoing(Content::text("hi")), channel).unwrap().ids, ["gBEG"]);
    assert_eq!(
        sent(&host),
        json!({ "to": CUSTOMER, "recipient_type": "individual", "type": "text", "text": { "body": "hi" }, "preview_url": false })
    );
}
