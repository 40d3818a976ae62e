//! Encrypted conversations (XChat): X delivers what only the devices of the people in them can read.

use crate::message::{Around, group, milliseconds, other};
use crate::people;
use sambung_sdk::inbound::{Event, Happening, Item, Message};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Thread};

const LINE: &str =
    "Sent an encrypted message. It can be read only in the X app; answer there, or ask for an unencrypted one.";

/// What `event_uuid` says where X has no id of the event.
const NO_ID: &str = "-1";

/// The account that it arrived for, where the delivery does not name one: of two people the one who did not write it.
pub fn recipient(payload: &Value) -> Option<&str> {
    other(payload["conversation_id"].as_str()?, payload["sender_id"].as_str()?)
}

/// A message that arrived encrypted: told of, not shown. X names it in the payload, else by the event that tells of it.
pub fn received(around: &Around<'_>, event: &Value) -> Item {
    let payload = &event["payload"];
    let Some(sender) = payload["sender_id"].as_str() else {
        return Item::failed("an encrypted message without a sender");
    };
    let given = |value: &Value| value.as_str().filter(|id| !id.is_empty() && *id != NO_ID).map(str::to_owned);
    let id = given(&payload["id"]).or_else(|| given(&event["event_uuid"]));
    let id = id.unwrap_or_else(|| format!("{:016x}", fnv1a(payload.to_string().as_bytes())));
    let conversation = payload["conversation_id"].as_str().unwrap_or_default();
    let thread = group(conversation).unwrap_or_else(|| {
        Thread::new(other(conversation, around.own).filter(|_| sender == around.own).unwrap_or(sender))
    });
    let data = json!({ "id": id, "conversation_id": conversation });
    let message = Message::new(&id, thread).content(Content::unsupported("encrypted", &data, LINE));
    let message = match sender == around.own {
        true => message.echo(),
        false => message.sender(people::person(sender, around.users)),
    };
    let event = Event::new(format!("chat:{id}"), Happening::Message(message));
    Item::event(event.time(milliseconds(&payload["created_at_msec"])))
}

/// FNV-1a, 64 bits: a stable name for a text, not a protection (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
