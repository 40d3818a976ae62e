//! Sending: what goes into which request, and what its answer means.

use sambung_plugin_line::Line;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Content, Identity, MediaRef, Target, Thread};

use crate::support::{BOT, USER};

const REPLY: &str = "https://api.line.me/v2/bot/message/reply";
const PUSH: &str = "https://api.line.me/v2/bot/message/push";

fn key(number: u8) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn pushed(number: u8, content: Content) -> Outgoing {
    let mut message = Outgoing::new(key(number), Thread::new(USER), content);
    message.rule = Some("push".to_owned());
    message
}

fn replied(number: u8, content: Content) -> Outgoing {
    let mut message = pushed(number, content);
    message.rule = Some("reply-token".to_owned());
    message.token = Some("\"token-1\"".to_owned());
    message
}

fn send(messages: Vec<Outgoing>) -> Vec<Result<Receipt, SendError>> {
    Line::send(messages, Channel::default())
}

fn sent(ids: &[&str]) -> Value {
    let messages: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "sentMessages": messages })
}

fn body(host: &Host, index: usize) -> Value {
    serde_json::from_slice(&host.requests()[index].body_bytes()).unwrap()
}

fn ids(answer: &Result<Receipt, SendError>) -> Vec<String> {
    answer.as_ref().unwrap().ids.clone()
}

fn error(answer: &Result<Receipt, SendError>) -> SendError {
    answer.clone().unwrap_err()
}

#[test]
fn contents_that_are_due_together_go_in_one_reply() {
    let host = Host::new();
    host.expect("POST", REPLY).answer(200, sent(&["1", "2"]));
    let answers = send(vec![replied(1, Content::text("a")), replied(2, Content::location(-6.2, 106.8))]);
    assert_eq!((ids(&answers[0]), ids(&answers[1])), (vec!["1".to_owned()], vec!["2".to_owned()]));
    assert_eq!(body(&host, 0)["replyToken"], "token-1");
    assert_eq!(body(&host, 0)["messages"][0], json!({ "type": "text", "text": "a" }));
    assert_eq!(body(&host, 0)["messages"][1]["title"], "-6.2, 106.8");
    assert!(host.requests()[0].headers.iter().all(|(name, _)| name != "x-line-retry-key"));
}

#[test]
fn a_push_carries_the_attempt_key_as_its_retry_key() {
    let host = Host::new();
    host.expect("POST", PUSH).answer(200, sent(&["1"]));
    send(vec![pushed(7, Content::text("a"))]);
    assert_eq!(body(&host, 0)["to"], USER);
    assert!(host.requests()[0].headers.contains(&("x-line-retry-key".to_owned(), key(7))));
}

#[test]
fn a_retry_key_that_was_accepted_is_a_receipt() {
    let host = Host::new();
    let conflict = json!({ "message": "The retry key is already accepted", "sentMessages": [{ "id": "41" }] });
    host.expect("POST", PUSH).answer(409, conflict);
    assert_eq!(ids(&send(vec![pushed(1, Content::text("a"))])[0]), ["41"]);
}

#[test]
fn what_an_accepted_retry_key_did_not_cover_is_still_sent() {
    let host = Host::new();
    let conflict = json!({ "message": "The retry key is already accepted", "sentMessages": [{ "id": "41" }] });
    host.expect("POST", PUSH).answer(409, conflict);
    host.expect("POST", PUSH).answer(200, sent(&["42"]));
    let answers = send(vec![pushed(1, Content::text("a")), pushed(2, Content::text("b"))]);
    assert_eq!((ids(&answers[0]), ids(&answers[1])), (vec!["41".to_owned()], vec!["42".to_owned()]));
    assert!(host.requests()[1].headers.contains(&("x-line-retry-key".to_owned(), key(2))));
}

#[test]
fn a_conversation_is_started_by_the_person_s_identity() {
    let host = Host::new();
    host.expect("POST", PUSH).answer(200, sent(&["1"]));
    let mut message = pushed(1, Content::text("a"));
    message.thread = None;
    message.to = vec![Identity::phone("62811"), Identity::new("line-user", BOT, USER)];
    assert!(send(vec![message.clone()])[0].is_ok());
    assert_eq!(body(&host, 0)["to"], USER);

    message.to.pop();
    assert_eq!(error(&send(vec![message])[0]).fault, SendFault::Unreachable);
}

#[test]
fn a_quoted_message_is_named_by_its_quote_token() {
    let host = Host::new();
    host.expect("POST", PUSH).answer(200, sent(&["1"]));
    let mut message = pushed(1, Content::text("a"));
    message.reply_to = Some(Target::new("100001").context(&json!({ "quote_token": "q" })));
    send(vec![message]);
    assert_eq!(body(&host, 0)["messages"][0]["quoteToken"], "q");
}

fn file(kind: &str) -> MediaRef {
    MediaRef::new(kind).blob("blob-1").bytes(2_000_000).name("report.pdf".to_owned())
}

#[test]
fn an_image_is_published_with_its_preview_and_its_caption_follows() {
    let host = Host::new();
    host.preview("blob-1", MediaRef::new("image").blob("blob-2"));
    host.expect("POST", PUSH).answer(200, sent(&["1", "2"]));
    let answers = send(vec![pushed(1, Content::media_with_caption(file("image"), "look".to_owned()))]);
    assert_eq!(ids(&answers[0]), ["1", "2"]);
    let image = &body(&host, 0)["messages"][0];
    assert_eq!(image["originalContentUrl"], "https://files.example/blob-1");
    assert_eq!(image["previewImageUrl"], "https://files.example/blob-2");
    assert_eq!(body(&host, 0)["messages"][1]["text"], "look");
}

#[test]
fn a_large_image_without_a_preview_is_refused() {
    let _host = Host::new();
    assert_eq!(error(&send(vec![pushed(1, Content::media(file("image")))])[0]).fault, SendFault::Invalid);
}

#[test]
fn a_document_is_a_text_with_its_address() {
    let host = Host::new();
    host.expect("POST", PUSH).answer(200, sent(&["1"]));
    send(vec![pushed(1, Content::media_with_caption(file("document"), "here".to_owned()))]);
    assert_eq!(body(&host, 0)["messages"][0]["text"], "here\nreport.pdf\nhttps://files.example/blob-1");
}

#[test]
fn a_recording_says_how_long_it_is() {
    let host = Host::new();
    host.expect("POST", PUSH).answer(200, sent(&["1"]));
    send(vec![pushed(1, Content::media(file("voice").duration_ms(3000)))]);
    assert_eq!(body(&host, 0)["messages"][0]["duration"], 3000);
}

#[test]
fn few_buttons_are_a_template_and_many_are_quick_replies() {
    let host = Host::new();
    host.expect("POST", PUSH).answer(200, sent(&["1"]));
    host.expect("POST", PUSH).answer(200, sent(&["2"]));
    let buttons = |count: usize| {
        let buttons: Vec<Value> =
            (0..count).map(|n| json!({ "id": format!("b{n}"), "label": format!("B{n}") })).collect();
        Content::Interactive(json!({ "kind": "buttons", "body": "Which?", "buttons": buttons }).to_string())
    };
    send(vec![pushed(1, buttons(2))]);
    send(vec![pushed(2, buttons(6))]);
    let template = &body(&host, 0)["messages"][0]["template"];
    assert_eq!((&template["type"], template["actions"].as_array().unwrap().len()), (&json!("buttons"), 2));
    assert_eq!(template["actions"][0]["data"], "b0");
    assert_eq!(body(&host, 1)["messages"][0]["quickReply"]["items"].as_array().unwrap().len(), 6);
}

#[test]
fn a_content_that_the_provider_has_no_message_for_holds_back_no_other() {
    let host = Host::new();
    host.expect("POST", PUSH).answer(200, sent(&["1"]));
    let answers = send(vec![pushed(1, Content::ContactCards("[]".to_owned())), pushed(2, Content::text("b"))]);
    assert_eq!(error(&answers[0]).fault, SendFault::Invalid);
    assert_eq!(ids(&answers[1]), ["1"]);
}

#[test]
fn what_does_not_fit_into_the_reply_is_planned_again() {
    let host = Host::new();
    host.preview("blob-1", MediaRef::new("image").blob("blob-2"));
    host.expect("POST", REPLY).answer(200, sent(&["1", "2", "3", "4"]));
    let captioned = |number| replied(number, Content::media_with_caption(file("image"), "look".to_owned()));
    let answers = send(vec![captioned(1), captioned(2), captioned(3)]);
    assert_eq!(ids(&answers[1]), ["3", "4"]);
    let error = error(&answers[2]);
    assert_eq!((error.fault, error.rule.as_deref()), (SendFault::WindowClosed, Some("reply-token")));
}

#[test]
fn a_content_that_the_provider_blames_is_left_out_and_the_others_go() {
    let host = Host::new();
    let refusal = json!({
        "message": "The request body has 1 error(s)",
        "details": [{ "message": "May not be empty", "property": "messages[1].text" }],
    });
    host.expect("POST", REPLY).answer(400, refusal);
    host.expect("POST", REPLY).answer(200, sent(&["1", "3"]));
    let answers =
        send(vec![replied(1, Content::text("a")), replied(2, Content::text("")), replied(3, Content::text("c"))]);
    assert_eq!((ids(&answers[0]), ids(&answers[2])), (vec!["1".to_owned()], vec!["3".to_owned()]));
    let error = error(&answers[1]);
    assert_eq!((error.fault, error.field.as_deref()), (SendFault::Invalid, Some("/text")));
    assert!(error.words.contains("May not be empty"));
}

#[test]
fn every_documented_refusal_has_its_meaning() {
    let message = |words: &str| json!({ "message": words });
    let cases = [
        (REPLY, 400, message("Invalid reply token"), SendFault::WindowClosed, "message", false),
        (PUSH, 400, message("Failed to send messages"), SendFault::Unreachable, "recipient", false),
        (PUSH, 400, message("The request body has 1 error(s)"), SendFault::Invalid, "message", false),
        (PUSH, 401, message("Authentication failed"), SendFault::Unauthorized, "channel", false),
        (PUSH, 413, message("too large"), SendFault::TooLarge, "message", false),
        (PUSH, 429, message("You have reached your monthly limit."), SendFault::Quota, "message", false),
        (
            PUSH,
            429,
            message("The API rate limit has been exceeded. Try again later."),
            SendFault::RateLimited,
            "channel",
            true,
        ),
        (PUSH, 500, json!(null), SendFault::Unavailable, "message", true),
        // Nobody can say whether a reply was taken: it has no retry key.
        (REPLY, 500, json!(null), SendFault::Unknown, "message", false),
    ];
    for (url, status, answer, fault, scope, retryable) in cases {
        let host = Host::new();
        host.expect("POST", url).answer(status, answer.clone());
        let message = if url == REPLY { replied(1, Content::text("a")) } else { pushed(1, Content::text("a")) };
        let error = error(&send(vec![message])[0]);
        assert_eq!(
            (error.fault, error.scope.as_str(), error.retryable),
            (fault, scope, retryable),
            "{status} {answer}"
        );
        assert_eq!(error.code, Some(status.to_string()));
    }
}

#[test]
fn a_plan_without_the_permission_holds_back_the_channel() {
    let host = Host::new();
    let words = "Access to this API is not available for your account";
    host.expect("POST", PUSH).answer(403, json!({ "message": words }));
    let error = error(&send(vec![pushed(1, Content::text("a"))])[0]);
    assert!(matches!(error.fault, SendFault::Other(open) if open.kind == "forbidden"));
    assert_eq!((error.scope.as_str(), error.words.as_str()), ("channel", words));
}

#[test]
fn a_lost_answer_is_unknown_and_only_a_push_may_be_repeated() {
    for (url, repeatable) in [(PUSH, true), (REPLY, false)] {
        let host = Host::new();
        host.expect("POST", url).fail("timeout", true);
        let message = if url == REPLY { replied(1, Content::text("a")) } else { pushed(1, Content::text("a")) };
        let error = error(&send(vec![message])[0]);
        assert_eq!((error.fault, error.retryable), (SendFault::Unknown, repeatable));
    }
}

#[test]
fn nothing_overtakes_what_has_to_wait() {
    let host = Host::new();
    host.expect("POST", PUSH)
        .answer(429, json!({ "message": "The API rate limit has been exceeded. Try again later." }));
    let mut other = pushed(2, Content::text("b"));
    other.thread = Some(Thread::new("C1"));
    let answers = send(vec![pushed(1, Content::text("a")), other]);
    assert_eq!(error(&answers[0]).fault, SendFault::RateLimited);
    let waiting = error(&answers[1]);
    assert_eq!((waiting.fault, waiting.retryable), (SendFault::Unavailable, true));
}
