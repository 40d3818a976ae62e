//! Does everything right with a provider that is told an address, so that its neighbours here differ by one thing each.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, hooked};

struct Hooked;

impl Guest for Hooked {
    hooked!(handle_webhook, send, identify, register, check);
}

guest!(Hooked, "manifests/hooked.toml");
