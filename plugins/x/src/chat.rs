//! Encrypted conversations (XChat): X delivers what only the devices of the people in them can read.

use crate::message::{Around, group, milliseconds, other};
use crate::people;
use sambung_sdk::inbound::{Event, Happening, Item, Message};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Thread};

const LINE: &str =
    "Sent an encrypted message. It can be read only in the X app; answer there, or ask for an unencrypted one.";

/// A message that arrived encrypted: told of, not shown.
pub fn received(around: &Around<'_>, payload: &Value) -> Item {
    let (Some(id), Some(sender)) = (payload["id"].as_str(), payload["sender_id"].as_str()) else {
        return Item::failed("an encrypted message without an id or a sender");
    };
    let conversation = payload["conversation_id"].as_str().unwrap_or_default();
    let thread = group(conversation).unwrap_or_else(|| {
        Thread::new(other(conversation, around.own).filter(|_| sender == around.own).unwrap_or(sender))
    });
    let data = json!({ "id": id, "conversation_id": conversation });
    let message = Message::new(id, thread).sender(people::person(sender, around.users)).content(Content::unsupported(
        "encrypted",
        &data,
        LINE,
    ));
    let event = Event::new(format!("chat:{id}"), Happening::Message(message));
    Item::event(event.time(milliseconds(&payload["created_at_msec"])))
}
