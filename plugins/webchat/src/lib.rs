//! Web chat: visitors of a site write through a widget, and see the answers in it.
//!
//! There is no provider. The host serves the widget and takes what visitors write; this plugin says what it means, and puts
//! answers into the visitors' streams.

#![forbid(unsafe_code)]

mod assets;
mod connection;
mod inbound;
mod outbound;
mod settings;
mod windows;

/// The channel.
pub struct Webchat;

sambung_sdk::export_channel! {
    Webchat,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
    optional: [assets],
}
