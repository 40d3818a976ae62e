//! Says that all is well while the provider delivers elsewhere.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};
use sambung_sdk::connection::Health;
use sambung_sdk::types::{Channel, Fault};

struct CheckHides;

impl Guest for CheckHides {
    hooked!(handle_webhook, send, identify, register);

    fn check(channel: Channel) -> Result<Health, Fault> {
        hooked::check(&channel).map(|health| Health { findings: Vec::new(), ..health })
    }
}

guest!(CheckHides, "manifests/hooked.toml");
