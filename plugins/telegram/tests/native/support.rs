//! What the tests share.

use sambung_plugin_telegram::Telegram;
use sambung_sdk::inbound::{Event, Happening, Inbound, Item, ItemResult, Message, Outcome, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Content};

/// The bot's id.
pub const BOT: &str = "7000001";
/// A customer's id, which is their private chat's.
pub const USER: i64 = 811_000_001;
/// A supergroup's id.
pub const GROUP: i64 = -1_002_000_000_001;

/// The address of a method, as the stand-in writes the token.
pub fn method(name: &str) -> String {
    format!("https://api.telegram.org/botsecret-bot_token-raw/{name}")
}

/// A host with the secrets.
pub fn host() -> Host {
    let host = Host::new();
    host.secret("bot_token", "7000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    host.secret("webhook_secret", "s3cret");
    host
}

/// A connected channel, reached at this address.
pub fn channel(webhook_url: Option<&str>) -> Channel {
    let mut channel = Channel::with_settings("ch_1", &json!({}));
    channel.account = Some(BOT.to_owned());
    channel.webhook_url = webhook_url.map(str::to_owned);
    channel
}

/// A result as the API gives it.
pub fn ok(result: Value) -> Value {
    json!({ "ok": true, "result": result })
}

/// A refusal as the API gives it.
pub fn refusal(code: u16, description: &str) -> Value {
    json!({ "ok": false, "error_code": code, "description": description })
}

/// The parameters of a request, of JSON or of a form with files.
pub fn parameters(host: &Host, index: usize) -> Value {
    crate::spec::parameters(&host.requests()[index])
}

/// Translates an update.
pub fn translate(update: &Value) -> Result<Outcome, String> {
    let mut request = Request::new("updates", update.to_string());
    request.received_at = 1_780_000_100_000;
    Telegram::handle_webhook(request, Some(channel(None)))
}

/// An update with a message in the customer's private chat; `own` is what it holds.
pub fn message(own: Value) -> Value {
    let mut message = json!({
        "message_id": 41,
        "from": { "id": USER, "is_bot": false, "first_name": "Dewi", "last_name": "Lestari", "username": "dewi", "language_code": "id" },
        "chat": { "id": USER, "type": "private", "first_name": "Dewi" },
        "date": 1_780_000_000,
    });
    for (name, value) in own.as_object().into_iter().flatten() {
        message[name] = value.clone();
    }
    json!({ "update_id": 501, "message": message })
}

/// The one event of an update.
pub fn event(update: &Value) -> Event {
    let mut items = translate(update).unwrap().items;
    assert_eq!(items.len(), 1);
    match items.remove(0).outcome {
        ItemResult::Events(mut events) if events.len() == 1 => events.remove(0),
        other => panic!("not one event: {other:?}"),
    }
}

/// The message of an update that is one.
pub fn read(update: &Value) -> Message {
    match event(update).what {
        Happening::Message(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

/// What an outcome is, in a few words.
pub fn summary(outcome: &Outcome) -> String {
    outcome.items.iter().map(item).collect::<Vec<_>>().join(" | ")
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
    let contents = |all: &[Content]| all.iter().map(content).collect::<Vec<_>>().join(" + ");
    match &event.what {
        Happening::Message(message) if message.kind == "edited" => format!("edited to {}", contents(&message.content)),
        Happening::Message(message) if message.kind == "echo" => format!("echo {}", contents(&message.content)),
        Happening::Message(message) => {
            let album = if message.group.is_some() { " of an album" } else { "" };
            let reply = if message.reply_to.is_some() { " as an answer" } else { "" };
            format!("message {}{album}{reply}", contents(&message.content))
        }
        Happening::Deleted(target) => format!("deleted {}", target.id),
        Happening::Reaction(reaction) => format!("reaction {:?}", reaction.emojis),
        Happening::Subscription(one) => format!("{} {}", one.topic, if one.active { "begins" } else { "ends" }),
        Happening::AccountChanged(_) => "account-changed".to_owned(),
        Happening::Other(open) => format!("other {}", open.kind),
        other => panic!("the plugin makes no such event: {other:?}"),
    }
}

fn content(content: &Content) -> String {
    match content {
        Content::Text(text) if text.format.is_some() => "formatted text".to_owned(),
        Content::Media(media) => {
            let caption = if media.caption.is_some() { " with caption" } else { "" };
            format!("{}{caption}", media.file.kind)
        }
        Content::Unsupported(open) => format!("unsupported {}", open.kind),
        Content::Other(open) => format!("other {}", open.kind),
        other => other.kind().to_owned(),
    }
}
