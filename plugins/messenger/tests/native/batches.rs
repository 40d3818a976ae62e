//! Batches and the events in them: each stands alone, for the page that it concerns.

use crate::support::{PAGE, PERSON, event, item, only, translate};
use crate::told;
use sambung_sdk::inbound::{Event, Happening, Message};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Identity};

fn message(event: Event) -> Message {
    match event.what {
        Happening::Message(message) => message,
        other => panic!("not a message: {other:?}"),
    }
}

fn text(mid: &str, words: &str) -> Value {
    event("message", json!({ "mid": mid, "text": words }))
}

/// One address is shared by all pages of an app: each event says whose it is, and one that is broken holds back no other.
#[test]
fn one_bad_event_among_good_ones_of_two_pages_falls_alone() {
    let mut elsewhere = text("m3", "three");
    elsewhere["recipient"]["id"] = json!("2067280970047461");
    let body = json!({ "object": "page", "entry": [
        { "id": PAGE, "time": 1, "messaging": [text("m1", "one"), event("message", json!({ "mid": 7 })), text("m2", "two")] },
        "no entry",
        { "id": "2067280970047461", "time": 1, "messaging": [elsewhere] },
    ]});
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    let told: Vec<String> = items.iter().map(told::item).collect();
    assert_eq!(
        (told[0].as_str(), told[2].as_str(), told[4].as_str()),
        ("message text opens", "message text opens", "message text opens")
    );
    assert_eq!(told[1], "failed: a message without its id");
    assert!(told[3].starts_with("failed: the entry cannot be read"), "{told:?}");
    let routes: Vec<Option<&str>> = items.iter().map(|item| item.routes.first().map(String::as_str)).collect();
    assert_eq!(routes, [Some(PAGE), Some(PAGE), Some(PAGE), None, Some("2067280970047461")]);
    assert_eq!(items[2].raw.as_deref(), Some("/entry/0/messaging/2"));
}

#[test]
fn what_is_no_batch_is_an_error_of_the_whole_request() {
    for body in [b"{".as_slice(), b"\xff\xfe", b"{}", b"[]"] {
        assert!(translate(body).is_err(), "{body:?}");
    }
}

/// The provider's id and time count, so that a duplicate is known in whatever batch it comes; the person belongs to the page.
#[test]
fn a_message_keeps_its_id_time_and_person() {
    let event = only("message", json!({ "mid": "m_1", "text": "Halo" }));
    assert_eq!((event.id.as_str(), event.time), ("m_1", Some(1_789_459_199_876)));
    let message = message(event);
    assert_eq!(message.thread.key, PERSON);
    assert_eq!(message.sender.unwrap().identities, [Identity::new("messenger-user", PAGE, PERSON)]);
    assert_eq!(message.content, [Content::text("Halo")]);
}

#[test]
fn times_are_milliseconds_as_number_or_text_and_seconds_are_noticed() {
    for (told, time) in [(json!("1789459199876"), 1_789_459_199_876), (json!("1527459824"), 1_527_459_824_000_u64)] {
        let mut one = text("m1", "one");
        one["timestamp"] = told;
        let body = json!({ "object": "page", "entry": [{ "id": PAGE, "messaging": [one] }] });
        let items = translate(body.to_string().as_bytes()).unwrap().items;
        assert_eq!(told::only(&items[0]).time, Some(time));
    }
}

/// What the host sent comes back with the attempt key, and with the same id as the receipt; what an agent wrote in the page's
/// inbox has none.
#[test]
fn an_echo_stands_in_the_persons_conversation_and_carries_the_attempt() {
    let echo = |own: Value| {
        let mut event = event("message", own);
        event["sender"]["id"] = json!(PAGE);
        event["recipient"]["id"] = json!(PERSON);
        let body = json!({ "object": "page", "entry": [{ "id": PAGE, "messaging": [event] }] });
        let items = translate(body.to_string().as_bytes()).unwrap().items;
        assert_eq!(items[0].routes, [PAGE]);
        message(told::only(&items[0]))
    };
    let ours = echo(json!({ "mid": "m_1", "is_echo": true, "app_id": 1, "metadata": "key-1", "text": "Halo" }));
    assert_eq!((ours.thread.key.as_str(), ours.correlation.as_deref()), (PERSON, Some("key-1")));
    let inbox = echo(json!({ "mid": "m_2", "is_echo": true, "app_id": 26_390_203_743_090_u64, "text": "Halo" }));
    assert_eq!((inbox.correlation, inbox.sender), (None, None));
}

#[test]
fn taps_are_choices_with_their_payload() {
    let tapped = message(only("message", json!({ "mid": "m1", "text": "Ya", "quick_reply": { "payload": "YES" } })));
    let Content::Choice(choice) = &tapped.content[0] else { panic!("no choice") };
    assert_eq!((choice.id.as_str(), choice.label.as_deref()), ("YES", Some("Ya")));
    let pressed = only("postback", json!({ "title": "Mulai", "payload": "START" }));
    let again = only("postback", json!({ "title": "Mulai", "payload": "START" }));
    assert_eq!(pressed.id, again.id, "a postback without an id has the same one each time");
    assert!(matches!(&message(pressed).content[0], Content::Choice(choice) if choice.id == "START"));
}

#[test]
fn an_advertisement_says_where_somebody_came_from() {
    let referral = json!({ "ref": "r1", "source": "ADS", "type": "OPEN_THREAD", "ad_id": "238",
        "ads_context_data": { "ad_title": "Promo", "photo_url": "https://example.com/p.jpg" } });
    let message = message(only("message", json!({ "mid": "m1", "text": "hi", "referral": referral })));
    let Content::Referral(referral) = &message.content[0] else { panic!("no referral") };
    let told: Value = serde_json::from_str(referral).unwrap();
    assert_eq!(
        (&told["source_type"], &told["source_id"], &told["headline"]),
        (&json!("ad"), &json!("238"), &json!("Promo"))
    );
}

#[test]
fn a_question_about_a_product_names_it() {
    let referral = json!({ "product": { "id": "400" } });
    let message = message(only("message", json!({ "mid": "m1", "text": "hi", "referral": referral })));
    assert_eq!(message.extra, [("referred-product".to_owned(), json!({ "id": "400" }).to_string())]);
}

#[test]
fn a_sticker_that_comes_twice_is_one() {
    let both = json!({ "mid": "m1", "sticker_id": 3, "attachments": [
        { "type": "image", "payload": { "url": "https://scontent.xx.fbcdn.net/s.png", "sticker_id": 3 } },
        { "type": "sticker", "payload": { "url": "https://scontent.xx.fbcdn.net/s.png", "sticker_id": 3 } },
        { "type": "image", "payload": { "url": "https://scontent.xx.fbcdn.net/p.png" } },
    ]});
    assert_eq!(told::item(&item("message", both)), "message sticker + image opens");
    let before = json!({ "mid": "m1", "attachments": [
        { "type": "image", "payload": { "url": "https://scontent.xx.fbcdn.net/s.png", "sticker_id": 3 } },
    ]});
    assert_eq!(told::item(&item("message", before)), "message sticker opens");
}

#[test]
fn every_kind_of_attachment_is_shown_or_said_to_be_missing() {
    let url = "https://cdn.fbsbx.com/v/Invoice%201.pdf?_nc=1";
    let rows = [
        ("image", json!({ "url": url }), "image"),
        ("video", json!({ "url": url }), "video"),
        ("audio", json!({ "url": url }), "audio"),
        ("file", json!({ "url": url }), "document"),
        ("reel", json!({ "url": url, "title": "A reel" }), "video with caption"),
        ("reel", json!({ "url": "https://www.facebook.com/reel/1", "title": "A reel" }), "other reel"),
        ("post", json!({ "url": url }), "image"),
        ("ig_post", json!({ "url": "https://www.instagram.com/p/1" }), "other ig_post"),
        ("fallback", json!({ "url": "https://example.com", "title": "Example" }), "other fallback"),
        ("template", json!({ "elements": [{ "title": "Shoes" }] }), "other template"),
        ("appointment_booking", json!({}), "unsupported appointment_booking"),
        ("image", json!({}), "unsupported image"),
        ("hologram", Value::Null, "unsupported hologram"),
    ];
    for (kind, payload, expected) in rows {
        let own = json!({ "mid": "m1", "attachments": [{ "type": kind, "payload": payload }] });
        assert_eq!(told::item(&item("message", own)), format!("message {expected} opens"), "{kind}");
    }
    assert_eq!(told::item(&item("message", json!({ "mid": "m1" }))), "message unsupported message opens");
}

#[test]
fn a_reaction_names_its_message_and_is_taken_back() {
    let react = json!({ "reaction": "love", "action": "react", "mid": "m1" });
    let Happening::Reaction(reaction) = only("reaction", react).what else { panic!("no reaction") };
    assert_eq!((reaction.message.id.as_str(), reaction.emojis), ("m1", vec!["❤️".to_owned()]));
    let Happening::Reaction(back) = only("reaction", json!({ "action": "unreact", "mid": "m1" })).what else {
        panic!("no reaction")
    };
    assert!(back.emojis.is_empty());
}

/// A checkbox on a page names somebody before they write; what they write joins both.
#[test]
fn somebody_whom_a_checkbox_named_is_known_when_they_write() {
    let body = json!({ "object": "page", "entry": [{ "id": PAGE, "messaging": [
        { "recipient": { "id": PAGE }, "timestamp": 1_789_459_199_876_u64, "optin": { "ref": "r", "user_ref": "box-1" } },
    ]}]});
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    let Happening::Subscription(agreed) = told::only(&items[0]).what else { panic!("no subscription") };
    assert_eq!(agreed.thread.unwrap().key, "user_ref:box-1");
    let mut wrote = text("m1", "Halo");
    wrote["prior_message"] = json!({ "source": "checkbox_plugin", "identifier": "box-1" });
    let body = json!({ "object": "page", "entry": [{ "id": PAGE, "messaging": [wrote] }] });
    let message = message(told::only(&translate(body.to_string().as_bytes()).unwrap().items[0]));
    assert_eq!(message.thread.aliases, ["user_ref:box-1"]);
    assert_eq!(message.sender.unwrap().identities[1], agreed.who.identities[0]);
}

/// Somebody who tapped a button and whose id the page may not see is known by a reference, which can be answered.
#[test]
fn a_tap_of_somebody_without_an_id_belongs_to_the_reference() {
    let tapped = |sender: Value| {
        let event = json!({ "sender": sender, "recipient": { "id": PAGE }, "timestamp": "1527459824",
            "postback": { "mid": "m_1", "title": "Mulai", "payload": "START" } });
        let body = json!({ "object": "page", "entry": [{ "id": PAGE, "messaging": [event] }] });
        translate(body.to_string().as_bytes()).unwrap().items.remove(0)
    };
    let item = tapped(json!({ "user_ref": "ref-1" }));
    assert_eq!(item.routes, [PAGE]);
    let event = told::only(&item);
    assert_eq!((event.id.as_str(), event.time), ("m_1", Some(1_527_459_824_000)));
    let said = message(event);
    assert_eq!(said.thread.key, "user_ref:ref-1");
    assert_eq!(said.sender.unwrap().identities, [Identity::new("meta-user-ref", PAGE, "ref-1")]);
    assert!(matches!(&said.content[0], Content::Choice(choice) if choice.id == "START"));
    assert_eq!(message(told::only(&tapped(json!({ "id": PERSON, "user_ref": "ref-1" })))).thread.key, PERSON);
    assert!(told::item(&tapped(json!({ "user_ref": "" }))).starts_with("failed: "));
}

#[test]
fn conversations_that_change_hands_and_accounts_that_are_blocked_are_told() {
    let passed = json!({ "previous_owner_app_id": "1", "new_owner_app_id": 263_902, "metadata": "" });
    let Content::System(line) = &message(only("pass_thread_control", passed)).content[0] else { panic!("no line") };
    assert_eq!(line, "The conversation was handed to the app 263902.");
    for kind in ["take_thread_control", "request_thread_control"] {
        assert_eq!(told::item(&item(kind, json!({}))), "message system");
    }
    assert_eq!(told::item(&item("app_roles", json!({ "1": ["primary_receiver"] }))), "notice app-roles");
    let blocked = only("policy_enforcement", json!({ "action": "block", "reason": "Spam." }));
    let Happening::Notice(notice) = blocked.what else { panic!("no notice") };
    assert_eq!((notice.level.as_str(), notice.words.as_str()), ("error", "Messenger: block by Meta's policies. Spam."));
}

/// The app dashboard's tests are for no page; messages may come as changes all the same.
#[test]
fn a_test_of_the_dashboard_is_ignored_and_a_change_that_is_a_message_is_none() {
    let change = |entry: &str, field: &str| {
        let body = json!({ "object": "page", "entry": [{ "id": entry, "time": 1, "changes": [
            { "field": field, "value": text("m1", "test") } ] }] });
        told::item(&translate(body.to_string().as_bytes()).unwrap().items[0])
    };
    assert_eq!(change("0", "messages"), "ignored: a test from the app dashboard");
    assert_eq!(change(PAGE, "messages"), "message text opens");
    assert_eq!(change(PAGE, "feed"), "ignored: a change of `feed`, which is no message");
}

#[test]
fn a_delivery_of_several_messages_is_one_event_each() {
    let told = told::item(&item("delivery", json!({ "mids": ["m1", "m2"], "watermark": 1_789_459_199_000_u64 })));
    assert_eq!(told, "delivered & delivered");
}
