//! Asking for messages: nothing is lost between two calls, and what is known is not told again.

use crate::support::{CUSTOMER, OWN, own_app, summary};
use sambung_plugin_x::X;
use sambung_sdk::inbound::{Happening, Inbound, ItemResult, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::polling::{Polled, Polling};
use sambung_sdk::testing::Host;
use sambung_sdk::types::Content;

const ASKED: &str = "https://api.x.com/2/dm_events?max_results=20&event_types=MessageCreate&dm_event.fields=id%2Ctext%2Cevent_type%2Ccreated_at%2Cdm_conversation_id%2Cattachments%2Centities&expansions=sender_id%2Cattachments.media_keys&user.fields=name%2Cusername%2Cprofile_image_url&media.fields=media_key%2Ctype%2Curl%2Cvariants%2Cwidth%2Cheight%2Cduration_ms";

fn event(id: u64, sender: &str) -> Value {
    json!({ "id": id.to_string(), "event_type": "MessageCreate", "text": format!("m{id}"), "sender_id": sender,
        "dm_conversation_id": format!("{CUSTOMER}-{OWN}"), "created_at": "2999-07-24T21:23:23.000Z" })
}

fn page(ids: &[u64], next: Option<&str>) -> Value {
    let events: Vec<Value> = ids.iter().map(|id| event(*id, CUSTOMER)).collect();
    json!({ "data": events, "includes": { "users": [{ "id": CUSTOMER, "name": "Sari", "username": "sari" }] },
        "meta": { "result_count": ids.len(), "next_token": next } })
}

fn poll(cursor: Option<&str>) -> Polled {
    X::poll(own_app(), cursor.map(str::to_owned)).unwrap()
}

fn told(polled: &Polled) -> Vec<String> {
    polled.requests.iter().flat_map(|raw| ids(&raw.body)).collect()
}

fn ids(body: &[u8]) -> Vec<String> {
    let outcome = X::handle_webhook(Request::new("poll", body), Some(own_app())).unwrap();
    let id = |item: sambung_sdk::inbound::Item| match item.outcome {
        ItemResult::Events(events) => events[0].id.clone(),
        other => panic!("no event: {other:?}"),
    };
    outcome.items.into_iter().map(id).collect()
}

#[test]
fn a_look_goes_page_by_page_back_to_where_the_last_one_ended() {
    let host = Host::new();
    host.expect("GET", ASKED).answer(200, page(&[3, 2], None));
    let first = poll(None);
    assert_eq!(told(&first), ["dm:2", "dm:3"]);
    assert_eq!(first.again_after_ms, 61_000);

    host.expect("GET", ASKED).answer(200, page(&[11, 10], Some("page-token-000001")));
    let second = poll(first.cursor.as_deref());
    assert_eq!(told(&second), ["dm:10", "dm:11"]);
    assert_eq!(second.again_after_ms, 1_000, "the rest of the look does not wait");

    host.expect("GET", format!("{ASKED}&pagination_token=page-token-000001"))
        .answer(200, page(&[9, 3, 2], Some("more")));
    let third = poll(second.cursor.as_deref());
    assert_eq!(told(&third), ["dm:9"], "what was known is not told again, though 9 is shorter than 11");

    host.expect("GET", ASKED).answer(200, page(&[11, 10, 9], Some("more")));
    let idle = poll(third.cursor.as_deref());
    assert!(idle.requests.is_empty());
    assert_eq!(idle.cursor, third.cursor);
}

/// A message that arrives while older pages are still to be read belongs to the next look, and is not passed over.
#[test]
fn what_arrives_during_a_look_is_told_by_the_next() {
    let host = Host::new();
    host.expect("GET", ASKED).answer(200, page(&[5], None));
    let seen = poll(None).cursor;
    host.expect("GET", ASKED).answer(200, page(&[8, 7], Some("page-token-000001")));
    let middle = poll(seen.as_deref());
    host.expect("GET", format!("{ASKED}&pagination_token=page-token-000001")).answer(200, page(&[6, 5], None));
    let end = poll(middle.cursor.as_deref());
    host.expect("GET", ASKED).answer(200, page(&[9, 8, 7], Some("more")));
    assert_eq!(told(&poll(end.cursor.as_deref())), ["dm:9"]);
}

#[test]
fn the_first_look_goes_back_a_day() {
    let host = Host::new();
    let mut old = page(&[5, 4], None);
    old["data"][1]["created_at"] = json!("2020-01-01T00:00:00.000Z");
    host.expect("GET", ASKED).answer(200, old);
    assert_eq!(told(&poll(None)), ["dm:5"]);
}

#[test]
fn a_page_that_x_forgot_begins_the_look_again_and_limits_are_kept() {
    let host = Host::new();
    let lost = json!({ "seen": "5", "newest": "9", "page": "forgotten-token-1" }).to_string();
    host.expect("GET", format!("{ASKED}&pagination_token=forgotten-token-1"))
        .answer(400, json!({ "title": "Invalid Request" }));
    let again = poll(Some(&lost));
    host.expect("GET", ASKED)
        .answer(200, page(&[9, 5], None))
        .header("x-rate-limit-remaining", "0")
        .header("x-rate-limit-reset", "99999999999");
    let polled = poll(again.cursor.as_deref());
    assert_eq!(told(&polled), ["dm:9"]);
    assert!(polled.again_after_ms > 1_000_000);
    host.expect("GET", ASKED).answer(401, json!({ "title": "Unauthorized" }));
    assert_eq!(X::poll(own_app(), None).unwrap_err().kind, "unauthorized");
}

/// The same message by webhook and by look-up has one id, one conversation and one person.
#[test]
fn looked_up_messages_are_the_webhooks() {
    let mut page = page(&[1], None);
    page["data"][0]["text"] = json!("look &amp; see https://t.co/abc");
    page["data"][0]["entities"] = json!({ "urls": [{ "start": 15, "end": 31, "url": "https://t.co/abc",
        "expanded_url": "https://twitter.com/messages/media/1", "media_key": "3_1" }] });
    page["data"][0]["attachments"] = json!({ "media_keys": ["3_1"] });
    page["data"][0]["created_at"] = json!("2024-02-29T12:00:01.5Z");
    page["includes"]["media"] = json!([{ "media_key": "3_1", "type": "photo", "url": "https://ton.twitter.com/1.1/ton/data/dm/1/2/a.jpg", "width": 3 }]);
    let body = page.to_string();
    let outcome = X::handle_webhook(Request::new("poll", body), Some(own_app())).unwrap();
    let ItemResult::Events(events) = &outcome.items[0].outcome else { panic!("no event") };
    assert_eq!((events[0].id.as_str(), events[0].time), ("dm:1", Some(1_709_208_001_500)));
    let Happening::Message(message) = &events[0].what else { panic!("no message") };
    assert_eq!(message.thread.key, CUSTOMER);
    assert_eq!(message.sender.as_ref().unwrap().name.as_deref(), Some("Sari"));
    let [Content::Media(media)] = &message.content[..] else { panic!("{:?}", message.content) };
    assert_eq!((media.caption.as_deref(), media.file.width), (Some("look & see"), Some(3)));
}

#[test]
fn own_messages_are_echoes_and_groups_are_their_own_conversations() {
    let mut page = page(&[3, 2, 1], None);
    page["data"][0]["sender_id"] = json!(OWN);
    page["data"][1]["dm_conversation_id"] = json!("1585094756761149440");
    page["data"][2]["event_type"] = json!("ParticipantsJoin");
    let outcome = X::handle_webhook(Request::new("poll", page.to_string()), Some(own_app())).unwrap();
    let told = summary(&outcome);
    assert!(told[0].starts_with("ignored: ParticipantsJoin"), "{told:?}");
    assert_eq!(told[1..], ["message text", "echo text"]);
    let keys: Vec<_> = outcome.items[1..]
        .iter()
        .map(|item| match &item.outcome {
            ItemResult::Events(events) => match &events[0].what {
                Happening::Message(message) => message.thread.key.clone(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys, ["group:1585094756761149440", CUSTOMER]);
}
