//! What the platform tells about a person.

use crate::Network;
use crate::graph::{Access, read};
use sambung_sdk::http::encode;
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Fault, Identity, MediaRef, Person};

/// Somebody who was not given away: no profile (a phone number's account), not asked for consent, unknown here.
const NOT_TOLD: [&str; 3] = ["100-2018218", "100-33", "9010"];

/// Asks about a person of this platform; none where it does not tell.
///
/// # Errors
/// Why it could not be asked.
pub fn look_up(network: &Network, access: &Access, who: Identity) -> Result<Option<Person>, Fault> {
    if who.scheme != network.scheme {
        return Ok(None);
    }
    let asked = access.request("GET", &encode(&who.value)).query("fields", network.profile);
    let told: Value = match read(&asked) {
        Ok(told) => told,
        Err(fault) => {
            let code = fault.code.as_deref().unwrap_or_default();
            // Without the app's access to profiles each is refused; asking again changes nothing.
            let not_told = NOT_TOLD.contains(&code) || matches!(fault.kind.as_str(), "forbidden" | "not-found");
            return if not_told { Ok(None) } else { Err(fault) };
        }
    };
    Ok(person(who, &told))
}

fn person(who: Identity, told: &Value) -> Option<Person> {
    let text = |name: &str| told[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let both = [text("first_name"), text("last_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = text("name").or(Some(both).filter(|both| !both.is_empty())).or_else(|| text("username"));
    let picture = text("profile_pic");
    if name.is_none() && picture.is_none() {
        return None;
    }
    let mut person = Person::new(who).name(name);
    person.avatar = picture.map(|url| MediaRef::new("image").url(url));
    for (name, field) in [("username", "username"), ("language", "locale")] {
        person.extra.extend(text(field).map(|value| (name.to_owned(), json!(value).to_string())));
    }
    Some(person)
}
