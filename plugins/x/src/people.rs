//! People as X describes them, under the names of both of its API's versions.

use crate::SCHEME;
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Identity, MediaRef, Person};
use serde::Deserialize;

/// An account. A delivery may call the same thing by both of its names.
#[derive(Deserialize, Default)]
#[serde(from = "Value")]
pub struct Profile {
    /// Its number.
    pub id: String,
    name: Option<String>,
    username: Option<String>,
    picture: Option<String>,
}

impl From<Value> for Profile {
    fn from(told: Value) -> Self {
        let one_of = |names: &[&str]| {
            let given = names.iter().filter_map(|name| told[*name].as_str());
            given.map(str::to_owned).find(|text| !text.is_empty())
        };
        Self {
            id: one_of(&["id", "id_str"]).unwrap_or_default(),
            name: one_of(&["name"]),
            username: one_of(&["username", "screen_name"]),
            picture: one_of(&["profile_image_url_https", "profile_image_url"]),
        }
    }
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
        if let Some(address) = self.picture.as_deref().filter(|address| address.starts_with("https://")) {
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
    entry.cloned().map(Profile::from).unwrap_or_default().person(id)
}
