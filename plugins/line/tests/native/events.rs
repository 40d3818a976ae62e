//! Smaller payloads of the project's own: what an event becomes, field by field.

use sambung_sdk::inbound::{Happening, ItemResult, Message};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Content;

use crate::support::{BOT, GROUP, NOW, USER, event, items, only, summary, translate};

fn message(own: Value) -> Value {
    let mut message = json!({ "id": "100001", "quoteToken": "quote" });
    for (name, value) in own.as_object().unwrap() {
        message[name] = value.clone();
    }
    event("message", json!({ "message": message }))
}

fn read(event: Value) -> Message {
    match only(event).what {
        Happening::Message(message) => message,
        other => panic!("not a message: {other:?}"),
    }
}

#[test]
fn a_text_is_a_message_of_its_user_in_their_conversation() {
    let happened = only(message(json!({ "type": "text", "text": "Halo 🙂", "quotedMessageId": "99" })));
    assert_eq!(happened.id, "01FZ74A0TDDPYRVKNK77XKC3ZR");
    assert_eq!(happened.time, Some(NOW - 1_000));
    assert_eq!(happened.opens[0].rule, "reply-token");
    assert_eq!(happened.opens[0].token.as_deref(), Some("\"757913772c4646b784d4b7ce46d12671\""));
    let Happening::Message(message) = happened.what else { panic!("not a message") };
    assert_eq!((message.id.as_str(), message.thread.key.as_str()), ("100001", USER));
    assert_eq!(message.content, [Content::text("Halo 🙂")]);
    let sender = &message.sender.unwrap().identities[0];
    assert_eq!((sender.scheme.as_str(), sender.scope.as_str(), sender.value.as_str()), ("line-user", BOT, USER));
    assert_eq!(message.reply_to.unwrap().id, "99");
    assert_eq!(message.context.as_deref(), Some(r#"{"quote_token":"quote"}"#));
}

#[test]
fn a_group_is_one_conversation_and_its_member_may_be_nobody() {
    let mut unnamed = message(json!({ "type": "text", "text": "x" }));
    unnamed["source"] = json!({ "type": "group", "groupId": GROUP });
    let message = read(unnamed);
    assert_eq!(message.thread.key, GROUP);
    assert_eq!(message.thread.context.as_deref(), Some(r#"{"kind":"group"}"#));
    assert_eq!(message.sender, None);
}

#[test]
fn images_sent_at_once_share_a_group() {
    let image = json!({
        "type": "image",
        "contentProvider": { "type": "line" },
        "imageSet": { "id": "E005D41A", "index": 1, "total": 2 },
    });
    let read = read(message(image));
    assert_eq!(read.group.as_deref(), Some("E005D41A"));
    let Content::Media(media) = &read.content[0] else { panic!("no media") };
    assert_eq!((media.file.kind.as_str(), media.file.ref_.as_deref()), ("image", Some("100001")));
}

#[test]
fn a_file_keeps_its_name_and_size() {
    let read = read(message(json!({ "type": "file", "fileName": "見積書.pdf", "fileSize": 2138 })));
    let Content::Media(media) = &read.content[0] else { panic!("no media") };
    assert_eq!(media.file.kind, "document");
    assert_eq!((media.file.name.as_deref(), media.file.bytes), (Some("見積書.pdf"), Some(2138)));
}

#[test]
fn a_sticker_is_shown_by_its_picture() {
    let read = read(message(json!({
        "type": "sticker", "packageId": "446", "stickerId": "1988", "stickerResourceType": "ANIMATION",
    })));
    let Content::Media(media) = &read.content[0] else { panic!("no media") };
    assert_eq!(media.file.kind, "sticker");
    assert!(media.file.url.as_ref().unwrap().contains("/sticker/1988/"));
}

#[test]
fn a_postback_is_a_choice_with_its_parameters() {
    let picked = event("postback", json!({ "postback": { "data": "pick", "params": { "date": "2026-12-25" } } }));
    let Content::Choice(choice) = &read(picked).content[0] else { panic!("no choice") };
    assert_eq!(choice.id, "pick");
    assert_eq!(choice.extra, [("params".to_owned(), r#"{"date":"2026-12-25"}"#.to_owned())]);
}

#[test]
fn an_emoji_and_a_mention_are_ranges_of_the_text() {
    let read = read(message(json!({
        "type": "text",
        "text": "(hi) @Brown",
        "emojis": [{ "index": 0, "length": 4, "productId": "p", "emojiId": "1" }],
        "mention": { "mentionees": [{ "index": 5, "length": 6, "type": "user", "userId": USER }] },
    })));
    let Content::Text(text) = &read.content[0] else { panic!("no text") };
    let format: Value = serde_json::from_str(text.format.as_deref().unwrap()).unwrap();
    let ranges = format["ranges"].as_array().unwrap();
    assert_eq!((&ranges[0]["kind"], &ranges[0]["length"]), (&json!("emoji"), &json!(4)));
    assert_eq!((&ranges[1]["kind"], &ranges[1]["start"]), (&json!("mention"), &json!(5)));
}

#[test]
fn every_kind_of_event_that_the_description_names_becomes_something() {
    let member = json!({ "members": [{ "type": "user", "userId": USER }] });
    let kinds = [
        (event("unsend", json!({ "unsend": { "messageId": "7" } })), "deleted 7 opens"),
        (event("follow", json!({ "follow": { "isUnblocked": true } })), "channel begins opens"),
        (event("unfollow", json!({ "replyToken": null })), "channel ends closes"),
        (event("join", json!({})), "message system opens"),
        (event("leave", json!({ "replyToken": null })), "message system closes"),
        (event("memberJoined", json!({ "joined": member })), "member begins opens"),
        (event("memberLeft", json!({ "left": member })), "member ends opens"),
        (event("videoPlayComplete", json!({ "videoPlayComplete": {} })), "message other videoPlayComplete opens"),
        (event("beacon", json!({ "beacon": {} })), "message other beacon opens"),
        (event("accountLink", json!({ "link": {} })), "message other accountLink opens"),
        (event("membership", json!({ "membership": { "type": "left", "membershipId": 3 } })), "membership ends opens"),
        (event("module", json!({ "replyToken": null, "module": {} })), "other module"),
        (event("activated", json!({ "replyToken": null })), "account-changed"),
        (event("deactivated", json!({ "replyToken": null })), "account-changed"),
        (event("botSuspended", json!({ "replyToken": null })), "account-changed"),
        (event("botResumed", json!({ "replyToken": null })), "account-changed"),
        (event("delivery", json!({ "replyToken": null, "delivery": {} })), "other delivery"),
        (event("greatNewFeature", json!({})), "message other greatNewFeature opens"),
        (event("greatNewFeature", json!({ "replyToken": null })), "other greatNewFeature"),
    ];
    for (event, expected) in kinds {
        let outcome = translate(json!({ "destination": BOT, "events": [event] }).to_string().as_bytes()).unwrap();
        assert_eq!(summary(&outcome), [expected], "{event}");
    }
}

/// Edits arrive in any order; each has the message's id and the time by which the host finds the last one.
#[test]
fn an_edit_is_what_the_message_says_from_then_on() {
    let edited = |timestamp: u64, text: &str| {
        let mut edit = event("messageEdited", json!({ "message": { "id": "100001", "type": "text", "text": text } }));
        edit["source"] = json!({ "type": "group", "groupId": GROUP, "userId": USER });
        edit["timestamp"] = json!(timestamp);
        only(edit)
    };
    let edit = edited(NOW - 500, "Halo semua");
    assert_eq!((edit.time, edit.opens.len()), (Some(NOW - 500), 1));
    let Happening::Message(message) = edit.what else { panic!("not a message") };
    assert_eq!((message.kind.as_str(), message.id.as_str(), message.thread.key.as_str()), ("edited", "100001", GROUP));
    assert_eq!(message.content, [Content::text("Halo semua")]);
    for missing in [json!({}), json!({ "message": { "type": "text" } })] {
        let items = items(&[event("messageEdited", missing)]);
        assert!(matches!(items[0].outcome, ItemResult::Failed(_)));
    }
}

#[test]
fn a_link_that_failed_and_every_kind_of_beacon_say_so() {
    let line = |event: Value| {
        let Content::Other(open) = read(event).content.remove(0) else { panic!("not told") };
        open.line
    };
    let link = |result: Value| line(event("accountLink", json!({ "link": { "result": result, "nonce": "n" } })));
    assert_eq!(link(json!("ok")), "Linked the LINE account with the business's own.");
    assert_eq!(link(json!("failed")), "The LINE account could not be linked with the business's own.");
    assert!(link(Value::Null).contains("does not say whether"));
    let beacon = |kind: Value| line(event("beacon", json!({ "beacon": { "hwid": "d41d8cd98f", "type": kind } })));
    let lines = ["enter", "stay", "banner"].map(|kind| beacon(json!(kind)));
    assert_eq!(lines, ["Came near a beacon.", "Stays near a beacon.", "Tapped a beacon's banner."]);
    assert_eq!(beacon(json!("leave")), "Something happened at a beacon: leave.");
    assert_eq!(beacon(json!(3)), "Something happened at a beacon.");
}

/// What stands beside a field that cannot be read is kept.
#[test]
fn a_bad_field_takes_nothing_else_with_it() {
    let mut odd = message(json!({ "type": "text", "text": "x", "quotedMessageId": 7, "markAsReadToken": {} }));
    odd["deliveryContext"] = json!("no");
    odd["follow"] = json!(1);
    odd["mode"] = json!(null);
    let happened = only(odd);
    assert_eq!(happened.opens.len(), 1);
    let Happening::Message(text) = happened.what else { panic!("not a message") };
    assert_eq!((&text.content[0], text.reply_to), (&Content::text("x"), None));
    let picked = event("postback", json!({ "postback": { "data": "pick", "params": { "count": 3 } } }));
    let Content::Choice(choice) = &read(picked).content[0] else { panic!("no choice") };
    assert_eq!(choice.extra, [("params".to_owned(), r#"{"count":3}"#.to_owned())]);
    let file = message(json!({ "type": "file", "fileName": "a.pdf", "fileSize": "2 kB", "contentProvider": 3 }));
    let Content::Media(media) = &read(file).content[0] else { panic!("no media") };
    assert_eq!((media.file.name.as_deref(), media.file.bytes), (Some("a.pdf"), None));
    let sticker =
        message(json!({ "type": "sticker", "stickerId": "1", "packageId": 2, "keywords": ["a", 3], "text": [] }));
    assert!(matches!(&read(sticker).content[0], Content::Media(media) if media.file.kind == "sticker"));
    let members = json!({ "joined": { "members": [7, { "type": "user", "userId": "U1" }] } });
    assert_eq!(
        summary(
            &translate(
                json!({ "destination": BOT, "events": [event("memberJoined", members)] }).to_string().as_bytes()
            )
            .unwrap()
        ),
        ["member begins opens"]
    );
}

#[test]
fn an_unknown_kind_of_message_is_kept_whole() {
    let read = read(message(json!({ "type": "hologram", "depth": 3 })));
    let Content::Unsupported(open) = &read.content[0] else { panic!("not unsupported") };
    let data: Value = serde_json::from_str(&open.data).unwrap();
    assert_eq!((open.kind.as_str(), &data["depth"]), ("hologram", &json!(3)));
}

#[test]
fn a_bad_event_holds_back_no_other() {
    let good = message(json!({ "type": "text", "text": "x" }));
    let items = items(&[
        good.clone(),
        json!("not an event"),
        event("message", json!({ "message": { "type": "text" } })),
        event("message", json!({})),
        good,
    ]);
    let failed: Vec<bool> = items.iter().map(|item| matches!(item.outcome, ItemResult::Failed(_))).collect();
    assert_eq!(failed, [false, true, true, true, false]);
    assert_eq!(items[4].raw.as_deref(), Some("/events/4"));
}

#[test]
fn a_body_that_is_no_webhook_is_refused_as_a_whole() {
    for body in ["", "{", "[]", "{}", r#"{"destination":"U","events":{}}"#, "\u{0}"] {
        assert!(translate(body.as_bytes()).is_err(), "{body}");
    }
    assert!(translate(b"{\"destination\":\"U\",\"events\":[\"\xff\"]}").is_err());
}

#[test]
fn an_event_that_is_nested_too_deeply_fails_alone() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let strange = json!({ "id": "1", "type": "hologram", "depth": 0 }).to_string().replace('0', &deep);
    let unknown = event("greatNewFeature", json!({ "depth": "?" })).to_string().replace("\"?\"", &deep);
    let strange = event("message", json!({ "message": "?" })).to_string().replace("\"?\"", &strange);
    let body = format!(r#"{{"destination":"U","events":[{deep},{unknown},{strange}]}}"#);
    let outcome = translate(body.as_bytes()).unwrap();
    assert_eq!(outcome.items.len(), 3);
    assert!(outcome.items.iter().all(|item| matches!(item.outcome, ItemResult::Failed(_))));
}

#[test]
fn the_console_s_verify_button_leaves_no_trace() {
    assert!(translate(br#"{"destination":"xxxxxxxxxx","events":[]}"#).unwrap().items.is_empty());
    let mut dummy = message(json!({ "type": "text", "text": "Hello,world" }));
    dummy["replyToken"] = json!("0".repeat(32));
    assert!(matches!(items(&[dummy])[0].outcome, ItemResult::Ignored(_)));
}

#[test]
fn a_token_is_no_opening_in_standby_or_when_it_is_redelivered_too_late() {
    let mut standby = message(json!({ "type": "text", "text": "x" }));
    standby["mode"] = json!("standby");
    assert!(only(standby).opens.is_empty());

    let mut late = message(json!({ "type": "text", "text": "x" }));
    late["deliveryContext"]["isRedelivery"] = json!(true);
    assert_eq!(only(late.clone()).opens.len(), 1);
    late["timestamp"] = json!(NOW - 20 * 60_000 - 1);
    assert!(only(late.clone()).opens.is_empty());
    late["deliveryContext"]["isRedelivery"] = json!(false);
    assert_eq!(only(late).opens.len(), 1);
}

#[test]
fn a_redelivered_event_has_the_id_of_the_first() {
    let first = message(json!({ "type": "text", "text": "x" }));
    let mut again = first.clone();
    again["deliveryContext"]["isRedelivery"] = json!(true);
    assert_eq!(only(first).id, only(again).id);
}

#[test]
fn several_members_are_several_events_with_ids_of_their_own() {
    let members = json!({ "members": [{ "type": "user", "userId": "U1" }, { "type": "user", "userId": "U2" }] });
    let items = items(&[event("memberJoined", json!({ "joined": members }))]);
    let ItemResult::Events(events) = &items[0].outcome else { panic!("no events") };
    assert_eq!(events.len(), 2);
    assert_ne!(events[0].id, events[1].id);
}
