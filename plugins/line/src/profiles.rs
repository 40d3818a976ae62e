//! What LINE tells about a user: friends by themselves, members of a group by the group.

use crate::api::{self, ask};
use crate::inbound::ThreadContext;
use crate::{Line, SCHEME};
use sambung_sdk::http::encode;
use sambung_sdk::json::json;
use sambung_sdk::profiles::Profiles;
use sambung_sdk::types::{Channel, Fault, Identity, MediaRef, Person, Thread};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    display_name: String,
    picture_url: Option<String>,
    status_message: Option<String>,
    language: Option<String>,
}

impl Profiles for Line {
    fn look_up(_channel: Channel, who: Identity, thread: Option<Thread>) -> Result<Option<Person>, Fault> {
        if who.scheme != SCHEME {
            return Ok(None);
        }
        let response = match ask(&api::get(&path(&who.value, thread.as_ref()))) {
            Ok(response) => response,
            // Not a friend, blocked the account, or left the group.
            Err(fault) if fault.kind == "not-found" => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let profile: Profile = response.json().map_err(Fault::unavailable)?;
        Ok(Some(person(who, profile)))
    }
}

fn path(user: &str, thread: Option<&Thread>) -> String {
    let user = encode(user);
    let kind = thread.and_then(|thread| thread.read_context::<ThreadContext>()).map(|context| context.kind);
    match (kind.as_deref(), thread) {
        (Some(kind @ ("group" | "room")), Some(thread)) => {
            format!("/v2/bot/{kind}/{}/member/{user}", encode(&thread.key))
        }
        _ => format!("/v2/bot/profile/{user}"),
    }
}

fn person(who: Identity, profile: Profile) -> Person {
    let mut person = Person::new(who).name(profile.display_name);
    person.avatar = profile.picture_url.map(|url| MediaRef::new("image").url(url));
    let more = [("status", profile.status_message), ("language", profile.language)];
    for (name, value) in more {
        if let Some(value) = value {
            person.extra.push((name.to_owned(), json!(value).to_string()));
        }
    }
    person
}
