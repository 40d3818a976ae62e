//! Takes the live address away before it sets its own, and leaves it so where the provider refuses that.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};
use sambung_sdk::connection::Connected;
use sambung_sdk::types::{Channel, Fault};

struct RegisterLeavesHalf;

impl Guest for RegisterLeavesHalf {
    hooked!(handle_webhook, send, identify, check);

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        hooked::put("live", "").map_err(|fault| vec![fault])?;
        hooked::register(&channel)
    }
}

guest!(RegisterLeavesHalf, "manifests/hooked.toml");
