//! What is sent, and what refusals mean.

use crate::support::{CUSTOMER, own_app, signed_in};
use sambung_plugin_x::X;
use sambung_sdk::http::{Auth, Piece};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Content, Identity, MediaRef, Thread};

const API: &str = "https://api.x.com";

fn messages() -> String {
    format!("{API}/2/dm_conversations/with/{CUSTOMER}/messages")
}

fn outgoing(content: Content) -> Outgoing {
    let mut message = Outgoing::new("key-1", Thread::new(CUSTOMER), content);
    message.to = vec![Identity::new("x-user", "", CUSTOMER)];
    message
}

fn send(message: Outgoing, channel: Channel) -> Result<Receipt, SendError> {
    X::send(vec![message], channel).remove(0)
}

fn accepted() -> Value {
    json!({ "data": { "dm_conversation_id": "1-2", "dm_event_id": "2080763914820927863" } })
}

/// The body of the last request.
fn sent(host: &Host) -> Value {
    serde_json::from_slice(&host.requests().last().unwrap().body_bytes()).unwrap()
}

#[test]
fn a_text_goes_to_the_person_and_its_id_is_the_echo_s() {
    for (channel, signed) in [(own_app(), true), (signed_in(), false)] {
        let host = Host::new();
        host.expect("POST", messages()).answer(201, accepted());
        assert_eq!(send(outgoing(Content::text("hi")), channel).unwrap().ids, ["2080763914820927863"]);
        assert_eq!(sent(&host), json!({ "text": "hi" }));
        assert_eq!(matches!(host.requests()[0].auth, Auth::Oauth1(_)), signed);
    }
}

#[test]
fn a_group_is_answered_as_one_and_nobody_else_is_guessed() {
    let host = Host::new();
    host.expect("POST", format!("{API}/2/dm_conversations/1585094756761149440/messages")).answer(201, accepted());
    let mut message = outgoing(Content::text("hi"));
    message.thread = Some(Thread::new("group:1585094756761149440"));
    assert!(send(message, own_app()).is_ok());
    let mut nobody = outgoing(Content::text("hi"));
    nobody.to = Vec::new();
    nobody.thread = None;
    assert!(matches!(send(nobody, own_app()).unwrap_err().fault, SendFault::Unreachable));
}

fn upload(host: &Host, segments: usize, finished: Value) {
    host.expect("POST", format!("{API}/2/media/upload/initialize")).answer(200, json!({ "data": { "id": "55" } }));
    for _ in 0..segments {
        host.expect("POST", format!("{API}/2/media/upload/55/append"))
            .answer(200, json!({ "data": { "expires_at": 1 } }));
    }
    host.expect("POST", format!("{API}/2/media/upload/55/finalize")).answer(200, json!({ "data": finished }));
}

fn file(kind: &str, mime: &str, bytes: u64) -> MediaRef {
    MediaRef::new(kind).blob("blob-1").mime(mime.to_owned()).bytes(bytes)
}

#[test]
fn a_file_goes_in_segments_and_its_caption_in_the_same_message() {
    let host = Host::new();
    upload(&host, 3, json!({ "id": "55" }));
    host.expect("POST", messages()).answer(201, accepted());
    let content = Content::media_with_caption(file("image", "image/png", 9 << 20), "look".to_owned());
    send(outgoing(content), own_app()).unwrap();
    assert_eq!(sent(&host), json!({ "text": "look", "attachments": [{ "media_id": "55" }] }));
    let requests = host.requests();
    let plan: Value = serde_json::from_slice(&requests[0].body_bytes()).unwrap();
    assert_eq!(plan, json!({ "media_type": "image/png", "media_category": "dm_image", "total_bytes": 9 << 20 }));
    let sections: Vec<(u64, u64)> = requests[1..4]
        .iter()
        .flat_map(|request| &request.body)
        .filter_map(|piece| match piece {
            Piece::Section(section) => Some((section.offset, section.length)),
            _ => None,
        })
        .collect();
    assert_eq!(sections, [(0, 4 << 20), (4 << 20, 4 << 20), (8 << 20, 4 << 20)]);
    let third = String::from_utf8(requests[3].body_bytes()).unwrap();
    assert!(third.contains("name=\"segment_index\"\r\n\r\n2\r\n"), "{third}");
}

#[test]
fn a_video_is_waited_for_and_one_that_x_cannot_read_is_told() {
    let processing = |state: &str| json!({ "id": "55", "processing_info": { "state": state, "check_after_secs": 0 } });
    let status = format!("{API}/2/media/upload?command=STATUS&media_id=55");
    let host = Host::new();
    upload(&host, 1, processing("pending"));
    host.expect("GET", status.clone()).answer(200, json!({ "data": processing("in_progress") }));
    host.expect("GET", status.clone()).answer(200, json!({ "data": processing("succeeded") }));
    host.expect("POST", messages()).answer(201, accepted());
    send(outgoing(Content::media(file("video", "video/mp4", 5))), own_app()).unwrap();
    assert_eq!(sent(&host), json!({ "attachments": [{ "media_id": "55" }] }));

    upload(&host, 1, processing("pending"));
    let mut failed = processing("failed");
    failed["processing_info"]["error"] =
        json!({ "code": 1, "name": "InvalidMedia", "message": "Unsupported video format" });
    host.expect("GET", status).answer(200, json!({ "data": failed }));
    let error = send(outgoing(Content::media(file("video", "video/mp4", 5))), own_app()).unwrap_err();
    assert_eq!((error.words.as_str(), error.code.as_deref()), ("Unsupported video format", Some("InvalidMedia")));

    upload(&host, 1, json!({ "processing_info": { "state": "pending", "check_after_secs": 60 } }));
    let error = send(outgoing(Content::media(file("video", "video/mp4", 5))), own_app()).unwrap_err();
    assert!(matches!(error.fault, SendFault::Unavailable) && error.retryable, "{error:?}");
}

/// Nobody is reached by an upload: one whose answer was lost is made again. A message may have arrived.
#[test]
fn a_lost_upload_is_tried_again_and_a_lost_message_is_unknown() {
    let host = Host::new();
    host.expect("POST", format!("{API}/2/media/upload/initialize")).fail("timeout", true);
    let error = send(outgoing(Content::media(file("image", "image/png", 5))), own_app()).unwrap_err();
    assert!(matches!(error.fault, SendFault::Unavailable) && error.retryable);
    host.expect("POST", messages()).fail("timeout", true);
    let error = send(outgoing(Content::text("hi")), own_app()).unwrap_err();
    assert!(matches!(error.fault, SendFault::Unknown) && !error.retryable);
}

#[test]
fn choices_go_by_the_older_api_where_an_own_app_may() {
    let host = Host::new();
    let address = format!("{API}/1.1/direct_messages/events/new.json");
    host.expect("POST", address.clone()).answer(200, json!({ "event": { "id": "133" } }));
    let content = json!({ "title": "When?", "body": "Pick", "buttons": [{ "id": "a", "label": "Today" }],
        "sections": [{ "rows": [{ "id": "b", "title": "Later", "description": "after 5" }] }] });
    let choices = || Content::Interactive(content.to_string());
    assert_eq!(send(outgoing(choices()), own_app()).unwrap().ids, ["133"]);
    let data = &sent(&host)["event"]["message_create"];
    assert_eq!(data["target"]["recipient_id"], CUSTOMER);
    assert_eq!(data["message_data"]["text"], "When?\n\nPick");
    let options =
        json!([{ "label": "Today", "metadata": "a" }, { "label": "Later", "metadata": "b", "description": "after 5" }]);
    assert_eq!(data["message_data"]["quick_reply"], json!({ "type": "options", "options": options }));

    let error = send(outgoing(choices()), signed_in()).unwrap_err();
    assert!(matches!(error.fault, SendFault::Invalid));
    let words = json!({ "errors": [{ "code": 453, "message": "You have access to a subset of X API V2 endpoints." }] });
    host.expect("POST", address).answer(403, words);
    let error = send(outgoing(choices()), own_app()).unwrap_err();
    assert!(matches!(error.fault, SendFault::Invalid) && error.scope == "message", "the channel goes on: {error:?}");
    let link = json!({ "body": "Go", "buttons": [{ "label": "Open", "url": "https://example.com" }] });
    let error = send(outgoing(Content::Interactive(link.to_string())), own_app()).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("/buttons"));
}

/// Codes of the older API, problems of the newer, and what each means to the host.
#[test]
fn refusals_mean_what_the_providers_pages_say() {
    let coded = |code: u16, words: &str| json!({ "errors": [{ "code": code, "message": words }] });
    let problem = |kind: &str, words: &str| json!({ "title": "t", "detail": words, "type": format!("https://api.x.com/2/problems/{kind}") });
    let rows: Vec<(u16, Value, &str, &str, bool)> = vec![
        (
            401,
            json!({ "title": "Unauthorized", "detail": "Unauthorized", "type": "about:blank", "status": 401 }),
            "Unauthorized",
            "channel",
            false,
        ),
        (401, coded(89, "Invalid or expired token."), "Unauthorized", "channel", false),
        (403, coded(349, "You cannot send messages to this user."), "Unreachable", "message", false),
        (
            403,
            coded(150, "You cannot send messages to users who are not following you."),
            "Unreachable",
            "message",
            false,
        ),
        (403, coded(389, "You cannot send messages to users you have blocked."), "Unreachable", "message", false),
        (
            403,
            coded(326, "You are sending a Direct Message to users that do not follow you."),
            "Unreachable",
            "message",
            false,
        ),
        (403, coded(326, "To protect our users, this account is temporarily locked."), "Other", "channel", false),
        (403, coded(226, "This request looks like it might be automated."), "Other", "channel", false),
        (403, coded(64, "Your account is suspended."), "Other", "channel", false),
        (
            403,
            coded(93, "This application is not allowed to access or delete your direct messages"),
            "Other",
            "channel",
            false,
        ),
        (403, coded(151, "There was an error sending your message."), "Unavailable", "message", true),
        (403, coded(354, "The text is too long."), "Invalid", "message", false),
        (403, problem("client-forbidden", "no access"), "Other", "channel", false),
        (
            403,
            json!({ "title": "Forbidden", "detail": "You do not have permission to DM one or more participants." }),
            "Unreachable",
            "message",
            false,
        ),
        (402, problem("credits", "CreditsDepleted"), "Quota", "channel", false),
        (404, problem("resource-not-found", "gone"), "Unreachable", "message", false),
        (400, problem("invalid-request", "bad"), "Invalid", "message", false),
        (
            200,
            json!({ "errors": [{ "detail": "no", "type": "https://api.x.com/2/problems/disallowed-resource" }] }),
            "Unreachable",
            "message",
            false,
        ),
        (429, problem("usage-capped", "Too Many Requests"), "RateLimited", "channel", true),
        (413, json!({ "title": "Payload Too Large", "status": 413 }), "TooLarge", "message", false),
        (503, json!({ "title": "Service Unavailable" }), "Unavailable", "message", true),
        // It may have taken the message before it failed.
        (500, Value::Null, "Unknown", "message", false),
        (504, Value::Null, "Unknown", "message", false),
    ];
    for (status, body, fault, scope, retryable) in rows {
        let host = Host::new();
        let told = body.to_string();
        host.expect("POST", messages()).answer(status, body);
        let error = send(outgoing(Content::text("hi")), own_app()).unwrap_err();
        assert!(format!("{:?}", error.fault).contains(fault), "{status} {told}: {:?}", error.fault);
        assert_eq!((error.scope.as_str(), error.retryable), (scope, retryable), "{status} {told}");
    }
}

/// X names the second at which a limit is whole again, and a day's limit beside that of a quarter of an hour.
#[test]
fn a_limit_says_when_it_ends() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let after = |headers: &[(&str, u64)]| {
        let host = Host::new();
        let expected = host.expect("POST", messages());
        expected.answer(429, json!({ "title": "Too Many Requests" }));
        for (name, value) in headers {
            expected.header(*name, value.to_string());
        }
        send(outgoing(Content::text("hi")), own_app()).unwrap_err().retry_after_ms
    };
    let about = |given: Option<u64>, seconds: u64| {
        let given = given.unwrap();
        assert!(given <= seconds * 1000 && given + 5_000 > seconds * 1000, "{given} is not about {seconds} s");
    };
    about(after(&[("x-rate-limit-remaining", 0), ("x-rate-limit-reset", now + 600)]), 600);
    about(after(&[("x-rate-limit-reset", now + 30)]), 30);
    let day = [
        ("x-rate-limit-remaining", 5),
        ("x-rate-limit-reset", now + 600),
        ("x-user-limit-24hour-remaining", 0),
        ("x-user-limit-24hour-reset", now + 7_200),
    ];
    about(after(&day), 7_200);
    assert_eq!(after(&[("x-rate-limit-reset", now - 30)]), Some(1_000));
    assert_eq!(after(&[]), None);
}
