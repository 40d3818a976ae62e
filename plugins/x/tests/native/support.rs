//! What the tests share.

use sambung_plugin_x::X;
use sambung_sdk::inbound::{Event, Happening, Inbound, Item, ItemResult, Outcome, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Channel, Content};

/// The business's account.
pub const OWN: &str = "4337869213";
/// Somebody who writes to it.
pub const CUSTOMER: &str = "3001969357";
/// The channel's address.
pub const ADDRESS: &str = "https://sambung.example/hooks/x/ch_1";

/// A connected channel by an own app's keys.
pub fn own_app() -> Channel {
    let mut channel = Channel::with_settings("ch_1", &json!({ "mode": "own-app" }));
    channel.account = Some(OWN.to_owned());
    channel.webhook_url = Some(ADDRESS.to_owned());
    channel
}

/// A connected channel by signing in.
pub fn signed_in() -> Channel {
    let mut channel = own_app();
    channel.settings = json!({ "mode": "sign-in" }).to_string();
    channel.webhook_url = Some("https://sambung.example/hooks/x".to_owned());
    channel
}

/// Translates a body that came to the app's address.
pub fn translate(body: &[u8]) -> Result<Outcome, String> {
    X::handle_webhook(Request::new("events", body), None)
}

/// The items of a delivery.
pub fn items(body: &Value) -> Vec<Item> {
    translate(body.to_string().as_bytes()).unwrap().items
}

/// The one event of an item.
pub fn event(item: Item) -> Event {
    match item.outcome {
        ItemResult::Events(mut events) if events.len() == 1 => events.remove(0),
        other => panic!("not one event: {other:?}"),
    }
}

/// The one event of the one item of a delivery.
pub fn only(body: &Value) -> Event {
    let mut items = items(body);
    assert_eq!(items.len(), 1);
    event(items.remove(0))
}

/// A message of the webhooks' shape.
pub fn message(id: &str, sender: &str, recipient: &str, data: Value) -> Value {
    json!({
        "type": "message_create", "id": id, "created_timestamp": "1784927750704",
        "message_create": {
            "target": { "recipient_id": recipient }, "sender_id": sender, "source_app_id": "1", "message_data": data,
        },
    })
}

/// A delivery of the Account Activity API with these messages.
pub fn delivery(messages: &[Value]) -> Value {
    json!({
        "for_user_id": OWN,
        "direct_message_events": messages,
        "users": { CUSTOMER: { "id": CUSTOMER, "name": "Sari", "screen_name": "sari",
            "profile_image_url_https": "https://pbs.twimg.com/profile_images/1/a_normal.jpg" } },
        "apps": { "1": { "id": "1", "name": "X for iPhone" } },
    })
}

/// A delivery of the X Activity API.
pub fn activity(kind: &str, payload: Value) -> Value {
    json!({ "data": { "event_uuid": "-1", "filter": { "user_id": OWN }, "event_type": kind, "payload": payload } })
}

/// What an outcome is, in a few words for each item.
pub fn summary(outcome: &Outcome) -> Vec<String> {
    outcome.items.iter().map(item).collect()
}

/// What an item is, in a few words.
pub fn item(item: &Item) -> String {
    match &item.outcome {
        ItemResult::Events(events) => events.iter().map(happening).collect::<Vec<_>>().join(" & "),
        ItemResult::Ignored(reason) => format!("ignored: {reason}"),
        ItemResult::Failed(reason) => format!("failed: {reason}"),
        ItemResult::Other(open) => format!("item of another kind: {}", open.kind),
    }
}

fn happening(event: &Event) -> String {
    let told = |word: &str, contents: &[Content]| {
        let contents: Vec<String> = contents.iter().map(content).collect();
        format!("{word} {}", contents.join(" + "))
    };
    match &event.what {
        Happening::Message(message) if message.kind == "echo" => told("echo", &message.content),
        Happening::Message(message) => told("message", &message.content),
        Happening::Watermark(mark) => format!("{} up to", mark.state),
        Happening::Typing(_) => "typing".to_owned(),
        Happening::AccountChanged(_) => "account-changed".to_owned(),
        other => panic!("the plugin makes no such event: {other:?}"),
    }
}

fn content(content: &Content) -> String {
    match content {
        Content::Media(media) => {
            let caption = if media.caption.is_some() { " with caption" } else { "" };
            format!("{}{caption}", media.file.kind)
        }
        Content::Unsupported(open) => format!("unsupported {}", open.kind),
        other => other.kind().to_owned(),
    }
}
