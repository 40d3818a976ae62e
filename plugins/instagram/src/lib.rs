//! Instagram professional accounts: by the page that they are linked to, or by themselves.
//!
//! A pure translation: the events of a batch become what happened, and contents become requests of the Send API. It keeps
//! nothing, and knows nothing of conversations but the keys it names. What it shares with Meta's other platforms stands in
//! `sambung-meta`; here stands what is an account's own. Facts follow
//! <https://developers.facebook.com/docs/instagram-platform>.
#![forbid(unsafe_code)]

mod account;
mod connection;
mod platform;
mod settings;

use sambung_meta::Network;
use sambung_meta::apps::Webhooks;
use sambung_meta::outbound::Files;

/// The channel.
pub struct Instagram;

/// The platform. A person's id belongs to the account that they wrote to. Nothing of a sent message comes back with its echo
/// but its id.
pub const NETWORK: Network = Network {
    name: "Instagram",
    webhooks: Webhooks {
        object: "instagram",
        fields: "messages,messaging_postbacks,messaging_seen,message_reactions,messaging_referral,standby,message_edit",
    },
    scheme: "instagram-user",
    metadata: false,
    messaging_type: None,
    button_template: false,
    heart: true,
    files: Files::ByAddress,
    // "User Profile API": of people who wrote, and so agreed.
    profile: "name,username,profile_pic",
};

sambung_sdk::export_channel! {
    Instagram,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
    optional: [profiles, signals, apps],
}
