//! WhatsApp Business numbers: the Cloud API, and gateways that keep its shape behind a base URL, a token and a header.
//!
//! A pure translation: the entries of a batch become what happened, and contents become the provider's message objects. It
//! keeps nothing, and it knows nothing of conversations but the keys it names. Facts about the provider follow Meta's
//! published pages (<https://developers.facebook.com/docs/whatsapp/cloud-api>) and its OpenAPI description
//! (<https://github.com/facebook/openapi>); those about gateways follow the On-Premises API's published description.
#![forbid(unsafe_code)]

mod account;
mod api;
mod apps;
mod connection;
mod content;
mod errors;
mod gateway;
mod identity;
mod inbound;
mod interactive;
mod media;
mod message;
mod outbound;
mod settings;
mod signals;
mod status;
mod template_authoring;
mod template_limits;
mod template_news;
mod template_use;
mod templates;
mod windows;

/// The channel.
pub struct WhatsApp;

/// The scheme of a business-scoped user id, for people whose phone number the business does not see. Its scope is the
/// WhatsApp Business Account: the id is unique inside a portfolio, which webhooks do not name.
pub const USER: &str = "whatsapp-user";

sambung_sdk::export_channel! {
    WhatsApp,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
    optional: [templates, template_authoring, media, signals, apps],
}
