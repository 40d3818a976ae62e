//! Batches and what is an Instagram event's own; what it shares with Messenger's is tested there.

use crate::support::{ACCOUNT, PERSON, item, item_in, only, translate};
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

/// In official examples of postbacks and referrals the entry's id is the person's: the account is who received it.
#[test]
fn an_event_is_for_the_account_that_received_it_whatever_its_entry_says() {
    for entry in [ACCOUNT, PERSON] {
        let item = item_in(entry, "postback", json!({ "mid": "p1", "title": "Hours", "payload": "HOURS" }));
        assert_eq!(item.routes, [ACCOUNT]);
        assert_eq!(message(told::only(&item)).thread.key, PERSON);
    }
}

/// An account that tries its own automation: nobody else sees it. Its ids on both sides need not be the account's.
#[test]
fn what_an_account_taps_or_writes_to_itself_is_a_note_of_the_entrys_account() {
    let base = json!({ "sender": { "id": "26" }, "recipient": { "id": "27" }, "timestamp": 1_789_459_199_876_u64 });
    let with = |name: &str, own: Value, beside: bool| {
        let mut event = base.clone();
        event[name] = own;
        if beside {
            event["is_self"] = json!(true);
        }
        event
    };
    let postback = json!({ "mid": "p1", "title": "Hours", "payload": "HOURS" });
    let events = [
        with("postback", postback.clone(), true),
        with("postback", json!({ "mid": "p1", "payload": "HOURS", "is_self": true }), false),
        with("message", json!({ "mid": "m1", "text": "note", "is_self": true, "is_echo": true }), false),
    ];
    let body = json!({ "object": "instagram", "entry": [{ "id": ACCOUNT, "messaging": events }] });
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    for item in &items {
        assert_eq!(
            (told::item(item).as_str(), item.routes[0].as_str()),
            ("ignored: a note that the account wrote to itself", ACCOUNT)
        );
    }
    assert_eq!(items.len(), 3);
    let body = json!({ "object": "instagram", "entry": [{ "id": ACCOUNT, "messaging": [with("postback", postback, false)] }] });
    assert_eq!(told::item(&translate(body.to_string().as_bytes()).unwrap().items[0]), "message choice opens");
}

/// A shared post comes twice until all apps know its newer kind.
#[test]
fn a_post_that_comes_twice_is_one() {
    let url = |asset: u64, signature: &str| {
        format!("https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={asset}&signature={signature}")
    };
    let told = |attachments: Value| told::item(&item("message", json!({ "mid": "m1", "attachments": attachments })));
    let post =
        json!({ "type": "ig_post", "payload": { "ig_post_media_id": "18", "title": "Kopi", "url": url(18, "a") } });
    for same in [
        json!({ "url": url(18, "a") }),
        json!({ "url": url(18, "b") }),
        json!({ "ig_post_media_id": "18", "url": url(19, "a") }),
    ] {
        let share = json!({ "type": "share", "payload": same });
        assert_eq!(told(json!([share, post])), "message image with caption opens");
        assert_eq!(told(json!([post, share])), "message image with caption opens");
    }
    let another = json!({ "type": "share", "payload": { "url": url(19, "a") } });
    assert_eq!(told(json!([another, post])), "message image + image with caption opens");
    assert_eq!(told(json!([another])), "message image opens");
    assert_eq!(
        told(json!([{ "type": "share", "payload": {} }, { "type": "ig_post", "payload": {} }])),
        "message other share + other ig_post opens"
    );
}

#[test]
fn one_bad_event_among_good_ones_of_two_accounts_falls_alone() {
    let event = |account: &str, own: Value| json!({ "sender": { "id": PERSON }, "recipient": { "id": account }, "timestamp": 1_789_459_199_876_u64, "message": own });
    let body = json!({ "object": "instagram", "entry": [
        { "id": ACCOUNT, "messaging": [event(ACCOUNT, json!({ "mid": "m1", "text": "one" })), 7] },
        { "id": "17841400000000002", "messaging": [event("17841400000000002", json!({ "mid": "m2", "text": "two" }))] },
    ]});
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    let told: Vec<String> = items.iter().map(told::item).collect();
    assert_eq!(told, ["message text opens", "failed: the event does not say what happened", "message text opens"]);
    assert_eq!(items[2].routes, ["17841400000000002"]);
}

#[test]
fn somebody_is_known_inside_the_account_that_they_wrote_to() {
    let sender = message(only("message", json!({ "mid": "m1", "text": "hi" }))).sender.unwrap();
    assert_eq!(sender.identities, [Identity::new("instagram-user", ACCOUNT, PERSON)]);
}

/// A story's picture is gone after a day: it is fetched with the message that answers or mentions it.
#[test]
fn a_story_is_named_and_its_picture_fetched() {
    let url = "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1&signature=a";
    let story = json!({ "story": { "id": "179", "url": url } });
    let answer = message(only("message", json!({ "mid": "m1", "text": "nice!", "reply_to": story })));
    let Content::Referral(referral) = &answer.content[0] else { panic!("no referral") };
    let told: Value = serde_json::from_str(referral).unwrap();
    assert_eq!((&told["source_type"], &told["source_id"]), (&json!("story"), &json!("179")));
    let Content::Media(media) = &answer.content[1] else { panic!("no picture") };
    assert_eq!(media.file.url.as_deref(), Some(url));
    assert_eq!(answer.content[2], Content::text("nice!"));
}

#[test]
fn a_message_is_taken_back_changed_and_read_by_its_id() {
    let Happening::Deleted(target) = only("message", json!({ "mid": "m1", "is_deleted": true })).what else {
        panic!("not deleted")
    };
    assert_eq!(target.id, "m1");
    for number in [json!(1), json!("1")] {
        let event = only("message_edit", json!({ "mid": "m1", "text": "new", "num_edit": number }));
        assert_eq!(event.id, "edit:m1:1");
        let Happening::Message(edited) = event.what else { panic!("not edited") };
        assert_eq!(
            (edited.kind.as_str(), edited.id.as_str(), &edited.content[0]),
            ("edited", "m1", &Content::text("new"))
        );
    }
    let first = told::item(&item("message_edit", json!({ "mid": "m1", "text": "new", "num_edit": 0 })));
    assert_eq!(first, "ignored: the first version of a message, which comes as a message");
    let empty = told::item(&item("message_edit", json!({ "mid": "m1", "num_edit": 1 })));
    assert_eq!(empty, "ignored: an edit that does not say what the message is now");
    let Happening::Watermark(read) = only("read", json!({ "mid": "m1" })).what else { panic!("not read") };
    assert_eq!((read.thread.key.as_str(), read.id.as_deref()), (PERSON, Some("m1")));
}

/// Meta gives nothing back of a sent message but its id, which is the receipt's: no text of somebody's is taken for a key.
#[test]
fn an_echo_has_no_attempt() {
    let body = json!({ "object": "instagram", "entry": [{ "id": ACCOUNT, "messaging": [{
        "sender": { "id": ACCOUNT }, "recipient": { "id": PERSON }, "timestamp": 1_789_459_199_876_u64,
        "message": { "mid": "m1", "text": "hi", "is_echo": true, "metadata": "x" } }] }] });
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    assert_eq!(items[0].routes, [ACCOUNT]);
    let echo = message(told::only(&items[0]));
    assert_eq!((echo.thread.key.as_str(), echo.id.as_str(), echo.correlation), (PERSON, "m1", None));
}

#[test]
fn a_heart_is_one_and_a_kind_that_is_new_is_said_to_be() {
    let sent = |kind: &str| told::item(&item("message", json!({ "mid": "m1", "attachments": [{ "type": kind }] })));
    assert_eq!(sent("like_heart"), "message text opens");
    assert_eq!(sent("unsupported_type"), "message unsupported unsupported_type opens");
}
