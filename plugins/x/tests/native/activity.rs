//! Deliveries of the X Activity API.

use crate::support::{CUSTOMER, OWN, activity, event, item, items, message, only};
use sambung_plugin_x::X;
use sambung_sdk::inbound::{Happening, Inbound, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Content;

fn users() -> Value {
    json!({ CUSTOMER: { "data": { "id": CUSTOMER, "name": "Sari", "username": "sari",
        "profile_image_url": "https://pbs.twimg.com/profile_images/1/a_normal.png" } } })
}

#[test]
fn a_message_is_the_same_as_by_the_older_api() {
    let told = |kind: &str, sender: &str, recipient: &str| {
        let events = [message("2080765901528535096", sender, recipient, json!({ "text": "hello!" }))];
        let body = activity(kind, json!({ "direct_message_events": events, "users": users() }));
        let mut items = items(&body);
        assert_eq!((items.len(), items[0].routes.clone()), (1, vec![OWN.to_owned()]));
        assert_eq!(items[0].raw.as_deref(), Some("/data/payload/direct_message_events/0"));
        event(items.remove(0))
    };
    let received = told("dm.received", CUSTOMER, OWN);
    assert_eq!(received.id, "dm:2080765901528535096");
    let Happening::Message(message) = received.what else { panic!("no message") };
    let sender = message.sender.unwrap();
    assert_eq!(sender.name.as_deref(), Some("Sari"));
    assert_eq!(sender.extra[0].1, "\"sari\"");
    let Happening::Message(echo) = told("dm.sent", OWN, CUSTOMER).what else { panic!("no echo") };
    assert_eq!(echo.thread.key, CUSTOMER);
}

#[test]
fn several_events_in_one_delivery_are_all_told() {
    let one = |id: &str| {
        let events = [message(id, CUSTOMER, OWN, json!({ "text": id }))];
        activity("dm.received", json!({ "direct_message_events": events }))["data"].clone()
    };
    let items = items(&json!({ "data": [one("1"), {}, one("2")] }));
    let told: Vec<String> = items.iter().map(item).collect();
    assert_eq!(told, ["message text", "failed: an event without its type", "message text"]);
}

/// X publishes no example of these two, so both forms that they may have are read.
#[test]
fn reading_and_typing_are_read_alone_and_in_a_list() {
    let signal = json!({ "sender_id": CUSTOMER, "created_timestamp": "1518127183443", "last_read_event_id": "5" });
    for (kind, list) in [
        ("dm.read", "direct_message_mark_read_events"),
        ("dm.indicate_typing", "direct_message_indicate_typing_events"),
    ] {
        let mut alone = only(&activity(kind, signal.clone()));
        let listed = only(&activity(kind, json!({ list: [signal] })));
        assert_eq!(alone.id, listed.id);
        alone.time = listed.time;
        assert_eq!(format!("{:?}", alone.what), format!("{:?}", listed.what));
    }
}

/// Without the provider's time, another delivery of typing is another typing.
#[test]
fn typing_without_a_time_is_told_each_time() {
    let id = |received_at: u64| {
        let body = activity("dm.indicate_typing", json!({ "sender_id": CUSTOMER })).to_string();
        let request = Request { received_at, ..Request::new("events", body) };
        let mut items = X::handle_webhook(request, None).unwrap().items;
        event(items.remove(0)).id
    };
    assert_eq!(id(5), id(5));
    assert_ne!(id(5), id(6));
}

/// Who writes encrypted is heard, though not what they wrote.
#[test]
fn an_encrypted_message_is_shown_as_one() {
    let payload = json!({ "id": "e4f4d3fc", "created_at_msec": "1784841183370", "sender_id": CUSTOMER,
        "conversation_id": format!("{CUSTOMER}:{OWN}"), "encoded_event": "CwABAAAA", "users": users() });
    let told = only(&activity("chat.received", payload));
    assert_eq!((told.id.as_str(), told.time), ("chat:e4f4d3fc", Some(1_784_841_183_370)));
    let Happening::Message(message) = told.what else { panic!("no message") };
    assert_eq!(message.thread.key, CUSTOMER);
    let [Content::Unsupported(open)] = &message.content[..] else { panic!("{:?}", message.content) };
    assert!(open.kind == "encrypted" && open.line.contains("encrypted"), "{open:?}");
    assert!(!open.data.contains("CwABAAAA"), "what nobody can read is not kept");
    let sent = item(&items(&activity("chat.sent", json!({})))[0]);
    assert_eq!(sent, "ignored: chat.sent: encrypted conversations cannot be read here");
}

/// X delivers them without an id, a time and the subscription's filter: the event's own id names the message.
#[test]
fn an_encrypted_message_without_an_id_is_named_by_its_event() {
    let body = |uuid: Value, conversation: &str, cipher: &str| {
        json!({ "data": { "event_uuid": uuid, "event_type": "chat.received", "payload": {
            "sender_id": CUSTOMER, "conversation_id": conversation, "encoded_event": cipher } } })
    };
    let pair = format!("{CUSTOMER}-{OWN}");
    let mut told = items(&body(json!("0199-aa"), &pair, "CwAB"));
    assert_eq!(told[0].routes, [OWN], "of two people the account is the one who did not write");
    let told = event(told.remove(0));
    assert_eq!((told.id.as_str(), told.time), ("chat:0199-aa", None));
    let Happening::Message(message) = told.what else { panic!("no message") };
    assert_eq!((message.id.as_str(), message.thread.key.as_str()), ("0199-aa", CUSTOMER));
    // Without any id the same delivery is the same message, and another is another.
    let id = |uuid: Value, cipher: &str| only(&body(uuid, &pair, cipher)).id;
    for none in [json!("-1"), json!(""), Value::Null] {
        assert_eq!(id(none.clone(), "CwAB"), id(none.clone(), "CwAB"));
        assert_ne!(id(none.clone(), "CwAB"), id(none, "CwAC"));
    }
    // At a channel's own address the account is the channel's, also in a conversation of several.
    let request = Request::new("own-events", body(json!("1"), "g17", "CwAB").to_string());
    let items = X::handle_webhook(request, Some(crate::support::own_app())).unwrap().items;
    assert_eq!((items[0].routes[0].as_str(), item(&items[0])), (OWN, "message unsupported encrypted".to_owned()));
}

#[test]
fn posts_are_ignored_and_a_permission_taken_back_is_told() {
    for kind in ["post.mention.create", "follow.follow", "like.create", "something.new"] {
        assert!(item(&items(&activity(kind, json!({})))[0]).starts_with(&format!("ignored: {kind}: ")));
    }
    let mut revoked =
        activity("oauth.revoke", json!({ "user_id": OWN, "app_id": "1", "date_time": "2026-07-24T23:23:23+02:00" }));
    revoked["data"]["filter"] = json!({});
    let mut items = items(&revoked);
    assert_eq!((item(&items[0]), items[0].routes.clone()), ("account-changed".to_owned(), vec![OWN.to_owned()]));
    assert_eq!(event(items.remove(0)).time, Some(1_784_928_203_000));
}
