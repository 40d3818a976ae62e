//! Has the provider deliver to its address before anybody knows whose account it is.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};
use sambung_sdk::connection::ConnectStep;
use sambung_sdk::types::{Channel, Fault};

struct IdentifyRegisters;

impl Guest for IdentifyRegisters {
    hooked!(handle_webhook, send, register, check);

    fn identify(channel: Channel) -> Result<ConnectStep, Vec<Fault>> {
        let _ = hooked::put("hook", &hooked::address(&channel));
        hooked::identify(&channel)
    }
}

guest!(IdentifyRegisters, "manifests/hooked.toml");
