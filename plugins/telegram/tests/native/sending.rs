//! What is sent, held against the published description, and what its refusals mean.

use sambung_plugin_telegram::Telegram;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Content, Identity, Location, MediaRef, Target, Text, Thread};

use crate::spec;
use crate::support::{BOT, GROUP, USER, channel, host, method, ok, parameters, refusal};

fn thread() -> Thread {
    Thread::new(USER.to_string()).context(&json!({ "chat": USER }))
}

fn to(thread: Thread, content: Content) -> Outgoing {
    Outgoing::new("key-1", thread, content)
}

fn send(message: Outgoing) -> Result<Receipt, SendError> {
    Telegram::send(vec![message], channel(None)).remove(0)
}

fn taken(host: &Host, call: &str) {
    let message = json!({ "message_id": 77, "chat": { "id": USER, "type": "private" }, "date": 1 });
    host.expect("POST", method(call)).answer(200, ok(message));
}

fn file(kind: &str, mime: &str) -> MediaRef {
    MediaRef::new(kind).blob("blob-1").mime(mime.to_owned())
}

#[test]
fn a_text_goes_with_its_format_to_the_place_of_the_conversation() {
    let host = host();
    taken(&host, "sendMessage");
    let format = json!({ "unit": "code-points", "ranges": [{ "kind": "bold", "start": 2, "length": 4 }] });
    let text = Text { body: "😀 halo".to_owned(), format: Some(format.to_string()), ..Text::default() };
    let topic = Thread::new("k").context(&json!({ "chat": GROUP, "topic": 9 }));
    let mut message = to(topic, Content::Text(text));
    message.reply_to = Some(Target::new(format!("{GROUP}:41")));
    assert_eq!(send(message).unwrap().ids, [format!("{GROUP}:77")]);
    assert_eq!(
        parameters(&host, 0),
        json!({
            "chat_id": GROUP, "message_thread_id": 9, "text": "😀 halo",
            "entities": [{ "type": "bold", "offset": 3, "length": 4 }],
            "reply_parameters": { "message_id": 41, "allow_sending_without_reply": true },
        })
    );
    spec::hold(&host);
}

#[test]
fn a_message_of_another_chat_is_not_answered_by_its_number() {
    let host = host();
    taken(&host, "sendMessage");
    let mut message = to(thread(), Content::text("a"));
    message.reply_to = Some(Target::new(format!("{GROUP}:41")));
    send(message).unwrap();
    assert!(parameters(&host, 0).get("reply_parameters").is_none());
}

#[test]
fn a_conversation_is_found_by_its_key_and_started_by_the_person_s_identity() {
    let host = host();
    taken(&host, "sendMessage");
    send(to(Thread::new(USER.to_string()), Content::text("a"))).unwrap();
    taken(&host, "sendMessage");
    let mut message = to(thread(), Content::text("a"));
    message.thread = None;
    message.to = vec![Identity::phone("62"), Identity::new("telegram-user", BOT, USER.to_string())];
    let receipt = send(message.clone()).unwrap();
    assert_eq!(receipt.thread.unwrap().key, USER.to_string());
    assert_eq!(parameters(&host, 0)["chat_id"], parameters(&host, 1)["chat_id"]);
    message.to.pop();
    assert_eq!(send(message).unwrap_err().fault, SendFault::Unreachable);
}

#[test]
fn a_business_account_answers_through_its_connection() {
    let host = host();
    taken(&host, "sendMessage");
    let thread = Thread::new("k").context(&json!({ "chat": USER, "business": "bc" }));
    assert_eq!(send(to(thread, Content::text("a"))).unwrap().ids, [format!("business:bc:{USER}:77")]);
    assert_eq!(parameters(&host, 0)["business_connection_id"], "bc");
    spec::hold(&host);
}

#[test]
fn every_kind_of_file_has_its_method_and_is_uploaded() {
    let host = host();
    let kinds = [
        ("image", "image/png", "sendPhoto", "photo"),
        ("video", "video/mp4", "sendVideo", "video"),
        ("animation", "image/gif", "sendAnimation", "animation"),
        ("audio", "audio/mpeg", "sendAudio", "audio"),
        ("voice", "audio/ogg", "sendVoice", "voice"),
        ("document", "application/pdf", "sendDocument", "document"),
        ("sticker", "image/webp", "sendSticker", "sticker"),
    ];
    for (index, (kind, mime, call, parameter)) in kinds.into_iter().enumerate() {
        taken(&host, call);
        let caption = (kind != "sticker").then(|| "Lihat".to_owned());
        let file = file(kind, mime).duration_ms(1_500).size(4, 3).name("a \"b\"\r\n.x".to_owned());
        send(to(thread(), Content::media_with_caption(file, caption.clone()))).unwrap();
        let given = parameters(&host, index);
        assert_eq!((&given[parameter], given["caption"].as_str()), (&json!("(file)"), caption.as_deref()), "{given}");
        let text = String::from_utf8(host.requests()[index].body_bytes()).unwrap();
        assert!(
            text.contains("filename=\"a b.x\"\r\n") && text.contains(&format!("content-type: {mime}\r\n")),
            "{text}"
        );
    }
    spec::hold(&host);
    let error =
        send(to(thread(), Content::media_with_caption(file("sticker", "image/webp"), "x".to_owned()))).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("/caption"));
}

#[test]
fn files_that_are_due_together_are_one_album_and_each_has_its_id() {
    let host = host();
    taken(&host, "sendMessage");
    let sent: Vec<Value> = [78, 79].map(|id| json!({ "message_id": id })).to_vec();
    host.expect("POST", method("sendMediaGroup")).answer(200, ok(json!(sent)));
    taken(&host, "sendDocument");
    let contents = [
        Content::text("a"),
        Content::media_with_caption(file("image", "image/jpeg"), "Satu".to_owned()),
        Content::media(file("video", "video/mp4").duration_ms(2_000)),
        Content::media(file("document", "application/pdf")),
    ];
    let messages = contents.into_iter().map(|content| to(thread(), content)).collect();
    let ids: Vec<String> =
        Telegram::send(messages, channel(None)).into_iter().flat_map(|answer| answer.unwrap().ids).collect();
    assert_eq!(ids, [77, 78, 79, 77].map(|id| format!("{USER}:{id}")));
    let album = &parameters(&host, 1)["media"];
    assert_eq!((&album[0]["type"], &album[0]["caption"]), (&json!("photo"), &json!("Satu")));
    assert_eq!((&album[1]["media"], &album[1]["duration"]), (&json!("attach://file1"), &json!(2)));
    spec::hold(&host);
}

#[test]
fn an_album_stands_or_falls_as_one_and_what_follows_waits() {
    let host = host();
    host.expect("POST", method("sendMediaGroup")).fail("timeout", true);
    let contents = [file("image", "image/jpeg"), file("image", "image/jpeg")].map(Content::media);
    let messages = contents.into_iter().chain([Content::text("b")]).map(|content| to(thread(), content)).collect();
    let answers = Telegram::send(messages, channel(None));
    let faults: Vec<SendFault> = answers.into_iter().map(|answer| answer.unwrap_err().fault).collect();
    assert_eq!(faults, [SendFault::Unknown, SendFault::Unknown, SendFault::Unavailable]);
}

#[test]
fn more_than_ten_files_are_two_albums() {
    let host = host();
    let sent = |count: i64| ok(json!((0..count).map(|id| json!({ "message_id": id })).collect::<Vec<_>>()));
    host.expect("POST", method("sendMediaGroup")).answer(200, sent(10));
    host.expect("POST", method("sendMediaGroup")).answer(200, sent(2));
    let messages = (0..12).map(|_| to(thread(), Content::media(file("image", "image/jpeg")))).collect();
    assert!(Telegram::send(messages, channel(None)).iter().all(Result::is_ok));
}

#[test]
fn places_cards_and_choices_have_calls_of_their_own() {
    let host = host();
    taken(&host, "sendLocation");
    send(to(thread(), Content::location(-6.2, 106.8))).unwrap();
    taken(&host, "sendVenue");
    let venue = Location { latitude: -6.2, longitude: 106.8, name: Some("Toko".to_owned()), ..Location::default() };
    send(to(thread(), Content::Location(venue))).unwrap();
    taken(&host, "sendContact");
    let cards = json!({ "contacts": [{ "name": { "formatted_name": "Dewi" }, "phones": [{ "phone": "+62812" }] }] });
    send(to(thread(), Content::ContactCards(cards.to_string()))).unwrap();
    taken(&host, "sendMessage");
    let choices = json!({ "title": "Kapan", "body": "Pilih", "buttons": [{ "id": "a", "label": "Hari ini" }],
        "sections": [{ "rows": [{ "label": "Situs", "url": "https://example.com" }] }] });
    send(to(thread(), Content::Interactive(choices.to_string()))).unwrap();
    let given = parameters(&host, 3);
    assert_eq!(given["text"], "Kapan\n\nPilih");
    let keys = &given["reply_markup"]["inline_keyboard"];
    assert_eq!((&keys[0][0]["callback_data"], &keys[1][0]["url"]), (&json!("a"), &json!("https://example.com")));
    spec::hold(&host);
}

#[test]
fn what_telegram_has_nothing_for_is_named_by_its_place_and_never_leaves() {
    let _host = host();
    let long = "x".repeat(65);
    let rows = [
        (
            Content::Interactive(json!({ "body": "a", "buttons": [{ "id": long, "label": "L" }] }).to_string()),
            "/buttons/0/id",
        ),
        (Content::Interactive(json!({ "kind": "cards", "cards": [] }).to_string()), "/kind"),
        (Content::Interactive(json!({ "body": "a" }).to_string()), "/buttons"),
        (Content::ContactCards(json!({ "contacts": [{}, {}] }).to_string()), "/contacts"),
        (Content::ContactCards(json!({ "contacts": [{}] }).to_string()), "/contacts/0/phones"),
        (Content::media(MediaRef::new("hologram").blob("b")), "/file/kind"),
        (Content::Template("{}".to_owned()), ""),
    ];
    for (content, field) in rows {
        let error = send(to(thread(), content)).unwrap_err();
        assert_eq!((error.fault, error.field.as_deref()), (SendFault::Invalid, Some(field)));
    }
}

/// Code, sentence, chat, and what it means: the fault, what is held back, whether it is tried again.
#[test]
fn refusals_mean_what_the_reference_says() {
    let host = host();
    let rows: &[(u16, &str, i64, &str, &str, bool)] = &[
        (401, "Unauthorized", USER, "Unauthorized", "channel", false),
        (404, "Not Found", USER, "Unauthorized", "channel", false),
        (403, "Forbidden: bot was blocked by the user", USER, "Unreachable", "recipient", false),
        (403, "Forbidden: user is deactivated", USER, "Unreachable", "recipient", false),
        (403, "Forbidden: bot can't initiate conversation with a user", USER, "Unreachable", "recipient", false),
        (403, "Forbidden: bot was kicked from the supergroup chat", GROUP, "Unreachable", "thread", false),
        (400, "Bad Request: chat not found", USER, "Unreachable", "recipient", false),
        (400, "Bad Request: message thread not found", GROUP, "Unreachable", "thread", false),
        (
            400,
            "Bad Request: not enough rights to send text messages to the chat",
            GROUP,
            "Unreachable",
            "thread",
            false,
        ),
        (400, "Bad Request: message is too long", USER, "TooLarge", "message", false),
        (413, "Request Entity Too Large", USER, "TooLarge", "message", false),
        (400, "Bad Request: BUTTON_DATA_INVALID", USER, "Invalid", "message", false),
        (500, "Internal Server Error", USER, "Unknown", "message", false),
        (502, "Bad Gateway", USER, "Unknown", "message", false),
        (503, "Service Unavailable", USER, "Unavailable", "message", true),
    ];
    for (code, words, chat, fault, scope, retryable) in rows {
        host.expect("POST", method("sendMessage")).answer(*code, refusal(*code, words));
        let error = send(to(Thread::new(chat.to_string()), Content::text("a"))).unwrap_err();
        assert!(format!("{:?}", error.fault).contains(fault), "{words}: {:?}", error.fault);
        assert_eq!(
            (error.scope.as_str(), error.retryable, error.words.as_str()),
            (*scope, *retryable, *words),
            "{words}"
        );
    }
}

#[test]
fn a_limit_says_when_and_holds_back_only_its_chat() {
    let host = host();
    let limited = json!({ "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 35",
        "parameters": { "retry_after": 35 } });
    host.expect("POST", method("sendMessage")).answer(429, limited);
    let error = send(to(thread(), Content::text("a"))).unwrap_err();
    assert_eq!(
        (error.fault, error.scope.as_str(), error.retry_after_ms),
        (SendFault::RateLimited, "thread", Some(35_000))
    );
}

#[test]
fn a_group_that_moved_names_its_new_place() {
    let host = host();
    let moved = json!({ "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": GROUP } });
    host.expect("POST", method("sendMessage")).answer(400, moved);
    let error = send(to(Thread::new("-400"), Content::text("a"))).unwrap_err();
    let thread = error.moved.unwrap();
    assert_eq!(
        (error.fault, thread.key.clone(), thread.aliases.clone()),
        (SendFault::Moved, GROUP.to_string(), vec!["-400".to_owned()])
    );
    taken(&host, "sendMessage");
    send(to(thread, Content::text("a"))).unwrap();
    assert_eq!(parameters(&host, 1)["chat_id"], GROUP);
}

#[test]
fn a_lost_answer_is_unknown_and_what_never_left_is_tried_again() {
    let host = host();
    host.expect("POST", method("sendMessage")).fail("timeout", true);
    assert_eq!(send(to(thread(), Content::text("a"))).unwrap_err().fault, SendFault::Unknown);
    host.expect("POST", method("sendMessage")).fail("connect", false);
    let error = send(to(thread(), Content::text("a"))).unwrap_err();
    assert!(error.fault == SendFault::Unavailable && error.retryable);
    // The provider took it; what it calls it, nobody can read.
    host.expect("POST", method("sendMessage")).answer(200, ok(json!(true)));
    assert!(send(to(thread(), Content::text("a"))).unwrap().ids.is_empty());
}
