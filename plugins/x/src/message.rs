//! One direct message, and what it belongs to.

use crate::content;
use crate::people;
use sambung_sdk::inbound::{Event, Item, Message};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Thread};

/// Marks the key of a conversation of several people; that of two is the other's number.
const GROUP: &str = "group:";

/// Whose messages are told of, and who is described with them.
pub struct Around<'a> {
    /// The account's number.
    pub own: &'a str,
    /// People by number.
    pub users: &'a Value,
    /// Apps by number.
    pub apps: &'a Value,
    /// When the host received it, in milliseconds since 1970.
    pub received_at: u64,
}

/// A message's parts, whichever way it came. The id is the same on all of them.
pub struct Parts<'a> {
    /// The message's id.
    pub id: &'a str,
    /// Who wrote it.
    pub sender: &'a str,
    /// Who it went to, where that is said.
    pub recipient: Option<&'a str>,
    /// The API's name of the conversation, where it has one: `1-2` of two people, else a group's.
    pub conversation: Option<&'a str>,
    /// In milliseconds since 1970.
    pub time: Option<u64>,
    /// The app it was written with.
    pub app: Option<&'a str>,
    /// What it holds.
    pub content: Vec<Content>,
}

/// A message of the webhooks' shape (`message_create`).
pub fn item(around: &Around<'_>, event: &Value) -> Item {
    let own = &event["message_create"];
    let text = |value: &'_ Value| value.as_str().map(str::to_owned);
    let Some(id) = text(&event["id"]) else { return Item::failed("a message without an id") };
    let Some(sender) = text(&own["sender_id"]) else { return Item::failed("a message without a sender") };
    let mut content: Vec<Content> = content::origin(event).into_iter().collect();
    content.extend(content::of_message_data(&own["message_data"]));
    Parts {
        id: &id,
        sender: &sender,
        recipient: own["target"]["recipient_id"].as_str(),
        conversation: own["dm_conversation_id"].as_str().or(event["dm_conversation_id"].as_str()),
        time: milliseconds(&event["created_timestamp"]),
        app: own["source_app_id"].as_str(),
        content,
    }
    .item(around)
}

impl Parts<'_> {
    /// What happened: somebody wrote, or the account itself, here or elsewhere.
    pub fn item(self, around: &Around<'_>) -> Item {
        let outgoing = self.sender == around.own;
        let Some(thread) = self.thread(around.own) else { return Item::failed("a message without a recipient") };
        let mut message = Message::new(self.id, thread);
        message.content = self.content;
        if message.content.is_empty() {
            let line = "Sent a message in which X shows nothing.";
            message.content.push(Content::unsupported("empty", &Value::Null, line));
        }
        if let Some(name) = self.app.and_then(|app| around.apps[app]["name"].as_str()) {
            message.extra.push(("source-app".to_owned(), json!(name).to_string()));
        }
        let message = if outgoing { message.echo() } else { message.sender(people::person(self.sender, around.users)) };
        Item::event(Event::new(format!("dm:{}", self.id), message).time(self.time))
    }

    fn thread(&self, own: &str) -> Option<Thread> {
        if let Some(group) = self.conversation.and_then(group) {
            return Some(group);
        }
        if self.sender != own {
            return Some(Thread::new(self.sender));
        }
        let other = self.recipient.or_else(|| other(self.conversation?, own))?;
        Some(Thread::new(other))
    }
}

/// The other of two people in a conversation's name.
pub fn other<'a>(conversation: &'a str, own: &str) -> Option<&'a str> {
    let (one, two) = conversation.split_once(['-', ':'])?;
    Some(if one == own { two } else { one })
}

/// A group's conversation; none of two people.
pub fn group(conversation: &str) -> Option<Thread> {
    let of_two = conversation.is_empty() || conversation.contains(['-', ':']);
    (!of_two).then(|| Thread::new(format!("{GROUP}{conversation}")))
}

/// The group's name in the API, of a conversation that is one's.
pub fn of_group(thread: &Thread) -> Option<&str> {
    thread.key.strip_prefix(GROUP)
}

/// Milliseconds since 1970, which X writes as text.
pub fn milliseconds(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}
