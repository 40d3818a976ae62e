//! The loading animation while somebody types, and marking messages as read.

use crate::Line;
use crate::api::{self, ask};
use crate::inbound::ThreadContext;
use crate::message::MessageContext;
use sambung_sdk::json::json;
use sambung_sdk::signals::Signals;
use sambung_sdk::types::{Channel, Fault, Target, Thread};

/// A multiple of five from 5 to 60. The animation ends by itself, or with the next message.
const TYPING_SECONDS: u32 = 20;

impl Signals for Line {
    fn signal(_channel: Channel, thread: Thread, kind: String, about: Option<Target>) -> Result<(), Fault> {
        match kind.as_str() {
            "typing" => typing(&thread),
            "read" => read(about.as_ref()),
            _ => Ok(()),
        }
    }
}

/// LINE shows it in chats with one user only.
fn typing(thread: &Thread) -> Result<(), Fault> {
    let context: Option<ThreadContext> = thread.read_context();
    if context.is_none_or(|context| context.kind != "user") {
        return Ok(());
    }
    let body = json!({ "chatId": thread.key, "loadingSeconds": TYPING_SECONDS });
    ask(&api::post("/v2/bot/chat/loading/start").json(&body)).map(drop)
}

/// Marks the message and all before it; LINE gives a token for that with each message.
fn read(about: Option<&Target>) -> Result<(), Fault> {
    let context: Option<MessageContext> = about.and_then(Target::read_context);
    let Some(token) = context.and_then(|context| context.mark_as_read_token) else {
        return Ok(());
    };
    ask(&api::post("/v2/bot/chat/markAsRead").json(&json!({ "markAsReadToken": token }))).map(drop)
}
