//! What the tests share.

use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::inbound::{Event, Happening, Inbound, Item, ItemResult, Outcome, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Channel, Content};

/// A number on the Cloud API.
pub const NUMBER: &str = "106540352242922";
/// The account it belongs to.
pub const ACCOUNT: &str = "419561257915477";
/// A customer's number.
pub const CUSTOMER: &str = "6281230001111";

/// A channel on the Cloud API.
pub fn cloud() -> Channel {
    let settings = json!({ "mode": "cloud", "phone_number_id": NUMBER, "business_account_id": ACCOUNT });
    Channel::with_settings("ch_1", &settings)
}

/// A channel behind a gateway at this address.
pub fn gateway(base_url: &str, auth_header: &str) -> Channel {
    let settings = json!({ "mode": "gateway", "base_url": base_url, "auth_header": auth_header });
    let mut channel = Channel::with_settings("ch_2", &settings);
    channel.webhook_url = Some("https://sambung.example/hooks/whatsapp/ch_2/key".to_owned());
    channel
}

/// Translates a body.
pub fn translate(body: &[u8]) -> Result<Outcome, String> {
    WhatsApp::handle_webhook(Request::new("events", body), None)
}

/// One change of the field `messages` with this value.
pub fn change(value: Value) -> Value {
    let mut value = value;
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] = json!({ "display_phone_number": "15550783881", "phone_number_id": NUMBER });
    json!({ "object": "whatsapp_business_account", "entry": [
        { "id": ACCOUNT, "changes": [{ "field": "messages", "value": value }] }
    ]})
}

/// The items of a value.
pub fn items(value: Value) -> Vec<Item> {
    translate(change(value).to_string().as_bytes()).unwrap().items
}

/// The one event of the one item of a value.
pub fn only(value: Value) -> Event {
    let mut items = items(value);
    assert_eq!(items.len(), 1);
    match items.remove(0).outcome {
        ItemResult::Events(mut events) if events.len() == 1 => events.remove(0),
        other => panic!("not one event: {other:?}"),
    }
}

/// A text of the customer's.
pub fn text(id: &str, body: &str) -> Value {
    json!({ "from": CUSTOMER, "id": id, "timestamp": "1780000000", "type": "text", "text": { "body": body } })
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
    let opens: String = event.opens.iter().map(|opening| format!(" opens {}", opening.rule)).collect();
    let closes: String = event.closes.iter().map(|rule| format!(" closes {rule}")).collect();
    let what = match &event.what {
        Happening::Message(message) => {
            let contents: Vec<String> = message.content.iter().map(content).collect();
            let what = if message.kind == "received" { "message" } else { &message.kind };
            format!("{what} {}", contents.join(" + "))
        }
        Happening::Deleted(_) => "deleted".to_owned(),
        Happening::Reaction(reaction) => format!("reaction {}", reaction.emojis.join(" ")),
        Happening::Delivery(delivery) => delivery.state.clone(),
        Happening::IdentityChanged(_) => "identity-changed".to_owned(),
        Happening::TemplateChanged(_) => "template-changed".to_owned(),
        Happening::AccountChanged(_) => "account-changed".to_owned(),
        Happening::Notice(notice) => format!("notice {}", notice.code),
        Happening::Subscription(one) => format!("{} {}", one.topic, if one.active { "begins" } else { "ends" }),
        Happening::Other(open) => format!("other {}", open.kind),
        other => panic!("the plugin makes no such event: {other:?}"),
    };
    format!("{what}{opens}{closes}")
}

fn content(content: &Content) -> String {
    match content {
        Content::Media(media) => {
            let caption = if media.caption.is_some() { " with caption" } else { "" };
            format!("{}{caption}", media.file.kind)
        }
        Content::Unsupported(open) => format!("unsupported {}", open.kind),
        Content::Other(open) => format!("other {}", open.kind),
        other => other.kind().to_owned(),
    }
}
