//! What the tests share.

use sambung_plugin_line::Line;
use sambung_sdk::inbound::{Event, Happening, Inbound, Item, ItemResult, Outcome, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Content;

/// The account's user id.
pub const BOT: &str = "U8e742f61d673b39c7fff3cecb7536ef0";
/// A customer's.
pub const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
/// A group's.
pub const GROUP: &str = "Ca56f94637cc4347f90a25382909b24b9";
/// When the host received what tests send.
pub const NOW: u64 = 1_780_000_100_000;

/// Translates a body.
pub fn translate(body: &[u8]) -> Result<Outcome, String> {
    let mut request = Request::new("events", body);
    request.received_at = NOW;
    Line::handle_webhook(request, None)
}

/// An event of a user's, a second ago; `own` are the properties of its kind.
pub fn event(kind: &str, own: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "mode": "active",
        "timestamp": NOW - 1_000,
        "source": { "type": "user", "userId": USER },
        "webhookEventId": "01FZ74A0TDDPYRVKNK77XKC3ZR",
        "deliveryContext": { "isRedelivery": false },
        "replyToken": "757913772c4646b784d4b7ce46d12671",
    });
    for (name, value) in own.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event
}

/// The items of a body with these events.
pub fn items(events: &[Value]) -> Vec<Item> {
    let body = json!({ "destination": BOT, "events": events });
    translate(body.to_string().as_bytes()).unwrap().items
}

/// The one event of the one item.
pub fn only(event: Value) -> Event {
    let mut items = items(&[event]);
    assert_eq!(items.len(), 1);
    match items.remove(0).outcome {
        ItemResult::Events(mut events) if events.len() == 1 => events.remove(0),
        other => panic!("not one event: {other:?}"),
    }
}

/// What an outcome is, in a few words for each item.
pub fn summary(outcome: &Outcome) -> Vec<String> {
    outcome.items.iter().map(item).collect()
}

fn item(item: &Item) -> String {
    match &item.outcome {
        ItemResult::Events(events) => events.iter().map(happening).collect::<Vec<_>>().join(" & "),
        ItemResult::Ignored(reason) => format!("ignored: {reason}"),
        ItemResult::Failed(reason) => format!("failed: {reason}"),
        ItemResult::Other(open) => format!("item of another kind: {}", open.kind),
    }
}

fn happening(event: &Event) -> String {
    let opens = if event.opens.is_empty() { "" } else { " opens" };
    let closes = if event.closes.is_empty() { "" } else { " closes" };
    let what = match &event.what {
        Happening::Message(message) => {
            let contents: Vec<String> = message.content.iter().map(content).collect();
            let what = if message.kind == "received" { "message" } else { &message.kind };
            format!("{what} {}", contents.join(" + "))
        }
        Happening::Deleted(target) => format!("deleted {}", target.id),
        Happening::Subscription(one) => format!("{} {}", one.topic, if one.active { "begins" } else { "ends" }),
        Happening::AccountChanged(_) => "account-changed".to_owned(),
        Happening::Other(open) => format!("other {}", open.kind),
        other => panic!("the plugin makes no such event: {other:?}"),
    };
    format!("{what}{opens}{closes}")
}

fn content(content: &Content) -> String {
    match content {
        Content::Text(text) if text.format.is_some() => "formatted text".to_owned(),
        Content::Media(media) => {
            let file = &media.file;
            let from = if file.ref_.is_some() { "by id" } else { "by address" };
            let caption = if media.caption.is_some() { " with caption" } else { "" };
            format!("{} {from}{caption}", file.kind)
        }
        Content::Unsupported(open) => format!("unsupported {}", open.kind),
        Content::Other(open) => format!("other {}", open.kind),
        other => other.kind().to_owned(),
    }
}
