//! What Meta's messaging platforms share, so that it exists once: the Graph API and its refusals, the subscriptions of apps, and
//! for those whose accounts belong to pages the envelope of webhooks and the events in it, messages in both directions, pages.
//!
//! A library of plugins and no plugin: it names no host, keeps nothing, and what differs from one platform to the other is
//! told to it by a [`Network`], or by [`Webhooks`] where a platform shares nothing but its apps. Facts follow Meta's published pages
//! (<https://developers.facebook.com/docs/messenger-platform>, <https://developers.facebook.com/docs/instagram-platform>);
//! Meta publishes no machine-readable description of these APIs.
#![forbid(unsafe_code)]

pub mod apps;
pub mod attachment;
pub mod body;
pub mod errors;
pub mod event;
pub mod forms;
pub mod graph;
pub mod interactive;
pub mod message;
pub mod outbound;
pub mod pages;
pub mod profile;
pub mod referral;
pub mod signals;
pub mod usage;
pub mod webhook;
pub mod windows;

use apps::Webhooks;
use outbound::Files;
use sambung_sdk::types::Identity;

/// What tells one platform from another.
pub struct Network {
    /// For people: "Messenger".
    pub name: &'static str,
    /// What its apps are told of.
    pub webhooks: Webhooks,
    /// The scheme of a person's id; its scope is the account that the person wrote to.
    pub scheme: &'static str,
    /// Whether `metadata` of a sent message comes back with its echo, so that it carries the attempt key.
    pub metadata: bool,
    /// What an ordinary message calls itself (`messaging_type`), where the platform wants to be told.
    pub messaging_type: Option<&'static str>,
    /// Whether there is a template of a text with buttons; else links stand on a card.
    pub button_template: bool,
    /// Whether the only sticker is a heart (`like_heart`); else stickers go by their ids.
    pub heart: bool,
    /// How files reach it.
    pub files: Files,
    /// What is asked about a person.
    pub profile: &'static str,
}

/// The scheme of a person whom only a checkbox on a web page named; a message tells later who it was.
pub const USER_REF: &str = "meta-user-ref";

impl Network {
    /// Somebody who wrote to this account.
    pub fn person(&self, account: &str, id: &str) -> Identity {
        Identity::new(self.scheme, account, id)
    }
}

/// The key of a conversation whose person only a checkbox named until now.
pub fn user_ref_key(reference: &str) -> String {
    format!("user_ref:{reference}")
}
