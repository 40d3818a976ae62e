//! Has the provider deliver to an address of its author's.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};
use sambung_sdk::connection::Connected;
use sambung_sdk::types::{Channel, Fault};

struct RegisterIgnoresAddress;

impl Guest for RegisterIgnoresAddress {
    hooked!(handle_webhook, send, identify, check);

    fn register(mut channel: Channel) -> Result<Connected, Vec<Fault>> {
        channel.webhook_url = Some("https://author.example/hook".to_owned());
        hooked::register(&channel)
    }
}

guest!(RegisterIgnoresAddress, "manifests/hooked.toml");
