//! Direct messages of an X account, through the API's second version.
//!
//! A pure translation: deliveries of the Account Activity API and of the X Activity API, and answers of the look-up that
//! stands in for them, become what happened; contents become the provider's requests. It keeps nothing, and posts, mentions
//! and followers are none of its business. Facts about the provider follow its published pages
//! (<https://docs.x.com/x-api/direct-messages>, <https://docs.x.com/x-api/activity>) and its OpenAPI description; those about
//! quick replies and the parts of a message follow the older reference, "Message Create Object".
#![forbid(unsafe_code)]

mod api;
mod apps;
mod chat;
mod connection;
mod content;
mod delivery;
mod errors;
mod inbound;
mod media;
mod message;
mod outbound;
mod people;
mod polled;
mod polling;
mod profiles;
mod quick_replies;
mod reconcile;
mod settings;
mod subscriptions;
mod text;
mod upload;
mod webhooks;
mod windows;

/// The channel.
pub struct X;

/// The scheme of an account's identity. Its number is the same for every app, so its scope is "".
pub const SCHEME: &str = "x-user";

sambung_sdk::export_channel! {
    X,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
    optional: [profiles, media, reconcile, apps, polling],
}
