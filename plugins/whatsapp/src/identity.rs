//! People whose number or business-scoped id changed. A changed number changes the id as well, since the id is of a number
//! (Cloud API, "Business-scoped user IDs" and "System messages webhook").

use crate::USER;
use crate::inbound::{Around, fnv1a};
use crate::message::{Envelope, time};
use sambung_sdk::inbound::{Event, Happening, IdentityChange, Item};
use sambung_sdk::json::Value;
use sambung_sdk::types::{Identity, Thread};
use serde_json::value::RawValue;

/// The types of system messages that tell of it.
pub const CHANGES: [&str; 2] = ["user_changed_number", "user_changed_user_id"];

/// A system message that tells of it. Who shares no number has no `from`.
///
/// # Errors
/// Who it is about is not said.
pub fn changed(scope: &str, envelope: &Envelope, own: &Value) -> Result<Happening, String> {
    let text = |name: &str| own[name].as_str().filter(|text| !text.is_empty());
    let body = text("body").unwrap_or_default();
    let (before, after) = ids_in(body).unzip();
    let user = text("user_id").or(after);
    let previous = text("previous_user_id").or(envelope.from_user_id.as_deref()).or(before);
    let number = text("wa_id").or(text("new_wa_id"));
    happening(scope, [previous, Some(envelope.from.as_str())], [user, number], body)
}

/// An entry of `user_id_update`, which the first version of the platform posted instead of the system message.
pub fn updated(around: &Around<'_>, raw: &RawValue) -> Item {
    let own: Value = match serde_json::from_str(raw.get()) {
        Ok(own) => own,
        Err(error) => return Item::failed(format!("the changed id cannot be read: {error}")),
    };
    let number = own["wa_id"].as_str();
    let (previous, current) = (own["user_id"]["previous"].as_str(), own["user_id"]["current"].as_str());
    let proof = own["detail"].as_str().unwrap_or_default();
    let id = format!("user_id_update:{}:{:016x}", current.unwrap_or_default(), fnv1a(raw.get().as_bytes()));
    match happening(around.scope, [previous, None], [current, number], proof) {
        Ok(what) => Item::event(Event::new(id, what).time(time(&own["timestamp"]))),
        Err(words) => Item::failed(words),
    }
}

/// A business-scoped id and a number, of before and of now. The conversation has the first of now as its key from now on.
fn happening(
    scope: &str,
    [old_user, old_number]: [Option<&str>; 2],
    [user, number]: [Option<&str>; 2],
    proof: &str,
) -> Result<Happening, String> {
    let identities = |user: Option<&str>, number: Option<&str>| {
        let given = |text: &&str| !text.is_empty();
        let user = user.filter(given).map(|user| Identity::new(USER, scope, user));
        user.into_iter().chain(number.filter(given).map(Identity::phone)).collect::<Vec<_>>()
    };
    let new = identities(user, number);
    let mut old = identities(old_user, old_number);
    old.retain(|identity| !new.contains(identity));
    let mut keys = new.iter().chain(&old).map(|identity| identity.value.clone());
    let Some(key) = keys.next() else {
        return Err("somebody's number or id changed, and it does not say whose".to_owned());
    };
    let thread = Thread { aliases: keys.collect(), ..Thread::new(key) };
    Ok(IdentityChange::new(old, new, proof).thread(&thread).into())
}

/// The two ids in "User NAME changed from ID to ID": `COUNTRY.CHARACTERS`. Numbers are no ids.
fn ids_in(body: &str) -> Option<(&str, &str)> {
    let (before, after) = body.rsplit_once(" changed from ")?.1.split_once(" to ")?;
    let is_id = |text: &str| text.split_once('.').is_some_and(|(country, rest)| country.len() == 2 && !rest.is_empty());
    let after = after.trim_end();
    (is_id(before) && is_id(after)).then_some((before, after))
}
