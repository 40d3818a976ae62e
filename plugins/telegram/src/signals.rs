//! That somebody types, and that a tapped button was noticed: until then Telegram shows a bar that fills.

use crate::Telegram;
use crate::api::{ask, call};
use crate::callback::CallbackContext;
use crate::place::Place;
use sambung_sdk::json::json;
use sambung_sdk::signals::Signals;
use sambung_sdk::types::{Channel, Fault, Target, Thread};

impl Signals for Telegram {
    fn signal(_channel: Channel, thread: Thread, kind: String, about: Option<Target>) -> Result<(), Fault> {
        match kind.as_str() {
            "typing" => typing(&thread),
            "acknowledge" => acknowledge(about.as_ref()),
            _ => Ok(()),
        }
    }
}

/// It lasts five seconds, or until the next message.
fn typing(thread: &Thread) -> Result<(), Fault> {
    let Some(place) = Place::of_thread(thread).filter(|place| place.direct_topic.is_none()) else { return Ok(()) };
    let mut body = json!({ "action": "typing" });
    place.address(&mut body);
    ask(&call("sendChatAction")?.json(&body)).map(drop)
}

fn acknowledge(about: Option<&Target>) -> Result<(), Fault> {
    let Some(context) = about.and_then(Target::read_context::<CallbackContext>) else { return Ok(()) };
    match ask(&call("answerCallbackQuery")?.json(&json!({ "callback_query_id": context.callback }))) {
        // Telegram gave up waiting.
        Err(fault) if fault.kind == "invalid" => Ok(()),
        other => other.map(drop),
    }
}
