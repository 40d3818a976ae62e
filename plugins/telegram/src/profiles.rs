//! What Telegram tells about a user who talks to the bot.

use crate::api::{ask, call};
use crate::{Telegram, USER, message, place};
use sambung_sdk::json::{Value, json};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::types::{Channel, Fault, Identity, Person, Thread};

impl Profiles for Telegram {
    fn look_up(_channel: Channel, who: Identity, _thread: Option<Thread>) -> Result<Option<Person>, Fault> {
        let Some(id) = who.value.parse::<i64>().ok().filter(|_| who.scheme == USER) else { return Ok(None) };
        let chat = match ask(&call("getChat")?.json(&json!({ "chat_id": id }))) {
            Ok(chat) => chat,
            // A member of a group who never talked to the bot.
            Err(fault) if fault.kind == "invalid" || fault.kind == "forbidden" => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let Some(mut person) = place::user(&who.scope, &chat) else { return Ok(None) };
        person.avatar = picture(id)?.and_then(|largest| message::media("image", &largest).ok());
        Ok(Some(person))
    }
}

/// The newest picture in its largest size.
fn picture(user: i64) -> Result<Option<Value>, Fault> {
    match ask(&call("getUserProfilePhotos")?.json(&json!({ "user_id": user, "limit": 1 }))) {
        Ok(photos) => Ok(photos["photos"][0].as_array().and_then(|sizes| sizes.last()).cloned()),
        Err(fault) if fault.kind == "invalid" => Ok(None),
        Err(fault) => Err(fault),
    }
}
