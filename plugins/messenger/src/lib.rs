//! Facebook pages: the Messenger Platform.
//!
//! A pure translation: the events of a batch become what happened, and contents become requests of the Send API. It keeps
//! nothing, and knows nothing of conversations but the keys it names. What it shares with Meta's other platforms stands in
//! `sambung-meta`; here stands what is a page's own. Facts follow
//! <https://developers.facebook.com/docs/messenger-platform>.
#![forbid(unsafe_code)]

mod connection;
mod platform;
mod settings;

use sambung_meta::Network;
use sambung_meta::apps::Webhooks;
use sambung_meta::outbound::Files;

/// The channel.
pub struct Messenger;

/// The platform. A person's id belongs to the page that they wrote to.
pub const NETWORK: Network = Network {
    name: "Messenger",
    webhooks: Webhooks {
        object: "page",
        fields: "messages,messaging_postbacks,message_deliveries,message_reads,message_echoes,message_reactions,\
message_edits,messaging_referrals,messaging_optins,messaging_handovers,standby,messaging_policy_enforcement",
    },
    scheme: "messenger-user",
    metadata: true,
    messaging_type: Some("RESPONSE"),
    button_template: true,
    heart: false,
    files: Files::Along,
    // "User Profile API". Without the app's access to profiles the answer is empty.
    profile: "first_name,last_name,name,profile_pic,locale",
};

sambung_sdk::export_channel! {
    Messenger,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
    optional: [profiles, signals, apps],
}
