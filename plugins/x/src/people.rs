//! People as X describes them, under the names of both of its API's versions.

use crate::SCHEME;
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Identity, MediaRef, Person};
use serde::Deserialize;

/// An account.
#[derive(Deserialize, Default)]
pub struct Profile {
    /// Its number.
    #[serde(default)]
    pub id: String,
    name: Option<String>,
    #[serde(alias = "screen_name")]
    username: Option<String>,
    #[serde(alias = "profile_image_url_https")]
    profile_image_url: Option<String>,
}

impl Profile {
    /// For people: `Shop (@shop)`.
    pub fn label(&self) -> String {
        match (&self.name, &self.username) {
            (Some(name), Some(username)) => format!("{name} (@{username})"),
            (Some(name), None) => name.clone(),
            (None, Some(username)) => format!("@{username}"),
            (None, None) => self.id.clone(),
        }
    }

    /// The person of this number.
    pub fn person(&self, id: &str) -> Person {
        let mut person = Person::new(Identity::new(SCHEME, "", id)).name(self.name.clone());
        if let Some(username) = &self.username {
            person.extra.push(("username".to_owned(), json!(username).to_string()));
        }
        if let Some(address) = self.profile_image_url.as_deref().filter(|address| address.starts_with("https://")) {
            person = person.avatar(MediaRef::new("image").url(whole(address)));
        }
        person
    }
}

/// The picture as it was uploaded: `_normal` marks the one of 48 pixels ("Profile images and banners").
fn whole(address: &str) -> String {
    match address.rsplit_once("_normal.") {
        Some((before, ending)) => format!("{before}.{ending}"),
        None => address.to_owned(),
    }
}

/// The person of this number, with what `users` says of them: a map by number whose entries are accounts, or wrap them in
/// `data`.
pub fn person(id: &str, users: &Value) -> Person {
    let entry = users.get(id).map(|entry| entry.get("data").unwrap_or(entry));
    let profile: Profile = entry.and_then(|entry| Profile::deserialize(entry).ok()).unwrap_or_default();
    profile.person(id)
}
