//! What updates become, beyond their kind: ids, places, people, formats.

use sambung_plugin_telegram::Telegram;
use sambung_sdk::inbound::{Happening, Inbound, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Identity};

use crate::support::{BOT, GROUP, USER, channel, event, message, read, summary, translate};

fn format_of(content: &Content) -> Value {
    match content {
        Content::Text(text) => serde_json::from_str(text.format.as_deref().unwrap()).unwrap(),
        other => panic!("no text: {other:?}"),
    }
}

#[test]
fn a_text_has_its_sender_its_place_and_its_time() {
    let event = event(&message(json!({ "text": "halo" })));
    assert_eq!((event.id.as_str(), event.time), ("501", Some(1_780_000_000_000)));
    let Happening::Message(message) = event.what else { panic!("no message") };
    assert_eq!((message.id.as_str(), message.thread.key.as_str()), ("811000001:41", "811000001"));
    let sender = message.sender.unwrap();
    assert_eq!(sender.identities, [Identity::new("telegram-user", BOT, USER.to_string())]);
    assert_eq!(sender.name.as_deref(), Some("Dewi Lestari"));
    assert!(sender.extra.contains(&("username".to_owned(), "\"dewi\"".to_owned())));
}

/// Telegram counts UTF-16 code units, and an emoji has two.
#[test]
fn entities_keep_their_places_behind_emojis() {
    let text = "🙂 tebal dan https://sambung.dev";
    let entities = json!([
        { "type": "bold", "offset": 3, "length": 5 },
        { "type": "url", "offset": 13, "length": 19 },
        { "type": "text_link", "offset": 0, "length": 2, "url": "https://example.com/" },
        { "type": "strikethrough", "offset": 3, "length": 1 },
    ]);
    let message = read(&message(json!({ "text": text, "entities": entities })));
    let format = format_of(&message.content[0]);
    assert_eq!(format["unit"], "utf-16");
    let ranges = format["ranges"].as_array().unwrap();
    let kinds: Vec<&str> = ranges.iter().map(|range| range["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["bold", "link", "link", "strike"]);
    assert_eq!((&ranges[1]["url"], &ranges[2]["url"]), (&json!("https://sambung.dev"), &json!("https://example.com/")));
}

#[test]
fn a_link_to_the_bot_says_where_the_conversation_came_from() {
    let message = read(&message(json!({ "text": "/start promo_42" })));
    let Content::Referral(referral) = &message.content[0] else { panic!("no referral") };
    assert_eq!(serde_json::from_str::<Value>(referral).unwrap()["ref"], "promo_42");
    assert_eq!(message.content.len(), 2);
    assert_eq!(read(&crate::support::message(json!({ "text": "/start" }))).content.len(), 1);
}

#[test]
fn topics_direct_messages_and_business_accounts_are_conversations_of_their_own() {
    let group = json!({ "id": GROUP, "type": "supergroup", "title": "Toko", "is_forum": true });
    let in_topic = json!({ "chat": group, "message_thread_id": 9, "is_topic_message": true, "text": "a" });
    // An answer in a group without topics has the number of a thread, and is no topic's.
    let answer = json!({ "chat": group, "message_thread_id": 9, "text": "a" });
    let direct = json!({ "chat": group, "direct_messages_topic": { "topic_id": 5 }, "text": "a" });
    let business = json!({ "business_connection_id": "bc", "text": "a" });
    let keys: Vec<String> =
        [in_topic, answer, direct, business].into_iter().map(|own| read(&message(own)).thread.key).collect();
    let group = GROUP.to_string();
    let expected =
        [format!("{group}/topic:9"), group.clone(), format!("{group}/direct:5"), format!("business:bc:{USER}")];
    assert_eq!(keys, expected);
}

/// Message ids begin at 1 in every chat, so the chat is part of an id.
#[test]
fn the_same_number_in_another_chat_is_another_message() {
    let here = read(&message(json!({ "text": "a" })));
    let there = read(&message(json!({ "chat": { "id": GROUP, "type": "supergroup" }, "text": "a" })));
    let business = read(&message(json!({ "business_connection_id": "bc", "text": "a" })));
    assert!(here.id != there.id && here.id != business.id);
}

#[test]
fn what_the_business_writes_itself_is_an_echo() {
    let own = json!({ "business_connection_id": "bc", "from": { "id": 99, "first_name": "Owner" }, "text": "a" });
    let mut update = message(own);
    update["business_message"] = update["message"].take();
    update.as_object_mut().unwrap().remove("message");
    let Happening::Message(echo) = event(&update).what else { panic!("no echo") };
    assert_eq!((echo.thread.key, echo.sender), (format!("business:bc:{USER}"), None));
}

#[test]
fn a_group_that_becomes_a_supergroup_stays_one_conversation() {
    let old = -4_000_001_i64;
    let leaves = read(&message(json!({ "chat": { "id": old, "type": "group" }, "migrate_to_chat_id": GROUP })));
    let arrives = read(&message(json!({ "chat": { "id": GROUP, "type": "supergroup" }, "migrate_from_chat_id": old })));
    for thread in [&leaves.thread, &arrives.thread] {
        assert_eq!((thread.key.clone(), thread.aliases.clone()), (GROUP.to_string(), vec![old.to_string()]));
    }
    assert_eq!(leaves.thread.context, arrives.thread.context);
}

#[test]
fn somebody_s_own_number_is_an_identity_and_another_s_is_not() {
    let card = |user: Value| json!({ "contact": { "phone_number": "+62 812-3", "first_name": "D", "user_id": user } });
    let own = read(&message(card(json!(USER)))).sender.unwrap();
    assert_eq!(own.identities[1], Identity::phone("628123"));
    for other in [json!(4), Value::Null] {
        assert_eq!(read(&message(card(other))).sender.unwrap().identities.len(), 1);
    }
}

#[test]
fn a_choice_has_its_words_and_what_acknowledges_it() {
    let offer = json!({ "message_id": 40, "chat": { "id": USER, "type": "private" }, "date": 1,
        "reply_markup": { "inline_keyboard": [[{ "text": "Ya", "callback_data": "y" }]] } });
    let update = json!({ "update_id": 502, "callback_query":
        { "id": "cb1", "from": { "id": USER, "first_name": "Dewi" }, "message": offer, "chat_instance": "1", "data": "y" } });
    let message = read(&update);
    let Content::Choice(choice) = &message.content[0] else { panic!("no choice") };
    assert_eq!((choice.id.as_str(), choice.label.as_deref()), ("y", Some("Ya")));
    assert_eq!(choice.of.as_ref().unwrap().id, format!("{USER}:40"));
    assert_eq!(message.context.as_deref(), Some(r#"{"callback":"cb1"}"#));
}

#[test]
fn every_file_has_its_measures_and_the_largest_photo_is_the_photo() {
    let sizes = json!([{ "file_id": "s", "width": 90, "height": 60 }, { "file_id": "l", "width": 900, "height": 600 }]);
    let Content::Media(photo) = &read(&message(json!({ "photo": sizes }))).content[0] else { panic!("no file") };
    assert_eq!((photo.file.ref_.as_deref(), photo.file.width), (Some("l"), Some(900)));
    let voice = json!({ "voice": { "file_id": "v", "duration": 7, "mime_type": "audio/ogg", "file_size": 3 } });
    let Content::Media(voice) = &read(&message(voice)).content[0] else { panic!("no file") };
    assert_eq!((voice.file.duration_ms, voice.file.bytes), (Some(7_000), Some(3)));
}

#[test]
fn nothing_is_dropped_in_silence() {
    let kinds = [
        (json!({ "dice": { "emoji": "🎲", "value": 4 } }), "message other dice"),
        (json!({ "poll": { "id": "1", "question": "Mau?" } }), "message other poll"),
        (json!({ "story": { "id": 1 } }), "message other story"),
        (json!({ "pinned_message": { "message_id": 1 } }), "message system"),
        (json!({ "new_chat_title": "Baru" }), "message system"),
        (json!({ "forum_topic_created": { "name": "Order" } }), "message system"),
        (json!({ "live_photo": { "file_id": "f" } }), "message video"),
        (json!({ "hologram": { "depth": 3 } }), "message unsupported hologram"),
        (json!({ "hologram": { "depth": 3 }, "guest_bot_caller_user": { "id": 3 } }), "message unsupported hologram"),
        (json!({ "guest_bot_caller_chat": { "id": 3 } }), "message unsupported empty"),
        (json!({ "rich_message": { "blocks": [] } }), "message unsupported rich_message"),
        (json!({}), "message unsupported empty"),
        (json!({ "document": {} }), "failed: a file of the kind document without an id"),
    ];
    for (own, expected) in kinds {
        assert_eq!(summary(&translate(&message(own.clone())).unwrap()), expected, "{own}");
    }
    assert_eq!(summary(&translate(&json!({ "update_id": 1 })).unwrap()), "ignored: an update that holds nothing");
}

/// What Telegram tells about a chat is nobody's message that cannot be shown.
#[test]
fn every_service_message_is_a_line() {
    let option = json!({ "option_persistent_id": "o", "option_text": "Merah" });
    let price = json!({ "currency": "XTR", "amount": 5 });
    let kinds = [
        ("poll_option_added", option.clone(), "An answer was added to a poll: Merah"),
        ("poll_option_deleted", option, "An answer was removed from a poll: Merah"),
        ("managed_bot_created", json!({ "bot": { "id": 9, "first_name": "Kasir" } }), "A bot was created: Kasir"),
        (
            "direct_message_price_changed",
            json!({ "are_direct_messages_enabled": true }),
            "The price of direct messages was changed.",
        ),
        ("paid_message_price_changed", json!({ "paid_message_star_count": 3 }), "The price of messages was changed."),
        ("suggested_post_approved", json!({ "send_date": 1 }), "A suggested post was approved."),
        (
            "suggested_post_approval_failed",
            json!({ "price": price }),
            "A suggested post was not approved: its price could not be paid.",
        ),
        ("suggested_post_declined", json!({ "comment": "Too long" }), "A suggested post was declined: Too long"),
        ("suggested_post_declined", json!({}), "A suggested post was declined."),
        ("suggested_post_paid", json!({ "currency": "XTR" }), "A suggested post was paid for."),
        ("suggested_post_refunded", json!({ "reason": "post_deleted" }), "A suggested post's price was given back."),
    ];
    for (kind, own, line) in kinds {
        assert_eq!(read(&message(json!({ kind: own }))).content, [Content::system(line)], "{kind}");
    }
}

#[test]
fn what_somebody_submitted_is_kept() {
    let kinds = [
        (
            "web_app_data",
            json!({ "data": "{\"size\":42}", "button_text": "Order" }),
            "Sent by a web app: {\"size\":42}",
        ),
        (
            "users_shared",
            json!({ "request_id": 1, "users": [{ "user_id": 5, "first_name": "Budi" }, { "user_id": 6 }] }),
            "Shared people with the bot: Budi, 6",
        ),
        (
            "chat_shared",
            json!({ "request_id": 1, "chat_id": -100, "title": "Gudang" }),
            "Shared a chat with the bot: Gudang",
        ),
        (
            "successful_payment",
            json!({ "currency": "IDR", "total_amount": 150_000, "invoice_payload": "order-7" }),
            "Paid: 150000 in the smallest unit of IDR",
        ),
        (
            "refunded_payment",
            json!({ "currency": "XTR", "total_amount": 5 }),
            "A payment was given back: 5 Telegram Stars",
        ),
    ];
    for (kind, own, line) in kinds {
        let content = read(&message(json!({ kind: own }))).content.remove(0);
        let Content::Other(open) = content else { panic!("{kind}: {content:?}") };
        assert_eq!((open.kind.as_str(), open.line.as_str()), (kind, line));
        assert_eq!(serde_json::from_str::<Value>(&open.data).unwrap(), own, "{kind}");
    }
}

/// A live photo comes as its photo and its video, and with the photo alone for clients that do not know it.
#[test]
fn a_live_photo_keeps_its_video_and_its_caption() {
    let own = json!({ "photo": [{ "file_id": "p", "width": 9, "height": 6 }], "caption": "Lihat",
        "live_photo": { "file_id": "v", "width": 9, "height": 6, "duration": 3, "mime_type": "video/mp4" } });
    let message = read(&message(own));
    let [Content::Media(photo), Content::Media(video)] = &message.content[..] else { panic!("{:?}", message.content) };
    assert_eq!(
        (photo.file.kind.as_str(), photo.file.ref_.as_deref(), photo.caption.as_deref()),
        ("image", Some("p"), Some("Lihat"))
    );
    assert_eq!(
        (video.file.kind.as_str(), video.file.ref_.as_deref(), video.caption.as_deref()),
        ("video", Some("v"), None)
    );
}

#[test]
fn a_rich_message_is_its_texts_and_files_in_their_order() {
    let blocks = json!([
        { "type": "heading", "size": 1, "text": "Promo 🙂" },
        { "type": "paragraph", "text": ["Beli ", { "type": "bold", "text": "dua" }, ", ",
            { "type": "url", "text": "lihat", "url": "https://sambung.dev/" }] },
        { "type": "list", "items": [
            { "label": "1.", "blocks": [{ "type": "paragraph", "text": "Kopi" }] },
            { "label": "•", "has_checkbox": true, "is_checked": true, "blocks": [{ "type": "paragraph", "text": "Teh" }] },
        ] },
        { "type": "photo", "photo": [{ "file_id": "s" }, { "file_id": "l" }], "caption": { "text": "Kopi susu" } },
        { "type": "table", "cells": [[{ "text": "a" }, { "text": "b" }], [{ "text": "c" }, {}]] },
        { "type": "collage", "blocks": [{ "type": "video", "video": { "file_id": "v" } }, { "type": "voice_note", "voice_note": { "file_id": "o" } }] },
        { "type": "map", "location": { "latitude": -6.2, "longitude": 106.8 }, "zoom": 3 },
        { "type": "details", "summary": "Syarat", "blocks": [{ "type": "blockquote", "blocks": [{ "type": "paragraph", "text": "Satu" }], "credit": "Toko" }] },
        { "type": "hologram", "text": "Baru" },
        7,
        { "type": "photo", "photo": "none", "caption": { "text": "tanpa gambar" } },
    ]);
    let message = read(&message(json!({ "rich_message": { "blocks": blocks } })));
    let kinds: Vec<&str> = message.content.iter().map(Content::kind).collect();
    assert_eq!(kinds, ["text", "media", "text", "media", "media", "location", "text", "text"]);
    let body = |at: usize| match &message.content[at] {
        Content::Text(text) => text.body.clone(),
        other => panic!("no text: {other:?}"),
    };
    assert_eq!(body(0), "Promo 🙂\nBeli dua, lihat\n1. Kopi\n☑ Teh");
    let format = format_of(&message.content[0]);
    let ranges: Vec<(String, u64, u64)> = format["ranges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| {
            (
                range["kind"].as_str().unwrap().to_owned(),
                range["start"].as_u64().unwrap(),
                range["length"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [("bold", 0, 8), ("bold", 14, 3), ("link", 19, 5)];
    assert_eq!(ranges, expected.map(|(kind, start, length)| (kind.to_owned(), start, length)));
    assert_eq!(format["ranges"][2]["url"], "https://sambung.dev/");
    let Content::Media(photo) = &message.content[1] else { panic!("no photo") };
    assert_eq!((photo.file.ref_.as_deref(), photo.caption.as_deref()), (Some("l"), Some("Kopi susu")));
    assert_eq!(
        (body(2), body(6), body(7)),
        ("a | b\nc |".to_owned(), "Syarat\n> Satu\n— Toko\nBaru".to_owned(), "tanpa gambar".to_owned())
    );
}

#[test]
fn what_is_no_update_is_refused_as_a_whole() {
    for body in
        [&b""[..], b"{", b"[]", b"{}", b"{\"update_id\":\"x\"}", b"\xff\xfe", b"{\"update_id\":1,\"message\":\"\xff\"}"]
    {
        let request = Request::new("updates", body);
        assert!(Telegram::handle_webhook(request, Some(channel(None))).is_err(), "{body:?}");
    }
    let deep = format!("{{\"update_id\":1,\"message\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Telegram::handle_webhook(Request::new("updates", deep), Some(channel(None))).is_err());
}

#[test]
fn what_lacks_its_place_is_parked_and_not_lost() {
    for kind in ["message", "edited_message", "message_reaction", "my_chat_member", "deleted_business_messages"] {
        let said = summary(&translate(&json!({ "update_id": 1, kind: {} })).unwrap());
        assert!(said.starts_with("failed: "), "{kind}: {said}");
    }
}

#[test]
fn the_bot_put_out_of_a_group_is_told_there() {
    let change = |old: &str, new: &str| {
        json!({ "update_id": 7, "my_chat_member": { "chat": { "id": GROUP, "type": "supergroup" }, "date": 1,
            "from": { "id": USER, "first_name": "Dewi" }, "old_chat_member": { "status": old }, "new_chat_member": { "status": new } } })
    };
    assert_eq!(summary(&translate(&change("member", "kicked")).unwrap()), "message system");
    assert!(summary(&translate(&change("left", "member")).unwrap()).starts_with("ignored"));
    assert!(summary(&translate(&change("member", "administrator")).unwrap()).starts_with("ignored"));
}
