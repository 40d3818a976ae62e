//! What X tells about a person.

use crate::api::{ask, to};
use crate::people::Profile;
use crate::{SCHEME, X, settings};
use sambung_sdk::http::encode;
use sambung_sdk::profiles::Profiles;
use sambung_sdk::types::{Channel, Fault, Identity, Person, Thread};
use serde::Deserialize;

#[derive(Deserialize)]
struct Found {
    data: Profile,
}

impl Profiles for X {
    fn look_up(channel: Channel, who: Identity, _thread: Option<Thread>) -> Result<Option<Person>, Fault> {
        if who.scheme != SCHEME {
            return Ok(None);
        }
        let mode = settings::mode(&channel)?;
        let request = mode
            .as_user(to("GET", &format!("/2/users/{}", encode(&who.value))))
            .query("user.fields", "name,username,profile_image_url");
        match ask(&request) {
            Ok(response) => {
                let found: Found = response.json().map_err(Fault::unavailable)?;
                Ok(Some(found.data.person(&who.value)))
            }
            Err(fault) if fault.kind == "not-found" => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
