//! LINE Official Accounts through the Messaging API.
//!
//! A pure translation: a webhook's events become what happened, and contents become the provider's message objects. It keeps
//! nothing, and it knows nothing of conversations but the keys it names. Facts about the provider follow LINE's published
//! reference (<https://developers.line.biz/en/reference/messaging-api/>) and its OpenAPI description
//! (<https://github.com/line/line-openapi>).
#![forbid(unsafe_code)]

mod api;
mod connection;
mod content;
mod event;
mod inbound;
mod interactive;
mod media;
mod message;
mod outbound;
mod profiles;
mod settings;
mod signals;
mod windows;

/// The channel.
pub struct Line;

/// The scheme of a LINE user's identity; its scope is the account's own user id, since LINE gives the same person another id
/// for each of its providers and never says which provider an account belongs to.
pub const SCHEME: &str = "line-user";

sambung_sdk::export_channel! {
    Line,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
    optional: [profiles, media, signals],
}
