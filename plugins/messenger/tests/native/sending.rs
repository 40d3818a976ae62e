//! What is sent, and what its refusals mean.

use crate::support::{GRAPH, PAGE, PERSON, by_token};
use sambung_plugin_messenger::Messenger;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Content, Identity, MediaRef, Target, Thread};

fn messages() -> String {
    format!("{GRAPH}/me/messages")
}

fn outgoing(content: Content) -> Outgoing {
    let mut message = Outgoing::new("key-1", Thread::new(PERSON), content);
    message.to = vec![Identity::new("messenger-user", PAGE, PERSON)];
    message.rule = Some("customer-service".to_owned());
    message
}

fn send(message: Outgoing) -> Result<Receipt, SendError> {
    Messenger::send(vec![message], by_token()).remove(0)
}

fn taken(host: &Host) {
    host.expect("POST", messages()).answer(200, json!({ "recipient_id": PERSON, "message_id": "m_OUT" }));
}

/// The body of the last request.
fn sent(host: &Host) -> Value {
    serde_json::from_slice(&host.requests().last().unwrap().body_bytes()).unwrap()
}

fn interactive(content: Value) -> Outgoing {
    outgoing(Content::Interactive(content.to_string()))
}

#[test]
fn a_text_carries_the_attempt_key_and_the_quoted_message() {
    let host = Host::new();
    taken(&host);
    let mut message = outgoing(Content::text("Halo"));
    message.reply_to = Some(Target::new("m_IN"));
    assert_eq!(send(message).unwrap().ids, ["m_OUT"]);
    assert_eq!(
        sent(&host),
        json!({
            "recipient": { "id": PERSON }, "messaging_type": "RESPONSE",
            "message": { "text": "Halo", "metadata": "key-1" }, "reply_to": { "mid": "m_IN" },
        })
    );
}

/// The tag goes with its own rule and with nothing else.
#[test]
fn after_a_day_an_answer_of_a_persons_goes_with_the_tag() {
    let host = Host::new();
    taken(&host);
    let mut message = outgoing(Content::text("Halo"));
    message.rule = Some("human-agent".to_owned());
    send(message).unwrap();
    assert_eq!((&sent(&host)["messaging_type"], &sent(&host)["tag"]), (&json!("MESSAGE_TAG"), &json!("HUMAN_AGENT")));
}

#[test]
fn somebody_whom_only_a_checkbox_named_is_reached_by_that() {
    let host = Host::new();
    host.expect("POST", messages()).answer(200, json!({ "message_id": "m_OUT" }));
    let mut message = outgoing(Content::text("Halo"));
    message.to = vec![Identity::new("meta-user-ref", PAGE, "box-1")];
    assert_eq!(send(message).unwrap().ids, ["m_OUT"]);
    assert_eq!(sent(&host)["recipient"], json!({ "user_ref": "box-1" }));
    let mut nobody = outgoing(Content::text("Halo"));
    (nobody.to, nobody.thread) = (Vec::new(), None);
    assert!(matches!(send(nobody).unwrap_err().fault, SendFault::Unreachable));
}

#[test]
fn a_file_goes_along_in_the_one_request() {
    let host = Host::new();
    taken(&host);
    let file =
        MediaRef::new("document").blob("blob-1").mime("application/pdf".to_owned()).name("a \"b\".pdf".to_owned());
    send(outgoing(Content::media(file))).unwrap();
    let body = String::from_utf8(host.requests()[0].body_bytes()).unwrap();
    let part = |name: &str, value: &str| format!("form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    assert!(body.contains(&part("recipient", &format!("{{\"id\":\"{PERSON}\"}}"))), "{body}");
    assert!(body.contains(&part("messaging_type", "RESPONSE")), "{body}");
    let message = body.split("name=\"message\"\r\n\r\n").nth(1).unwrap().split("\r\n").next().unwrap();
    let attachment = json!({ "type": "file", "payload": { "is_reusable": false } });
    let message: Value = serde_json::from_str(message).unwrap();
    assert_eq!(message, json!({ "attachment": attachment, "metadata": "key-1" }));
    assert!(
        body.contains("name=\"filedata\"; filename=\"a b.pdf\"\r\ncontent-type: application/pdf\r\n\r\n"),
        "{body}"
    );
}

#[test]
fn a_caption_is_refused_where_it_stands() {
    let _host = Host::new();
    let file = MediaRef::new("image").blob("blob-1");
    let error = send(outgoing(Content::media_with_caption(file, "look".to_owned()))).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("/caption"));
}

#[test]
fn few_choices_are_buttons_and_more_are_quick_replies() {
    let host = Host::new();
    let button = |at: usize| json!({ "id": format!("id-{at}"), "label": format!("Choice {at}") });
    taken(&host);
    let link = json!({ "label": "Open", "url": "https://example.com" });
    let call = json!({ "label": "Call", "url": "tel:+62215550100" });
    send(interactive(json!({ "body": "Which?", "buttons": [button(1), link, call] }))).unwrap();
    let template = sent(&host)["message"]["attachment"]["payload"].clone();
    assert_eq!(template["template_type"], "button");
    assert_eq!(template["buttons"][0], json!({ "type": "postback", "title": "Choice 1", "payload": "id-1" }));
    assert_eq!(template["buttons"][1], json!({ "type": "web_url", "title": "Open", "url": "https://example.com" }));
    assert_eq!(template["buttons"][2], json!({ "type": "phone_number", "title": "Call", "payload": "+62215550100" }));

    taken(&host);
    let many: Vec<Value> = (0..13).map(button).collect();
    send(interactive(json!({ "title": "Order", "body": "Which?", "buttons": many }))).unwrap();
    assert_eq!(sent(&host)["message"]["text"], "Order\n\nWhich?");
    let replies = sent(&host)["message"]["quick_replies"].clone();
    assert_eq!(replies.as_array().unwrap().len(), 13);
    assert_eq!(replies[0], json!({ "content_type": "text", "title": "Choice 0", "payload": "id-0" }));

    let too_many: Vec<Value> = (0..14).map(button).collect();
    assert_eq!(
        send(interactive(json!({ "body": "?", "buttons": too_many }))).unwrap_err().field.as_deref(),
        Some("/buttons")
    );
    taken(&host);
    send(interactive(json!({ "kind": "list", "body": "?", "sections": [{ "rows": [button(1)] }] }))).unwrap();
    assert_eq!(sent(&host)["message"]["quick_replies"][0]["payload"], "id-1");
}

#[test]
fn cards_are_a_generic_template_and_a_sticker_goes_by_its_id() {
    let host = Host::new();
    taken(&host);
    let card = json!({ "title": "Shoes", "body": "Red", "image_url": "https://example.com/s.png",
        "buttons": [{ "id": "buy", "label": "Buy" }] });
    send(interactive(json!({ "kind": "cards", "cards": [card] }))).unwrap();
    let payload = sent(&host)["message"]["attachment"]["payload"].clone();
    assert_eq!(payload["template_type"], "generic");
    assert_eq!(payload["elements"][0]["subtitle"], "Red");
    taken(&host);
    send(interactive(json!({ "kind": "sticker", "sticker_id": "369239263222822" }))).unwrap();
    assert_eq!(sent(&host)["message"]["sticker_id"], "369239263222822");
    let alone = send(interactive(json!({ "kind": "cards", "cards": [{ "body": "Red" }] }))).unwrap_err();
    assert_eq!(alone.field.as_deref(), Some("/cards/0"));
    let long = json!({ "kind": "cards", "cards": [{ "title": "x".repeat(81), "body": "y" }] });
    assert_eq!(send(interactive(long)).unwrap_err().field.as_deref(), Some("/cards/0/title"));
}

/// Code, second code, and what they mean to the host.
#[test]
fn refusals_mean_what_metas_pages_say() {
    let host = Host::new();
    let rows: &[(u16, i64, i64, &str, &str, bool)] = &[
        (401, 190, 463, "Unauthorized", "channel", false),
        (400, 102, 0, "Unauthorized", "channel", false),
        (400, 10, 2_018_278, "WindowClosed", "thread", false),
        (400, 10, 2_534_022, "WindowClosed", "thread", false),
        (400, 10, 2_018_065, "WindowClosed", "thread", false),
        (400, 10, 2_018_108, "Unreachable", "recipient", false),
        (400, 551, 1_545_041, "Unreachable", "recipient", false),
        (400, 200, 1_545_041, "Unreachable", "recipient", false),
        (400, 100, 2_018_001, "Unreachable", "recipient", false),
        (403, 10, 0, "forbidden", "channel", false),
        (403, 230, 0, "forbidden", "channel", false),
        (403, 200, 0, "forbidden", "channel", false),
        (403, 3, 0, "forbidden", "channel", false),
        (400, 368, 0, "policy", "channel", false),
        (400, 613, 1_893_016, "policy", "channel", false),
        (400, 4, 2_018_022, "RateLimited", "app", true),
        (400, 17, 0, "RateLimited", "channel", true),
        (400, 32, 0, "RateLimited", "channel", true),
        (400, 341, 0, "RateLimited", "channel", true),
        (400, 613, 0, "RateLimited", "channel", true),
        (400, 80_006, 0, "RateLimited", "channel", true),
        (500, 1, 0, "Unavailable", "message", true),
        (500, 2, 0, "Unavailable", "message", true),
        (400, 1200, 0, "Unavailable", "message", true),
        (400, 2, 2_018_344, "forbidden", "channel", false),
        (400, 100, 2_018_008, "Unavailable", "message", true),
        (400, 100, 2_018_109, "TooLarge", "message", false),
        (400, 100, 2_018_047, "Invalid", "message", false),
    ];
    for (status, code, subcode, fault, scope, retryable) in rows {
        let body = json!({ "error": { "message": "words", "code": code, "error_subcode": subcode } });
        host.expect("POST", messages()).answer(*status, body);
        let error = send(outgoing(Content::text("hi"))).unwrap_err();
        assert!(format!("{:?}", error.fault).contains(fault), "{code}-{subcode}: {:?}", error.fault);
        assert_eq!(
            (error.scope.as_str(), error.retryable, error.words.as_str()),
            (*scope, *retryable, "words"),
            "{code}"
        );
        let closed = matches!(error.fault, SendFault::WindowClosed);
        assert_eq!(error.rule.is_some(), closed, "{code}: the rule that proved shut");
    }
}

/// What a retry waits for stands in a header of usage, in minutes.
#[test]
fn a_rate_limit_says_when_it_ends() {
    let host = Host::new();
    let usage = json!({ PAGE: [{ "type": "messenger", "call_count": 100, "estimated_time_to_regain_access": 5 }] });
    host.expect("POST", messages())
        .answer(400, json!({ "error": { "message": "slow", "code": 80_006 } }))
        .header("X-Business-Use-Case-Usage", usage.to_string());
    assert_eq!(send(outgoing(Content::text("hi"))).unwrap_err().retry_after_ms, Some(300_000));
}

/// No answer, or one of a gateway that gave up waiting: it may have been taken. The API's own word for its trouble: it was not.
#[test]
fn what_may_have_been_taken_is_unknown() {
    let host = Host::new();
    host.expect("POST", messages()).fail("timeout", true);
    assert!(matches!(send(outgoing(Content::text("hi"))).unwrap_err().fault, SendFault::Unknown));
    host.expect("POST", messages()).answer_bytes(504, "<html>");
    assert!(matches!(send(outgoing(Content::text("hi"))).unwrap_err().fault, SendFault::Unknown));
    host.expect("POST", messages()).fail("connect", false);
    assert!(send(outgoing(Content::text("hi"))).unwrap_err().retryable);
    host.expect("POST", messages()).answer_bytes(503, "");
    assert!(send(outgoing(Content::text("hi"))).unwrap_err().retryable);
    host.expect("POST", messages()).answer_bytes(200, "no JSON");
    assert!(send(outgoing(Content::text("hi"))).unwrap().ids.is_empty());
}
