//! A tapped button: what it carries, what was written on it, and how it is acknowledged.

use crate::place::{self, Place};
use sambung_sdk::inbound::Message;
use sambung_sdk::json::Value;
use sambung_sdk::types::{Content, Target};
use serde::{Deserialize, Serialize};

/// What is needed to acknowledge it; the message's context.
#[derive(Serialize, Deserialize)]
pub struct CallbackContext {
    /// `callback_query_id`.
    pub callback: String,
}

/// The choice, in the chat of the message that offered it. None: it is of a message in a chat that the bot is not in, or of a
/// game.
pub fn read(bot: &str, query: &Value) -> Option<Message> {
    let (id, data) = (query["id"].as_str()?, query["data"].as_str()?);
    let offer = &query["message"];
    let place = Place::of(offer)?;
    let mut content = Content::choice(data, label(offer, data));
    if let (Content::Choice(choice), Some(message)) = (&mut content, offer["message_id"].as_i64()) {
        choice.of = Some(Target::new(place.message_id(message)));
    }
    let context = CallbackContext { callback: id.to_owned() };
    let mut message = Message::new(format!("callback:{id}"), place.thread()).content(content).context(&context);
    message.sender = place::user(bot, &query["from"]);
    Some(message)
}

/// What was written on the button. A message that is too old comes without its buttons.
fn label(offer: &Value, data: &str) -> Option<String> {
    let rows = offer["reply_markup"]["inline_keyboard"].as_array()?;
    let mut buttons = rows.iter().filter_map(Value::as_array).flatten();
    let button = buttons.find(|button| button["callback_data"].as_str() == Some(data))?;
    button["text"].as_str().map(str::to_owned)
}
