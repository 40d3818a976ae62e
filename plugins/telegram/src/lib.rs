//! Telegram bots through the Bot API, by webhook or by polling.
//!
//! A pure translation: an update becomes what happened, and contents become calls of the API. It keeps nothing but which address
//! it registered, and it knows nothing of conversations but the keys it names. Facts about the provider follow the published
//! reference (<https://core.telegram.org/bots/api>, 10.1) and its server's source
//! (<https://github.com/tdlib/telegram-bot-api>).
#![forbid(unsafe_code)]

mod api;
mod callback;
mod connection;
mod content;
mod errors;
mod format;
mod inbound;
mod interactive;
mod media;
mod message;
mod multipart;
mod outbound;
mod place;
mod polling;
mod profiles;
mod rich;
mod service;
mod settings;
mod signals;
mod webhook;
mod windows;

/// The channel.
pub struct Telegram;

/// The scheme of a user's identity; its scope is the bot's id, since a bot reaches only those who began to talk to it.
pub const USER: &str = "telegram-user";
/// The scheme of a chat that writes as itself: a channel, or a group by its anonymous admins.
pub const CHAT: &str = "telegram-chat";

sambung_sdk::export_channel! {
    Telegram,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
    optional: [profiles, media, signals, polling],
}
