//! Deliveries of the Account Activity API.

use crate::support::{CUSTOMER, OWN, delivery, event, item, items, message, only, own_app, summary, translate};
use sambung_plugin_x::X;
use sambung_sdk::inbound::{Happening, Inbound, Message, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Content;

fn received(data: Value) -> Message {
    match only(&delivery(&[message("1", CUSTOMER, OWN, data)])).what {
        Happening::Message(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

#[test]
fn a_message_says_who_wrote_it_when_and_in_which_conversation() {
    let told = only(&delivery(&[message("954491830116155396", CUSTOMER, OWN, json!({ "text": "hi" }))]));
    assert_eq!((told.id.as_str(), told.time), ("dm:954491830116155396", Some(1_784_927_750_704)));
    let Happening::Message(message) = told.what else { panic!("no message") };
    assert_eq!((message.id.as_str(), message.thread.key.as_str()), ("954491830116155396", CUSTOMER));
    let sender = message.sender.unwrap();
    assert_eq!((sender.identities[0].scheme.as_str(), sender.identities[0].value.as_str()), ("x-user", CUSTOMER));
    assert_eq!(sender.name.as_deref(), Some("Sari"));
    assert_eq!(sender.extra, [("username".to_owned(), "\"sari\"".to_owned())]);
    assert_eq!(sender.avatar.unwrap().url.as_deref(), Some("https://pbs.twimg.com/profile_images/1/a.jpg"));
    assert_eq!(message.extra, [("source-app".to_owned(), "\"X for iPhone\"".to_owned())]);
}

/// The Account Activity API names the picture twice for each person.
#[test]
fn somebody_who_is_described_twice_or_badly_keeps_what_is_said() {
    let sender = |person: Value| {
        let mut body = delivery(&[message("1", CUSTOMER, OWN, json!({ "text": "hi" }))]);
        body["users"] = json!({ CUSTOMER: person });
        let Happening::Message(message) = only(&body).what else { panic!("no message") };
        message.sender.unwrap()
    };
    let twice = sender(json!({ "id": CUSTOMER, "created_timestamp": "1", "name": "Sari", "screen_name": "sari",
        "location": "Bandung", "followers_count": 3, "profile_image_url": "http://pbs.twimg.com/profile_images/1/a_normal.jpg",
        "profile_image_url_https": "https://pbs.twimg.com/profile_images/1/a_normal.jpg" }));
    assert_eq!((twice.name.as_deref(), twice.extra[0].1.as_str()), (Some("Sari"), "\"sari\""));
    assert_eq!(twice.avatar.unwrap().url.as_deref(), Some("https://pbs.twimg.com/profile_images/1/a.jpg"));
    let badly = sender(
        json!({ "id": 7, "name": "Sari", "screen_name": ["sari"], "username": "sari", "profile_image_url": {} }),
    );
    assert_eq!((badly.name.as_deref(), badly.extra[0].1.as_str(), badly.avatar), (Some("Sari"), "\"sari\"", None));
    let nothing = sender(json!("Sari"));
    assert_eq!((nothing.identities[0].value.as_str(), nothing.name), (CUSTOMER, None));
}

#[test]
fn text_is_as_it_was_written() {
    let rows = [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt; stays", "&lt; stays"),
        ("R&D & Co &", "R&D & Co &"),
        ("Halo 🙂 &amp;", "Halo 🙂 &"),
    ];
    for (sent, written) in rows {
        let message = received(json!({ "text": sent }));
        assert!(matches!(&message.content[..], [Content::Text(text)] if text.body == written), "{:?}", message.content);
    }
}

/// The link to the message's own file goes, wherever characters before it take more than a byte; what people wrote stays.
#[test]
fn the_link_to_a_file_is_not_part_of_the_words() {
    let media = |indices: Value| {
        json!({ "media": { "type": "photo", "url": "https://t.co/abcdEFGHij", "indices": indices,
            "media_url_https": "https://ton.twitter.com/1.1/ton/data/dm/1/2/a.jpg", "sizes": { "large": { "w": 300, "h": 200 } } } })
    };
    let caption = |text: &str, indices: Value| {
        let message = received(json!({ "text": text, "attachment": media(indices) }));
        let [Content::Media(media)] = &message.content[..] else { panic!("{:?}", message.content) };
        assert_eq!((media.file.width, media.file.height), (Some(300), Some(200)));
        assert_eq!(media.file.ref_.as_deref(), Some("https://ton.twitter.com/1.1/ton/data/dm/1/2/a.jpg"));
        media.caption.clone()
    };
    assert_eq!(caption("é🙂 lihat https://t.co/abcdEFGHij", json!([9, 32])).as_deref(), Some("é🙂 lihat"));
    assert_eq!(caption("https://t.co/abcdEFGHij", json!([0, 23])), None);
    assert_eq!(caption("wrong place https://t.co/abcdEFGHij", json!([900, 923])).as_deref(), Some("wrong place"));
    let written = "see https://t.co/0123456789 https://t.co/abcdEFGHij";
    assert_eq!(caption(written, json!([28, 51])).as_deref(), Some("see https://t.co/0123456789"));
}

#[test]
fn films_come_as_the_best_file_and_animations_say_so() {
    let film = |kind: &str| {
        json!({ "text": "", "attachment": { "media": { "type": kind, "video_info": { "duration_millis": 2000, "variants": [
            { "bitrate": 256_000, "content_type": "video/mp4", "url": "https://ton.twitter.com/low.mp4" },
            { "content_type": "application/x-mpegURL", "url": "https://ton.twitter.com/list.m3u8" },
            { "bitrate": 832_000, "content_type": "video/mp4", "url": "https://ton.twitter.com/high.mp4" },
        ] } } } })
    };
    for (kind, told) in [("video", "video"), ("animated_gif", "animation")] {
        let message = received(film(kind));
        let [Content::Media(media)] = &message.content[..] else { panic!("{:?}", message.content) };
        assert_eq!((media.file.kind.as_str(), media.file.duration_ms), (told, Some(2000)));
        assert_eq!(media.file.ref_.as_deref(), Some("https://ton.twitter.com/high.mp4"));
    }
    let message = received(json!({ "text": "t", "attachment": { "media": { "type": "video" } } }));
    assert!(matches!(&message.content[..], [Content::Unsupported(_), Content::Text(_)]), "{:?}", message.content);
}

#[test]
fn an_answer_to_choices_a_place_and_where_a_conversation_began_are_told() {
    let answer = json!({ "text": "Yes", "quick_reply_response": { "type": "options", "metadata": "id_2" } });
    let message = received(answer);
    let [Content::Choice(choice)] = &message.content[..] else { panic!("{:?}", message.content) };
    assert_eq!((choice.id.as_str(), choice.label.as_deref()), ("id_2", Some("Yes")));
    let place = json!({ "text": "", "attachment": { "type": "location", "location": { "type": "shared_coordinate",
        "shared_coordinate": { "coordinates": { "type": "Point", "coordinates": [106.8, -6.2] } } } } });
    let message = received(place);
    let [Content::Location(place)] = &message.content[..] else { panic!("{:?}", message.content) };
    assert_eq!((place.latitude, place.longitude), (-6.2, 106.8));
    let mut begun = self::message("1", CUSTOMER, OWN, json!({ "text": "hi" }));
    begun["initiated_via"] = json!({ "tweet_id": "77" });
    let Happening::Message(message) = only(&delivery(&[begun])).what else { panic!("no message") };
    assert!(matches!(&message.content[..], [Content::Referral(one), Content::Text(_)] if one.contains("status/77")));
}

/// What stands beside it is told as well.
#[test]
fn an_attachment_of_a_kind_that_is_new_is_kept_with_a_line_for_people() {
    let message = received(json!({ "text": "look", "attachment": { "type": "hologram", "hologram": { "depth": 3 } } }));
    let [Content::Unsupported(new), Content::Text(text)] = &message.content[..] else {
        panic!("{:?}", message.content)
    };
    assert_eq!((new.kind.as_str(), text.body.as_str()), ("hologram", "look"));
    assert!(new.line.contains("hologram") && new.data.contains("depth"), "{new:?}");
}

/// What the account sent, from here or from X's own app, belongs to the conversation with whom it went to.
#[test]
fn an_echo_belongs_to_the_other_s_conversation() {
    let Happening::Message(echo) = only(&delivery(&[message("1", OWN, CUSTOMER, json!({ "text": "hi" }))])).what else {
        panic!("no echo")
    };
    assert_eq!((echo.id.as_str(), echo.thread.key.as_str()), ("1", CUSTOMER));
}

#[test]
fn a_conversation_of_several_is_one_of_its_own() {
    let mut event = message("1", CUSTOMER, OWN, json!({ "text": "hi" }));
    event["message_create"]["dm_conversation_id"] = json!("1585094756761149440");
    let Happening::Message(told) = only(&delivery(&[event])).what else { panic!("no message") };
    assert_eq!(told.thread.key, "group:1585094756761149440");
    let mut event = message("1", CUSTOMER, OWN, json!({ "text": "hi" }));
    event["message_create"]["dm_conversation_id"] = json!("3001969357-4337869213");
    let Happening::Message(told) = only(&delivery(&[event])).what else { panic!("no message") };
    assert_eq!(told.thread.key, CUSTOMER);
}

#[test]
fn one_bad_item_spoils_no_other() {
    let bad = [json!({ "type": "message_create" }), json!(7), message("2", OWN, "", Value::Null)];
    let good = message("1", CUSTOMER, OWN, json!({ "text": "hi" }));
    let all = [bad[0].clone(), good.clone(), bad[1].clone(), json!({ "type": "reaction", "id": "4" }), good];
    let told: Vec<String> = items(&delivery(&all)).iter().map(item).collect();
    assert_eq!(told[1], "message text");
    assert_eq!(told[4], "message text");
    assert!(told[0].starts_with("failed: ") && told[2].starts_with("failed: "), "{told:?}");
    assert!(told[3].starts_with("ignored: ") && told[3].ends_with("reaction"), "{told:?}");
    assert_eq!(items(&delivery(&bad[2..])).iter().map(item).collect::<Vec<_>>(), ["echo unsupported empty"]);
}

#[test]
fn reading_and_typing_are_told_of_the_other_only() {
    let signal = |who: &str| {
        json!({ "created_timestamp": "1518127183443", "sender_id": who, "target": { "recipient_id": OWN },
            "last_read_event_id": "954491830116155396" })
    };
    let body = |key: &str, who: &str| json!({ "for_user_id": OWN, key: [signal(who)], "users": {} });
    let read = only(&body("direct_message_mark_read_events", CUSTOMER));
    assert_eq!(read.id, format!("read:{CUSTOMER}:954491830116155396"));
    let Happening::Watermark(up_to) = read.what else { panic!("nothing read") };
    assert_eq!((up_to.thread.key.as_str(), up_to.id.as_deref()), (CUSTOMER, Some("954491830116155396")));
    let typing = only(&body("direct_message_indicate_typing_events", CUSTOMER));
    assert!(matches!(&typing.what, Happening::Typing(thread) if thread.key == CUSTOMER));
    for key in ["direct_message_mark_read_events", "direct_message_indicate_typing_events"] {
        assert!(item(&items(&body(key, OWN))[0]).starts_with("ignored: the account itself"));
    }
}

#[test]
fn posts_followers_and_what_is_new_are_ignored_with_the_reason() {
    let body = json!({ "for_user_id": OWN, "user_has_blocked": false,
        "favorite_events": [{}], "follow_events": [{}, {}], "newest_events": [{}], "users": {} });
    let told: Vec<String> = items(&body).iter().map(item).collect();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|one| one.starts_with("ignored: ")), "{told:?}");
    assert!(told.iter().any(|one| one.ends_with("newest_events")), "{told:?}");
    let replay = json!({ "replay_job_status": { "webhook_id": "1", "job_state": "Complete", "job_id": "2" } });
    assert_eq!(item(&items(&replay)[0]), "ignored: a replay of missed events is Complete");
    assert_eq!(item(&items(&json!({ "for_user_id": OWN }))[0]), "ignored: there is nothing in it");
}

/// No account is named beside it: it is the one that took the permission back.
#[test]
fn a_permission_that_was_taken_back_is_told_to_its_account() {
    let body = json!({ "user_event": { "revoke": { "date_time": "2018-05-24T09:48:12+00:00",
        "target": { "app_id": "13090192" }, "source": { "user_id": OWN } } } });
    let mut items = items(&body);
    assert_eq!(items[0].routes, [OWN]);
    let told = event(items.remove(0));
    assert_eq!(told.time, Some(1_527_155_292_000), "the time that X says");
    let Happening::AccountChanged(changed) = told.what else { panic!("nothing changed") };
    let changed: Value = serde_json::from_str(&changed).unwrap();
    assert_eq!((changed["level"].as_str(), changed["state"].as_str()), (Some("error"), Some("unauthorized")));
}

/// An own app may serve several accounts; each has a channel with an address of its own.
#[test]
fn at_a_channel_s_own_address_another_account_s_messages_are_nobody_s() {
    let mut body = delivery(&[message("1", CUSTOMER, OWN, json!({ "text": "hi" }))]);
    let mut told = |account: &str| {
        body["for_user_id"] = json!(account);
        let request = Request::new("own-events", body.to_string());
        summary(&X::handle_webhook(request, Some(own_app())).unwrap())
    };
    assert_eq!(told(OWN), ["message text"]);
    assert_eq!(told("99"), ["ignored: it is for the account 99, and this address is another's"]);
}

#[test]
fn a_body_that_is_no_delivery_is_told_as_a_whole() {
    for body in [&b"nonsense"[..], b"[]", b"7", b"{\"for_user_id\": \"1\", \xff}"] {
        assert!(translate(body).is_err(), "{}", String::from_utf8_lossy(body));
    }
}
