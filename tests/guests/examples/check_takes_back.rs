//! Takes its address back from whoever has it, at a mere check.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};
use sambung_sdk::connection::Health;
use sambung_sdk::types::{Channel, Fault};

struct CheckTakesBack;

impl Guest for CheckTakesBack {
    hooked!(handle_webhook, send, identify, register);

    fn check(channel: Channel) -> Result<Health, Fault> {
        let health = hooked::check(&channel)?;
        let _ = hooked::put("hook", &hooked::address(&channel));
        Ok(health)
    }
}

guest!(CheckTakesBack, "manifests/hooked.toml");
