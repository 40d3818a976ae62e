//! Who a token is: the professional account that a page is linked to, or the account itself.

use crate::settings::{ChannelSettings, Mode};
use sambung_meta::pages;
use sambung_sdk::connection::Account;
use sambung_sdk::json::Value;
use sambung_sdk::types::Fault;
use serde::Deserialize;

/// What is asked about a linked account.
pub const LINKED: &str = "instagram_business_account{id,username,name}";

/// A professional account.
pub struct Profile {
    /// The id that webhooks name.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where what is delivered for it is asked for.
    pub edge: String,
}

#[derive(Deserialize)]
struct Linked {
    id: String,
    #[serde(default)]
    name: String,
    instagram_business_account: Option<Value>,
}

#[derive(Deserialize)]
struct Own {
    /// What webhooks call the account; `id` is the app's word for it.
    user_id: Value,
    username: Option<String>,
    name: Option<String>,
}

/// Asks who the channel's token is.
///
/// # Errors
/// What the provider said, or that the page is linked to no account.
pub fn of(mode: Mode) -> Result<Profile, Fault> {
    let access = mode.access();
    if !mode.by_page() {
        let own: Own = pages::about(&access, "me", "user_id,username,name")?;
        let id = sambung_meta::event::id(&own.user_id)
            .ok_or_else(|| Fault::unavailable("Instagram does not say whose token this is"))?;
        let name = named(own.name.as_deref(), own.username.as_deref(), &id);
        return Ok(Profile { id, name, edge: pages::edge("me") });
    }
    let page: Linked = pages::about(&access, "me", &format!("id,name,{LINKED}"))?;
    let linked = page.instagram_business_account.as_ref().and_then(linked);
    let (id, name) = linked.ok_or_else(|| {
        let words = format!("the page {} is linked to no professional Instagram account", page.name);
        Fault::new("not-found", words).code("not-linked")
    })?;
    Ok(Profile { id, name, edge: pages::edge(&page.id) })
}

/// The id and name of a linked account.
pub fn linked(own: &Value) -> Option<(String, String)> {
    let id = own["id"].as_str()?;
    Some((id.to_owned(), named(own["name"].as_str(), own["username"].as_str(), id)))
}

fn named(name: Option<&str>, username: Option<&str>, id: &str) -> String {
    match (name.filter(|name| !name.is_empty()), username) {
        (Some(name), Some(username)) => format!("{name} (@{username})"),
        (Some(name), None) => name.to_owned(),
        (None, Some(username)) => format!("@{username}"),
        (None, None) => id.to_owned(),
    }
}

impl Profile {
    /// The account that a channel is.
    pub fn account(&self, settings: &ChannelSettings) -> Account {
        pages::account(&self.id, &self.name, settings.human_agent)
    }
}
