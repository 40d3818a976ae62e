//! Files, profiles and signals.

use sambung_plugin_telegram::Telegram;
use sambung_sdk::json::{Value, json};
use sambung_sdk::media::{Media, Source};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::signals::Signals;
use sambung_sdk::types::{Identity, MediaRef, Target, Thread};

use crate::spec;
use crate::support::{BOT, USER, channel, host, method, ok, parameters, refusal};

fn resolve(file: MediaRef) -> Source {
    Telegram::resolve(channel(None), file).unwrap()
}

#[test]
fn a_file_is_at_an_address_that_only_the_host_completes() {
    let host = host();
    host.expect("POST", method("getFile")).answer(200, ok(json!({ "file_id": "f", "file_path": "voice/file_7.oga" })));
    let Source::Fetch(request) = resolve(MediaRef::new("voice").reference("f")) else { panic!("not to be fetched") };
    let address = "https://api.telegram.org/file/botsecret-bot_token-raw/voice/file_7.oga";
    assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", address));
    spec::hold(&host);
}

#[test]
fn a_file_that_is_too_big_or_gone_says_why() {
    let host = host();
    let Source::Gone(reason) = resolve(MediaRef::new("video").reference("f").bytes(21 << 20)) else {
        panic!("not gone")
    };
    assert!(reason.contains("20 MB") && reason.contains("21 MB"), "{reason}");
    for words in ["Bad Request: file is too big", "Bad Request: wrong file_id"] {
        host.expect("POST", method("getFile")).answer(400, refusal(400, words));
        assert!(matches!(resolve(MediaRef::new("video").reference("f")), Source::Gone(_)));
    }
    let either = "Bad Request: wrong file_id or the file is temporarily unavailable";
    host.expect("POST", method("getFile")).answer(400, refusal(400, either));
    let fault = Telegram::resolve(channel(None), MediaRef::new("video").reference("f")).unwrap_err();
    assert_eq!(fault.kind, "unavailable", "it is tried again, and not for ever");
    host.expect("POST", method("getFile")).answer(200, ok(json!({ "file_id": "f" })));
    assert!(matches!(resolve(MediaRef::new("video").reference("f")), Source::Later(_)));
    host.expect("POST", method("getFile")).answer(500, Value::Null);
    assert!(Telegram::resolve(channel(None), MediaRef::new("video").reference("f")).is_err());
}

#[test]
fn a_profile_has_the_newest_picture_in_its_largest_size() {
    let host = host();
    host.expect("POST", method("getChat"))
        .answer(200, ok(json!({ "id": USER, "type": "private", "first_name": "Dewi" })));
    let sizes =
        json!([{ "file_id": "s", "width": 160, "height": 160 }, { "file_id": "l", "width": 640, "height": 640 }]);
    host.expect("POST", method("getUserProfilePhotos")).answer(200, ok(json!({ "total_count": 1, "photos": [sizes] })));
    let who = Identity::new("telegram-user", BOT, USER.to_string());
    let person = Telegram::look_up(channel(None), who.clone(), None).unwrap().unwrap();
    assert_eq!((person.name.as_deref(), person.avatar.unwrap().ref_.as_deref()), (Some("Dewi"), Some("l")));
    host.expect("POST", method("getChat")).answer(400, refusal(400, "Bad Request: chat not found"));
    assert_eq!(Telegram::look_up(channel(None), who, None).unwrap(), None);
    assert_eq!(Telegram::look_up(channel(None), Identity::phone("62"), None).unwrap(), None);
    spec::hold(&host);
}

#[test]
fn typing_goes_where_the_conversation_is_and_a_choice_is_acknowledged() {
    let host = host();
    let thread = Thread::new("x").context(&json!({ "chat": -5, "topic": 9 }));
    host.expect("POST", method("sendChatAction")).answer(200, ok(json!(true)));
    Telegram::signal(channel(None), thread.clone(), "typing".to_owned(), None).unwrap();
    assert_eq!(parameters(&host, 0), json!({ "chat_id": -5, "message_thread_id": 9, "action": "typing" }));
    let about = Target::new("callback:cb1").context(&json!({ "callback": "cb1" }));
    let acknowledge = || Telegram::signal(channel(None), thread.clone(), "acknowledge".to_owned(), Some(about.clone()));
    host.expect("POST", method("answerCallbackQuery")).answer(200, ok(json!(true)));
    acknowledge().unwrap();
    assert_eq!(parameters(&host, 1), json!({ "callback_query_id": "cb1" }));
    let late = "Bad Request: query is too old and response timeout expired or query ID is invalid";
    host.expect("POST", method("answerCallbackQuery")).answer(400, refusal(400, late));
    acknowledge().unwrap();
    Telegram::signal(channel(None), thread.clone(), "read".to_owned(), Some(about.clone())).unwrap();
    spec::hold(&host);
}
